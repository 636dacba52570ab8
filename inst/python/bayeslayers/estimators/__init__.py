"""Estimators: each turns a linear map and a kernel's posterior into one draw of the outputs."""

from bayeslayers.estimators.estimator import Estimator, MapDraw, RandomMap, within_dtype
from bayeslayers.estimators.flipout import Flipout
from bayeslayers.estimators.local_reparameterization import LocalReparameterization
from bayeslayers.estimators.rank1 import Rank1
from bayeslayers.estimators.reparameterization import Reparameterization

__all__ = [
    "Estimator",
    "Flipout",
    "LocalReparameterization",
    "MapDraw",
    "RandomMap",
    "Rank1",
    "Reparameterization",
    "within_dtype",
]
