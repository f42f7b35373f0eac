"""Operators of two or more tensors besides arithmetic: tables, refusals and corners (see tests/problems/binary.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.errors import InvokeError, PrepareError
from microinterp.model.ir import NUMPY_TYPES, Model, Operator, OperatorCode, Subgraph, Tensor, TensorType
from microinterp.model.schema import operator_code
from microinterp.model.writer import write_model
from microinterp.runtimes import RUNTIMES
from tests.draw import Shape, numbers, shapes
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

BOOL, FLOAT32, STRING = TensorType.BOOL, TensorType.FLOAT32, TensorType.STRING
INT8, UINT8, INT16, INT32 = TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT32
COMPARISONS = {
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
}
LOGIC = ("LOGICAL_AND", "LOGICAL_OR")
BROADCAST = (
    *(*COMPARISONS, *LOGIC, "BITWISE_XOR", "FLOOR_MOD", "POW", "PRELU", "RIGHT_SHIFT", "SQUARED_DIFFERENCE"),
)
STABLEHLO = tuple(f"STABLEHLO_{n}" for n in ("ADD", "AND", "MAXIMUM", "MINIMUM", "MULTIPLY", "SHIFT_LEFT"))
OF_ONE_SHAPE = (*STABLEHLO, "ADD_N", "ATAN2")


def accepted_type(operator: str, runtime: RuntimeName) -> TensorType:
    """An element type that the operator computes with without quantization."""
    types = RUNTIMES[runtime].element_types[operator]
    return next(type for type in (FLOAT32, INT32, BOOL) if type in types)


def two_operands(
    operator: str, types: tuple[TensorType, TensorType], operands: tuple[Shape, Shape]
) -> tuple[bytes, list[list[Any]]]:
    """A model with two inputs of ones."""
    inputs = [TensorSpec(shape, type) for shape, type in zip(operands, types, strict=True)]
    output = TensorSpec(operands[0], BOOL if operator in COMPARISONS else types[0])
    values = [
        np.full(shape, b"a", object) if type is STRING else np.ones(shape, NUMPY_TYPES[type])
        for shape, type in zip(operands, types, strict=True)
    ]
    return single_op_model(operator, inputs, [output]), [values]


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("operator", [*BROADCAST, *OF_ONE_SHAPE, "LEAKY_RELU", "SELECT", "SELECT_V2"])
def test_refuses_element_types(operator: str, runtime: RuntimeName) -> None:
    """What native refuses we refuse, at the same stage."""
    readable = {FLOAT32, INT8, INT16, INT32, TensorType.INT64, TensorType.FLOAT64, TensorType.COMPLEX64}
    if runtime == "tflite":
        readable |= {STRING, TensorType.UINT16}
    supported = RUNTIMES[runtime].element_types.get(operator, ())
    # TFLM's logic takes all for booleans, byte by byte
    for type in readable - set(supported) if runtime == "tflite" or operator not in LOGIC else ():
        model, invokes = two_operands(operator, (type, type), ((3,), (3,)))
        if operator == "LEAKY_RELU":
            spec = TensorSpec((3,), type)
            model, invokes = single_op_model(operator, [spec], [spec]), [invokes[0][:1]]
        if operator in ("SELECT", "SELECT_V2"):
            spec = TensorSpec((3,), type)
            model = single_op_model(operator, [TensorSpec((3,), BOOL), spec, spec], [spec])
            invokes = [[np.ones(3, np.bool_), *invokes[0]]]
        assert not check_against_oracle(model, invokes, runtime), type


@pytest.mark.parametrize("operator", [*BROADCAST, *OF_ONE_SHAPE])
def test_refuses_mixed_element_types(operator: str) -> None:
    type = accepted_type(operator, "tflite")
    other = FLOAT32 if type is not FLOAT32 else INT32
    model, invokes = two_operands(operator, (type, other), ((3,), (3,)))
    with pytest.raises(PrepareError, match="must have the element type"):
        run_ours(model, invokes, "tflite")
    if operator != "PRELU":  # which takes the slopes for what it wants
        assert not check_against_oracle(model, invokes, "tflite")


@pytest.mark.parametrize(
    "operands", [((2,), (3,)), ((2, 3), (3, 1)), ((0,), (2,)), ((2,) * 9, (1,) * 9)], ids=str
)
@pytest.mark.parametrize("operator", BROADCAST)
def test_refuses_shapes(operator: str, operands: tuple[Shape, Shape]) -> None:
    model, invokes = two_operands(operator, (accepted_type(operator, "tflite"),) * 2, operands)
    with pytest.raises(PrepareError, match="broadcast"):
        run_ours(model, invokes, "tflite")
    if len(operands[0]) < 9:  # which LiteRT dies of
        assert not check_against_oracle(model, invokes, "tflite")


@pytest.mark.parametrize("operator", OF_ONE_SHAPE)
def test_refuses_broadcasts(operator: str) -> None:
    model, invokes = two_operands(operator, (accepted_type(operator, "tflite"),) * 2, ((2, 3), (1, 3)))
    with pytest.raises(PrepareError, match="shape"):
        run_ours(model, invokes, "tflite")
    if operator not in ("ATAN2", "STABLEHLO_SHIFT_LEFT"):  # docs/native-bugs.md
        assert not check_against_oracle(model, invokes, "tflite")


@pytest.mark.parametrize("operator", ["SELECT", "SELECT_V2"])
@pytest.mark.parametrize(
    "operands",
    [
        ((2,), (3,), (3,)),
        ((3,), (2, 3), (2, 3)),
        ((2, 3), (2, 3), (3,)),
        ((2,), (1,), (0,)),
        ((1,), (2,), (2,)),
    ],
    ids=str,
)
def test_select_of_shapes(operator: str, operands: tuple[Shape, ...]) -> None:
    """Some are accepted by one of them, and some by none."""
    specs = [TensorSpec(shape, FLOAT32 if i else BOOL) for i, shape in enumerate(operands)]
    arrays = [np.arange(np.prod(shape)).reshape(shape) for shape in operands]
    invokes = [[a.astype(NUMPY_TYPES[s.type]) for a, s in zip(arrays, specs, strict=True)]]
    fits = {
        "SELECT": set(),
        "SELECT_V2": {((3,), (2, 3), (2, 3)), ((2, 3), (2, 3), (3,)), ((1,), (2,), (2,))},
    }
    model = single_op_model(operator, specs, [TensorSpec(operands[1], FLOAT32)])
    assert check_against_oracle(model, invokes, "tflite") == (operands in fits[operator])


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_refuses_counts(runtime: RuntimeName) -> None:
    spec = TensorSpec((2,), FLOAT32)
    for operator, count in (("ADD_N", 1), ("LEAKY_RELU", 2), ("SELECT_V2", 2), ("SQUARED_DIFFERENCE", 3)):
        model = single_op_model(operator, [spec] * count, [spec])
        assert not check_against_oracle(model, [[np.ones(2, np.float32)] * count], runtime)


REFUSED_QUANTIZATION: dict[str, tuple[str, RuntimeName, TensorType, list[tuple[float, int]]]] = {
    "ADD_N of different scales": ("ADD_N", "tflm", INT8, [(0.5, 0), (0.25, 0), (1, 0)]),
    "ADD_N of different zero points": ("ADD_N", "tflm", INT8, [(0.5, 0), (0.5, 1), (1, 0)]),
    "SQUARED_DIFFERENCE with a zero point": ("SQUARED_DIFFERENCE", "tflm", INT16, [(1, 1), (1, 0), (1, 0)]),
    "SQUARED_DIFFERENCE with a zero point out of range": (
        *("SQUARED_DIFFERENCE", "tflite", INT8),
        [(1, 0), (1, 200), (1, 0)],
    ),
    "LEAKY_RELU with a zero point": ("LEAKY_RELU", "tflite", INT16, [(1, 1), (1, 0)]),
}


@pytest.mark.parametrize("name", REFUSED_QUANTIZATION)
def test_refuses_quantization(name: str) -> None:
    operator, runtime, type, quantization = REFUSED_QUANTIZATION[name]
    *inputs, output = (TensorSpec((2,), type, scale, zero) for scale, zero in quantization)
    invokes = [[np.ones(2, NUMPY_TYPES[type]) for _ in inputs]]
    assert not check_against_oracle(single_op_model(operator, inputs, [output]), invokes, runtime)


def test_refuses_values() -> None:
    cases = [("FLOOR_MOD", INT32, 0), ("FLOOR_MOD", INT8, 0), ("POW", INT32, -1), ("POW", INT32, -(2**31))]
    for operator, type, value in cases:
        spec = TensorSpec((2,), type)
        x = np.array([3, 7], NUMPY_TYPES[type])
        invokes = [[x, np.array([1, value], x.dtype)]]
        model = single_op_model(operator, [spec, spec], [spec])
        assert not check_against_oracle(model, invokes, "tflite")
        with pytest.raises(InvokeError):
            run_ours(model, invokes, "tflite")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("operator", [*COMPARISONS, "PRELU", "SQUARED_DIFFERENCE"])
def test_tables(operator: str, runtime: RuntimeName) -> None:
    """Large 8-bit outputs, which are looked up."""
    rng = np.random.default_rng(len(operator))
    for type in {INT8, UINT8} & set(RUNTIMES[runtime].element_types[operator]):
        limits = np.iinfo(NUMPY_TYPES[type])
        x, y = (
            rng.integers(limits.min, limits.max, s, limits.dtype, endpoint=True) for s in ((50, 70), (70,))
        )
        specs = [TensorSpec(a.shape, type, scale, 3) for a, scale in ((x, 0.03), (y, 0.02))]
        output = TensorSpec(x.shape, type, 0.05, 100)
        if operator in COMPARISONS:
            output = TensorSpec(x.shape, BOOL)
        assert check_against_oracle(single_op_model(operator, specs, [output]), [[x, y]], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("operator", COMPARISONS)
@pytest.mark.parametrize("scales", [(1.0, 1.0), (2.0, 0.5), (1.5, 300.0)])
def test_compares_large_scales(operator: str, runtime: RuntimeName, scales: tuple[float, float]) -> None:
    """Which the native runtimes do not (docs/native-bugs.md)."""
    x, y = np.array([1, 2, 3, -4], np.int8), np.array([4, 8, 1, -128], np.int8)
    specs = [TensorSpec((4,), INT8, scale, 0) for scale in scales]
    model = single_op_model(operator, specs, [TensorSpec((4,), BOOL)])
    expected = COMPARISONS[operator](x * scales[0], y * scales[1])
    assert run_ours(model, [[x, y]], runtime)[0][0].tolist() == expected.tolist()


def test_what_the_native_runtimes_get_wrong() -> None:
    """See docs/native-bugs.md."""

    def run(operator: str, runtime: RuntimeName, spec: TensorSpec, output: TensorSpec, *values: Any) -> Any:
        arrays = [np.array(v, NUMPY_TYPES[spec.type]) for v in values]
        return run_ours(single_op_model(operator, [spec] * 2, [output]), [arrays], runtime)[0][0].tolist()

    booleans = TensorSpec((2,), BOOL)
    plain, scaled = TensorSpec((2,), INT16), TensorSpec((2,), INT16, 0.5, 0)
    assert run("NOT_EQUAL", "tflite", plain, booleans, [1, 2], [4, 2]) == [True, False]
    assert run("GREATER", "tflm", scaled, booleans, [4, 2], [1, 3]) == [True, False]
    for type, least in ((INT32, -(2**31)), (TensorType.INT64, -(2**63))):
        spec = TensorSpec((2,), type)
        assert run("FLOOR_MOD", "tflite", spec, spec, [least, 5], [-1, -3]) == [0, -1]
    spec = TensorSpec((4,), INT32)
    assert run("STABLEHLO_SHIFT_LEFT", "tflite", spec, spec, [3] * 4, [32, -1, 31, 1]) == [0, 0, -(2**31), 6]
    spec, fine = TensorSpec((2,), INT8, 1.0, 0), TensorSpec((2,), INT8, 1e-6, 0)
    assert run("ADD_N", "tflm", spec, fine, [1, -2], [2, 2]) == [127, 0]
    assert run("SQUARED_DIFFERENCE", "tflite", spec, fine, [1, 2], [2, 2]) == [127, 0]
    deep = TensorSpec((1, 1, 2, 1, 1), FLOAT32)
    slopes = np.full(deep.shape, 2)
    assert np.ravel(run("PRELU", "tflm", deep, deep, slopes - 3, slopes)).tolist() == [-2, -2]


@pytest.mark.parametrize("operator", ["LESS", "GREATER", "ATAN2", "SELECT_V2"])
@given(data=st.data(), shape=shapes(0))
def test_bfloat16(operator: str, data: st.DataObject, shape: Shape) -> None:
    """LiteRT's Python API has no bfloat16: CASTs bring the operands to it, and the result back."""
    half = TensorType.BFLOAT16
    made = BOOL if operator in ("LESS", "GREATER") else half
    types = (FLOAT32, FLOAT32, half, half, made, FLOAT32, BOOL)
    tensors = tuple(Tensor(f"t{i}", type, shape) for i, type in enumerate(types))
    selects = operator == "SELECT_V2"
    operators = (
        Operator(0, (0,), (2,)),
        Operator(0, (1,), (3,)),
        Operator(1, (6, 2, 3) if selects else (2, 3), (4,)),
        Operator(0, (4,), (5,)),
    )
    codes = tuple(OperatorCode(operator_code(name)) for name in ("CAST", operator))
    inputs = (0, 1, 6) if selects else (0, 1)
    model = write_model(Model((Subgraph(tensors, inputs, (5,), operators, "main"),), codes, (None,)))
    values = [data.draw(numbers(types[i], shape)) for i in inputs]
    assert check_against_oracle(model, [values], "tflite")


