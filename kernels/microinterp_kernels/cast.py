"""Conversion of numbers from one element type to another, as C++ and TFLite's CAST do it.

Source of the rules: TFLite's `kernels/cast.cc`, checked against the native runtimes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@np.errstate(all="ignore")
def cast(x: Array, output: Array) -> None:
    """Convert between number types wherever C defines the result: integers wrap, floats round to nearest.

    Of complex numbers the real part counts, unless the output is complex. The conversions that are not here are
    those of the other functions.
    """
    output[...] = x.real if output.dtype.kind != "c" else x


@np.errstate(all="ignore")
def cast_to_bool(x: Array, output: NDArray[np.bool_]) -> None:
    """Whether the (real part of the) number is not zero; a NaN is not."""
    np.not_equal(x.real, 0, out=output)


@np.errstate(all="ignore")
def cast_to_integer(x: Array, output: Array, *, low: int, high: int, nan: int) -> None:
    """Convert floats (or the real part of complex numbers): towards zero, saturating to [low, high].

    `low` is 0 or −2^n and `high` 2^m − 1. NaNs become `nan`.
    """
    x = x.real
    if x.dtype == np.float16:
        x = x.astype(np.float32)  # whose range has room for the bounds
    bounds = x.dtype.type
    inside = (x > bounds(low)) & (x < bounds(2.0 ** high.bit_length()))
    output[...] = np.where(inside, x, 0).astype(output.dtype)
    if not inside.all():
        np.copyto(
            output, np.where(np.isnan(x), nan, np.where(x > 0, high, low)), where=~inside, casting="unsafe"
        )


@np.errstate(all="ignore")
def cast_to_float16(x: Array, output: NDArray[np.float16]) -> None:
    """Convert to half precision by way of float32, rounding to nearest even; NaNs keep their sign only."""
    output[...] = x.real.astype(np.float32)
    make_nans_canonical(output)


def make_nans_canonical(x: NDArray[np.float16]) -> None:
    """Leave of each NaN the sign only, as TFLite's conversion from float32 does."""
    nans = np.isnan(x)
    if nans.any():
        bits = x.view(np.uint16)
        np.copyto(bits, bits & 0x8000 | 0x7E00, where=nans)


@np.errstate(all="ignore")
def cast_to_bfloat16(x: Array, output: NDArray[np.uint16]) -> None:
    """Convert to the bits of bfloat16 by way of float32, rounding to nearest even; NaNs keep their sign only."""
    single = np.array(x.real, np.float32)
    bits = single.view(np.uint32)
    rounded = (bits + (bits >> 16 & 1) + 0x7FFF) >> 16
    output[...] = np.where(np.isnan(single), bits >> 16 & 0x8000 | 0x7FC0, rounded)


def from_bfloat16(x: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The numbers whose bfloat16 bits these are."""
    return np.left_shift(x, 16, dtype=np.uint32).view(np.float32)
