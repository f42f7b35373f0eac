"""TRANSPOSE, REVERSE_V2 and REVERSE_SEQUENCE: the same elements in another order."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np

from microinterp_kernels.rearrange import reverse_sequences

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import (
    Movement,
    Shape,
    find_axis,
    prepare_movement,
    require_data_type,
    require_few_dimensions,
    require_static,
    require_stored_shape,
)


def prepare_transpose(node: Node) -> Invocation:
    """TRANSPOSE: the dimensions in another order."""
    node.require_counts(2, 1)
    x, order, output = node.input(0), node.input(1), node.output()
    require_few_dimensions(node, x)
    node.require(output.type is x.type, f"{output} must have the element type of {x}")
    node.require_type(order, TensorType.INT32)  # natively not looked at, but read as int32
    node.require_rank(order, 1)
    node.require(order.size == len(x.shape), f"{order} must have an element for each dimension of {x}")
    require_static(node, order)
    least = -len(x.shape) if node.runtime.transposes_negative_axes else 0
    invocation = prepare_movement(node, partial(_transpose, x.shape, least), (x,), (order,))
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    return invocation


def _transpose(shape: Shape, least: int, order: Array) -> Movement:
    if any(axis < least for axis in order):
        raise InvokeError(f"the axes {order.tolist()} must not be less than {least}")
    axes = [find_axis(int(axis), len(shape)) for axis in order]
    if len(set(axes)) < len(axes):
        raise InvokeError(f"the axes {order.tolist()} are not all different")
    return tuple(shape[axis] for axis in axes), partial(_permute, axes)


def _permute(axes: list[int], x: Array, output: Array) -> None:
    output[...] = x.transpose(axes)


def prepare_reverse_v2(node: Node) -> Invocation:
    """REVERSE_V2: the elements along neighbouring axes, from last to first."""
    node.require_counts(2, 1)
    x, axes, output = node.input(0), node.input(1), node.output()
    require_data_type(node, x, output)
    node.require_type(axes, TensorType.INT32)
    node.require_rank(axes, 1)
    require_few_dimensions(node, x)
    node.require(axes.size <= len(x.shape), f"{axes} has more elements than {x} has dimensions")
    output.shape = x.shape
    require_stored_shape(node)
    if axes.constant is None:
        return Invocation(partial(_reverse, len(x.shape)), (x, axes, output))
    index = _reversal(len(x.shape), axes.constant)
    return Invocation(partial(_pick, index), (x, output), index)


def _reversal(rank: int, axes: Array) -> tuple[slice, ...]:
    found = sorted(find_axis(int(axis), rank) for axis in axes)
    if any(b != a + 1 for a, b in pairwise(found)):
        raise InvokeError(f"the axes {axes.tolist()} are not next to each other")
    return tuple(slice(None, None, -1 if axis in found else 1) for axis in range(rank))


def _reverse(rank: int, x: Array, axes: Array, output: Array) -> None:
    _pick(_reversal(rank, axes), x, output)


def _pick(index: tuple[slice, ...], x: Array, output: Array) -> None:
    output[...] = x[index]


def prepare_reverse_sequence(node: Node) -> Invocation:
    """REVERSE_SEQUENCE: the first elements along an axis reversed, as many as a tensor says for each batch."""
    node.require_counts(2, 1)
    x, lengths, output = node.input(0), node.input(1), node.output()
    require_data_type(node, x, output)
    node.require_type(lengths, TensorType.INT32, TensorType.INT64)
    node.require_rank(lengths, 1)
    output.shape = x.shape
    sequence, batch = node.options["seq_dim"], node.options["batch_dim"]
    axes, rank = f"seq_dim {sequence} and batch_dim {batch}", len(x.shape)
    node.require(
        0 <= sequence < rank and 0 <= batch < rank and sequence != batch,
        f"{axes} must be different dimensions of {x}",
        at_invoke=True,
    )
    node.require(
        lengths.size == x.shape[batch],
        f"{lengths} must have an element for each batch of {x}",
        at_invoke=True,
    )
    return Invocation(partial(_reverse_sequences, sequence, batch), (x, lengths, output))


def _reverse_sequences(sequence: int, batch: int, x: Array, lengths: Array, output: Array) -> None:
    if (lengths > x.shape[sequence]).any():
        raise InvokeError(f"a sequence of {x.shape[sequence]} elements is said to have {np.max(lengths)}")
    output[...] = reverse_sequences(x, lengths, sequence, batch)
