"""CONV_3D and CONV_3D_TRANSPOSE against LiteRT; random ones are in tests/problems/conv_3d.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microinterp.model.ir import TensorType
from microinterp.model.schema import Padding
from tests.single_op import TensorSpec, check_against_oracle, single_op_model

FLOAT32, INT32 = TensorType.FLOAT32, TensorType.INT32
STRIDES = {"stride_d": 2, "stride_h": 2, "stride_w": 2}


@pytest.mark.parametrize(
    ("image", "weights", "options"),
    [
        pytest.param((1, 4, 4, 4, 2), (2, 2, 2, 3, 2), {}, id="channels"),
        pytest.param((4, 4, 4, 2), (2, 2, 2, 2, 2), {}, id="rank"),
        pytest.param((1, 4, 4, 4, 2), (2, 2, 2, 2, 2), {"stride_d": 0}, id="stride"),
        pytest.param((1, 4, 4, 4, 2), (2, 2, 2, 2, 2), {"dilation_w_factor": 0}, id="dilation"),
        pytest.param((1, 4, 0, 4, 2), (2, 2, 2, 2, 2), {}, id="empty"),
    ],
)
def test_conv_3d_refuses(image: tuple[int, ...], weights: tuple[int, ...], options: dict[str, Any]) -> None:
    model = single_op_model(
        "CONV_3D",
        [TensorSpec(image, FLOAT32), TensorSpec(weights, FLOAT32, data=np.ones(weights))],
        [TensorSpec((1, 2, 2, 2, 2), FLOAT32)],
        {**STRIDES, **options},
    )
    assert not check_against_oracle(model, [[np.ones(image, np.float32)]], "tflite")


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "output", [(1, 4, 4, 4, 2), (1, 8, 4, 4, 2), (2, 4, 4, 4, 2), (1, 4, 4, 4, 4), (1, 4, 4, -4, 2)], ids=str
)
def test_outputs_of_conv_3d_transpose(output: tuple[int, ...], known: bool) -> None:
    image, weights = (1, 2, 2, 2, 3), (2, 2, 2, 2, 3)
    model = single_op_model(
        "CONV_3D_TRANSPOSE",
        [
            TensorSpec((5,), INT32, data=output if known else None),
            TensorSpec(weights, FLOAT32, data=np.ones(weights)),
            TensorSpec(image, FLOAT32),
        ],
        [TensorSpec(output, FLOAT32)],
        {"padding": Padding.SAME, **STRIDES},
    )
    x = np.ones(image, np.float32)
    computes = check_against_oracle(model, [[x] if known else [np.array(output, np.int32), x]], "tflite")
    assert computes == (output == (1, 4, 4, 4, 2))
