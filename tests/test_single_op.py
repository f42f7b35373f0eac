"""The single-operator models mean what they say, and the judge notices every difference."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.model.ir import TensorType
from microinterp.model.reader import read_model
from tests import single_op
from tests.oracles import available, run_oracle
from tests.single_op import TensorSpec, assert_same_bytes, check_against_oracle, single_op_model

ADD = single_op_model(
    "ADD",
    [
        TensorSpec((2, 3), TensorType.INT8, scale=0.5, zero_point=3),
        TensorSpec((3,), TensorType.INT8, scale=0.5, zero_point=-1, data=[0, 1, 2]),
    ],
    [TensorSpec((2, 3), TensorType.INT8, scale=0.5, zero_point=0)],
    {"fused_activation_function": 1},
)


def test_model_holds_what_was_asked_for() -> None:
    model = read_model(ADD)
    graph = model.subgraphs[0]
    assert graph.inputs == (0,)
    assert graph.outputs == (2,)
    (operator,) = graph.operators
    assert operator.inputs == (0, 1)
    assert model.operator_code(operator).name == "ADD"
    assert operator.options["fused_activation_function"].name == "RELU"
    assert operator.options["pot_scale_int16"] is True  # the schema's default
    constant = model.constant(graph.tensors[1])
    assert constant is not None
    assert constant.tolist() == [0, 1, 2]


def test_native_runtimes_read_it_as_meant() -> None:
    if reason := available("tflite") or available("tflm"):
        pytest.skip(reason)
    x = np.array([[3, 4, 5], [-3, -4, -5]], np.int8)
    # all scales are 0.5: (x − 3) + (constant + 1), and nothing below zero
    expected = [[1, 3, 5], [0, 0, 0]]
    for runtime in ("tflite", "tflm"):
        assert run_oracle(runtime, ADD, [[x]]).outputs[0][0].tolist() == expected


@pytest.mark.parametrize(
    ("element_type", "values", "packed"),
    [
        (TensorType.INT4, [1, -2, -8], [0xE1, 0x08]),
        (TensorType.UINT4, [1, 14, 8], [0xE1, 0x08]),
        (TensorType.INT2, [1, -2, 0, -1, 1], [0b11001001, 0b01]),
    ],
)
def test_narrow_constants_are_packed_low_bits_first(
    element_type: TensorType, values: list[int], packed: list[int]
) -> None:
    buffer = TensorSpec((len(values),), element_type, data=values).buffer()
    assert buffer is not None
    assert buffer.tolist() == packed


def test_native_runtime_unpacks_int4_as_we_pack() -> None:
    if reason := available("tflite"):
        pytest.skip(reason)
    model = single_op_model(
        "DEQUANTIZE",
        [TensorSpec((5,), TensorType.INT4, scale=1.0, zero_point=0, data=[1, -2, 3, -8, 7])],
        [TensorSpec((5,), TensorType.FLOAT32)],
        version=6,
    )
    assert run_oracle("tflite", model, [[]]).outputs[0][0].tolist() == [1, -2, 3, -8, 7]


def test_unknown_options_and_wrong_data_are_mistakes() -> None:
    spec = TensorSpec((2,), TensorType.FLOAT32)
    with pytest.raises(ValueError, match="no options"):
        single_op_model("ADD", [spec, spec], [spec], {"activation": 1})
    with pytest.raises(ValueError, match="3 values"):
        single_op_model("ADD", [spec, TensorSpec((2,), TensorType.FLOAT32, data=[1, 2, 3])], [spec])


def test_judge_notices_differences() -> None:
    a = np.array([[1.0, np.nan], [-0.0, 2.0]], np.float32)
    assert_same_bytes(a.copy(), a, "here")
    b = a.copy()
    b[1, 0] = 0.0
    with pytest.raises(AssertionError, match=r"here: 1 of 4 elements differ, first at \[1, 0\]"):
        assert_same_bytes(b, a, "here")
    with pytest.raises(AssertionError, match="shape"):
        assert_same_bytes(a.ravel(), a, "here")
    with pytest.raises(AssertionError, match="dtype"):
        assert_same_bytes(np.zeros(2, np.int32), np.zeros(2, np.float32), "here")


def test_judge_compares_every_output_of_every_invoke(monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := available("tflite"):
        pytest.skip(reason)
    invokes = [[np.full((2, 3), v, np.int8)] for v in (5, 6)]
    right = run_oracle("tflite", ADD, invokes).outputs
    monkeypatch.setattr(single_op, "run_ours", lambda *_: right)
    assert check_against_oracle(ADD, invokes, "tflite")
    wrong = [[array.copy() for array in outputs] for outputs in right]
    wrong[1][0][1, 2] += 1
    monkeypatch.setattr(single_op, "run_ours", lambda *_: wrong)
    with pytest.raises(AssertionError, match=r"tflite ADD v1\(INT8.*output 0 of invoke 1: 1 of 6"):
        check_against_oracle(ADD, invokes, "tflite")


def test_judge_wants_us_to_refuse_what_is_refused_natively(monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := available("tflite"):
        pytest.skip(reason)
    specs = [TensorSpec((2,), TensorType.FLOAT32), TensorSpec((2,), TensorType.INT32)]
    model = single_op_model("ADD", specs, specs[:1])
    invokes = [[np.zeros(2, np.float32), np.zeros(2, np.int32)]]
    monkeypatch.setattr(single_op, "_allocate", lambda *_: None)
    monkeypatch.setattr(single_op, "_invoke", lambda *_: [])
    with pytest.raises(AssertionError, match="we compute what the native runtime refuses"):
        check_against_oracle(model, invokes, "tflite")
