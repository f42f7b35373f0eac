"""CONV_2D: float32, quantized integers, and float32 with int8 filters.

Sources of the formulas: TFLite's `reference/conv.h` and `reference/integer_ops/conv.h`, checked against the native
runtimes. Each function is a definition that works for any arguments; the class beside it gives the same, faster,
for filters and biases that are known. All of them serve DEPTHWISE_CONV_2D as well: filters have the form that
`convolution` describes, from `conv_filters` or from `depthwise_conv.depthwise_filters`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .clamp import clamp
from .convolution import Array, Geometry, convolve, prepare_convolution
from .fixed_point import Int64s
from .hybrid import quantize_asymmetric, quantize_symmetric
from .requantize import Requantize, RequantizeInt64

_MOST_BIASES = (
    2**14
)  # biases are repeated to rows of up to so many elements: NumPy's inner loops want long ones

Float32s = NDArray[np.float32]
#: What makes one of them, given the keyword arguments `biases`, `reach` and `takes_multiples`.
Requantizer = Callable[..., Requantize | RequantizeInt64]


def conv_filters(weights: Array, channels: int) -> Array:
    """The weights of a CONV_2D, [filters, height, width, channels per group], as filters for `channels` inputs."""
    groups = channels // weights.shape[3]
    return weights.reshape(groups, weights.shape[0] // groups, *weights.shape[1:])


def join_groups(filters: Array, zero: int) -> Array:
    """Filters of several groups as those of one, [filters, height · width · channels], with `zero` between groups."""
    groups, per_group, height, width, channels = filters.shape
    joined = np.full((groups, per_group, height, width, groups, channels), zero, filters.dtype)
    for group in range(groups):
        joined[group, :, :, :, group] = filters[group]
    return joined.reshape(groups * per_group, -1)


def conv_float(
    image: Float32s,
    filters: Float32s,
    biases: Float32s | None,
    geometry: Geometry,
    low: np.float32,
    high: np.float32,
) -> Float32s:
    """clamp(sum of products + bias, low, high) in float32, summed in the order of `convolve`; NaNs stay."""
    acc: Float32s = convolve(image, filters, geometry)
    if biases is not None:
        with np.errstate(all="ignore"):
            acc += biases
    clamp(acc, low, high)
    return acc


class ConvFloat:
    """`conv_float` for filters and biases that are known; the filters must be finite.

    Without `in_order`, products are added in the order of the BLAS: faster, and different in the last bits.
    """

    def __init__(
        self,
        filters: Float32s,
        biases: Float32s | None,
        geometry: Geometry,
        low: np.float32,
        high: np.float32,
        *,
        in_order: bool = True,
    ) -> None:
        self.low, self.high = low, high
        # A product of a finite filter with the zeros of the border changes no sum: none is ever −0.
        self._convolution = prepare_convolution(filters, geometry, np.float32, in_order=in_order)
        self._biases = None if biases is None else _repeat(biases, self._convolution.windows_per_tile)

    @np.errstate(all="ignore")
    def __call__(self, image: Float32s, output: Float32s) -> None:
        """Compute `output` for `image`."""
        output = output.reshape(self._convolution.shape)
        for where, acc in self._convolution(image):
            if self._biases is not None:
                _add_repeated(acc.reshape(-1), self._biases)
            acc.clip(self.low, self.high, out=output[where])


def _repeat(biases: Float32s, windows: int) -> Float32s:
    """`biases` for so many windows, unless they are too many."""
    return np.tile(biases, max(1, min(windows, _MOST_BIASES // biases.size)))


def _add_repeated(acc: Float32s, biases: Float32s) -> None:
    """Add `biases` over and over along `acc`."""
    if acc.size <= biases.size:
        acc += biases[: acc.size]
        return
    whole = acc.size // biases.size * biases.size
    rows = acc[:whole].reshape(-1, biases.size)
    rows += biases
    acc[whole:] += biases[: acc.size - whole]


def conv_integer(
    image: Array,
    filters: Array,
    biases: Array | None,
    geometry: Geometry,
    image_zero_point: int,
    filter_zero_point: int,
    requantize: Callable[[Int64s], Array],
) -> Array:
    """requantize(sum of products + bias) of integers less their zero points."""
    image, filters = image.astype(np.int64) - image_zero_point, filters.astype(np.int64) - filter_zero_point
    acc = convolve(image, filters, geometry)
    return requantize(acc if biases is None else acc + biases)


class ConvInteger:
    """`conv_integer` for filters and biases that are known.

    The image goes through the convolution as it is, in floating point but exact; both zero points and the bias
    become one constant per channel, and elements beyond the image are zero points.
    """

    def __init__(
        self,
        filters: Array,
        biases: Array | None,
        geometry: Geometry,
        image_type: np.dtype[Any],
        image_zero_point: int,
        filter_zero_point: int,
        requantizer: Requantizer,
    ) -> None:
        centered = filters.astype(np.int64) - filter_zero_point
        limits = np.iinfo(image_type)
        largest = max(-int(limits.min), int(limits.max), abs(image_zero_point))
        reach = largest * np.abs(centered).sum(axis=(2, 3, 4), dtype=np.float64).reshape(-1)
        sums = centered.sum(axis=(2, 3, 4)).reshape(-1)
        constants = -image_zero_point * sums if biases is None else biases - image_zero_point * sums
        dtype = np.float32 if reach.max() <= 2**24 else np.float64
        self._requantize = requantizer(biases=constants, reach=reach, takes_multiples=True)
        centered *= self._requantize.factors.reshape(*centered.shape[:2], 1, 1, 1)
        self._convolution = prepare_convolution(centered, geometry, dtype, image_zero_point, in_order=False)
        self._requantize.expect_rows(self._convolution.windows_per_tile)

    def __call__(self, image: Array, output: Array) -> None:
        """Compute `output` for `image`."""
        output = output.reshape(self._convolution.shape)
        for where, acc in self._convolution(image):
            self._requantize(acc, output[where])


@dataclass(frozen=True, slots=True)
class HybridScaling:
    """How a float32 convolution with int8 filters quantizes its images, and what it makes of the integer sums.

    Attributes:
        scales: of the filters, float32, one or one per output channel.
        low, high: the range of the outputs.
        symmetric: whether images are quantized without zero points.
        scales_first: whether the scales of filter and image are multiplied with each other, rather than one after
            the other with the sum.
        negates_lowest: whether products of a filter's −128 and a negative element have the wrong sign, as in
            LiteRT's vector loop over the window, 16 elements at a time, which multiplies |element| by −(−128).
    """

    scales: Float32s
    low: np.float32
    high: np.float32
    symmetric: bool
    scales_first: bool
    negates_lowest: bool = False

    def quantize(self, images: Float32s) -> tuple[Float32s, Float32s]:
        """Each image, [batch, height, width, channels], as whole numbers less their zero point, and its scale."""
        rows = images.reshape(len(images), -1)
        if self.symmetric:
            quantized, scales = quantize_symmetric(rows)
            return quantized.reshape(images.shape), scales
        quantized, scales, zero_points = quantize_asymmetric(rows)
        quantized -= zero_points[:, None].astype(np.float32)
        return quantized.reshape(images.shape), scales

    @np.errstate(all="ignore")
    def finish(self, acc: Array, image_scale: np.float32, biases: Float32s | None) -> Float32s:
        """The outputs for integer sums over an image of that scale; may be in the memory of `acc`."""
        outputs = acc.astype(np.float32, copy=False)
        if self.scales_first:
            outputs *= self.scales * image_scale
        else:
            outputs *= self.scales
            outputs *= image_scale
        if biases is not None:
            outputs += biases
        clamp(outputs, self.low, self.high)
        return outputs


def conv_hybrid(
    images: Float32s,
    filters: NDArray[np.int8],
    biases: Float32s | None,
    geometry: Geometry,
    scaling: HybridScaling,
) -> Float32s:
    """Each image quantized as a whole, convolved in integers, and scaled back to float32."""
    quantized, scales = scaling.quantize(images)
    sums = convolve(quantized.astype(np.int64), filters.astype(np.int64), geometry)
    if scaling.negates_lowest:
        lowest = _lowest_in_vectors(filters).astype(np.int64)
        sums += 256 * convolve(np.minimum(quantized, 0).astype(np.int64), lowest, geometry)
    return np.stack([scaling.finish(acc, scale, biases) for acc, scale in zip(sums, scales, strict=True)])


def _lowest_in_vectors(filters: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Where filters are −128, but for what is left of them after whole vectors of 16."""
    is_lowest: NDArray[np.bool_] = filters == -128
    flat = is_lowest.reshape(*filters.shape[:2], -1)
    flat[..., flat.shape[2] // 16 * 16 :] = False
    return is_lowest


class ConvHybrid:
    """`conv_hybrid` for filters and biases that are known; `scaling.negates_lowest` must not be set."""

    def __init__(
        self, filters: NDArray[np.int8], biases: Float32s | None, geometry: Geometry, scaling: HybridScaling
    ) -> None:
        self.scaling, self.biases = scaling, biases
        reach = 255 * int(np.abs(filters.astype(np.int64)).sum(axis=(2, 3, 4)).max())
        dtype = np.float32 if reach <= 2**24 else np.float64
        one_image = replace(geometry, image=(1, *geometry.image[1:]))
        self._convolution = prepare_convolution(filters, one_image, dtype, in_order=False)

    def __call__(self, images: Float32s, output: Float32s) -> None:
        """Compute `output` for `images`."""
        quantized, scales = self.scaling.quantize(images)
        for i, scale in enumerate(scales):
            image, one_output = quantized[i : i + 1], output[i].reshape(self._convolution.shape)
            for where, acc in self._convolution(image):
                one_output[where] = self.scaling.finish(acc, scale, self.biases)
