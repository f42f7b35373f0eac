"""LOGISTIC and TANH.

Sources of the formulas: TFLite's `logistic.h` and `tanh.h` in `internal/reference` and in its `integer_ops`,
`tensor_utils::ApplySigmoid` and `ApplyTanh`; checked against the native runtimes.

The int16 functions take some twenty NumPy calls: whoever calls them often wraps them in a `LookupTable`.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from . import gemmlowp
from .fixed_point import Int64s, wrap_int32
from .libm import Float32s, expf, tanhf

_LOGISTIC_IS_1 = np.float32(16.619047164916992188)  # above this
_LOGISTIC_IS_EXP = np.float32(-9)  # below this


@np.errstate(all="ignore")
def logistic_float32(x: Float32s) -> Float32s:
    """1 / (1 + e^−x) of a float32 array, with TFLite's short cuts for large and for small x."""
    is_exp = x < _LOGISTIC_IS_EXP
    exp = expf(np.where(is_exp, x, -x))
    y = np.where(is_exp, exp, np.float32(1) / (np.float32(1) + exp))
    return np.where(x > _LOGISTIC_IS_1, np.float32(1), y)


def tanh_float32(x: Float32s) -> Float32s:
    """tanh(x) of a float32 array."""
    return tanhf(x)


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

    The input scale is multiplier / 2^shift / 12288; for one of 2^−12 that is (3, 0).
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


def logistic_fixed_point_int16(x: NDArray[np.int16], integer_bits: int = 3) -> NDArray[np.int16]:
    """Logistic function of int16 fixed-point numbers, with 15 fractional bits (`ApplySigmoid`)."""
    return gemmlowp.logistic(x.astype(np.int64), integer_bits, 16).astype(np.int16)


def tanh_fixed_point_int16(x: NDArray[np.int16], integer_bits: int) -> NDArray[np.int16]:
    """tanh of int16 fixed-point numbers of 0 to 6 integer bits, with 15 fractional bits (`ApplyTanh`)."""
    return gemmlowp.tanh(x.astype(np.int64), integer_bits, 16).astype(np.int16)
