"""Operators that give their outputs an element type, whatever type the model says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from microinterp.element_types import LITERT_OUTPUT_TYPES
from microinterp.model.ir import TensorType
from microinterp.model.reader import read_model
from microinterp.model.writer import write_model
from tests.oracles import available
from tests.problems import all_generators
from tests.single_op import check_against_oracle, compare_with_oracle

_GENERATORS = {g.operator: g for g in all_generators()}


def _with_output_type(content: bytes, type: TensorType) -> bytes:
    """The model with outputs of another type."""
    model = read_model(content)
    subgraph, *others = model.subgraphs
    tensors = list(subgraph.tensors)
    for i in subgraph.outputs:
        tensors[i] = replace(tensors[i], type=type)
    return write_model(replace(model, subgraphs=(replace(subgraph, tensors=tuple(tensors)), *others)))


@pytest.mark.parametrize("operator", sorted(LITERT_OUTPUT_TYPES))
@settings(max_examples=5)
@given(data=st.data())
def test_the_type_of_the_output_does_not_count(operator: str, data: st.DataObject) -> None:
    if (reason := available("tflite")) is not None:
        pytest.skip(reason)
    generator = _GENERATORS[operator]
    kind = generator.kinds["tflite"][0]
    problem = data.draw(generator.problems(kind, "tflite"))
    type = data.draw(st.sampled_from([TensorType.INT64, TensorType.INT16, TensorType.BOOL]))
    comparison = compare_with_oracle(problem.model, problem.invokes, "tflite")
    assume(comparison.accepted)
    assert check_against_oracle(_with_output_type(problem.model, type), problem.invokes, "tflite")
