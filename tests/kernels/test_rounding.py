"""The fast requantization of rows gives what the definitions give, above all where they round."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from microinterp_kernels.fixed_point import quantize_multipliers
from microinterp_kernels.requantize import Requantize, requantize
from microinterp_kernels.rounding import (
    RowFloors,
    requantize_in_double,
    requantize_rows,
    requantize_rows_in_double,
)

Array = np.ndarray[Any, Any]

TYPES = [np.int8, np.uint8, np.int16]


def scales(draw: st.DrawFn, channels: int) -> Array:
    """Any, or whole powers of two, with which there are ties."""
    exponents: Any = draw(st.sampled_from([st.floats(-12, 2), st.integers(-12, 2)]))
    return np.array([2.0 ** draw(exponents) for _ in range(channels)])


def accumulators(scales: Array, biases: Array, low: int, high: int, reach: int) -> Array:
    """Around every place where the output changes, [rows, channels], and at both ends."""
    steps = np.linspace(low - 2.5, high + 2.5, min(high - low + 6, 600)).round() + 0.5
    centers = (steps[:, None] / scales - biases).round()
    around = (centers[:, None] + np.arange(-2, 3)[:, None]).reshape(-1, len(scales))
    ends = np.array([[-reach], [reach], [0]]) * np.ones(len(scales))
    return np.asarray(np.clip(np.concatenate([around, ends]), -reach, reach))


@st.composite
def problems(draw: st.DrawFn) -> tuple[Array, Array, int, int, int, int, type[Any]]:
    """Scales, biases, reach, zero point, low, high and type."""
    dtype: Any = draw(st.sampled_from(TYPES))
    limits = np.iinfo(dtype)
    channels = draw(st.integers(1, 4))
    zero_point = draw(
        st.one_of(st.sampled_from([limits.min, 0, limits.max]), st.integers(limits.min, limits.max))
    )
    low = draw(st.sampled_from([limits.min, max(limits.min, zero_point)]))
    high = draw(st.sampled_from([limits.max, min(limits.max, zero_point + 17)]))
    reach, most = draw(st.sampled_from([(1000, 0), (2**20, 1000), (2**24, 2**22), (2**40, 2**31 - 1)]))
    biases = np.array([draw(st.integers(-most, most)) for _ in range(channels)], np.int64)
    return scales(draw, channels), biases, reach, zero_point, low, high, dtype


@given(problem=problems())
def test_fixed_point(problem: tuple[Array, Array, int, int, int, int, type[Any]]) -> None:
    s, biases, reach, zero_point, low, high, dtype = problem
    multipliers, shifts = quantize_multipliers(s)
    acc = accumulators(s, biases, low - zero_point, high - zero_point, reach)
    output = np.empty(acc.shape, dtype)
    step = requantize_rows(
        len(acc),
        multipliers,
        shifts,
        zero_point,
        low,
        high,
        dtype,
        biases=biases,
        reach=np.full(len(s), reach),
    )
    assume(not isinstance(step, Requantize))
    step(acc, output)
    expected = requantize(acc.astype(np.int64) + biases, multipliers, shifts, zero_point, low, high)
    assert output.tolist() == expected.tolist()


@given(problem=problems(), wraps=st.booleans())
def test_in_double(problem: tuple[Array, Array, int, int, int, int, type[Any]], wraps: bool) -> None:
    s, biases, reach, zero_point, low, high, dtype = problem
    acc = accumulators(s, biases, low - zero_point, high - zero_point, reach)
    output = np.empty(acc.shape, dtype)
    step = requantize_rows_in_double(
        len(acc), s, zero_point, low, high, dtype, wraps=wraps, biases=biases, reach=np.full(len(s), reach)
    )
    step(acc, output)
    expected = requantize_in_double(acc.astype(np.int64) + biases, s, zero_point, low, high, wraps=wraps)
    assert output.tolist() == expected.tolist()


@given(problem=problems(), double=st.booleans())
def test_products_that_are_scaled_already(
    problem: tuple[Array, Array, int, int, int, int, type[Any]], double: bool
) -> None:
    s, biases, reach, zero_point, low, high, dtype = problem
    s, biases, known = s[:1], biases[:1], {"biases": biases[:1], "reach": np.array([reach])}
    acc = accumulators(s, biases, low - zero_point, high - zero_point, reach)
    multipliers, shifts = quantize_multipliers(s)
    if double:
        step = requantize_rows_in_double(len(acc), s, zero_point, low, high, dtype, wraps=True, **known)
        expected = requantize_in_double(acc.astype(np.int64) + biases, s, zero_point, low, high, wraps=True)
    else:
        step = requantize_rows(len(acc), multipliers, shifts, zero_point, low, high, dtype, **known)
        expected = requantize(acc.astype(np.int64) + biases, multipliers, shifts, zero_point, low, high)
    assume(isinstance(step, RowFloors))
    assert isinstance(step, RowFloors)
    matrix = step.fold(np.ones((1, 1), np.int64), np.array([reach]))
    if matrix is None:
        reject()
    output = np.empty(acc.shape, dtype)
    np.dot(np.hstack([acc, np.ones_like(acc)]), matrix, step.scaled)
    step.finish(step.scaled, output)
    assert output.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("acc", "scale", "expected"),
    [
        (3, 0.5, 2),
        (-3, 0.5, -2),
        (1, 0.49999999999999994, 0),
        (-1, 0.49999999999999994, 0),
        (5, 0.3, 2),  # 5 · 0.3 is 1.5 in float64, though 0.3 is less than 3 / 10
        (2**31 - 1, 1.0, 100),
        (2**31, 1.0, -100),  # wraps to the least int32
        (2**30, 4.0, -100),  # does not fit int32, becomes the least int32
        (-(2**30), 4.0, -100),
    ],
)
def test_in_double_by_hand(acc: int, scale: float, expected: int) -> None:
    outputs = requantize_in_double(np.array([acc]), np.array([scale]), 0, -100, 100, wraps=True)
    assert outputs.tolist() == [expected]


def test_realistic_layers_take_the_fast_way() -> None:
    s, known = np.array([0.0031415, 0.00070123]), {"reach": np.full(2, 300_000)}
    multipliers, shifts = quantize_multipliers(s)
    clamped_at_zero = requantize_rows(1, multipliers, shifts, -3, -3, 127, np.int8, **known)
    in_double = requantize_rows_in_double(1, s, -3, -128, 127, np.int8, wraps=True, **known)
    for step in (clamped_at_zero, in_double):
        assert isinstance(step, RowFloors)
        assert step.fold(np.ones((10, 2), np.int64), known["reach"]) is not None
    assert not isinstance(
        requantize_rows(1, multipliers, shifts, -3, -128, 127, np.int8, **known), Requantize
    )
    assert isinstance(requantize_rows(1, multipliers, shifts, -3, -128, 127, np.int8), Requantize)


@pytest.mark.parametrize("scale", [0.5, 2.0**-7, 0.25 + 2.0**-50])
def test_results_at_or_next_to_a_half_do_not_become_floors(scale: float) -> None:
    step = requantize_rows_in_double(
        1, np.array([scale]), 0, -128, 127, np.int8, wraps=True, reach=np.array([1000])
    )
    assert not isinstance(step, RowFloors)


def test_more_rows_than_are_worked_on_at_a_time() -> None:
    channels, rows = 1000, 100
    rng = np.random.default_rng(5)
    acc = rng.integers(-100_000, 100_000, (rows, channels)).astype(np.float32)
    output = np.empty(acc.shape, np.int8)
    s = np.full(1, 0.001)
    step = requantize_rows_in_double(
        rows, s, 3, -128, 127, np.int8, wraps=True, reach=np.full(channels, 100_000)
    )
    step(acc, output)
    expected = requantize_in_double(acc.astype(np.int64), s, 3, -128, 127, wraps=True)
    assert output.tolist() == expected.tolist()
