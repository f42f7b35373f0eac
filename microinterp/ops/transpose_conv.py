"""TRANSPOSE_CONV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from microinterp_kernels.padding import MOST_PADDING, fit_axis
from microinterp_kernels.requantize import Requantize, RequantizeInt64
from microinterp_kernels.tap_products import (
    Axis,
    Tap,
    add_products,
    add_products_exactly,
    add_products_hybrid,
    transposed_taps,
)

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from ..model.schema import Padding
from .common import activation_range_float, activation_range_quantized, compute_nothing
from .conv import convolution_multipliers
from .node import Invocation, Node, RuntimeTensor
from .shapes import Shape, decide

_FLOAT32, _INT8, _INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16
_INT32, _INT64 = TensorType.INT32, TensorType.INT64

# (image, filters, bias or None, taps, output); `_filters` makes filters [height, width, channels, outputs] of weights
_Compute = Callable[[Array, Array, Array | None, Sequence[Tap], Array], None]


def prepare_transpose_conv(node: Node) -> Invocation:
    """TRANSPOSE_CONV: float32, int8 and int16 by int8; LiteRT also uint8, and float32 by int8."""
    node.require_counts((3, 4), 1)
    shape, weights, image, output = node.input(0), node.input(1), node.input(2), node.output()
    bias = node.optional_input(3)
    filter_types = node.runtime.filter_types[node.name]
    node.require_type(image, *filter_types)
    node.require_type(weights, *filter_types[image.type])
    node.require_type(output, image.type)
    node.require_rank(image, 4)
    node.require_rank(weights, 4)
    node.require(min(image.shape[1:]) > 0, f"{image} must not be empty")
    node.require(min(weights.shape) > 0, f"{weights} must not be empty")
    node.require(image.shape[3] == weights.shape[3], f"{image} and {weights} must have as many channels")
    stride = (node.options["stride_h"], node.options["stride_w"])
    node.require(0 < min(stride) <= max(stride) < 2**15, f"strides must be between 1 and 32767, not {stride}")
    node.require(node.options["padding"] in set(Padding), f"unknown padding {node.options['padding']}")
    sums = _INT64 if image.type is _INT16 else _INT32
    if image.type is _INT16 and node.runtime.conv_2d_bias_type_is_an_option:
        option = node.options["quantized_bias_type"]
        node.require(option in (_FLOAT32, _INT32, _INT64), f"unknown type of biases {option}")
        sums = _INT32 if option == _INT32 else _INT64
    if bias is not None:
        _require_bias(node, bias, sums)
    if image.type is _INT16 and node.runtime.checks_convolution_parameters:
        node.require(
            image.zero_point == output.zero_point == 0, f"{image} and {output} must have zero points of 0"
        )

    filter_zero_point = weights.zero_point if weights.type is TensorType.UINT8 else 0
    fit = partial(_fit, node.options, image.shape, weights.shape, checks=node.runtime.has_dynamic_tensors)
    if not node.runtime.has_dynamic_tensors:  # it does not look at the shape
        output.shape = output.definition.shape or ()
    else:
        node.require_rank(shape, 1)
        node.require(shape.size == 4, f"{shape} must hold four sizes")
        node.require_type(shape, _INT32)
        if shape.constant is None:
            compute = _compute(node, image, weights, bias, sums)
            return Invocation(
                partial(_convolve_anew, fit, compute, filter_zero_point, output.dtype),
                (shape, image, weights, bias),
                dynamic=(output,),
            )
        node.require(bool((shape.constant >= 0).all()), f"{shape} must not hold negative sizes")
        output.shape = tuple(int(size) for size in shape.constant)
    compute = _compute(node, image, weights, bias, sums)
    taps = decide(node, fit, output.shape)
    _check_sizes(image.shape, weights.shape, output.shape)  # LiteRT, too, refuses it when it runs
    if output.size == 0:
        return Invocation(compute_nothing, ())

    if weights.constant is not None:
        filters = _filters(weights.constant, filter_zero_point)

        def run_constant(image: Array, bias: Array | None, output: Array) -> None:
            compute(image, filters, bias, taps, output)

        return Invocation(run_constant, (image, bias, output), taps)

    def run(image: Array, weights: Array, bias: Array | None, output: Array) -> None:
        compute(image, _filters(weights, filter_zero_point), bias, taps, output)

    return Invocation(run, (image, weights, bias, output), taps)


def _require_bias(node: Node, bias: RuntimeTensor, sums: TensorType) -> None:
    image, weights = node.input(2), node.input(1)
    if image.type is _FLOAT32:
        node.require_type(bias, _FLOAT32)
    elif image.type is _INT16 and not node.runtime.conv_2d_bias_type_is_an_option:
        node.require_type(bias, _INT64, _INT16)
    else:
        node.require_type(bias, sums)
    node.require(bias.size == weights.shape[0], f"{bias} must have one value for each output channel")
    if node.runtime.checks_convolution_parameters and image.type in (_INT8, _INT16):
        node.require(bias.zero_point == 0, f"{bias} must have a zero point of 0")


def _fit(
    options: Mapping[str, Any], image: Shape, weights: Shape, output: Shape, *, checks: bool
) -> list[Tap]:
    """The taps for that output; raises InvokeError if it does not fit."""
    if len(output) != 4 or min(output[1:3]) <= 0:
        raise InvokeError(f"there is no image of shape {list(output)}")
    padding: Literal["SAME", "VALID"] = "SAME" if options["padding"] == Padding.SAME else "VALID"
    axes = []
    for i, stride in enumerate((options["stride_h"], options["stride_w"]), 1):
        count, before = fit_axis(padding, output[i], weights[i], stride)
        if (checks and count != image[i]) or before > MOST_PADDING:
            raise InvokeError(
                f"an output of shape {list(output)} needs {count} windows, the image has {image[i]}"
            )
        axes.append(Axis(image[i], output[i], weights[i], stride, 1, before))
    return transposed_taps(axes)


def _check_sizes(image: Shape, weights: Shape, output: Shape) -> None:
    if (output[0], output[3]) != (image[0], weights[0]):
        raise InvokeError(f"an output of shape {list(output)} does not fit image and weights")


def _compute(
    node: Node, image: RuntimeTensor, weights: RuntimeTensor, bias: RuntimeTensor | None, sums: TensorType
) -> _Compute:
    output = node.output()
    activation = node.options["fused_activation_function"]
    if image.type is _FLOAT32:
        low, high = activation_range_float(activation)
        if weights.type is _FLOAT32:
            return lambda image, filters, bias, taps, output: add_products(
                image, filters, bias, taps, output, low, high
            )
        scales = weights.scales
        node.require(
            scales.size in (1, weights.shape[0]),
            f"{weights} must have one scale, or one for each output channel",
        )
        return lambda image, filters, bias, taps, output: add_products_hybrid(
            image, filters, scales, bias, taps, output, low, high
        )
    multipliers, shifts = convolution_multipliers(node, image, weights, bias, weights.shape[0])
    least, most = activation_range_quantized(node, output, activation)
    node.require(least <= most, f"{output} cannot represent the range of its activation")
    requantize: Any
    if sums is _INT64:
        requantize = RequantizeInt64(multipliers, shifts, least, most, output.dtype)
    else:
        zero_point = 0 if image.type is _INT16 else output.zero_point
        requantize = Requantize(multipliers, shifts, zero_point, least, most, output.dtype)
    zero_point = 0 if image.type is _INT16 else image.zero_point

    def compute(image: Array, filters: Array, bias: Array | None, taps: Sequence[Tap], output: Array) -> None:
        numbers = image.astype(np.float64) - zero_point
        requantize(add_products_exactly(numbers, filters, bias, taps, output.shape), output)

    return compute


def _filters(weights: Array, zero_point: int) -> Array:
    """[outputs, height, width, channels] → [height, width, channels, outputs], integers less the zero point."""
    filters = np.ascontiguousarray(np.moveaxis(weights, 0, -1))
    return filters if not zero_point else filters.astype(np.int16) - np.int16(zero_point)


def _convolve_anew(
    fit: Callable[[Shape], list[Tap]],
    compute: _Compute,
    filter_zero_point: int,
    dtype: np.dtype[Any],
    shape: Array,
    image: Array,
    weights: Array,
    bias: Array | None,
) -> Array:
    sizes = tuple(int(size) for size in shape)
    taps = fit(sizes)
    _check_sizes(image.shape, weights.shape, sizes)
    output = np.empty(sizes, dtype)
    compute(image, _filters(weights, filter_zero_point), bias, taps, output)
    return output
