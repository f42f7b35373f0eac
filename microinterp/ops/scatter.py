"""SCATTER_ND and SPARSE_TO_DENSE: a tensor of a given shape, filled at given indices."""

from __future__ import annotations

from functools import partial
from math import prod

from microinterp_kernels import scatter as kernels

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .gather import LeadingIndices
from .node import Invocation, Node
from .shapes import Movement, Shape, prepare_movement, read_shape, require_data_type

_INDEX_TYPES = (TensorType.INT32, TensorType.INT64)
_MOST_SPARSE_DIMENSIONS = 4


def prepare_scatter_nd(node: Node) -> Invocation:
    """SCATTER_ND: slices added to zeros, at the places that vectors of leading indices name."""
    node.require_counts(3, 1)
    indices, updates, shape, output = node.input(0), node.input(1), node.input(2), node.output()
    require_data_type(node, updates, output)
    node.require(indices.type is shape.type, f"{shape} must have the element type of {indices}")
    node.require_type(indices, TensorType.INT32, at_invoke=shape.constant is None)
    rule = partial(_scatter_rule, indices.shape, updates.shape)
    return prepare_movement(node, rule, (indices, updates), (shape,))


def _scatter_rule(indices: Shape, updates: Shape, values: Array) -> Movement:
    if values.ndim != 1 or not indices or not updates:
        raise InvokeError("indices, updates and shape must be at least vectors")
    shape = read_shape(values)
    outer, components = indices[:-1], indices[-1]
    if components > len(shape) or updates != (*outer, *shape[components:]):
        raise InvokeError(
            f"updates of shape {list(updates)} do not fit indices of shape {list(indices)} into {list(shape)}"
        )
    find_slices = LeadingIndices(shape[:components], prod(outer), checks_each=True)
    width = prod(shape[components:])

    def move(indices: Array, updates: Array, output: Array) -> None:
        targets = kernels.flat_targets(find_slices(indices), width)
        output[...] = 0
        kernels.add(output.reshape(-1), targets, updates.reshape(-1))

    return shape, move


def prepare_sparse_to_dense(node: Node) -> Invocation:
    """SPARSE_TO_DENSE: values at the places that vectors of indices name, a default everywhere else."""
    node.require_counts(4, 1)
    indices, shape, values, default = (node.input(i) for i in range(4))
    node.require_rank(indices, 0, 2)
    node.require_rank(shape, 1)
    node.require_rank(values, 0, 1)
    node.require(default.size == 1, f"{default} must hold one value")
    node.require_type(indices, *_INDEX_TYPES)
    node.require_type(shape, *_INDEX_TYPES)
    require_data_type(node, values, default, node.output())
    count, components = indices.shape if len(indices.shape) == 2 else (indices.size, 1)
    node.require(shape.size == components, f"{shape} must have {components} elements")
    node.require(values.shape in ((), (count,)), f"{values} must have one value, or {count}")
    invocation = prepare_movement(
        node, partial(_sparse_to_dense_rule, count), (indices, values, default), (shape,)
    )
    node.require(
        components <= _MOST_SPARSE_DIMENSIONS,
        f"{indices} has more than {_MOST_SPARSE_DIMENSIONS} components",
        at_invoke=True,
    )
    return invocation


def _sparse_to_dense_rule(count: int, values: Array) -> Movement:
    shape = read_shape(values)
    find_places = LeadingIndices(shape, count, checks_each=True)

    def move(indices: Array, values: Array, default: Array, output: Array) -> None:
        places = find_places(indices)
        output[...] = default.reshape(())
        kernels.assign(output.reshape(-1), places, values)

    return shape, move
