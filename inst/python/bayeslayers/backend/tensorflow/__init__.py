"""TensorFlow: the names of `bayeslayers.backend.INTERFACE`."""

from bayeslayers.backend.in_keras_ops import (
    cast,
    matmul,
    uncompiled,
)
from bayeslayers.backend.tensorflow.convolution import conv, conv_transpose
from bayeslayers.backend.tensorflow.distributions import (
    computed_from,
    correlated_normal,
    distribution_behind,
    distribution_library,
    distribution_method,
    draw_shape,
    family_and_parameters,
    foreign_variables,
    independent_normal,
    independent_point,
    inner_distribution,
    is_independent_normal,
    kl_divergence,
    library_class,
    method_of,
    new_distribution,
    normal,
    normal_parameters,
    tensor_of,
    to_coercible,
    with_seeds,
)
from bayeslayers.backend.tensorflow.graphs import (
    compiled,
    map_draws,
    of_any_size,
    pullback,
    result_shapes,
)
from bayeslayers.backend.tensorflow.inputs import (
    OPERATION_ERRORS,
    common_specification,
    is_ragged,
    sparse_entries,
    sparse_tensor,
    specification,
    tensor_specification,
)
from bayeslayers.backend.tensorflow.marginals import marginal_cdf, sum_over_draws
from bayeslayers.backend.tensorflow.operations import (
    add_bias,
    dtype_hint,
    dtype_name,
    finite_when_trained_on,
    has_gpu,
    has_values,
    is_sparse,
    native_dtype,
    saturating_cast,
)
from bayeslayers.backend.tensorflow.outcomes import (
    class_distribution,
    log_prob_by_example,
    sample_with,
    widened,
)
from bayeslayers.backend.tensorflow.passes import (
    kl_from_standard_normal,
    scale_and_kl,
    softplus,
)
from bayeslayers.backend.tensorflow.random import random_signs, standard_normal, weight_noise
from bayeslayers.backend.tensorflow.seeds import SeedStream, fold_in
from bayeslayers.backend.tensorflow.steps import (
    step_with_logs,
    step_with_numbers,
    step_with_variables,
)
from bayeslayers.backend.tensorflow.variables import (
    StateHolder,
    as_keras_variable,
    given_variables,
    lasting_variables,
    native_variable,
    variables_read_by,
    with_present_values,
)
