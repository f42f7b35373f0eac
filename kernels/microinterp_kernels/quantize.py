"""Between real and quantized numbers, and from one quantization to another.

Source of the formulas: TFLite's `kernels/internal/reference` (quantize.h, requantize.h, dequantize.h), checked
against the native runtimes. Scales and zero points are scalars, or arrays that broadcast against the numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .fixed_point import quantize_multiplier
from .requantize import requantize

Array = NDArray[Any]

# A float32 plus this reaches the next whole number just if plus one half it would, rounded as the sum is.
_BELOW_HALF = np.nextafter(np.float32(0.5), np.float32(0))


@np.errstate(all="ignore")
def quantize(
    x: NDArray[np.float32], output: Array, *, scale: ArrayLike, zero_point: ArrayLike, low: int, high: int
) -> None:
    """round(x / scale) + zero_point in float32, halves away from zero, clamped to [low, high].

    A quotient that is NaN or leaves int32 becomes −2^31, as x86 converts it, and the sum wraps: with a negative
    zero point it ends at `high`.
    """
    real = np.empty(output.shape, np.float32)
    np.divide(x, np.asarray(scale, np.float32), out=real)
    real += np.copysign(_BELOW_HALF, real)
    np.trunc(real, out=real)
    fits = np.abs(real) < np.float32(2.0**31)
    if not fits.all():
        np.copyto(real, np.float32(-(2.0**31)), where=~fits)
    whole = real.astype(np.int32)
    whole += np.asarray(zero_point, np.int32)
    np.maximum(whole, low, out=whole)
    np.minimum(whole, high, out=whole)
    output[...] = whole


class QuantizeInteger:
    """From one quantized integer type to another, saturating."""

    def __init__(
        self, x_scale: float, x_zero_point: int, output_scale: float, output_zero_point: int, dtype: Any
    ) -> None:
        with np.errstate(all="ignore"):
            scaling = np.float64(x_scale) / np.float64(output_scale)
        self.multiplier, self.shift = quantize_multiplier(float(scaling))
        self.x_zero_point, self.output_zero_point, self.dtype = x_zero_point, output_zero_point, dtype
        self.low, self.high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)

    def __call__(self, x: Array) -> Array:
        """The numbers, as a new array of the output's type."""
        difference = x.astype(np.int64) - self.x_zero_point
        result = requantize(
            difference, self.multiplier, self.shift, self.output_zero_point, self.low, self.high
        )
        return result.astype(self.dtype)


@np.errstate(all="ignore")
def dequantize(x: Array, output: NDArray[np.float32], *, scale: ArrayLike, zero_point: ArrayLike) -> None:
    """(x − zero_point) · scale of int8, uint8 or int16, rounded once to float32."""
    difference = np.subtract(x, np.asarray(zero_point, np.int32), dtype=np.int32)
    output[...] = difference * np.asarray(scale, np.float64)


def dequantize_float16(x: NDArray[np.float16], output: NDArray[np.float32]) -> None:
    """The same numbers in single precision."""
    output[...] = x
