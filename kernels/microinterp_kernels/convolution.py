"""Sums of products under a sliding window: what CONV_2D and DEPTHWISE_CONV_2D are made of.

Both are grouped convolutions. Here their filters have one form, [groups, filters per group, height, width, channels
per group]: a CONV_2D has mostly one group, a DEPTHWISE_CONV_2D as many groups as channels.

`convolve` is the definition. `MatrixConvolution` and `TapConvolution` compute the same for constant filters, tile
by tile, much faster; `prepare_convolution` chooses between them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .ordered_product import einsum_keeps_order, ordered_product
from .padding import Padding, Pair, Windows, fit_windows

Array = NDArray[Any]
Where = tuple[slice, slice, slice]
_T = TypeVar("_T")
#: Makes the windows of a tile the rows of a matrix for each group, [groups, windows, kernel · channels per group], in
#: the memory that it is given if they are not there yet.
_Gather = Callable[[Array, Array], Array]

_TILE = (
    160 * 2**10
)  # elements that the largest temporary of a tile has at most, roughly: it stays in the cache


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the windows lie: `image` is [batch, height, width, channels], every pair is (height, width)."""

    image: tuple[int, int, int, int]
    kernel: Pair
    stride: Pair
    dilation: Pair
    windows: Windows

    @classmethod
    def fit(
        cls,
        image: tuple[int, int, int, int],
        kernel: Pair,
        padding: Padding,
        stride: Pair = (1, 1),
        dilation: Pair = (1, 1),
    ) -> Geometry:
        """The windows that TFLite's SAME or VALID padding gives."""
        windows = fit_windows(padding, (image[1], image[2]), kernel, stride, dilation)
        return cls(image, kernel, stride, dilation, windows)

    @property
    def is_compact(self) -> bool:
        """Whether a padded image is not much larger than the image, which a large dilation factor can make it."""
        _, height, width, channels = self.image
        one_row = self.reach(0, 1) * self.reach(1, max(1, self.windows.counts[1])) * channels
        return one_row <= 16 * height * width * channels + _TILE

    @property
    def is_product(self) -> bool:
        """Whether the windows are, as they lie in memory, the rows of a matrix: single elements, or whole images."""
        is_whole = self.windows.counts == (1, 1) and self.windows.padding == (0, 0)
        is_whole = is_whole and (self.reach(0, 1), self.reach(1, 1)) == self.kernel == self.image[1:3]
        return is_whole or self.kernel == self.stride == (1, 1)

    def reach(self, axis: int, windows: int) -> int:
        """How many elements so many neighbouring windows span along the height (0) or the width (1)."""
        return (windows - 1) * self.stride[axis] + (self.kernel[axis] - 1) * self.dilation[axis] + 1

    def taps(self, axis: int) -> Iterator[tuple[int, slice, slice]]:
        """Each element of the kernel along an axis that is inside the image for some windows.

        With it, which windows these are, and which elements of the image it meets there.
        """
        stride, count, size = self.stride[axis], self.windows.counts[axis], self.image[1 + axis]
        for tap in range(self.kernel[axis]):
            start = tap * self.dilation[axis] - self.windows.padding[axis]  # the element that window 0 meets
            first, end = max(0, -(start // stride)), min(count, (size - 1 - start) // stride + 1)
            if first < end:
                element = first * stride + start
                yield tap, slice(first, end), slice(element, element + (end - first) * stride, stride)


def convolve(image: Array, filters: Array, geometry: Geometry) -> Array:
    """The definition: the sums of products for every window and filter, in the element type of the arguments.

    Args:
        image: [batch, height, width, channels], channels = groups · channels per group.
        filters: [groups, filters per group, height, width, channels per group].
        geometry: of the windows.

    Returns:
        [batch, windows down, windows across, groups · filters per group]. Products are added one at a time, in
        the order of the filter's rows, columns and channels, as TFLite's reference kernels do; elements beyond
        the image are left out (a product with zero is not the same: 0 · ∞).
    """
    groups, per_group, _, _, channels = filters.shape
    batch = image.shape[0]
    grouped = image.reshape(*image.shape[:3], groups, 1, channels)
    acc = np.zeros((batch, *geometry.windows.counts, groups, per_group), filters.dtype)
    with np.errstate(all="ignore"):
        for ky, rows, image_rows in geometry.taps(0):
            for kx, columns, image_columns in geometry.taps(1):
                for c in range(channels):
                    elements = grouped[:, image_rows, image_columns, :, :, c]
                    acc[:, rows, columns] += elements * filters[:, :, ky, kx, c]
    return acc.reshape(batch, *geometry.windows.counts, groups * per_group)


class Convolution(Protocol):
    """`convolve` for filters that are known, one tile of the output after the other."""

    #: What to reshape the output to: [batch, windows down, windows across, output channels].
    shape: tuple[int, int, int, int]
    #: How many windows a tile has, but for the last ones.
    windows_per_tile: int

    def __call__(self, image: Array) -> Iterator[tuple[Where, Array]]:
        """For each tile: the index of its windows in `shape`, and their sums.

        The sums, [images, windows down, windows across, output channels], are C-contiguous, the caller's to
        change, and valid until the next tile. The image may be of any element type whose values the sums' type can
        hold.
        """


def prepare_convolution(
    filters: Array, geometry: Geometry, dtype: type[np.floating[Any]], border: float = 0.0, *, in_order: bool
) -> Convolution:
    """The faster of both convolutions for constant `filters`.

    Args:
        filters: as for `convolve`, finite, of any element type.
        geometry: of the windows.
        dtype: float32 or float64. Without `in_order` all sums must be exact in it: integers that never exceed
            2^24 or 2^53 in magnitude.
        border: the value of the elements beyond the image.
        in_order: add in the order of the definition, rounding each product and each sum, in float32.
    """
    groups, _, _, _, channels = filters.shape
    if groups > 1 and channels == 1:
        return TapConvolution(filters, geometry, dtype, border, in_order=in_order)
    return MatrixConvolution(filters, geometry, dtype, border, in_order=in_order)


class MatrixConvolution:
    """A convolution as a matrix product: each window is a row of one matrix, each filter a column of the other.

    The pixels that windows of one element meet are the rows as they are; other windows are copied, out of a padded
    image, into rows. The float32 product that keeps the order is fastest along the longer of both matrices, so both
    are transposed where there are more windows than filters. The parameters are those of `prepare_convolution`.
    """

    def __init__(
        self,
        filters: Array,
        geometry: Geometry,
        dtype: type[np.floating[Any]],
        border: float,
        *,
        in_order: bool,
    ) -> None:
        groups, per_group, height, width, channels = filters.shape
        if geometry.kernel == geometry.stride == (1, 1):  # then all rows of all images are as one
            n = geometry.image[0] * geometry.image[1] * geometry.image[2]
            image = (1, 1, n, groups * channels)
            geometry = Geometry(image, (1, 1), (1, 1), (1, 1), Windows((1, n), (0, 0)))
        down, across = geometry.windows.counts
        self.shape = (geometry.image[0], down, across, groups * per_group)
        self._image_shape = geometry.image
        self._in_order = in_order
        self._transposed = in_order and down * across > per_group
        k = height * width * channels
        matrices = filters.reshape(groups, per_group, k)
        if not self._transposed:
            matrices = matrices.transpose(0, 2, 1)
        self._filters = np.ascontiguousarray(matrices, dtype)
        tiling = _Tiling(geometry, _TILE // (groups * max(k, per_group)))
        self.windows_per_tile = tiling.windows_per_tile
        self._sizes = (tiling.windows_per_tile * groups * k, tiling.windows_per_tile * groups * per_group)
        gather: Callable[[_Tile], _Gather]
        if geometry.kernel == (1, 1) and geometry.windows.padding == (0, 0):
            gather = partial(_Pixels, geometry=geometry, groups=groups)
        else:
            padded = _PaddedImages(geometry, tiling, dtype, border, channels_first=self._transposed)
            gather = partial(_Windows, padded=padded, groups=groups)
        self._blocks: list[tuple[slice, list[tuple[_Tile, _Gather]]]] = tiling.prepare(gather)

    def __call__(self, image: Array) -> Iterator[tuple[Where, Array]]:
        """See `Convolution`."""
        image = image.reshape(self._image_shape)
        # for all tiles the same: memory that is new costs more time than what is done in it
        memory, acc_memory = (np.empty(size, self._filters.dtype) for size in self._sizes)
        for images, tiles in self._blocks:
            part = image[images]
            for tile, gather in tiles:
                rows = gather(part, memory)
                acc = acc_memory[: rows.shape[1] * self.shape[3]].reshape(-1, self.shape[3])
                self._multiply(rows, acc)
                yield (images, *tile.where), acc.reshape(*tile.counts, -1)

    def _multiply(self, rows: Array, acc: Array) -> None:
        """The sums [windows, groups · filters per group] for the rows of each group, [groups, windows, k]."""
        if len(rows) == 1 and not self._in_order:
            np.dot(rows[0], self._filters[0], acc)
            return
        sums = acc.reshape(len(acc), len(rows), -1).transpose(1, 0, 2)
        if not self._in_order:
            np.matmul(rows, self._filters, out=sums)
        elif self._transposed:
            for group, matrix in enumerate(rows):
                sums[group] = ordered_product(self._filters[group], matrix.T).T
        else:
            for group, matrix in enumerate(rows):
                sums[group] = ordered_product(matrix, self._filters[group])


class _Pixels:
    """A tile's windows of one element, as rows of a matrix for each group: [groups, windows, channels per group]."""

    def __init__(self, tile: _Tile, geometry: Geometry, groups: int) -> None:
        rows, columns = (
            slice(windows.start * stride, (windows.stop - 1) * stride + 1, stride)
            for windows, stride in zip(tile.where, geometry.stride, strict=True)
        )
        self._source = (slice(None), rows, columns)
        self._shape = (math.prod(tile.counts), groups, geometry.image[3] // groups)

    def __call__(self, images: Array, memory: Array) -> Array:
        pixels = images[self._source]
        if images.dtype != memory.dtype or not pixels.flags.c_contiguous:
            rows = memory[: pixels.size].reshape(pixels.shape)
            np.copyto(rows, pixels)
            pixels = rows
        return pixels.reshape(self._shape).transpose(1, 0, 2)


class _Windows:
    """A tile's windows as rows of a matrix for each group: [groups, windows, kernel · channels per group].

    If the padded images have channels first, the matrices are transposed in memory.
    """

    def __init__(self, tile: _Tile, padded: _PaddedImages, groups: int) -> None:
        geometry = padded.geometry
        self._padded = padded.view(tile)
        image, row, column, channel = self._padded.images.strides
        channels = geometry.image[3] // groups
        (height, width), dilation = geometry.kernel, geometry.dilation
        shape = (groups, *tile.counts, height, width, channels)
        strides = (
            channels * channel,
            image,
            geometry.stride[0] * row,
            geometry.stride[1] * column,
            dilation[0] * row,
            dilation[1] * column,
            channel,
        )
        windows = as_strided(self._padded.images, shape, strides, writeable=False)
        n, k = math.prod(tile.counts), height * width * channels
        self._size = groups * n * k
        self._transposed = padded.channels_first
        if self._transposed:
            self._windows, self._shape = windows.transpose(0, 4, 5, 6, 1, 2, 3), (groups, k, n)
            return
        self._windows, self._shape = windows, (groups, n, k)
        if groups == 1 and dilation[1] == 1:  # a row of a window lies in one piece
            self._windows = _view_pieces(windows, 2)

    def __call__(self, images: Array, memory: Array) -> Array:
        self._padded.fill(images)
        rows = memory[: self._size]
        np.copyto(rows.view(self._windows.dtype).reshape(self._windows.shape), self._windows)
        rows = rows.reshape(self._shape)
        return rows.transpose(0, 2, 1) if self._transposed else rows


class TapConvolution:
    """A convolution of each channel by itself: the sum, over the elements of a window, of shifted images.

    Rows of the image are worked on as a whole, width and channels as one axis, with the filters repeated to that
    length. The parameters are those of `prepare_convolution`; the filters have one channel per group.
    """

    def __init__(
        self,
        filters: Array,
        geometry: Geometry,
        dtype: type[np.floating[Any]],
        border: float,
        *,
        in_order: bool,
    ) -> None:
        groups, multiplier, height, width, _ = filters.shape
        channels = groups * multiplier
        self.shape = (geometry.image[0], *geometry.windows.counts, channels)
        self._one_by_one = in_order and not einsum_keeps_order()
        copies = geometry.kernel[1] if geometry.stride[1] > 1 else 1
        tiling = _Tiling(geometry, _TILE // (channels * copies))
        self.windows_per_tile = tiling.windows_per_tile
        taps = filters.reshape(channels, height, width).transpose(1, 2, 0)
        # contiguous along the channels, so that `einsum` has them in its inner loop, and the taps in order outside
        self._filters = np.ascontiguousarray(np.tile(taps, tiling.columns), dtype)
        padded = _PaddedImages(geometry, tiling, dtype, border, repeats=multiplier)
        self._blocks = tiling.prepare(lambda tile: _Taps(tile, padded))

    def __call__(self, image: Array) -> Iterator[tuple[Where, Array]]:
        """See `Convolution`."""
        memory = np.empty(self.windows_per_tile * self.shape[3], self._filters.dtype)
        for images, tiles in self._blocks:
            part = image[images]
            for tile, view_taps in tiles:
                taps = view_taps(part)
                filters = self._filters[:, :, : taps.shape[4]]
                acc = memory[: math.prod(tile.counts) * self.shape[3]].reshape(*taps.shape[:2], -1)
                if self._one_by_one:
                    acc.fill(0)
                    for y, x in np.ndindex(filters.shape[:2]):
                        acc += taps[:, :, y, x] * filters[y, x]
                else:
                    np.einsum("brhwc,hwc->brc", taps, filters, out=acc)
                yield (images, *tile.where), acc.reshape(*tile.counts, -1)


class _Taps:
    """What each element of the kernel sees of a tile: [images, down, kernel height, width, across · channels]."""

    def __init__(self, tile: _Tile, padded: _PaddedImages) -> None:
        geometry = padded.geometry
        self._padded = padded.view(tile)
        images = self._padded.images
        (n, down, across), channels = tile.counts, images.shape[3]
        image, row, column, channel = images.strides
        # the rows as each column of the kernel sees them: [images, height, kernel width, across, channels]
        shape = (n, images.shape[1], geometry.kernel[1], across, channels)
        strides = (image, row, geometry.dilation[1] * column, geometry.stride[1] * column, channel)
        shifted = as_strided(images, shape, strides)
        # across and channels become one axis: in a view if the stride is one, else in a copy
        rows = shifted.reshape(*shape[:3], across * channels)
        self._is_copy = not np.may_share_memory(rows, images)
        self._shifted, self._copy = _view_pieces(shifted, 1), _view_pieces(rows.reshape(shape), 1)
        image, row, *others = rows.strides
        self._taps = as_strided(
            rows,
            (n, down, geometry.kernel[0], geometry.kernel[1], across * channels),
            (image, geometry.stride[0] * row, geometry.dilation[0] * row, *others),
            writeable=False,
        )

    def __call__(self, images: Array) -> Array:
        self._padded.fill(images)
        if self._is_copy:
            np.copyto(self._copy, self._shifted)
        return self._taps


def _view_pieces(array: Array, axes: int) -> Array:
    """The array with its last axes, which lie in one piece, as one element: NumPy copies it faster than many."""
    piece = np.dtype((np.void, math.prod(array.shape[-axes:]) * array.itemsize))
    first = as_strided(array, (math.prod(array.shape[-axes:]),), (array.itemsize,)).view(piece)
    return as_strided(first, array.shape[:-axes], array.strides[:-axes])


@dataclass(frozen=True, slots=True)
class _Tile:
    """Windows that are worked on together: which rows and columns of them, and [images, down, across] how many."""

    where: tuple[slice, slice]
    counts: tuple[int, int, int]


class _Tiling:
    """All windows in tiles of about `most`: those of some images, of one image, or a rectangle of them."""

    def __init__(self, geometry: Geometry, most: int) -> None:
        self.counts = (geometry.image[0], *geometry.windows.counts)
        batch, down, across = self.counts
        #: How many rows and columns a tile has at most, and how many images.
        self.rows = max(1, min(down, most // max(1, across)))
        self.columns = max(1, min(across, most))
        #: Whether an image has several tiles.
        self.splits = self.rows < down or self.columns < across
        self.images = 1 if self.splits else max(1, min(batch, most // (self.rows * self.columns)))
        self.windows_per_tile = self.images * self.rows * self.columns

    def prepare(self, prepare: Callable[[_Tile], _T]) -> list[tuple[slice, list[tuple[_Tile, _T]]]]:
        """The tiles, with what is prepared for each: for each block of images a list, the same for all but the last."""
        batch, down, across = self.counts
        lists = {
            images: [
                (tile, prepare(tile))
                for top in range(0, down, self.rows)
                for left in range(0, across, self.columns)
                for tile in [self._tile(images, top, left)]
            ]
            for images in {self.images, batch % self.images or self.images}
        }
        blocks = [slice(i, min(i + self.images, batch)) for i in range(0, batch, self.images)]
        return [(block, lists[block.stop - block.start]) for block in blocks]

    def _tile(self, images: int, top: int, left: int) -> _Tile:
        _, down, across = self.counts
        rows = slice(top, min(top + self.rows, down))
        columns = slice(left, min(left + self.columns, across))
        return _Tile((rows, columns), (images, rows.stop - top, columns.stop - left))


class _PaddedImages:
    """A buffer for the images of a tile with what is beyond them.

    Args:
        geometry: of all windows.
        tiling: of the windows.
        dtype, border: the buffer's element type, and its value beyond the image.
        channels_first: the order of axes in memory; the views are [images, height, width, channels] in any case.
        repeats: how often each channel is repeated.
    """

    def __init__(
        self,
        geometry: Geometry,
        tiling: _Tiling,
        dtype: type[np.floating[Any]],
        border: float,
        *,
        channels_first: bool = False,
        repeats: int = 1,
    ) -> None:
        self.geometry, self.border, self.channels_first = geometry, border, channels_first
        #: Whether tiles have their borders at different places, so that each must write its own.
        self.changes = tiling.splits
        height, width = geometry.reach(0, tiling.rows), geometry.reach(1, tiling.columns)
        channels = geometry.image[3]
        if channels_first:
            buffer = np.full((channels, tiling.images, height, width), border, dtype)
            self.buffer = buffer.transpose(1, 2, 3, 0)[..., None]
        else:
            self.buffer = np.full((tiling.images, height, width, channels, repeats), border, dtype)

    def view(self, tile: _Tile) -> _PaddedTile:
        """The part of the buffer that a tile takes."""
        sources, targets, sizes = [], [], []
        for axis, windows in enumerate(tile.where):
            start = windows.start * self.geometry.stride[axis] - self.geometry.windows.padding[axis]
            size = self.geometry.reach(axis, windows.stop - windows.start)
            first, end = max(0, start), max(0, min(start + size, self.geometry.image[1 + axis]))
            sources.append(slice(first, end))
            targets.append(slice(first - start, first - start + max(0, end - first)))
            sizes.append(size)
        padded = self.buffer[: tile.counts[0], : sizes[0], : sizes[1]]
        target = padded[:, targets[0], targets[1]]
        return _PaddedTile(
            source=(slice(None), *sources, slice(None), None),
            target=target,
            images=padded.reshape(*padded.shape[:3], -1),
            border=self.border if self.changes and target.size < padded.size else None,
        )


@dataclass(frozen=True, slots=True)
class _PaddedTile:
    """The padded part of some images that a tile covers."""

    source: tuple[slice | None, ...]  # of the images, with an axis for repeats
    target: Array  # where the source goes to: [images, height, width, channels, repeats]
    images: Array  # [images, height, width, channels · repeats]
    border: float | None  # what must be written around the target first

    def fill(self, images: Array) -> None:
        """Put the tile's part of the images, [images, height, width, channels], into its place."""
        if self.border is not None:
            self.images.fill(self.border)
        np.copyto(self.target, images[self.source])
