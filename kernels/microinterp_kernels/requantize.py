"""From accumulators to outputs: scale by a quantized multiplier, add the zero point, clamp.

What every integer operator with int32 accumulators ends with. Source of the formulas: the last lines of the
loops in TFLite's `reference_integer_ops` (conv, depthwise_conv, fully_connected), checked against the native
runtimes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .fixed_point import (
    Int64s,
    multiply_by_quantized_multiplier,
    multiply_int64_by_quantized_multiplier,
    wrap_int32,
)


def requantize(
    acc: Int64s, multipliers: ArrayLike, shifts: ArrayLike, zero_point: int, low: int, high: int
) -> Int64s:
    """clamp(zero_point + acc · multiplier, low, high), rounded twice as gemmlowp does.

    `acc` is int64 of any shape and wraps to int32, as the native accumulator does; `multipliers` and `shifts`
    (from `quantize_multipliers`) broadcast against it: one, or one per channel in the last axis.
    """
    scaled = multiply_by_quantized_multiplier(wrap_int32(acc), multipliers, shifts)
    return np.minimum(np.maximum(wrap_int32(scaled + zero_point), low), high)


def requantize_int64(acc: Int64s, multipliers: ArrayLike, shifts: ArrayLike, low: int, high: int) -> Int64s:
    """clamp(acc · multiplier, low, high) of int64 accumulators (16x8): 15-bit multipliers, rounded once."""
    scaled = multiply_int64_by_quantized_multiplier(acc, multipliers, shifts)
    return np.minimum(np.maximum(scaled, low), high)


class Requantize:
    """`requantize` with its parameters prepared: accumulators in, outputs of `dtype` out.

    `multipliers` and `shifts` are one or one per channel (the accumulators' last axis).
    """

    def __init__(
        self,
        multipliers: Int64s,
        shifts: Int64s,
        zero_point: int,
        low: int,
        high: int,
        dtype: type[np.integer],
    ) -> None:
        self.multipliers, self.shifts = multipliers, shifts
        self.zero_point, self.low, self.high = zero_point, low, high
        self.dtype = np.dtype(dtype)

    def __call__(self, acc: NDArray[Any]) -> NDArray[Any]:
        """The outputs for accumulators `acc` of any shape: integers, in an integer or a float type."""
        whole = acc.astype(np.int64)
        outputs = requantize(whole, self.multipliers, self.shifts, self.zero_point, self.low, self.high)
        return outputs.astype(self.dtype)
