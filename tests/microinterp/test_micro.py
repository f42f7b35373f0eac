"""`microinterp.micro.Interpreter` against `tflite_micro.runtime.Interpreter`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microinterp import micro
from microinterp_tools.models import open_model
from tests.microinterp.same_behaviour import Action, assert_same_behaviour
from tests.oracles import available
from tests.shared import SHARED, model_paths, requires_shared

PRINT = """
import sys
from tflite_micro import runtime
runtime.Interpreter.from_file(sys.argv[1], arena_size=32 << 20).print_allocations()
"""

INT8 = np.zeros((1, 1), np.int8)


def sine(module: Any, **arguments: Any) -> Any:
    return module.Interpreter.from_bytes(open_model("sine").content, arena_size=1 << 16, **arguments)


def run(module: Any, value: int) -> list[Any]:
    interpreter = sine(module)
    interpreter.set_input(np.full((1, 1), value, np.int8), 0)
    status = interpreter.invoke()
    result: list[Any] = [status, interpreter.get_output(0).tolist(), interpreter.reset()]
    return result


def preserving(module: Any) -> Any:
    interpreter = sine(module, intrepreter_config=module.InterpreterConfig.kPreserveAllTensors)
    interpreter.set_input(INT8, 0)
    interpreter.invoke()
    return interpreter


ACTIONS: list[Action] = [
    lambda m: m.Interpreter.from_bytes(None),
    lambda m: m.Interpreter.from_file("/there/is/no/such/file"),
    lambda m: m.Interpreter.from_file(None),
    lambda m: sine(m, custom_op_registerers="not a list"),
    lambda m: sine(m, custom_op_registerers=[1]),
    lambda m: m.Interpreter.from_bytes(open_model("sine").content, arena_size=500),
    lambda m: run(m, 0),
    lambda m: run(m, -128),
    lambda m: run(m, 127),
    lambda m: sine(m).set_input(None, 0),
    lambda m: sine(m).set_input(INT8, -1),
    lambda m: sine(m).set_input(INT8, 1),
    lambda m: sine(m).set_input(INT8.astype(np.float32), 0),
    lambda m: sine(m).set_input(np.zeros((1, 2), np.int8), 0),
    lambda m: sine(m).set_input([[1]], 0),
    lambda m: sine(m).get_output(-1),
    lambda m: sine(m).get_output(1),
    lambda m: sine(m).get_output(None),
    lambda m: sine(m).get_input_details(1),
    lambda m: sine(m).get_output_details(None),
    lambda m: sine(m).get_input_details(0),
    lambda m: sine(m).get_output_details(0),
    lambda m: sine(m).GetTensor(3, 0),
    lambda m: preserving(m).GetTensor(3, 0),
    lambda m: preserving(m).GetTensor(9, 0),
]


def test_every_method_returns_and_raises_as_tflm_does() -> None:
    assert_same_behaviour("tflm", micro, ACTIONS, "tflite_micro", "runtime")


@requires_shared
@pytest.mark.parametrize("path", model_paths(), ids=lambda path: path.stem)
def test_prints_the_same_allocations(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = available("tflm")
    if missing is not None:
        pytest.skip(missing)
    native = subprocess.run(
        [sys.executable, "-c", PRINT, str(path)], capture_output=True, text=True, check=False, timeout=120
    )
    if native.returncode:
        pytest.skip(f"TFLM does not prepare this model: {native.stderr.strip().splitlines()[-1]}")
    if path.stem == "movenet_single_pose_lightning_ptq":
        pytest.skip("TFLM refuses its CAST of UINT8 only when it runs; we refuse it when it is prepared")
    micro.Interpreter.from_file(path).print_allocations()
    lines = [line for line in native.stderr.splitlines() if line.startswith("[RecordingMicroAllocator]")]
    assert capsys.readouterr().err.splitlines() == lines


@requires_shared
@pytest.mark.parametrize(
    "name", ["micro-wake-word/vad", "tflite-micro/audio_preprocessor_int8", "coral/keras_lstm_mnist_ptq"]
)
def test_reset_brings_back_the_first_state(name: str) -> None:
    assert SHARED is not None
    interpreter = micro.Interpreter.from_file(SHARED / "models" / f"{name}.tflite")
    detail = interpreter.get_input_details(0)
    limits = np.iinfo(detail["dtype"])
    value = np.random.default_rng(0).integers(limits.min, limits.max, detail["shape"], detail["dtype"])

    def invoke() -> bytes:
        interpreter.set_input(value, 0)
        interpreter.invoke()
        output: np.ndarray[Any, Any] = interpreter.get_output(0)
        return output.tobytes()

    first = [invoke() for _ in range(4)]
    interpreter.reset()
    assert [invoke() for _ in range(4)] == first
