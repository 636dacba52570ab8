"""The arguments of the functions of distributions."""

from __future__ import annotations

from bayeslayers.contract.arguments import Argument, Coercion
from bayeslayers.contract.bijector_arguments import BIJECTOR_ARGUMENTS

DISTRIBUTION_ARGUMENTS = {
    "distribution": Argument(
        "A distribution of the library that belongs to the backend: TensorFlow Probability on "
        "TensorFlow and on JAX, `torch.distributions` on PyTorch."
    ),
    "sample_shape": Argument(
        "Whole number, or several: the shape of the sample, to which the distribution's own shape "
        "is appended.",
        Coercion.SHAPE,
    ),
    "**kwargs": Argument(
        "Further arguments of the distribution's method of that name, such as `name`."
    ),
    "value": Argument("A tensor, an array or a number: where to evaluate the distribution."),
    "other": Argument("The distribution to compare with."),
    # Most constructors have these.
    "loc": Argument("Location: number, array or tensor."),
    "scale": Argument("Positive scale: number, array or tensor."),
    "df": Argument("Positive degrees of freedom: number, array or tensor."),
    "skewness": Argument("Skewness. `None` is 0."),
    "tailweight": Argument("Weight of the tails, positive. `None` is 1."),
    "concentration": Argument("Positive concentration: number, array or tensor."),
    "concentration1": Argument("First positive shape: number, array or tensor."),
    "concentration0": Argument("Second positive shape: number, array or tensor."),
    "mixing_concentration": Argument("Positive shape of the distribution of the rate."),
    "mixing_rate": Argument("Positive rate of the distribution of the rate."),
    "power": Argument("Positive exponent: number, array or tensor."),
    "low": Argument("Lower bound: number, array or tensor."),
    "high": Argument("Upper bound: number, array or tensor."),
    "peak": Argument("Most likely value: number, array or tensor."),
    "temperature": Argument("Positive temperature: number, array or tensor."),
    # Rates and their logarithms.
    "rate": Argument(
        "Positive rate: number, array or tensor. Give this or `log_rate`, where there is one."
    ),
    "log_rate": Argument("Logarithm of the rate."),
    "log_scale": Argument("Logarithm of the scale. Give either this or `scale`."),
    "rate1": Argument(
        "Positive rate of the first Poisson variable. Give either this or `log_rate1`."
    ),
    "rate2": Argument(
        "Positive rate of the second Poisson variable. Give either this or `log_rate2`."
    ),
    "log_rate1": Argument("Logarithm of `rate1`."),
    "log_rate2": Argument("Logarithm of `rate2`."),
    # Counts and classes.
    "probs": Argument("Probabilities. Give either these or `logits`."),
    "logits": Argument(
        "Logarithms of odds, or of probabilities up to a constant. Give either these or `probs`."
    ),
    "probits": Argument(
        "Quantiles of the normal distribution at `probs`. Give either these or `probs`."
    ),
    "total_count": Argument("Number of trials: number, array or tensor."),
    "outcomes": Argument("The numbers that may be drawn, in increasing order."),
    "samples": Argument("The samples, over their last dimension."),
    "scores": Argument("Positive scores of the items, one each."),
    "atol": Argument("Absolute tolerance: numbers within it count as equal. `None` is 0."),
    "rtol": Argument("Relative tolerance: numbers within it count as equal. `None` is 0."),
    "interpolate_nondiscrete": Argument(
        "`True` or `False`: whether the formula is evaluated for numbers that are not whole, or "
        "their probability is 0."
    ),
    "force_probs_to_zero_outside_support": Argument(
        "`True` or `False`: whether numbers that are not whole have probability 0, or the formula "
        "is evaluated for them."
    ),
    "sample_maximum_iterations": Argument(
        "Whole number: how many rounds of rejections there are at most in a draw.", Coercion.WHOLE
    ),
    "quadrature_size": Argument("Whole number: how many points there are.", Coercion.WHOLE),
    "quadrature_fn": Argument(
        "Function of `loc`, `scale`, `quadrature_size` and `validate_args` that returns points and "
        "weights.",
        Coercion.FUNCTION,
    ),
    # Vectors and matrices.
    "scale_diag": Argument("Standard deviations, one for each dimension."),
    "scale_identity_multiplier": Argument(
        "Number that is added to each standard deviation, or a tensor of the shape of the batch. "
        "Without `scale_diag` it is the standard deviation."
    ),
    "scale_tril": Argument(
        "Lower triangular matrix with positive diagonal. `None` is the identity."
    ),
    "scale_perturb_factor": Argument("Matrix of as many rows as a vector has numbers."),
    "scale_perturb_diag": Argument(
        "Vector of as many numbers as `scale_perturb_factor` has columns."
    ),
    "covariance_matrix": Argument("Positive definite matrix. `None` is the identity."),
    "mean_direction": Argument("Vector of length 1: the direction around which draws lie."),
    "dimension": Argument("Whole number: how many numbers a vector has.", Coercion.WHOLE),
    "input_output_cholesky": Argument(
        "`True` or `False`: whether matrices are given by their Cholesky factors."
    ),
    "mix_loc": Argument("Location of the weights of the mixture."),
    # What distributions are made of.
    "distributions": Argument("List of distributions of numbers or vectors."),
    "dtype_override": Argument("Dtype of the joint distribution, where those of the parts differ."),
    "reinterpreted_batch_ndims": Argument(
        "How many of the last dimensions of the batch become one event. `None` is all but the "
        "first.",
        Coercion.WHOLE,
    ),
    "batch_shape": Argument(
        "Whole number, or several: how many distributions there are.", Coercion.SHAPE
    ),
    "event_shape": Argument(
        "Whole number, or several: the shape of one draw. The draws of `distribution`, which must "
        "be of single numbers, are independent there before they are transformed.",
        Coercion.SHAPE,
    ),
    "cat": Argument("Categorical distribution of the components."),
    "components": Argument("List of distributions, as many as `cat` has classes."),
    "mixture_distribution": Argument("Categorical distribution of the components."),
    "components_distribution": Argument(
        "Distribution whose last batch dimension runs over the components."
    ),
    "reparameterize": Argument("`True` or `False`: whether gradients pass through samples."),
    "kwargs_split_fn": Argument(
        "Function that splits further arguments between distribution and bijector. With `None` it "
        "is TensorFlow Probability's own.",
        Coercion.FUNCTION,
    ),
    "distribution_fn": Argument(
        "Function of a tensor that returns a distribution of tensors of its shape.",
        Coercion.FUNCTION,
    ),
    "sample0": Argument("First input of `distribution_fn`. `None` is 0."),
    "model": Argument(
        "List, or named list, of distributions, and of functions that return a distribution from "
        "the draws of others.",
        Coercion.CLOSURES,
    ),
    "batch_ndims": Argument(
        "Whole number: how many dimensions of the batch the distributions have in common.",
        Coercion.WHOLE,
    ),
    "use_vectorized_map": Argument(
        "`True` or `False`: whether draws of a batch are computed at once, or one by one."
    ),
    # Processes.
    "kernel": Argument("Kernel of TensorFlow Probability, of its module `tfp.math.psd_kernels`."),
    "index_points": Argument("Points at which the process is evaluated, one in each row."),
    "mean_fn": Argument(
        "Function of points that returns a number for each. `None` is 0.", Coercion.FUNCTION
    ),
    "observation_noise_variance": Argument("Variance of the noise of the observations."),
    "predictive_noise_variance": Argument(
        "Variance of the noise of the predictions. `None` is `observation_noise_variance`."
    ),
    "jitter": Argument("Small number that is added to the diagonal of a covariance."),
    "observation_index_points": Argument("Points of the observations, one in each row."),
    "observations": Argument("The observations, a number for each of their points."),
    "inducing_index_points": Argument("Inducing points, one in each row."),
    "variational_inducing_observations_loc": Argument("Means of the values at inducing points."),
    "variational_inducing_observations_scale": Argument(
        "Matrix: a factor of the covariance of the values at inducing points."
    ),
    "num_timesteps": Argument("Whole number: how many times there are.", Coercion.WHOLE),
    "transition_matrix": Argument(
        "Matrix, or a function of the time that returns a linear operator.", Coercion.CLOSURES
    ),
    "transition_noise": Argument(
        "Multivariate normal distribution, or a function of the time that returns one.",
        Coercion.CLOSURES,
    ),
    "observation_matrix": Argument(
        "Matrix, or a function of the time that returns a linear operator.", Coercion.CLOSURES
    ),
    "observation_noise": Argument(
        "Multivariate normal distribution, or a function of the time that returns one.",
        Coercion.CLOSURES,
    ),
    "initial_state_prior": Argument("Multivariate normal distribution of the first state."),
    "initial_step": Argument("Whole number: the first time.", Coercion.WHOLE),
    "initial_distribution": Argument("Categorical distribution of the first state."),
    "transition_distribution": Argument(
        "Categorical distributions of the next state, one for each state."
    ),
    "observation_distribution": Argument("Distributions of the observations, one for each state."),
    "num_steps": Argument("Whole number: how many steps there are.", Coercion.WHOLE),
    # Images.
    "image_shape": Argument("Height, width and channels.", Coercion.SHAPE),
    "conditional_shape": Argument(
        "Shape of the input on which the images depend. `None` for none.", Coercion.SHAPE
    ),
    "num_resnet": Argument("Whole number: layers in a block.", Coercion.WHOLE),
    "num_hierarchies": Argument("Whole number: blocks.", Coercion.WHOLE),
    "num_filters": Argument("Whole number: filters of a convolution.", Coercion.WHOLE),
    "num_logistic_mix": Argument("Whole number: components of the mixture.", Coercion.WHOLE),
    "receptive_field_dims": Argument("Height and width of the convolutions.", Coercion.SHAPE),
    "dropout_p": Argument("Share of the units that are dropped in training."),
    "resnet_activation": Argument('`"concat_elu"`, `"elu"` or `"relu"`.'),
    "use_weight_norm": Argument("`True` or `False`: whether weights are normalized."),
    "use_data_init": Argument("`True` or `False`: whether the first batch sets the first weights."),
    # Nearly all have these.
    "dtype": Argument("Dtype of the samples."),
    "validate_args": Argument(
        "`True` or `False`: whether values are checked in each computation, which takes time."
    ),
    "allow_nan_stats": Argument(
        "`True` or `False`: whether a statistic that is not defined is NaN or an error."
    ),
    "parameters": Argument("Named list of the arguments of a subclass, or `None`."),
    "name": Argument("Name in the graph, where the backend has one."),
    **BIJECTOR_ARGUMENTS,
}
