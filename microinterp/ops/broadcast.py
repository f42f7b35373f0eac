"""TILE, BROADCAST_TO and BROADCAST_ARGS: elements repeated."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import (
    Movement,
    Shape,
    prepare_movement,
    require_data_type,
    require_few_dimensions,
    require_static,
    require_stored_shape,
)

_INDEX_TYPES = (TensorType.INT32, TensorType.INT64)
_INT32_MAX = 2**31 - 1


def prepare_tile(node: Node) -> Invocation:
    """TILE: a tensor repeated along each dimension."""
    node.require_counts(2, 1)
    x, multiples, output = node.input(0), node.input(1), node.output()
    node.require(output.type is x.type, f"{output} must have the element type of {x}")
    node.require_type(multiples, *_INDEX_TYPES)
    invocation = prepare_movement(node, partial(_tile, x.shape), (x,), (multiples,))
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    return invocation


def _tile(shape: Shape, multiples: Array) -> Movement:
    counts = multiples.ravel().tolist()
    if len(counts) != len(shape):
        raise InvokeError(f"there are {len(counts)} multiples for {len(shape)} dimensions")
    sizes = tuple(size * count for size, count in zip(shape, counts, strict=True))
    if min(counts, default=0) < 0 or max(sizes, default=0) > _INT32_MAX:
        raise InvokeError(f"cannot repeat {list(shape)} {counts} times")
    return sizes, partial(_repeat, counts)


def _repeat(counts: list[int], x: Array, output: Array) -> None:
    output[...] = np.tile(x, counts)


def prepare_broadcast_to(node: Node) -> Invocation:
    """BROADCAST_TO: dimensions of size 1 stretched, and new ones in front."""
    node.require_counts(2, 1)
    x, shape, output = node.input(0), node.input(1), node.output()
    require_few_dimensions(node, output)
    node.require_type(shape, *_INDEX_TYPES)
    require_data_type(node, x, output)
    node.require_rank(shape, 1)
    require_static(node, shape)
    return prepare_movement(node, partial(_broadcast, x.shape), (x,), (shape,))


def _broadcast(shape: Shape, wanted: Array) -> Movement:
    sizes = tuple(wanted.tolist())
    matched = sizes[len(sizes) - len(shape) :]
    fits = len(shape) <= len(sizes) and all(a in (1, b) for a, b in zip(shape, matched, strict=True))
    if not fits or min(sizes, default=0) < 0:
        raise InvokeError(f"{list(shape)} cannot be broadcast to {list(sizes)}")
    return sizes, _stretch


def _stretch(x: Array, output: Array) -> None:
    """Copy, broadcasting."""
    output[...] = x


def prepare_broadcast_args(node: Node) -> Invocation:
    """BROADCAST_ARGS: the shape to which two shapes broadcast."""
    node.require_counts(2, 1)
    a, b, output = node.input(0), node.input(1), node.output()
    node.require_type(a, *_INDEX_TYPES)
    for tensor in (b, output):
        node.require(tensor.type is a.type, f"{tensor} must have the element type of {a}")
    for tensor in (a, b):
        node.require_rank(tensor, 1)
    output.shape = (max(a.size, b.size),)
    require_stored_shape(node)
    return Invocation(_broadcast_shapes, (a, b, output))


def _broadcast_shapes(a: Array, b: Array, output: Array) -> None:
    first, second = (_extended(shape, output.size) for shape in (a, b))
    if ((first != second) & (first != 1) & (second != 1)).any():
        raise InvokeError(f"the shapes {a.tolist()} and {b.tolist()} do not broadcast")
    output[...] = np.where(first == 1, second, first)


def _extended(shape: Array, rank: int) -> Array:
    """Ones in front; as int32, which the native kernels hold a dimension in whatever its type."""
    return np.concatenate([np.ones(rank - shape.size, np.int32), shape.astype(np.int32)])
