"""1 / √x of integers as a quantized multiplier."""

from __future__ import annotations

import math

import numpy as np

from .fixed_point import INT32_MAX, Int64s, rounding_divide_by_pot
from .gemmlowp import fixed_point_constant, multiply, rescale

_INTEGER_BITS = 3


def inverse_square_root(x: Int64s) -> tuple[Int64s, Int64s]:
    """1 / √x of non-negative int32 values as (q, shift) with 1 / √x ≈ q · 2^(shift − 31); of 0 as of 1.

    TFLite's `GetInvSqrtQuantizedMultiplierExp`, with left shifts positive: five Newton-Raphson steps.
    """
    right = np.full_like(x, 11)
    scaled = np.maximum(x, 2)
    for _ in range(2):
        is_large = scaled >= 1 << 29
        scaled, right = np.where(is_large, scaled // 4, scaled), right + is_large
    _, bits = np.frexp(scaled.astype(np.float64))
    pairs = (31 - bits.astype(np.int64)) // 2 - 1
    right -= pairs
    half_input = rounding_divide_by_pot((scaled << 2 * pairs) >> 1, 1)
    three_halves = fixed_point_constant(1.5, _INTEGER_BITS, 32)
    y = np.full_like(x, fixed_point_constant(1.0, _INTEGER_BITS, 32))
    for _ in range(5):
        cube = rescale(multiply(multiply(y, y, 32), y, 32), 2 * _INTEGER_BITS, 32)
        y = rescale(multiply(three_halves, y, 32) - multiply(half_input, cube, 32), _INTEGER_BITS, 32)
    y = multiply(y, fixed_point_constant(math.sqrt(0.5), 0, 32), 32)
    is_small = x <= 1
    y = np.where(is_small, INT32_MAX, y << np.maximum(-right, 0))
    return y, np.where(is_small, 0, -np.maximum(right, 0))
