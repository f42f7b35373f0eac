"""SEGMENT_SUM and UNSORTED_SEGMENT_MAX, MIN, PROD, SUM: slices with the same segment id, joined."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from microinterp_kernels import scatter as kernels

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import Movement, Shape, first_number, prepare_movement, require_data_type


def prepare_segment_sum(node: Node) -> Invocation:
    """SEGMENT_SUM: sums of the slices along the first axis; the ids are 0, 0, 1, 1, 1, 2, …"""
    node.require_counts(2, 1)
    x, ids = node.input(0), node.input(1)
    require_data_type(node, x, node.output())
    node.require_type(ids, TensorType.INT32)
    # LiteRT looks at the ids at prepare only where the data are constant as well
    return prepare_movement(node, _segment_sum_rule, (x,), (x, ids))


def _segment_sum_rule(x: Array, ids: Array) -> Movement:
    if ids.ndim != 1 or not x.shape or ids.size != x.shape[0]:
        raise InvokeError(f"segment ids of shape {list(ids.shape)} do not fit data of shape {list(x.shape)}")
    steps = np.diff(ids.astype(np.int64), prepend=0)
    if ids.size and (ids[0] != 0 or not np.isin(steps, (0, 1)).all()):
        raise InvokeError("the segment ids must start at 0 and grow by 0 or 1")
    return _segments(x.shape, ids, 1, int(ids[-1]) + 1 if ids.size else 0, kernels.add, 0)


def prepare_unsorted_segment_max(node: Node) -> Invocation:
    """UNSORTED_SEGMENT_MAX: the largest; the lowest number for an empty segment."""
    return _prepare_unsorted(node, kernels.keep_largest, _limits(node).min)


def prepare_unsorted_segment_min(node: Node) -> Invocation:
    """UNSORTED_SEGMENT_MIN: the smallest; the largest number for an empty segment."""
    return _prepare_unsorted(node, kernels.keep_smallest, _limits(node).max)


def prepare_unsorted_segment_prod(node: Node) -> Invocation:
    """UNSORTED_SEGMENT_PROD: products; 1 for an empty segment."""
    return _prepare_unsorted(node, kernels.multiply, 1)


def prepare_unsorted_segment_sum(node: Node) -> Invocation:
    """UNSORTED_SEGMENT_SUM: sums; 0 for an empty segment."""
    return _prepare_unsorted(node, kernels.add, 0)


def _limits(node: Node) -> Any:
    dtype = node.input(0).dtype
    return np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)


def _prepare_unsorted(node: Node, join: kernels.Scatter, initial: Any) -> Invocation:
    node.require_counts(3, 1)
    x, ids, count = node.input(0), node.input(1), node.input(2)
    require_data_type(node, x, node.output())
    node.require_type(ids, TensorType.INT32)
    node.require_type(count, TensorType.INT32)
    rule = partial(_unsorted_rule, x.shape, join, initial)
    return prepare_movement(node, rule, (x,), (ids, count))


def _unsorted_rule(shape: Shape, join: kernels.Scatter, initial: Any, ids: Array, count: Array) -> Movement:
    if shape[: ids.ndim] != ids.shape:
        raise InvokeError(f"segment ids of shape {list(ids.shape)} do not fit data of shape {list(shape)}")
    if count.shape not in ((), (1,)):
        raise InvokeError("the number of segments must be one number")
    segments = first_number(count)
    if segments < 0 or (ids.size and ids.max() >= segments):
        raise InvokeError(f"there are {segments} segments, with ids up to {ids.max(initial=-1)}")
    return _segments(shape, ids, ids.ndim, segments, join, initial)


def _segments(
    shape: Shape, ids: Array, joined: int, count: int, join: kernels.Scatter, initial: Any
) -> Movement:
    """Slices behind the first `joined` axes go to segments; negative ids to none."""
    width = prod(shape[joined:])
    flat_ids = ids.reshape(-1).astype(np.int64)
    used = flat_ids >= 0
    targets = kernels.flat_targets(flat_ids[used], width)

    def move(x: Array, output: Array) -> None:
        output[...] = initial
        join(output.reshape(-1), targets, x.reshape(flat_ids.size, width)[used].reshape(-1))

    return (count, *shape[joined:]), move
