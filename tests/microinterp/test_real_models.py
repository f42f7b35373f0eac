"""Every real model, against both native runtimes: outputs and every intermediate tensor, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microinterp import Interpreter, MicrointerpError
from microinterp.runtimes import RuntimeName
from microinterp_tools.inputs import random_values
from tests.oracles import RUNTIME_NAMES, OracleCrashed, OracleRefused, OracleResult, available, run_oracle
from tests.shared import model_paths, requires_shared
from tests.single_op import assert_same_bytes

Array = NDArray[Any]

SEEDS = 3
INVOKES = 10  # of the models that keep state from one to the next; the others run once per seed

pytestmark = requires_shared

# What the native runtimes do not run, as ../shared/models/README.md lists it.
REFUSED = {
    ("audio_preprocessor_float.tflite", "tflite"),
    ("audio_preprocessor_int8.tflite", "tflite"),
    ("kws_ref_model_float32.tflite", "tflm"),
    ("mobilenet_v1_0.25_128_quant.tflite", "tflm"),
    ("movenet_single_pose_lightning_ptq.tflite", "tflm"),
    ("person_detect.tflite", "tflite"),
}
# LiteRT corrupts its heap and dies; we run the model, and nothing can say whether rightly.
CRASHES = {("keyword_scrambled_8bit.tflite", "tflite")}

CASES = [
    pytest.param(path, runtime, id=f"{path.stem}-{runtime}")
    for path in model_paths()
    for runtime in RUNTIME_NAMES
]


def is_stateful(interpreter: Interpreter) -> bool:
    nodes = [node for subgraph in interpreter._graph.subgraphs for node in subgraph.nodes]
    tensors = [tensor for subgraph in interpreter._graph.subgraphs for tensor in subgraph.tensors]
    return any(t.is_variable for t in tensors) or any(
        node.name in ("VAR_HANDLE", "SignalFilterBankSpectralSubtraction") for node in nodes
    )


def run_native(
    runtime: RuntimeName, model: bytes, invokes: list[list[Array]], preserve: bool
) -> OracleResult:
    missing = available(runtime)
    if missing is not None:
        pytest.skip(missing)
    return run_oracle(runtime, model, invokes, preserve_all_tensors=preserve)


def inputs_for(interpreter: Interpreter, seed: int) -> list[list[Array]]:
    random = np.random.default_rng(seed)
    times = INVOKES if is_stateful(interpreter) else 1
    return [[random_values(d, random) for d in interpreter.get_input_details()] for _ in range(times)]


@pytest.mark.parametrize(("path", "runtime"), CASES)
def test_equals_the_native_runtime(path: Path, runtime: RuntimeName) -> None:
    content = path.read_bytes()
    if (path.name, runtime) in REFUSED:
        assert_both_refuse(content, runtime)
        return
    interpreter = Interpreter(model_content=content, runtime=runtime)
    if (path.name, runtime) in CRASHES:
        invokes = inputs_for(interpreter, 0)
        interpreter.allocate_tensors()
        set_and_invoke(interpreter, invokes[0])
        with pytest.raises(OracleCrashed):
            run_native(runtime, content, invokes, preserve=False)
        return
    for seed in range(SEEDS):
        invokes = inputs_for(interpreter, seed)
        native = run_native(runtime, content, invokes, preserve=False)
        interpreter = Interpreter(model_content=content, runtime=runtime)
        interpreter.allocate_tensors()
        for i, arrays in enumerate(invokes):
            set_and_invoke(interpreter, arrays)
            for detail, expected in zip(interpreter.get_output_details(), native.outputs[i], strict=True):
                actual = interpreter.get_tensor(detail["index"])
                assert_same_bytes(actual, expected, f"{path.name}, {runtime}, seed {seed}, invoke {i}")


@pytest.mark.parametrize(("path", "runtime"), CASES)
def test_equals_in_every_intermediate_tensor(path: Path, runtime: RuntimeName) -> None:
    if (path.name, runtime) in REFUSED | CRASHES:
        pytest.skip("the native runtime does not run it: see test_equals_the_native_runtime")
    content = path.read_bytes()
    interpreter = Interpreter(model_content=content, runtime=runtime, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    invokes = inputs_for(interpreter, 0)[:3]
    native = run_native(runtime, content, invokes, preserve=True)
    operator_of = {
        t: node for node in interpreter._graph.subgraphs[0].nodes for t in (o.index for o in node.outputs)
    }
    for i, arrays in enumerate(invokes):
        set_and_invoke(interpreter, arrays)
        for index, expected in native.tensors[i].items():
            node = operator_of.get(index)
            made_by = f"operator {node.index} ({node.name})" if node else "nobody"
            where = f"{path.name}, {runtime}, invoke {i}, tensor {index} made by {made_by}"
            assert_same_bytes(interpreter.get_tensor(index), expected, where)


def set_and_invoke(interpreter: Interpreter, arrays: list[Array]) -> None:
    for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()


def assert_both_refuse(content: bytes, runtime: RuntimeName) -> None:
    other: RuntimeName = "tflm" if runtime == "tflite" else "tflite"
    invokes = inputs_for(Interpreter(model_content=content, runtime=other), 0)[:1]
    with pytest.raises(MicrointerpError):
        run_ours(content, runtime, invokes[0])
    with pytest.raises(OracleRefused):
        run_native(runtime, content, invokes, preserve=False)


def run_ours(content: bytes, runtime: RuntimeName, arrays: list[Array]) -> None:
    interpreter = Interpreter(model_content=content, runtime=runtime)
    interpreter.allocate_tensors()
    set_and_invoke(interpreter, arrays)
