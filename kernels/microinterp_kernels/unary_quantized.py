"""Functions of one quantized number: ABS, RSQRT, SQRT, HARD_SWISH and the kinds of RELU.

Each takes an array of int8, uint8 or int16 and returns a new one of the same type. None of them is made to be called
with many numbers: the results are mostly put into a `LookupTable`.

Source of the formulas: TFLite's `kernels/elementwise.cc`, `activations.cc` and `reference/hard_swish.h`, checked
against the native runtimes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import (
    Int64s,
    clip_to,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    reduce_multiplier,
    rounding_divide_int16_by_pot,
    wrap_int32,
)
from .inverse_square_root import inverse_square_root
from .requantize import requantize

Array = NDArray[Any]


class Rescale:
    """A number less its zero point, or the absolute value of that, times a real multiplier, clamped to [low, high]."""

    def __init__(
        self,
        zero_point: int,
        multiplier: float,
        output_zero_point: int,
        *,
        low: int,
        high: int,
        absolute: bool = False,
    ) -> None:
        self.zero_point, self.output_zero_point = zero_point, output_zero_point
        self.low, self.high, self.absolute = low, high, absolute
        self.multiplier, self.shift = quantize_multiplier(multiplier)

    def __call__(self, x: Array) -> Array:
        """The results, of the type of `x`."""
        number = x.astype(np.int64) - self.zero_point
        if self.absolute:
            number = np.abs(number)
        y = requantize(number, self.multiplier, self.shift, self.output_zero_point, self.low, self.high)
        return y.astype(x.dtype)


_HEADROOM = 20  # bits that 1 / √x is shifted by, to be a whole number


def reciprocal_square_root_quantized(
    x: Array, zero_point: int, multiplier: float, output_zero_point: int
) -> Array:
    """1 / √x, where `multiplier` is 1 / (√scale · output_scale). Of zero it is the largest number.

    For negative numbers the result has no meaning.
    """
    number = x.astype(np.int64) - zero_point
    reciprocal, shift = inverse_square_root(np.maximum(number, 1))
    data = multiply_by_quantized_multiplier(np.int64(1), reciprocal, shift + _HEADROOM)
    output_multiplier, output_shift = quantize_multiplier(multiplier)
    y = multiply_by_quantized_multiplier(data, output_multiplier, output_shift - _HEADROOM)
    y = clip_to(wrap_int32(y + output_zero_point), x.dtype)
    return np.where(number == 0, np.iinfo(x.dtype).max, y).astype(x.dtype)


@np.errstate(all="ignore")
def square_root_quantized(
    x: Array, scale: float, zero_point: int, output_scale: float, output_zero_point: int
) -> Array:
    """√x of int8 or int16, as the same type: dequantized, divided by the output's scale and cut off in float32.

    What leaves int32 becomes −2^31, as x86 converts it, and wraps when the zero point is added. For negative
    numbers the result has no meaning.
    """
    real = np.float32(scale) * (x.astype(np.int64) - zero_point).astype(np.float32)
    scaled = np.sqrt(real) / np.float32(output_scale)
    whole = np.where(np.abs(scaled) < np.float32(2.0**31), scaled, np.float32(-(2.0**31))).astype(np.int64)
    return clip_to(wrap_int32(whole + output_zero_point), x.dtype)


class HardSwish8Bit:
    """x · relu6(x + 3) / 6 of int8 or uint8, in 16-bit fixed point. `precision` is what scales are divided in.

    Raises ValueError for an output scale below 1/128 of the input's, which the formula cannot do.
    """

    def __init__(
        self,
        scale: float,
        zero_point: int,
        output_scale: float,
        output_zero_point: int,
        precision: type[np.float32] | type[np.float64],
    ) -> None:
        self.zero_point, self.output_zero_point = zero_point, output_zero_point
        fine_scale = precision(scale / 128)
        with np.errstate(all="ignore"):
            output_multiplier = float(fine_scale / precision(output_scale))
            relu_multiplier = float(fine_scale / precision(3 / 32768))
        multiplier, self.output_exponent = quantize_multiplier(output_multiplier)
        self.output_multiplier = int(reduce_multiplier(multiplier))
        if self.output_exponent > 0:
            raise ValueError(f"an output scale of {output_scale} is too small beside {scale}")
        multiplier, self.relu_exponent = quantize_multiplier(relu_multiplier)
        self.relu_multiplier = int(reduce_multiplier(multiplier))

    def __call__(self, x: Array) -> Array:
        """The results, of the type of `x`."""
        fine = _wrap_int16((x.astype(np.int64) - self.zero_point) * 128)
        unshifted = _rounding_high_mul(fine, self.output_multiplier)
        # x on a scale where 2^15 stands for 3
        relu = fine
        if self.relu_exponent > 0:
            relu = clip_to(relu << (self.relu_exponent - 1), np.int16).astype(np.int64)
        relu = _rounding_high_mul(relu, self.relu_multiplier)
        if self.relu_exponent > 0:
            relu = clip_to(relu << 1, np.int16).astype(np.int64)
        if self.relu_exponent < 0:
            relu = rounding_divide_int16_by_pot(relu, -self.relu_exponent)
        relu = (relu + (1 << 15)) >> 1  # in [0, 1], and 2^15 stands for 1
        product = _wrap_int16(np.fix(relu * unshifted / (1 << 15)).astype(np.int64))
        y = rounding_divide_int16_by_pot(product, -self.output_exponent)
        return clip_to(_wrap_int16(y + self.output_zero_point), x.dtype)


def _wrap_int16(x: Int64s) -> Int64s:
    return x.astype(np.int16).astype(np.int64)


def _rounding_high_mul(a: Int64s, b: int) -> Int64s:
    """round(a · b / 2^15) of int16, halves up; `b` is not negative."""
    return (a * b + (1 << 14)) >> 15
