"""GATHER and GATHER_ND against the native runtimes: what random problems do not meet."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.errors import MicrointerpError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

FLOAT32, INT32, INT4 = TensorType.FLOAT32, TensorType.INT32, TensorType.INT4


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("shape", "positions", "index_type", "options"),
    [
        pytest.param((3, 4), (2,), INT32, {"axis": 2}, id="no such axis"),
        pytest.param((3, 4), (2,), INT32, {"axis": -3}, id="no such negative axis"),
        pytest.param((3, 4), (2,), TensorType.INT8, {}, id="index type"),
        pytest.param((3, 4), (3, 2), INT32, {"axis": 0, "batch_dims": 1}, id="batch beyond axis"),
        pytest.param((3, 4), (2, 2), INT32, {"axis": 1, "batch_dims": 1}, id="batch sizes"),
        pytest.param((3, 4), (), INT32, {"axis": 1, "batch_dims": 1}, id="batch beyond positions"),
        pytest.param((3, 4), (2,), INT32, {"axis": 1, "batch_dims": -2}, id="negative batch"),
        pytest.param((), (2,), INT32, {}, id="scalar"),
    ],
)
def test_gather_refuses(
    runtime: RuntimeName,
    shape: tuple[int, ...],
    positions: tuple[int, ...],
    index_type: TensorType,
    options: dict[str, int],
) -> None:
    model = single_op_model(
        "GATHER",
        [TensorSpec(shape, FLOAT32), TensorSpec(positions, index_type)],
        [TensorSpec((2, 4), FLOAT32)],
        options,
    )
    arrays = [np.zeros(shape, np.float32), np.zeros(positions, NUMPY_TYPES[index_type])]
    assert not check_against_oracle(model, [arrays], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("shape", "indices", "index_type"),
    [
        pytest.param((3, 4), (2, 3), INT32, id="components"),
        pytest.param((), (2, 1), INT32, id="scalar"),
        pytest.param((3, 4), (), INT32, id="scalar index"),
        pytest.param((3, 4), (2, 1), TensorType.UINT8, id="index type"),
    ],
)
def test_gather_nd_refuses(
    runtime: RuntimeName, shape: tuple[int, ...], indices: tuple[int, ...], index_type: TensorType
) -> None:
    model = single_op_model(
        "GATHER_ND",
        [TensorSpec(shape, FLOAT32), TensorSpec(indices, index_type)],
        [TensorSpec((2, 4), FLOAT32)],
    )
    arrays = [np.zeros(shape, np.float32), np.zeros(indices, NUMPY_TYPES[index_type])]
    assert not check_against_oracle(model, [arrays], runtime)


def test_tflm_takes_an_index_beyond_its_dimension() -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    model = single_op_model(
        "GATHER_ND", [TensorSpec((3, 4), FLOAT32), TensorSpec((3, 2), INT32)], [TensorSpec((3,), FLOAT32)]
    )
    for indices, accepted in [([[0, 5], [1, -1], [2, 3]], True), ([[0, 0], [2, 4], [0, 0]], False)]:
        arrays = [x, np.array(indices, np.int32)]
        assert check_against_oracle(model, [arrays], "tflm") is accepted
        assert not check_against_oracle(model, [arrays], "tflite")


@pytest.mark.parametrize("constant", [True, False])
def test_positions_that_tflm_would_read_anywhere_are_refused(constant: bool) -> None:
    # TFLM does not check them: no oracle.
    wrong = np.array([0, 3], np.int32)
    model = single_op_model(
        "GATHER",
        [TensorSpec((3, 4), FLOAT32), TensorSpec((2,), INT32, data=wrong if constant else None)],
        [TensorSpec((2, 4), FLOAT32)],
    )
    with pytest.raises(MicrointerpError, match="index 3 is out of range, there are 3"):
        run_ours(model, [[np.zeros((3, 4), np.float32), *([] if constant else [wrong])]], "tflm")
