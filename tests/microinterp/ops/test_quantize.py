"""What QUANTIZE and DEQUANTIZE refuse; tests/problems/conversions.py has the rest."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.runtimes import RUNTIMES
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, single_op_model


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_refuses_what_native_refuses(runtime: RuntimeName) -> None:
    types = (
        *(TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT32),
        *(TensorType.INT64, TensorType.BOOL),
    )
    accepted = RUNTIMES[runtime].quantized_types
    for x in types:
        for output in types:
            if output not in accepted.get(x, ()):
                inputs, outputs = [TensorSpec((3,), x, 0.5, 0)], [TensorSpec((3,), output, 0.5, 0)]
                model = single_op_model("QUANTIZE", inputs, outputs)
                assert not check_against_oracle(model, [[np.ones(3, NUMPY_TYPES[x])]], runtime)
        if x not in RUNTIMES[runtime].element_types["DEQUANTIZE"]:
            inputs, outputs = [TensorSpec((3,), x, 0.5, 0)], [TensorSpec((3,), TensorType.FLOAT32)]
            model = single_op_model("DEQUANTIZE", inputs, outputs)
            assert not check_against_oracle(model, [[np.ones(3, NUMPY_TYPES[x])]], runtime)
    unquantized = single_op_model(
        "QUANTIZE", [TensorSpec((3,), TensorType.FLOAT32)], [TensorSpec((3,), TensorType.INT8)]
    )
    assert not check_against_oracle(unquantized, [[np.ones(3, np.float32)]], runtime)


def test_litert_refuses_zero_points_of_int16() -> None:
    symmetric, shifted = (TensorSpec((3,), TensorType.INT16, 0.5, zero_point) for zero_point in (0, 1))
    x = np.arange(3, dtype=np.int16)
    for model in (
        single_op_model("QUANTIZE", [symmetric], [shifted]),
        single_op_model("QUANTIZE", [shifted], [symmetric]),
        single_op_model("DEQUANTIZE", [shifted], [TensorSpec((3,), TensorType.FLOAT32)]),
    ):
        assert not check_against_oracle(model, [[x]], "tflite")
        assert check_against_oracle(model, [[x]], "tflm")


def test_tflm_refuses_to_quantize_per_channel() -> None:
    x, y = TensorSpec((2, 3), TensorType.FLOAT32), TensorSpec((2, 3), TensorType.INT8, [0.5, 0.25], [0, 3])
    model = single_op_model("QUANTIZE", [x], [y])
    assert not check_against_oracle(model, [[np.ones((2, 3), np.float32)]], "tflm")
