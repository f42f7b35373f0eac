"""Comparisons of two tensors, element by element: EQUAL, LESS and their like."""

from __future__ import annotations

import numpy as np

from microinterp_kernels.comparison import CompareBfloat16, CompareQuantized
from microinterp_kernels.elementwise import plainly
from microinterp_kernels.elementwise_quantized import BinaryFunction

from ..model.ir import TensorType
from .arithmetic import EIGHT_BITS, prepare_binary, tabulated
from .node import Invocation, Node


def prepare_equal(node: Node) -> Invocation:
    """EQUAL: bool, float32, int8, int32, int64; LiteRT also float16, uint8, int16 and strings."""
    return _prepare(node, np.equal)


def prepare_not_equal(node: Node) -> Invocation:
    """NOT_EQUAL: as EQUAL."""
    return _prepare(node, np.not_equal)


def prepare_less(node: Node) -> Invocation:
    """LESS: float32, int8, int32, int64; LiteRT also float16, bfloat16, uint8 and int16."""
    return _prepare_order(node, np.less)


def prepare_less_equal(node: Node) -> Invocation:
    """LESS_EQUAL: float32, int8, int32, int64; LiteRT also float16, uint8 and int16."""
    return _prepare_order(node, np.less_equal)


def prepare_greater(node: Node) -> Invocation:
    """GREATER: as LESS; TFLM also int16."""
    return _prepare_order(node, np.greater)


def prepare_greater_equal(node: Node) -> Invocation:
    """GREATER_EQUAL: as LESS_EQUAL."""
    return _prepare_order(node, np.greater_equal)


def _prepare_order(node: Node, compare: np.ufunc) -> Invocation:
    node.require_counts(2, 1)
    node.require(node.input(0).type is not TensorType.STRING, "strings are not ordered")
    return _prepare(node, compare)


def _prepare(node: Node, compare: np.ufunc) -> Invocation:
    return prepare_binary(node, lambda node: _choose(node, compare), TensorType.BOOL)


def _choose(node: Node, compare: np.ufunc) -> BinaryFunction:
    x, y = node.input(0), node.input(1)
    if x.type is TensorType.BFLOAT16:
        return CompareBfloat16(compare)
    rescales_int16 = node.name in node.runtime.rescales_int16_to_compare and x.is_quantized
    if x.type not in EIGHT_BITS and not (x.type is TensorType.INT16 and rescales_int16):
        return plainly(compare)
    for tensor in (x, y):
        node.require(tensor.scale > 0, f"{tensor} must have a scale")
    return tabulated(node, CompareQuantized(compare, x.scale, x.zero_point, y.scale, y.zero_point))
