"""REDUCE_WINDOW and STABLEHLO_REDUCE_WINDOW."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microinterp_kernels.reduce_window import Function, ReduceWindow, maximum, minimum

from ..model.ir import Array, TensorType
from ..model.schema import ReduceWindowFunction
from .node import Invocation, Node

_FUNCTIONS: dict[ReduceWindowFunction, Function] = {
    ReduceWindowFunction.ADD: np.add,
    ReduceWindowFunction.MUL: np.multiply,
    ReduceWindowFunction.MINIMUM: minimum,
    ReduceWindowFunction.MAXIMUM: maximum,
    ReduceWindowFunction.ALL: np.logical_and,
    ReduceWindowFunction.ANY: np.logical_or,
}
# the one operator in the body of a STABLEHLO_REDUCE_WINDOW → what it means
_BODIES = {
    **dict.fromkeys(("ADD", "STABLEHLO_ADD"), ReduceWindowFunction.ADD),
    **dict.fromkeys(("MUL", "STABLEHLO_MULTIPLY"), ReduceWindowFunction.MUL),
    **dict.fromkeys(("MINIMUM", "STABLEHLO_MINIMUM"), ReduceWindowFunction.MINIMUM),
    **dict.fromkeys(("MAXIMUM", "STABLEHLO_MAXIMUM"), ReduceWindowFunction.MAXIMUM),
    **dict.fromkeys(("LOGICAL_AND", "STABLEHLO_AND"), ReduceWindowFunction.ALL),
    **dict.fromkeys(("LOGICAL_OR", "STABLEHLO_OR"), ReduceWindowFunction.ANY),
}

_MOST_DIMENSIONS = 6


def prepare_reduce_window(node: Node) -> Invocation:
    """REDUCE_WINDOW of integers, booleans, float32 and float64; what windows there are is constant."""
    node.require_counts(5, 1)
    rank = _check(node)
    window, strides, dilations = (_numbers(node, i, rank) for i in (2, 3, 4))
    function = _FUNCTIONS.get(node.options["reduce_function"])
    node.require(function is not None, f"unknown function {node.options['reduce_function']}")
    return _prepare(node, function, window, strides, dilations, [1] * rank, [(0, 0)] * rank)


def prepare_stablehlo_reduce_window(node: Node) -> Invocation:
    """STABLEHLO_REDUCE_WINDOW of integers, booleans, float32 and float64, by the one operator in its body."""
    node.require_counts(2, 1)
    rank = _check(node)
    wanted = node.options["window_dimensions"]
    given = 0 if wanted is None else len(wanted)
    node.require(given >= max(rank, 1), "needs window_dimensions for all axes")

    def option(name: str, count: int, default: int) -> list[int]:
        values = node.options[name]
        if values is None or len(values) == 0:
            return [default] * count
        node.require(len(values) == count, f"{name} must have {count} numbers")
        return [int(v) for v in values]

    window, strides = option("window_dimensions", given, 1), option("window_strides", given, 1)
    base_dilations, dilations = option("base_dilations", given, 1), option("window_dilations", given, 1)
    ends = option("padding", 2 * given, 0)
    padding = list(zip(ends[0 : 2 * rank : 2], ends[1 : 2 * rank : 2], strict=True))
    for factors in (window, strides, base_dilations, dilations):
        node.require(
            min(factors[:rank]) > 0, f"windows, strides and dilations must be positive, not {factors}"
        )
    body = node.subgraph(node.options["body_subgraph_index"]).operators
    function = _FUNCTIONS[_BODIES[body[0]]] if len(body) == 1 and body[0] in _BODIES else None
    return _prepare(
        node, function, window[:rank], strides[:rank], dilations[:rank], base_dilations[:rank], padding
    )


def _check(node: Node) -> int:
    """The rank of the input, after the checks that both operators have in common."""
    x, init, output = node.input(0), node.input(1), node.output()
    for tensor in (init, output):
        node.require_type(tensor, x.type)
    node.require_rank(x, 1, _MOST_DIMENSIONS)
    node.require(init.size > 0, f"{init} must hold the initial value")
    return len(x.shape)


def _numbers(node: Node, i: int, rank: int) -> list[int]:
    """The values of a constant input, one for each axis."""
    values = node.constant(i)
    node.require_type(node.input(i), TensorType.INT64)
    node.require(
        values.size >= rank and bool((values.flat[:rank] > 0).all()),
        f"{node.input(i)} must hold a positive number for each axis",
    )
    return [int(v) for v in values.flat[:rank]]


def _prepare(
    node: Node,
    function: Function | None,
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    base_dilations: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> Invocation:
    x, init, output = node.input(0), node.input(1), node.output()
    try:
        kernel = ReduceWindow(
            x.shape, function or np.add, window, strides, dilations, base_dilations, padding
        )
    except ValueError as error:
        node.fail(str(error))
    output.shape = kernel.output_shape
    padded = any(ends != (0, 0) for ends in padding)
    node.require(not padded or 0 not in kernel.padded_shape, "its padding leaves nothing", at_invoke=True)
    node.require(function is not None, "its body is not one operator that it knows", at_invoke=True)
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)

    def run(x: Array, init: Array, output: Array) -> None:
        kernel(x, init.reshape(-1), output)

    return Invocation(run, (x, init, output), kernel)
