"""Axes, shapes and slices: what the operators that move data have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor

Shape = tuple[int, ...]
Index = tuple[slice | int, ...]
#: The shape of an output, and what fills it when called with the arrays of the data and its own.
Movement = tuple[Shape, Callable[..., None]]

_MOST_ELEMENTS = 2**31 - 1

_P = ParamSpec("_P")
_R = TypeVar("_R")


def decide(node: Node, rule: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """What a rule gives at prepare; the InvokeError that it would raise at invoke becomes the node's refusal."""
    try:
        return rule(*args, **kwargs)
    except InvokeError as error:
        node.fail(str(error))


def find_axis(axis: int, rank: int) -> int:
    """The axis counted from the front; raises InvokeError if there is no such axis."""
    positive = axis + rank if axis < 0 else axis
    if not 0 <= positive < rank:
        raise InvokeError(f"there is no axis {axis} among {rank} dimensions")
    return positive


def require_axis(node: Node, axis: int, rank: int) -> int:
    """The axis counted from the front; refuses the node if there is no such axis."""
    return decide(node, find_axis, axis, rank)


def cut(axis: int, start: int, stop: int) -> Index:
    """The index that selects start ≤ i < stop along an axis, and all of the others."""
    return (*(slice(None),) * axis, slice(start, stop))


def consecutive(axis: int, sizes: Sequence[int]) -> list[Index]:
    """The indices that cut an axis into consecutive pieces of these sizes."""
    ends = [0]
    for size in sizes:
        ends.append(ends[-1] + size)
    return [cut(axis, *ends[i : i + 2]) for i in range(len(sizes))]


def unit_cuts(axis: int, size: int) -> list[Index]:
    """The indices that select one place along an axis each, and drop the axis."""
    return [(*(slice(None),) * axis, i) for i in range(size)]


def with_size(shape: Shape, axis: int, size: int) -> Shape:
    """The shape with another size of an axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])


def read_shape(values: Array) -> Shape:
    """The shape that the numbers in a tensor are; raises InvokeError if one is negative."""
    shape = tuple(int(v) for v in values.flat)
    if any(d < 0 for d in shape):
        raise InvokeError(f"a shape cannot be {list(shape)}")
    return shape


def without(shape: Shape, axis: int) -> Shape:
    """The shape without an axis."""
    return (*shape[:axis], *shape[axis + 1 :])


def require_data_type(node: Node, tensor: RuntimeTensor, *others: RuntimeTensor) -> None:
    """Refuse an element type that the runtime's operator does not take as data, or others that differ from it.

    Where the operator is among `Runtime.checks_types_at_invoke`, all else must have been checked and done before.
    """
    for other in others:
        node.require(other.type is tensor.type, f"{other} must have the element type of {tensor}")
    at_invoke = node.name in node.runtime.checks_types_at_invoke
    node.require_type(tensor, *node.runtime.element_types[node.name], at_invoke=at_invoke)


def require_few_dimensions(node: Node, tensor: RuntimeTensor) -> None:
    """Refuse a tensor with more dimensions than the runtime's operator has room for."""
    most = node.runtime.most_dimensions.get(node.name)
    if most is not None:
        node.require_rank(tensor, 0, most)


def require_static(node: Node, *tensors: RuntimeTensor) -> bool:
    """Whether all these tensors, which decide shapes, are constant; refuses others in a runtime that must know."""
    for tensor in tensors:
        if tensor.constant is None:
            node.require(node.runtime.has_dynamic_tensors, f"{tensor} must be constant in this runtime")
            return False
    return True


def prepare_movement(
    node: Node,
    rule: Callable[..., Movement],
    data: Sequence[RuntimeTensor],
    deciding: Sequence[RuntimeTensor] = (),
) -> Invocation:
    """An operator with one output, whose shape and content `rule` decides, given the values of the deciding tensors.

    If they are not all constant the output is dynamic, or has the shape that the model stores for it where the runtime
    goes by that.
    """
    output, count = node.output(), len(deciding)
    if all(tensor.constant is not None for tensor in deciding):
        output.shape, move = decide(node, rule, *(tensor.constant for tensor in deciding))
        require_stored_shape(node)
        return Invocation(move, (*data, output), move)
    if node.runtime.has_dynamic_tensors:
        make = partial(_make, rule, count, output.dtype)
        return Invocation(make, (*deciding, *data), rule, dynamic=(output,))
    return prepare_stored_movement(node, rule, data, deciding)


