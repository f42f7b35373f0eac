"""Resizing of images [batch, height, width, channels] by interpolation or by the nearest pixel.

Source of the formulas: TFLite's `kernels/internal/reference/resize_bilinear.h` and `resize_nearest_neighbor.h`,
checked against the native runtimes. `align_corners` maps the centres of the corner pixels onto each other,
`half_pixel_centers` counts from the pixels' centres rather than their corners. Sizes are (height, width), positive.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .fixed_point import Int64s
from .libm import round_half_away

Array = NDArray[Any]
Shape = tuple[int, int, int, int]
Size = tuple[int, int]

_ONE = 1 << 10  # of the integer kernel's weights


class _Neighbours(NamedTuple):
    """For each place along an output axis: the input places before and after it, and the distance to the former."""

    before: Int64s
    after: Int64s
    distance: Array


def _scale(size: int, new_size: int, align_corners: bool) -> np.float32:
    """How far apart the places of neighbouring output pixels are in the input."""
    aligned = int(align_corners and new_size > 1)
    scale: np.float32 = np.float32(size - aligned) / np.float32(new_size - aligned)
    return scale


def _neighbours_float(size: int, new_size: int, align_corners: bool, half_pixel_centers: bool) -> _Neighbours:
    scale = _scale(size, new_size, align_corners)
    place = np.arange(new_size).astype(np.float32)
    centre = np.float32(0.5 if half_pixel_centers else 0)
    place = (place + centre) * scale - centre
    before = np.maximum(np.floor(place).astype(np.int64), 0)
    after = np.minimum(np.ceil(place).astype(np.int64), size - 1)
    return _Neighbours(before, after, place - before.astype(np.float32))


def _neighbours_integer(
    size: int, new_size: int, align_corners: bool, half_pixel_centers: bool
) -> _Neighbours:
    # The rounded scale may lead `before` past the end: beyond are the next row's pixels, as in the native kernel.
    aligned = int(align_corners and new_size > 1)
    steps = new_size - aligned
    scale = (_ONE * (size - aligned) + steps // 2) // steps
    place = np.arange(new_size, dtype=np.int64) * scale
    if half_pixel_centers:
        place += scale // 2 - _ONE // 2
    before = np.maximum(place, 0) // _ONE
    after = np.minimum((place + _ONE - 1) // _ONE, size - 1)
    return _Neighbours(before, after, place - _ONE * before)


class _Bilinear:
    """The pixels between which to interpolate: first two rows for each output row, of these two columns."""

    def __init__(self, shape: Shape, vertical: _Neighbours, horizontal: _Neighbours) -> None:
        batches, height, width, channels = shape
        self._pixels = (batches * height * width, channels)
        columns = np.arange(max(width, int(horizontal.before.max()) + 1))

        def pixels(rows: Int64s) -> Int64s:
            first = (np.arange(batches)[:, None] * height + rows).reshape(-1, 1) * width
            numbers: Int64s = np.minimum(first + columns, self._pixels[0] - 1)
            return numbers

        self._top, self._bottom = pixels(vertical.before), pixels(vertical.after)
        self._left, self._right = horizontal.before, horizontal.after
        self._down = np.tile(vertical.distance, batches)[:, None, None]
        self._across = horizontal.distance[:, None]
        self.output_shape = (batches, len(vertical.distance), len(horizontal.distance), channels)

    def _rows(self, x: Array) -> tuple[Array, Array]:
        """The upper and the lower neighbour of each output row: [batch · new height, width, channels]."""
        pixels = x.reshape(self._pixels)
        return pixels[self._top], pixels[self._bottom]


class ResizeBilinearFloat(_Bilinear):
    """Bilinear interpolation in float32, of float32 or (LiteRT's way) of uint8, which is rounded half up.

    Args:
        shape: of the input, four positive sizes.
        new_size: height and width of the output.
        align_corners, half_pixel_centers: see above.
    """

    def __init__(
        self, shape: Shape, new_size: Size, *, align_corners: bool, half_pixel_centers: bool
    ) -> None:
        vertical, horizontal = (
            _neighbours_float(size, new, align_corners, half_pixel_centers)
            for size, new in zip(shape[1:3], new_size, strict=True)
        )
        super().__init__(shape, vertical, horizontal)
        self._up, self._back = np.float32(1) - self._down, np.float32(1) - self._across

    @np.errstate(all="ignore")
    def __call__(self, x: Array, output: Array) -> None:
        """Resize `x` into `output`, of the same element type."""
        top, bottom = self._rows(x)
        high, low = top * self._up, bottom * self._down
        # the order of the sum is C's
        result = high[:, self._left] * self._back
        result += low[:, self._left] * self._back
        result += high[:, self._right] * self._across
        result += low[:, self._right] * self._across
        result += np.float32(0 if output.dtype == np.float32 else 0.5)
        output[...] = result.reshape(self.output_shape)


class ResizeBilinearInteger(_Bilinear):
    """Bilinear interpolation of int8 or int16 with weights in units of 1/1024, rounded half away from zero.

    Args:
        shape: of the input, four positive sizes.
        new_size: height and width of the output.
        dtype: the element type.
        align_corners, half_pixel_centers: see above.
    """

    def __init__(
        self,
        shape: Shape,
        new_size: Size,
        dtype: DTypeLike,
        *,
        align_corners: bool,
        half_pixel_centers: bool,
    ) -> None:
        vertical, horizontal = (
            _neighbours_integer(size, new, align_corners, half_pixel_centers)
            for size, new in zip(shape[1:3], new_size, strict=True)
        )
        super().__init__(shape, vertical, horizontal)
        # the weights' products take 22 bits, sign included, where they extrapolate at the border
        wide = np.int32 if np.dtype(dtype).itemsize == 1 else np.int64
        self._down, self._across = self._down.astype(wide), self._across.astype(wide)
        self._up, self._back = _ONE - self._down, _ONE - self._across

    def __call__(self, x: NDArray[np.signedinteger[Any]], output: NDArray[np.signedinteger[Any]]) -> None:
        """Resize `x` into `output`, of the same element type."""
        top, bottom = self._rows(x)
        rows = top * self._up + bottom * self._down
        result = rows[:, self._left] * self._back + rows[:, self._right] * self._across
        output[...] = ((result + (1 << 19) - (result < 0)) >> 20).reshape(self.output_shape)


def _nearest(size: int, new_size: int, align_corners: bool, half_pixel_centers: bool) -> Int64s:
    """For each place along an output axis of `new_size`, the nearest along the input axis of `size`."""
    scale = _scale(size, new_size, align_corners)
    place = np.arange(new_size).astype(np.float32)
    if half_pixel_centers:
        place += np.float32(0.5)
    place *= scale
    nearest = round_half_away(place) if align_corners else np.floor(place)
    return np.minimum(nearest.astype(np.int64), size - 1)


class ResizeNearestNeighbor:
    """Resizing that takes the nearest pixel, of elements of any type.

    Args:
        size: height and width of the input.
        new_size: height and width of the output.
        align_corners, half_pixel_centers: see above.
    """

    def __init__(self, size: Size, new_size: Size, *, align_corners: bool, half_pixel_centers: bool) -> None:
        self._rows, self._columns = (
            _nearest(old, new, align_corners, half_pixel_centers)
            for old, new in zip(size, new_size, strict=True)
        )

    def __call__(self, x: Array, output: Array) -> None:
        """Resize `x` into `output`, of the same element type."""
        # all places are in range: "clip" only keeps NumPy from buffering the output
        np.take(x.take(self._rows, axis=1), self._columns, axis=2, out=output, mode="clip")
