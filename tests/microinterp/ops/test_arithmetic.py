"""ADD, SUB, MUL, DIV, FLOOR_DIV, MAXIMUM and MINIMUM: tables, refusals and other corners (see tests/problems)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.errors import InvokeError, MicrointerpError, PrepareError
from microinterp.model.ir import NUMPY_TYPES, Model, Operator, OperatorCode, Subgraph, Tensor, TensorType
from microinterp.model.schema import operator_code
from microinterp.model.writer import write_model
from microinterp.runtimes import RUNTIMES
from tests.draw import Array, Shape, numbers, scales, shapes, zero_points
from tests.oracles import RUNTIME_NAMES, OracleCrashed, RuntimeName
from tests.problems.arithmetic import QUANTIZED, replace_zeros
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

OPERATORS = ("ADD", "SUB", "MUL", "DIV", "FLOOR_DIV", "MAXIMUM", "MINIMUM")
# The Python APIs of both native runtimes neither take nor return bfloat16.
CASES = [
    (operator, runtime, type)
    for operator in OPERATORS
    for runtime in RUNTIME_NAMES
    for type in RUNTIMES[runtime].element_types[operator]
    if type is not TensorType.BFLOAT16
]


def equals_native(problem: tuple[bytes, list[list[Array]]], runtime: RuntimeName) -> bool:
    """Whether the native runtime computes the problem, and we the same; where it refuses or dies, we refuse."""
    try:
        return check_against_oracle(*problem, runtime)
    except OracleCrashed:
        with pytest.raises(MicrointerpError):
            run_ours(*problem, runtime)
        return False


@pytest.mark.parametrize(
    ("operator", "runtime", "type"), [case for case in CASES if case[2] in QUANTIZED[:2]]
)
@pytest.mark.parametrize(
    "shapes", [((64, 70), (64, 70)), ((70, 64), (64,)), ((5, 1, 30), (40, 1)), ((), (5000,))]
)
def test_tables(operator: str, runtime: RuntimeName, type: TensorType, shapes: tuple[Shape, Shape]) -> None:
    """Large 8-bit outputs, which are looked up."""
    rng = np.random.default_rng(len(shapes[0]))
    limits = np.iinfo(NUMPY_TYPES[type])
    x, y = (rng.integers(limits.min, limits.max, s, limits.dtype, endpoint=True) for s in shapes)
    divides = operator in ("DIV", "FLOOR_DIV")
    zero_point = limits.min if operator != "FLOOR_DIV" else 0
    if divides:
        replace_zeros(y, zero_point)
    specs = [
        TensorSpec(shape, type, scale, zero)
        for shape, scale, zero in zip(
            (*shapes, np.broadcast_shapes(*shapes)), (0.03, 0.02, 0.05), (3, zero_point, 100), strict=True
        )
    ]
    problem = single_op_model(operator, specs[:2], specs[2:]), [[x, y]]
    assert equals_native(problem, runtime)


@given(data=st.data(), output=st.sampled_from(QUANTIZED[:2]), shape=shapes(0))
def test_mul_of_int16_to_8_bits(data: st.DataObject, output: TensorType, shape: Shape) -> None:
    spec = TensorSpec(shape, TensorType.INT16, 2.0**-15, 0)
    options = {"fused_activation_function": data.draw(st.integers(0, 3))}
    result = TensorSpec(shape, output, data.draw(scales(-10, 2)), data.draw(zero_points(output)))
    invokes = [[data.draw(numbers(spec.type, shape)) for _ in range(2)]]
    assert equals_native((single_op_model("MUL", [spec, spec], [result], options), invokes), "tflite")


@pytest.mark.parametrize("operator", ["ADD", "SUB"])
@pytest.mark.parametrize(
    ("runtime", "type"),
    [(r, t) for r in RUNTIME_NAMES for t in QUANTIZED if t in RUNTIMES[r].element_types["ADD"]],
)
def test_sums_refuse_fine_scales(operator: str, runtime: RuntimeName, type: TensorType) -> None:
    for scale, finest in ((1.0, 2.0**-22), (0.0, 1.0)):
        spec, output = TensorSpec((2,), type, scale, 0), TensorSpec((2,), type, finest, 0)
        problem = (
            single_op_model(operator, [spec, spec], [output], {"pot_scale_int16": False}),
            [[np.ones(2, NUMPY_TYPES[type])] * 2],
        )
        # LiteRT's SUB computes numbers without a meaning that differ by place: see _choose_quantized_add
        if (operator, runtime, scale) != ("SUB", "tflite", 1.0):
            assert not equals_native(problem, runtime)
        with pytest.raises(PrepareError, match="scale"):
            run_ours(*problem, runtime)


def test_divisions_by_zero() -> None:
    for operator, runtime, type in CASES:
        if operator not in ("DIV", "FLOOR_DIV") or (operator == "DIV" and type is TensorType.FLOAT32):
            continue
        quantized = operator == "DIV" and type in QUANTIZED
        zero = 3 if quantized and type is not TensorType.INT16 else 0
        spec = TensorSpec((9,), type, 0.5 if quantized else None, zero if quantized else None)
        x = np.arange(-4, 5).astype(NUMPY_TYPES[type])
        y = np.full(9, zero, x.dtype)
        for constant in (False, True):
            divisor = TensorSpec((9,), type, spec.scale, spec.zero_point, data=y if constant else None)
            model = single_op_model(operator, [spec, divisor], [spec])
            problem = model, [[x] if constant else [x, y]]
            # TFLM's quantized DIV gives numbers without a meaning, always the same
            if equals_native(problem, runtime):
                assert (operator, runtime) == ("DIV", "tflm")
            else:
                with pytest.raises(InvokeError, match="division by zero"):
                    run_ours(*problem, runtime)


def test_the_least_int32_divided_by_minus_one() -> None:
    spec = TensorSpec((5,), TensorType.INT32)
    x, y = np.full(5, -(2**31), np.int32), np.array([-1, 1, 2, 3, -1], np.int32)
    for operator in ("DIV", "FLOOR_DIV"):
        model = single_op_model(operator, [spec, spec], [spec])
        assert check_against_oracle(model, [[x, y]], "tflite")
    assert not equals_native((single_op_model("DIV", [spec, spec], [spec]), [[x, y]]), "tflm")
    for type in (TensorType.INT8, TensorType.INT16):
        spec = TensorSpec((3,), type)
        x = np.full(3, np.iinfo(NUMPY_TYPES[type]).min, NUMPY_TYPES[type])
        model = single_op_model("FLOOR_DIV", [spec, spec], [spec])
        assert check_against_oracle(model, [[x, np.array([-1, 2, 3], x.dtype)]], "tflite")


@pytest.mark.parametrize("operator", ["MAXIMUM", "MINIMUM"])
@given(data=st.data(), shape=shapes(0))
def test_extremes_of_bfloat16(operator: str, data: st.DataObject, shape: Shape) -> None:
    single, half = TensorType.FLOAT32, TensorType.BFLOAT16
    tensors = tuple(
        Tensor(f"t{i}", type, shape) for i, type in enumerate((single, single, half, half, half, single))
    )
    operators = (
        Operator(0, (0,), (2,)),
        Operator(0, (1,), (3,)),
        Operator(1, (2, 3), (4,)),
        Operator(0, (4,), (5,)),
    )
    codes = tuple(OperatorCode(operator_code(name)) for name in ("CAST", operator))
    model = write_model(Model((Subgraph(tensors, (0, 1), (5,), operators, "main"),), codes, (None,)))
    assert check_against_oracle(model, [[data.draw(numbers(single, shape)) for _ in range(2)]], "tflite")


@pytest.mark.parametrize("operator", OPERATORS)
def test_refuses_element_types(operator: str) -> None:
    readable = (
        *(TensorType.FLOAT32, TensorType.FLOAT16, TensorType.FLOAT64, TensorType.COMPLEX64, TensorType.BOOL),
        *(TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT32, TensorType.UINT32),
        TensorType.INT64,
    )
    for runtime in RUNTIME_NAMES:
        for type in readable:
            if type not in RUNTIMES[runtime].element_types[operator]:
                spec = TensorSpec((3,), type, 0.5, 0)
                values = [np.ones(3, NUMPY_TYPES[type])] * 2
                problem = single_op_model(operator, [spec, spec], [spec]), [values]
                assert not equals_native(problem, runtime)
                with pytest.raises(MicrointerpError, match="element type that is not supported"):
                    run_ours(*problem, runtime)
        mixed = [TensorSpec((3,), TensorType.FLOAT32), TensorSpec((3,), TensorType.INT32)]
        if operator in ("MUL", "DIV", "FLOOR_DIV") or runtime == "tflite":  # the others of TFLM do not look
            values = [np.ones(3, np.float32), np.ones(3, np.int32)]
            assert not equals_native((single_op_model(operator, mixed, mixed[:1]), [values]), runtime)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(
    "shapes",
    [((2,), (3,)), ((2, 3), (3, 1)), ((0,), (2,)), ((2,) * 9, (1,) * 9)],
    ids=str,
)
def test_refuses_shapes(operator: str, shapes: tuple[Shape, Shape]) -> None:
    specs = [TensorSpec(shape, TensorType.FLOAT32) for shape in shapes]
    problem = single_op_model(operator, specs, specs[:1]), [[np.ones(shape, np.float32) for shape in shapes]]
    assert not equals_native(problem, "tflite")
    # TFLM believes the shape of the output in the model, and reads beyond the inputs if it is wrong
    with pytest.raises(PrepareError, match="broadcast"):
        run_ours(*problem, "tflm")


def quantized(type: TensorType, *scales: float | None, zero_point: int = 0) -> list[TensorSpec]:
    """Tensors of two elements with these scales; those with None are not quantized."""
    return [TensorSpec((2,), type, scale, None if scale is None else zero_point) for scale in scales]


RELU, RELU6 = ({"fused_activation_function": code} for code in (1, 3))
INT8, INT16, INT32 = TensorType.INT8, TensorType.INT16, TensorType.INT32
REFUSALS: dict[str, tuple[str, list[TensorSpec], dict[str, Any], set[RuntimeName]]] = {
    "ADD without a scale": ("ADD", quantized(INT8, None, None, None), {}, {"tflite", "tflm"}),
    "SUB without a scale": ("SUB", quantized(INT16, None, None, None), {}, {"tflite", "tflm"}),
    "ADD of plain int16": ("ADD", quantized(INT16, None, None, None), {}, {"tflm"}),
    "ADD of quantized int32": ("ADD", quantized(INT32, 1.0, 1.0, 1.0), {}, {"tflm"}),
    "ADD to quantized int32": ("ADD", quantized(INT32, None, None, 1.0), {}, set()),
    "SUB of quantized int32": ("SUB", quantized(INT32, 1.0, 1.0, 1.0), {}, {"tflm"}),
    "SUB to quantized int32": ("SUB", quantized(INT32, None, None, 1.0), {}, {"tflm"}),
    "DIV of quantized int32": ("DIV", quantized(INT32, 1.0, 1.0, 1.0), {}, {"tflm"}),
    "MUL of quantized int32": ("MUL", quantized(INT32, 1.0, 1.0, 1.0), {}, set()),
    "ADD with a zero point": ("ADD", quantized(INT16, 1.0, 0.3, 1.0, zero_point=1), {}, {"tflite"}),
    "SUB with a zero point": ("SUB", quantized(INT16, 1.0, 0.3, 1.0, zero_point=1), {}, {"tflite"}),
    "MUL with a zero point": ("MUL", quantized(INT16, 1.0, 0.3, 1.0, zero_point=1), {}, {"tflite", "tflm"}),
    "SUB with a zero point out of range": (
        "SUB",
        quantized(INT8, 1.0, 1.0, 1.0, zero_point=200),
        {},
        {"tflite"},
    ),
    "ADD with a zero point out of range": ("ADD", quantized(INT8, 1.0, 1.0, 1.0, zero_point=200), {}, set()),
    "ADD of both finer powers of two": ("ADD", quantized(INT16, 0.5, 0.5, 1.0), {}, {"tflite"}),
    "SUB of a larger power of two": ("SUB", quantized(INT16, 4.0, 1.0, 1.0), {}, {"tflite"}),
    "RELU6 with a tiny scale": ("MUL", quantized(INT8, 1.0, 1.0, 1e-9), RELU6, {"tflite", "tflm"}),
    "RELU with a tiny scale": ("MUL", quantized(INT8, 1.0, 1.0, 1e-9), RELU, set()),
    "RELU without a scale": ("MUL", quantized(INT8, None, None, None), RELU, {"tflite", "tflm"}),
    "MUL without a scale": ("MUL", quantized(INT8, None, None, None), {}, set()),
}


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str, runtime: RuntimeName) -> None:
    operator, specs, options, refuse = REFUSALS[name]
    values = [[np.array([3, 7], NUMPY_TYPES[specs[0].type])] * 2]
    problem = single_op_model(operator, specs[:2], specs[2:], options), values
    assert equals_native(problem, runtime) == (runtime not in refuse)


def test_add_of_plain_int16_to_quantized() -> None:
    """LiteRT shifts by what its memory happens to hold."""
    specs = quantized(INT16, None, None, 1.0)
    model = single_op_model("ADD", specs[:2], specs[2:])
    with pytest.raises(PrepareError, match="quantized in all tensors or in none"):
        run_ours(model, [[np.ones(2, np.int16)] * 2], "tflite")


def test_complex_numbers_have_no_activation() -> None:
    spec = TensorSpec((2,), TensorType.COMPLEX64)
    model = single_op_model("MUL", [spec, spec], [spec], {"fused_activation_function": 1})
    assert not check_against_oracle(model, [[np.ones(2, np.complex64)] * 2], "tflite")


def test_power_of_two_scales_are_not_broadcast() -> None:
    left, right = TensorSpec((3,), INT16, 1.0, 0), TensorSpec((1,), INT16, 1.0, 0)
    values = [[np.ones(3, np.int16), np.ones(1, np.int16)]]
    assert not equals_native((single_op_model("ADD", [left, right], [left]), values), "tflite")
    assert equals_native((single_op_model("SUB", [left, right], [left]), values), "tflite")


@pytest.mark.parametrize("operator", OPERATORS)
def test_both_inputs_constant(operator: str) -> None:
    x = TensorSpec((2, 2), TensorType.FLOAT32, data=np.array([[1, 2], [3, np.nan]]))
    y = TensorSpec((2,), TensorType.FLOAT32, data=np.array([0.3, -4]))
    model = single_op_model(operator, [x, y], [TensorSpec((2, 2), TensorType.FLOAT32)])
    assert check_against_oracle(model, [[], []], "tflite")


@pytest.mark.parametrize("counts", [(1, 1), (3, 1), (2, 0), (2, 2)])
def test_refuses_counts(counts: tuple[int, int]) -> None:
    spec = TensorSpec((2,), TensorType.FLOAT32)
    model = single_op_model("ADD", [spec] * counts[0], [spec] * counts[1])
    with pytest.raises(PrepareError):
        run_ours(model, [[np.ones(2, np.float32)] * counts[0]], "tflite")
