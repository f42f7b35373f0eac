"""ADD, SUB, MUL, DIV, FLOOR_DIV, MAXIMUM and MINIMUM against the native runtimes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.errors import MicrointerpError
from microinterp.model.ir import TensorType
from microinterp.runtimes import RUNTIMES
from tests.draw import Array, numbers, scales, zero_points
from tests.oracles import RUNTIME_NAMES, OracleCrashed, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

Problem = tuple[bytes, list[list[Array]]]

OPERATORS = ("ADD", "SUB", "MUL", "DIV", "FLOOR_DIV", "MAXIMUM", "MINIMUM")
HAVE_ACTIVATION = ("ADD", "SUB", "MUL", "DIV")
QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
# The Python APIs of both native runtimes neither take nor return bfloat16.
CASES = [
    (operator, runtime, type)
    for operator in OPERATORS
    for runtime in RUNTIME_NAMES
    for type in RUNTIMES[runtime].element_types[operator]
    if type is not TensorType.BFLOAT16
]


def equals_native(problem: Problem, runtime: RuntimeName) -> bool:
    """Whether the native runtime computes the problem, and we the same; where it refuses or dies, we refuse."""
    try:
        return check_against_oracle(*problem, runtime)
    except OracleCrashed:
        with pytest.raises(MicrointerpError):
            run_ours(*problem, runtime)
        return False


@st.composite
def scales_of(draw: st.DrawFn, operator: str, type: TensorType, powers_of_two: bool) -> tuple[float, ...]:
    """Scales of inputs and output, such that results neither vanish nor saturate always."""
    if powers_of_two:
        # what LiteRT adds by shifting; it forgives a deviation of 0.07 %
        exponent = draw(st.integers(-20, 20))
        finer = exponent - draw(st.integers(0, 31))
        powers = draw(st.sampled_from([(exponent, finer, exponent), (finer, exponent, exponent)]))
        deviation = 1 + draw(st.floats(-6e-4, 6e-4))
        return tuple(float(np.float32(2.0**power * deviation)) for power in powers)
    x, y = draw(scales(-14, 8)), draw(scales(-14, 8))
    if operator in ("ADD", "SUB"):
        # a multiplier of one or more makes ADD die; so we refuse it
        finest = -18.5 if type is not TensorType.INT16 else -13.5
        return x, y, float(np.float32(max(x, y, 2.0**-9) * draw(scales(finest, 6))))
    exact = x * y if operator == "MUL" else x / y
    # the bounds of an activation must not leave int32
    return x, y, float(np.float32(max(exact * draw(scales(-10, 14)), 2.0**-28)))


@st.composite
def problems(draw: st.DrawFn, operator: str, runtime: RuntimeName, type: TensorType) -> Problem:
    shifts = (
        runtime == "tflite"
        and operator in ("ADD", "SUB")
        and type is TensorType.INT16
        and draw(st.booleans())
    )
    shapes = draw(
        hnp.mutually_broadcastable_shapes(
            num_shapes=1 if shifts else 2,
            max_dims=6,
            max_side=4,
            # TFLM takes a zero in a shape for a dynamic dimension, and refuses it
            min_side=0 if runtime == "tflite" else 1,
        )
    )
    input_shapes = (
        shapes.input_shapes * 2 if shifts else shapes.input_shapes
    )  # shifted sums are not broadcast
    options: dict[str, Any] = {}
    if operator in HAVE_ACTIVATION:
        options["fused_activation_function"] = (
            draw(st.integers(0, 5)) if type is not TensorType.COMPLEX64 else 0
        )
    specs = [TensorSpec(shape, type) for shape in (*input_shapes, shapes.result_shape)]
    if type in QUANTIZED:
        if operator in ("ADD", "SUB"):
            options["pot_scale_int16"] = shifts or runtime == "tflm"
        specs = [
            TensorSpec(spec.shape, type, scale, draw(zero_points(type)))
            for spec, scale in zip(specs, draw(scales_of(operator, type, shifts)), strict=True)
        ]
    x, y, output = specs
    constant = draw(st.sampled_from([None, 0, 1]))
    invokes = [[draw(numbers(type, tuple(spec.shape))) for spec in (x, y)] for _ in range(2)]
    if operator in ("DIV", "FLOOR_DIV"):
        for _, divisors in invokes:
            _replace_zeros(divisors, y.zero_point if type in QUANTIZED and operator == "DIV" else 0)
    if operator == "DIV" and type is TensorType.INT32 and runtime == "tflm":
        for dividends, _ in invokes:
            dividends[dividends == np.iinfo(np.int32).min] = 5  # which TFLM dies of, divided by −1
    inputs = [x, y]
    if constant is not None:
        values = invokes[0][constant]
        inputs[constant] = TensorSpec(
            inputs[constant].shape, type, inputs[constant].scale, inputs[constant].zero_point, data=values
        )
        invokes = [[arrays[1 - constant]] for arrays in invokes]
    return single_op_model(operator, inputs, [output], options), invokes


def _replace_zeros(divisors: Array, zero: Any) -> None:
    divisors[divisors == zero] = zero + 1 if zero < 100 else zero - 1


# A quarter of the profile's examples: there are seventy of these tests.
@pytest.mark.parametrize(("operator", "runtime", "type"), CASES)
@settings(max_examples=settings().max_examples // 4)
@given(data=st.data())
def test_equals_native(operator: str, runtime: RuntimeName, type: TensorType, data: st.DataObject) -> None:
    assert equals_native(data.draw(problems(operator, runtime, type)), runtime)
