"""Estimators: each turns a linear map and a kernel's posterior into one draw of the outputs."""

from bayeslayers.estimators.estimator import Estimator
from bayeslayers.estimators.flipout import Flipout

__all__ = ["Estimator", "Flipout"]
