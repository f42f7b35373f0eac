"""Sums of products under a sliding window: what CONV_2D and DEPTHWISE_CONV_2D are made of.

Both are grouped convolutions. Here their filters have one form, [groups, filters per group, height, width, channels
per group]: a CONV_2D has mostly one group, a DEPTHWISE_CONV_2D as many groups as channels.

`convolve` is the definition. `MatrixConvolution` and `TapConvolution` compute the same for constant filters, tile
by tile, much faster; `prepare_convolution` chooses between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .ordered_product import einsum_keeps_order, ordered_product
from .padding import Padding, Pair, Windows, fit_windows

Array = NDArray[Any]
Where = tuple[int, slice, slice]

_TILE = 2**18  # elements that the temporaries of a tile have at most, roughly: about a megabyte


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
    #: How many windows a tile has, but for the last ones in their row or column.
    windows_per_tile: int

    def __call__(self, image: Array) -> Iterator[tuple[Where, Array]]:
        """For each tile: the index of its windows in `shape`, and their sums.

        The sums, [windows down, windows across, output channels], are C-contiguous, the caller's to change, and
        valid until the next tile. The image may be of any element type whose values the sums' type can hold.
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

    The float32 product that keeps the order is fastest along the longer of both, so both matrices are transposed
    where there are more windows than filters. The parameters are those of `prepare_convolution`.
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
        self._k = height * width * channels
        self._in_order = in_order
        self._transposed = in_order and down * across > per_group
        # the image is the matrix
        self._needs_no_copy = (
            geometry.kernel == geometry.stride == (1, 1) and groups == 1 and not self._transposed
        )
        matrices = filters.reshape(groups, per_group, self._k)
        if not self._transposed:
            matrices = matrices.transpose(0, 2, 1)
        self._filters = np.ascontiguousarray(matrices, dtype)
        windows_per_tile = _TILE // (groups * max(self._k, per_group))
        self._tiles = _Tiles(geometry, windows_per_tile, dtype, border, channels_first=self._transposed)
        self.windows_per_tile = self._tiles.windows_per_tile
        self._windows = [self._view_windows(tile, geometry, groups) for tile in self._tiles.tiles]

    def _view_windows(self, tile: _Tile, geometry: Geometry, groups: int) -> Array:
        """The windows of a padded tile: [groups, down, across, kernel height, width, channels per group]."""
        row, column, channel = tile.padded.strides
        channels = tile.padded.shape[2] // groups
        strides = (
            channels * channel,
            geometry.stride[0] * row,
            geometry.stride[1] * column,
            geometry.dilation[0] * row,
            geometry.dilation[1] * column,
            channel,
        )
        shape = (groups, *tile.counts, *geometry.kernel, channels)
        windows = as_strided(tile.padded, shape, strides, writeable=False)
        return windows.transpose(0, 3, 4, 5, 1, 2) if self._transposed else windows

    def __call__(self, image: Array) -> Iterator[tuple[Where, Array]]:
        """See `Convolution`."""
        groups = len(self._filters)
        image = image.reshape(self._image_shape)
        for batch in range(self.shape[0]):
            for tile, windows in zip(self._tiles.tiles, self._windows, strict=True):
                n = tile.counts[0] * tile.counts[1]
                if self._needs_no_copy and image.dtype == self._filters.dtype:
                    matrices = image[batch, :, tile.where[1]]
                else:
                    self._tiles.fill(tile, image[batch])
                    matrices = windows.reshape(groups, *((self._k, n) if self._transposed else (n, self._k)))
                acc = np.empty((n, groups, self.shape[3] // groups), self._filters.dtype)
                if not self._in_order:
                    np.matmul(matrices, self._filters, out=acc.transpose(1, 0, 2))
                elif self._transposed:
                    for group in range(groups):
                        acc[:, group] = ordered_product(self._filters[group], matrices[group]).T
                else:
                    for group in range(groups):
                        acc[:, group] = ordered_product(matrices[group], self._filters[group])
                yield (batch, *tile.where), acc.reshape(*tile.counts, -1)


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
        self._geometry = geometry
        self._one_by_one = in_order and not einsum_keeps_order()
        self._tiles = _Tiles(geometry, _TILE // channels, dtype, border, repeats=multiplier)
        self.windows_per_tile = self._tiles.windows_per_tile
        taps = filters.reshape(channels, height, width).transpose(1, 2, 0)
        longest = max((tile.counts[1] for tile in self._tiles.tiles), default=1)
        # contiguous along the channels, so that `einsum` has them in its inner loop, and the taps in order outside
        self._filters = np.ascontiguousarray(np.tile(taps, longest), dtype)
        self._shifted_rows = [self._shift_rows(tile) for tile in self._tiles.tiles]

    def _shift_rows(self, tile: _Tile) -> Array:
        """The padded rows, as each column of the kernel sees them: [rows, kernel width, across, channels]."""
        row, column, channel = tile.padded.strides
        return as_strided(
            tile.padded,
            (len(tile.padded), self._geometry.kernel[1], tile.counts[1], tile.padded.shape[2]),
            (row, self._geometry.dilation[1] * column, self._geometry.stride[1] * column, channel),
            writeable=False,
        )

    def _view_taps(self, rows: Array, down: int) -> Array:
        """What each element of the kernel sees: [down, kernel height, kernel width, across · channels]."""
        row, *others = rows.strides
        strides = (self._geometry.stride[0] * row, self._geometry.dilation[0] * row, *others)
        return as_strided(rows, (down, self._geometry.kernel[0], *rows.shape[1:]), strides, writeable=False)

    def __call__(self, image: Array) -> Iterator[tuple[Where, Array]]:
        """See `Convolution`."""
        channels = self.shape[3]
        for batch in range(self.shape[0]):
            for tile, shifted_rows in zip(self._tiles.tiles, self._shifted_rows, strict=True):
                self._tiles.fill(tile, image[batch])
                down, across = tile.counts
                # across and channels become one axis: in a view if the stride is one, else in a copy
                rows = shifted_rows.reshape(*shifted_rows.shape[:2], across * channels)
                taps, filters = self._view_taps(rows, down), self._filters[:, :, : across * channels]
                acc = np.zeros((down, across * channels), filters.dtype)
                with np.errstate(all="ignore"):
                    if self._one_by_one:
                        for y, x in np.ndindex(filters.shape[:2]):
                            acc += taps[:, y, x] * filters[y, x]
                    else:
                        np.einsum("rhwc,hwc->rc", taps, filters, out=acc)
                yield (batch, *tile.where), acc.reshape(down, across, channels)


@dataclass(frozen=True, slots=True)
class _Tile:
    """A rectangle of windows: which, how many, and the part of the padded image that they cover."""

    where: tuple[slice, slice]
    counts: Pair
    source: tuple[slice, slice]  # of the image
    target: Array  # where the source goes to: [height, width, channels, repeats]
    padded: Array  # [height, width, channels · repeats]
    needs_border: bool


class _Tiles:
    """An image in a padded buffer, tile by tile.

    Args:
        geometry: of all windows.
        most: how many windows a tile has at most, roughly.
        dtype, border: the buffer's element type, and its value beyond the image.
        channels_first: the order of axes in memory; the views are [height, width, channels] in any case.
        repeats: how often each channel is repeated.
    """

    def __init__(
        self,
        geometry: Geometry,
        most: int,
        dtype: type[np.floating[Any]],
        border: float,
        *,
        channels_first: bool = False,
        repeats: int = 1,
    ) -> None:
        self._border = border
        down, across = geometry.windows.counts
        rows = max(1, min(down, most // max(1, across)))
        columns = max(1, min(across, most))
        height, width, channels = geometry.reach(0, rows), geometry.reach(1, columns), geometry.image[3]
        if channels_first:
            buffer = np.full((channels, height, width), border, dtype).transpose(1, 2, 0)[..., None]
        else:
            buffer = np.full((height, width, channels, repeats), border, dtype)
        self.windows_per_tile = rows * columns
        self.tiles = [
            _tile(
                geometry, slice(top, min(top + rows, down)), slice(left, min(left + columns, across)), buffer
            )
            for top in range(0, down, rows)
            for left in range(0, across, columns)
        ]

    def fill(self, tile: _Tile, image: Array) -> None:
        """Put a tile's part of the image, [height, width, channels], into its place."""
        if tile.needs_border and len(self.tiles) > 1:  # the border of a single tile stays
            tile.padded[...] = self._border
        tile.target[...] = image[tile.source][..., None]


def _tile(geometry: Geometry, rows: slice, columns: slice, buffer: Array) -> _Tile:
    sources, targets, sizes = [], [], []
    for axis, windows in enumerate((rows, columns)):
        start = windows.start * geometry.stride[axis] - geometry.windows.padding[axis]
        size = geometry.reach(axis, windows.stop - windows.start)
        first, end = max(0, start), max(0, min(start + size, geometry.image[1 + axis]))
        sources.append(slice(first, end))
        targets.append(slice(first - start, first - start + max(0, end - first)))
        sizes.append(size)
    padded = buffer[: sizes[0], : sizes[1]]
    target = padded[targets[0], targets[1]]
    return _Tile(
        where=(rows, columns),
        counts=(rows.stop - rows.start, columns.stop - columns.start),
        source=(sources[0], sources[1]),
        target=target,
        padded=padded.reshape(sizes[0], sizes[1], -1),
        needs_border=target.size < padded.size,
    )
