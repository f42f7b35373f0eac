"""CONV_3D and CONV_3D_TRANSPOSE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from microinterp_kernels.padding import fit_axis
from microinterp_kernels.tap_products import Axis, Tap, add_products, forward_taps, transposed_taps

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from ..model.schema import Padding
from .common import activation_range_float
from .node import Invocation, Node, RuntimeTensor
from .shapes import Shape, decide


def prepare_conv_3d(node: Node) -> Invocation:
    """CONV_3D: float32; the filters are [depth, height, width, channels, outputs]."""
    node.require_counts((2, 3), 1)
    image, weights, output = node.input(0), node.input(1), node.output()
    bias = _check(node, image, weights, node.optional_input(2), channels=3)
    axes = _fit(node.options, image.shape, weights.shape)
    node.require(min(axis.windows for axis in axes) > 0, f"{weights} does not fit {image} without padding")
    output.shape = (image.shape[0], *(axis.windows for axis in axes), weights.shape[4])
    taps = forward_taps(axes)
    convolve = partial(_convolve, *activation_range_float(node.options["fused_activation_function"]))
    return Invocation(partial(convolve, taps), (image, weights, bias, output), taps)


def prepare_conv_3d_transpose(node: Node) -> Invocation:
    """CONV_3D_TRANSPOSE: float32; the filters are [depth, height, width, outputs, channels]."""
    node.require_counts((3, 4), 1)
    shape, weights, image, output = node.input(0), node.input(1), node.input(2), node.output()
    node.require_rank(shape, 1)
    node.require_type(shape, TensorType.INT32)
    node.require(shape.size == 5, f"{shape} must hold five sizes")
    bias = _check(node, image, weights, node.optional_input(3), channels=4)
    fit = partial(_fit_transposed, node.options, image.shape, weights.shape)
    convolve = partial(
        _convolve_transposed, *activation_range_float(node.options["fused_activation_function"])
    )
    if shape.constant is None:

        def convolve_anew(shape: Array, image: Array, weights: Array, bias: Array | None) -> Array:
            sizes = tuple(int(size) for size in shape)
            taps = fit(sizes)
            output = np.empty(sizes, np.float32)
            convolve(taps, image, weights, bias, output)
            return output

        return Invocation(convolve_anew, (shape, image, weights, bias), dynamic=(output,))
    output.shape = tuple(int(size) for size in shape.constant)
    taps = decide(node, fit, output.shape)
    return Invocation(partial(convolve, taps), (image, weights, bias, output), taps)


def _check(
    node: Node, image: RuntimeTensor, weights: RuntimeTensor, bias: RuntimeTensor | None, *, channels: int
) -> RuntimeTensor | None:
    """The bias, after the checks that both operators have in common; `channels` is an axis of the weights."""
    for tensor in (image, weights):
        node.require_rank(tensor, 5)
        node.require_type(tensor, TensorType.FLOAT32)
        node.require(min(tensor.shape[1:]) > 0 and tensor.size > 0, f"{tensor} must not be empty")
    node.require_type(node.output(), TensorType.FLOAT32)
    node.require(
        image.shape[4] == weights.shape[channels], f"{image} and {weights} must have as many channels"
    )
    if bias is not None:
        node.require_type(bias, TensorType.FLOAT32)
        outputs = weights.shape[7 - channels]
        node.require(bias.size == outputs, f"{bias} must have one value for each output channel")
    options = node.options
    for name in ("stride", "dilation"):
        factors = _triple(options, "stride_{}" if name == "stride" else "dilation_{}_factor")
        node.require(min(factors) > 0, f"{name}s must be positive, not {factors}")
    node.require(options["padding"] in set(Padding), f"unknown padding {options['padding']}")
    return bias


def _triple(options: Mapping[str, Any], name: str) -> tuple[int, int, int]:
    depth, height, width = (options[name.format(axis)] for axis in "dhw")
    return depth, height, width


def _fit(options: Mapping[str, Any], image: Shape, weights: Shape) -> list[Axis]:
    """The windows along each spatial axis of an image."""
    padding: Literal["SAME", "VALID"] = "SAME" if options["padding"] == Padding.SAME else "VALID"
    axes = []
    for size, kernel, stride, dilation in zip(
        image[1:4],
        weights[:3],
        _triple(options, "stride_{}"),
        _triple(options, "dilation_{}_factor"),
        strict=True,
    ):
        count, before = fit_axis(padding, size, kernel, stride, dilation)
        axes.append(Axis(count, size, kernel, stride, dilation, before))
    return axes


def _fit_transposed(options: Mapping[str, Any], image: Shape, weights: Shape, output: Shape) -> list[Tap]:
    """The taps for that output; raises InvokeError if it does not fit."""
    if min(output) < 0 or output[0] != image[0] or output[4] != weights[3]:
        raise InvokeError(f"an output of shape {list(output)} does not fit image and weights")
    axes = _fit(options, output, weights)
    if tuple(axis.windows for axis in axes) != image[1:4]:
        raise InvokeError(f"an output of shape {list(output)} needs other windows than the image has")
    return transposed_taps(axes)


def _convolve(
    low: np.float32,
    high: np.float32,
    taps: Sequence[Tap],
    image: Array,
    weights: Array,
    bias: Array | None,
    output: Array,
) -> None:
    add_products(image, weights, bias, taps, output, low, high)


def _convolve_transposed(
    low: np.float32,
    high: np.float32,
    taps: Sequence[Tap],
    image: Array,
    weights: Array,
    bias: Array | None,
    output: Array,
) -> None:
    _convolve(low, high, taps, image, np.swapaxes(weights, 3, 4), bias, output)
