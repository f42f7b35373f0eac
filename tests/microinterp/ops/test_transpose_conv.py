"""TRANSPOSE_CONV against the native runtimes; random ones are in tests/problems/transpose_conv.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import Padding
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, single_op_model

FLOAT32, INT8, INT16, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32


def model_of(
    output: tuple[int, ...],
    image: tuple[int, ...],
    weights: tuple[int, ...],
    type: TensorType = FLOAT32,
    known: bool = True,
    zero_point: int = 0,
    **options: Any,
) -> bytes:
    scale = None if type is FLOAT32 else 0.5
    quantization = (scale, None if scale is None else zero_point)
    weights_type = INT8 if type is INT16 else type
    rng = np.random.default_rng(0)
    return single_op_model(
        "TRANSPOSE_CONV",
        [
            TensorSpec((len(output),), INT32, data=output if known else None),
            TensorSpec(
                weights, weights_type, scale, None if scale is None else 0, data=rng.normal(size=weights) * 9
            ),
            TensorSpec(image, type, *quantization),
        ],
        [TensorSpec(output, type, *quantization)],
        {"padding": Padding.SAME, "stride_h": 2, "stride_w": 2, **options},
    )


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("type", [FLOAT32, INT8, INT16])
def test_large_images(runtime: RuntimeName, type: TensorType) -> None:
    model = model_of((1, 34, 33, 24), (1, 17, 17, 40), (24, 3, 3, 40), type)
    x = (np.random.default_rng(1).normal(size=(1, 17, 17, 40)) * 30).astype(NUMPY_TYPES[type])
    assert check_against_oracle(model, [[x]], runtime)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "output",
    [
        (1, 6, 4, 2),
        (1, 4, 2, 2),
        (2, 4, 4, 2),
        (1, 4, 4, 3),
        (1, 4, 4),
        (1, 4, 4, 2, 1),
        (1, -4, 4, 2),
        (1, 0, 4, 2),
    ],
    ids=str,
)
def test_litert_refuses_an_output_that_does_not_fit(output: tuple[int, ...], known: bool) -> None:
    model = model_of(output, (1, 2, 2, 3), (2, 3, 3, 3), known=known)
    x = np.ones((1, 2, 2, 3), np.float32)
    assert not check_against_oracle(model, [[x] if known else [np.array(output, np.int32), x]], "tflite")


def test_tflm_goes_by_the_output_in_the_model() -> None:
    # the image would fit an output of 4 × 4
    model = model_of((1, 7, 3, 2), (1, 2, 2, 3), (2, 3, 3, 3))
    assert check_against_oracle(model, [[np.ones((1, 2, 2, 3), np.float32)]], "tflm")


@pytest.mark.parametrize(
    ("image", "weights", "type", "zero_point", "options"),
    [
        pytest.param((1, 2, 2, 3), (2, 3, 3, 4), FLOAT32, 0, {}, id="channels"),
        pytest.param((1, 2, 3), (2, 3, 3, 3), FLOAT32, 0, {}, id="rank"),
        pytest.param((1, 2, 2, 3), (2, 3, 3, 3), FLOAT32, 0, {"stride_h": 0}, id="stride"),
        pytest.param((1, 2, 2, 3), (2, 3, 3, 3), INT16, 1, {}, id="zero point"),
        pytest.param((1, 2, 2, 3), (2, 3, 3, 3), INT16, 0, {"quantized_bias_type": INT8}, id="bias type"),
    ],
)
def test_litert_refuses(
    image: tuple[int, ...],
    weights: tuple[int, ...],
    type: TensorType,
    zero_point: int,
    options: dict[str, Any],
) -> None:
    model = model_of((1, 4, 4, 2), image, weights, type, zero_point=zero_point, **options)
    assert not check_against_oracle(model, [[np.zeros(image, NUMPY_TYPES[type])]], "tflite")
