"""UNIDIRECTIONAL_SEQUENCE_LSTM, LSTM and BIDIRECTIONAL_SEQUENCE_LSTM against the native runtimes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from microinterp import Interpreter
from microinterp.errors import PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import ActivationFunctionType, LSTMKernelType
from tests.oracles import RUNTIME_NAMES, RuntimeName, available, run_oracle
from tests.problems.lstm import Lstm, lstm_model
from tests.single_op import TensorSpec, assert_same_bytes, check_against_oracle, run_ours, single_op_model

FLOAT32, INT8, INT16, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32
PLAIN_FLOAT = Lstm(2, 3, 5, 6, 6, FLOAT32, FLOAT32, seed=0)
PLAIN_INT8 = Lstm(2, 3, 5, 6, 6, INT8, INT8, seed=0)


# Where k > 680 and the batch is multiplied at once, Eigen's order depends on the CPU's cache: not compared.
@pytest.mark.parametrize(("inputs", "cells"), [(680, 9), (3, 130), (260, 64), (1, 1)])
@pytest.mark.parametrize("batch", [1, 2, 4, 9, 16])
@pytest.mark.parametrize("time_major", [False, True])
def test_large_float_in_litert(inputs: int, cells: int, batch: int, time_major: bool) -> None:
    lstm = Lstm(
        batch, 2, inputs, cells, cells, FLOAT32, FLOAT32, seed=1, time_major=time_major, magnitude=0.1
    )
    assert check_against_oracle(lstm.model(), lstm.invokes(2), "tflite")


@pytest.mark.parametrize("lstm", [PLAIN_INT8, replace(PLAIN_INT8, inputs=2000, cells=300, outputs=300)])
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_large_int8(lstm: Lstm, runtime: RuntimeName) -> None:
    assert check_against_oracle(lstm.model(), lstm.invokes(2), runtime)


@pytest.mark.parametrize(
    ("lstm", "runtime"),
    [
        (PLAIN_FLOAT, "tflite"),
        (PLAIN_FLOAT, "tflm"),
        (PLAIN_INT8, "tflm"),
        (replace(PLAIN_FLOAT, weight_type=INT8), "tflite"),
    ],
)
def test_weights_that_are_not_constant(lstm: Lstm, runtime: RuntimeName) -> None:
    inputs, output, intermediates = lstm.tensors()
    values = []
    for i in (2, 5, 13):
        tensor = inputs[i]
        assert tensor is not None
        values.append(np.asarray(tensor.data))
        inputs[i] = replace(tensor, data=None)
    model = lstm_model(lstm, inputs, output, intermediates)
    invokes = [[x, *values] for [x] in lstm.invokes(3)]
    invokes[1][1] = values[0][::-1].copy()
    assert check_against_oracle(model, invokes, runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_reset_sets_the_states_back(runtime: RuntimeName) -> None:
    if available(runtime) is not None:
        pytest.skip("no native runtime to compare with")
    lstm = replace(PLAIN_INT8, seed=3)
    [first, second] = lstm.invokes(2)
    model = lstm.model()
    expected = run_oracle(runtime, model, [second]).outputs[0][0]
    interpreter = Interpreter(model_content=model, runtime=runtime)
    interpreter.allocate_tensors()
    for x in (first, second):
        interpreter.reset_all_variables()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[0])
        interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert_same_bytes(output, expected, f"after a reset in {runtime}")


Change = Callable[[list[TensorSpec | None]], None]


def without(i: int) -> Change:
    def change(inputs: list[TensorSpec | None]) -> None:
        inputs[i] = None

    return change


def changed(i: int, **fields: Any) -> Change:
    def change(inputs: list[TensorSpec | None]) -> None:
        tensor = inputs[i]
        assert tensor is not None
        if "shape" in fields and tensor.data is not None:
            fields["data"] = np.resize(np.asarray(tensor.data), fields["shape"])
        inputs[i] = replace(tensor, **fields)

    return change


REFUSED: dict[str, tuple[Lstm, Change, tuple[RuntimeName, ...]]] = {
    "half_an_input_gate": (PLAIN_FLOAT, without(1), RUNTIME_NAMES),
    "no_forget_gate": (PLAIN_FLOAT, without(2), ("tflite",)),
    "no_cell_gate": (PLAIN_FLOAT, without(3), RUNTIME_NAMES),
    "no_bias": (PLAIN_FLOAT, without(14), RUNTIME_NAMES),
    "input_weights": (PLAIN_FLOAT, changed(3, shape=(6, 4)), RUNTIME_NAMES),
    "cell_state_is_constant": (PLAIN_FLOAT, changed(19, is_variable=False), RUNTIME_NAMES),
    "output_state_is_constant": (PLAIN_FLOAT, changed(18, is_variable=False), RUNTIME_NAMES),
    "size_of_the_state": (PLAIN_FLOAT, changed(18, shape=(2, 5)), RUNTIME_NAMES),
    "bias_shape": (PLAIN_FLOAT, changed(14, shape=(5,)), RUNTIME_NAMES),
    "bias_type": (PLAIN_FLOAT, changed(14, type=INT32), ("tflite",)),
    "some_peepholes": (replace(PLAIN_FLOAT, peepholes=True), without(10), RUNTIME_NAMES),
    "bias_without_projection": (
        replace(PLAIN_FLOAT, projection=True, projection_bias=True),
        without(16),
        RUNTIME_NAMES,
    ),
    "some_normalization": (replace(PLAIN_FLOAT, normalized=True), without(22), RUNTIME_NAMES),
    "coupled_in_tflm": (replace(PLAIN_FLOAT, coupled=True), without(9), ("tflm",)),
    "projection_in_tflm": (replace(PLAIN_FLOAT, projection=True), without(9), ("tflm",)),
    "peepholes_in_tflm": (replace(PLAIN_FLOAT, peepholes=True), without(17), ("tflm",)),
    "normalized_in_tflm": (replace(PLAIN_FLOAT, normalized=True), without(17), ("tflm",)),
    "int16_in_litert": (replace(PLAIN_INT8, type=INT16), without(17), ("tflite",)),
    "cells_of_int8": (PLAIN_INT8, changed(19, type=INT8), ("tflm",)),
    "diagonal_of_int8": (PLAIN_INT8, changed(7, shape=(6,)), RUNTIME_NAMES),
    "negative_clip": (replace(PLAIN_FLOAT, cell_clip=-1.0), without(17), ("tflite",)),
}


@pytest.mark.parametrize(
    ("case", "runtime"),
    [(name, runtime) for name, (_, _, runtimes) in REFUSED.items() for runtime in runtimes],
)
def test_refuses_what_the_native_runtime_refuses(case: str, runtime: RuntimeName) -> None:
    lstm, change, _ = REFUSED[case]
    inputs, output, intermediates = lstm.tensors()
    change(inputs)
    assert not check_against_oracle(lstm_model(lstm, inputs, output, intermediates), lstm.invokes(1), runtime)


# Where the native runtimes crash, or compute from memory that they do not own or have not set.
NONSENSE: dict[str, tuple[Lstm, Change, RuntimeName]] = {
    "no_forget_gate": (PLAIN_FLOAT, without(2), "tflm"),
    "no_forget_bias": (PLAIN_FLOAT, without(13), "tflm"),
    "no_activation": (replace(PLAIN_FLOAT, activation=ActivationFunctionType.NONE), without(17), "tflite"),
    "hybrid_in_tflm": (replace(PLAIN_FLOAT, weight_type=INT8), without(17), "tflm"),
    "cell_scale": (PLAIN_INT8, changed(19, scale=0.0003), "tflite"),
    "large_cell_scale": (PLAIN_INT8, changed(19, scale=0.25), "tflite"),
    "no_scale": (PLAIN_INT8, changed(2, scale=None, zero_point=None), "tflm"),
    "rank_of_the_input": (PLAIN_FLOAT, changed(0, shape=(2, 5)), "tflite"),
    "uint8_bias": (PLAIN_INT8, changed(12, type=TensorType.UINT8), "tflm"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_refuses_nonsense(case: str) -> None:
    lstm, change, runtime = NONSENSE[case]
    inputs, output, intermediates = lstm.tensors()
    change(inputs)
    with pytest.raises(PrepareError):
        run_ours(lstm_model(lstm, inputs, output, intermediates), [], runtime)


def test_needs_20_or_24_inputs() -> None:
    inputs, output, intermediates = PLAIN_FLOAT.tensors()
    assert check_against_oracle(
        lstm_model(PLAIN_FLOAT, inputs[:20], output, intermediates), PLAIN_FLOAT.invokes(2), "tflite"
    )
    for n in (19, 21, 23):
        model = lstm_model(PLAIN_FLOAT, inputs[:n], output, intermediates)
        assert not check_against_oracle(model, PLAIN_FLOAT.invokes(1), "tflite")
    for n in (19, 20, 23):
        model = lstm_model(PLAIN_FLOAT, inputs[:n], output, intermediates)
        assert not check_against_oracle(model, PLAIN_FLOAT.invokes(1), "tflm")


STEP = replace(PLAIN_FLOAT, operator="LSTM", time=1)
INT8_STEP = replace(PLAIN_INT8, operator="LSTM", time=1)
STEPS_REFUSED: dict[str, tuple[Lstm, Change]] = {
    "half_an_input_gate": (STEP, without(1)),
    "no_bias": (STEP, without(14)),
    "input_weights": (STEP, changed(3, shape=(6, 4))),
    "diagonal": (STEP, changed(7, shape=(6,))),
    "cell_state_is_constant": (STEP, changed(19, is_variable=False)),
    "size_of_the_state": (STEP, changed(18, shape=(2, 5))),
    "int8_normalization": (replace(INT8_STEP, normalized=True), changed(21, type=INT8)),
    "input_gate_peephole_of_a_coupled_gate": (
        replace(STEP, coupled=True),
        lambda inputs: inputs.__setitem__(9, TensorSpec((6,), FLOAT32, data=np.ones(6))),
    ),
}


@pytest.mark.parametrize("case", STEPS_REFUSED)
def test_lstm_refuses_what_the_native_runtime_refuses(case: str) -> None:
    lstm, change = STEPS_REFUSED[case]
    inputs, output, intermediates = lstm.tensors()
    change(inputs)
    model = lstm_model(lstm, inputs, output, intermediates)
    assert not check_against_oracle(model, lstm.invokes(1), "tflite")


def test_lstm_has_as_many_intermediates_as_its_kernels_need() -> None:
    inputs, output, intermediates = INT8_STEP.tensors()
    for count in (0, 4, 6, 11):
        model = lstm_model(INT8_STEP, inputs, output, (intermediates * 3)[:count])
        assert not check_against_oracle(model, INT8_STEP.invokes(1), "tflite")
    with pytest.raises(PrepareError):  # of 12 LiteRT dies: the layer has no normalization
        run_ours(lstm_model(INT8_STEP, inputs, output, (intermediates * 3)[:12]), [], "tflite")


def test_projection_is_clipped_by_the_scale_of_the_output() -> None:
    for operator in ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"):
        lstm = replace(PLAIN_INT8, operator=operator, time=1, projection=True, projection_clip=0.1)
        inputs, output, intermediates = lstm.tensors()
        output = replace(output, scale=0.05)
        assert check_against_oracle(
            lstm_model(lstm, inputs, output, intermediates), lstm.invokes(2), "tflite"
        )


@pytest.mark.parametrize("kind", ["types", "cell_scale", "weights", "state"])
def test_basic_lstm_refuses_what_litert_refuses(kind: str) -> None:
    cells = 3
    shapes = {"x": (2, 4), "h": (2, cells), "w": (4 * cells, 4 + cells), "b": (4 * cells,), "c": (2, cells)}
    if kind == "weights":
        shapes["w"] = (4 * cells, 4)
    if kind == "state":
        shapes["c"] = (2, cells + 1)
    uint8, int16 = TensorType.UINT8, TensorType.INT16
    state_type = FLOAT32 if kind == "types" else int16
    cell_scale = 2.0**-12 if kind == "cell_scale" else 2.0**-11

    def zeros(name: str, dtype: TensorType, scale: float) -> TensorSpec:
        return TensorSpec(shapes[name], dtype, scale, 0, data=np.zeros(shapes[name], NUMPY_TYPES[dtype]))

    inputs = [
        TensorSpec(shapes["x"], uint8, 1 / 128, 128),
        TensorSpec(shapes["h"], uint8, 1 / 128, 128),
        zeros("w", uint8, 0.01),
        zeros("b", INT32, 0.001),
        TensorSpec(shapes["c"], state_type, cell_scale, 0),
    ]
    outputs = [
        TensorSpec((2, cells), uint8, 1 / 128, 128),
        TensorSpec((2, cells), int16, cell_scale, 0),
        TensorSpec((2, 4 + cells), uint8, 1 / 128, 128),
        TensorSpec((2, 4 * cells), int16, 2.0**-12, 0),
    ]
    model = single_op_model("LSTM", inputs, outputs, {"kernel_type": LSTMKernelType.BASIC})
    arrays = [np.zeros(inputs[i].shape, NUMPY_TYPES[inputs[i].type]) for i in (0, 1, 4)]
    assert not check_against_oracle(model, [arrays], "tflite")


def bidirectional_tensors() -> list[TensorSpec | None]:
    """Those of BIDIRECTIONAL_SEQUENCE_LSTM with two equal layers."""
    inputs, _, _ = PLAIN_FLOAT.tensors()
    return [*inputs[:18], *inputs[1:18], *inputs[18:20], *inputs[18:20], *[None] * 9]


def auxiliary_weights(inputs: list[TensorSpec | None]) -> None:
    for i in range(40, 48):
        inputs[i] = TensorSpec((6, 5), FLOAT32, data=np.ones((6, 5), np.float32))


BIDIRECTIONAL_REFUSED: dict[str, Change] = {
    "backward_cells": changed(32, shape=(5,)),
    "backward_weights": changed(21, type=INT8, scale=0.1, zero_point=0),
    "half_a_forward_input_gate": without(1),
    "forward_state_is_constant": changed(35, is_variable=False),
    "backward_state_is_constant": changed(38, is_variable=False),
    "auxiliary_weights_without_an_input": auxiliary_weights,
    "size_of_the_auxiliary_input": lambda inputs: inputs.__setitem__(39, TensorSpec((2, 3, 4), FLOAT32)),
}


@pytest.mark.parametrize("case", [None, *BIDIRECTIONAL_REFUSED])
def test_bidirectional_refuses_what_litert_refuses(case: str | None) -> None:
    inputs = bidirectional_tensors()
    if case is not None:
        BIDIRECTIONAL_REFUSED[case](inputs)
    outputs = [TensorSpec((2, 3, 6), FLOAT32)] * 2
    options = {"fused_activation_function": ActivationFunctionType.TANH, "time_major": False}
    model = single_op_model("BIDIRECTIONAL_SEQUENCE_LSTM", inputs, outputs, options)
    arrays = [np.zeros(t.shape, np.float32) for t in inputs if t and t.data is None and not t.is_variable]
    assert check_against_oracle(model, [arrays], "tflite") == (case is None)
