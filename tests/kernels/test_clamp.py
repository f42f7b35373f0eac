from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp_kernels.clamp import clamp

BOUNDS = [(-np.inf, np.inf), (0.0, np.inf), (0.0, 6.0), (-1.0, 1.0)]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@given(data=st.data(), bounds=st.sampled_from(BOUNDS))
def test_floats_as_in_c(dtype: Any, data: st.DataObject, bounds: tuple[float, float]) -> None:
    some = st.sampled_from([0.0, -0.0, 6.0, 1.0, -1.0, np.inf, -np.inf, np.nan, -np.nan])
    width: Any = np.finfo(dtype).bits
    elements = st.one_of(some, st.floats(width=width, allow_nan=False))
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=40))
    x = data.draw(hnp.arrays(dtype, shape, elements=elements))
    limits = np.finfo(dtype)
    low, high = (dtype(np.clip(b, limits.min, limits.max)) for b in bounds)
    expected = np.empty_like(x)
    for i, value in np.ndenumerate(x):
        raised = low if value < low else value
        expected[i] = high if high < raised else raised
    assert clamp(x, low, high) is x
    assert x.tobytes() == expected.tobytes()


def test_nans_keep_their_bits() -> None:
    x = np.array([0x7FC12345, 0xFFC00001], np.uint32).view(np.float32)
    assert clamp(x.copy(), np.float32(0), np.float32(6)).tobytes() == x.tobytes()


def test_integers() -> None:
    x = np.arange(-128, 128).astype(np.int8)
    assert clamp(x, np.int8(-1), np.int8(6)).tolist() == [min(max(v, -1), 6) for v in range(-128, 128)]
