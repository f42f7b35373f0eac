"""ARG_MAX and ARG_MIN against the native runtimes; random ones are in tests/problems/arg_min_max.py."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.errors import MicrointerpError
from microinterp.model.ir import TensorType
from tests.draw import Shape
from tests.problems.arg_min_max import model_of
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

INT32 = TensorType.INT32


def test_the_shape_follows_the_axis() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    model = model_of("ARG_MAX", TensorSpec(x.shape, TensorType.FLOAT32), None, (2, 3), INT32, INT32)
    assert check_against_oracle(model, [[x, np.array([axis], np.int32)] for axis in (0, 1, 2, -2)], "tflite")


@pytest.mark.parametrize("axis", [2, -3, 1000, 2**31 - 1])
@pytest.mark.parametrize("constant", [True, False])
def test_refuses_an_axis_that_is_not_there(axis: int, constant: bool) -> None:
    model = model_of(
        "ARG_MAX", TensorSpec((2, 3), TensorType.FLOAT32), axis if constant else None, (2,), INT32, INT32
    )
    inputs = [np.ones((2, 3), np.float32), *([] if constant else [np.array([axis], np.int32)])]
    assert not check_against_oracle(model, [inputs], "tflite")
    with pytest.raises(MicrointerpError):
        run_ours(model, [inputs], "tflm")  # natively TFLM reads beyond the tensor


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 2)])
@pytest.mark.parametrize("axis", [0, -1])
def test_empty_tensors(shape: Shape, axis: int) -> None:
    output = shape[1:] if axis == 0 else shape[:-1]
    model = model_of("ARG_MIN", TensorSpec(shape, TensorType.INT8), axis, output, INT32, INT32)
    computes = check_against_oracle(model, [[np.ones(shape, np.int8)]], "tflite")
    assert computes == (shape[axis] != 0)


def test_refuses() -> None:
    x = TensorSpec((2, 3), TensorType.FLOAT32)
    values = np.ones((2, 3), np.float32)
    for axis, output, options in (
        (TensorSpec((2,), INT32, data=[0, 0]), TensorSpec((3,), INT32), {"output_type": INT32}),
        (TensorSpec((0,), INT32, data=[]), TensorSpec((3,), INT32), {"output_type": INT32}),
        (TensorSpec((1,), TensorType.INT16, data=[0]), TensorSpec((3,), INT32), {"output_type": INT32}),
        (TensorSpec((1,), INT32, data=[0]), TensorSpec((3,), INT32), {}),
        (
            TensorSpec((1,), INT32, data=[0]),
            TensorSpec((3,), TensorType.INT8),
            {"output_type": TensorType.INT8},
        ),
    ):
        model = single_op_model("ARG_MAX", [x, axis], [output], options)
        assert not check_against_oracle(model, [[values]], "tflite")
    scalar = model_of("ARG_MAX", TensorSpec((), TensorType.FLOAT32), 0, (), INT32, INT32)
    assert not check_against_oracle(scalar, [[np.array(1, np.float32)]], "tflite")
