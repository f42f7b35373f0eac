"""Elementwise arithmetic on quantized numbers: int8, uint8 and int16.

A class prepares the constants of one operator; calling it computes `output` from `x` and `y`, which broadcast as
NumPy arrays do. All are functions of the two numbers alone, so that for 8-bit numbers `Tabulated` can replace them
by one table of 65,536 results.

Source of the formulas: TFLite's `kernels/internal/reference` (add.h, sub.h, mul.h, div.h and their `integer_ops`
forms) with the preparations in `kernels/add.cc`, `sub.cc`, `mul.cc` and `div.cc`, checked against the native
runtimes.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .fixed_point import (
    Int64s,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    rounding_divide_int16_by_pot,
    saturating_rounding_doubling_high_mul,
    wrap_int32,
)
from .gemmlowp import one_over_one_plus_x_for_x_in_0_1
from .requantize import requantize

Array = NDArray[Any]


class BinaryFunction(Protocol):
    """A function of two arrays that writes into a third, of their broadcast shape."""

    def __call__(self, x: Array, y: Array, output: Array, /) -> None:
        """Compute `output`."""


def _any_shift(x: Int64s, multiplier: int, shift: int | Int64s) -> Int64s:
    """`MultiplyByQuantizedMultiplierSmallerThanOneExp`, also for shifts outside the −31 to 0 that it is made for.

    C leaves a shift by a negative or too large count undefined. The native runtimes do what x86 does: it takes
    the count modulo 32, and modulo 64 where the mask is made, which int32 then truncates.
    """
    high = saturating_rounding_doubling_high_mul(x, multiplier)
    exponent = -np.asarray(shift, np.int64)
    mask = wrap_int32((np.int64(1) << (exponent & 63)) - 1)
    threshold = (mask >> 1) + (high < 0)
    return (high >> (exponent & 31)) + ((high & mask) > threshold)


def rescale(x: Array, zero_point: int, left_shift: int, multiplier: int, shift: int) -> Int64s:
    """Numbers less their zero point, times 2^left_shift, times a multiplier below one; wraps as int32."""
    return multiply_by_quantized_multiplier(
        wrap_int32((x.astype(np.int64) - zero_point) << left_shift), multiplier, shift
    )


class _OnCommonScale:
    """An operation on two numbers brought to a common scale: twice the larger of theirs, by 2^left_shift."""

    def __init__(
        self, x_scale: float, x_zero_point: int, y_scale: float, y_zero_point: int, left_shift: int
    ) -> None:
        self.common_scale = 2 * max(x_scale, y_scale)
        self.x_zero_point, self.y_zero_point, self.left_shift = x_zero_point, y_zero_point, left_shift
        self.x_multiplier, self.x_shift = quantize_multiplier(x_scale / self.common_scale)
        self.y_multiplier, self.y_shift = quantize_multiplier(y_scale / self.common_scale)

    def _rescaled(self, x: Array, y: Array) -> tuple[Int64s, Int64s]:
        return (
            rescale(x, self.x_zero_point, self.left_shift, self.x_multiplier, self.x_shift),
            rescale(y, self.y_zero_point, self.left_shift, self.y_multiplier, self.y_shift),
        )


class AddQuantized(_OnCommonScale):
    """ADD or SUB: both inputs are brought to a common scale, and the sum of them to the output's.

    The scales are positive float32 values. The native kernels want `output_scaling`, from the common scale to the
    output's, to be below one.
    """

    def __init__(
        self,
        x_scale: float,
        x_zero_point: int,
        y_scale: float,
        y_zero_point: int,
        output_scale: float,
        output_zero_point: int,
        *,
        low: int,
        high: int,
        left_shift: int = 20,
        subtract: bool = False,
    ) -> None:
        super().__init__(x_scale, x_zero_point, y_scale, y_zero_point, left_shift)
        self.output_zero_point, self.low, self.high = output_zero_point, low, high
        self.subtract = subtract
        self.output_scaling = self.common_scale / (2.0**left_shift * output_scale)
        self.output_multiplier, self.output_shift = quantize_multiplier(self.output_scaling)

    def __call__(self, x: Array, y: Array, output: Array) -> None:
        """Compute `output`."""
        left, right = self._rescaled(x, y)
        total = left - right if self.subtract else left + right
        output[...] = requantize(
            total, self.output_multiplier, self.output_shift, self.output_zero_point, self.low, self.high
        )


class SquaredDifferenceQuantized(_OnCommonScale):
    """SQUARED_DIFFERENCE: both inputs are brought to a common scale, and their squared difference to the output's.

    The scales are positive float32 values. LiteRT dies of a scaling of one or more to the output's; TFLM computes it.
    """

    def __init__(
        self,
        x_scale: float,
        x_zero_point: int,
        y_scale: float,
        y_zero_point: int,
        output_scale: float,
        output_zero_point: int,
        *,
        left_shift: int,
    ) -> None:
        super().__init__(x_scale, x_zero_point, y_scale, y_zero_point, left_shift)
        self.output_zero_point = output_zero_point
        self.output_multiplier, self.output_shift = quantize_multiplier(
            self.common_scale * self.common_scale / (4.0**left_shift * output_scale)
        )

    def __call__(self, x: Array, y: Array, output: Array) -> None:
        """Compute `output`."""
        left, right = self._rescaled(x, y)
        limits = np.iinfo(output.dtype)
        output[...] = requantize(
            (left - right) ** 2,
            self.output_multiplier,
            self.output_shift,
            self.output_zero_point,
            int(limits.min),
            int(limits.max),
        )


class AddPowerOfTwo:
    """ADD or SUB of int16 numbers whose scales are powers of two: shift the one input with the finer scale, saturate.

    `x_shift` and `y_shift` are log2(input scale / output scale): one is 0, the other from −31 to 0.
    """

    def __init__(self, x_shift: int, y_shift: int, *, low: int, high: int, subtract: bool = False) -> None:
        self.x_shift, self.y_shift, self.subtract = x_shift, y_shift, subtract
        self.low, self.high = low, high

    def __call__(self, x: NDArray[np.int16], y: NDArray[np.int16], output: NDArray[np.int16]) -> None:
        """Compute `output`."""
        left = rounding_divide_int16_by_pot(x.astype(np.int64), -self.x_shift)
        right = rounding_divide_int16_by_pot(y.astype(np.int64), -self.y_shift)
        total = left - right if self.subtract else left + right
        output[...] = np.minimum(np.maximum(total, self.low), self.high)


class _Requantized:
    """An operation on two numbers less their zero points, whose result is requantized."""

    def __init__(
        self,
        x_zero_point: int,
        y_zero_point: int,
        multiplier: float,
        output_zero_point: int,
        *,
        low: int,
        high: int,
    ) -> None:
        self.x_zero_point, self.y_zero_point = x_zero_point, y_zero_point
        self.output_zero_point, self.low, self.high = output_zero_point, low, high
        self.multiplier, self.shift = quantize_multiplier(multiplier)


class MultiplyQuantized(_Requantized):
    """MUL: the product of the numbers less their zero points, requantized."""

    def __call__(self, x: Array, y: Array, output: Array) -> None:
        """Compute `output`."""
        product = (x.astype(np.int64) - self.x_zero_point) * (y.astype(np.int64) - self.y_zero_point)
        output[...] = requantize(
            product, self.multiplier, self.shift, self.output_zero_point, self.low, self.high
        )


class MultiplyInt16ToInt8:
    """MUL of int16 numbers in [−1, 1) (Q0.15) to int8 or uint8, whatever the scales say."""

    def __init__(self, output_zero_point: int, *, low: int, high: int) -> None:
        self.output_zero_point, self.low, self.high = output_zero_point, low, high

    def __call__(self, x: NDArray[np.int16], y: NDArray[np.int16], output: Array) -> None:
        """Compute `output`."""
        product = np.minimum((x.astype(np.int64) * y + (1 << 14)) >> 15, 0x7FFF)
        result = rounding_divide_by_pot(product, 8) + self.output_zero_point
        output[...] = np.minimum(np.maximum(result, self.low), self.high)


class DivideQuantized(_Requantized):
    """DIV: the number less its zero point times the reciprocal of the divisor less its own, requantized.

    The native kernels shift by 32 bits and more where the quotient is small, so that −31 / −128 becomes 127 when
    all scales are 1. TFLM divides by zero, too: the result has no meaning, but is always the same. All this is
    reproduced.
    """

    def __call__(self, x: Array, y: Array, output: Array) -> None:
        """Compute `output`."""
        divisor = y.astype(np.int64) - self.y_zero_point
        dividend = np.where(divisor < 0, -1, 1) * (x.astype(np.int64) - self.x_zero_point)
        divisor = np.abs(divisor)
        # divisor = (1 + fraction) · 2^whole_bits
        whole_bits = _bit_length(divisor) - 1
        fraction = (divisor << (31 - whole_bits)) - (1 << 31)
        reciprocal = np.where(divisor == 0, _RECIPROCAL_OF_ZERO, one_over_one_plus_x_for_x_in_0_1(fraction))
        headroom = 31 - np.where(dividend < 0, _bit_length(-dividend - 1), _bit_length(dividend))
        quotient = saturating_rounding_doubling_high_mul(dividend << headroom, reciprocal)
        result = _any_shift(quotient, self.multiplier, self.shift - whole_bits - headroom)
        result = wrap_int32(result + self.output_zero_point)
        output[...] = np.minimum(np.maximum(result, self.low), self.high)


# What gemmlowp's Newton-Raphson steps make of it in int32, which wraps twice on the way.
_RECIPROCAL_OF_ZERO = -1515870788


def _bit_length(x: Int64s) -> Int64s:
    """`int.bit_length` of numbers from 0 to 2^52."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)


_EIGHT = np.array(8, np.uint16)


class Tabulated:
    """A function of two 8-bit numbers as a table of its 65,536 results.

    `function` computes, from two arrays of `dtype` (int8 or uint8), one of `output_dtype`.
    """

    def __init__(self, function: BinaryFunction, dtype: Any, output_dtype: Any) -> None:
        self.function = function
        numbers = np.arange(256, dtype=np.uint8).view(dtype)
        self.table = np.empty((256, 256), output_dtype)
        function(numbers[:, np.newaxis], numbers, self.table)

    def __call__(self, x: Array, y: Array, output: Array) -> None:
        """Compute `output`."""
        index = x.view(np.uint8).astype(np.uint16)
        index <<= _EIGHT
        self.table.take(index | y.view(np.uint8), out=output, mode="wrap")  # the quickest way to take
