"""The float64 forms of requantization against their fixed-point definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp_kernels.fixed_point import quantize_multipliers
from microinterp_kernels.requantize import Requantize, RequantizeInt64, requantize, requantize_int64

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


@st.composite
def random_multipliers(draw: st.DrawFn, channels: int) -> Float64s:
    """Mostly below one; sometimes powers of two, one much smaller or larger than the others, or zero."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    real: Float64s = np.exp2(rng.uniform(-14, draw(st.sampled_from([-1.0, -1.0, 2.0])), channels))
    if draw(st.booleans()):
        real = np.exp2(np.round(np.log2(real)))
    real[rng.integers(channels)] *= draw(st.sampled_from([1, 1, 2**-10, 2**-20, 2**10, 0]))
    return real


def near_thresholds(
    rng: np.random.Generator, real: Float64s, biases: Int64s, reach: Int64s, rows: int
) -> Int64s:
    """Accumulators within `reach`, most of them where outputs change: half-way between two of them."""
    anywhere = rng.integers(-reach, reach + 1, (rows, reach.size))
    halves = np.round(rng.uniform(-300, 300, anywhere.shape)) + 0.5
    with np.errstate(divide="ignore"):
        near = np.clip(halves / real, -(2.0**62), 2.0**62).astype(np.int64) - biases
    near += rng.integers(-1, 2, near.shape)
    chosen: Int64s = np.where((abs(near) <= reach) & (rng.random(near.shape) < 0.8), near, anywhere)
    return chosen


@pytest.mark.parametrize(
    ("form", "least"),
    [
        ("_InFloat32", 3),
        ("_InFloat32", 12),
        ("_OneStep", 3),
        ("_OneStep", 23),
        ("_TwoSteps", 3),
        ("_TwoSteps", 22),
        ("_FixedPoint", 3),
    ],
)
@given(data=st.data())
def test_requantize(form: str, least: int, data: st.DataObject) -> None:
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = draw(st.integers(1, 20))
    real = draw(random_multipliers(channels))
    dtype: Any = draw(st.sampled_from([np.int8, np.uint8, np.int16]))
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    zero_point = draw(st.one_of(st.sampled_from([low, 0, high]), st.integers(low, high)))
    if draw(st.booleans()):
        low = max(low, zero_point)
    if draw(st.booleans()):
        high = min(high, max(low, zero_point + 40))
    in_float32 = form == "_InFloat32"
    most = int(2.0 ** draw(st.floats(least, 20 if in_float32 else 29)))
    reach, biases = rng.integers(1, most + 1, channels), rng.integers(-most, most + 1, channels)
    reach[rng.random(channels) < 0.1] = 0
    q, shifts = quantize_multipliers(real)
    prepared = Requantize(
        q, shifts, zero_point, low, high, dtype, biases=biases, reach=reach, takes_multiples=in_float32
    )
    prepared.expect_rows(draw(st.integers(0, 20)))
    assume(type(prepared._form).__name__ == form)

    acc = near_thresholds(rng, real, biases, reach, draw(st.sampled_from([1, 7, 300, 5000])))
    expected = requantize(acc + biases, q, shifts, zero_point, low, high).astype(dtype)
    acc *= prepared.factors
    assert abs(acc).max() <= 2**24 or not in_float32
    acc_type = np.float32 if reach.max() <= 2**24 else np.float64
    actual = prepared(acc.astype(acc_type))
    np.testing.assert_array_equal(actual, expected, strict=True)
    scattered = np.zeros((*acc.shape, 2), dtype)[..., 0]
    prepared(acc.astype(acc_type), scattered)
    np.testing.assert_array_equal(scattered, expected)


@pytest.mark.parametrize("form", ["_OneStep", "_FixedPoint"])
@given(data=st.data())
def test_requantize_int64(form: str, data: st.DataObject) -> None:
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = draw(st.integers(1, 20))
    real = draw(random_multipliers(channels)) * draw(st.sampled_from([1, 2.0**10]))
    low, high = draw(st.sampled_from([(-32768, 32767), (0, 32767), (-1000, 1000)]))
    most = int(2.0 ** draw(st.floats(3, 40)))
    reach, biases = rng.integers(1, most + 1, channels), rng.integers(-most, most + 1, channels)
    q, shifts = quantize_multipliers(real)
    prepared = RequantizeInt64(q, shifts, low, high, np.int16, biases=biases, reach=reach)
    assume(type(prepared._form).__name__ == form)
    acc = near_thresholds(rng, real * 2.0 ** -draw(st.integers(0, 7)), biases, reach, 300)
    expected = requantize_int64(acc + biases, q, shifts, low, high).astype(np.int16)
    np.testing.assert_array_equal(prepared(acc.astype(np.float64)), expected, strict=True)


@given(seed=st.integers(0, 2**32), reach=st.integers(1, 3000), zero_point=st.integers(-128, 127))
def test_every_accumulator_in_float32(seed: int, reach: int, zero_point: int) -> None:
    rng = np.random.default_rng(seed)
    q, shifts = quantize_multipliers(np.exp2(rng.uniform(-7, 0, 3)) * 200 / reach)
    biases = rng.integers(-reach, reach + 1, 3)
    limits = (zero_point, zero_point, 127, np.int8)
    prepared = Requantize(q, shifts, *limits, biases=biases, reach=reach, takes_multiples=True)
    assume(type(prepared._form).__name__ == "_InFloat32")
    acc = np.arange(-reach, reach + 1)[:, None]
    actual = prepared((acc * prepared.factors).astype(np.float32))
    np.testing.assert_array_equal(actual, requantize(acc + biases, q, shifts, *limits[:3]))


def test_without_a_reach_nothing_is_assumed() -> None:
    q, shifts = quantize_multipliers([0.01])
    prepared = Requantize(q, shifts, 0, -128, 127, np.int8)
    # wraps to −2^31 + 5, as the native int32 does
    assert prepared(np.array([2**31 + 5], np.float64)).tolist() == [-128]
