"""DEPTHWISE_CONV_2D: a convolution of each channel by itself, with one or more filters.

Sources of the formulas: TFLite's `reference/depthwiseconv_float.h`, `reference/depthwiseconv_uint8.h` and
`reference/integer_ops/depthwise_conv.h`, checked against the native runtimes. They are those of CONV_2D with one group
per channel, so `conv`'s functions and classes compute it, for filters in the form that `depthwise_filters` gives them.
"""

from __future__ import annotations

from .convolution import Array


def depthwise_filters(weights: Array, channels: int) -> Array:
    """The weights of a DEPTHWISE_CONV_2D, [1, height, width, channels · multiplier], as filters for `channels` inputs.

    The outputs of each channel stand next to each other.
    """
    _, height, width, outputs = weights.shape
    filters: Array = weights.reshape(height, width, channels, outputs // channels, 1).transpose(2, 3, 0, 1, 4)
    return filters
