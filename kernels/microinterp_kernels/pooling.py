"""Average, maximum and Euclidean norm of the elements in each window of an image: the pooling operators.

Images are [batches, height, width, channels]; elements outside the image do not count. Source of the formulas:
TFLite's `reference/pooling.h` and `reference/integer_ops/pooling.h`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .clamp import clamp
from .padding import Pair, Windows

Shape = tuple[int, int, int, int]

_MOST_STACKED = 1 << 18  # with more elements, going from tap to tap is as fast and takes less memory


class _Taps:
    """The elements of all windows, one array for each place in the window (a "tap"), in row-major order.

    The image is copied into padded memory of our own, of which the taps are views.
    """

    def __init__(
        self, shape: Shape, windows: Windows, window: Pair, stride: Pair, dtype: Any, outside: Any
    ) -> None:
        batches, height, width, channels = shape
        rows = _useful(height, windows.counts[0], window[0], stride[0], windows.padding[0])
        columns = _useful(width, windows.counts[1], window[1], stride[1], windows.padding[1])
        top, left = windows.padding[0] - rows.start, windows.padding[1] - columns.start
        padded = np.full(
            (
                batches,
                max(top + height, (windows.counts[0] - 1) * stride[0] + len(rows)),
                max(left + width, (windows.counts[1] - 1) * stride[1] + len(columns)),
                channels,
            ),
            outside,
            dtype,
        )
        self.image = padded[:, top : top + height, left : left + width]
        self.output_shape = (batches, *windows.counts, channels)
        b, y, x, c = padded.strides
        self._windows = as_strided(
            padded, (len(rows), len(columns), *self.output_shape), (y, x, b, y * stride[0], x * stride[1], c)
        )
        self.taps = [tap for row in self._windows for tap in row]
        self._ones = np.ones(len(self.taps), dtype)
        self._stack = np.empty(self._windows.shape, dtype) if self._windows.size <= _MOST_STACKED else None

    def reduce(self, operation: np.ufunc, result: NDArray[Any]) -> None:
        """Combine the taps one after the other, as the native loops do, into `result` of `output_shape`."""
        if self._stack is None:
            result[...] = self.taps[0]
            for tap in self.taps[1:]:
                operation(result, tap, out=result)
            return
        self._stack[...] = self._windows
        flat = self._stack.reshape(len(self.taps), -1)
        if flat.shape[1] > 1:
            operation.reduce(flat, axis=0, out=result.reshape(-1))
        else:  # NumPy does not reduce a single column from first to last
            result[...] = operation.accumulate(flat, axis=0)[-1]

    def add_in_any_order(self, result: NDArray[Any]) -> None:
        """Add up taps whose sums are exact into `result` of `output_shape`."""
        if self._stack is None:
            self.reduce(np.add, result)
            return
        self._stack[...] = self._windows
        flat = self._stack.reshape(len(self.taps), -1)
        self._ones.dot(flat, result.reshape(-1))


def _useful(image: int, count: int, window: int, stride: int, padding: int) -> range:
    """The places in a window that meet the image at all: a huge window costs no more than the image."""
    return range(max(0, padding - (count - 1) * stride), min(window, padding + image))


def _elements_inside(shape: Shape, windows: Windows, window: Pair, stride: Pair) -> NDArray[np.int64]:
    """How many elements of each window lie inside the image, [height, width, 1]."""
    inside = []
    for axis in (0, 1):
        origins = np.arange(windows.counts[axis], dtype=np.int64) * stride[axis] - windows.padding[axis]
        inside.append(np.minimum(window[axis], shape[1 + axis] - origins) - np.maximum(0, -origins))
    counts: NDArray[np.int64] = inside[0][:, None, None] * inside[1][None, :, None]
    return counts


class AveragePool2DFloat32:
    """The average of each window, summed in row-major order, clamped to low…high.

    `shape` is the image's; `windows` comes from `fit_windows`; `window` and `stride` are (height, width).
    There must be at least one window, and one element.
    """

    def __init__(
        self, shape: Shape, windows: Windows, window: Pair, stride: Pair, low: np.float32, high: np.float32
    ) -> None:
        self._taps = _Taps(shape, windows, window, stride, np.float32, 0)
        self._inside = _elements_inside(shape, windows, window, stride).astype(np.float32)
        self._total = np.empty(self._taps.output_shape, np.float32)
        self._low, self._high = low, high

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, image: NDArray[np.float32], output: NDArray[np.float32]) -> None:
        """Pool `image` (float32 of the prepared shape) into `output` (float32)."""
        # the native sum starts with +0.0, so that a sum of −0.0s is +0.0
        np.add(image, np.float32(0), out=self._taps.image)
        self._average()
        output[...] = clamp(self._total, self._low, self._high)

    def _average(self) -> None:
        """Leave the average of each window in `_total`."""
        self._taps.reduce(np.add, self._total)
        np.divide(self._total, self._inside, out=self._total)


class L2Pool2DFloat32(AveragePool2DFloat32):
    """The square root of the average square of each window, otherwise as `AveragePool2DFloat32`."""

    @np.errstate(over="ignore", invalid="ignore", under="ignore")
    def __call__(self, image: NDArray[np.float32], output: NDArray[np.float32]) -> None:
        """Pool `image` (float32 of the prepared shape) into `output` (float32)."""
        np.multiply(image, image, out=self._taps.image)
        self._average()
        np.sqrt(self._total, out=self._total)
        output[...] = clamp(self._total, self._low, self._high)


class AveragePool2DInteger:
    """The average of each window of int8, uint8 or int16, halves away from zero, clamped to low…high.

    `shape` is the image's; `windows` comes from `fit_windows`; `window` and `stride` are (height, width).
    There must be at least one window, and one element.
    """

    def __init__(
        self, shape: Shape, windows: Windows, window: Pair, stride: Pair, low: int, high: int, dtype: Any
    ) -> None:
        inside = _elements_inside(shape, windows, window, stride)
        # sums are exact in float32 up to 2²⁴, and always in float64
        exact = np.float32 if int(inside.max()) * (np.iinfo(dtype).max + 1) < 2**24 else np.float64
        self._taps = _Taps(shape, windows, window, stride, exact, 0)
        self._total: NDArray[Any] = np.empty(self._taps.output_shape, exact)
        self._average = np.empty(self._taps.output_shape, np.float64)
        self._half = np.empty(self._taps.output_shape, np.float64)
        self._half_window = (inside // 2).astype(np.float64)
        self._inside = inside.astype(np.float64)
        self._low, self._high = np.float64(low), np.float64(high)

    def __call__(self, image: NDArray[Any], output: NDArray[Any]) -> None:
        """Pool `image` (of the prepared shape and type) into `output` (of the same type)."""
        self._taps.image[...] = image
        self._taps.add_in_any_order(self._total)
        # C's (total ± n / 2) / n, all in integers: the quotients are far enough from the next integer for float64
        self._average[...] = self._total  # converting first is faster than adding different types
        np.copysign(self._half_window, self._average, out=self._half)
        np.add(self._average, self._half, out=self._average)
        np.divide(self._average, self._inside, out=self._average)
        np.maximum(self._average, self._low, out=self._average)
        np.minimum(self._average, self._high, out=self._average)
        output[...] = self._average  # truncates, as C does


class MaxPool2DFloat32:
    """The largest element of each window, clamped to low…high; NaNs are passed over.

    `shape` is the image's; `windows` comes from `fit_windows`; `window` and `stride` are (height, width).
    There must be at least one window, and one element.
    """

    def __init__(
        self, shape: Shape, windows: Windows, window: Pair, stride: Pair, low: np.float32, high: np.float32
    ) -> None:
        self._lowest = np.finfo(np.float32).min
        self._taps = _Taps(shape, windows, window, stride, np.float32, self._lowest)
        self._largest = np.empty(self._taps.output_shape, np.float32)
        self._low, self._high = low, high

    def __call__(self, image: NDArray[np.float32], output: NDArray[np.float32]) -> None:
        """Pool `image` (float32 of the prepared shape) into `output` (float32)."""
        self._taps.image[...] = image
        largest = self._largest
        largest.fill(self._lowest)
        for tap in self._taps.taps:  # not np.maximum: of two zeros the first one stays, whatever its sign
            np.copyto(largest, tap, where=largest < tap)
        output[...] = clamp(largest, self._low, self._high)


class MaxPool2DInteger:
    """The largest element of each window of int8, uint8 or int16, clamped to low…high.

    `shape` is the image's; `windows` comes from `fit_windows`; `window` and `stride` are (height, width).
    There must be at least one window, and one element.
    """

    def __init__(
        self, shape: Shape, windows: Windows, window: Pair, stride: Pair, low: int, high: int, dtype: Any
    ) -> None:
        limits = np.iinfo(dtype)
        self._taps = _Taps(shape, windows, window, stride, dtype, limits.min)
        self._largest: NDArray[Any] = np.empty(self._taps.output_shape, dtype)
        self._clamps = (low, high) != (limits.min, limits.max)
        self._low, self._high = np.asarray(low, dtype), np.asarray(high, dtype)

    def __call__(self, image: NDArray[Any], output: NDArray[Any]) -> None:
        """Pool `image` (of the prepared shape and type) into `output` (of the same type)."""
        self._taps.image[...] = image
        self._taps.reduce(np.maximum, self._largest)
        if self._clamps:
            np.maximum(self._largest, self._low, out=self._largest)
            np.minimum(self._largest, self._high, out=self._largest)
        output[...] = self._largest
