"""SHAPE, RANK, FILL and RANGE: tensors made of shapes and single numbers."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import (
    Movement,
    prepare_movement,
    require_equal_quantization,
    require_static,
    require_stored_shape,
)

_INT32_MAX = 2**31 - 1


def prepare_shape(node: Node) -> Invocation:
    """SHAPE: the dimensions of a tensor, as int32 or int64."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    if node.runtime.reads_output_type:
        wanted = node.options["out_type"]
        node.require(wanted in (TensorType.INT32, TensorType.INT64), f"cannot make a shape of {wanted!r}")
        node.require(
            output.type == wanted, f"{output} must have the element type that out_type says, {wanted!r}"
        )
    output.shape = (len(x.shape),)
    require_stored_shape(node)
    if not node.runtime.reads_output_type:
        node.require_type(output, TensorType.INT32, at_invoke=True)
    return _known(node, np.array(x.shape, output.dtype))


def prepare_rank(node: Node) -> Invocation:
    """RANK: the number of dimensions of a tensor, as int32."""
    node.require_counts(1, 1)
    node.require_type(node.output(), TensorType.INT32)
    node.output().shape = ()
    return _known(node, np.int32(len(node.input(0).shape)))


def _known(node: Node, values: Array | np.int32) -> Invocation:
    def write(output: Array) -> None:
        output[...] = values

    return Invocation(write, (node.output(),), values)


def prepare_fill(node: Node) -> Invocation:
    """FILL: a tensor of a given shape that holds the same value everywhere."""
    node.require_counts(2, 1)
    shape, value, output = node.input(0), node.input(1), node.output()
    node.require_rank(shape, 1)
    node.require_type(shape, *node.runtime.operand_types[node.name])
    node.require_rank(value, 0)
    node.require(output.type is value.type, f"{output} must have the element type of {value}")
    require_equal_quantization(node, value, output)
    require_static(node, shape)
    invocation = prepare_movement(node, _fill, (value,), (shape,))
    node.require_type(value, *node.runtime.element_types[node.name], at_invoke=True)
    return invocation


def _fill(shape: Array) -> Movement:
    sizes = tuple(shape.tolist())
    if any(not 0 <= size <= _INT32_MAX for size in sizes):
        raise InvokeError(f"there is no shape {list(sizes)}")
    return sizes, _repeat


def _repeat(value: Array, output: Array) -> None:
    output[...] = value


def prepare_range(node: Node) -> Invocation:
    """RANGE: numbers from `start` on, each `delta` more than the one before, up to but without `limit`."""
    node.require_counts(3, 1)
    inputs = [node.input(i) for i in range(3)]
    node.require_type(inputs[0], *node.runtime.element_types[node.name])
    for tensor in inputs:
        node.require_rank(tensor, 0)
    for tensor in (*inputs[1:], node.output()):
        node.require(tensor.type is inputs[0].type, f"{tensor} must have the element type of {inputs[0]}")
    return prepare_movement(node, _range, (), inputs)


def _range(start: Array, limit: Array, delta: Array) -> Movement:
    first, end, step = (tensor.copy() for tensor in (start, limit, delta))
    if not ((first >= end and step < 0) or (first <= end and step > 0)):
        raise InvokeError(f"there are no steps of {step} from {first} to {end}")
    if start.dtype == np.float32:
        with np.errstate(all="ignore"):
            count = float(np.ceil(np.abs((end - first) / step)))
    else:
        count = -(-abs(int(end) - int(first)) // abs(int(step)))
    if not (math.isfinite(count) and count <= _INT32_MAX):
        raise InvokeError(f"there are too many steps of {step} from {first} to {end}")
    return (int(count),), partial(_count, first, step)


def _count(first: Array, step: Array, output: Array) -> None:
    """One after the other, each the sum of the one before and the step."""
    output[...] = step
    output[:1] = first
    with np.errstate(over="ignore"):
        np.add.accumulate(output, out=output)