def prepare_stored_movement(
    node: Node,
    rule: Callable[..., Movement],
    data: Sequence[RuntimeTensor],
    deciding: Sequence[RuntimeTensor],
) -> Invocation:
    """Like `prepare_movement`, but the output has the shape that the model stores, and any other is refused."""
    output, count = node.output(), len(deciding)
    output.shape = output.definition.shape or ()
    if any(tensor.constant is None for tensor in deciding):
        return Invocation(partial(_fill, rule, count), (*deciding, *data, output), rule)
    shape, move = decide(node, rule, *(tensor.constant for tensor in deciding))
    decide(node, _check_shape, shape, output.shape)
    return Invocation(move, (*data, output), move)


def _make(rule: Callable[..., Movement], deciding: int, dtype: np.dtype[Any], *arrays: Array) -> Array:
    shape, move = rule(*arrays[:deciding])
    if prod(shape) > _MOST_ELEMENTS:
        raise InvokeError(f"an output of shape {list(shape)} is too large")
    output = np.empty(shape, dtype)
    move(*arrays[deciding:], output)
    return output


def _fill(rule: Callable[..., Movement], deciding: int, *arrays: Array) -> None:
    output = arrays[-1]
    shape, move = rule(*arrays[:deciding])
    _check_shape(shape, output.shape)
    move(*arrays[deciding:])


def _check_shape(shape: Shape, stored: Shape) -> None:
    if shape != stored:
        raise InvokeError(f"the output in the model has shape {list(stored)}, here it is {list(shape)}")


def require_stored_shape(node: Node) -> None:
    """Refuse an output that differs from the model's, in a runtime that goes by the latter."""
    output = node.output()
    stored = output.definition.shape
    node.require(
        node.runtime.has_dynamic_tensors or stored in {output.shape, None},
        f"makes an output of shape {list(output.shape)}, in the model it is {list(stored or ())}",
    )


def require_equal_quantization(node: Node, tensor: RuntimeTensor, *others: RuntimeTensor) -> None:
    """What LiteRT's kernels that move elements require: all quantized alike, int16 with a zero point of 0."""
    if not node.runtime.movements_need_equal_quantization:
        return
    require_same_quantization(node, tensor, *others)
    node.require(
        tensor.type is not TensorType.INT16 or per_tensor_quantization(tensor)[1] == 0,
        f"{tensor} must have a zero point of 0, as int16 has",
    )


def pairs(values: Array) -> list[tuple[int, int]]:
    """The rows of a matrix with two columns."""
    return [(int(a), int(b)) for a, b in values.reshape(-1, 2)]


def per_tensor_quantization(tensor: RuntimeTensor) -> tuple[float, int]:
    """Scale and zero point as LiteRT's kernels see them: (0, 0) unless there is exactly one of each."""
    q = tensor.quantization
    if q is None or q.scale is None or q.zero_point is None or q.scale.size != 1 or q.zero_point.size != 1:
        return 0.0, 0
    return tensor.scale, tensor.zero_point


def require_same_quantization(node: Node, tensor: RuntimeTensor, *others: RuntimeTensor) -> None:
    """Refuse tensors with another scale or zero point than the first."""
    for other in others:
        node.require(
            per_tensor_quantization(other) == per_tensor_quantization(tensor),
            f"{other} must be quantized like {tensor}",
        )


def first_number(values: Array) -> int:
    """The number in a tensor that stands for a scalar, whatever its shape; raises InvokeError if it is empty."""
    if values.size == 0:
        raise InvokeError("a tensor that should hold one number is empty")
    return int(values.flat[0])
