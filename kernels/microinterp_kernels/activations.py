"""LOGISTIC, TANH, ELU and HARD_SWISH; those of quantized numbers that need more than a table.

Sources of the formulas: TFLite's `logistic.h`, `tanh.h`, `elu.h` and `hard_swish.h` in `internal/reference` and in its
`integer_ops`, `tensor_utils::ApplySigmoid` and `ApplyTanh`; checked against the native runtimes.

The int16 functions take some twenty NumPy calls: whoever calls them often wraps them in a `LookupTable`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from functools import cache

import numpy as np
from numpy.typing import NDArray

from . import gemmlowp
from .fixed_point import (
    INT32_MIN,
    Int64s,
    c_round,
    clip_to,
    multiply_by_quantized_multiplier,
    rounding_divide_by_pot,
    wrap_int32,
)
from .libm import Float32s, expf, expm1f, logf, round_half_away, tanhf

_LOGISTIC_IS_1 = np.float32(16.619047164916992188)  # above this
_LOGISTIC_IS_EXP = np.float32(-9)  # below this


@np.errstate(all="ignore")
def logistic_float32(x: Float32s) -> Float32s:
    """1 / (1 + e^−x) of a float32 array, with TFLite's short cuts for large and for small x."""
    is_exp = x < _LOGISTIC_IS_EXP
    exp = expf(np.where(is_exp, x, -x))
    y = np.where(is_exp, exp, np.float32(1) / (np.float32(1) + exp))
    return np.where(x > _LOGISTIC_IS_1, np.float32(1), y)


@np.errstate(all="ignore")
def plain_logistic_float32(x: Float32s) -> Float32s:
    """1 / (1 + e^−x) of a float32 array, without short cuts: what LiteRT's 8-bit tables hold."""
    y: Float32s = np.float32(1) / (np.float32(1) + expf(-x))
    return y


def tanh_float32(x: Float32s) -> Float32s:
    """tanh(x) of a float32 array."""
    return tanhf(x)


def elu_float32(x: Float32s) -> Float32s:
    """x, or e^x − 1 where x is negative."""
    return np.where(x < 0, expm1f(x), x)


@np.errstate(all="ignore")
def elu_by_exp_float32(x: Float32s) -> Float32s:
    """`elu_float32` with the difference rounded twice: what TFLM's 8-bit tables hold."""
    return np.where(x < 0, expf(x) - np.float32(1), x)


@np.errstate(all="ignore")
def hard_swish_float32(x: Float32s) -> Float32s:
    """x · relu6(x + 3) / 6."""
    raised = x + np.float32(3)
    relu6 = np.where(raised > 0, np.minimum(raised, np.float32(6)), np.float32(0))  # of a NaN 0
    y: Float32s = x * relu6 / np.float32(6)
    return y


@cache
def _sigmoid_table() -> Int64s:
    """256 steps of 1/24 of the logistic function from zero, times 2^16.

    Each is shifted by half the error that a line to the next makes in the middle; the last is 2^16 − 1.
    """

    def sigmoid(step: float) -> float:
        return 65536 / (1 + math.exp(-step / 24))

    def entry(i: int) -> int:
        error = (sigmoid(i) + sigmoid(i + 1)) / 2 - sigmoid(i + 0.5)
        return math.floor(sigmoid(i) - error / 2 + 0.5)

    return np.array([entry(i) for i in range(255)] + [65535], np.int64)


def checked_log2(x: float) -> int | None:
    """The binary logarithm of a power of two, which a float32 may miss by 0.07 % (TFLite's `CheckedLog2`), or None."""
    log, log_of_2 = logf(np.array([x, 2], np.float32))
    log2 = log * (np.float32(1) / log_of_2)
    rounded = round_half_away(log2)
    return int(rounded) if np.isfinite(log2) and abs(log2 - rounded) < np.float32(1e-3) else None


def int16_multiplier(input_scale: float, power_of_two_shifts: Container[int]) -> tuple[int, int]:
    """(multiplier, shift) for `logistic_int16` and `tanh_int16`.

    An input scale of 2^(s − 12) becomes exactly (3 · 2^s, 0) if s is one of `power_of_two_shifts` (TFLite: 0 for
    logistic, 0 and 1 for tanh); any other is cut to 14 or 15 bits.
    """
    log2 = checked_log2(input_scale)
    if log2 is not None and log2 + 12 in power_of_two_shifts:
        return 3 << (log2 + 12), 0
    multiplier, shift = input_scale * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    if not abs(multiplier) < 2**31:
        return INT32_MIN, shift  # x86's conversion
    if abs(multiplier) < 1:
        return INT32_MIN, 0  # the native kernels take 0 for a power of two: 3 << 31, which wraps
    return math.trunc(multiplier), shift


