"""Numbers rounded to what quantized ones could stand for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .libm import round_half_away
from .non_max_suppression import larger, smaller

Float32s = NDArray[np.float32]


class FakeQuant:
    """To the nearest of 2^bits numbers between two bounds that are moved so that 0 is one of them.

    All in float32; a NaN becomes the lower bound. Source: LiteRT's `NudgeQuantizationRange` and `FakeQuantizeArray`.
    """

    @np.errstate(all="ignore")
    def __init__(self, low: float, high: float, bits: int) -> None:
        most = np.float32(2**bits - 1)
        first, last = np.float32(low), np.float32(high)
        self.scale = (last - first) / most
        from_first = -first / self.scale
        zero_point = np.float32(np.clip(round_half_away(np.asarray(from_first)), 0, most))
        self.low = (np.float32(0) - zero_point) * self.scale
        self.high = (most - zero_point) * self.scale
        self.inverse = np.float32(1) / self.scale

    @np.errstate(all="ignore")
    def __call__(self, x: Float32s, output: Float32s) -> None:
        """Compute `output`."""
        low, high = np.asarray(self.low), np.asarray(self.high)
        clamped = smaller(high, larger(low, x))
        output[...] = round_half_away((clamped - low) * self.inverse) * self.scale + low
