"""The table of the constructors of tfprobability, in groups that share a page."""

from __future__ import annotations

from bayeslayers.distributions.kin.composed import COMPOSED
from bayeslayers.distributions.kin.discrete import DISCRETE
from bayeslayers.distributions.kin.dropped import DROPPED_BIJECTORS, DROPPED_DISTRIBUTIONS
from bayeslayers.distributions.kin.elementwise import ELEMENTWISE
from bayeslayers.distributions.kin.flows import FLOWS, MADE_FROM_OTHERS
from bayeslayers.distributions.kin.half_line import HALF_LINE
from bayeslayers.distributions.kin.interval import INTERVAL
from bayeslayers.distributions.kin.multivariate import MATRICES, MULTIVARIATE_NORMAL
from bayeslayers.distributions.kin.of_vectors import CONSTRAINED, LINEAR, SHAPES
from bayeslayers.distributions.kin.processes import PROCESSES
from bayeslayers.distributions.kin.real_line import REAL_LINE
from bayeslayers.distributions.kin.spec import Dropped, Kin, Spec, signature_of
from bayeslayers.distributions.kin.vectors import VECTORS

KIN = (
    REAL_LINE,
    HALF_LINE,
    INTERVAL,
    DISCRETE,
    VECTORS,
    MULTIVARIATE_NORMAL,
    MATRICES,
    COMPOSED,
    PROCESSES,
    DROPPED_DISTRIBUTIONS,
    ELEMENTWISE,
    CONSTRAINED,
    LINEAR,
    SHAPES,
    MADE_FROM_OTHERS,
    FLOWS,
    DROPPED_BIJECTORS,
)
"""Every group."""

KIN_OF = {name: kin for kin in KIN for name in kin.members}
"""The group of every constructor, by its name."""

__all__ = ["KIN", "KIN_OF", "Dropped", "Kin", "Spec", "signature_of"]
