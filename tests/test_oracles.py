"""The judge itself: it must give the native results, say no clearly, and survive native crashes."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.oracles import (
    RUNTIME_NAMES,
    OracleCrashed,
    OracleRefused,
    RuntimeName,
    available,
    run_oracle,
)
from tests.shared import SHARED, model_paths, requires_shared


@pytest.fixture(params=RUNTIME_NAMES)
def runtime(request: pytest.FixtureRequest) -> RuntimeName:
    name: RuntimeName = request.param
    reason = available(name)
    if reason is not None:
        pytest.skip(reason)
    return name


def real_model(name: str) -> bytes:
    (path,) = [path for path in model_paths() if path.name == name]
    return path.read_bytes()


@requires_shared
def test_known_results(runtime: RuntimeName) -> None:
    # hello_world approximates the sine
    model = real_model("hello_world_float.tflite")
    angles = [[np.array([[x]], np.float32)] for x in (0.5, 1.5, 3.0)]
    result = run_oracle(runtime, model, angles)
    sines = [float(outputs[0][0, 0]) for outputs in result.outputs]
    assert sines == pytest.approx([np.sin(0.5), np.sin(1.5), np.sin(3.0)], abs=0.1)
    assert result.tensors == []
    assert len(result.seconds) == 3
    assert all(seconds > 0 for seconds in result.seconds)


@requires_shared
def test_preserved_tensors(runtime: RuntimeName) -> None:
    model = real_model("hello_world_float.tflite")
    angle = np.array([[0.5]], np.float32)
    plain = run_oracle(runtime, model, [[angle]])
    result = run_oracle(runtime, model, [[angle], [angle]], preserve_all_tensors=True)
    # FULLY_CONNECTED three times: the input, two hidden layers of 16, and the output
    for tensors in result.tensors:
        assert sorted(value.shape for value in tensors.values()) == [(1, 1), (1, 1), (1, 16), (1, 16)]
        assert any(value.tobytes() == angle.tobytes() for value in tensors.values())
        assert any(value.tobytes() == plain.outputs[0][0].tobytes() for value in tensors.values())


@requires_shared
def test_crash_is_survived() -> None:
    if reason := available("tflite"):
        pytest.skip(reason)
    model = real_model("keyword_scrambled_8bit.tflite")
    for _ in range(2):
        with pytest.raises(OracleCrashed, match="died of signal"):
            run_oracle("tflite", model, [[np.zeros((1, 96), np.int16)]] * 20)
        good = run_oracle("tflite", real_model("hello_world_float.tflite"), [[np.zeros((1, 1), np.float32)]])
        assert good.outputs[0][0].shape == (1, 1)


@requires_shared
def test_timeout_is_survived(runtime: RuntimeName) -> None:
    model = real_model("hello_world_float.tflite")
    arrays = [np.zeros((1, 1), np.float32)]
    run_oracle(runtime, model, [arrays])
    started = time.perf_counter()
    with pytest.raises(OracleCrashed, match="did not answer within"):
        run_oracle(runtime, model, [arrays] * 1000, timeout=0.0)
    assert time.perf_counter() - started < 5
    # the answer to the run that was given up must not be taken for this one's
    assert len(run_oracle(runtime, model, [arrays] * 2).outputs) == 2


@requires_shared
def test_refusal_names_the_stage_and_the_native_reason() -> None:
    assert SHARED is not None
    if reason := available("tflite") or available("tflm"):
        pytest.skip(reason)
    with pytest.raises(OracleRefused, match="quantized_dimension must be in range") as refused:
        run_oracle("tflite", real_model("person_detect.tflite"), [])
    assert refused.value.stage == "construct"
    with pytest.raises(OracleRefused, match="unresolved custom op: SignalWindow") as refused:
        run_oracle("tflite", real_model("audio_preprocessor_int8.tflite"), [])
    assert refused.value.stage == "prepare"
    with pytest.raises(OracleRefused, match="Hybrid models are not supported") as refused:
        run_oracle("tflm", real_model("kws_ref_model_float32.tflite"), [])
    assert refused.value.stage == "prepare"


@requires_shared
def test_wrong_arrays_are_the_callers_mistake(runtime: RuntimeName) -> None:
    model = real_model("hello_world_float.tflite")
    with pytest.raises(ValueError, match="2 arrays for 1 inputs"):
        run_oracle(runtime, model, [[np.zeros((1, 1), np.float32)] * 2])
    with pytest.raises(ValueError, match="input 0"):
        run_oracle(runtime, model, [[np.zeros((1, 1), np.int8)]])
    with pytest.raises(ValueError, match="input 0"):
        run_oracle(runtime, model, [[np.zeros((1, 2), np.float32)]])
