"""DEPTHWISE_CONV_2D."""

from __future__ import annotations

from functools import partial

from microinterp_kernels.depthwise_conv import depthwise_filters

from ..model.ir import TensorType
from .conv import is_hybrid, prepare_float, prepare_hybrid, prepare_integer, require_convolution
from .node import Invocation, Node

_MOST = 2**15 - 1  # of strides and dilation factors in LiteRT


def prepare_depthwise_conv_2d(node: Node) -> Invocation:
    """DEPTHWISE_CONV_2D: float32, int8, int16 and uint8, and float32 with int8 filters, where the runtime has them."""
    image, weights, bias = require_convolution(node)
    if bias is not None and node.runtime.checks_convolution_parameters:
        node.require_rank(bias, 1)
    channels, outputs, options = image.shape[3], weights.shape[3], node.options
    node.require(weights.shape[0] == 1, f"{weights} must have a first dimension of 1")
    node.require(
        outputs % channels == 0, f"{weights} must have filters for all {channels} channels of {image}"
    )
    if node.runtime.trusts_depth_multiplier:
        node.require(
            options["depth_multiplier"] * channels == outputs,
            f"the option depth_multiplier is {options['depth_multiplier']}, but {weights} has "
            f"{outputs // channels} filters for each channel of {image}",
        )
    to_filters = partial(depthwise_filters, channels=channels)
    if is_hybrid(image, weights):
        node.require(weights.scales.size == outputs, f"{weights} must have one scale for each filter")
        return prepare_hybrid(node, to_filters, outputs, weights.scales, symmetric=False, scales_first=True)
    if image.type is TensorType.FLOAT32:
        return prepare_float(node, to_filters, outputs)
    return prepare_integer(node, to_filters, outputs, int64_sums=image.type is TensorType.INT16)
