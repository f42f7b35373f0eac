"""gemmlowp's fixed-point functions: exp, logistic, tanh and the reciprocals behind them, bit for bit.

A fixed-point number of `integer_bits` m is an integer `raw` of `bits` b (32 or 16) that stands for
raw · 2^(m + 1 − b); with m = 0 it covers [−1, 1). Raw values come and go as int64 that hold b-bit values, so
that no product overflows.

Source of the formulas: gemmlowp's `fixedpoint.h`. Its constants are the nearest fixed-point forms of the
numbers written here.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from .fixed_point import Int64s, c_round, rounding_divide_by_pot

# The reciprocals take plain ints as well: on a handful of numbers that is many times faster than arrays.
IntOrInt64s = TypeVar("IntOrInt64s", int, Int64s)


def fixed_point_constant(value: float, integer_bits: int, bits: int) -> int:
    """The raw form of a constant. That of 16 bits is the 32-bit one rounded, as gemmlowp makes it."""
    raw = c_round(value * 2.0 ** (31 - integer_bits))
    return raw if bits == 32 else (raw + (1 << 15)) >> 16


def multiply(a: Int64s | int, b: Int64s | int, bits: int) -> Int64s:
    """The fixed-point product (`SaturatingRoundingDoublingHighMul`); integer bits add up."""
    product = np.asarray(a, np.int64) * b
    high: Int64s = np.minimum((product + (1 << (bits - 2))) >> (bits - 1), (1 << (bits - 1)) - 1)
    return high


def rescale(raw: Int64s, exponent: int, bits: int) -> Int64s:
    """raw · 2^exponent, saturating upwards, rounding halves away from zero downwards (`Rescale`)."""
    if exponent < 0:
        return rounding_divide_by_pot(raw, -exponent)
    limit = 1 << (bits - 1)
    shifted: Int64s = np.clip(raw << exponent, -limit, limit - 1)
    return shifted


def _exp_between_negative_one_quarter_and_0(a: Int64s, bits: int) -> Int64s:
    """exp(a) for a in [−1/4, 0), no integer bits: the Taylor polynomial of degree 4 around −1/8."""
    center = fixed_point_constant(math.exp(-1 / 8), 0, bits)
    one_third = fixed_point_constant(1 / 3, 0, bits)
    x = a + (1 << (bits - 4))
    x2 = multiply(x, x, bits)
    x3 = multiply(x2, x, bits)
    x4 = multiply(x2, x2, bits)
    higher_terms = multiply(rescale(x4, -2, bits) + x3, one_third, bits) + x2
    result: Int64s = center + multiply(center, x + rescale(higher_terms, -1, bits), bits)
    return rescale(result, 0, bits)


def exp_on_negative_values(a: Int64s, integer_bits: int, bits: int = 32) -> Int64s:
    """exp(a) for a ≤ 0 in `integer_bits`, as a fixed-point number without integer bits."""
    fractional_bits = bits - 1 - integer_bits
    one_quarter = 1 << (fractional_bits - 2)
    a_mod_quarter = (a & (one_quarter - 1)) - one_quarter
    result = _exp_between_negative_one_quarter_and_0(rescale(a_mod_quarter, integer_bits, bits), bits)
    remainder = a_mod_quarter - a
    for exponent in range(-2, min(integer_bits, 5)):
        factor = fixed_point_constant(math.exp(-(2.0**exponent)), 0, bits)
        is_set = remainder & (1 << (fractional_bits + exponent)) != 0
        result = np.where(is_set, multiply(result, factor, bits), result)
    if integer_bits > 5:
        result = np.where(a < -32 << fractional_bits, 0, result)
    return np.where(a == 0, (1 << (bits - 1)) - 1, result)


def _reciprocal_of_half_sum(a: IntOrInt64s, bits: int) -> IntOrInt64s:
    """2 / (1 + a) for a in [0, 1): three Newton-Raphson steps, with 2 integer bits."""
    shift, half = bits - 1, 1 << (bits - 2)  # no product here can saturate
    half_denominator = (a + (1 << shift)) >> 1
    neg_32_over_17 = fixed_point_constant(-32 / 17, 2, bits)
    x = fixed_point_constant(48 / 17, 2, bits) + ((half_denominator * neg_32_over_17 + half) >> shift)
    one = 1 << (bits - 3)
    for _ in range(3):
        error = one - ((half_denominator * x + half) >> shift)
        x = x + (((x * error + half) >> shift) << 2)
    return x


def _saturate(x: IntOrInt64s, bits: int) -> IntOrInt64s:
    """Limit positive numbers to those of `bits`."""
    largest = (1 << (bits - 1)) - 1
    return x - (x > largest) * (x - largest)


def one_over_one_plus_x_for_x_in_0_1(a: IntOrInt64s, bits: int = 32) -> IntOrInt64s:
    """1 / (1 + a) for a in [0, 1); both without integer bits."""
    return _saturate(_reciprocal_of_half_sum(a, bits) << 1, bits)


def one_minus_x_over_one_plus_x_for_x_in_0_1(a: IntOrInt64s, bits: int = 32) -> IntOrInt64s:
    """(1 − a) / (1 + a) for a in [0, 1); both without integer bits."""
    return _saturate((_reciprocal_of_half_sum(a, bits) - (1 << (bits - 3))) << 2, bits)


def logistic(a: Int64s, integer_bits: int, bits: int = 32) -> Int64s:
    """1 / (1 + exp(−a)) for a in `integer_bits`, as a fixed-point number without integer bits."""
    one = (1 << (bits - 1)) - 1
    of_magnitude = one_over_one_plus_x_for_x_in_0_1(
        exp_on_negative_values(-np.abs(a), integer_bits, bits), bits
    )
    return np.where(a == 0, 1 << (bits - 2), np.where(a > 0, of_magnitude, one - of_magnitude))


def tanh(a: Int64s, integer_bits: int, bits: int = 32) -> Int64s:
    """tanh(a) for a in `integer_bits`, as a fixed-point number without integer bits."""
    # 2a is a, read with one more integer bit
    exp = exp_on_negative_values(-np.abs(a), integer_bits + 1, bits)
    of_magnitude = one_minus_x_over_one_plus_x_for_x_in_0_1(exp, bits)
    return np.where(a == 0, 0, np.where(a > 0, of_magnitude, -of_magnitude))
