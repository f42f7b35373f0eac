"""Operators whose options are missing in the file: as natively they are all zero, not the defaults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microinterp.model.ir import Model, TensorType
from microinterp.model.reader import read_model
from microinterp.model.schema import options_table
from microinterp.model.writer import write_model
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems import all_generators
from tests.single_op import TensorSpec, check_against_oracle, single_op_model

# Operators to which zeros are nonsense that a native runtime does not notice.
SENSELESS: dict[RuntimeName, set[str]] = {
    "tflite": {
        # no activation function: the native kernel takes what its scratch memory holds
        *("BIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
        # a seed of 0 stands for a random one
        *("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"),
        # numbers of 0 bits
        "FAKE_QUANT",
        # beta is 0, for which the native kernel aborts if the numbers are quantized
        "SOFTMAX",
        # the function to reduce with is unknown; LiteRT says so at invoke
        "REDUCE_WINDOW",
    },
    "tflm": {
        # windows that are moved by 0
        *("AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "L2_POOL_2D", "MAX_POOL_2D", "TRANSPOSE_CONV"),
        # 0 inputs or outputs
        *("PACK", "SPLIT", "SPLIT_V", "UNPACK"),
        # neither REFLECT nor SYMMETRIC
        "MIRROR_PAD",
        # subgraph 0, again and again, until the native runtime has no stack left
        *("ASSIGN_VARIABLE", "CALL_ONCE", "IF", "READ_VARIABLE", "VAR_HANDLE", "WHILE"),
        # a rank of 0, by which the native kernel divides; a beta of 0, for which it aborts
        *("SVDF", "SOFTMAX"),
    },
}


def without_options(model: Model, operator: str) -> Model:
    """The model, without the options of all operators of this name."""
    subgraphs = []
    for subgraph in model.subgraphs:
        operators = tuple(
            replace(o, options_table=None, options={}) if model.operator_code(o).name == operator else o
            for o in subgraph.operators
        )
        subgraphs.append(replace(subgraph, operators=operators))
    return replace(model, subgraphs=tuple(subgraphs))


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@settings(max_examples=settings().max_examples * 2)
@given(st.data())
def test_equals_the_native_runtime(runtime: RuntimeName, data: st.DataObject) -> None:
    generators = [
        g
        for g in all_generators()
        if g.kinds[runtime] and options_table(g.operator) and g.operator not in SENSELESS[runtime]
    ]
    generator = data.draw(st.sampled_from(generators))
    problem = data.draw(generator.problems(data.draw(st.sampled_from(generator.kinds[runtime])), runtime))
    model = without_options(read_model(problem.model), generator.operator)
    check_against_oracle(write_model(model), problem.invokes, runtime)


@pytest.mark.parametrize("operator", ["ADD", "SUB"])
def test_numbers_with_power_of_two_scales_are_rescaled(operator: str) -> None:
    x = TensorSpec((4,), TensorType.INT16, 2.0**-12, 0)
    y = TensorSpec((4,), TensorType.INT16, 2.0**-10, 0)
    model = without_options(read_model(single_op_model(operator, [x, y], [y])), operator)
    rng = np.random.default_rng(0)
    invokes = [[rng.integers(-(2**15), 2**15, 4).astype(np.int16) for _ in "xy"] for _ in range(20)]
    assert check_against_oracle(write_model(model), invokes, "tflite")
