"""Eigen's functions as LiteRT has them: read off operators whose output they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import TensorType
from microinterp.model.schema import ActivationFunctionType
from microinterp_kernels import eigen
from tests.oracles import available, run_oracle
from tests.single_op import TensorSpec, assert_same_bytes, single_op_model

Float32s = NDArray[np.float32]

FLOAT32 = TensorType.FLOAT32
SIZE = 4096
# where the functions end, and where their parts meet
EDGES = np.array(
    [0.0, 7.9073896, 7.90739, 16.635532, 16.635534, -104, -104.00001, 1e-38, 1e-45, 88.8, np.inf, 3e38],
    np.float32,
)

pytestmark = pytest.mark.skipif(available("tflite") is not None, reason="no native runtime to compare with")


def any_floats(seed: int) -> Float32s:
    """Floats of every magnitude, small ones, and the edges, with both signs."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2**32, SIZE, np.uint32).view(np.float32)
    small = rng.uniform(-20, 20, SIZE).astype(np.float32)
    numbers = np.concatenate([EDGES, -EDGES, np.where(rng.integers(0, 2, SIZE) == 0, bits, small)])[:SIZE]
    # the operators add to zero, which makes a zero of a negative one
    known: Float32s = np.where(np.isnan(numbers), np.float32(1), numbers) + np.float32(0)
    return known


def native_tanh(x: Float32s) -> Float32s:
    """LiteRT's: the activation of an SVDF that passes its input on."""
    one = np.ones((1, 1), np.float32)
    inputs = [
        TensorSpec((x.size, 1), FLOAT32),
        TensorSpec((1, 1), FLOAT32, data=one),
        TensorSpec((1, 1), FLOAT32, data=one),
        None,
        TensorSpec((x.size, 1), FLOAT32, is_variable=True),
    ]
    options = {"rank": 1, "fused_activation_function": ActivationFunctionType.TANH}
    model = single_op_model("SVDF", inputs, [TensorSpec((x.size, 1), FLOAT32)], options)
    result: Float32s = run_oracle("tflite", model, [[x.reshape(-1, 1)]]).outputs[0][0].reshape(-1)
    return result


def native_logistic(x: Float32s, cells: int) -> Float32s:
    """LiteRT's: the output gate of an LSTM whose cells always hold 1, at each of x.size time steps."""
    zeros = np.zeros((cells, 1), np.float32)
    recurrent = np.zeros((cells, cells), np.float32)

    def biases(value: float) -> TensorSpec:
        return TensorSpec((cells,), FLOAT32, data=np.full(cells, value, np.float32))

    def weights(values: Float32s) -> TensorSpec:
        return TensorSpec(values.shape, FLOAT32, data=values)

    inputs = [TensorSpec((1, x.size, 1), FLOAT32), *(weights(zeros) for _ in range(3)), weights(zeros + 1)]
    inputs += [weights(recurrent) for _ in range(4)]
    # input gate 1, forget gate 0, new cells 1, output gate x
    specs = [*inputs, None, None, None, biases(200), biases(-200), biases(1), biases(0), None, None]
    specs += [TensorSpec((1, cells), FLOAT32, is_variable=True) for _ in range(2)] + [None] * 4
    options = {"fused_activation_function": ActivationFunctionType.RELU}
    output = TensorSpec((1, x.size, cells), FLOAT32)
    model = single_op_model("UNIDIRECTIONAL_SEQUENCE_LSTM", specs, [output], options)
    result: Float32s = run_oracle("tflite", model, [[x.reshape(1, -1, 1)]]).outputs[0][0][0]
    return result


@given(st.integers(0, 2**32))
def test_tanh(seed: int) -> None:
    x = any_floats(seed)
    assert_same_bytes(eigen.tanh(x), native_tanh(x), "tanh")


@given(st.integers(0, 2**32))
def test_logistic(seed: int) -> None:
    x = any_floats(seed)
    # LiteRT clamps the sums of the gates to finite numbers
    x = np.clip(x, np.finfo(np.float32).min, np.finfo(np.float32).max)
    outputs = native_logistic(x, 4)
    assert_same_bytes(np.tile(eigen.logistic(x)[:, None], 4), outputs, "logistic")


@given(st.integers(0, 2**32))
def test_logistic_of_what_does_not_fill_a_vector(seed: int) -> None:
    x = any_floats(seed)
    x = np.clip(x, np.finfo(np.float32).min, np.finfo(np.float32).max)
    outputs = native_logistic(x, 1)
    assert_same_bytes(eigen.logistic_scalar(x)[:, None], outputs, "logistic")


@given(st.integers(0, 40), st.integers(0, 40))
def test_leftovers_are_what_lies_outside_of_aligned_vectors(start: int, size: int) -> None:
    in_vectors = [
        i
        for first in range(-(-start // 4) * 4, start + size - 3, 4)
        for i in range(first - start, first - start + 4)
    ]
    assert eigen.leftovers(start, size).tolist() == [i not in in_vectors for i in range(size)]
