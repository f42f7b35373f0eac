"""PRELU and LEAKY_RELU: numbers below zero are multiplied by a slope.

Source of the formulas: TFLite's `kernels/internal/reference/prelu.h` and `leaky_relu.h`, with the preparations in
`kernels/activations.cc`, checked against the native runtimes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import Int64s, clip_to, multiply_by_quantized_multiplier, quantize_multiplier, wrap_int32
from .libm import Float32s

Array = NDArray[Any]


@np.errstate(all="ignore")
def prelu(x: Float32s, slope: Float32s, output: Float32s) -> None:
    """x ≥ 0 ? x : x · slope; a NaN is multiplied. Shapes broadcast."""
    output[...] = np.where(x >= 0, x, x * slope)


@np.errstate(all="ignore")
def leaky_relu(x: Float32s, output: Float32s, *, slope: np.float32) -> None:
    """x > 0 ? x : x · slope, the same slope for all."""
    output[...] = np.where(x > 0, x, x * slope)


class PReluQuantized:
    """PRELU of int8, uint8 or int16: `multiplier` is x scale / output scale, `slope_multiplier` that · slope scale."""

    def __init__(
        self,
        multiplier: float,
        slope_multiplier: float,
        x_zero_point: int,
        slope_zero_point: int,
        output_zero_point: int,
    ) -> None:
        self.identity = quantize_multiplier(multiplier)
        self.scaling = quantize_multiplier(slope_multiplier)
        self.x_zero_point, self.slope_zero_point = x_zero_point, slope_zero_point
        self.output_zero_point = output_zero_point

    def __call__(self, x: Array, slope: Array, output: Array) -> None:
        """Compute `output`, of the element type of `x`."""
        number = x.astype(np.int64) - self.x_zero_point
        product = number * (slope.astype(np.int64) - self.slope_zero_point)
        result = np.where(number >= 0, _scale(number, *self.identity), _scale(product, *self.scaling))
        output[...] = clip_to(wrap_int32(result + self.output_zero_point), output.dtype)


def leaky_relu_quantized(
    x: Array, multiplier: float, slope_multiplier: float, zero_point: int, output_zero_point: int
) -> Array:
    """LEAKY_RELU of int8, uint8 or int16, as the same type: `slope_multiplier` is `multiplier` · slope.

    `multiplier` is the scale of x by that of the output. Where the slope is negative the product with its size is
    rounded and then negated.
    """
    number = x.astype(np.int64) - zero_point
    slope = _scale(number, *quantize_multiplier(abs(slope_multiplier))) * (-1 if slope_multiplier < 0 else 1)
    result = np.where(number >= 0, _scale(number, *quantize_multiplier(multiplier)), slope)
    return clip_to(wrap_int32(result + output_zero_point), x.dtype)


def _scale(x: Int64s, multiplier: int, shift: int) -> Int64s:
    return multiply_by_quantized_multiplier(wrap_int32(x), multiplier, shift)
