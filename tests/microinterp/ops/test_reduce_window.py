"""REDUCE_WINDOW and STABLEHLO_REDUCE_WINDOW against LiteRT; random ones are in tests/problems/reduce_window.py."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.errors import PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.problems.reduce_window import reduce_window_model
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

FLOAT32, INT64 = TensorType.FLOAT32, TensorType.INT64


@pytest.mark.parametrize("body", ["ADD", "SUB"])
@pytest.mark.parametrize("type", [FLOAT32, TensorType.UINT32])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        pytest.param((3, 4), {"window_dimensions": [2, 2]}, id="plain"),
        pytest.param((3, 4), {}, id="no window"),
        pytest.param((3, 4), {"window_dimensions": [2]}, id="short window"),
        pytest.param((3, 4), {"window_dimensions": [2, 2], "window_strides": [1]}, id="short strides"),
        pytest.param((3, 4), {"window_dimensions": [2, 0]}, id="empty window"),
        pytest.param((3, 4), {"window_dimensions": [2, 2], "window_strides": [1, 0]}, id="stride"),
        pytest.param((3, 4), {"window_dimensions": [2, 2], "base_dilations": [0, 1]}, id="dilation"),
        pytest.param((3, 4), {"window_dimensions": [9, 2]}, id="large window"),
        pytest.param((3, 4), {"window_dimensions": [1, 1], "padding": [-3, 0, 0, 0]}, id="nothing left"),
        pytest.param((3, 4), {"window_dimensions": [1, 1], "padding": [-4, 0, 0, 0]}, id="less than nothing"),
        pytest.param((3, 4), {"window_dimensions": [1, 1], "padding": [-4, 5, 0, 0]}, id="taken and given"),
        pytest.param((3,) * 7, {"window_dimensions": [1] * 7}, id="rank"),
    ],
)
def test_options(body: str, type: TensorType, shape: tuple[int, ...], options: dict[str, list[int]]) -> None:
    x = np.arange(np.prod(shape)).reshape(shape).astype(NUMPY_TYPES[type])
    model = reduce_window_model(TensorSpec(shape, type), TensorSpec((), type, data=7), shape, body, options)
    check_against_oracle(model, [[x]], "tflite")


def test_windows_must_be_positive() -> None:
    # LiteRT divides by zero: no oracle.
    model = single_op_model(
        "REDUCE_WINDOW",
        [
            TensorSpec((3,), FLOAT32),
            TensorSpec((), FLOAT32, data=0),
            *(TensorSpec((1,), INT64, data=[n]) for n in (2, 0, 1)),
        ],
        [TensorSpec((2,), FLOAT32)],
        {"reduce_function": 1},
    )
    with pytest.raises(PrepareError, match="a positive number for each axis"):
        run_ours(model, [[np.ones(3, np.float32)]], "tflite")
