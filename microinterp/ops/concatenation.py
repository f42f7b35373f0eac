"""CONCATENATION and PACK: several tensors side by side in one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from microinterp_kernels.concatenation import requantization_uint8

from ..model.ir import Array, TensorType
from ..model.schema import ActivationFunctionType
from .node import Invocation, Node, RuntimeTensor
from .shapes import (
    Index,
    consecutive,
    per_tensor_quantization,
    require_axis,
    require_data_type,
    require_same_quantization,
    unit_cuts,
    with_size,
)


def prepare_concatenation(node: Node) -> Invocation:
    """CONCATENATION: joins tensors along an axis; uint8 inputs are requantized to the output."""
    runtime = node.runtime
    node.require_counts((1, len(node.inputs)), 1)
    if runtime.most_concatenated_inputs is not None:
        node.require_counts((1, runtime.most_concatenated_inputs), 1)
    inputs = [node.input(i) for i in range(len(node.inputs))]
    first, output = inputs[0], node.output()
    require_data_type(node, first, *inputs[1:], output)
    activation = node.options["fused_activation_function"]
    node.require(
        activation == ActivationFunctionType.NONE, f"cannot have a fused activation, here {activation!r}"
    )
    if first.shape == ():
        return _pack_scalars(node, inputs)
    rank = len(first.shape)
    if runtime.most_concatenated_dimensions is not None:
        node.require_rank(first, 1, runtime.most_concatenated_dimensions)
    axis = require_axis(node, node.options["axis"], rank)
    for tensor in inputs[1:]:
        node.require_rank(tensor, rank)
        node.require(
            with_size(tensor.shape, axis, 0) == with_size(first.shape, axis, 0),
            f"{tensor} and {first} may only differ along axis {axis}",
        )
    if first.type is TensorType.INT8:
        require_same_quantization(node, output, *inputs)
    elif first.type is TensorType.INT16:
        for tensor in (*inputs, output):
            node.require(
                per_tensor_quantization(tensor)[1] == 0, f"{tensor} must have a zero point of 0, as int16 has"
            )
    sizes = [tensor.shape[axis] for tensor in inputs]
    output.shape = with_size(first.shape, axis, sum(sizes))
    places = consecutive(axis, sizes)
    if first.type is TensorType.UINT8:
        functions = [_requantization(tensor, output) for tensor in inputs]
        if any(functions):
            return Invocation(partial(_join_requantized, places, functions), (output, *inputs), functions)
    return Invocation(partial(_join, places), (output, *inputs), places)


def _pack_scalars(node: Node, inputs: list[RuntimeTensor]) -> Invocation:
    """LiteRT also joins constant scalars along axis 0, to a vector, without looking at their quantization."""
    node.require(
        all(t.constant is not None for t in inputs) and node.runtime.has_dynamic_tensors,
        "scalars cannot be concatenated unless all are constant",
    )
    node.require(node.options["axis"] == 0, f"scalars have no axis {node.options['axis']}, only 0")
    for tensor in inputs:
        node.require_rank(tensor, 0)
    node.output().shape = (len(inputs),)
    places: list[Index] = [(i,) for i in range(len(inputs))]
    return Invocation(partial(_join, places), (node.output(), *inputs), places)


def _requantization(tensor: RuntimeTensor, output: RuntimeTensor) -> Callable[[Array], Array] | None:
    """What turns the values of an input into those of the output, or None if they are the same."""
    source, target = per_tensor_quantization(tensor), per_tensor_quantization(output)
    return None if source == target else requantization_uint8(*source, *target)


def prepare_pack(node: Node) -> Invocation:
    """PACK: stacks tensors of one shape along a new axis."""
    count = node.options["values_count"]
    node.require(count > 0, f"values_count is {count}, it must be positive")
    node.require_counts(count, 1)
    inputs = [node.input(i) for i in range(count)]
    first, output = inputs[0], node.output()
    for tensor in inputs[1:]:
        node.require(tensor.shape == first.shape, f"{tensor} must have the shape of {first}")
    if node.runtime.movements_need_equal_quantization:
        require_same_quantization(node, output, *inputs)
    axis = require_axis(node, node.options["axis"], len(first.shape) + 1)
    output.shape = (*first.shape[:axis], count, *first.shape[axis:])
    require_data_type(node, first, *inputs[1:], output)
    places = unit_cuts(axis, count)
    return Invocation(partial(_join, places), (output, *inputs), places)


def _join(places: list[Index], output: Array, *inputs: Array) -> None:
    for place, values in zip(places, inputs, strict=True):
        output[place] = values


def _join_requantized(
    places: list[Index],
    functions: list[Callable[[Array], Array] | None],
    output: Array,
    *inputs: Array,
) -> None:
    for place, function, values in zip(places, functions, inputs, strict=True):
        output[place] = values if function is None else function(values)
