"""What the arguments mean that only layers have whose output is a distribution."""

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
        "Layer whose output is a distribution, or a function that returns one: the distribution of "
        "a component, of its parameters in the last dimension.",
        Coercion.FUNCTION,
    ),
    "component_params_size": Argument(
        "Positive whole number: how many parameters one component has.",
        Coercion.WHOLE,
    ),
    "sample_dtype": Argument(
        'Dtype of the draws, such as "int32". With `None` it is that of the parameters.'
    ),
    "initial_scale": Argument(
        "Positive number: the standard deviation where training starts, in the unit of the outcome."
    ),
    "distribution_b": Argument(
        "The prior: a distribution, a function without arguments that returns one, or a Keras "
        "model that does.",
        Coercion.FUNCTION,
    ),
    "use_exact_kl": Argument(
        "`True` or `False`: whether the divergence is computed in closed form; else it is "
        "estimated from `test_points_fn`."
    ),
    "test_points_reduce_axis": Argument(
        "Whole numbers: the axes that the estimate is averaged over, before all that is left is "
        "summed. With `None` it is all axes; an empty list averages over none.",
        Coercion.WHOLE,
    ),
    "test_points_fn": Argument(
        "Function of the distribution that returns the points at which the divergence is "
        "estimated. The default is the tensor that it stands for, which is a draw.",
        Coercion.FUNCTION,
        "tf$convert_to_tensor",
    ),
    "weight": Argument("Number from 0 that the divergence is multiplied by. With `None` it is 1."),
    "num_inducing_points": Argument(
        "Positive whole number: how many points the process is known by.",
        Coercion.WHOLE,
    ),
    "kernel_provider": Argument(
        "Keras layer with a property `kernel`, a kernel of TensorFlow Probability made of the "
        "layer's variables."
    ),
    "inducing_index_points_initializer": Argument(
        "Keras initializer of the inducing points, its name, or a function of a shape and a "
        'dtype. With `None` it is "glorot_uniform", which suits inputs of mean 0 and standard '
        "deviation 1.",
        Coercion.FUNCTION,
    ),
    "unconstrained_observation_noise_variance_initializer": Argument(
        "Keras initializer of the noise's variance before softplus, its name, or a function of a "
        "shape and a dtype. With `None` it starts at -10, a variance of 4.5e-5.",
        Coercion.FUNCTION,
    ),
    "mean_fn": Argument(
        "Function of the inputs that returns the mean of the process there. With `None` the mean "
        "is one number for all inputs, which is trained.",
        Coercion.FUNCTION,
    ),
    "jitter": Argument(
        "Positive number that is added to the diagonals of covariances, so that they can be "
        "factorized."
    ),
}
