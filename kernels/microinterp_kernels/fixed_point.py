"""Fixed-point arithmetic of TFLite and gemmlowp, vectorized and exact.

Sources of the formulas: gemmlowp's `fixedpoint.h`, TFLite's `kernels/internal/common.h` and
`quantization_util.cc`, checked against the native runtimes. All functions take int64 arrays or numbers that hold
int32 values, and return int64 that hold int32 values, unless they say otherwise.
"""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Int64s = NDArray[np.int64]

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)


def c_round(x: float) -> int:
    """C's `round`: to the nearest integer, halves away from zero."""
    whole = math.trunc(x)
    rest = x - whole
    return whole + (rest >= 0.5) - (rest <= -0.5)


def quantize_multiplier(multiplier: float) -> tuple[int, int]:
    """A real multiplier as (q, shift) with multiplier = q·2^(shift−31) and q in [2^30, 2^31), or (0, 0).

    TFLite's `QuantizeMultiplier`. Multipliers below 2^-32 become (0, 0).
    """
    if multiplier == 0.0 or not math.isfinite(multiplier):
        return 0, 0
    fraction, shift = math.frexp(multiplier)
    q = c_round(fraction * 2**31)
    if q == 2**31:
        q //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    return q, shift


def quantize_multipliers(multipliers: ArrayLike) -> tuple[Int64s, Int64s]:
    """`quantize_multiplier` of each element of a 1-D array: (multipliers, shifts), int64."""
    multipliers = np.asarray(multipliers, np.float64).ravel()
    fractions, shifts = np.frexp(np.where(np.isfinite(multipliers), multipliers, 0.0))
    # float64 has room for the half
    q = np.trunc(fractions * 2.0**31 + np.copysign(0.5, fractions)).astype(np.int64)
    rounded_up = q == 2**31
    q >>= rounded_up
    shifts = shifts + rounded_up
    vanishes = shifts < -31
    return np.where(vanishes, 0, q), np.where(vanishes | (q == 0), 0, shifts).astype(np.int64)


def wrap_int32(x: Int64s) -> Int64s:
    """Two's-complement wrap of int64 values to int32, as C's conversion does."""
    return x.astype(np.int32).astype(np.int64)


def saturating_rounding_doubling_high_mul(a: ArrayLike, b: ArrayLike) -> Int64s:
    """gemmlowp's SRDHM: round(a·b / 2^31), halves up; int32 min times itself saturates."""
    a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
    product = a * b
    # gemmlowp nudges by 2^30 or 1 − 2^30 and then divides truncating, which is the floor of (p + 2^30) / 2^31
    high: Int64s = np.minimum((product + (1 << 30)) >> 31, INT32_MAX)
    return high


def rounding_divide_by_pot(x: ArrayLike, exponent: ArrayLike) -> Int64s:
    """gemmlowp's RoundingDivideByPOT: x / 2^exponent, halves away from zero; exponent in [0, 31]."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (x < 0)
    rounded: Int64s = (x >> exponent) + (remainder > threshold)
    return rounded


def rounding_divide_int16_by_pot(x: Int64s, exponent: int) -> Int64s:
    """gemmlowp's RoundingDivideByPOT of int16 values: x / 2^exponent, halves away from zero; exponent in [0, 31].

    From 16 on the mask of the remainder does not fit into int16, which makes every result 1 or −1.
    """
    if exponent < 16:
        return rounding_divide_by_pot(x, exponent)
    away: Int64s = np.where(x < 0, np.int64(-1), np.int64(1))
    return away


def multiply_by_quantized_multiplier(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> Int64s:
    """TFLite's double-rounding `MultiplyByQuantizedMultiplier` of int32 values.

    `multiplier` and `shift` (from `quantize_multiplier`) broadcast against `x`. The left shift wraps as int32 does.
    """
    x, shift = np.asarray(x, np.int64), np.asarray(shift, np.int64)
    left = np.maximum(shift, 0) & 31  # more is undefined in C; x86 takes the low five bits
    shifted = wrap_int32(x << left)
    return rounding_divide_by_pot(
        saturating_rounding_doubling_high_mul(shifted, multiplier), np.maximum(-shift, 0)
    )


def multiply_by_quantized_multiplier_up(x: ArrayLike, multiplier: int, shift: int) -> Int64s:
    """As `multiply_by_quantized_multiplier`, but halves are rounded up: what vector code has for it on x86."""
    left, right = np.int64(max(shift, 0) & 31), max(-shift, 0)
    high = saturating_rounding_doubling_high_mul(wrap_int32(np.asarray(x, np.int64) << left), multiplier)
    rounded: Int64s = (high + ((1 << right) >> 1)) >> right
    return rounded


def multiply_int64_by_quantized_multiplier(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> Int64s:
    """TFLite's `MultiplyByQuantizedMultiplier` of int64 accumulators (16x8): 15-bit multipliers, rounded once."""
    x, shift = np.asarray(x, np.int64), np.asarray(shift, np.int64)
    total_shift = 15 - shift
    return wrap_int32((x * reduce_multiplier(multiplier) + (np.int64(1) << (total_shift - 1))) >> total_shift)


def reduce_multiplier(multiplier: ArrayLike) -> Int64s:
    """A 31-bit quantized multiplier rounded to 15 bits, as TFLite does where accumulators are int64."""
    multiplier = np.asarray(multiplier, np.int64)
    return np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, np.int64(0x7FFF))


@overload
def clip_to(x: NDArray[Any], dtype: type[np.int8]) -> NDArray[np.int8]: ...
@overload
def clip_to(x: NDArray[Any], dtype: type[np.int16]) -> NDArray[np.int16]: ...
@overload
def clip_to(x: NDArray[Any], dtype: Any) -> NDArray[Any]: ...
def clip_to(x: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Saturate to the range of an integer type and convert to it."""
    limits = np.iinfo(dtype)
    clipped: NDArray[Any] = np.clip(x, limits.min, limits.max).astype(dtype)
    return clipped
