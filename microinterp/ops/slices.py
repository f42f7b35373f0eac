"""SLICE and DYNAMIC_UPDATE_SLICE: a block of a tensor, taken or replaced."""

from __future__ import annotations

from functools import partial
from math import prod

import numpy as np

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import Movement, Shape, prepare_movement, prepare_stored_movement, require_few_dimensions

_INDEX_TYPES = (TensorType.INT32, TensorType.INT64)
_Block = tuple[slice, ...]


def prepare_slice(node: Node) -> Invocation:
    """SLICE: the block that starts at `begin` and has `size`, −1 being the rest of a dimension.

    The output has the shape that the model stores for it, if it does. TFLM takes any with as many elements.
    """
    node.require_counts(3, 1)
    x, begin, size, output = node.input(0), node.input(1), node.input(2), node.output()
    node.require(output.type is x.type, f"{output} must have the element type of {x}")
    require_few_dimensions(node, x)
    for tensor in (begin, size):
        node.require_type(tensor, *_INDEX_TYPES)
        node.require_rank(tensor, 1)
    node.require(begin.type is size.type, f"{begin} and {size} must have the same element type")
    node.require(
        begin.size == size.size >= len(x.shape),
        f"{begin} and {size} must say something of each dimension of {x}",
    )
    stored = output.definition.shape
    is_fixed = bool(stored) and -1 not in (output.definition.shape_signature or ())
    is_known = begin.constant is not None and size.constant is not None
    if node.runtime.has_dynamic_tensors and not (is_fixed and (is_known or x.type is not TensorType.STRING)):
        invocation = prepare_movement(node, partial(_slice, x.shape, None), (x,), (begin, size))
    else:
        any_shape = None if node.runtime.has_dynamic_tensors else stored
        invocation = prepare_stored_movement(node, partial(_slice, x.shape, any_shape), (x,), (begin, size))
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    return invocation


def _slice(shape: Shape, any_shape: Shape | None, begin: Array, size: Array) -> Movement:
    block, sizes = [], []
    for dimension, (first, count) in zip(
        shape, zip(begin.tolist(), size.tolist(), strict=True), strict=False
    ):
        last = dimension if count == -1 else first + count
        if not 0 <= first <= last <= dimension:
            raise InvokeError(f"there are no {count} elements from {first} on in a dimension of {dimension}")
        block.append(slice(first, last))
        sizes.append(last - first)
    output = any_shape if any_shape and prod(any_shape) == prod(sizes) else tuple(sizes)
    return output, partial(_copy, tuple(block))


def _copy(block: _Block, x: Array, output: Array) -> None:
    output[...] = x[block].reshape(output.shape)


def prepare_dynamic_update_slice(node: Node) -> Invocation:
    """DYNAMIC_UPDATE_SLICE: the operand with a block replaced, which is moved to where it fits."""
    node.require_counts(3, 1)
    x, update, start, output = node.input(0), node.input(1), node.input(2), node.output()
    for tensor in (update, output):
        node.require(tensor.type is x.type, f"{tensor} must have the element type of {x}")
    node.require_type(start, *_INDEX_TYPES)
    node.require_rank(start, 1)
    node.require(start.size == len(x.shape), f"{start} must have an element for each dimension of {x}")
    node.require_rank(update, len(x.shape))
    node.require(
        all(u <= d for u, d in zip(update.shape, x.shape, strict=True)),
        f"{update} must not be larger than {x}",
    )
    output.shape = x.shape
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    most = node.runtime.most_dimensions[node.name]
    node.require(len(x.shape) <= most, f"{x} has more than {most} dimensions", at_invoke=True)
    room = np.array(x.shape, np.int64) - np.array(update.shape, np.int64)
    if start.constant is None:
        return Invocation(partial(_update, room, update.shape), (x, update, start, output), room)
    block = _place(room, update.shape, start.constant)
    return Invocation(partial(_replace, block), (x, update, output), block)


def _place(room: Array, shape: Shape, start: Array) -> _Block:
    firsts = np.clip(start, 0, room)
    return tuple(slice(int(first), int(first) + size) for first, size in zip(firsts, shape, strict=True))


def _update(room: Array, shape: Shape, x: Array, update: Array, start: Array, output: Array) -> None:
    _replace(_place(room, shape, start), x, update, output)


def _replace(block: _Block, x: Array, update: Array, output: Array) -> None:
    output[...] = x
    output[block] = update
