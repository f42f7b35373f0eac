"""Resource variables and CALL_ONCE against the native runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microinterp import Interpreter
from microinterp.errors import InvokeError, MicrointerpError
from microinterp.micro import Interpreter as MicroInterpreter
from microinterp.model.ir import TensorType
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RUNTIME_NAMES, RuntimeName, available
from tests.problems.variables import CALL_ONCE, HANDLE, var_handle
from tests.single_op import TensorSpec, check_against_oracle, run_ours
from tests.values import bits_of

FLOAT32, INT8, INT16, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32
READ, ASSIGN = Step("READ_VARIABLE", ["h"], ["y"]), Step("ASSIGN_VARIABLE", ["h", "x"])


def main_graph(*steps: Step, **tensors: TensorSpec) -> Graph:
    """Input x, output y, handles h and g; float32[2] unless they are given."""
    pair = TensorSpec((2,), FLOAT32)
    used = {name for step in steps for name in (*step.inputs, *step.outputs)} | {"x", "y"}
    defaults = {"x": pair, "y": pair, "h": HANDLE, "g": HANDLE}
    return Graph({k: v for k, v in {**defaults, **tensors}.items() if k in used}, ["x"], ["y"], steps)


INIT = Graph({"h": HANDLE, "x": TensorSpec((2,), FLOAT32, data=[7.5, 8.5])}, [], [], [var_handle(), ASSIGN])


def inputs(*shape: int, element_type: TensorType = FLOAT32, invokes: int = 3) -> list[list[NDArray[Any]]]:
    return [[bits_of(seed, shape, element_type)] for seed in range(invokes)]


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    "graphs",
    [
        pytest.param([main_graph(var_handle(), ASSIGN, READ)], id="assigned before"),
        pytest.param([main_graph(CALL_ONCE, var_handle(), READ, ASSIGN), INIT], id="initialized"),
        pytest.param([main_graph(CALL_ONCE, var_handle(), READ, ASSIGN, CALL_ONCE), INIT], id="twice, late"),
        pytest.param([main_graph(CALL_ONCE, var_handle(), ASSIGN, CALL_ONCE, READ), INIT], id="twice, early"),
        pytest.param(
            [main_graph(var_handle(), ASSIGN, READ, y=TensorSpec((2, 1), FLOAT32))], id="another shape"
        ),
        pytest.param(
            [main_graph(var_handle(), ASSIGN, READ, h=TensorSpec((1,), INT32))], id="handle of int32"
        ),
        pytest.param(
            [main_graph(var_handle(handle="g"), ASSIGN, READ, h=TensorSpec((), INT32, data=0))],
            id="handle that is constant",
        ),
        pytest.param(
            [
                main_graph(
                    var_handle(container="c"),
                    var_handle(container="c", handle="g"),
                    ASSIGN,
                    Step("READ_VARIABLE", ["g"], ["y"]),
                )
            ],
            id="two handles",
        ),
        pytest.param(
            [
                main_graph(
                    var_handle("a"),
                    var_handle("b", handle="g"),
                    ASSIGN,
                    Step("ASSIGN_VARIABLE", ["g", "c"]),
                    READ,
                    c=TensorSpec((3,), INT8, data=[1, 2, 3]),
                )
            ],
            id="two variables",
        ),
    ],
)
def test_variables(runtime: RuntimeName, graphs: Sequence[Graph]) -> None:
    assert check_against_oracle(graph_model(*graphs), inputs(2), runtime)


@pytest.mark.parametrize(
    ("element_type", "zero_point"), [(INT8, -3), (INT8, 127), (INT16, 0), (INT32, 3), (FLOAT32, None)]
)
def test_tflm_starts_with_the_zero_point_in_each_byte(
    element_type: TensorType, zero_point: int | None
) -> None:
    scale = None if zero_point is None else 0.5
    spec = TensorSpec((2,), element_type, scale, zero_point)
    model = graph_model(main_graph(var_handle(), READ, ASSIGN, x=spec, y=spec))
    assert check_against_oracle(model, inputs(2, element_type=element_type), "tflm")


@pytest.mark.parametrize(
    ("graph", "in_tflm"),
    [
        pytest.param(main_graph(var_handle(), ASSIGN, READ, y=TensorSpec((2,), INT32)), True, id="type"),
        pytest.param(
            main_graph(
                var_handle("a"), var_handle("b", handle="g"), ASSIGN, Step("READ_VARIABLE", ["g"], ["y"])
            ),
            None,  # TFLM leaves the output unwritten
            id="never assigned",
        ),
        pytest.param(
            main_graph(
                var_handle(),
                var_handle(container="c", handle="g"),
                ASSIGN,
                Step("READ_VARIABLE", ["g"], ["y"]),
            ),
            False,
            id="two containers",
        ),
        pytest.param(
            main_graph(
                var_handle(container="c"),
                var_handle(container=None, handle="g"),
                ASSIGN,
                Step("READ_VARIABLE", ["g"], ["y"]),
            ),
            True,
            id="any container",
        ),
        pytest.param(
            main_graph(var_handle(), ASSIGN, READ, h=TensorSpec((2,), TensorType.RESOURCE)),
            False,
            id="two elements in a handle",
        ),
        pytest.param(
            main_graph(ASSIGN, Step("READ_VARIABLE", ["g"], ["y"]), h=TensorSpec((), FLOAT32, data=0)),
            False,
            id="no handle",
        ),
    ],
)
def test_litert_refuses(graph: Graph, in_tflm: bool | None) -> None:
    model = graph_model(graph)
    assert not check_against_oracle(model, inputs(2), "tflite")
    if in_tflm is not None:
        assert check_against_oracle(model, inputs(2), "tflm") is in_tflm


def test_a_constant_handle_of_no_variable() -> None:
    handle = TensorSpec((), INT32, data=3)
    model = graph_model(main_graph(var_handle(handle="g"), ASSIGN, READ, h=handle))
    assert check_against_oracle(model, inputs(2), "tflite")
    assert not check_against_oracle(model, inputs(2), "tflm")


def test_litert_reads_the_start_of_a_larger_variable() -> None:
    model = graph_model(main_graph(var_handle(), ASSIGN, READ, y=TensorSpec((1,), FLOAT32)))
    assert check_against_oracle(model, inputs(2), "tflite")


def test_litert_learns_the_shape_where_the_model_has_none() -> None:
    # The shape passes on to the operator behind.
    joined = Step("CONCATENATION", ["y", "y"], ["z"], {"axis": 0})
    graph = main_graph(
        var_handle(), ASSIGN, READ, joined, y=TensorSpec((), FLOAT32), z=TensorSpec((4,), FLOAT32)
    )
    model = graph_model(Graph(graph.tensors, ["x"], ["y", "z"], graph.steps))
    assert check_against_oracle(model, inputs(2), "tflite")


@pytest.mark.parametrize("size", [1, 3])
def test_tflm_needs_the_size_that_was_assigned_first(size: int) -> None:
    # TFLM writes beyond the output, or leaves part of it unwritten: no oracle.
    model = graph_model(main_graph(var_handle(), ASSIGN, READ, y=TensorSpec((size,), FLOAT32)))
    with pytest.raises(InvokeError, match="the variable has 8 bytes"):
        run_ours(model, inputs(2), "tflm")


def test_litert_does_not_read_beyond_a_variable() -> None:
    # LiteRT itself does: no oracle.
    model = graph_model(main_graph(var_handle(), ASSIGN, READ, y=TensorSpec((3,), FLOAT32)))
    with pytest.raises(InvokeError, match=r"holds float32\[2\], it is read as float32\[3\]"):
        run_ours(model, inputs(2), "tflite")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("index", [-1, 2])
def test_call_once_needs_a_subgraph(runtime: RuntimeName, index: int) -> None:
    call = Step("CALL_ONCE", options={"init_subgraph_index": index})
    model = graph_model(main_graph(call, var_handle(), ASSIGN, READ), INIT)
    assert not check_against_oracle(model, inputs(2), runtime)


def test_call_once_needs_a_subgraph_without_inputs() -> None:
    init = Graph({"h": HANDLE, "x": TensorSpec((2,), FLOAT32)}, ["x"], [], [var_handle(), ASSIGN])
    model = graph_model(main_graph(CALL_ONCE, var_handle(), ASSIGN, READ), init)
    assert not check_against_oracle(model, inputs(2), "tflite")


def test_subgraphs_that_call_each_other_come_to_an_end() -> None:
    # The native runtimes run out of stack: no oracle.
    init = Graph(INIT.tensors, [], [], [CALL_ONCE, *INIT.steps])
    model = graph_model(main_graph(CALL_ONCE, var_handle(), READ, ASSIGN), init)
    for runtime in RUNTIME_NAMES:
        try:
            outputs = run_ours(model, inputs(2, invokes=1), runtime)
        except MicrointerpError:
            continue
        assert outputs[0][0].tolist() == [7.5, 8.5]


def state_after(interpreter: Any, reset: str) -> list[list[float]]:
    """What is read of the variable in INIT, in invokes that assign 1, 2 and, after a reset, 3."""
    read = []
    for value in (1.0, 2.0, 3.0):
        if value == 3.0:
            getattr(interpreter, reset)()
        x = np.full(2, value, np.float32)
        if reset == "reset":
            interpreter.set_input(x, 0)
            interpreter.invoke()
            read.append(interpreter.get_output(0).tolist())
        else:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
            interpreter.invoke()
            read.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist())
    return read


STATEFUL = graph_model(main_graph(CALL_ONCE, var_handle(), READ, ASSIGN), INIT)


@pytest.mark.parametrize("reset", ["reset_all_variables", "allocate_tensors"])
def test_litert_keeps_variables(reset: str) -> None:
    interpreter = Interpreter(model_content=STATEFUL)
    interpreter.allocate_tensors()
    ours = state_after(interpreter, reset)
    assert ours == [[7.5, 8.5], [1, 1], [2, 2]]
    if available("tflite") is None:
        from ai_edge_litert.interpreter import Interpreter as LiteRT

        native = LiteRT(model_content=STATEFUL)
        native.allocate_tensors()
        assert state_after(native, reset) == ours


def test_tflm_resets_variables_and_does_not_call_once_more() -> None:
    ours = state_after(MicroInterpreter.from_bytes(STATEFUL, arena_size=10_000), "reset")
    assert ours == [[7.5, 8.5], [1, 1], [0, 0]]
    if available("tflm") is None:
        from tflite_micro import runtime

        native = runtime.Interpreter.from_bytes(STATEFUL, arena_size=10_000)
        assert state_after(native, "reset") == ours
