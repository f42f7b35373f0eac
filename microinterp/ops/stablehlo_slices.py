"""STABLEHLO_GATHER and STABLEHLO_SCATTER: windows of a tensor, taken or changed where vectors of indices say."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microinterp_kernels import scatter as kernels

from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import Shape

Int64s = NDArray[np.int64]

_INDEX_TYPES = (TensorType.INT32, TensorType.INT64)
_COMPUTATIONS: dict[str, kernels.Scatter] = {
    "STABLEHLO_ADD": kernels.add,
    "STABLEHLO_MAXIMUM": kernels.keep_largest,
    "STABLEHLO_MINIMUM": kernels.keep_smallest,
    "STABLEHLO_MULTIPLY": kernels.multiply,
}


class _Windows:
    """Where the elements of equal windows are: each starts at a vector of indices.

    Args:
        shape: of the tensor that has the windows.
        indices: shape of the tensor of vectors, which stand along its axis `vector_axis` (one more than it has:
            its elements are the vectors).
        starts: the dimension of the windowed tensor that each component is for.
        window: sizes along the dimensions of the windowed tensor that are not `dropped`.
        result: the axes of the result, one element per element of a window, that belong to the window.
    """

    def __init__(
        self,
        shape: Shape,
        indices: Shape,
        vector_axis: int,
        starts: Sequence[int],
        window: Sequence[int],
        dropped: Sequence[int],
        result: Sequence[int],
    ) -> None:
        rank = len(shape)
        self._dimensions, self._starts = shape, list(starts)
        self._vector_axis = vector_axis
        kept = [d for d in range(rank) if d not in dropped]
        batch = [d for a, d in enumerate(indices) if a != vector_axis]
        sizes, outer = iter(window), iter(batch)
        axes = range(len(batch) + len(window))
        self.shape: Shape = tuple(next(sizes) if a in result else next(outer) for a in axes)
        #: By dimension of the windowed tensor: where the elements of the result are in their window.
        self._offsets = [np.zeros((), np.int64)] * rank
        for dimension, axis in zip(kept, result, strict=True):
            self._offsets[dimension] = np.arange(self.shape[axis]).reshape(
                [-1 if a == axis else 1 for a in axes]
            )
        self._window_axes = sorted(result)

    def starts(self, indices: Array) -> Int64s:
        """The first place of each window, in a shape that broadcasts against the places of the result."""
        vectors = indices[..., np.newaxis] if self._vector_axis == indices.ndim else indices
        vectors = np.moveaxis(vectors, self._vector_axis, -1)
        first = np.zeros((*vectors.shape[:-1], len(self._dimensions)), np.int64)
        first[..., self._starts] = vectors[..., : len(self._starts)]
        return np.expand_dims(first, self._window_axes)

    def places(self, starts: Int64s) -> list[Int64s]:
        """The coordinates of all elements, by dimension, in shapes that broadcast to that of the result."""
        return [offset + starts[..., d] for d, offset in enumerate(self._offsets)]

    def flat(self, places: Sequence[Int64s]) -> Int64s:
        """Their indices in the flat tensor."""
        flat = np.zeros(self.shape, np.int64)
        for d, coordinates in enumerate(places):
            flat += coordinates * prod(self._dimensions[d + 1 :])
        return flat

    def fits(self, places: Sequence[Int64s]) -> Array:
        """Which of them are in the tensor."""
        fits = np.ones(self.shape, np.bool_)
        for coordinates, size in zip(places, self._dimensions, strict=True):
            fits &= (coordinates >= 0) & (coordinates < size)
        return fits


def prepare_stablehlo_gather(node: Node) -> Invocation:
    """STABLEHLO_GATHER: windows of equal sizes, moved inside where they would not fit."""
    node.require_counts(2, 1)
    x, indices, output = node.input(0), node.input(1), node.output()
    node.require_type(indices, *_INDEX_TYPES)
    sizes, dropped, result, starts = _dimensions(
        node, "slice_sizes", "collapsed_slice_dims", "offset_dims", "start_index_map"
    )
    node.require(len(sizes) == len(x.shape), f"needs as many slice_sizes as {x} has dimensions")
    node.require(all(0 <= s <= d for s, d in zip(sizes, x.shape, strict=True)), f"slice_sizes exceed {x}")
    window = [s for d, s in enumerate(sizes) if d not in dropped]
    windows = _prepare_windows(node, x.shape, indices.shape, starts, window, dropped, sorted(result))
    rank = len(output.definition.shape or ())
    node.require(rank == len(windows.shape), f"{output} must have {len(windows.shape)} dimensions")
    node.require(output.type is x.type, f"{output} must have the element type of {x}")
    output.shape = windows.shape
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    last = np.array(x.shape, np.int64) - np.array(sizes, np.int64)

    def compute(x: Array, indices: Array, output: Array) -> None:
        if output.size:
            places = windows.places(np.clip(windows.starts(indices), 0, last))
            output[...] = x.reshape(-1)[windows.flat(places)]

    return Invocation(compute, (x, indices, output), windows)


def prepare_stablehlo_scatter(node: Node) -> Invocation:
    """STABLEHLO_SCATTER: a tensor with elements of windows replaced, or joined with others by a simple operator."""
    node.require_counts(3, 1)
    x, indices, updates, output = node.input(0), node.input(1), node.input(2), node.output()
    node.require_type(indices, *_INDEX_TYPES)
    for tensor in (updates, output):
        node.require(tensor.type is x.type, f"{tensor} must have the element type of {x}")
    dropped, result, starts = _dimensions(
        node, "inserted_window_dims", "update_window_dims", "scatter_dims_to_operand_dims"
    )
    node.require(
        all(a < len(updates.shape) for a in result), f"update_window_dims are not dimensions of {updates}"
    )
    window = [updates.shape[a] for a in sorted(result)]
    windows = _prepare_windows(node, x.shape, indices.shape, starts, window, dropped, result)
    node.require(updates.shape == windows.shape, f"{updates} must have the shape {list(windows.shape)}")
    operators = node.subgraph(node.options["update_computation_subgraph_index"]).operators
    node.require(
        len(operators) <= 1 and all(name in _COMPUTATIONS for name in operators),
        f"cannot update with {', '.join(operators)}; only with nothing or one of {', '.join(_COMPUTATIONS)}",
    )
    join = _COMPUTATIONS[operators[0]] if operators else kernels.assign
    output.shape = x.shape
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)

    def compute(x: Array, indices: Array, updates: Array, output: Array) -> None:
        output[...] = x
        places = windows.places(windows.starts(indices))
        fits = windows.fits(places)
        join(output.reshape(-1), windows.flat(places)[fits], updates[fits])

    return Invocation(compute, (x, indices, updates, output), windows)


def _dimensions(node: Node, *options: str) -> list[list[int]]:
    values = [[int(d) for d in _or_nothing(node.options[name])] for name in options]
    for name, dimensions in zip(options, values, strict=True):
        node.require(min(dimensions, default=0) >= 0, f"{name} has a negative number")
    return values


def _or_nothing(values: Any) -> Any:
    return () if values is None else values


def _prepare_windows(
    node: Node,
    shape: Shape,
    indices: Shape,
    starts: list[int],
    window: list[int],
    dropped: list[int],
    result: list[int],
) -> _Windows:
    rank, axis = len(shape), node.options["index_vector_dim"]
    node.require(0 <= axis <= len(indices), f"the indices have no axis {axis} for vectors")
    components = indices[axis] if axis < len(indices) else 1
    node.require(
        len(starts) <= components, f"names {len(starts)} dimensions for vectors of {components} components"
    )
    node.require(all(d < rank for d in (*starts, *dropped)), f"names dimensions beyond {rank}")
    node.require(
        len(set(dropped)) + len(window) == rank and len(set(result)) == len(result) == len(window),
        f"windows of {len(window)} dimensions, and {len(dropped)} that they lack, do not make {rank}",
    )
    axes = len(window) + len(indices) - (axis < len(indices))
    node.require(all(a < axes for a in result), f"the windows have an axis beyond {axes}")
    return _Windows(shape, indices, axis, starts, window, dropped, result)
