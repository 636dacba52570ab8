"""Wen et al. (2018): the gradient's variance falls as 1 / N under Flipout, and stays without it.

The estimate of a variance from 500 draws has a relative standard error of about 6 % (2 / 500, to
the root), and the slope of a line through five of them, at sizes from 1 to 256, one of about 0.015.
The bound of 0.1 is more than six of those: each test fails by chance less than once in 1e8 seeds.
"""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from gradient_variance import BATCH_SIZES, LAYERS, measure, slope


@pytest.mark.parametrize("name", LAYERS)
def test_flipout_falls_as_one_over_the_batch(name):
    assert abs(slope(BATCH_SIZES, measure(name, "Flipout")) + 1) < 0.1


@pytest.mark.parametrize("name", LAYERS)
def test_a_shared_kernel_gains_nothing(name):
    assert abs(slope(BATCH_SIZES, measure(name, "Reparameterization"))) < 0.1
