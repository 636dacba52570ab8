"""The arguments of layers."""

from __future__ import annotations

from bayeslayers.contract.arguments import Argument, Coercion
from bayeslayers.contract.distribution_layer_arguments import DISTRIBUTION_LAYER_ARGUMENTS
from bayeslayers.contract.einsum_arguments import EINSUM_ARGUMENTS
from bayeslayers.contract.weight_arguments import WEIGHT_ARGUMENTS

_MAKER = (
    "Function of `(kernel_size, bias_size, dtype)`, the numbers of weights in the kernel and in "
    "the bias, that returns the {what}: a Keras model, a layer, or a function with variables. What "
    "it returns is called on the layer's inputs, and returns a distribution over vectors of all "
    "`kernel_size + bias_size` weights: those of the kernel row by row, and then the bias."
)


LAYER_ARGUMENTS = {
    "object": Argument(
        "What to compose the layer with. A Keras 3 `Sequential` model: the layer is "
        "added to it and "
        "the model is returned. A tensor, an array, or a list of them: the layer is "
        "called on it and "
        "its output is returned. Missing or `None`: the layer itself is returned."
    ),
    "filters": Argument(
        "Positive whole number: how many output channels there are.", Coercion.WHOLE
    ),
    "kernel_size": Argument(
        "Positive whole number, or a list of {rank}: how many positions the window has.",
        Coercion.WHOLE,
    ),
    "strides": Argument(
        "Positive whole number, or a list of {rank}: how far the window moves from one "
        "output to the "
        "next. Must be 1 where `dilation_rate` is above 1.",
        Coercion.WHOLE,
    ),
    "padding": Argument(
        'One of "valid" (no padding), "same" (zeros on both sides, so that strides of 1 keep the '
        'length) and, in a convolution of one dimension that is not transposed, "causal" (zeros in '
        "front, so that no output sees a later "
        "input); in upper or lower case."
    ),
    "data_format": Argument(
        'One of "channels_last" and "channels_first": where the channels stand in the shapes of '
        "inputs and outputs. Both run on every device."
    ),
    "dilation_rate": Argument(
        "Positive whole number, or a list of {rank}: the distance between the positions "
        "of the window. "
        "Must be 1 where `strides` is above 1.",
        Coercion.WHOLE,
    ),
    "units": Argument("Positive whole number: how many output channels there are.", Coercion.WHOLE),
    "depth_multiplier": Argument(
        "Positive whole number: how many output channels each input channel has.", Coercion.WHOLE
    ),
    "input_dim": Argument(
        "Positive whole number: how many members the vocabulary has.", Coercion.WHOLE
    ),
    "output_dim": Argument(
        "Positive whole number: how many output channels there are.", Coercion.WHOLE
    ),
    "mask_zero": Argument(
        "`True` or `False`: whether an input of 0 is padding, which a mask tells later layers to "
        "ignore."
    ),
    "recurrent_activation": Argument(
        "Name of a Keras activation, or a function of one tensor, applied to the gates. With "
        "`None` there is none.",
        Coercion.FUNCTION,
    ),
    "unit_forget_bias": Argument(
        "`True` or `False`: whether the bias of the forget gate starts higher by 1, where there is "
        "a bias: the mean of its posterior starts at its initializer plus 1. Posterior and prior "
        "are those of the bias as it is used. With a `bias_posterior_fn` of your own this holds "
        "for a variable of the shape of the bias whose name is `name` followed by `_loc`; any "
        "other variable starts at its own initializer."
    ),
    "reset_after": Argument(
        "`True` or `False`: whether the reset gate multiplies the product of the recurrent kernel "
        "and the state, or the state itself before that product."
    ),
    "dropout": Argument(
        "Number from 0 to below 1: the share of the input channels that is left out in training. "
        "The same channels are left out at all steps."
    ),
    "recurrent_dropout": Argument(
        "Number from 0 to below 1: the share of the state's units that is left out in training "
        "where the recurrent kernel multiplies the state. The same units are left out at all "
        "steps."
    ),
    "return_sequences": Argument(
        "`True` or `False`: whether the outputs of all steps are returned, or that of the last."
    ),
    "return_state": Argument(
        "`True` or `False`: whether the last state is returned as well, in a list of outputs and "
        "states."
    ),
    "go_backwards": Argument(
        "`True` or `False`: whether the steps are taken from the last to the first."
    ),
    "stateful": Argument(
        "`True` or `False`: whether a call begins with the last state of the call before. It needs "
        "a fixed batch size; `reset_state()` sets the state to zero."
    ),
    "unroll": Argument(
        "`True` or `False`: whether the loop over steps is written out, which is faster for few "
        "steps and takes more memory."
    ),
    "zero_output_for_mask": Argument(
        "`True` or `False`: whether the outputs of masked steps are zero, or repeat those of the "
        "step before. It matters where the outputs of all steps are returned."
    ),
    "output_padding": Argument(
        "Whole number below `strides`, or a list of {rank}: how many positions are "
        "added at the end "
        "of the outputs. With `None` the length follows from the other arguments.",
        Coercion.WHOLE,
    ),
    "groups": Argument(
        "Positive whole number that divides `filters` and the number of input channels: "
        "the channels "
        "are split into so many groups, which are convolved apart.",
        Coercion.WHOLE,
    ),
    "activation": Argument(
        "Name of a Keras activation, or a function of one tensor, applied to the outputs. With "
        "`None` there is none.",
        Coercion.FUNCTION,
    ),
    "activity_regularizer": Argument(
        "Keras regularizer, its name, or a function of one tensor that returns a number: a penalty "
        "on the outputs, which Keras divides by the number of examples and adds to the losses. "
        "With `None` there is none.",
        Coercion.FUNCTION,
    ),
    "trainable": Argument("`True` or `False`: whether the layer's variables are trained."),
    "ensemble_size": Argument(
        "Positive whole number: how many members the ensemble has. Each has its own factors and "
        "its own bias.",
        Coercion.WHOLE,
    ),
    **WEIGHT_ARGUMENTS,
    "params": Argument(
        "Positive whole number, which may stand in a list: how many parameters each variable has.",
        Coercion.WHOLE,
    ),
    "event_shape": Argument(
        "Positive whole number, which may stand in a list: how many variables there are. With "
        "`None` it is the size of the inputs' last dimension.",
        Coercion.WHOLE,
    ),
    "hidden_units": Argument(
        "Positive whole numbers: how many units each hidden layer has. With `None` there is no "
        "hidden layer.",
        Coercion.WHOLE,
    ),
    "input_order": Argument(
        'One of "left-to-right", "right-to-left" and "random", or the place of each variable in '
        "the order, from 1: with 2, 1, 3 the second variable comes first.",
        Coercion.WHOLE,
    ),
    "hidden_degrees": Argument(
        'One of "equal" (spread evenly over the places) and "random", or a list with the degrees '
        "of the units of each hidden layer: whole numbers from 0 to below the number of variables. "
        "A unit of degree 0 sees no variable.",
        Coercion.WHOLE,
    ),
    "use_bias": Argument("`True` or `False`: whether the layer has a bias."),
    "validate_args": Argument(
        "`True` or `False`. It has no effect: the arguments are always checked."
    ),
    "conditional": Argument(
        "`True` or `False`: whether the layer is called with a `conditional_input`."
    ),
    "conditional_event_shape": Argument(
        "Positive whole number, which may stand in a list: the size of `conditional_input`. Must "
        "be given where `conditional` is `True`.",
        Coercion.WHOLE,
    ),
    "conditional_input_layers": Argument(
        'One of "all_layers" (every layer sees `conditional_input`) and "first_layer" (the others '
        "see it through the first layer; where no hidden unit has degree 0, the first variable in "
        "the order then does not depend on it)."
    ),
    "kernel_initializer": Argument(
        "Keras initializer of the kernels, its name, or a function of a shape and a dtype.",
        Coercion.FUNCTION,
    ),
    "bias_initializer": Argument(
        "Keras initializer of the biases, its name, or a function of a shape and a dtype.",
        Coercion.FUNCTION,
    ),
    "kernel_regularizer": Argument(
        "Keras regularizer of the kernels, its name, or a function of one tensor.",
        Coercion.FUNCTION,
    ),
    "bias_regularizer": Argument(
        "Keras regularizer of the biases, its name, or a function of one tensor.",
        Coercion.FUNCTION,
    ),
    "kernel_constraint": Argument(
        "Keras constraint on the kernels, its name, or a function of one tensor.",
        Coercion.FUNCTION,
    ),
    "bias_constraint": Argument(
        "Keras constraint on the biases, its name, or a function of one tensor.",
        Coercion.FUNCTION,
    ),
    "shape": Argument(
        "Positive whole number, or a list of them: the shape of the variable.", Coercion.WHOLE
    ),
    "initializer": Argument(
        "Keras initializer of the variable, its name, or a function of a shape and a dtype.",
        Coercion.FUNCTION,
    ),
    "regularizer": Argument(
        "Keras regularizer, its name, or a function of one tensor that returns a number: a penalty "
        "on the variable, added to the losses. With `None` there is none.",
        Coercion.FUNCTION,
    ),
    "constraint": Argument(
        "Keras constraint, its name, or a function of one tensor, applied to the variable after "
        "each step of training. With `None` there is none.",
        Coercion.FUNCTION,
    ),
    "make_distribution_fn": Argument(
        "Function of the layer's inputs that returns a distribution.",
        Coercion.FUNCTION,
    ),
    "convert_to_tensor_fn": Argument(
        "Function of a distribution that returns its tensor, or the name of a method of "
        'distributions: "mean", "mode", "sample", "stddev" or "variance"; of a distribution over '
        'classes also "logits" or "probs". Samples that it takes without a seed come from the '
        "layer's own stream of random numbers.",
        Coercion.FUNCTION,
        "tfp$distributions$Distribution$sample",
    ),
    "make_posterior_fn": Argument(
        _MAKER.format(what="posterior"),
        Coercion.FUNCTION,
    ),
    "make_prior_fn": Argument(
        _MAKER.format(what="prior"),
        Coercion.FUNCTION,
    ),
    "kl_weight": Argument(
        "Factor of the divergence: a number from 0. Where the loss is a mean over examples, it "
        "should be one over the number of training examples. With `None` it is 1."
    ),
    "kl_use_exact": Argument(
        "`True` or `False`: whether the divergence is computed in closed form, which not every "
        "pair of distributions has. Otherwise it is estimated from the draw of this call."
    ),
    "made": Argument(
        "Layer of `layer_autoregressive()` with `params` of 2: the shift and the logarithm of the "
        "scale of each variable, given those before it."
    ),
    "seed": Argument(
        "Whole number from which the layer draws its initial variables and all its samples. With "
        "`None` it is drawn from the generator that `keras.utils.set_random_seed()` sets. A file "
        "keeps the state of the layer's stream, so two models loaded from one file draw the same "
        "samples: see `reseed()`.",
        Coercion.WHOLE,
    ),
    "name": Argument("Name of the layer, unique in its model. With `None` Keras makes one."),
    "dtype": Argument(
        'Keras dtype or dtype policy, such as "float32" or "mixed_bfloat16". Under a mixed policy '
        "the linear maps are computed in the lower precision; the variables, the distributions and "
        "the divergences keep the higher one. The loss of the layer is cast to "
        "`keras.config.floatx()`, the dtype of Keras's own losses."
    ),
    "input_shape": Argument(
        "Shape of one example, without the batch, for the first layer of a `Sequential` model: "
        "its sizes, or a `tf.TensorShape`.",
        Coercion.SHAPE,
    ),
    **EINSUM_ARGUMENTS,
    **DISTRIBUTION_LAYER_ARGUMENTS,
}
