"""The contract that the layers of this package pass, for layers that are derived from them.

`check_layer()` runs all checks of a layer; `layer_checks()` lists them, for `pytest` to run one by
one.
"""

from bayeslayers.testing.check import LayerCheck, LayerCheckError
from bayeslayers.testing.checker import check_layer, layer_checks

__all__ = ["LayerCheck", "LayerCheckError", "check_layer", "layer_checks"]
