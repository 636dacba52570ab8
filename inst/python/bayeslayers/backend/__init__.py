"""The framework below Keras, chosen once at import: all else is written in `keras.ops`.

No other room imports TensorFlow. A framework is a package of this room that has every name of
`INTERFACE`, with the arguments that they have in `backend/tensorflow/`; which modules it keeps them
in is its own affair. A name comes in where `keras.ops` has no such operation, or has one that is
slower or less safe. `choice.SUPPORTED` names the frameworks; each has a branch at the end.
"""

from bayeslayers.backend.choice import require_supported

# Before Keras is imported, which fails in words of its own on a backend that is not installed.
require_supported()

import keras  # noqa: E402

from bayeslayers.backend.classes import ClassDistribution  # noqa: E402, F401
from bayeslayers.backend.common import (  # noqa: E402, F401
    Sliding,
    Stream,
    at_least_single,
    in_single,
    within_range,
)
from bayeslayers.backend.correlated import LowRank, Triangular  # noqa: E402, F401
from bayeslayers.backend.libraries import (  # noqa: E402, F401
    is_of_other_library,
    name_of_library,
)
from bayeslayers.backend.marginals import MarginalCdf  # noqa: E402, F401

INTERFACE = {
    # Operations.
    "cast": "Tensors in a dtype; those that are in it already as they are.",
    "matmul": "Matrix product.",
    "conv": "Convolution of any rank, channels last.",
    "conv_transpose": "Transposed convolution of any rank, channels last.",
    "add_bias": "Add a number per channel, the last dimension.",
    "saturating_cast": "Cast, with the largest number of the dtype in place of larger ones.",
    "finite_when_trained_on": "Refuse to take the gradient of a value that is not finite.",
    "is_sparse": "Whether a value is a sparse tensor, or stands for one in the functional API.",
    "has_values": "Whether the values of a tensor are known: not while a function is compiled.",
    "has_gpu": "Whether there is a device that sums float16 in single precision.",
    "kl_from_standard_normal": "The divergence of normals from standard ones, summed over all.",
    "scale_and_kl": "Smallest scale plus softplus, and the divergence of normals of that scale.",
    "softplus": "log(1 + exp(x)), to the precision of the dtype.",
    # Dtypes.
    "native_dtype": "The framework's own dtype of a name, which users' functions are handed.",
    "dtype_name": "The name of one of the framework's dtypes; `None` for everything else.",
    "dtype_hint": "How a dtype comes to be computed in; `None` for one that is already.",
    # Random numbers.
    "fold_in": "The seed that follows from a seed and a whole number.",
    "standard_normal": "Standard normal draws of a shape and a dtype, from a seed.",
    "weight_noise": "Standard normal draws for a weight, whose shape is the same in every call.",
    "random_signs": "Draws of +1 and -1 of a shape and a dtype, from a seed.",
    "SeedStream": "A generator of seeds that threads and replicas share without a collision.",
    # Variables.
    "StateHolder": "A number that compiled steps follow, and that Keras counts among no weights.",
    "lasting_variables": "Context in which variables are made that outlive a graph being traced.",
    "native_variable": "What the distribution library follows as the value of a Keras variable.",
    "variables_read_by": "The framework's trainable variables that a function reads.",
    "given_variables": "The Keras variables that a distribution keeps the first values of.",
    "as_keras_variable": "A Keras variable that shares one of the framework's variables.",
    # Distributions. The library is imported when one of these is first called.
    "distribution_library": "TensorFlow Probability, as the framework has it.",
    "library_class": "The class of TensorFlow Probability at a path, or what says what to use.",
    "new_distribution": "A distribution, by the names of its family and its parameters in TFP.",
    "family_and_parameters": "What `new_distribution` takes; `None` of what it can't make anew.",
    "independent_normal": "Independent normals of a mean and a scale, in that many dimensions.",
    "independent_point": "All mass on one value, in that many independent dimensions.",
    "correlated_normal": "A mean plus a scale times correlated normals, over tensors of any shape.",
    "normal": "The normal distribution of a mean and a scale.",
    "is_independent_normal": "Whether a distribution is of the kind `independent_normal` makes.",
    "normal_parameters": "Mean and scale of independent normals, as tensors.",
    "computed_from": "What a function returns of a variable, computed whenever it is read.",
    "kl_divergence": "The divergence of a pair of distributions that has a closed form.",
    "foreign_variables": "What a function makes, and the variables in it that are not known.",
    "draw_shape": "The sizes of a draw; `None` where one, or how many there are, is not known.",
    "distribution_method": "The method of that name that all distributions have.",
    "method_of": "A distribution's method of that name, whatever the library calls it.",
    "with_seeds": "A distribution whose `sample` takes its seeds from a stream.",
    # Distributions that stand for a tensor.
    "to_coercible": "A distribution that stands for a tensor wherever one is needed.",
    "inner_distribution": "The distribution alone, which stands for no tensor.",
    "tensor_of": "The tensor that a distribution stands for.",
    "distribution_behind": "The distribution of a tensor that Keras made to infer shapes.",
    "with_present_values": "A layer, as a function of the values that its variables have now.",
    # Outcomes of the distribution that a model ends in.
    "sample_with": "One draw from a distribution, from a seed.",
    "log_prob_by_example": "The log-probability of each example's target, over its dimensions.",
    "class_distribution": "The `ClassDistribution` that a distribution is, or consists of.",
    "marginal_cdf": "The cdf of each number of an outcome as a `MarginalCdf`, or `None`.",
    "sum_over_draws": "A function's sum over draws, in double precision.",
    "widened": "A distribution with a multiple of its scale, or a part of its logits; or `None`.",
    # Functions that call a model.
    "compiled": "A function that is compiled once for all arguments of some specifications.",
    "map_draws": "What a function makes of each seed, one after the other.",
    "result_shapes": "The shapes of all that a function would compute for each example.",
    "pullback": "What a function makes of tensors, and what takes gradients back to them.",
    "uncompiled": "A function that a step calls as it is where it is compiled piece by piece.",
    # The functions that a model computes the steps of `fit()` with.
    "step_with_numbers": "The function of a step with another number in some state holders.",
    "step_with_variables": "The function of a step that updates variables besides the model's.",
    "step_with_logs": "The function of a step that returns other logs.",
    "of_any_size": "What a function returns, for any number of examples too, of which Keras asks.",
    # What a model takes.
    "OPERATION_ERRORS": "The errors of the framework where values can't become tensors.",
    "is_ragged": "Whether a value is a ragged tensor.",
    "sparse_entries": "Indices, values and shape of a sparse tensor.",
    "sparse_tensor": "The sparse tensor of indices, values and a shape.",
    "tensor_specification": "The specification of a dense tensor.",
    "specification": "The specification of a tensor, of any number of examples.",
    "common_specification": "The specification that tensors of two specifications meet.",
}
"""Every name that a framework must have, and what it promises."""

if keras.backend.backend() == "tensorflow":
    from bayeslayers.backend.tensorflow import *  # noqa: F403
elif keras.backend.backend() == "jax":
    from bayeslayers.backend.jax import *  # type: ignore[assignment]  # noqa: F403
else:
    from bayeslayers.backend.torch import *  # type: ignore[assignment]  # noqa: F403
