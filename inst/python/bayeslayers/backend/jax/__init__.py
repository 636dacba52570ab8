"""JAX: the names of `bayeslayers.backend.INTERFACE`."""

from bayeslayers.backend.in_keras_ops import (
    cast,
    conv_transpose,
    matmul,
    uncompiled,
)
from bayeslayers.backend.jax.coercible import (
    distribution_behind,
    inner_distribution,
    tensor_of,
    to_coercible,
)
from bayeslayers.backend.jax.convolution import conv
from bayeslayers.backend.jax.distributions import (
    computed_from,
    correlated_normal,
    distribution_library,
    distribution_method,
    draw_shape,
    family_and_parameters,
    independent_normal,
    independent_point,
    is_independent_normal,
    kl_divergence,
    library_class,
    method_of,
    new_distribution,
    normal,
    normal_parameters,
    with_seeds,
)
from bayeslayers.backend.jax.graphs import (
    compiled,
    map_draws,
    of_any_size,
    pullback,
    result_shapes,
)
from bayeslayers.backend.jax.inputs import (
    OPERATION_ERRORS,
    common_specification,
    is_ragged,
    sparse_entries,
    sparse_tensor,
    specification,
    tensor_specification,
)
from bayeslayers.backend.jax.marginals import marginal_cdf, sum_over_draws
from bayeslayers.backend.jax.operations import (
    add_bias,
    dtype_hint,
    dtype_name,
    finite_when_trained_on,
    has_gpu,
    has_values,
    is_sparse,
    kl_from_standard_normal,
    native_dtype,
    saturating_cast,
    scale_and_kl,
    softplus,
)
from bayeslayers.backend.jax.outcomes import (
    class_distribution,
    log_prob_by_example,
    sample_with,
    widened,
)
from bayeslayers.backend.jax.random import random_signs, standard_normal, weight_noise
from bayeslayers.backend.jax.seeds import SeedStream, fold_in
from bayeslayers.backend.jax.steps import (
    step_with_logs,
    step_with_numbers,
    step_with_variables,
)
from bayeslayers.backend.jax.trees import with_present_values
from bayeslayers.backend.jax.variables import (
    StateHolder,
    as_keras_variable,
    foreign_variables,
    given_variables,
    lasting_variables,
    native_variable,
    variables_read_by,
)
