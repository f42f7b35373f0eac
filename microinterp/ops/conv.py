"""CONV_2D, and what DEPTHWISE_CONV_2D shares with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from microinterp_kernels.conv import (
    ConvFloat,
    ConvHybrid,
    ConvInteger,
    HybridScaling,
    conv_filters,
    conv_float,
    conv_hybrid,
    conv_integer,
    join_groups,
)
from microinterp_kernels.convolution import Geometry
from microinterp_kernels.fixed_point import Int64s, quantize_multipliers
from microinterp_kernels.fully_connected import FullyConnectedInteger
from microinterp_kernels.padding import MOST_PADDING
from microinterp_kernels.requantize import Requantize, RequantizeInt64
from microinterp_kernels.rounding import requantize_rows

from ..model.ir import Array, TensorType
from ..model.schema import Padding
from .common import activation_range_float, activation_range_quantized, compute_nothing
from .node import Invocation, Node, RuntimeTensor

# A convolution is computed as the FULLY_CONNECTED that it is, in fewer NumPy calls, if it has no more outputs, or (with
# several groups, of which most products are then with zeros) no more products.
_FEW_OUTPUTS = 2**10
_FEW_PRODUCTS = 2**17


def prepare_conv_2d(node: Node) -> Invocation:
    """CONV_2D: float32, int8, int16 and uint8, and float32 with int8 filters, where the runtime has them."""
    image, weights, bias = require_convolution(node)
    node.require(bias is not None or not node.runtime.conv_2d_needs_bias, "needs a bias")
    channels, per_group, outputs = image.shape[3], weights.shape[3], weights.shape[0]
    groups = channels // per_group
    node.require(
        channels % per_group == 0 and outputs % groups == 0,
        f"the channels of {image} and the filters of {weights} must fall into equal groups",
    )
    scales = weights.scales
    to_filters = partial(conv_filters, channels=channels)
    if is_hybrid(image, weights):
        # LiteRT has one kernel for scales that are all the same, and one for others
        if (scales == scales[:1]).all():
            node.require(
                groups == 1, f"{weights} must have different scales, because there are {groups} groups"
            )
            may_be_lowest = weights.constant is None or bool((weights.constant == -128).any())
            return prepare_hybrid(
                node,
                to_filters,
                outputs,
                np.array([weights.scale], np.float32),
                symmetric=True,
                scales_first=True,
                # numbers of filters that are multiples of four go through a matrix product without a flaw
                negates_lowest=outputs % 4 != 0 and may_be_lowest,
            )
        node.require(scales.size == outputs, f"{weights} must have one scale for each filter")
        return prepare_hybrid(node, to_filters, outputs, scales, symmetric=False, scales_first=False)
    if image.type is TensorType.FLOAT32:
        return prepare_float(node, to_filters, outputs)
    if node.runtime.checks_convolution_parameters and image.type is not TensorType.UINT8:
        zero_points = weights.quantization.zero_point if weights.quantization else None
        node.require(zero_points is None or not zero_points.any(), f"{weights} must have zero points of 0")
    int64_sums = image.type is TensorType.INT16 and not _sums_are_int32(node, bias)
    return prepare_integer(node, to_filters, outputs, int64_sums=int64_sums)


def _sums_are_int32(node: Node, bias: RuntimeTensor | None) -> bool:
    """Whether a CONV_2D of int16 adds up in int32 rather than in int64, which decides how it rounds."""
    option = node.options["quantized_bias_type"]
    if bias is None:
        return bool(option == TensorType.INT32)
    if node.runtime.conv_2d_bias_type_is_an_option:
        # without the option LiteRT takes any bias for int64
        wanted = TensorType.INT64 if option == TensorType.FLOAT32 else option
        node.require(bias.type == wanted, f"{bias} must have the element type that quantized_bias_type says")
    return bias.type is TensorType.INT32


def require_convolution(node: Node) -> tuple[RuntimeTensor, RuntimeTensor, RuntimeTensor | None]:
    """Image, weights and bias of a convolution, after the checks that both operators have in common."""
    node.require_counts((2, 3), 1)
    image, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    if node.runtime.convolutions_refuse_omitted_bias:
        node.require(bias is not None or len(node.inputs) == 2, "its bias is listed but omitted (-1)")
    filter_types = node.runtime.filter_types[node.name]
    at_invoke = weights.type is image.type and node.name in node.runtime.checks_types_at_invoke
    node.require_type(image, *filter_types, at_invoke=at_invoke)
    node.require_type(weights, *filter_types[image.type], at_invoke=at_invoke)
    node.require_type(node.output(), image.type)
    node.require_rank(image, 4)
    node.require_rank(weights, 4)
    node.require(min(image.shape[1:]) > 0, f"{image} must not be empty")
    node.require(min(weights.shape) > 0, f"{weights} must not be empty")
    return image, weights, bias


def is_hybrid(image: RuntimeTensor, weights: RuntimeTensor) -> bool:
    """Whether the activations are float32 and the weights are not."""
    return image.type is TensorType.FLOAT32 and weights.type is not TensorType.FLOAT32


def prepare_float(node: Node, to_filters: Callable[[Array], Array], outputs: int) -> Invocation:
    """A convolution in float32.

    `to_filters` brings the weights into the form of the kernels; `outputs` is the number of output channels.
    """
    geometry = _fit(node, outputs)
    _require_bias(node, TensorType.FLOAT32)
    low, high = activation_range_float(node.options["fused_activation_function"])
    return _invocation(
        node,
        geometry,
        to_filters,
        lambda filters, biases: ConvFloat(filters, biases, geometry, low, high, in_order=node.adds_in_order),
        lambda image, filters, biases: conv_float(image, filters, biases, geometry, low, high),
    )


def prepare_hybrid(
    node: Node,
    to_filters: Callable[[Array], Array],
    outputs: int,
    scales: Array,
    *,
    symmetric: bool,
    scales_first: bool,
    negates_lowest: bool = False,
) -> Invocation:
    """A convolution of float32 images and int8 filters; see `HybridScaling`."""
    geometry = _fit(node, outputs)
    _require_bias(node, TensorType.FLOAT32)
    low, high = activation_range_float(node.options["fused_activation_function"])
    scaling = HybridScaling(scales, low, high, symmetric, scales_first, negates_lowest)
    return _invocation(
        node,
        geometry,
        to_filters,
        None if negates_lowest else lambda filters, biases: ConvHybrid(filters, biases, geometry, scaling),
        lambda image, filters, biases: conv_hybrid(image, filters, biases, geometry, scaling),
    )


def prepare_integer(
    node: Node, to_filters: Callable[[Array], Array], outputs: int, *, int64_sums: bool
) -> Invocation:
    """A convolution of quantized images and filters; `int64_sums` decides how it rounds (int16 only)."""
    image, weights, output = node.input(0), node.input(1), node.output()
    geometry = _fit(node, outputs)
    if image.type is TensorType.INT16:
        _require_bias(node, TensorType.INT64 if int64_sums else TensorType.INT32)
    else:
        _require_bias(node, TensorType.INT32)
    multipliers, shifts = convolution_multipliers(
        node, image, weights, node.optional_input(2), output.shape[3]
    )
    low, high = activation_range_quantized(node, output, node.options["fused_activation_function"])
    node.require(low <= high, f"{output} cannot represent the range of its activation")

    # Images and outputs of int16 have no zero points, nor have filters other than uint8: they are not looked at.
    is_int16 = image.type is TensorType.INT16
    if is_int16 and node.runtime.checks_convolution_parameters:
        node.require(
            image.zero_point == output.zero_point == 0, f"{image} and {output} must have zero points of 0"
        )
    zero_point = 0 if is_int16 else image.zero_point
    filter_zero_point = weights.zero_point if weights.type is TensorType.UINT8 else 0
    requantizer: Any
    if int64_sums:
        requantizer = partial(RequantizeInt64, multipliers, shifts, low, high, output.dtype)
    else:
        output_zero_point = 0 if is_int16 else output.zero_point
        requantizer = partial(Requantize, multipliers, shifts, output_zero_point, low, high, output.dtype)
    requantize = requantizer()

    def prepare(filters: Array, biases: Array | None) -> ConvInteger | FullyConnectedInteger:
        per_window = filters[0, 0].size * len(filters)
        few = _FEW_OUTPUTS if len(filters) == 1 else _FEW_PRODUCTS // per_window
        if not int64_sums and geometry.is_product and output.size <= few:
            rows = output.size // output.shape[3]
            matrix = join_groups(filters, filter_zero_point)
            row_requantizer = partial(requantize_rows, rows, *requantizer.args)
            return FullyConnectedInteger(
                rows, matrix, biases, image.dtype, zero_point, filter_zero_point, row_requantizer
            )
        return ConvInteger(filters, biases, geometry, image.dtype, zero_point, filter_zero_point, requantizer)

    return _invocation(
        node,
        geometry,
        to_filters,
        prepare,
        lambda values, filters, biases: conv_integer(
            values, filters, biases, geometry, zero_point, filter_zero_point, requantize
        ),
    )


def _fit(node: Node, outputs: int) -> Geometry:
    """The windows of a convolution; sets the shape of the output."""
    image, weights, options = node.input(0), node.input(1), node.options
    kernel = (weights.shape[1], weights.shape[2])
    stride = (options["stride_h"], options["stride_w"])
    dilation = (options["dilation_h_factor"], options["dilation_w_factor"])
    node.require(min(stride) > 0, f"strides must be positive, not {stride}")
    node.require(min(dilation) > 0, f"dilation factors must be positive, not {dilation}")
    node.require(options["padding"] in set(Padding), f"unknown padding {options['padding']}")
    batch, height, width, channels = image.shape
    padding = options["padding"]
    geometry = Geometry.fit(
        (batch, height, width, channels),
        kernel,
        "SAME" if padding == Padding.SAME else "VALID",
        stride,
        dilation,
    )
    for axis in range(2):
        node.require(
            padding == Padding.SAME or geometry.reach(axis, 1) - image.shape[1 + axis] < 2 * stride[axis],
            f"windows of {kernel}, dilated by {dilation}, do not fit {image} without padding",
        )
    node.require(max(geometry.windows.padding) <= MOST_PADDING, f"windows of {kernel} need too much padding")
    node.output().shape = (batch, *geometry.windows.counts, outputs)
    return geometry


def _require_bias(node: Node, type: TensorType) -> None:
    bias = node.optional_input(2)
    if bias is None:
        return
    node.require_type(bias, type)
    node.require(bias.size == node.output().shape[3], f"{bias} must have one value for each output channel")
    if node.runtime.checks_convolution_parameters and type is not TensorType.FLOAT32:
        node.require(bias.zero_point == 0, f"{bias} must have a zero point of 0")


def convolution_multipliers(
    node: Node, image: RuntimeTensor, weights: RuntimeTensor, bias: RuntimeTensor | None, channels: int
) -> tuple[Int64s, Int64s]:
    """The quantized multipliers of sums of products, one or one for each of so many output channels."""
    output, scales = node.output(), weights.scales
    node.require(image.is_quantized and scales.size > 0, f"{image} and {weights} must be quantized")
    if scales.size > 1:
        dimension = weights.quantization.quantized_dimension if weights.quantization else 0
        node.require(
            image.type is not TensorType.UINT8
            and scales.size == channels == dict(enumerate(weights.shape)).get(dimension),
            f"{weights} must have one scale, or (unless it is UINT8) one for each output channel",
        )
    with np.errstate(all="ignore"):
        if image.type is TensorType.UINT8:
            if bias is not None:  # what LiteRT's `GetQuantizedConvolutionMultipler` refuses
                node.require(
                    abs(image.scale * weights.scale - bias.scale) <= 0.02 * output.scale,
                    f"the scale of {bias} must be close to the product of the scales of {image} and {weights}",
                )
            products = np.float32(image.scale) * scales
        else:
            products = image.scale * scales.astype(np.float64)
        return quantize_multipliers(products.astype(np.float64) / output.scale)


def _invocation(
    node: Node,
    geometry: Geometry,
    to_filters: Callable[[Array], Array],
    prepare: Callable[[Array, Array | None], Callable[[Array, Array], None]] | None,
    define: Callable[[Array, Array, Array | None], Array],
) -> Invocation:
    """A kernel prepared for constant weights and biases, or the definition for others and where there is none."""
    image, weights, bias, output = node.input(0), node.input(1), node.optional_input(2), node.output()
    if output.size == 0:
        return Invocation(compute_nothing, (), geometry)
    if (
        prepare is not None
        and weights.constant is not None
        and (bias is None or bias.constant is not None)
        and geometry.is_compact
        and np.isfinite(weights.constant).all()
    ):
        biases = None if bias is None or bias.constant is None else bias.constant.reshape(-1)
        kernel = prepare(to_filters(weights.constant), biases)
        return Invocation(kernel, (image, output), kernel)

    def run(image: Array, weights: Array, bias: Array | None, output: Array) -> None:
        output[...] = define(image, to_filters(weights), None if bias is None else bias.reshape(-1))

    return Invocation(run, (image, weights, bias, output), geometry)