def test_strings() -> None:
    spec = TensorSpec((2, 2), STRING)
    x = np.array([[b"a", b"a\x00"], [b"", b"ab"]], object)
    for operator in ("EQUAL", "NOT_EQUAL"):
        model = single_op_model(operator, [spec, TensorSpec((2,), STRING)], [TensorSpec((2, 2), BOOL)])
        assert check_against_oracle(model, [[x, np.array([b"a", b"ab"], object)]], "tflite")


def test_powers_of_one_exponent() -> None:
    """LiteRT multiplies: integers wrap, floats are clamped, and exponents only need to be nearly whole."""
    x = np.array([[-3.5, 1e30, np.inf], [0.1, -0.0, np.nan]], np.float32)
    specs = [TensorSpec((2, 3), FLOAT32), TensorSpec((1,), FLOAT32)]
    model = single_op_model("POW", specs, specs[:1])
    exponents = (1, 2, 3, 7, 2.000005, 2.0001, 0, -2, 0.5, 3e9, np.inf, np.nan)
    assert check_against_oracle(model, [[x, np.array([e], np.float32)] for e in exponents], "tflite")
    specs = [TensorSpec((3,), INT32), TensorSpec((), INT32)]
    model = single_op_model("POW", specs, specs[:1])
    numbers = np.array([7, -2, 65536], np.int32)
    assert check_against_oracle(
        model, [[numbers, np.array(e, np.int32)] for e in (0, 1, 2, 31, 33)], "tflite"
    )
    assert not check_against_oracle(model, [[numbers, np.array(-(2**31), np.int32)]], "tflite")
