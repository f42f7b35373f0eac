"""NON_MAX_SUPPRESSION_V4 and NON_MAX_SUPPRESSION_V5."""

from __future__ import annotations

from typing import Any

import numpy as np

from microinterp_kernels.non_max_suppression import non_max_suppression

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node


def prepare_non_max_suppression_v4(node: Node) -> Invocation:
    """NON_MAX_SUPPRESSION_V4: the indices of the boxes that remain, and how many they are."""
    return _prepare(node)


def prepare_non_max_suppression_v5(node: Node) -> Invocation:
    """NON_MAX_SUPPRESSION_V5: also their scores, which overlapping boxes lower."""
    return _prepare(node)


def _prepare(node: Node) -> Invocation:
    """The number of inputs decides, not the operator, as in LiteRT: five, or six with sigma."""
    count = len(node.inputs)
    node.require(count in (5, 6), f"has {count} inputs, needs 5 or 6")
    is_soft = count == 6
    boxes, scores, most = (node.input(i) for i in range(3))
    for tensor in (boxes, scores, *(node.input(i) for i in range(3, count))):
        node.require_type(tensor, TensorType.FLOAT32)
    node.require(len(boxes.shape) == 2 and boxes.shape[1] == 4, f"{boxes} must have rows of four numbers")
    node.require(scores.shape == boxes.shape[:1], f"{scores} must be one score per box")
    node.require_type(most, TensorType.INT32)
    for i in range(2, count):
        node.require_rank(node.input(i), 0)
    node.require_counts(count, 3 if is_soft else 2)
    indices, number = node.output(0), node.output(len(node.outputs) - 1)
    lists = (indices, node.output(1)) if is_soft else (indices,)
    node.require_type(indices, TensorType.INT32)
    node.require_type(number, TensorType.INT32)
    node.require_type(lists[-1], TensorType.FLOAT32 if is_soft else TensorType.INT32)
    number.shape = ()
    inputs = tuple(node.inputs)

    def compute(number: Array, *values: Array) -> tuple[Array, Array]:
        boxes, scores, most, iou_threshold, score_threshold, sigma = _scalars(values)
        selected, final = non_max_suppression(boxes, scores, most, iou_threshold, score_threshold, sigma)
        number[...] = len(selected)
        padding = [0] * (most - len(selected))
        return np.array([*selected, *padding], np.int32), np.array([*final, *padding], np.float32)

    if most.constant is None:

        def compute_anew(number: Array, *values: Array) -> Any:
            results = compute(number, *values)
            return results if is_soft else results[0]

        return Invocation(compute_anew, (number, *inputs), dynamic=lists)
    node.require(int(most.constant) >= 0, f"{most} is negative")
    for tensor in lists:
        tensor.shape = (int(most.constant),)

    def fill(number: Array, *arrays: Array) -> None:
        results = compute(number, *arrays[:count])
        for output, result in zip(arrays[count:], results, strict=False):
            output[...] = result

    return Invocation(fill, (number, *inputs, *lists))


def _scalars(values: tuple[Array, ...]) -> Any:
    boxes, scores, most, *rest = values
    sigma = rest[2][()] if len(rest) > 2 else np.float32(0)
    if most < 0 or sigma < 0:
        raise InvokeError(f"cannot select {most[()]} boxes with a sigma of {sigma}")
    return boxes, scores, int(most), rest[0][()], rest[1][()], sigma
