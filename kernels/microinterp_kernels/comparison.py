"""Comparisons element by element: plain numbers, booleans, strings, and quantized numbers of different scales.

All take `x` and `y`, which broadcast as NumPy arrays do, and write booleans into `output`. `compare` is one of
NumPy's comparing functions: `np.equal`, `np.less`, ….

Source of the formulas: TFLite's `kernels/internal/reference/comparisons.h`, checked against the native runtimes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cast import from_bfloat16
from .elementwise_quantized import rescale
from .fixed_point import quantize_multiplier

Array = NDArray[Any]
Booleans = NDArray[np.bool_]

_LEFT_SHIFT = 8


class CompareBfloat16:
    """Comparison of numbers carried as the bits of bfloat16."""

    def __init__(self, compare: np.ufunc) -> None:
        self.compare = compare

    def __call__(self, x: NDArray[np.uint16], y: NDArray[np.uint16], output: Booleans) -> None:
        """Compute `output`."""
        self.compare(from_bfloat16(x), from_bfloat16(y), out=output)


class CompareQuantized:
    """Comparison of quantized numbers, each brought to 1/256 by a rounded multiplication with its own scale.

    The native kernels are made for scales below 1. What they do with others (die, or shift by negative counts, which
    C leaves undefined) is not imitated: such numbers are rounded to 1/256 in double.
    """

    def __init__(
        self, compare: np.ufunc, x_scale: float, x_zero_point: int, y_scale: float, y_zero_point: int
    ) -> None:
        self.compare = compare
        self.x_scale, self.x_zero_point = x_scale, x_zero_point
        self.y_scale, self.y_zero_point = y_scale, y_zero_point

    def __call__(self, x: Array, y: Array, output: Booleans) -> None:
        """Compute `output`."""
        left = _rescale(x, self.x_scale, self.x_zero_point)
        right = _rescale(y, self.y_scale, self.y_zero_point)
        self.compare(left, right, out=output)


def _rescale(x: Array, scale: float, zero_point: int) -> NDArray[np.float64]:
    if scale >= 1:
        rounded: NDArray[np.float64] = np.rint((x.astype(np.int64) - zero_point) * (scale * 2.0**_LEFT_SHIFT))
        return rounded
    return rescale(x, zero_point, _LEFT_SHIFT, *quantize_multiplier(scale)).astype(np.float64)
