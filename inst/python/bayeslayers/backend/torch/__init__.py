"""PyTorch: the names of `bayeslayers.backend.INTERFACE`."""

from bayeslayers.backend.torch.closed_forms import kl_from_standard_normal, scale_and_kl
from bayeslayers.backend.torch.coercible import distribution_behind, tensor_of, to_coercible
from bayeslayers.backend.torch.convolution import conv, conv_transpose
from bayeslayers.backend.torch.correlated import correlated_normal
from bayeslayers.backend.torch.distributions import (
    computed_from,
    draw_shape,
    independent_normal,
    independent_point,
    inner_distribution,
    is_independent_normal,
    kl_divergence,
    normal,
    normal_parameters,
    with_seeds,
)
from bayeslayers.backend.torch.families import family_and_parameters, new_distribution
from bayeslayers.backend.torch.foreign import foreign_variables, given_variables, variables_read_by
from bayeslayers.backend.torch.graphs import (
    compiled,
    map_draws,
    of_any_size,
    pullback,
    result_shapes,
)
from bayeslayers.backend.torch.inputs import (
    OPERATION_ERRORS,
    common_specification,
    is_ragged,
    sparse_entries,
    sparse_tensor,
    specification,
    tensor_specification,
)
from bayeslayers.backend.torch.library import distribution_library, library_class
from bayeslayers.backend.torch.marginals import marginal_cdf, sum_over_draws
from bayeslayers.backend.torch.methods import distribution_method, method_of
from bayeslayers.backend.torch.operations import (
    add_bias,
    cast,
    dtype_hint,
    dtype_name,
    finite_when_trained_on,
    has_gpu,
    has_values,
    is_sparse,
    matmul,
    native_dtype,
    saturating_cast,
    softplus,
    uncompiled,
)
from bayeslayers.backend.torch.outcomes import (
    class_distribution,
    log_prob_by_example,
    sample_with,
)
from bayeslayers.backend.torch.random import (
    fold_in,
    random_signs,
    standard_normal,
    weight_noise,
)
from bayeslayers.backend.torch.seeds import SeedStream
from bayeslayers.backend.torch.steps import (
    step_with_logs,
    step_with_numbers,
    step_with_variables,
)
from bayeslayers.backend.torch.variables import (
    StateHolder,
    as_keras_variable,
    lasting_variables,
    native_variable,
    with_present_values,
)
from bayeslayers.backend.torch.widening import widened
