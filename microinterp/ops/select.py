"""SELECT and SELECT_V2: for each element, that of one tensor or that of another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..model.ir import Array, TensorType
from .arithmetic import broadcast_shape
from .node import Invocation, Node
from .shapes import Shape, require_data_type


def prepare_select(node: Node) -> Invocation:
    """SELECT: the condition has the shape of the others, or is a scalar, or has one element per slice of them."""
    return _prepare(node, _shapes_of_select)


def prepare_select_v2(node: Node) -> Invocation:
    """SELECT_V2: all three tensors are broadcast."""
    return _prepare(node, _shapes_of_select_v2)


def _prepare(node: Node, shapes: Callable[[Node], tuple[Shape, Shape]]) -> Invocation:
    """An operator for which `shapes` says the output's shape, and one to which to bring the condition before."""
    node.require_counts(3, 1)
    condition, x, y, output = node.input(0), node.input(1), node.input(2), node.output()
    node.require_type(condition, TensorType.BOOL)
    if all(tensor.size == 1 for tensor in (condition, x, y, output)):
        function = _select_one  # the output's shape is the model's, whatever the others are
    else:
        output.shape, condition_shape = shapes(node)
        function = partial(_select, condition_shape)
    require_data_type(node, x, y, output)
    return Invocation(function, (condition, x, y, output))


def _shapes_of_select(node: Node) -> tuple[Shape, Shape]:
    condition, x, y = node.input(0), node.input(1), node.input(2)
    node.require(x.shape == y.shape, f"{x} and {y} must have one shape")
    if condition.shape in (x.shape, ()):
        return x.shape, condition.shape
    node.require(
        len(condition.shape) == 1 and condition.shape == x.shape[:1],
        f"{condition} must have the shape of {x}, or that of its first dimension, or be a scalar",
    )
    return x.shape, (*condition.shape, *(1,) * (len(x.shape) - 1))


def _shapes_of_select_v2(node: Node) -> tuple[Shape, Shape]:
    condition = node.input(0).shape
    return broadcast_shape(node, condition, node.input(1).shape, node.input(2).shape), condition


def _select(condition_shape: Shape, condition: Array, x: Array, y: Array, output: Array) -> None:
    np.copyto(output, y)
    np.copyto(output, x, where=condition.reshape(condition_shape))


def _select_one(condition: Array, x: Array, y: Array, output: Array) -> None:
    output[...] = (x if condition.all() else y).reshape(output.shape)
