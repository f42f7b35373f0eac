"""Hypothesis strategies for what elementwise operators are given: numbers, scales, zero points, shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.ir import NUMPY_TYPES, TensorType

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

# A quarter of the profile's examples, for tests of which there is one per element type and runtime.
FEWER_EXAMPLES = settings(max_examples=settings().max_examples // 4)

_SPECIAL = (0.0, 1e-45, 1e-40, 2.0**-126, 0.5, 1.0, 1.5, 2.5, 6.0, 127.5, 255.5, 2.0**31, 3e38, np.inf)


@st.composite
def numbers(draw: st.DrawFn, type: TensorType, shape: Shape) -> Array:
    """Numbers of an element type: of its whole range, close together, or its extremes; floats with special ones.

    All NaNs have the same bits: of two different ones LiteRT's vector code keeps now the first, now the second,
    depending on the place (float32 ADD and MUL of 23 elements: the second up to element 15, then the first).
    """
    dtype = NUMPY_TYPES[type]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind == "c":
        result = np.empty(shape, dtype)
        for part in (result.real, result.imag):
            part[...] = _floats(rng, shape, part.dtype, draw(st.booleans()))
        return result
    if dtype.kind == "f":
        return _floats(rng, shape, dtype, draw(st.booleans()))
    limits = np.iinfo(dtype)
    low, high = {TensorType.INT4: (-8, 7), TensorType.UINT4: (0, 15), TensorType.INT2: (-2, 1)}.get(
        type, (int(limits.min), int(limits.max))
    )
    spread = draw(st.sampled_from([1, 12, high - low]))
    middle = draw(st.sampled_from([low, 0, high]))
    least, most = max(low, middle - spread), min(high, middle + spread)
    wide = np.uint64 if most > np.iinfo(np.int64).max else np.int64
    return np.asarray(rng.integers(least, most, shape, wide, endpoint=True)).astype(dtype)


@st.composite
def factors(draw: st.DrawFn, type: TensorType, shape: Shape, *, finite: bool = False) -> Array:
    """`numbers` for sums and products: floats that are finite, or with NaNs that have the bits of inf − inf.

    Of two NaNs the first one stays, and which that is is up to the compiler.
    """
    values = draw(numbers(type, shape))
    if values.dtype.kind != "f":
        return values
    keep = np.isfinite(values) if finite else ~np.isnan(values)
    return np.asarray(np.where(keep, values, values.dtype.type(1.0 if finite else -np.nan)))


def _floats(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any], special: bool) -> Array:
    with np.errstate(over="ignore"):
        values = (rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
        if special:
            signs = rng.choice([-1.0, 1.0], shape)
            values = np.where(
                rng.random(shape) < 0.3, (signs * rng.choice(_SPECIAL, shape)).astype(dtype), values
            )
            values = np.where(rng.random(shape) < 0.1, np.array(np.nan, dtype), values)
    return np.asarray(values, dtype)


def scales(least_exponent: float, largest_exponent: float) -> st.SearchStrategy[float]:
    """float32 numbers between these powers of two, whole powers among them."""
    powers = st.floats(least_exponent, largest_exponent).map(lambda e: 2.0**e)
    whole_powers = st.integers(int(least_exponent), int(largest_exponent)).map(lambda e: 2.0**e)
    return st.one_of(powers, whole_powers).map(lambda s: float(np.float32(s)))


def zero_points(type: TensorType) -> st.SearchStrategy[int]:
    """Zero points of a quantized type: its extremes, 0 and any other; 0 for int16."""
    if type in (TensorType.INT16, TensorType.INT32):
        return st.just(0)
    limits = np.iinfo(NUMPY_TYPES[type])
    return st.one_of(st.sampled_from([limits.min, 0, limits.max]), st.integers(limits.min, limits.max))


def shapes(least_side: int = 1, most_dims: int = 4) -> st.SearchStrategy[Shape]:
    """Shapes of a few numbers, scalars among them."""
    return hnp.array_shapes(min_dims=0, max_dims=most_dims, min_side=least_side, max_side=5)
