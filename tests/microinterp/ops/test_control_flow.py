"""IF, WHILE, STABLEHLO_COMPOSITE and STABLEHLO_CASE: what random problems do not meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microinterp import Interpreter, MicrointerpError, PrepareError
from microinterp.model.ir import TensorType as T
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle

X, BOOL, COUNT = TensorSpec((2,), T.FLOAT32), TensorSpec((1,), T.BOOL), TensorSpec((1,), T.INT32)
SAME = Graph({"x": X}, ("x",), ("x",), [])
TWICE = Graph({"x": X, "y": X}, ("x",), ("y",), [Step("ADD", ("x", "x"), ("y",))])
VALUES = np.array([1, -2], np.float32)
YES, NO = np.array([True]), np.array([False])


def if_model(then: Graph, other: Graph, condition: TensorSpec = BOOL, **options: int) -> bytes:
    options = {"then_subgraph_index": 1, "else_subgraph_index": 2, **options}
    main = Graph(
        {"c": condition, "x": X, "y": X}, ("c", "x"), ("y",), [Step("IF", ("c", "x"), ("y",), options)]
    )
    return graph_model(main, then, other)


def while_model(condition: Graph, body: Graph, **options: int) -> bytes:
    options = {"cond_subgraph_index": 1, "body_subgraph_index": 2, **options}
    tensors = {"n": COUNT, "x": X, "m": COUNT, "y": X}
    main = Graph(tensors, ("n", "x"), ("m", "y"), [Step("WHILE", ("n", "x"), ("m", "y"), options)])
    return graph_model(main, condition, body)


GO_ON = Graph({"n": COUNT, "x": X, "b": BOOL}, ("n", "x"), ("b",), [Step("CAST", ("n",), ("b",))])
COUNT_DOWN = Graph(
    {"n": COUNT, "x": X, "one": TensorSpec((1,), T.INT32, data=[1]), "m": COUNT, "y": X},
    ("n", "x"),
    ("m", "y"),
    [Step("SUB", ("n", "one"), ("m",)), Step("ADD", ("x", "x"), ("y",))],
)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("then", "condition", "options"),
    [
        (TWICE, TensorSpec((2,), T.BOOL), {}),
        (TWICE, TensorSpec((1,), T.INT32), {}),
        (Graph({"x": X, "z": X}, ("x", "z"), ("x",), []), BOOL, {}),
        (Graph({"x": X, "y": X}, ("x",), ("x", "x"), []), BOOL, {}),
    ],
    ids=["two conditions", "a number", "two inputs", "two outputs"],
)
def test_if_refuses_what_native_refuses(
    runtime: RuntimeName, then: Graph, condition: TensorSpec, options: dict[str, Any]
) -> None:
    values: Any = np.ones(condition.shape, np.bool_ if condition.type is T.BOOL else np.int32)
    assert not check_against_oracle(if_model(then, SAME, condition, **options), [[values, VALUES]], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_while_refuses_what_native_refuses(runtime: RuntimeName) -> None:
    one_output = Graph({"n": COUNT, "x": X}, ("n", "x"), ("n",), [])
    assert not check_against_oracle(
        while_model(GO_ON, one_output), [[np.array([1], np.int32), VALUES]], runtime
    )


def test_a_condition_must_be_one_bool() -> None:
    number = Graph({"n": COUNT, "x": X}, ("n", "x"), ("n",), [])
    assert not check_against_oracle(
        while_model(number, COUNT_DOWN), [[np.array([1], np.int32), VALUES]], "tflite"
    )


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_nested(runtime: RuntimeName) -> None:
    """A loop whose body branches."""
    body = Graph(
        {**COUNT_DOWN.tensors, "b": BOOL},
        COUNT_DOWN.inputs,
        COUNT_DOWN.outputs,
        [
            COUNT_DOWN.steps[0],
            Step("CAST", ("m",), ("b",)),
            Step("IF", ("b", "x"), ("y",), {"then_subgraph_index": 3, "else_subgraph_index": 4}),
        ],
    )
    main = Graph(
        {"n": COUNT, "x": X, "m": COUNT, "y": X},
        ("n", "x"),
        ("m", "y"),
        [Step("WHILE", ("n", "x"), ("m", "y"), {"cond_subgraph_index": 1, "body_subgraph_index": 2})],
    )
    model = graph_model(main, GO_ON, body, TWICE, SAME)
    invokes = [[np.array([n], np.int32), VALUES] for n in (3, 0, 1)]
    assert check_against_oracle(model, invokes, runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("called", [0, 1])
def test_a_subgraph_that_calls_itself_is_an_error(runtime: RuntimeName, called: int) -> None:
    """The native runtimes overflow their stack."""
    tensors = {"c": BOOL, "x": X, "y": X}
    options = {"then_subgraph_index": called, "else_subgraph_index": called}
    call = Graph(tensors, ("c", "x"), ("y",), [Step("IF", ("c", "c", "x"), ("y",), options)])
    main = Graph(
        tensors,
        ("c", "x"),
        ("y",),
        [Step("IF", ("c", "c", "x"), ("y",), {"then_subgraph_index": 1, "else_subgraph_index": 1})],
    )
    with pytest.raises(MicrointerpError):
        Interpreter(model_content=graph_model(main, call), runtime=runtime)(YES, VALUES)


def test_resized_inputs_reach_the_subgraphs() -> None:
    interpreter = Interpreter(model_content=if_model(TWICE, SAME))
    longer = np.arange(5, dtype=np.float32)
    assert np.array_equal(interpreter(YES, longer), 2 * longer)
    assert np.array_equal(interpreter(NO, longer), longer)
    assert np.array_equal(interpreter(YES, VALUES), 2 * VALUES)


def test_a_composite_without_attributes() -> None:
    main = Graph(
        {"x": X, "y": X},
        ("x",),
        ("y",),
        [Step("STABLEHLO_COMPOSITE", ("x",), ("y",), {"decomposition_subgraph_index": 1})],
    )
    with pytest.raises(PrepareError, match="composite_attributes"):
        Interpreter(model_content=graph_model(main, TWICE))(VALUES)
