"""Activations against the native runtimes: what random problems do not meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.errors import MicrointerpError, PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.oracles import RUNTIME_NAMES, OracleCrashed, RuntimeName, available, run_oracle
from tests.problems.activations import OUTPUTS
from tests.problems.softmax import SPECIAL_FLOATS, integers, softmax_output
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

Array = np.ndarray[Any, Any]

TYPES = {
    "tflite": (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16),
    "tflm": (TensorType.FLOAT32, TensorType.INT8, TensorType.INT16),
}
UNARY_CASES = [
    (operator, runtime, type)
    for operator in ("LOGISTIC", "TANH")
    for runtime in RUNTIME_NAMES
    for type in TYPES[runtime]
]
SOFTMAX_CASES = [
    (runtime, type, output_type)
    for runtime in RUNTIME_NAMES
    for type in TYPES[runtime]
    for output_type in {
        TensorType.FLOAT32: [TensorType.FLOAT32],
        TensorType.INT8: [TensorType.INT8, TensorType.INT16],
        TensorType.UINT8: [TensorType.UINT8, TensorType.INT16],
        TensorType.INT16: [TensorType.INT16],
    }[type]
]


@pytest.mark.parametrize(
    "operator",
    ["ELU", "HARD_SWISH", "LOGISTIC", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "SOFTMAX", "TANH"],
)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_special_floats(operator: str, runtime: RuntimeName) -> None:
    special = np.array(SPECIAL_FLOATS, np.float32)
    x = np.concatenate([special, -special])[:, None]
    x = np.concatenate([x, np.zeros_like(x)], axis=1)
    spec = TensorSpec(x.shape, TensorType.FLOAT32)
    model = single_op_model(operator, [spec], [spec], {"beta": 1.0} if operator == "SOFTMAX" else {})
    if runtime == "tflm" and operator in ("RELU_0_TO_1", "RELU_N1_TO_1"):
        assert not check_against_oracle(model, [[x]], runtime)
    else:
        assert check_against_oracle(model, [[x]], runtime)


@pytest.mark.parametrize("approximate", [False, True])
@pytest.mark.parametrize("type", [TensorType.FLOAT32, TensorType.FLOAT16])
def test_gelu_of_many_floats(approximate: bool, type: TensorType) -> None:
    if type is TensorType.FLOAT16:
        x: Array = np.arange(65536).astype(np.uint16).view(np.float16)
    else:
        special = np.array(SPECIAL_FLOATS, np.float32)
        normal = np.random.default_rng(4).normal(0, 4, 300_001).astype(np.float32)
        x = np.concatenate([special, -special, normal])
    for size in (x.size, x.size - 1, 2, 1):  # what does not fill vectors of four is computed otherwise
        spec = TensorSpec((size,), type)
        model = single_op_model("GELU", [spec], [spec], {"approximate": approximate})
        assert check_against_oracle(model, [[x[-size:]]], "tflite")


def test_hard_swish_refuses_a_fine_output_scale() -> None:
    x = np.arange(-128, 128).astype(np.int8)
    for output_scale, accepted in ((0.5 / 128, False), (0.51 / 128, True)):
        specs = [TensorSpec(x.shape, TensorType.INT8, scale, 3) for scale in (0.5, output_scale)]
        model = single_op_model("HARD_SWISH", specs[:1], specs[1:])
        for runtime in RUNTIME_NAMES:
            assert check_against_oracle(model, [[x]], runtime) is accepted


def test_hard_swish_divides_scales_in_the_precision_of_the_runtime() -> None:
    x = np.arange(-128, 128).astype(np.int8)
    specs = [
        TensorSpec(x.shape, TensorType.INT8, scale, 0) for scale in (0.6178172826766968, 0.2961907386779785)
    ]
    model = single_op_model("HARD_SWISH", specs[:1], specs[1:])
    assert all(check_against_oracle(model, [[x]], runtime) for runtime in RUNTIME_NAMES)
    litert, tflm = (run_ours(model, [[x]], runtime)[0][0] for runtime in RUNTIME_NAMES)
    assert (litert != tflm).any()


def test_relu6_of_tflm_only_clips() -> None:
    x, y = (TensorSpec((5,), TensorType.INT8, scale, 0) for scale in (0.1, 0.2))
    model = single_op_model("RELU6", [x], [y])
    given = np.array([-20, 10, 60, 61, 90], np.int8)
    assert check_against_oracle(model, [[given]], "tflm")
    assert run_ours(model, [[given]], "tflm")[0][0].tolist() == [0, 10, 60, 60, 60]
    assert run_ours(model, [[given]], "tflite")[0][0].tolist() == [0, 5, 30, 30, 30]


@pytest.mark.parametrize(
    "scale",
    [
        *(0.0, 2.0**-50, 2.0**-12, 2.0**-11, 2.0**-10, 0.0007, 0.02, 0.1, 30.0, 1e6, 1e30),
        # so far from a power of two that they just count as one, or just do not
        *(2.0**-12 * 1.00069, 2.0**-12 * 1.0007, 2.0**-11 * 0.99931, 2.0**-11 * 0.9993),
    ],
)
@pytest.mark.parametrize(
    ("operator", "runtime", "type"), [c for c in UNARY_CASES if c[2] is not TensorType.FLOAT32]
)
def test_logistic_and_tanh_of_every_integer(
    operator: str, runtime: RuntimeName, type: TensorType, scale: float
) -> None:
    if type is TensorType.INT8 and runtime == "tflm" and scale in (2.0**-50, 1e30):
        return  # shifts beyond what C++ defines, see LEAST_EXPONENT
    limits = np.iinfo(NUMPY_TYPES[type])
    x = np.arange(limits.min, limits.max + 1).astype(limits.dtype)
    output = TensorSpec(x.shape, type, *OUTPUTS[operator, type])
    model = single_op_model(operator, [TensorSpec(x.shape, type, scale, 0)], [output])
    assert check_against_oracle(model, [[x]], runtime)


@pytest.mark.parametrize(
    ("type", "output_scale"),
    [
        (TensorType.INT8, 0.0),
        (TensorType.INT8, 1e-40),
        (TensorType.INT8, np.nan),
        # below 5e-10 LiteRT's uint8 table converts floats beyond int32 to it, which C++ leaves undefined
        (TensorType.UINT8, 1e-9),
        (TensorType.UINT8, np.nan),
    ],
)
def test_tables_of_absurd_outputs(type: TensorType, output_scale: float) -> None:
    x = np.arange(256).astype(NUMPY_TYPES[type])
    output = TensorSpec(x.shape, type, output_scale, 5)
    model = single_op_model("TANH", [TensorSpec(x.shape, type, 0.1, 3)], [output])
    assert check_against_oracle(model, [[x]], "tflite")


@pytest.mark.parametrize(("operator", "type"), OUTPUTS)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(data=st.data())
def test_logistic_and_tanh_refuse_as_native(
    data: st.DataObject, runtime: RuntimeName, operator: str, type: TensorType
) -> None:
    scale, zero_point = OUTPUTS[operator, type]
    output_scale = scale * data.draw(
        st.sampled_from([1.0, 1 + 2.0**-23, 0.9994, 0.9992, 1.0006, 1.0008, 0.5, 2.0])
    )
    output_zero_point = data.draw(st.sampled_from([zero_point, zero_point + 1, 100]))
    input_zero_point = data.draw(st.sampled_from([0, 1]))
    model = single_op_model(
        operator,
        [TensorSpec((2, 3), type, 0.001, input_zero_point)],
        [TensorSpec((2, 3), type, output_scale, output_zero_point)],
    )
    check_against_oracle(model, [[data.draw(integers((2, 3), type))]], runtime)


@pytest.mark.parametrize(("runtime", "type", "output_type"), SOFTMAX_CASES)
def test_softmax_of_a_thousand_classes(
    runtime: RuntimeName, type: TensorType, output_type: TensorType
) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(0, 30, (2, 1001)).clip(-120, 120)
    if type is TensorType.FLOAT32:
        model = single_op_model(
            "SOFTMAX", [TensorSpec(x.shape, type)], [TensorSpec(x.shape, type)], {"beta": 1.0}
        )
    else:
        output = TensorSpec(x.shape, output_type, *softmax_output(type, output_type))
        model = single_op_model("SOFTMAX", [TensorSpec(x.shape, type, 0.07, 0)], [output], {"beta": 1.0})
        x = x + 128 if type is TensorType.UINT8 else x
    assert check_against_oracle(model, [[x.astype(NUMPY_TYPES[type])]], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(("scale", "beta"), [(0.000123, 0.7), (0.00047, 1.3), (2.0**-12, 1.0)])
def test_softmax_of_many_int16(runtime: RuntimeName, scale: float, beta: float) -> None:
    # the runtimes differ from each other in a few of ten thousand elements
    x = np.random.default_rng(5).normal(0, 2 / scale, (8000, 9)).clip(-32768, 32767).astype(np.int16)
    output = TensorSpec(x.shape, TensorType.INT16, *softmax_output(TensorType.INT16, TensorType.INT16))
    model = single_op_model(
        "SOFTMAX", [TensorSpec(x.shape, TensorType.INT16, scale, 0)], [output], {"beta": beta}
    )
    assert check_against_oracle(model, [[x]], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("depth", [511, 512, 4096, 8191])
def test_softmax_of_many_equal_numbers(runtime: RuntimeName, depth: int) -> None:
    # into int8 the runtimes abort where the sum comes to 512 (test_large_sums_abort)
    x = np.full((1, depth), 3, np.int8)
    for type in (TensorType.INT8, TensorType.INT16)[depth >= 512 :]:
        output = TensorSpec(x.shape, type, *softmax_output(TensorType.INT8, type))
        model = single_op_model(
            "SOFTMAX", [TensorSpec(x.shape, TensorType.INT8, 0.1, 0)], [output], {"beta": 1.0}
        )
        assert check_against_oracle(model, [[x]], runtime)


def assert_aborts(model: bytes, x: Array, runtime: RuntimeName) -> None:
    missing = available(runtime)
    if missing is not None:
        pytest.skip(missing)
    with pytest.raises(OracleCrashed, match="signal 6"):
        run_oracle(runtime, model, [[x]])


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(("scale", "beta"), [(1.4e-8, 1.0), (0.1, 0.0), (0.1, -1.0), (0.1, np.nan)])
def test_tiny_scales_abort(runtime: RuntimeName, scale: float, beta: float) -> None:
    x = np.zeros((1, 4), np.int8)
    output = TensorSpec(x.shape, TensorType.INT8, 1 / 256, -128)
    model = single_op_model(
        "SOFTMAX", [TensorSpec(x.shape, TensorType.INT8, scale, 0)], [output], {"beta": beta}
    )
    with pytest.raises(PrepareError, match=r"must be above 2\^-26"):
        run_ours(model, [[x]], runtime)
    assert_aborts(model, x, runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_large_sums_abort(runtime: RuntimeName) -> None:
    x = np.zeros((1, 512), np.int8)
    output = TensorSpec(x.shape, TensorType.INT8, 1 / 256, -128)
    model = single_op_model(
        "SOFTMAX", [TensorSpec(x.shape, TensorType.INT8, 0.1, 0)], [output], {"beta": 1.0}
    )
    assert (run_ours(model, [[x]], runtime)[0][0] == -128).all()
    assert_aborts(model, x, runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("type", [TensorType.INT8, TensorType.UINT8, TensorType.INT16])
@given(data=st.data())
def test_softmax_refuses_as_native(data: st.DataObject, runtime: RuntimeName, type: TensorType) -> None:
    output_type = data.draw(
        st.sampled_from([TensorType.INT8, TensorType.INT16] if type is TensorType.INT8 else [type])
    )
    scale, zero_point = softmax_output(type, output_type)
    output_scale = scale * data.draw(
        st.sampled_from([1.0, 1 + 2.0**-23, 0.9991, 0.9989, 1.0009, 1.0011, 0.5, 2.0])
    )
    output_zero_point = data.draw(st.sampled_from([zero_point, zero_point + 1]))
    input_zero_point = data.draw(st.sampled_from([0, 1]))
    model = single_op_model(
        "SOFTMAX",
        [TensorSpec((2, 3), type, 0.001, input_zero_point)],
        [TensorSpec((2, 3), output_type, output_scale, output_zero_point)],
        {"beta": 1.0},
    )
    check_against_oracle(model, [[data.draw(integers((2, 3), type))]], runtime)


@pytest.mark.parametrize("operator", ["LOGISTIC", "SOFTMAX", "TANH"])
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("type", "output_type"),
    [
        (TensorType.INT32, TensorType.INT32),
        (TensorType.FLOAT32, TensorType.INT32),
        (TensorType.INT16, TensorType.INT8),
        (TensorType.UINT8, TensorType.INT8),
        (TensorType.INT8, TensorType.UINT8),
    ],
)
def test_refuses_other_element_types(
    operator: str, runtime: RuntimeName, type: TensorType, output_type: TensorType
) -> None:
    output = TensorSpec((2, 3), output_type, 1 / 256, -128)
    model = single_op_model(operator, [TensorSpec((2, 3), type, 0.1, 0)], [output])
    with pytest.raises(MicrointerpError):
        run_ours(model, [[np.zeros((2, 3), NUMPY_TYPES[type])]], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("type", [TensorType.FLOAT32, TensorType.INT16])
@pytest.mark.parametrize(
    ("scale", "beta"), [(1e30, 1e30), (0.001, np.nan), (0.001, np.inf), (0.0, 1.0), (1.0, -1.0)]
)
def test_softmax_of_absurd_products(
    runtime: RuntimeName, type: TensorType, scale: float, beta: float
) -> None:
    x = np.array([[-4000, 3, 7000, 7000]], NUMPY_TYPES[type])
    model = single_op_model(
        "SOFTMAX",
        [TensorSpec(x.shape, type, scale, 0)],
        [TensorSpec(x.shape, type, 1 / 32768, 0)],
        {"beta": beta},
    )
    if type is TensorType.INT16 and runtime == "tflm" and scale * beta > 1e39:
        run_ours(
            model, [[x]], runtime
        )  # TFLM multiplies in double and shifts by more than 31, undefined in C++
    else:
        assert check_against_oracle(model, [[x]], runtime)


@pytest.mark.parametrize("operator", ["LOGISTIC", "SOFTMAX", "TANH"])
def test_tensors_without_elements(operator: str) -> None:
    # TFLM takes most of such tensors for dynamic ones
    for shape in ((0,), (2, 0), (0, 3)):
        spec = TensorSpec(shape, TensorType.FLOAT32)
        model = single_op_model(operator, [spec], [spec])
        assert check_against_oracle(model, [[np.zeros(shape, np.float32)]], "tflite")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_softmax_refuses_a_scalar(runtime: RuntimeName) -> None:
    spec = TensorSpec((), TensorType.FLOAT32)
    model = single_op_model("SOFTMAX", [spec], [spec])
    assert not check_against_oracle(model, [[np.zeros((), np.float32)]], runtime)
