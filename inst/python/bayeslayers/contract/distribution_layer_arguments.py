"""The arguments that only layers whose output is a distribution have."""

from __future__ import annotations

from bayeslayers.contract.arguments import Argument, Coercion

DISTRIBUTION_LAYER_ARGUMENTS = {
    "event_size": Argument(
        "Positive whole number: how many numbers one outcome has.",
        Coercion.WHOLE,
    ),
    "num_components": Argument(
        "Positive whole number: how many components the mixture has.",
        Coercion.WHOLE,
    ),
    "component_layer": Argument(
        "Layer whose output is a distribution, or a function that returns one. It is called on the "
        "parameters of the components, and returns their distribution.",
        Coercion.FUNCTION,
    ),
    "component_params_size": Argument(
        "Positive whole number: how many parameters one component has.",
        Coercion.WHOLE,
    ),
    "sample_dtype": Argument(
        'Dtype of the draws, such as "int32". With `None` it is the dtype of the parameters.'
    ),
    "initial_scale": Argument(
        "Positive number: the standard deviation before training, in the unit of the outcome."
    ),
    "distribution_b": Argument(
        "The prior: a distribution, a function without arguments that returns one, or a Keras "
        "model whose output is one.",
        Coercion.FUNCTION,
    ),
    "use_exact_kl": Argument(
        "`True` or `False`: whether the divergence is computed in closed form. Otherwise it is "
        "estimated at the points that `test_points_fn` returns."
    ),
    "test_points_reduce_axis": Argument(
        "Whole numbers: the axes over which the estimate is averaged; the rest is summed. With "
        "`None` these are all axes, with an empty list none.",
        Coercion.WHOLE,
    ),
    "test_points_fn": Argument(
        "Function of the distribution that returns the points at which the divergence is "
        "estimated. The default returns the distribution's tensor, which is a draw.",
        Coercion.FUNCTION,
        "tf$convert_to_tensor",
    ),
    "weight": Argument("Factor of the divergence: a number from 0. With `None` it is 1."),
    "num_inducing_points": Argument(
        "Positive whole number: how many inducing points describe the process.",
        Coercion.WHOLE,
    ),
    "kernel_provider": Argument(
        "Keras layer with a property `kernel`, which returns a kernel of TensorFlow Probability "
        "made of the layer's variables."
    ),
    "inducing_index_points_initializer": Argument(
        "Keras initializer of the inducing points, its name, or a function of a shape and a "
        'dtype. With `None` it is "glorot_uniform", which suits inputs of mean 0 and standard '
        "deviation 1.",
        Coercion.FUNCTION,
    ),
    "unconstrained_observation_noise_variance_initializer": Argument(
        "Keras initializer of v, of which softplus makes the variance of the noise; its name, or "
        "a function of a shape and a dtype. With `None` v starts at -10, a variance of 4.5e-5.",
        Coercion.FUNCTION,
    ),
    "mean_fn": Argument(
        "Function of the inputs that returns the mean of the process at these inputs. With `None` "
        "the mean is one number for all inputs, which is trained.",
        Coercion.FUNCTION,
    ),
    "jitter": Argument(
        "Positive number that is added to the diagonals of covariance matrices, so that they can "
        "be factorized."
    ),
}
