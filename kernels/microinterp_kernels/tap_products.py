"""Convolutions over any number of spatial axes, forward and transposed, one element of the filter at a time.

Images are [batch, *space, channels], filters [*kernel, channels, outputs]. Sources of the formulas: TFLite's
`reference/transpose_conv.h`, `reference/integer_ops/transpose_conv.h`, `reference/conv3d.h` and
`reference/conv3d_transpose.h`, checked against the native runtimes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .clamp import clamp
from .hybrid import quantize_asymmetric

Array = NDArray[Any]
Float32s = NDArray[np.float32]
Slices = tuple[slice, ...]


class Axis(NamedTuple):
    """The windows along one spatial axis: how many `windows`, over `size` elements."""

    windows: int
    size: int
    kernel: int
    stride: int
    dilation: int
    padding: int

    def taps(self) -> list[tuple[int, slice, slice]]:
        """Each element of the kernel that meets the image in some windows, these windows, and what it meets."""
        found = []
        for tap in range(self.kernel):
            start = tap * self.dilation - self.padding  # the element that window 0 meets
            first = max(0, -(start // self.stride))
            end = min(self.windows, (self.size - 1 - start) // self.stride + 1)
            if first < end:
                element = first * self.stride + start
                elements = slice(element, element + (end - first) * self.stride, self.stride)
                found.append((tap, slice(first, end), elements))
        return found


class Tap(NamedTuple):
    """One element of a filter, the outputs that it adds to, and the inputs that it is multiplied with."""

    place: tuple[int, ...]
    outputs: Slices
    inputs: Slices


def forward_taps(axes: Sequence[Axis]) -> list[Tap]:
    """The taps of a convolution, from the first to the last: each output is a window of inputs."""
    return [
        Tap(*(tuple(part) for part in zip(*taps, strict=True))) for taps in product(*(a.taps() for a in axes))
    ]


def transposed_taps(axes: Sequence[Axis]) -> list[Tap]:
    """The taps of a transposed convolution: each input is added to a window of outputs.

    In this order, from the last to the first, an output is given its inputs from the first to the last, as in the
    native loops over inputs.
    """
    return [Tap(tap.place, tap.inputs, tap.outputs) for tap in reversed(forward_taps(axes))]


@np.errstate(all="ignore")
def add_products(
    x: Float32s,
    filters: Float32s,
    biases: Float32s | None,
    taps: Sequence[Tap],
    output: Float32s,
    low: np.float32,
    high: np.float32,
) -> None:
    """clamp(sum of products + bias, low, high) in float32, added tap by tap, channel by channel."""
    output[...] = 0
    for tap in taps:
        inputs, acc = x[(slice(None), *tap.inputs)], output[(slice(None), *tap.outputs)]
        for channel, row in enumerate(filters[tap.place]):
            acc += inputs[..., channel, None] * row
    _finish(output, biases, low, high)


@np.errstate(all="ignore")
def add_products_hybrid(
    x: Float32s,
    filters: NDArray[np.int8],
    scales: Float32s,
    biases: Float32s | None,
    taps: Sequence[Tap],
    output: Float32s,
    low: np.float32,
    high: np.float32,
) -> None:
    """`add_products` of float32 images and int8 filters of those scales (one, or one per output).

    Each image is quantized as a whole, and each product is scaled before it is added.
    """
    output[...] = 0
    numbers, image_scales, zero_points = quantize_asymmetric(x.reshape(len(x), -1))
    numbers = (numbers - zero_points[:, None].astype(np.float32)).reshape(x.shape)
    factors = image_scales.reshape(-1, *(1,) * (x.ndim - 1))
    for tap in taps:
        inputs, acc = numbers[(slice(None), *tap.inputs)], output[(slice(None), *tap.outputs)]
        for channel, row in enumerate(filters[tap.place].astype(np.float32)):
            acc += inputs[..., channel, None] * row * scales * factors
    _finish(output, biases, low, high)


def add_products_exactly(
    x: Array, filters: Array, biases: Array | None, taps: Sequence[Tap], shape: tuple[int, ...]
) -> Array:
    """The sums of products of integers plus biases, integers in float64, of an output of that shape."""
    acc = np.zeros(shape)
    numbers, weights = x.astype(np.float64, copy=False), filters.astype(np.float64)
    for tap in taps:
        acc[(slice(None), *tap.outputs)] += np.matmul(numbers[(slice(None), *tap.inputs)], weights[tap.place])
    if biases is not None:
        acc += biases.reshape(-1)
    return acc


def _finish(acc: Float32s, biases: Float32s | None, low: np.float32, high: np.float32) -> None:
    if biases is not None:
        acc += biases.reshape(-1)
    clamp(acc, low, high)
