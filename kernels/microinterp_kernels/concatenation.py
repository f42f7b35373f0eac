"""The only arithmetic in a concatenation: uint8 inputs that are quantized differently from the output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import clip_to
from .libm import round_half_away
from .lookup_table import LookupTable


def requantization_uint8(
    scale: float, zero_point: int, output_scale: float, output_zero_point: int
) -> LookupTable:
    """A function from one quantization of uint8 to another (TFLite's `ConcatenationWithScaling`).

    round(q · s − zero_point · s) + output_zero_point with s = scale · (1 / output_scale), all in float32, halves
    away from zero, saturating. What is no number or leaves int32 becomes 0.
    """

    def requantized(q: NDArray[np.uint8]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            ratio = np.float32(scale) * (np.float32(1) / np.float32(output_scale))
            bias = np.float32(-zero_point) * ratio
            y = round_half_away(q.astype(np.float32) * ratio + bias)
        y[~(np.abs(y) < 2.0**31)] = -(2.0**31)  # as x86 converts to int32
        return clip_to(y.astype(np.int64) + output_zero_point, np.uint8)

    return LookupTable(requantized, np.uint8)
