"""L2_NORMALIZATION and LOCAL_RESPONSE_NORMALIZATION over the last axis, and CUMSUM.

Sources of the formulas: TFLite's `reference/l2normalization.h`, `reference/integer_ops/l2normalization.h`,
`reference/reference_ops.h` and `reference/cumsum.h`, checked against the native runtimes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import clip_to, multiply_by_quantized_multiplier, quantize_multiplier, wrap_int32
from .inverse_square_root import inverse_square_root

Array = NDArray[Any]
Float32s = NDArray[np.float32]

_EPSILON = np.float32(1e-6)
_OUTPUT_SHIFT = 7  # outputs are multiples of 1/128


@np.errstate(all="ignore")
def l2_normalize(x: Float32s, output: Float32s) -> None:
    """x / max(√(sum of squares), 1e-6) over the last axis, the squares added from first to last."""
    norms = np.sqrt(np.add.accumulate(x * x, axis=-1)[..., -1:])
    np.divide(x, np.maximum(norms, _EPSILON), out=output)


def l2_normalize_int8(x: NDArray[np.int8], output: NDArray[np.int8], *, zero_point: int) -> None:
    """`l2_normalize` of quantized numbers; the output has scale 1/128 and zero point 0."""
    numbers = x.astype(np.int64) - zero_point
    multipliers, shifts = inverse_square_root((numbers * numbers).sum(axis=-1, keepdims=True))
    y = multiply_by_quantized_multiplier(numbers, multipliers, shifts + _OUTPUT_SHIFT)
    output[...] = clip_to(y, np.int8)


def l2_normalize_uint8(x: NDArray[np.uint8], output: NDArray[np.uint8], *, zero_point: int) -> None:
    """`l2_normalize` of quantized numbers; the output has scale 1/128 and zero point 128."""
    numbers = x.astype(np.int64) - zero_point
    multipliers, shifts = inverse_square_root((numbers * numbers).sum(axis=-1, keepdims=True))
    y = multiply_by_quantized_multiplier(numbers << _OUTPUT_SHIFT, multipliers, shifts)
    output[...] = clip_to(y + 128, np.uint8)


class LocalResponseNormalization:
    """x · (bias + alpha · sum of squares)^−beta, the sum over `radius` channels before and radius − 1 after each.

    The squares are added from first to last in float32; the rest is computed in double.
    """

    def __init__(self, channels: int, radius: int, bias: float, alpha: float, beta: float) -> None:
        self.places = range(max(-radius, 1 - channels), min(radius, channels))
        self.bias, self.alpha, self.beta = bias, alpha, beta

    @np.errstate(all="ignore")
    def __call__(self, x: Float32s, output: Float32s) -> None:
        """Compute `output`, float32 [..., channels], for `x` of the same shape."""
        squares, channels = x * x, x.shape[-1]
        sums = np.zeros_like(x)
        for place in self.places:
            first, last = max(0, -place), min(channels, channels - place)
            sums[..., first:last] += squares[..., first + place : last + place]
        bases = self.bias + self.alpha * sums.astype(np.float64)
        factors = np.power(bases, -self.beta)
        if self.beta % 2 == 1:  # the C library negates negative NaNs with negative numbers
            factors[np.isnan(bases)] = np.nan
        np.multiply(factors.astype(np.float32), x, out=output)  # of two NaNs the first stays


@np.errstate(all="ignore")
def add_up_along(x: Array, output: Array, *, axis: int, exclusive: bool, reverse: bool) -> None:
    """Sums of all elements up to each one along an axis, with it or (`exclusive`) without; from the end with `reverse`.

    Integers wrap; floats are added one after the other onto zero.
    """
    if reverse:
        x, output = np.flip(x, axis), np.flip(output, axis)
    sums = np.add.accumulate(x, axis=axis, dtype=x.dtype)
    before = (slice(None),) * axis
    if exclusive:
        output[(*before, slice(0, 1))] = 0
        sums, output = sums[(*before, slice(0, -1))], output[(*before, slice(1, None))]
    np.add(sums, x.dtype.type(0), out=output)  # no sum is −0


class CumulativeSumInt8:
    """CUMSUM of int8, rescaled to twice the input's scale and 20 bits below the point before it is added up.

    TFLM means to start with zero, but starts with what the integer 0 stands for.
    """

    SHIFT = 20

    def __init__(self, scale: float, zero_point: int, output_scale: float, output_zero_point: int) -> None:
        self.zero_point, self.output_zero_point = zero_point, output_zero_point
        with np.errstate(all="ignore"):
            rescaling = float(2 * np.float64(scale) / (np.float64(output_scale) * 2**self.SHIFT))
        if not 0 < rescaling < 1:
            raise ValueError(f"scales of {scale} and {output_scale} are too far apart")
        self._input_multiplier = quantize_multiplier(0.5)
        self._output_multiplier = quantize_multiplier(rescaling)

    def __call__(
        self, x: NDArray[np.int8], output: NDArray[np.int8], *, axis: int, exclusive: bool, reverse: bool
    ) -> None:
        """Compute `output` for `x`."""
        scaled = self._rescale(x.astype(np.int64) - self.zero_point)
        sums = np.empty_like(scaled)
        add_up_along(scaled, sums, axis=axis, exclusive=exclusive, reverse=reverse)
        acc = wrap_int32(sums + self._rescale(np.array(-self.zero_point)))
        y = multiply_by_quantized_multiplier(acc, *self._output_multiplier) + self.output_zero_point
        output[...] = clip_to(y, np.int8)

    def _rescale(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        return multiply_by_quantized_multiplier(numbers << self.SHIFT, *self._input_multiplier)
