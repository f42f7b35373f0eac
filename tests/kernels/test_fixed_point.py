"""The vectorized preparation of multipliers gives what the one for a single number gives."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from microinterp_kernels.fixed_point import quantize_multiplier, quantize_multipliers

JUST_BELOW_POWERS = [math.nextafter(2.0**e, 0.0) for e in (-33, -32, -31, -1, 0, 5, 40)]
HALVES = [sign * (2**30 + 12345.5) / 2**31 * 2.0**e for sign in (1, -1) for e in (-31, 0, 3)]


@given(st.lists(st.one_of(st.floats(), st.floats(-1, 1), st.sampled_from(JUST_BELOW_POWERS + HALVES))))
def test_several_multipliers_at_once(multipliers: list[float]) -> None:
    q, shifts = quantize_multipliers(multipliers)
    assert q.dtype == shifts.dtype == np.int64
    assert list(zip(q.tolist(), shifts.tolist(), strict=True)) == [
        quantize_multiplier(m) for m in multipliers
    ]
