"""Axes, shapes and slices: what the operators that move data have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from ..errors import InvokeError
from ..model.ir import Array
from .node import Node, RuntimeTensor

Shape = tuple[int, ...]
Index = tuple[slice | int, ...]

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


def without(shape: Shape, axis: int) -> Shape:
    """The shape without an axis."""
    return (*shape[:axis], *shape[axis + 1 :])


def require_data_type(node: Node, tensor: RuntimeTensor, *others: RuntimeTensor) -> None:
    """Refuse an element type that the runtime's operator does not take as data, or others that differ from it."""
    node.require_type(tensor, *node.runtime.element_types[node.name])
    for other in others:
        node.require(other.type is tensor.type, f"{other} must have the element type of {tensor}")


def require_static(node: Node, *tensors: RuntimeTensor) -> bool:
    """Whether all these tensors, which decide shapes, are constant; refuses others in a runtime that must know."""
    for tensor in tensors:
        if tensor.constant is None:
            node.require(node.runtime.has_dynamic_tensors, f"{tensor} must be constant in this runtime")
            return False
    return True


def per_tensor_quantization(tensor: RuntimeTensor) -> tuple[float, int]:
    """Scale and zero point as LiteRT's kernels see them: (0, 0) unless there is exactly one of each."""
    q = tensor.quantization
    if q is None or q.scale is None or q.zero_point is None or q.scale.size != 1 or q.zero_point.size != 1:
        return 0.0, 0
    return float(q.scale[0]), int(q.zero_point[0])


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
