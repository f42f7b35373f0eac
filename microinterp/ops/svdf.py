"""SVDF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microinterp_kernels.recurrent_activations import ACTIVATIONS, REFERENCE_ACTIVATIONS
from microinterp_kernels.svdf import SvdfInt8, svdf_float32, svdf_hybrid

from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .recurrent import BYTES, Build, Kernel, activation_name, build_once_if_constant


def prepare_svdf(node: Node) -> Invocation:
    """SVDF: float32; int8 with a state of int16 or int8; in LiteRT, float32 with int8 weights."""
    node.require_counts(5, 1)
    x, weights_feature, weights_time = node.input(0), node.input(1), node.input(2)
    bias, state, output = node.optional_input(3), node.input(4), node.output()
    is_litert = node.runtime.recurrent_uses_tensor_utils
    node.require_type(x, TensorType.FLOAT32, TensorType.INT8)
    _infer_shape(node, x, weights_feature, weights_time, bias, state)
    node.require_type(output, x.type)
    if bias is not None:
        node.require_type(bias, TensorType.INT32 if x.type is TensorType.INT8 else TensorType.FLOAT32)
    if x.type is TensorType.INT8:
        build = _integer_build(node, x, weights_feature, weights_time, bias, state)
    elif is_litert and weights_feature.type in BYTES:
        build = _hybrid_build(node, weights_feature, weights_time, state)
    else:
        build = _float_build(node, weights_feature, weights_time, state)
    if is_litert:
        node.require(state.is_variable, f"{state}, the state, must be a variable", at_invoke=True)
        activation = activation_name(node)
        node.require(
            x.type is not TensorType.INT8 or activation == "RELU",
            f"the activation of an int8 SVDF must be RELU, not {activation}",
            at_invoke=True,
        )
    else:
        node.require(bias is not None, "has no bias, without which TFLM crashes")
        node.require(state.is_variable, f"{state}, the state, must be a variable")
    return build_once_if_constant(build, (weights_feature, weights_time, bias), (x, state, output))


def _infer_shape(
    node: Node,
    x: RuntimeTensor,
    weights_feature: RuntimeTensor,
    weights_time: RuntimeTensor,
    bias: RuntimeTensor | None,
    state: RuntimeTensor,
) -> None:
    """Check all shapes, and set the output's."""
    for tensor in (x, weights_feature, weights_time, state):
        node.require_rank(tensor, 2)
    for tensor in (weights_time, state):
        node.require(tensor.size > 0, f"{tensor} has no elements, without which the native kernels crash")
    rank, output = node.options["rank"], node.output()
    batch, inputs = x.shape
    filters, memory = weights_time.shape
    node.require(
        weights_feature.shape == (filters, inputs),
        f"{weights_feature} must have the shape [{filters}, {inputs}], filters and inputs",
    )
    node.require(
        rank > 0 and filters % rank == 0,
        f"its rank must divide the number of filters, {filters}; it is {rank}",
    )
    units = filters // rank
    if bias is not None:
        node.require(bias.shape == (units,), f"{bias} must have the shape [{units}], the number of units")
    node.require(
        state.shape == (batch, filters * memory), f"{state} must have the shape [{batch}, {filters * memory}]"
    )
    if not node.runtime.recurrent_uses_tensor_utils:
        stored = output.definition.shape or ()
        node.require(stored == (batch, units), f"{output} must have the shape [{batch}, {units}]")
    output.shape = (batch, units)


def _float_build(
    node: Node, weights_feature: RuntimeTensor, weights_time: RuntimeTensor, state: RuntimeTensor
) -> Build:
    is_litert = node.runtime.recurrent_uses_tensor_utils
    node.require_type(weights_feature, TensorType.FLOAT32, at_invoke=is_litert)
    for tensor in (weights_time, state):
        node.require_type(tensor, TensorType.FLOAT32)
    activations = ACTIVATIONS if is_litert else REFERENCE_ACTIVATIONS
    rank, activation = node.options["rank"], activations.get(activation_name(node))

    def build(arrays: Sequence[Array | None]) -> Kernel:
        feature, time, bias = arrays
        assert feature is not None
        assert time is not None
        return svdf_float32(feature, time, bias, rank, activation, in_lanes=is_litert)

    return build


def _hybrid_build(
    node: Node, weights_feature: RuntimeTensor, weights_time: RuntimeTensor, state: RuntimeTensor
) -> Build:
    node.require_type(weights_time, *BYTES)
    node.require_type(state, TensorType.FLOAT32)
    # LiteRT makes float32 numbers of these once, at the first invoke
    node.require(weights_time.constant is not None, f"{weights_time} must be constant")
    rank, activation = node.options["rank"], ACTIVATIONS.get(activation_name(node))
    asymmetric = bool(node.options["asymmetric_quantize_inputs"])
    feature_scale, time_scale = weights_feature.scale, np.float32(weights_time.scale)

    def build(arrays: Sequence[Array | None]) -> Kernel:
        feature, time, bias = arrays
        assert feature is not None
        assert time is not None
        real_time = time.view(np.int8).astype(np.float32) * time_scale
        return svdf_hybrid(
            feature.view(np.int8), feature_scale, real_time, bias, rank, activation, asymmetric=asymmetric
        )

    return build


def _integer_build(
    node: Node,
    x: RuntimeTensor,
    weights_feature: RuntimeTensor,
    weights_time: RuntimeTensor,
    bias: RuntimeTensor | None,
    state: RuntimeTensor,
) -> Build:
    is_litert, output = node.runtime.recurrent_uses_tensor_utils, node.output()
    node.require_type(weights_feature, TensorType.INT8)
    # LiteRT takes int8 states for int16 ones, and dies; there we do as TFLM does
    node.require_type(state, TensorType.INT16, TensorType.INT8)
    node.require_type(weights_time, state.type)
    for tensor in (x, weights_feature, weights_time, state, output):
        node.require(tensor.scale > 0, f"{tensor} must have a scale above 0")
    number: Any = np.float32 if node.runtime.multiplies_scales_in_float32 else float
    if not is_litert and bias is not None:
        wanted = float(np.float32(state.scale) * np.float32(weights_time.scale))
        node.require(
            abs(bias.scale - wanted) < 1e-5,
            f"{bias} must have the scale of the state times that of {weights_time}, {wanted:g}, not {bias.scale:g}",
        )
    with np.errstate(all="ignore"):
        multipliers = (
            float(number(x.scale) * number(weights_feature.scale) / number(state.scale)),
            float(number(state.scale) * number(weights_time.scale) / number(output.scale)),
        )
    state_zero_point = 0 if is_litert and state.type is TensorType.INT16 else state.zero_point
    rank, batch, zero_points = (
        node.options["rank"],
        x.shape[0],
        (x.zero_point, state_zero_point, output.zero_point),
    )

    def build(arrays: Sequence[Array | None]) -> Kernel:
        feature, time, bias = arrays
        assert feature is not None
        assert time is not None
        return SvdfInt8(feature, time, bias, rank, batch, multipliers, *zero_points)

    return build
