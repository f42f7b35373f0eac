"""IF, WHILE, STABLEHLO_COMPOSITE and STABLEHLO_CASE: operators with subgraphs of simple ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import TensorType as T
from tests.draw import numbers
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec

Array = NDArray[Any]
_SHAPES = st.sampled_from([(1,), (3,), (2, 3), (1, 4, 1)])


def _branch(draw: st.DrawFn, shape: tuple[int, ...], type: T, may_grow: bool) -> tuple[Graph, bool]:
    """A subgraph from one tensor to another; whether it doubles the first dimension."""
    spec = TensorSpec(shape, type)
    operator = draw(st.sampled_from(["ADD", "MUL", "SUB", "MAXIMUM", *(["CONCATENATION"] * may_grow), ""]))
    if not operator:  # an input is an output
        return Graph({"x": spec}, ("x",), ("x",), []), False
    if operator == "CONCATENATION":
        grown = TensorSpec((2 * shape[0], *shape[1:]), type)
        step = Step("CONCATENATION", ("x", "x"), ("y",), {"axis": 0})
        return Graph({"x": spec, "y": grown}, ("x",), ("y",), [step]), True
    constant = TensorSpec(shape, type, data=draw(numbers(type, shape)))
    step = Step(operator, ("x", "c"), ("y",))
    return Graph({"x": spec, "c": constant, "y": spec}, ("x",), ("y",), [step]), False


def _values(draw: st.DrawFn, shape: tuple[int, ...], type: T, count: int) -> list[Array]:
    return [draw(numbers(type, shape)) for _ in range(count)]


@generator("IF", tflite=("FLOAT32", "INT32"), tflm=("FLOAT32", "INT32"))
def if_(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, shape = T[kind], draw(_SHAPES)
    may_grow = runtime == "tflite" and draw(st.booleans())
    (then, grows), (other, other_grows) = (_branch(draw, shape, type, may_grow) for _ in range(2))
    output = TensorSpec((2 * shape[0], *shape[1:]) if grows and other_grows else shape, type)
    condition = TensorSpec(draw(st.sampled_from([(), (1,), (1, 1)])), T.BOOL)
    main = Graph(
        {"c": condition, "x": TensorSpec(shape, type), "y": output},
        ("c", "x"),
        ("y",),
        [Step("IF", ("c", "x"), ("y",), {"then_subgraph_index": 1, "else_subgraph_index": 2})],
    )
    values = _values(draw, shape, type, 3)
    decisions = [np.full(condition.shape, draw(st.booleans())) for _ in values]
    return Problem(
        graph_model(main, then, other), [list(pair) for pair in zip(decisions, values, strict=True)]
    )


@generator("STABLEHLO_CASE", tflite=("FLOAT32", "INT32"))
def stablehlo_case(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    """LiteRT takes all subgraphs but the first for branches, whatever the options say, so they are."""
    type, shape = T[kind], draw(_SHAPES)
    branches = [_branch(draw, shape, type, may_grow=False)[0] for _ in range(draw(st.integers(2, 4)))]
    spec = TensorSpec(shape, type)
    main = Graph(
        {"i": TensorSpec((1,), T.INT32), "x": spec, "y": spec},
        ("i", "x"),
        ("y",),
        [
            Step(
                "STABLEHLO_CASE",
                ("i", "x"),
                ("y",),
                {"branch_subgraph_indices": tuple(range(1, len(branches) + 1))},
            )
        ],
    )
    indices = [np.array([draw(st.integers(-1, len(branches)))], np.int32) for _ in range(3)]
    values = _values(draw, shape, type, 3)
    return Problem(graph_model(main, *branches), [list(pair) for pair in zip(indices, values, strict=True)])


@generator("STABLEHLO_COMPOSITE", tflite=("FLOAT32", "INT32"))
def stablehlo_composite(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, shape = T[kind], draw(_SHAPES)
    body, grows = _branch(draw, shape, type, may_grow=True)
    attributes = b"\0\x01\x24\x01" if draw(st.integers(0, 9)) else None  # an empty map; LiteRT wants one
    options = {"name": "test.body", "decomposition_subgraph_index": 1, "composite_attributes": attributes}
    output = TensorSpec((2 * shape[0], *shape[1:]) if grows else shape, type)
    main = Graph(
        {"x": TensorSpec(shape, type), "y": output},
        ("x",),
        ("y",),
        [Step("STABLEHLO_COMPOSITE", ("x",), ("y",), options)],
    )
    return Problem(graph_model(main, body), [[value] for value in _values(draw, shape, type, 2)])


@generator("WHILE", tflite=("FLOAT32", "INT32"), tflm=("FLOAT32", "INT32"))
def while_(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    """Counts down from a number to zero, and works on a tensor each time."""
    type, shape = T[kind], draw(_SHAPES)
    body, grows = _branch(draw, shape, type, may_grow=runtime == "tflite" and draw(st.booleans()))
    counter, spec = TensorSpec((1,), T.INT32), TensorSpec(shape, type)
    condition = Graph(
        {"n": counter, "x": spec, "go_on": TensorSpec((1,), T.BOOL)},
        ("n", "x"),
        ("go_on",),
        [Step("CAST", ("n",), ("go_on",))],
    )
    one = TensorSpec((1,), T.INT32, data=[1])
    body = Graph(
        {**body.tensors, "n": counter, "one": one, "m": counter},
        ("n", *body.inputs),
        ("m", *body.outputs),
        [*body.steps, Step("SUB", ("n", "one"), ("m",))],
    )
    outputs = {"m": counter, "y": TensorSpec((2 * shape[0], *shape[1:]) if grows else shape, type)}
    main = Graph(
        {"n": counter, "x": spec, **outputs},
        ("n", "x"),
        ("m", "y"),
        [Step("WHILE", ("n", "x"), ("m", "y"), {"cond_subgraph_index": 1, "body_subgraph_index": 2})],
    )
    counts = [np.array([draw(st.integers(0, 5))], np.int32) for _ in range(3)]
    values = _values(draw, shape, type, 3)
    return Problem(
        graph_model(main, condition, body), [list(pair) for pair in zip(counts, values, strict=True)]
    )
