"""The arguments that only einsum and attention layers have."""

from __future__ import annotations

from bayeslayers.contract.arguments import Argument, Coercion

EINSUM_ARGUMENTS = {
    "equation": Argument(
        'The axes of inputs, kernel and outputs, a letter for each, such as "abc,cd->abd". As in '
        'Keras\'s layer, `...` may stand for the first axes, as in "...b,bc->...c", or for the '
        'last, as in "ab...,bc->ac...". Inputs and outputs begin with the batch.'
    ),
    "output_shape": Argument(
        "Positive whole number, or a list of them: the sizes of the outputs' axes, without the "
        "batch and without what `...` stands for. Those that the inputs have, too, may be `None`.",
        Coercion.SHAPE,
    ),
    "bias_axes": Argument(
        "Letters of the outputs in `equation`, without the batch: the axes along which the bias "
        "varies. With `None` there is no bias, and the arguments of the bias have no effect."
    ),
    "num_heads": Argument("Positive whole number: how many heads there are.", Coercion.WHOLE),
    "key_dim": Argument(
        "Positive whole number: how many channels queries and keys have in each head.",
        Coercion.WHOLE,
    ),
    "value_dim": Argument(
        "Positive whole number: how many channels values have in each head. With `None` these are "
        "`key_dim`.",
        Coercion.WHOLE,
    ),
    "head_dim": Argument(
        "Positive whole number: how many channels there are in each head.", Coercion.WHOLE
    ),
    "num_query_heads": Argument(
        "Positive whole number: how many heads the query has.", Coercion.WHOLE
    ),
    "num_key_value_heads": Argument(
        "Positive whole number that divides `num_query_heads`: how many heads keys and values "
        "have. As many heads of the query share each of them.",
        Coercion.WHOLE,
    ),
    "attention_axes": Argument(
        "Whole numbers: the axes of the inputs that attention goes over, where the batch is axis "
        "0. With `None` these are all axes but the batch and the channels.",
        Coercion.WHOLE,
    ),
    "flash_attention": Argument(
        "`True`, `False` or `None`: whether the backend computes attention in blocks, which it may "
        "not be able to. With `None` that is as `keras.config` says. `True` excludes dropout and "
        "scores."
    ),
    "sliding_window": Argument(
        "Positive whole number: a position attends to those less than so many places from it. With "
        "`None` it attends to all.",
        Coercion.WHOLE,
    ),
}
