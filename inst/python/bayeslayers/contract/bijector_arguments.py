"""The arguments that only functions of bijectors have."""

from __future__ import annotations

from bayeslayers.contract.arguments import Argument, Coercion

BIJECTOR_ARGUMENTS = {
    "bijector": Argument("A TensorFlow Probability bijector."),
    "x": Argument("A tensor, an array or a number: the value that is mapped."),
    "y": Argument("A tensor, an array or a number: the value that is mapped back."),
    "event_ndims": Argument("Whole number: how many dimensions an event has.", Coercion.WHOLE),
    "bijectors": Argument("List of bijectors."),
    "shift": Argument("Number, array or tensor that is added."),
    "adjoint": Argument("`True` or `False`: whether the matrix is transposed."),
    "hinge_softness": Argument("Number: the greater, the softer the bend. `None` is 1."),
    "bin_widths": Argument("Positive widths of the bins, which sum to the width of the range."),
    "bin_heights": Argument("Positive heights of the bins, which sum to the width of the range."),
    "knot_slopes": Argument("Positive slopes at the inner knots, one fewer than there are bins."),
    "range_min": Argument("Lower end of the range."),
    "axis": Argument("Whole number: the dimension.", Coercion.WHOLE),
    "dct_type": Argument("2 or 3: the type of the transform.", Coercion.WHOLE),
    "upper": Argument("`True` or `False`: whether the matrix is upper triangular."),
    "diag_bijector": Argument("Bijector of the diagonal."),
    "diag_shift": Argument("Number that is added to the diagonal. `None` adds none."),
    "lower_upper": Argument("Matrix: L and U in one, without the diagonal of L, which is 1."),
    "permutation": Argument("Places of the numbers, each once, counted from 0.", Coercion.SHAPE),
    "event_shape_out": Argument(
        "Shape of y; -1 stands for one size that follows from the others.", Coercion.SHAPE
    ),
    "event_shape_in": Argument(
        "Shape of x; -1 stands for one size that follows from the others.", Coercion.SHAPE
    ),
    "perm": Argument("Order of the last dimensions, counted from 0.", Coercion.SHAPE),
    "rightmost_transposed_ndims": Argument(
        "Whole number: how many of the last dimensions come in inverse order, where `perm` is left "
        "out. `None` is 2.",
        Coercion.WHOLE,
    ),
    "paddings": Argument(
        "Two whole numbers for each dimension: how many numbers are added before and after.",
        Coercion.WHOLE,
    ),
    "mode": Argument('`"CONSTANT"`, `"REFLECT"` or `"SYMMETRIC"`.'),
    "constant_values": Argument("Number that the padding consists of."),
    "num_or_size_splits": Argument(
        "Whole number: how many parts there are; or several: their sizes.", Coercion.WHOLE
    ),
    "block_sizes": Argument(
        "Whole numbers: how many numbers each part has. `None` is 1 each.", Coercion.SHAPE
    ),
    "validate_event_size": Argument(
        "`True` or `False`: whether it is checked that the events of neighbours fit."
    ),
    "forward_fn": Argument("Function of x that returns y.", Coercion.FUNCTION),
    "inverse_fn": Argument("Function of y that returns x.", Coercion.FUNCTION),
    "forward_log_det_jacobian_fn": Argument(
        "Function of x that returns the logarithm of the determinant of the derivative.",
        Coercion.FUNCTION,
    ),
    "inverse_log_det_jacobian_fn": Argument(
        "Function of y that returns the same for the inverse.", Coercion.FUNCTION
    ),
    "forward_event_shape_fn": Argument(
        "Function of the shape of x that returns the shape of y.", Coercion.FUNCTION
    ),
    "forward_event_shape_tensor_fn": Argument("The same for a tensor of sizes.", Coercion.FUNCTION),
    "inverse_event_shape_fn": Argument(
        "Function of the shape of y that returns the shape of x.", Coercion.FUNCTION
    ),
    "inverse_event_shape_tensor_fn": Argument("The same for a tensor of sizes.", Coercion.FUNCTION),
    "forward_min_event_ndims": Argument(
        "Whole number: how many dimensions of x belong to one event.", Coercion.WHOLE
    ),
    "inverse_min_event_ndims": Argument(
        "Whole number: how many dimensions of y belong to one event. `None` is as many as of x.",
        Coercion.WHOLE,
    ),
    "shift_and_log_scale_fn": Argument(
        "Function of a tensor that returns the shift and the logarithm of the scale of each entry "
        "from the entries before it, such as a layer of `layer_autoregressive()`.",
        Coercion.FUNCTION,
    ),
    "is_constant_jacobian": Argument(
        "`True` or `False`: whether the Jacobian is constant, as it is without a log scale."
    ),
    "unroll_loop": Argument("`True` or `False`: whether the loop over entries is unrolled."),
    "num_masked": Argument(
        "Whole number: how many of the numbers stay as they are.", Coercion.WHOLE
    ),
    "state_time_derivative_fn": Argument(
        "Function of a time and a state that returns the derivative of the state.",
        Coercion.FUNCTION,
    ),
    "ode_solve_fn": Argument(
        "Function that solves the equation. `None` is TensorFlow Probability's solver of "
        "Dormand and Prince.",
        Coercion.FUNCTION,
    ),
    "trace_augmentation_fn": Argument(
        "Function that adds the trace of the Jacobian to the equation. `None` is Hutchinson's "
        "estimator.",
        Coercion.FUNCTION,
    ),
    "initial_time": Argument("Time of x."),
    "final_time": Argument("Time of y."),
    "output_shape": Argument("Height, width and channels of the images.", Coercion.SHAPE),
    "num_glow_blocks": Argument("Whole number: blocks.", Coercion.WHOLE),
    "num_steps_per_block": Argument("Whole number: steps in a block.", Coercion.WHOLE),
    "coupling_bijector_fn": Argument(
        "Function of a shape that returns a function as `shift_and_log_scale_fn` of "
        "`tfb_real_nvp()`.",
        Coercion.FUNCTION,
    ),
    "exit_bijector_fn": Argument(
        "Function of two shapes, that of a block and that of the channels that leave it, that "
        "returns a function as `coupling_bijector_fn` does; or `None`.",
        Coercion.FUNCTION,
    ),
    "grab_after_block": Argument(
        "Shares of the channels that leave after each block. `None` is half of them."
    ),
    "use_actnorm": Argument("`True` or `False`: whether activations are normalized."),
    "seed": Argument(
        "Whole number, or several: the same seed gives the same draws.", Coercion.WHOLE
    ),
    "batchnorm_layer": Argument("Layer of `tf_keras`. `None` is a new one."),
    "training": Argument("`True` or `False`: whether the batch's own moments are used."),
    "hidden_layers": Argument("Whole numbers: units of the hidden layers.", Coercion.SHAPE),
    "shift_only": Argument("`True` or `False`: whether the scale is left out."),
    "activation": Argument("Name of a Keras activation, or a function.", Coercion.FUNCTION),
    "log_scale_min_clip": Argument("Smallest logarithm of the scale."),
    "log_scale_max_clip": Argument("Largest logarithm of the scale."),
    "log_scale_clip_gradient": Argument(
        "`True` or `False`: whether the gradient is 0 where the logarithm of the scale is cut off."
    ),
    "inputs": Argument("Tensor of the inputs."),
    "units": Argument("Whole number: how many outputs there are.", Coercion.WHOLE),
    "num_blocks": Argument("Whole number: blocks of inputs.", Coercion.WHOLE),
    "exclusive": Argument("`True` or `False`: whether the block itself is left out."),
    "kernel_initializer": Argument(
        "Initializer of TensorFlow. `None` is that of Glorot and Bengio.", Coercion.FUNCTION
    ),
    "reuse": Argument("`True` or `False`: whether the weights of a layer of that name are used."),
}
