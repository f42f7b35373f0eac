"""SPLIT, SPLIT_V and UNPACK: one tensor cut into several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .shapes import (
    Index,
    Shape,
    consecutive,
    decide,
    find_axis,
    first_number,
    require_axis,
    require_data_type,
    require_same_quantization,
    require_static,
    unit_cuts,
    with_size,
    without,
)

# The axis and the sizes of the pieces along it, given the values of the tensors that decide them.
_Rule = Callable[..., tuple[int, list[int]]]


def prepare_split(node: Node) -> Invocation:
    """SPLIT: cuts along an axis into equal pieces, one per output."""
    axis, x = _require_inputs(node, 2, axis=0, x=1)
    return _prepare(node, x, [axis], partial(_equal_pieces, x.shape, len(node.outputs)))


def prepare_split_v(node: Node) -> Invocation:
    """SPLIT_V: cuts along an axis into pieces of given sizes, one of which may be −1 (the rest)."""
    axis, x = _require_inputs(node, 3, axis=2, x=0)
    sizes = node.input(1)
    node.require_rank(sizes, 1)
    node.require_type(sizes, TensorType.INT32, TensorType.INT64)
    node.require(
        sizes.size == len(node.outputs), f"{sizes} must have a size for each of {len(node.outputs)} outputs"
    )
    if sizes.constant is None and not node.runtime.has_dynamic_tensors:
        # TFLM does not look at the sizes; it trusts the outputs' shapes in the model
        shapes = [output.definition.shape or () for output in node.outputs]
        return _prepare(node, x, [axis], partial(_pieces_in_model, x.shape, shapes))
    return _prepare(node, x, [axis, sizes], partial(_given_pieces, x.shape))


def _require_inputs(node: Node, inputs: int, *, axis: int, x: int) -> tuple[RuntimeTensor, RuntimeTensor]:
    count = node.options["num_splits"]
    node.require(count > 0, f"num_splits is {count}, it must be positive")
    node.require_counts(inputs, count)
    node.require_type(node.input(axis), TensorType.INT32, TensorType.INT64)
    return node.input(axis), node.input(x)


def _prepare(node: Node, x: RuntimeTensor, deciding: Sequence[RuntimeTensor], rule: _Rule) -> Invocation:
    if not require_static(node, *deciding):
        require_data_type(node, x, *node.outputs)
        return Invocation(partial(_cut_dynamically, rule), (x, *deciding), rule, dynamic=node.outputs)
    axis, sizes = decide(node, rule, *(tensor.constant for tensor in deciding))
    for output, size in zip(node.outputs, sizes, strict=True):
        output.shape = with_size(x.shape, axis, size)
    require_data_type(node, x, *node.outputs)
    pieces = consecutive(axis, sizes)
    return Invocation(partial(_cut, pieces), (x, *node.outputs), pieces)


def _equal_pieces(shape: Shape, count: int, axis: Array) -> tuple[int, list[int]]:
    where = find_axis(first_number(axis), len(shape))
    size, rest = divmod(shape[where], count)
    if rest:
        raise InvokeError(f"{shape[where]} along axis {where} cannot be split into {count} equal pieces")
    return where, [size] * count


def _given_pieces(shape: Shape, axis: Array, given: Array) -> tuple[int, list[int]]:
    where = find_axis(first_number(axis), len(shape))
    sizes = [int(size) for size in given]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = shape[where] - sum(sizes) - 1
    if min(sizes) < 0 or sum(sizes) != shape[where]:
        raise InvokeError(
            f"{shape[where]} along axis {where} cannot be split into pieces of {given.tolist()}"
        )
    return where, sizes


def _pieces_in_model(shape: Shape, shapes: Sequence[Shape], axis: Array) -> tuple[int, list[int]]:
    where = find_axis(first_number(axis), len(shape))
    sizes = [s[where] if where < len(s) else 0 for s in shapes]
    if any(with_size(shape, where, size) != s for size, s in zip(sizes, shapes, strict=True)) or (
        sum(sizes) != shape[where]
    ):
        raise InvokeError(
            f"the model splits {list(shape)} into {[list(s) for s in shapes]} along axis {where}"
        )
    return where, sizes


def prepare_unpack(node: Node) -> Invocation:
    """UNPACK: cuts along an axis into pieces of size 1, and drops the axis."""
    count = node.options["num"]
    node.require(count > 0, f"num is {count}, it must be positive")
    node.require_counts(1, count)
    x = node.input(0)
    node.require(x.size > 0, f"{x} is empty")
    if node.runtime.movements_need_equal_quantization:
        require_same_quantization(node, x, *node.outputs)
    axis = require_axis(node, node.options["axis"], len(x.shape))
    node.require(x.shape[axis] == count, f"axis {axis} of {x} does not have the size of num, {count}")
    for output in node.outputs:
        output.shape = without(x.shape, axis)
    require_data_type(node, x, *node.outputs)
    pieces = unit_cuts(axis, count)
    return Invocation(partial(_cut, pieces), (x, *node.outputs), pieces)


def _cut(pieces: Sequence[Index], x: Array, *outputs: Array) -> None:
    for output, piece in zip(outputs, pieces, strict=True):
        output[...] = x[piece]


def _cut_dynamically(rule: _Rule, x: Array, *deciding: Array) -> Any:
    results = tuple(x[piece].copy() for piece in consecutive(*rule(*deciding)))
    return results if len(results) > 1 else results[0]
