"""Quantized elementwise kernels by themselves. The native runtimes judge them in tests/microinterp/ops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp_kernels.elementwise_quantized import (
    AddQuantized,
    BinaryFunction,
    DivideQuantized,
    MultiplyQuantized,
    Tabulated,
)
from tests.draw import scales

OPERATORS = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "DIV": np.divide}


def make(operator: str, scales: list[float], zero_points: list[int], low: int, high: int) -> BinaryFunction:
    """The kernel of an operator for the scales and zero points of inputs and output."""
    x, y, output = scales
    x_zero, y_zero, zero = zero_points
    if operator in ("ADD", "SUB"):
        return AddQuantized(
            x, x_zero, y, y_zero, output, zero, low=low, high=high, subtract=operator == "SUB"
        )
    kernel = MultiplyQuantized if operator == "MUL" else DivideQuantized
    exact = x * y if operator == "MUL" else x / y
    return kernel(x_zero, y_zero, exact / output, zero, low=low, high=high)


@st.composite
def scales_of(draw: st.DrawFn, operator: str) -> list[float]:
    x, y = draw(scales(-8, 4)), draw(scales(-8, 4))
    exact = {"ADD": max(x, y), "SUB": max(x, y), "MUL": x * y, "DIV": x / y}[operator]
    return [x, y, exact * draw(scales(-4, 8))]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("operator", OPERATORS)
@given(data=st.data())
def test_a_table_holds_every_result(operator: str, dtype: Any, data: st.DataObject) -> None:
    limits = np.iinfo(dtype)
    number = st.integers(int(limits.min), int(limits.max))
    low, high = sorted(data.draw(st.lists(number, min_size=2, max_size=2)))
    zero_points = data.draw(st.lists(number, min_size=3, max_size=3))
    function = make(operator, data.draw(scales_of(operator)), zero_points, low, high)
    table = Tabulated(function, dtype, dtype)
    numbers = np.arange(limits.min, limits.max + 1).astype(dtype)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    pairs = [
        (numbers[:, np.newaxis], numbers),
        (np.array(numbers[3]), numbers),
        (numbers[:1].reshape(()),) * 2,
    ]
    pairs.append((rng.choice(numbers, (5, 1, 3)), rng.choice(numbers, (7, 1))))
    for x, y in pairs:
        expected = np.empty(np.broadcast_shapes(x.shape, y.shape), dtype)
        looked_up = np.empty_like(expected)
        function(x, y, expected)
        table(x, y, looked_up)
        assert np.array_equal(looked_up, expected)


# Not DIV: natively −31 / −128 with all scales 1 is 127, see DivideQuantized.
@pytest.mark.parametrize("operator", ["ADD", "SUB", "MUL"])
@given(data=st.data())
def test_close_to_real_numbers(operator: str, data: st.DataObject) -> None:
    """Of all int8 numbers the result is that of real arithmetic, give or take one."""
    zero_points = data.draw(st.lists(st.integers(-128, 127), min_size=3, max_size=3))
    scales = data.draw(scales_of(operator))
    numbers = np.arange(-128, 128)
    reals = [(numbers - zero) * scale for zero, scale in zip(zero_points[:2], scales[:2], strict=True)]
    expected = OPERATORS[operator](reals[0][:, np.newaxis], reals[1]) / scales[2] + zero_points[2]
    output = np.empty(expected.shape, np.int8)
    x = numbers.astype(np.int8)
    make(operator, scales, zero_points, -128, 127)(x[:, np.newaxis], x, output)
    assert np.abs(output - np.clip(expected, -128, 127)).max() <= 1


def test_division_is_as_wrong_as_the_native_one() -> None:
    """Measured: −31 / −128 = 127 in both runtimes; but −32 / −128 = 0."""
    function = make("DIV", [1.0, 1.0, 1.0], [0, 0, 0], -128, 127)
    output = np.empty(4, np.int8)
    function(np.array([-32, -31, 100, 0], np.int8), np.array([-128, -128, 7, 3], np.int8), output)
    assert output.tolist() == [0, 127, 14, 0]
