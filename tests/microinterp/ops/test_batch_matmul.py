"""BATCH_MATMUL against the native runtimes; random ones are in tests/problems/batch_matmul.py."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

FLOAT32, INT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_large_products(runtime: RuntimeName) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 65, 700)).astype(np.float32), rng.normal(size=(3, 700, 33)).astype(np.float32)
    model = single_op_model(
        "BATCH_MATMUL",
        [TensorSpec(x.shape, FLOAT32), TensorSpec(y.shape, FLOAT32)],
        [TensorSpec((3, 65, 33), FLOAT32)],
    )
    assert check_against_oracle(model, [[x, y]], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("x_shape", "x_type", "y_shape", "y_type", "zero_point"),
    [
        pytest.param((2, 3), FLOAT32, (2, 3), FLOAT32, 0, id="depth"),
        pytest.param((2, 2, 3), FLOAT32, (3, 3, 2), FLOAT32, 0, id="batches"),
        pytest.param((1, 1, 1, 1, 2, 3), FLOAT32, (3, 2), FLOAT32, 0, id="rank"),
        pytest.param((2, 3), INT16, (3, 2), INT16, 1, id="zero point"),
        pytest.param((2, 3), INT8, (3, 2), FLOAT32, 0, id="types"),
    ],
)
def test_refuses(
    runtime: RuntimeName,
    x_shape: tuple[int, ...],
    x_type: TensorType,
    y_shape: tuple[int, ...],
    y_type: TensorType,
    zero_point: int,
) -> None:
    scale = None if x_type is FLOAT32 else 0.5
    model = single_op_model(
        "BATCH_MATMUL",
        [TensorSpec(x_shape, x_type, scale, zero_point), TensorSpec(y_shape, y_type, scale, zero_point)],
        [TensorSpec((2, 2), x_type, scale, zero_point)],
    )
    x, y = np.zeros(x_shape, NUMPY_TYPES[x_type]), np.zeros(y_shape, NUMPY_TYPES[y_type])
    assert not check_against_oracle(model, [[x, y]], runtime)


def test_hybrid_sums_follow_the_weights() -> None:
    # LiteRT keeps those of the first invoke (docs/native-bugs.md): no oracle.
    model = single_op_model(
        "BATCH_MATMUL",
        [TensorSpec((1, 3), FLOAT32), TensorSpec((3, 1), INT8, 1.0, 0)],
        [TensorSpec((1, 1), FLOAT32)],
        {"asymmetric_quantize_inputs": True},
    )
    x = np.array([[0.0, 127.5, 255.0]], np.float32)
    results = run_ours(model, [[x, np.full((3, 1), w, np.int8)] for w in (0, 1)], "tflite")
    assert [float(r[0][0, 0]) for r in results] == [0.0, pytest.approx(383.0, abs=1)]
