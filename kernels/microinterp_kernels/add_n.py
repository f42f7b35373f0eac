"""ADD_N: the sum of several tensors of one shape.

Source of the formulas: TFLite's `kernels/internal/reference/add_n.h` and `AddN` of `optimized_ops.h`, with the
preparation in TFLite Micro's `kernels/add_n.cc`, checked against the native runtimes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .elementwise import Array, add
from .elementwise_quantized import rescale
from .fixed_point import Int64s, quantize_multiplier
from .requantize import requantize


@np.errstate(all="ignore")
def add_n(*arrays: Array) -> None:
    """0 + x + y + …, into the last array, in this order; integers wrap."""
    *terms, output = arrays
    output[...] = 0
    for term in terms:
        np.add(output, term, out=output)


class AddNClamped:
    """((x + y) + z) + …, into the last array; each sum is clamped to the finite numbers (TFLite's ADD)."""

    def __init__(self, low: np.float32, high: np.float32) -> None:
        self.low, self.high = low, high

    def __call__(self, *arrays: Array) -> None:
        """Compute the last array."""
        first, *terms, output = arrays
        output[...] = first
        for term in terms:
            add(output, term, output, low=self.low, high=self.high)


class AddNQuantized:
    """The sum of int8 arrays of one scale and zero point, requantized.

    The native kernel starts not with 0, but with what a 0 less the zero point is. Reproduced: the sum is off by that
    much of the real number.
    """

    _LEFT_SHIFT = 20

    def __init__(self, scale: float, zero_point: int, output_scale: float, output_zero_point: int) -> None:
        self.zero_point, self.output_zero_point = zero_point, output_zero_point
        self.multiplier, self.shift = quantize_multiplier(0.5)
        self.output_multiplier, self.output_shift = quantize_multiplier(
            2 * scale / (2.0**self._LEFT_SHIFT * output_scale)
        )

    def __call__(self, *arrays: NDArray[np.int8]) -> None:
        """Compute the last array."""
        *terms, output = arrays
        total = self._rescale(np.zeros(output.shape, np.int8))
        for term in terms:
            total += self._rescale(term)
        limits = np.iinfo(output.dtype)
        output[...] = requantize(
            total,
            self.output_multiplier,
            self.output_shift,
            self.output_zero_point,
            int(limits.min),
            int(limits.max),
        )

    def _rescale(self, x: NDArray[np.int8]) -> Int64s:
        return rescale(x, self.zero_point, self._LEFT_SHIFT, self.multiplier, self.shift)
