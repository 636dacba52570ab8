"""The arguments of the makers of posteriors and priors."""

from __future__ import annotations

from bayeslayers.contract.arguments import Argument, Coercion

_INITIALIZER = "Keras initializer, its name, or a function of a shape and a dtype: {what}"

MAKER_ARGUMENTS = {
    "weight": Argument("Number between 0 and 1: the probability of the first component."),
    "scales": Argument(
        "Two positive numbers: the standard deviations of the two components.",
        r_default="c(1, exp(-6))",
    ),
    "rank": Argument(
        "Positive whole number: how many directions of the weight vary together. No more than the "
        "weight has numbers.",
        Coercion.WHOLE,
    ),
    "max_size": Argument(
        "Positive whole number: how many numbers a weight may have. A larger one is refused.",
        Coercion.WHOLE,
    ),
    "loc_initializer": Argument(
        _INITIALIZER.format(what="the start of the mean. `None` is Normal(0, 0.1)."),
        Coercion.FUNCTION,
    ),
    "untransformed_scale_initializer": Argument(
        _INITIALIZER.format(
            what="the start of the scale before softplus. `None` is Normal(-3, 0.1), a scale near "
            "0.05."
        ),
        Coercion.FUNCTION,
    ),
    "factor_initializer": Argument(
        _INITIALIZER.format(
            what="the start of the factor. `None` is Normal(0, 0.1). A factor of zeros would stay "
            "there on average."
        ),
        Coercion.FUNCTION,
    ),
}
