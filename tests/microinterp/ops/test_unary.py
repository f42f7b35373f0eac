"""SQRT against the native runtimes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.errors import InvokeError, PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.draw import numbers, scales, shapes, zero_points
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(data=st.data())
def test_float32(runtime: RuntimeName, data: st.DataObject) -> None:
    spec = TensorSpec(data.draw(shapes(0 if runtime == "tflite" else 1)), TensorType.FLOAT32)
    x = data.draw(numbers(spec.type, tuple(spec.shape)))
    assert check_against_oracle(single_op_model("SQRT", [spec], [spec]), [[x], [-x]], runtime)


@pytest.mark.parametrize("type", [TensorType.INT8, TensorType.INT16])
@given(data=st.data())
def test_quantized(type: TensorType, data: st.DataObject) -> None:
    zero_point, output_zero_point = data.draw(zero_points(type)), data.draw(zero_points(type))
    x = np.arange(zero_point, np.iinfo(NUMPY_TYPES[type]).max + 1).astype(NUMPY_TYPES[type])
    # the least output scales make the quotient leave int32
    scale, output_scale = data.draw(scales(-20, 20)), data.draw(scales(-35, 10))
    model = single_op_model(
        "SQRT",
        [TensorSpec(x.shape, type, scale, zero_point)],
        [TensorSpec(x.shape, type, output_scale, output_zero_point)],
    )
    assert check_against_oracle(model, [[x]], "tflite")
    assert not check_against_oracle(model, [[x]], "tflm")


def test_refuses_negative_numbers() -> None:
    spec = TensorSpec((3,), TensorType.INT8, 0.5, 2)
    model = single_op_model("SQRT", [spec], [spec])
    x = np.array([1, 2, 3], np.int8)
    assert not check_against_oracle(model, [[x]], "tflite")
    with pytest.raises(InvokeError, match="square root of a negative number"):
        run_ours(model, [[x]], "tflite")


@pytest.mark.parametrize(
    ("type", "scale", "zero_point"),
    [
        (TensorType.INT8, None, None),
        (TensorType.INT16, 0.5, 3),
        (TensorType.UINT8, 0.5, 0),
        (TensorType.INT32, None, None),
    ],
)
def test_refuses(type: TensorType, scale: float | None, zero_point: int | None) -> None:
    spec = TensorSpec((3,), type, scale, zero_point)
    model = single_op_model("SQRT", [spec], [spec])
    x = np.full(3, 5, NUMPY_TYPES[type])
    assert not check_against_oracle(model, [[x]], "tflite")
    with pytest.raises(PrepareError):
        run_ours(model, [[x]], "tflite")
