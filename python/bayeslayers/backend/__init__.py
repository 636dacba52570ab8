"""What a framework below Keras does faster, safer or only in its own way, chosen at import."""

from bayeslayers.backend.choice import require_tensorflow

require_tensorflow()

from bayeslayers.backend.tensorflow.graphs import (  # noqa: E402, F401
    compiled,
    map_draws,
    result_shapes,
)
from bayeslayers.backend.tensorflow.inputs import (  # noqa: E402, F401
    OPERATION_ERRORS,
    common_specification,
    is_ragged,
    sparse_entries,
    sparse_tensor,
    specification,
    tensor_specification,
)
from bayeslayers.backend.tensorflow.operations import is_sparse  # noqa: E402, F401
from bayeslayers.backend.tensorflow.outcomes import (  # noqa: E402, F401
    class_distribution,
    log_prob_by_example,
    sample_with,
)
