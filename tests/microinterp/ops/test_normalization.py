"""Normalizations and CUMSUM against the native runtimes; random ones are in tests/problems/normalization.py."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.errors import PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

FLOAT32, INT8, UINT8, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT32


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(("scale", "zero_point"), [(1 / 128, 0), (1 / 128, 1), (1 / 64, 0)])
def test_outputs_of_l2_normalization(runtime: RuntimeName, scale: float, zero_point: int) -> None:
    x = np.arange(-12, 12, dtype=np.int8).reshape(2, 12)
    model = single_op_model(
        "L2_NORMALIZATION",
        [TensorSpec(x.shape, INT8, 0.5, 3)],
        [TensorSpec(x.shape, INT8, scale, zero_point)],
    )
    computes = check_against_oracle(model, [[x]], runtime)
    assert computes == (runtime == "tflm" or (scale, zero_point) == (1 / 128, 0))


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("shape", [(1, 2, 1, 2, 3), (2, 3)], ids=str)
@pytest.mark.parametrize("activation", [0, 1])
def test_l2_normalization_refuses(runtime: RuntimeName, shape: tuple[int, ...], activation: int) -> None:
    x = TensorSpec(shape, FLOAT32)
    model = single_op_model("L2_NORMALIZATION", [x], [x], {"fused_activation_function": activation})
    computes = check_against_oracle(model, [[np.ones(shape, np.float32)]], runtime)
    assert computes == (activation == 0 and (len(shape) == 2 or runtime == "tflite"))


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("type", "scale", "zero_point"), [(INT8, 1 / 16, 126), (INT8, 1 / 8, 127), (UINT8, 1 / 16, 127)]
)
def test_log_softmax_refuses(runtime: RuntimeName, type: TensorType, scale: float, zero_point: int) -> None:
    model = single_op_model(
        "LOG_SOFTMAX", [TensorSpec((2, 3), type, 0.1, 3)], [TensorSpec((2, 3), type, scale, zero_point)]
    )
    assert not check_against_oracle(model, [[np.ones((2, 3), NUMPY_TYPES[type])]], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_tiny_scales_are_refused(runtime: RuntimeName) -> None:
    # the native runtimes abort: no oracle
    model = single_op_model(
        "LOG_SOFTMAX", [TensorSpec((2, 3), INT8, 1e-9, 3)], [TensorSpec((2, 3), INT8, 1 / 16, 127)]
    )
    with pytest.raises(PrepareError, match=r"must be above 2\^-26"):
        run_ours(model, [[np.ones((2, 3), np.int8)]], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("axis", [2, -3])
def test_cumsum_refuses_an_axis_that_is_not_there(runtime: RuntimeName, known: bool, axis: int) -> None:
    x = TensorSpec((2, 3), FLOAT32)
    model = single_op_model("CUMSUM", [x, TensorSpec((1,), INT32, data=[axis] if known else None)], [x])
    numbers = np.ones((2, 3), np.float32)
    fed = [numbers] if known else [numbers, np.array([axis], np.int32)]
    assert not check_against_oracle(model, [fed], runtime)


def test_cumsum_of_scales_too_far_apart() -> None:
    # TFLM aborts: no oracle
    model = single_op_model(
        "CUMSUM",
        [TensorSpec((3,), INT8, 1.0, 0), TensorSpec((1,), INT32, data=[0])],
        [TensorSpec((3,), INT8, 1e-7, 0)],
    )
    with pytest.raises(PrepareError, match="too far apart"):
        run_ours(model, [[np.ones(3, np.int8)]], "tflm")
