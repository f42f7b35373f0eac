"""GATHER and GATHER_ND: slices of a tensor, picked by indices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .shapes import decide, require_axis, require_data_type

Int64s = NDArray[np.int64]

# The most index components that TFLM's GATHER_ND has room for; LiteRT has no limit.
_MOST_COMPONENTS = 5


def prepare_gather(node: Node) -> Invocation:
    """GATHER: slices along an axis, picked by a tensor of positions; leading `batch_dims` go together."""
    node.require_counts(2, 1)
    x, positions, output = node.input(0), node.input(1), node.output()
    _require_types(node, x, positions, output)
    axis = require_axis(node, node.options["axis"], len(x.shape))
    batch_dims = node.options["batch_dims"]
    batch_dims += len(positions.shape) if batch_dims < 0 else 0
    node.require(
        0 <= batch_dims <= min(axis, len(positions.shape)), f"cannot have {batch_dims} batch dimensions here"
    )
    node.require(
        x.shape[:batch_dims] == positions.shape[:batch_dims],
        f"{x} and {positions} must agree in the first {batch_dims} dimensions",
    )
    if x.type is TensorType.STRING:
        node.require_rank(x, 1)
    width = prod(x.shape[axis + 1 :])
    # LiteRT copies whole bytes of two elements
    node.require(
        x.type is not TensorType.INT4 or width % 2 == 0, f"slices of {x} have an odd number of elements"
    )
    output.shape = (*x.shape[:axis], *positions.shape[batch_dims:], *x.shape[axis + 1 :])
    rule = _Positions(
        prod(x.shape[:batch_dims]),
        prod(x.shape[batch_dims:axis]),
        x.shape[axis],
        prod(positions.shape[batch_dims:]),
    )
    return _prepare(node, rule, width)


def prepare_gather_nd(node: Node) -> Invocation:
    """GATHER_ND: slices picked by vectors of leading indices."""
    node.require_counts(2, 1)
    x, indices, output = node.input(0), node.input(1), node.output()
    _require_types(node, x, indices, output)
    node.require(x.shape != (), f"{x} must be at least a vector")
    node.require(indices.shape != (), f"{indices} must be at least a vector")
    components = indices.shape[-1]
    node.require(components <= len(x.shape), f"{indices} has more components than {x} has dimensions")
    output.shape = (*indices.shape[:-1], *x.shape[components:])
    each = node.runtime.gather_nd_checks_each_index
    count = prod(indices.shape[:-1])
    node.require(
        each or components <= _MOST_COMPONENTS, f"{indices} has more than {_MOST_COMPONENTS} components"
    )
    is_empty = x.size == 0 and (indices.size > 0 or not each)
    node.require(not is_empty, f"{x} is empty", at_invoke=True)
    node.require(  # LiteRT does not look whether it needs the memory of indices that have none
        not each or components > 0 or count == 0 or indices.constant is not None,
        f"{indices} has no components",
        at_invoke=True,
    )
    rule = LeadingIndices(x.shape[:components], count, checks_each=each)
    return _prepare(node, rule, prod(x.shape[components:]))


def _require_types(node: Node, x: RuntimeTensor, indices: RuntimeTensor, output: RuntimeTensor) -> None:
    require_data_type(node, x, output)
    node.require_type(indices, *node.runtime.index_types)


class _Positions:
    """The slices that GATHER takes of a tensor seen as [batches, outer, size, width], numbered in that order."""

    def __init__(self, batches: int, outer: int, size: int, count: int) -> None:
        self._size = size
        self._shape = (batches, 1, count)
        self._starts = (np.arange(batches * outer, dtype=np.int64) * size).reshape(batches, outer, 1)

    def __call__(self, positions: Array) -> Int64s:
        """The numbers of the slices; raises InvokeError for a position out of range."""
        check_range(positions, self._size)
        numbers: Int64s = self._starts + positions.reshape(self._shape)
        return numbers.ravel()


class LeadingIndices:
    """The slices that GATHER_ND and SCATTER_ND pick of a tensor, whose leading dimensions number them."""

    def __init__(self, dimensions: tuple[int, ...], count: int, *, checks_each: bool) -> None:
        self._dimensions = dimensions if checks_each else ()
        self._slices = prod(dimensions)
        self._shape = (count, len(dimensions))
        self._strides = np.array([prod(dimensions[i + 1 :]) for i in range(len(dimensions))], np.int64)

    def __call__(self, indices: Array) -> Int64s:
        """The numbers of the slices; raises InvokeError for an index out of range."""
        vectors = indices.reshape(self._shape).astype(np.int64)
        for component, size in enumerate(self._dimensions):
            check_range(vectors[:, component], size)
        numbers: Int64s = vectors @ self._strides
        check_range(numbers, self._slices)
        return numbers


def check_range(indices: Array, size: int) -> None:
    """Raise InvokeError unless 0 ≤ index < size for all of them."""
    if indices.size and (indices.min() < 0 or indices.max() >= size):
        wrong = indices[(indices < 0) | (indices >= size)].flat[0]
        raise InvokeError(f"index {wrong} is out of range, there are {size}")


def _prepare(node: Node, rule: Callable[[Array], Int64s], width: int) -> Invocation:
    x, indices, output = node.input(0), node.input(1), node.output()
    if output.size == 0:
        return Invocation(partial(_check_only, rule), (indices, output), rule)
    shape = (x.size // width, width)
    if indices.constant is not None:
        # LiteRT computes what is constant at prepare; else they are refused at invoke
        is_folded = x.constant is not None and node.name in node.runtime.folded_operators
        numbers = decide(node, rule, indices.constant) if is_folded else rule(indices.constant)
        return Invocation(partial(_take_known, numbers, shape), (x, output), numbers)
    return Invocation(partial(_take, rule, shape), (x, indices, output), rule)


def _take_known(numbers: Int64s, shape: tuple[int, int], x: Array, output: Array) -> None:
    # the numbers are in range: "clip" only keeps NumPy from buffering the output
    np.take(x.reshape(shape), numbers, axis=0, out=output.reshape(-1, shape[1]), mode="clip")


def _take(
    rule: Callable[[Array], Int64s], shape: tuple[int, int], x: Array, indices: Array, output: Array
) -> None:
    _take_known(rule(indices), shape, x, output)


def _check_only(rule: Callable[[Array], Any], indices: Array, output: Array) -> None:
    """The output is empty, but bad indices are still refused."""
    rule(indices)
