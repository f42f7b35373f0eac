"""How the interpreter lays out and runs a graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microinterp import Interpreter, InvokeError, PrepareError, load
from microinterp.memory import estimate_arena
from microinterp.model.ir import Metadata, TensorType
from microinterp.model.writer import write_model
from microinterp_tools.models import EXAMPLES, open_model
from tests.graphs import Graph, Step, graph_model
from tests.shared import SHARED, model_paths, requires_shared
from tests.single_op import TensorSpec, check_against_oracle, single_op_model

# TFLM refuses their element types.
NOT_IN_TFLM = ("kws_ref_model_float32", "mobilenet_v1_0.25_128_quant", "movenet_single_pose_lightning_ptq")


def assert_runs_in_tflm_s_plan(content: bytes) -> None:
    interpreter = Interpreter(model_content=content, runtime="tflm")
    interpreter.allocate_tensors()
    report = estimate_arena(load(content), "x86-64", "reference")
    plan = interpreter._graph.plans[0]
    ours = [
        (b.subgraph, b.index, b.size, b.first_use, b.last_use, offset)
        for b, offset in zip(plan.buffers, plan.offsets, strict=True)
    ]
    assert ours == [(b.subgraph, b.index, b.size, b.first_use, b.last_use, b.offset) for b in report.plan]
    assert plan.size == report.head
    starts = {
        t.array.__array_interface__["data"][0] - b.offset
        for b in report.plan
        if b.kind == "tensor"
        for t in [interpreter._graph.subgraphs[b.subgraph].tensors[b.index]]
        if t.array is not None
    }
    assert len(starts) == 1, "every planned tensor lies at its offset in one buffer"
    assert starts.pop() % 16 == 0


@requires_shared
@pytest.mark.parametrize(
    "path", [p for p in model_paths() if p.stem not in NOT_IN_TFLM], ids=lambda path: path.stem
)
def test_real_models_run_in_tflm_s_plan(path: Path) -> None:
    assert_runs_in_tflm_s_plan(path.read_bytes())


@requires_shared
@pytest.mark.parametrize("name", ["ties", "resource_variable", "fc_i8_wvar", "conv1d_i8"])
def test_peculiar_models_run_in_tflm_s_plan(name: str) -> None:
    """Buffers of equal size, a resource variable (its handle is not planned), weights as input."""
    assert SHARED is not None
    assert_runs_in_tflm_s_plan((SHARED / "arena" / "synth" / f"synth_{name}.tflite").read_bytes())


def test_an_offline_plan_is_honoured() -> None:
    """A plan of our own, that no planner would make, and the same results."""
    model = load(open_model("digits").content)
    tensors = model.subgraphs[0].tensors
    offsets = [-1 if t.buffer else 2048 * i for i, t in enumerate(tensors)]
    data = np.frombuffer(np.array([1, 1, len(tensors), *offsets], "<i4").tobytes(), np.uint8)
    entry = Metadata("OfflineMemoryAllocation", len(model.buffers))
    planned = write_model(replace(model, buffers=(*model.buffers, data), metadata=(entry,)))
    assert_runs_in_tflm_s_plan(planned)
    interpreter = Interpreter(model_content=planned, runtime="tflm")
    image = np.arange(64, dtype=np.int8).reshape(1, 8, 8, 1)
    expected = Interpreter(model_content=open_model("digits").content, runtime="tflm")(image)
    np.testing.assert_array_equal(interpreter(image), expected)
    plan = interpreter._graph.plans[0]
    assert all(o == offsets[b.index] for b, o in zip(plan.buffers, plan.offsets, strict=True))


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_run_in_tflm_s_plan(example: str) -> None:
    assert_runs_in_tflm_s_plan(open_model(example).content)


def test_preserved_tensors_have_memory_of_their_own() -> None:
    interpreter = Interpreter(
        model_content=open_model("digits").content, experimental_preserve_all_tensors=True
    )
    interpreter.allocate_tensors()
    arrays = [t.array for t in interpreter._graph.subgraphs[0].tensors if t.array is not None]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_a_refusal_names_operator_tensor_and_rule() -> None:
    x = TensorSpec([1, 4], TensorType.FLOAT32)
    interpreter = Interpreter(
        model_content=single_op_model("SOFTMAX", [x], [TensorSpec([1, 4], TensorType.INT32)])
    )
    with pytest.raises(
        PrepareError, match=r"operator 0 \(SOFTMAX v1\): tensor 1 'output_0' \(INT32\[1, 4\]\)"
    ):
        interpreter.allocate_tensors()


def test_a_refusal_at_invoke_names_the_operator() -> None:
    x, y = TensorSpec([2], TensorType.INT32), TensorSpec([2], TensorType.INT32)
    interpreter = Interpreter(model_content=single_op_model("DIV", [x, y], [x]))
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.array([1, 2], np.int32))
    interpreter.set_tensor(1, np.array([1, 0], np.int32))
    with pytest.raises(InvokeError, match=r"operator 0 \(DIV v1\)"):
        interpreter.invoke()


def test_a_dynamic_shape_is_known_after_invoke() -> None:
    x, shape = TensorSpec([6], TensorType.INT32), TensorSpec([2], TensorType.INT32)
    interpreter = Interpreter(
        model_content=single_op_model("RESHAPE", [x, shape], [TensorSpec([6], TensorType.INT32)])
    )
    for wanted in ([2, 3], [3, 2], [-1, 6]):
        output = interpreter(np.arange(6, dtype=np.int32), np.array(wanted, np.int32))
        assert isinstance(output, np.ndarray)
        np.testing.assert_array_equal(output, np.arange(6).reshape(wanted))


def test_resizing_prepares_anew() -> None:
    interpreter = Interpreter(model_content=open_model("digits").content)
    interpreter.allocate_tensors()
    interpreter.resize_tensor_input(0, [4, 8, 8, 1])
    interpreter.allocate_tensors()
    interpreter.invoke()
    assert interpreter.get_output_details()[0]["shape"].tolist() == [4, 10]
    interpreter.resize_tensor_input(0, [1, 5, 5, 1])
    with pytest.raises(PrepareError):
        interpreter.allocate_tensors()
    interpreter.resize_tensor_input(0, [1, 8, 8, 1])
    interpreter.allocate_tensors()
    interpreter.invoke()


def test_shapes_made_of_constants_are_known_at_prepare() -> None:
    """CONCATENATION → RESHAPE: LiteRT computes the former at prepare, so that the latter has a static output."""
    constant = TensorSpec((1,), TensorType.INT32, data=[2])
    model = graph_model(
        Graph(
            {
                "x": TensorSpec((6,), TensorType.FLOAT32),
                "a": constant,
                "b": TensorSpec((1,), TensorType.INT32, data=[-1]),
                "shape": TensorSpec((2,), TensorType.INT32),
                "y": TensorSpec((2, 3), TensorType.FLOAT32),
            },
            ("x",),
            ("y", "shape"),
            [Step("CONCATENATION", ("a", "b"), ("shape",)), Step("RESHAPE", ("x", "shape"), ("y",))],
        )
    )
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    assert interpreter.get_output_details()[0]["shape"].tolist() == [2, 3]
    assert interpreter.get_tensor(interpreter.get_output_details()[1]["index"]).tolist() == [2, -1]
    interpreter.resize_tensor_input(0, [8])
    assert interpreter(np.arange(8, dtype=np.float32))[0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert check_against_oracle(model, [[np.arange(6, dtype=np.float32)]], "tflite")
