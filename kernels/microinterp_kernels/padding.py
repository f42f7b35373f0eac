"""How many windows fit an image, and how much padding they need: convolutions and pooling.

Source of the formulas: `ComputePaddingHeightWidth` in TFLite's `kernels/padding.h`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Padding = Literal["SAME", "VALID"]
Pair = tuple[int, int]

MOST_PADDING = 2**15 - 1  #: TFLite keeps the padding in 16 bits: LiteRT refuses more, TFLM reads elsewhere


class Windows(NamedTuple):
    """Windows over an image, each pair as (height, width): how many, and how much padding comes first.

    With SAME padding there may be one more padding element at the end than at the beginning.
    """

    counts: Pair
    padding: Pair


def fit_windows(
    padding: Padding, image: Pair, window: Pair, stride: Pair, dilation: Pair = (1, 1)
) -> Windows:
    """The windows over an image of `image` = (height, width) elements.

    Sizes that make no sense (a window or stride below one, a window that is larger than the image by more than a
    stride without padding) do not raise: as in TFLite the count becomes zero, for both directions if the width
    is at fault.
    """
    width = _count(padding, image[1], window[1], stride[1], dilation[1])
    height = None if width is None else _count(padding, image[0], window[0], stride[0], dilation[0])
    if width is None or height is None:
        return Windows((0, width or 0), (0, 0))
    return Windows(
        (height, width),
        (
            _padding_before(image[0], window[0], stride[0], dilation[0], height),
            _padding_before(image[1], window[1], stride[1], dilation[1], width),
        ),
    )


def fit_axis(padding: Padding, image: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """How many windows there are along one axis, and how much padding comes first, as `fit_windows` says."""
    count = _count(padding, image, window, stride, dilation)
    return (0, 0) if count is None else (count, _padding_before(image, window, stride, dilation, count))


def _count(padding: Padding, image: int, window: int, stride: int, dilation: int) -> int | None:
    """How many windows fit one direction, None where TFLite finds the sizes invalid."""
    if window <= 0 or stride <= 0 or dilation <= 0:
        return None
    if padding == "SAME":
        return (image + stride - 1) // stride
    # C truncates: a window larger than the image by less than a stride gives zero
    span = image + stride - _reach(window, dilation)
    return span // stride if span >= 0 else (None if span <= -stride else 0)


def _padding_before(image: int, window: int, stride: int, dilation: int, count: int) -> int:
    return max((count - 1) * stride + _reach(window, dilation) - image, 0) // 2


def _reach(window: int, dilation: int) -> int:
    """The elements from the first to the last of a dilated window."""
    return (window - 1) * dilation + 1
