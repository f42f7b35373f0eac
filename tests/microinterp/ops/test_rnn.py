"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN: what LiteRT refuses, and what it overlooks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from microinterp.errors import PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

FLOAT32, INT8, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT32
OPERATORS = ("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN")
Tensors = list[TensorSpec | None]


def tensors_of(operator: str) -> tuple[Tensors, list[TensorSpec]]:
    """A layer of 3 inputs and 2 units, for a batch of 2 and 4 steps."""
    rng = np.random.default_rng(0)

    def constant(*shape: int) -> TensorSpec:
        return TensorSpec(shape, FLOAT32, data=rng.standard_normal(shape, np.float32))

    leading = (2,) if operator == "RNN" else (2, 4)
    cell = [constant(2, 3), constant(2, 2), constant(2), TensorSpec((2, 2), FLOAT32, is_variable=True)]
    both_ways = operator == "BIDIRECTIONAL_SEQUENCE_RNN"
    tensors: Tensors = [TensorSpec((*leading, 3), FLOAT32), *cell]
    if both_ways:
        tensors += [*cell, None, None, None]
    return tensors, [TensorSpec((*leading, 2), FLOAT32)] * (2 if both_ways else 1)


def change(tensors: Tensors, i: int, **fields: Any) -> None:
    tensor = tensors[i]
    assert tensor is not None
    if tensor.data is not None:
        shape = fields.get("shape", tensor.shape)
        fields["data"] = np.resize(np.asarray(tensor.data), shape)
    tensors[i] = replace(tensor, **fields)


def inputs_of(tensors: Tensors) -> list[np.ndarray[Any, Any]]:
    return [
        np.ones(t.shape, NUMPY_TYPES[t.type])
        for t in tensors
        if t is not None and t.data is None and not t.is_variable
    ]


REFUSED: dict[str, tuple[int, dict[str, Any]]] = {
    "inputs": (1, {"shape": (2, 4)}),
    "bias": (3, {"shape": (3,)}),
    "recurrent_weights": (2, {"shape": (3, 2)}),
    "units_of_the_state": (4, {"shape": (2, 3)}),
    "rank_of_the_state": (4, {"shape": (4,)}),
    "batch_of_the_state": (4, {"shape": (1, 2)}),
}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("case", REFUSED)
def test_refuses_what_litert_refuses(operator: str, case: str) -> None:
    tensors, outputs = tensors_of(operator)
    assert check_against_oracle(single_op_model(operator, tensors, outputs), [inputs_of(tensors)], "tflite")
    i, fields = REFUSED[case]
    change(tensors, i, **fields)
    assert not check_against_oracle(
        single_op_model(operator, tensors, outputs), [inputs_of(tensors)], "tflite"
    )


@pytest.mark.parametrize("operator", OPERATORS[:2])
def test_refuses_at_invoke_what_litert_refuses_there(operator: str) -> None:
    tensors, outputs = tensors_of(operator)
    change(tensors, 4, is_variable=False)
    assert not check_against_oracle(
        single_op_model(operator, tensors, outputs), [inputs_of(tensors)], "tflite"
    )
    tensors, outputs = tensors_of(operator)
    for i in (1, 2):
        change(tensors, i, type=INT32)
    assert not check_against_oracle(
        single_op_model(operator, tensors, outputs), [inputs_of(tensors)], "tflite"
    )


# What LiteRT computes from bytes that are not there, or are of another type, or dies of.
NONSENSE: dict[str, tuple[str, int, dict[str, Any]]] = {
    "rank_of_the_input": ("RNN", 0, {"shape": (2,)}),
    "type_of_the_bias": ("RNN", 3, {"type": INT32}),
    "type_of_the_state": ("RNN", 4, {"type": INT8}),
    "backward_weights": ("BIDIRECTIONAL_SEQUENCE_RNN", 5, {"type": INT8, "scale": 0.1, "zero_point": 0}),
    "backward_state": ("BIDIRECTIONAL_SEQUENCE_RNN", 8, {"is_variable": False}),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_refuses_nonsense(case: str) -> None:
    operator, i, fields = NONSENSE[case]
    tensors, outputs = tensors_of(operator)
    change(tensors, i, **fields)
    with pytest.raises(PrepareError):
        run_ours(single_op_model(operator, tensors, outputs), [], "tflite")


def test_auxiliary_inputs() -> None:
    operator = "BIDIRECTIONAL_SEQUENCE_RNN"
    tensors, outputs = tensors_of(operator)
    weights = TensorSpec((2, 3), FLOAT32, data=np.ones((2, 3), np.float32))
    tensors[10:12] = [weights, weights]
    with pytest.raises(PrepareError, match="no auxiliary input"):  # LiteRT dies of it
        run_ours(single_op_model(operator, tensors, outputs), [], "tflite")
    tensors[9] = tensors[0]
    assert check_against_oracle(single_op_model(operator, tensors, outputs), [inputs_of(tensors)], "tflite")
    tensors[11] = None
    assert not check_against_oracle(
        single_op_model(operator, tensors, outputs), [inputs_of(tensors)], "tflite"
    )


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("weights", [FLOAT32, INT8])
def test_weights_that_are_not_constant(operator: str, weights: TensorType) -> None:
    tensors, outputs = tensors_of(operator)
    for i in (1, 2, 5, 6) if len(tensors) > 5 else (1, 2):
        change(tensors, i, type=weights, **({} if weights is FLOAT32 else {"scale": 0.1, "zero_point": 0}))
    first = tensors[1]
    assert first is not None
    values = np.asarray(first.data, NUMPY_TYPES[weights])
    tensors[1] = replace(first, data=None)
    x = inputs_of(tensors)[0]
    model = single_op_model(operator, tensors, outputs)
    assert check_against_oracle(model, [[x, values], [x, values + 1]], "tflite")


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("weights", [FLOAT32, INT8])
@pytest.mark.parametrize(("batch", "time"), [(0, 4), (2, 0)])
def test_no_rows_and_no_steps(operator: str, weights: TensorType, batch: int, time: int) -> None:
    leading: tuple[int, ...] = (batch, time)
    if operator == "RNN":
        batch, leading = 0, (0,)
    tensors, outputs = tensors_of(operator)
    for i in (1, 2, 5, 6) if len(tensors) > 5 else (1, 2):
        change(tensors, i, type=weights, **({} if weights is FLOAT32 else {"scale": 0.1, "zero_point": 0}))
    change(tensors, 0, shape=(*leading, 3))
    for i in (4, 8) if len(tensors) > 5 else (4,):
        change(tensors, i, shape=(batch, 2))
    model = single_op_model(operator, tensors, outputs)
    assert check_against_oracle(model, [inputs_of(tensors)], "tflite")
