"""What operators of one tensor refuse, and peculiar numbers; tests/problems/unary.py has the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from microinterp import Interpreter
from microinterp.errors import InvokeError, PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

# Where a function of floats changes its formula, or its result its kind.
EDGES = [
    *(0.0, 1e-45, 1.1754944e-38, 2.0**-12, 0.24999999, 0.5, 0.49999997, 0.75, 0.99999994, 1.5, 2.5, 3.5),
    *(8388607.5, 8388609.0, 17.278742, 119.99999, 120.0, 88.72283, 88.72284, 103.97208, 104.0),
    *(2.0**31, 2.0**64, 3.4028235e38, np.inf, np.nan),
]


@pytest.mark.parametrize(
    "operator",
    ["ABS", "CEIL", "COS", "EXP", "FLOOR", "LOG", "NEG", "ROUND", "RSQRT", "SIN", "SQRT", "SQUARE"],
)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_edges(operator: str, runtime: RuntimeName) -> None:
    x = np.array(EDGES, np.float32)
    x = np.concatenate([x, -x, np.nextafter(x, np.float32(0)), np.arange(-130, 130, 0.37).astype(np.float32)])
    spec = TensorSpec(x.shape, TensorType.FLOAT32)
    assert check_against_oracle(single_op_model(operator, [spec], [spec]), [[x]], runtime)


@pytest.mark.parametrize("operator", ["COS", "FLOOR", "NEG", "ROUND", "SIN"])
def test_every_float16(operator: str) -> None:
    x = np.arange(65536, dtype=np.uint16).view(np.float16)
    spec = TensorSpec(x.shape, TensorType.FLOAT16)
    assert check_against_oracle(single_op_model(operator, [spec], [spec]), [[x]], "tflite")


@pytest.mark.parametrize("operator", ["SQRT", "RSQRT"])
def test_roots_refuse_negative_numbers(operator: str) -> None:
    spec = TensorSpec((3,), TensorType.INT8, 0.5, 2)
    model = single_op_model(operator, [spec], [spec])
    x = np.array([1, 2, 3], np.int8)
    assert not check_against_oracle(model, [[x]], "tflite")
    with pytest.raises(InvokeError, match="square root of a negative number"):
        run_ours(model, [[x]], "tflite")


def refuses(operator: str, specs: Sequence[TensorSpec], runtime: RuntimeName) -> None:
    x = np.full(specs[0].shape, 5, NUMPY_TYPES[specs[0].type])
    assert not check_against_oracle(single_op_model(operator, specs[:1], specs[1:]), [[x]], runtime)


@pytest.mark.parametrize(
    ("type", "scale", "zero_point"),
    [
        (TensorType.INT8, None, None),
        (TensorType.INT16, 0.5, 3),
        (TensorType.UINT8, 0.5, 0),
        (TensorType.INT64, None, None),
    ],
)
@pytest.mark.parametrize("operator", ["ABS", "LOG", "RSQRT", "SQRT"])
def test_refuses_quantization(
    operator: str, type: TensorType, scale: float | None, zero_point: int | None
) -> None:
    spec = TensorSpec((3,), type, scale, zero_point)
    refuses(operator, [spec, spec], "tflite")
    with pytest.raises(PrepareError):
        run_ours(single_op_model(operator, [spec], [spec]), [[np.full(3, 5, NUMPY_TYPES[type])]], "tflite")


@pytest.mark.parametrize(
    "operator",
    [
        *("ABS", "CEIL", "COS", "EXP", "FLOOR", "LOG", "LOGICAL_NOT", "NEG", "ROUND", "RSQRT", "SIN", "SQRT"),
        *("SQUARE", "ZEROS_LIKE"),
    ],
)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_refuses_element_types(operator: str, runtime: RuntimeName) -> None:
    spec = TensorSpec((3,), TensorType.UINT8, 0.5, 3)
    refuses(operator, [spec, spec], runtime)


@pytest.mark.parametrize("operator", ["CEIL", "EXP", "ROUND"])
def test_tflm_refuses_another_shape(operator: str) -> None:
    refuses(operator, [TensorSpec(shape, TensorType.FLOAT32) for shape in ((3, 1), (3,))], "tflm")


@pytest.mark.parametrize(
    ("type", "output"), [(TensorType.FLOAT32, TensorType.FLOAT32), (TensorType.COMPLEX64, TensorType.FLOAT64)]
)
@pytest.mark.parametrize("operator", ["COMPLEX_ABS", "IMAG", "REAL"])
def test_complex_parts_refuse(operator: str, type: TensorType, output: TensorType) -> None:
    refuses(operator, [TensorSpec((3,), type), TensorSpec((3,), output)], "tflite")


def test_bitcast_refuses_a_last_dimension_that_does_not_fit() -> None:
    for shape in ((3,), (4, 3), ()):
        spec = TensorSpec(shape, TensorType.INT8)
        with pytest.raises(PrepareError, match="must be 4"):
            run_ours(
                single_op_model("BITCAST", [spec], [TensorSpec((), TensorType.INT32)]),
                [[np.zeros(shape, np.int8)]],
                "tflite",
            )
        if shape:  # LiteRT reads what stands before the dimensions of a scalar
            refuses("BITCAST", [spec, TensorSpec((), TensorType.INT32)], "tflite")


@pytest.mark.parametrize("operator", ["CEIL", "EXP", "FLOOR", "NEG", "ROUND", "ZEROS_LIKE"])
def test_litert_gives_the_output_the_type_of_the_input(operator: str) -> None:
    x, y = TensorSpec((2, 3), TensorType.FLOAT32), TensorSpec((2, 3), TensorType.INT8, 0.5, 3)
    given = np.arange(6, dtype=np.float32).reshape(2, 3) - np.float32(2.5)
    model = single_op_model(operator, [x], [y])
    assert check_against_oracle(model, [[given], [-given]], "tflite")
    assert Interpreter(model_content=model).run_batch(given[np.newaxis]).dtype == np.float32
