"""WHERE, UNIQUE, TOPK_V2, BUCKETIZE and ONE_HOT: from values to indices, and back."""

from __future__ import annotations

from functools import partial
from math import prod

import numpy as np

from microinterp_kernels import selection as kernels

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .shapes import Movement, Shape, decide, first_number, prepare_movement, require_data_type

_INDEX_TYPES = (TensorType.INT32, TensorType.INT64)
_TOP_K_TYPES = (TensorType.INT16, TensorType.INT32)


def prepare_where(node: Node) -> Invocation:
    """WHERE: the coordinates of all elements that are not zero."""
    node.require_counts(1, 1)
    condition, output = node.input(0), node.output()
    require_data_type(node, condition)
    node.require_type(output, TensorType.INT64)
    if condition.constant is not None:
        output.shape = (int(np.count_nonzero(condition.constant)), len(condition.shape))
    node.require(condition.shape != (), f"{condition} must be at least a vector", at_invoke=True)
    if condition.constant is not None:
        return Invocation(_write_coordinates, (condition, output))
    return Invocation(np.argwhere, (condition,), dynamic=(output,))


def _write_coordinates(condition: Array, output: Array) -> None:
    output[...] = np.argwhere(condition)


def prepare_unique(node: Node) -> Invocation:
    """UNIQUE: the distinct elements of a vector, and for each element which of them it is."""
    node.require_counts(1, 2)
    x, values, indices = node.input(0), node.output(0), node.output(1)
    node.require_type(indices, *_INDEX_TYPES)
    node.require(
        node.options["idx_out_type"] == indices.type, f"{indices} does not have the type that the options say"
    )
    node.require(values.type is x.type, f"{values} must have the element type of {x}")
    node.require_rank(x, 1)
    indices.shape = x.shape
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)

    def compute(x: Array, indices: Array) -> Array:
        values, indices[...] = kernels.unique(x)
        return values

    return Invocation(compute, (x, indices), dynamic=(values,))


def prepare_topk_v2(node: Node) -> Invocation:
    """TOPK_V2: the k largest elements along the last axis, and their indices."""
    node.require_counts(2, 2)
    x, k, values, indices = node.input(0), node.input(1), node.output(0), node.output(1)
    node.require(values.type is x.type, f"{values} must have the element type of {x}")
    node.require_type(k, *_TOP_K_TYPES)
    if k.constant is not None:
        known = decide(node, _read_k, x.shape, k.constant)
        values.shape = indices.shape = (*x.shape[:-1], known)
        _check_top_k_types(node, x, indices, known)
        return Invocation(partial(_top_k, known), (x, values, indices))

    def compute_anew(x: Array, k: Array) -> tuple[Array, Array]:
        known = _read_k(x.shape, k)
        _check_top_k_types(node, node.input(0), indices, known)
        found = kernels.top_k(x, known)
        return np.take_along_axis(x, found, axis=-1), found.astype(indices.dtype)

    return Invocation(compute_anew, (x, k), dynamic=(values, indices))


def _read_k(shape: Shape, k: Array) -> int:
    if k.size != 1 or not shape:
        raise InvokeError("k must be one number, and the input at least a vector")
    known = max(0, first_number(k))
    if known > shape[-1]:
        raise InvokeError(f"cannot find {known} among {shape[-1]} elements")
    return known


def _check_top_k_types(node: Node, x: RuntimeTensor, indices: RuntimeTensor, k: int) -> None:
    node.require_type(indices, *_TOP_K_TYPES, at_invoke=True)
    node.require(
        k == 0 or 0 in x.shape[:-1] or x.shape[-1] <= np.iinfo(indices.dtype).max,
        f"the last axis of {x} is too long for the element type of {indices}",
        at_invoke=True,
    )
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)


def _top_k(k: int, x: Array, values: Array, indices: Array) -> None:
    found = kernels.top_k(x, k)
    values[...] = np.take_along_axis(x, found, axis=-1)
    indices[...] = found


def prepare_bucketize(node: Node) -> Invocation:
    """BUCKETIZE: how many of the boundaries in the options each number reaches."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    given = node.options["boundaries"]
    boundaries = np.asarray(() if given is None else given, np.float32)
    is_sorted = bool((boundaries[1:] >= boundaries[:-1]).all()) and not np.isnan(boundaries).any()
    node.require(is_sorted, "the boundaries are not sorted")
    require_data_type(node, x)
    node.require_type(output, TensorType.INT32)
    output.shape = x.shape

    def compute(x: Array, output: Array) -> None:
        output[...] = kernels.bucketize(x, boundaries)

    return Invocation(compute, (x, output), boundaries)


def prepare_one_hot(node: Node) -> Invocation:
    """ONE_HOT: a new axis, with one value at the index and another elsewhere."""
    node.require_counts(4, 1)
    indices, depth, on, off = (node.input(i) for i in range(4))
    require_data_type(node, on, off, node.output())
    node.require_type(indices, *_INDEX_TYPES)
    node.require_type(depth, *_INDEX_TYPES)
    rank = len(indices.shape)
    axis = rank if node.options["axis"] == -1 else node.options["axis"]
    node.require(0 <= axis <= rank, f"there is no place {axis} for an axis among {rank} dimensions")
    for tensor in (depth, on, off):
        node.require(tensor.size == 1, f"{tensor} must hold one value")
    rule = partial(_one_hot_rule, indices.shape, axis)
    invocation = prepare_movement(node, rule, (indices, on, off), (depth,))
    # LiteRT prepares int16, but does not compute it
    node.require(
        on.type is not TensorType.INT16, f"{on} has an element type that is not supported", at_invoke=True
    )
    return invocation


def _one_hot_rule(shape: Shape, axis: int, depth: Array) -> Movement:
    size = int(depth.reshape(1).astype(np.int32)[0])  # LiteRT reads an int32, whatever the type
    if size < 0:
        raise InvokeError(f"the depth is {size}")
    flat = (prod(shape[:axis]), 1, prod(shape[axis:]))

    def move(indices: Array, on: Array, off: Array, output: Array) -> None:
        # LiteRT converts int64 to int, so that they wrap
        hits = indices.astype(np.int32).reshape(flat) == np.arange(size, dtype=np.int32).reshape(-1, 1)
        output[...] = np.where(hits, on.reshape(()), off.reshape(())).reshape(output.shape)

    return (*shape[:axis], size, *shape[axis:]), move
