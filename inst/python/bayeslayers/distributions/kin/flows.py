"""Bijectors that are made from others, and those that networks compute."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import OF_BIJECTOR, Kin, Spec

MADE_FROM_OTHERS = Kin(
    name="tfb_composed",
    title="Bijectors that are made from others, or from functions",
    about="Each function makes a bijector from bijectors or functions.",
    common=OF_BIJECTOR,
    members={
        "tfb_chain": Spec(
            "bijectors.Chain",
            "bijectors=None, validate_args=False, validate_event_size=True, parameters=None,"
            " name=None",
            "One bijector after another",
            "y = bijectors[0](bijectors[1](... x))",
            "bijectors=[tfb_shift(1.0), tfb_exp()]",
            note="The last bijector of the list is applied first.",
        ),
        "tfb_invert": Spec(
            "bijectors.Invert",
            "bijector, validate_args=False, name=None",
            "Inverse",
            "y = the x with bijector(y) = x",
            "bijector=tfb_exp()",
        ),
        "tfb_blockwise": Spec(
            "bijectors.Blockwise",
            "bijectors, block_sizes=None, validate_args=False, name=None",
            "Several bijectors side by side",
            "y = (bijectors[0](x[0]), bijectors[1](x[1]), ...),   x in parts of block_sizes",
            "bijectors=[tfb_exp(), tfb_square()], block_sizes=[1.0, 1.0]",
        ),
        "tfb_inline": Spec(
            "bijectors.Inline",
            "forward_fn=None, inverse_fn=None, inverse_log_det_jacobian_fn=None,"
            " forward_log_det_jacobian_fn=None, forward_event_shape_fn=None,"
            " forward_event_shape_tensor_fn=None, inverse_event_shape_fn=None,"
            " inverse_event_shape_tensor_fn=None, is_constant_jacobian=None, validate_args=False,"
            " forward_min_event_ndims=None, inverse_min_event_ndims=None, name='inline'",
            "Bijector of functions",
            "y = forward_fn(x),   x = inverse_fn(y)",
            "forward_fn=lambda x: 2.0 * x, inverse_fn=lambda y: 0.5 * y, "
            "forward_log_det_jacobian_fn=lambda x: 0.0 * x + 0.6931472, "
            "forward_min_event_ndims=0.0",
        ),
    },
    example="tfb_forward(made, [0.5, 1.0])",
)

FLOWS = Kin(
    name="tfb_flows",
    title="Bijectors that networks compute",
    about=(
        "Each function makes a map of a normalizing flow. A function, such as a network, computes "
        "its shift and scale, or its derivative in time."
    ),
    common=OF_BIJECTOR,
    members={
        "tfb_masked_autoregressive_flow": Spec(
            "bijectors.MaskedAutoregressiveFlow",
            "shift_and_log_scale_fn, is_constant_jacobian=False, unroll_loop=False, event_ndims=1,"
            " validate_args=False, name=None",
            "Masked autoregressive flow",
            "y[i] = x[i] exp(log_scale[i]) + shift[i],\n"
            "(shift[i], log_scale[i]) = shift_and_log_scale_fn(y)[i], a function of y[:i] alone",
            "shift_and_log_scale_fn=layer_autoregressive(params=2, event_shape=2)",
        ),
        "tfb_real_nvp": Spec(
            "bijectors.RealNVP",
            "num_masked, shift_and_log_scale_fn, is_constant_jacobian=False, validate_args=False,"
            " name=None",
            "Real-valued non-volume preserving flow",
            "y[:d] = x[:d],   y[d:] = x[d:] exp(log_scale) + shift,   d = num_masked,\n"
            "(shift, log_scale) = shift_and_log_scale_fn(x[:d], number of the others)",
            "num_masked=1.0, shift_and_log_scale_fn=lambda x, n: [2.0 * x, 0.5 * x]",
        ),
        "tfb_ffjord": Spec(
            "bijectors.FFJORD",
            "state_time_derivative_fn, ode_solve_fn=None, trace_augmentation_fn=None,"
            " initial_time=0.0, final_time=1.0, validate_args=False, dtype='float32',"
            " name='ffjord'",
            "Flow of a differential equation",
            "y = z(final_time),   dz / dt = state_time_derivative_fn(t, z),   z(initial_time) = x",
            "state_time_derivative_fn=lambda t, z: -1.0 * z, "
            "trace_augmentation_fn=tfp.bijectors.ffjord.trace_jacobian_exact",
        ),
        "tfb_glow": Spec(
            "bijectors.Glow",
            "output_shape=(32, 32, 3), num_glow_blocks=3, num_steps_per_block=32,"
            " coupling_bijector_fn=None, exit_bijector_fn=None, grab_after_block=None,"
            " use_actnorm=True, seed=None, validate_args=False, name='glow'",
            "Glow: a flow of images",
            "y = an image of output_shape, of a vector x, by blocks of normalization, 1x1\n"
            "    convolution and coupling",
            example="output_shape=[4.0, 4.0, 3.0], num_glow_blocks=1.0, num_steps_per_block=1.0, "
            "coupling_bijector_fn=tfp.bijectors.GlowDefaultNetwork",
            everywhere=False,
            note=(
                "It works on TensorFlow alone. Its default of `coupling_bijector_fn` fails: take "
                "`tfp.bijectors.GlowDefaultNetwork`."
            ),
        ),
        "tfb_batch_normalization": Spec(
            "bijectors.BatchNormalization",
            "batchnorm_layer=None, training=True, ...",
            "Batch normalization, inverted",
            "y = (x - beta) sqrt(variance + epsilon) / gamma + mean,   of a batch",
            everywhere=False,
            note="It works on TensorFlow alone. Its layer is of Keras 2 and needs `tf_keras`.",
        ),
        "tfb_masked_autoregressive_default_template": Spec(
            "bijectors.masked_autoregressive_default_template",
            "hidden_layers, shift_only=False, activation='relu', log_scale_min_clip=-5.0,"
            " log_scale_max_clip=3.0, log_scale_clip_gradient=False, name=None, **kwargs",
            "Network for a masked autoregressive flow",
            "(shift[i], log_scale[i]) = a masked network of x[:i]",
            example="hidden_layers=[4.0, 4.0]",
            everywhere=False,
            note="It works on TensorFlow alone. `layer_autoregressive()` replaces it.",
        ),
        "tfb_masked_dense": Spec(
            "bijectors.masked_dense",
            "inputs, units, num_blocks=None, exclusive=False, kernel_initializer=None, reuse=None,"
            " name=None, **kwargs",
            "Masked dense layer",
            "y[b] = a dense layer of the blocks x[:b], and of x[b] unless `exclusive`",
            example="inputs=tf.ones((1, 2)), units=4.0, num_blocks=2.0",
            everywhere=False,
            note="It works on TensorFlow alone. `layer_autoregressive()` replaces it.",
        ),
        "tfb_real_nvp_default_template": Spec(
            "bijectors.real_nvp_default_template",
            "hidden_layers, shift_only=False, activation='relu', name=None, **kwargs",
            "Network for a real-valued non-volume preserving flow",
            "(shift, log_scale) = a dense network of x[:d]",
            example="hidden_layers=[4.0, 4.0]",
            everywhere=False,
            note="It works on TensorFlow alone. Any network with two outputs replaces it.",
        ),
    },
    r_defaults={"trace_augmentation_fn": "tfp$bijectors$ffjord$trace_jacobian_hutchinson"},
    references=(
        "Papamakarios, G., Pavlakou, T., and Murray, I. (2017). Masked Autoregressive Flow for "
        "Density Estimation. https://arxiv.org/abs/1705.07057",
        "Dinh, L., Sohl-Dickstein, J., and Bengio, S. (2017). Density estimation using Real NVP. "
        "https://arxiv.org/abs/1605.08803",
        "Kingma, D. P., and Dhariwal, P. (2018). Glow: Generative Flow with Invertible 1x1 "
        "Convolutions. https://arxiv.org/abs/1807.03039",
        "Grathwohl, W., Chen, R. T. Q., Bettencourt, J., Sutskever, I., and Duvenaud, D. (2019). "
        "FFJORD: Free-form Continuous Dynamics for Scalable Reversible Generative Models. "
        "https://arxiv.org/abs/1810.01367",
    ),
    example="",
)
