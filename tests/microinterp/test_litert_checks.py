"""What LiteRT refuses when it loads a model is refused; what it does not look at is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from microinterp.model.ir import Model, Quantization, Tensor, TensorType
from microinterp.model.reader import read_model
from microinterp.model.writer import write_model
from tests.single_op import TensorSpec, check_against_oracle, single_op_model

X = TensorSpec((3,), TensorType.FLOAT32)
INPUT = [[np.ones(3, np.float32)]]


def with_tensor(tensor: Tensor, data: int | None = None) -> bytes:
    """A model of RELU that has one more tensor, which nothing uses."""
    model = read_model(single_op_model("RELU", [X], [X]))
    graph = model.subgraphs[0]
    buffers = (*model.buffers, None if data is None else np.zeros(data, np.uint8))
    if data is not None:
        tensor = replace(tensor, buffer=len(buffers) - 1)
    return write_model(
        replace(model, subgraphs=(replace(graph, tensors=(*graph.tensors, tensor)),), buffers=buffers)
    )


def multi_axis(**details: Any) -> Quantization:
    content: Mapping[str, Any] = {
        "scales": 0,
        "zero_points": -1,
        "block_size": 0,
        "quantized_dimensions": (0,),
        **details,
    }
    return Quantization(details=("MultiAxisQuantization", content))


def quantized(scales: int, zero_points: int, dimension: int = 0) -> Quantization:
    return Quantization(np.ones(scales, np.float32), np.zeros(zero_points, np.int64), dimension)


CASES = {
    "plain": (Tensor("t", TensorType.INT8, (2, 3)), None, True),
    "variable": (Tensor("t", TensorType.INT8, (2, 3), is_variable=True), None, True),
    "variable with bytes": (Tensor("t", TensorType.INT8, (2, 3), is_variable=True), 6, False),
    "variable with an empty buffer": (Tensor("t", TensorType.INT8, (2, 3), is_variable=True), 0, False),
    "variable string": (Tensor("t", TensorType.STRING, (2, 3), is_variable=True), None, False),
    "variable resource": (Tensor("t", TensorType.RESOURCE, (1,), is_variable=True), None, False),
    "variable variant": (Tensor("t", TensorType.VARIANT, (1,), is_variable=True), None, False),
    "empty buffer": (Tensor("t", TensorType.INT8, (2, 3)), 0, False),
    "empty buffer, empty tensor": (Tensor("t", TensorType.INT8, (2, 0)), 0, True),
    "one scale": (Tensor("t", TensorType.INT8, (2, 3), quantization=quantized(1, 1)), None, True),
    "scales": (Tensor("t", TensorType.INT8, (2, 3), quantization=quantized(3, 3, 1)), None, True),
    "scales of another dimension": (
        Tensor("t", TensorType.INT8, (2, 3), quantization=quantized(3, 3)),
        None,
        False,
    ),
    "fewer zero points": (Tensor("t", TensorType.INT8, (2, 3), quantization=quantized(3, 1, 1)), None, False),
    "no such dimension": (Tensor("t", TensorType.INT8, (2, 3), quantization=quantized(1, 1, 2)), None, False),
    "a negative dimension": (
        Tensor("t", TensorType.INT8, (2,), quantization=quantized(1, 1, -1)),
        None,
        False,
    ),
    "scalar": (Tensor("t", TensorType.INT8, (), quantization=quantized(3, 3, 2)), None, True),
    "several axes": (Tensor("t", TensorType.INT8, (2, 3), quantization=multi_axis()), None, True),
    **{
        f"several axes, {name}={value}": (
            Tensor("t", TensorType.INT8, (2, 3), quantization=multi_axis(**{name: value})),
            None,
            False,
        )
        for name, value in [
            ("scales", 3),
            ("scales", -1),
            ("zero_points", 3),
            ("zero_points", -2),
            ("block_size", -1),
            ("quantized_dimensions", ()),
            ("quantized_dimensions", None),
            ("quantized_dimensions", (0, 2)),
            ("quantized_dimensions", (-1,)),
        ]
    },
}


@pytest.mark.parametrize("case", CASES)
def test_tensors(case: str) -> None:
    tensor, data, accepted = CASES[case]
    assert check_against_oracle(with_tensor(tensor, data), INPUT, "tflite") == accepted


def in_place(operator: str) -> bytes:
    """A model whose operator overwrites its input, computed by another one, which is the graph's output."""
    model: Model = read_model(single_op_model(operator, [X] * 2 if operator == "ADD" else [X], [X]))
    graph = model.subgraphs[0]
    (step,) = graph.operators
    tensors = (*graph.tensors, Tensor("y", TensorType.FLOAT32, (3,)))
    y = len(tensors) - 1
    steps = (replace(step, outputs=(y,)), replace(step, inputs=(y,) * len(step.inputs), outputs=(y,)))
    subgraph = replace(graph, tensors=tensors, operators=steps, outputs=(y,))
    return write_model(replace(model, subgraphs=(subgraph,)))


def test_an_operator_with_options_cannot_write_to_its_input() -> None:
    x = np.ones(3, np.float32)
    assert not check_against_oracle(in_place("ADD"), [[x, x]], "tflite")
