"""Fixed-point arithmetic for arrays of a few dozen numbers, where what counts is the number of NumPy calls.

The functions give what their namesakes in `fixed_point` give, in an arithmetic form without case distinctions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import Int64s, multiply_by_quantized_multiplier

Int16s = NDArray[np.int16]
Int32s = NDArray[np.int32]

_LEAST, _LARGEST = np.int32(-(2**15)), np.int32(2**15 - 1)


def saturate_int16(x: NDArray[np.signedinteger[Any]]) -> Int16s:
    """Saturate integers to int16."""
    saturated: Int16s = np.minimum(np.maximum(x, _LEAST), _LARGEST).astype(np.int16)
    return saturated


class RoundingShift:
    """`rounding_divide_by_pot` of the products of int16 arrays; the shift is 1 to 30."""

    def __init__(self, shift: int) -> None:
        self.shift, self.half = np.int32(shift), np.int32(1 << (shift - 1))

    def __call__(self, a: Int16s, b: Int16s) -> Int32s:
        """The products of `a` and `b`, shifted."""
        product: Int32s = np.multiply(a, b, dtype=np.int32)
        # a negative number is one less, so that the floor rounds its halves down
        product += self.half + (product >> np.int32(31))
        product >>= self.shift
        return product


class QuantizedMultiplier:
    """`multiply_by_quantized_multiplier` of int64 arrays of int32 values, which it may overwrite."""

    def __init__(self, multiplier: int, shift: int) -> None:
        self.multiplier, self.shift, self.right = multiplier, shift, -shift
        self.half = (1 << self.right) >> 1 if shift <= 0 else 0

    def __call__(self, x: Int64s) -> Int64s:
        """x times the multiplier."""
        if self.shift > 0:
            return multiply_by_quantized_multiplier(x, self.multiplier, self.shift)
        x *= self.multiplier
        x += 1 << 30
        x >>= 31
        if self.right:
            x += self.half + (x >> 63)
            x >>= self.right
        return x
