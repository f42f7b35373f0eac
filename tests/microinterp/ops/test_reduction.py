"""Reductions against the native runtimes; random ones are in tests/problems/reduction.py."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.errors import MicrointerpError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems.reduction import reduce_model
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

FLOAT32, INT8, INT16, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32


@pytest.mark.parametrize("operator", ["SUM", "REDUCE_MAX", "REDUCE_MIN"])
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("axes", [[0], []], ids=["whole", "none"])
@pytest.mark.parametrize(
    "numbers",
    [[-0.0, -0.0], [0.0, -0.0], [-0.0, 0.0], [np.nan, 1], [1, np.nan], [-np.inf], [np.inf]],
    ids=str,
)
def test_where_reductions_start(
    operator: str, runtime: RuntimeName, axes: list[int], numbers: list[float]
) -> None:
    x = np.array(numbers, np.float32)
    model, _ = reduce_model(operator, TensorSpec(x.shape, FLOAT32), axes)
    assert check_against_oracle(model, [[x]], runtime)


@pytest.mark.parametrize("operator", ["MEAN", "SUM"])
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_large_sums(operator: str, runtime: RuntimeName) -> None:
    x = np.random.default_rng(0).normal(size=(3, 47, 51, 5)).astype(np.float32)
    for axes in ([1, 2], [0, 1, 2, 3], [-1], [0, 2]):
        model, _ = reduce_model(operator, TensorSpec(x.shape, FLOAT32), axes, keep_dims=True)
        assert check_against_oracle(model, [[x]], runtime)


@pytest.mark.parametrize("type", [INT8, INT16])
def test_litert_sums_of_signed_integers_are_right(type: TensorType) -> None:
    # LiteRT reads other bytes (docs/native-bugs.md): no oracle.
    x = np.full((2, 4), -1, NUMPY_TYPES[type])
    model, _ = reduce_model("SUM", TensorSpec(x.shape, type, 1.0, 0), [1], 1.0, 0)
    assert run_ours(model, [[x]], "tflite")[0][0].tolist() == [-4, -4]


def test_product_of_no_quantized_numbers() -> None:
    # LiteRT leaves it unwritten (docs/native-bugs.md): no oracle.
    model, _ = reduce_model("REDUCE_PROD", TensorSpec((0, 2), INT8, 0.5, 3), [0], 0.25, -2)
    assert run_ours(model, [[np.zeros((0, 2), np.int8)]], "tflite")[0][0].tolist() == [2, 2]


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("axis", [2, -3])
def test_refuses_an_axis_that_is_not_there(runtime: RuntimeName, known: bool, axis: int) -> None:
    model = single_op_model(
        "SUM",
        [TensorSpec((2, 3), FLOAT32), TensorSpec((1,), INT32, data=[axis] if known else None)],
        [TensorSpec((2,), FLOAT32)],
    )
    x = np.ones((2, 3), np.float32)
    assert not check_against_oracle(model, [[x] if known else [x, np.array([axis], np.int32)]], runtime)


def test_tflm_needs_an_output_of_the_right_size() -> None:
    model = single_op_model(
        "SUM", [TensorSpec((2, 3), FLOAT32), TensorSpec((1,), INT32)], [TensorSpec((2,), FLOAT32)]
    )
    with pytest.raises(MicrointerpError, match="the result has shape"):
        run_ours(model, [[np.ones((2, 3), np.float32), np.array([0], np.int32)]], "tflm")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("operator", ["REDUCE_MAX", "REDUCE_MIN"])
@pytest.mark.parametrize(("scale", "zero_point"), [(0.25, 0), (0.5, 1)])
def test_extremes_must_be_quantized_like_the_input(
    runtime: RuntimeName, operator: str, scale: float, zero_point: int
) -> None:
    model, _ = reduce_model(operator, TensorSpec((2, 3), INT8, 0.5, 0), [1], scale, zero_point)
    assert not check_against_oracle(model, [[np.ones((2, 3), np.int8)]], runtime)


@pytest.mark.parametrize(
    ("operator", "type", "zero_point"),
    [
        pytest.param("MEAN", INT16, 1, id="zero point of int16"),
        pytest.param("REDUCE_PROD", TensorType.UINT8, 0, id="product of quantized uint8"),
        pytest.param("REDUCE_ANY", INT8, 0, id="type"),
        pytest.param("MEAN", TensorType.BOOL, 0, id="mean of booleans"),
    ],
)
def test_refuses(operator: str, type: TensorType, zero_point: int) -> None:
    model, _ = reduce_model(operator, TensorSpec((2, 3), type, 0.5, zero_point), [1], 0.5, zero_point)
    assert not check_against_oracle(model, [[np.ones((2, 3), NUMPY_TYPES[type])]], "tflite")
