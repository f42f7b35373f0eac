"""The fast FULLY_CONNECTED kernels give what the definitions give."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp_kernels.fixed_point import quantize_multipliers
from microinterp_kernels.fully_connected import FullyConnectedInteger, Requantizer, fully_connected_integer
from microinterp_kernels.ordered_product import add_products, ordered_product
from microinterp_kernels.requantize import RequantizeInt64
from microinterp_kernels.rounding import requantize_rows, requantize_rows_in_double

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("requantization", ["fixed point", "double", "int64"])
@given(data=st.data())
def test_known_weights(data: st.DataObject, requantization: str) -> None:
    draw = data.draw
    dtype = np.int16 if requantization == "int64" else draw(st.sampled_from([np.int8, np.uint8]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, k, n = (draw(st.integers(1, 40)) for _ in range(3))
    limits = np.iinfo(dtype)
    x = rng.integers(limits.min, limits.max, (rows, k), endpoint=True).astype(dtype)
    weights = rng.integers(-128, 127, (n, k), endpoint=True).astype(np.int8)
    biases = None if draw(st.booleans()) else rng.integers(-(2**20), 2**20, n)
    x_zero_point, weights_zero_point = draw(st.integers(limits.min, limits.max)), draw(st.integers(-128, 127))
    scales = 2.0 ** rng.uniform(-20, 0, n)
    multipliers, shifts = quantize_multipliers(scales)
    low, high = int(limits.min), int(limits.max)
    requantizers: dict[str, Requantizer] = {
        "fixed point": partial(requantize_rows, rows, multipliers, shifts, 3, low, high, dtype),
        "double": partial(requantize_rows_in_double, rows, scales, 3, low, high, dtype, wraps=True),
        "int64": partial(RequantizeInt64, multipliers, shifts, low, high, dtype, zero_point=3),
    }
    requantizer = requantizers[requantization]
    expected, output = np.empty((rows, n), dtype), np.empty((1, rows, n), dtype)
    fully_connected_integer(x, weights, biases, x_zero_point, weights_zero_point, requantizer(), expected)
    kernel = FullyConnectedInteger(
        rows, weights, biases, np.dtype(dtype), x_zero_point, weights_zero_point, requantizer
    )
    for _ in range(2):
        kernel(x, output)
        assert output[0].tolist() == expected.tolist()


@given(m=st.integers(0, 5), k=st.integers(0, 70), seed=st.integers(0, 2**32))
def test_one_column_in_order(m: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, 1), np.float32)
    b[rng.random(b.shape) < 0.2] = -0.0
    assert ordered_product(a, b).tobytes() == add_products(a, b).tobytes()


@pytest.mark.parametrize(("k", "scaled"), [(10, True), (2000, False)])
def test_few_products_are_scaled_already(k: int, scaled: bool) -> None:
    requantizer = partial(
        requantize_rows_in_double, 1, np.array([0.012345671]), 3, -128, 127, np.int8, wraps=True
    )
    weights = np.ones((10, k), np.int8)
    kernel = FullyConnectedInteger(1, weights, None, np.dtype(np.int8), 0, 0, requantizer)
    assert (kernel._acc.dtype == np.float64) == scaled
