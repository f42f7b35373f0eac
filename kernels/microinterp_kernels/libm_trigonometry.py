"""The C library's sine and cosine of float32, vectorized, with glibc's results to the last bit: see `libm.py`.

Provenance: the algorithm of ARM's optimized-routines (MIT): polynomials in double, the argument reduced by a
multiple of π/2. The code is our own; the polynomials' coefficients are theirs.

Both functions take a float32 array of any shape and return a new one; they raise no floating-point warnings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .libm import Float32s, blockwise

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

_SIN = tuple(map(float.fromhex, ("-0x1.555545995a603p-3", "0x1.1107605230bc4p-7", "-0x1.994eb3774cf24p-13")))
_COS = tuple(
    map(
        float.fromhex,
        (
            *("0x1p+0", "-0x1.ffffffd0c621cp-2", "0x1.55553e1068f19p-5"),
            *("-0x1.6c087e89a359dp-10", "0x1.99343027bf8c3p-16"),
        ),
    )
)
# π/2 as a double in two parts, the first so short that its products with quadrants are exact.
_HALF_PI_HIGH = float.fromhex("0x1.921FB544p+0")
_HALF_PI_LOW = float.fromhex("0x1.921FB54442D18p+0") - _HALF_PI_HIGH
_QUADRANTS_PER_UNIT = float.fromhex("0x1.45F306DC9C883p+23")  # 2/π, times 2^24
_QUADRANT_STEP = float.fromhex("0x1.921FB54442D18p-62")  # π/2 · 2^−62

_TINY, _MEDIUM = np.float32(2.0**-12), np.float32(120)
# The fraction of 4/π in words of 32 bits, one for each byte that it starts at; what stands before it is zero.
_FOUR_OVER_PI = 0x0000_00A2_F983_6E4E_4415_29FC_2757_D1F5_34DD_C0DB_6295_993C_4390_41
_FOUR_OVER_PI_BYTES = 27
_WORDS = np.array(
    [_FOUR_OVER_PI >> 8 * (_FOUR_OVER_PI_BYTES - 4 - i) & 0xFFFFFFFF for i in range(_FOUR_OVER_PI_BYTES - 3)],
    np.uint64,
)


def _sin_polynomial(x: Float64s, x2: Float64s) -> Float64s:
    s1, s2, s3 = _SIN
    x3 = x * x2
    return (x + x3 * s1) + (x3 * x2) * (s2 + x2 * s3)


def _cos_polynomial(x2: Float64s) -> Float64s:
    c0, c1, c2, c3, c4 = _COS
    x4 = x2 * x2
    return ((c0 + x2 * c1) + x4 * c2) + (x4 * x2) * (c3 + x2 * c4)


def _reduce_medium(x: Float64s) -> tuple[Float64s, Int64s]:
    """x = rest + quadrant · π/2, for |x| below 120. The rest is rounded only once (fused multiply-add)."""
    quadrant = ((x * _QUADRANTS_PER_UNIT).astype(np.int64) + 0x800000) >> 24
    return (x - quadrant * _HALF_PI_HIGH) - quadrant * _HALF_PI_LOW, quadrant


def _reduce_large(x: Float32s) -> tuple[Float64s, Int64s]:
    """|x| = rest + quadrant · π/2 for any finite number from 2 on: 96 bits of x · 4/π, as integers."""
    bits = x.view(np.uint32)
    first = (bits >> np.uint32(26) & np.uint32(15)).astype(np.int64)
    shift = bits >> np.uint32(23) & np.uint32(7)
    mantissa = ((bits & np.uint32(0xFFFFFF) | np.uint32(0x800000)) << shift).astype(np.uint64)
    high, middle, low = (mantissa * _WORDS[first + i] for i in (0, 4, 8))
    product = (low >> np.uint64(32) | high << np.uint64(32)) + middle
    quadrant = (product + np.uint64(1 << 61)) >> np.uint64(62)
    rest = (product - (quadrant << np.uint64(62))).view(np.int64)
    return rest * _QUADRANT_STEP, quadrant.astype(np.int64)


def _sin_of_quarters(x: Float32s, quarters: int) -> Float32s:
    """sin(x + quarters · π/2), where `quarters` is 0 or 1."""
    size = np.abs(x)
    is_large = size >= _MEDIUM
    rest, quadrant = _reduce_medium(np.where(is_large, np.float32(0), x).astype(np.float64))
    if is_large.any():
        large_rest, large_quadrant = _reduce_large(x)
        if quarters == 0:
            large_quadrant += 2 * np.signbit(x)  # sin(−x) = sin(x + π)
        rest = np.where(is_large, large_rest, rest)
        quadrant = np.where(is_large, large_quadrant, quadrant)
    quadrant += quarters
    x2 = rest * rest
    y = np.where(quadrant & 1, _cos_polynomial(x2), _sin_polynomial(rest, x2)).astype(np.float32)
    y = np.where(quadrant & 2, -y, y)
    return np.where(np.isfinite(x), y, x - x)


@blockwise
def sinf(x: Float32s) -> Float32s:
    """sin(x); NaN of infinities."""
    return np.where(np.abs(x) < _TINY, x, _sin_of_quarters(x, 0))


@blockwise
def cosf(x: Float32s) -> Float32s:
    """cos(x); NaN of infinities."""
    return _sin_of_quarters(x, 1)
