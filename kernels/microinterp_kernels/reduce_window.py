"""Reductions of the elements in windows over a tensor: REDUCE_WINDOW and STABLEHLO_REDUCE_WINDOW.

Source of the formulas: LiteRT's `stablehlo_reduce_window.cc`, checked against the runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]
#: What has been reduced so far, the next elements → their reduction.
Function = Callable[[Array, Array], Array]


def maximum(a: Array, b: Array) -> Array:
    """The larger of both, the first of equal ones, the second if one is NaN."""
    return np.where(a >= b, a, b)


def minimum(a: Array, b: Array) -> Array:
    """The smaller of both, the first of equal ones, the second if one is NaN."""
    return np.where(a <= b, a, b)


class ReduceWindow:
    """Each window reduced by `function`, from the initial value on, in row-major order.

    First, `base_dilations` − 1 initial values are put between the elements along each axis, then as many as `padding`
    says, (before, after), around them; negative padding takes elements away. Within a window the elements are
    `dilations` apart. All windows, strides and dilations must be positive.

    Raises:
        ValueError: negative padding leaves less than nothing.
    """

    def __init__(
        self,
        shape: Shape,
        function: Function,
        window: Sequence[int],
        strides: Sequence[int],
        dilations: Sequence[int],
        base_dilations: Sequence[int],
        padding: Sequence[tuple[int, int]],
    ) -> None:
        self.function = function
        dilated = [(n - 1) * d + 1 for n, d in zip(shape, base_dilations, strict=True)]
        self.padded_shape = tuple(
            n + before + after for n, (before, after) in zip(dilated, padding, strict=True)
        )
        if min(self.padded_shape) < 0:
            raise ValueError(f"padding of {list(padding)} leaves less than nothing of {dilated}")
        inputs, places = [], []  # which elements of the input are left, and where they come to
        for n, (before, _), size, dilation in zip(
            shape, padding, self.padded_shape, base_dilations, strict=True
        ):
            first = max(0, -(before // dilation))  # the first that does not come to lie before the start
            end = max(first, min(n, (size - 1 - before) // dilation + 1))
            start = before + first * dilation
            inputs.append(slice(first, end))
            places.append(slice(start, start + (end - first) * dilation, dilation))
        self._inputs, self._places = tuple(inputs), tuple(places)
        reaches = [(w - 1) * d + 1 for w, d in zip(window, dilations, strict=True)]
        self.output_shape = tuple(
            (n - reach) // stride + 1 if n >= reach else 0
            for n, reach, stride in zip(self.padded_shape, reaches, strides, strict=True)
        )
        self._taps = [
            tuple(
                slice(place * d, place * d + (count - 1) * stride + 1, stride)
                for place, d, stride, count in zip(tap, dilations, strides, self.output_shape, strict=True)
            )
            for tap in (product(*(range(w) for w in window)) if 0 not in self.output_shape else ())
        ]

    @np.errstate(all="ignore")
    def __call__(self, x: Array, init: Array, output: Array) -> None:
        """Compute `output`, of `output_shape`, for `x` and an initial value, [1]."""
        if x.dtype == np.bool_:  # the runtime computes with bytes: a sum of two is 2
            x, init, output = x.view(np.int8), init.view(np.int8), output.view(np.int8)
        padded = np.full(self.padded_shape, init[0], x.dtype)
        padded[self._places] = x[self._inputs]
        acc = np.full(self.output_shape, init[0], x.dtype)
        for tap in self._taps:
            acc = self.function(acc, padded[tap]).astype(x.dtype, copy=False)
        output[...] = acc
