"""The arguments of the functions of distributions."""

from __future__ import annotations

from bayeslayers.contract.arguments import Argument, Coercion

DISTRIBUTION_ARGUMENTS = {
    "distribution": Argument(
        "A distribution of the library that goes with the backend: TensorFlow Probability on "
        "TensorFlow and on JAX, `torch.distributions` on PyTorch."
    ),
    "sample_shape": Argument(
        "Whole number, or several: the shape of the sample, in front of the "
        "distribution's own shape.",
        Coercion.SHAPE,
    ),
    "**kwargs": Argument(
        "Further arguments of the distribution's method of that name, such as `name`."
    ),
    "value": Argument("A tensor, an array or a number: where to evaluate the distribution."),
    "other": Argument("The distribution to compare with."),
    "name": Argument("Name in the graph, where the backend has one."),
    "loc": Argument("Location: number, array or tensor."),
    "scale": Argument("Positive scale: number, array or tensor."),
    "df": Argument("Positive degrees of freedom: number, array or tensor."),
    "atol": Argument("How far from `loc` still counts as `loc`. `None` is 0."),
    "rtol": Argument("The same, relative to `loc`. `None` is 0."),
    "probs": Argument("Probabilities. Give either these or `logits`."),
    "logits": Argument(
        "Logarithms of odds, or of probabilities up to a constant; or give `probs`."
    ),
    "rate": Argument("Positive mean: number, array or tensor. Give either this or `log_rate`."),
    "log_rate": Argument("Logarithm of the mean."),
    "total_count": Argument("Positive number of failures until which successes are counted."),
    "scale_diag": Argument("Standard deviations, one for each dimension."),
    "scale_identity_multiplier": Argument(
        "Number that is added to each standard deviation, or a tensor of the shape of the batch. "
        "Without `scale_diag` it is the standard deviation."
    ),
    "interpolate_nondiscrete": Argument(
        "`True` or `False`: whether the formula is evaluated for numbers that are not whole, or "
        "their probability is 0."
    ),
    "batch_shape": Argument(
        "Whole number, or several: how many distributions there are. For a `distribution` without "
        "a batch.",
        Coercion.WHOLE,
    ),
    "event_shape": Argument(
        "Whole number, or several: the shape of one draw. The draws of `distribution`, which must "
        "be of single numbers, are independent there before they are transformed.",
        Coercion.WHOLE,
    ),
    "scale_tril": Argument(
        "Lower triangular matrix with positive diagonal. `None` is the identity."
    ),
    "reinterpreted_batch_ndims": Argument(
        "How many of the last dimensions of the batch become one event. `None` is all but the "
        "first.",
        Coercion.WHOLE,
    ),
    "mixture_distribution": Argument("Categorical distribution of the components."),
    "components_distribution": Argument(
        "Distribution whose last batch dimension runs over the components."
    ),
    "reparameterize": Argument("`True` or `False`: whether gradients pass through samples."),
    "bijector": Argument("A TensorFlow Probability bijector."),
    "kwargs_split_fn": Argument(
        "Function that splits further arguments between distribution and bijector. With `None` "
        "TensorFlow Probability's own.",
        Coercion.FUNCTION,
    ),
    "parameters": Argument("Named list of the arguments that a subclass was made with, or `None`."),
    "shift_and_log_scale_fn": Argument(
        "Function of a tensor that returns shift and logarithm of the scale of each entry, from "
        "the entries before it; such as the layer of `layer_autoregressive()`.",
        Coercion.FUNCTION,
    ),
    "is_constant_jacobian": Argument(
        "`True` or `False`: whether the Jacobian is the same everywhere, as without a log scale."
    ),
    "unroll_loop": Argument("`True` or `False`: whether the loop over entries is unrolled."),
    "event_ndims": Argument("Whole number: how many dimensions an event has.", Coercion.WHOLE),
    "dtype": Argument("Dtype of the samples."),
    "validate_args": Argument(
        "`True` or `False`: whether arguments are checked at run time, which takes time."
    ),
    "allow_nan_stats": Argument(
        "`True` or `False`: whether a statistic that is not defined is NaN, rather than an error."
    ),
}