def _interpolated_sigmoid(
    x: NDArray[np.int16], multiplier: int, shift: int, fractional_bits: int, saturated: int
) -> tuple[Int64s, NDArray[np.bool_]]:
    """The table at |x · multiplier / 2^shift|, times 2^fractional_bits, and where x is not negative."""
    rounding = 1 << (shift - 1) if shift > 0 else 0
    scaled = wrap_int32(x.astype(np.int64) * multiplier + rounding) >> shift
    size = np.abs(scaled)
    index = np.minimum(size >> fractional_bits, 255)
    table = _sigmoid_table()
    low, high = table[index], table[np.minimum(index + 1, 255)]
    fraction = size & ((1 << fractional_bits) - 1)
    result = (low << fractional_bits) + fraction * (high - low)
    return np.where(index == 255, saturated, result), scaled >= 0


def logistic_int16(x: NDArray[np.int16], multiplier: int, shift: int) -> NDArray[np.int16]:
    """Logistic function of an int16 array by interpolation in a table of 256, with 15 fractional bits.

    The input scale is multiplier / 2^shift / 12288; see `int16_multiplier`.
    """
    y, is_positive = _interpolated_sigmoid(x, multiplier, shift, 9, 0x7FFF << 10)
    return (np.where(is_positive, y + (1 << 9), (1 << 25) - y + (1 << 9) - 1) >> 10).astype(np.int16)


def tanh_int16(x: NDArray[np.int16], multiplier: int, shift: int) -> NDArray[np.int16]:
    """tanh of an int16 array by interpolation in the logistic function's table, with 15 fractional bits.

    The input scale is multiplier / 2^shift / 12288, as in `logistic_int16`.
    """
    y, is_positive = _interpolated_sigmoid(x, multiplier, shift, 8, 0xFFFF << 8)
    y = y - (1 << 23)
    return (np.where(is_positive, y + (1 << 7), -y + (1 << 7) - 1) >> 8).astype(np.int16)


_INTEGER_BITS = 4  # of the argument of the int8 functions


def _fixed_point_int8(
    x: NDArray[np.int8], input_scale: float, input_zero_point: int, function: Callable[[Int64s], Int64s]
) -> NDArray[np.int8]:
    """A fixed-point function on int8, which is −128 or 127 beyond its range."""
    fraction, shift = math.frexp(input_scale * 2.0 ** (31 - _INTEGER_BITS))
    radius = math.floor((2**_INTEGER_BITS - 1) * 2.0 ** (31 - _INTEGER_BITS - shift))
    centered = x.astype(np.int64) - input_zero_point
    scaled = multiply_by_quantized_multiplier(
        np.where(np.abs(centered) < radius, centered, 0), c_round(fraction * 2**31), shift
    )
    y = clip_to(function(scaled), np.int8)
    y[centered >= radius] = 127
    y[centered <= -radius] = -128
    return y


def logistic_int8(x: NDArray[np.int8], input_scale: float, input_zero_point: int) -> NDArray[np.int8]:
    """Logistic function of an int8 array in gemmlowp's fixed point; the result has scale 1/256, zero point −128."""
    return _fixed_point_int8(
        x,
        input_scale,
        input_zero_point,
        lambda v: rounding_divide_by_pot(gemmlowp.logistic(v, _INTEGER_BITS), 31 - 8) - 128,
    )


def tanh_int8(x: NDArray[np.int8], input_scale: float, input_zero_point: int) -> NDArray[np.int8]:
    """tanh of an int8 array in gemmlowp's fixed point; the result has scale 1/128, zero point 0."""
    return _fixed_point_int8(
        x,
        input_scale,
        input_zero_point,
        lambda v: rounding_divide_by_pot(gemmlowp.tanh(v, _INTEGER_BITS), 31 - 7),
    )


def logistic_fixed_point_int16(x: NDArray[np.int16], integer_bits: int = 3) -> NDArray[np.int16]:
    """Logistic function of int16 fixed-point numbers, with 15 fractional bits (`ApplySigmoid`)."""
    return gemmlowp.logistic(x.astype(np.int64), integer_bits, 16).astype(np.int16)


def tanh_fixed_point_int16(x: NDArray[np.int16], integer_bits: int) -> NDArray[np.int16]:
    """tanh of int16 fixed-point numbers of 0 to 6 integer bits, with 15 fractional bits (`ApplyTanh`)."""
    return gemmlowp.tanh(x.astype(np.int64), integer_bits, 16).astype(np.int16)
