"""The kinds of RELU as operators of their own."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from microinterp_kernels.clamp import clamp
from microinterp_kernels.unary_quantized import Rescale

from ..model.ir import Array, TensorType
from .common import quantized_bounds
from .elementwise import require_symmetric_int16, require_unary, scale_ratio, store, tabulated
from .node import Invocation, Node


def prepare_relu(node: Node) -> Invocation:
    """RELU: float32, int8, int16; LiteRT also uint8."""
    return _prepare(node, 0, None)


def prepare_relu6(node: Node) -> Invocation:
    """RELU6: float32, int8, int16; LiteRT also uint8."""
    return _prepare(node, 0, 6)


def prepare_relu_n1_to_1(node: Node) -> Invocation:
    """RELU_N1_TO_1: float32, int8, uint8."""
    return _prepare(node, -1, 1)


def prepare_relu_0_to_1(node: Node) -> Invocation:
    """RELU_0_TO_1: float32, int8, uint8."""
    return _prepare(node, 0, 1)


def _prepare(node: Node, low: int, high: int | None) -> Invocation:
    x, output = require_unary(node)
    if x.type is TensorType.FLOAT32:
        return Invocation(
            partial(_clamp, low=np.float32(low), high=np.float32(np.inf if high is None else high)),
            (x, output),
        )
    if node.name in node.runtime.clips_without_rescaling:
        first, last = quantized_bounds(node, x, low, high)
        return Invocation(partial(_clamp, low=first, high=last), (x, output))
    require_symmetric_int16(node, x, output)
    first, last = quantized_bounds(node, output, low, high)
    function = Rescale(x.zero_point, scale_ratio(node, x, output), output.zero_point, low=first, high=last)
    return store(tabulated(function, x), x, output)


def _clamp(x: Array, output: Array, *, low: Any, high: Any) -> None:
    output[...] = x
    clamp(output, low, high)
