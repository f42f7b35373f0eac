"""ADD, SUB, MUL, DIV, FLOOR_DIV, MAXIMUM and MINIMUM, and the operators of two tensors that are made as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.ir import TensorType
from microinterp.runtimes import RUNTIMES
from tests.draw import Array, Shape, numbers, scales, zero_points
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)


def broadcast_shapes(draw: st.DrawFn, runtime: RuntimeName, count: int = 2) -> tuple[list[Shape], Shape]:
    """Shapes that broadcast, and the one they broadcast to."""
    shapes = draw(
        hnp.mutually_broadcastable_shapes(
            num_shapes=count,
            max_dims=6,
            max_side=4,
            # TFLM takes a zero in a shape for a dynamic dimension, and refuses it
            min_side=0 if runtime == "tflite" else 1,
        )
    )
    return list(shapes.input_shapes), shapes.result_shape


def one_operator(
    draw: st.DrawFn,
    operator: str,
    inputs: Sequence[TensorSpec],
    output: TensorSpec,
    invokes: list[list[Array]],
    options: dict[str, Any] | None = None,
) -> Problem:
    """A problem in which one of the inputs may be constant: it has the values of the first invoke."""
    constant = draw(st.sampled_from([None, *range(len(inputs))])) if len(inputs) > 1 else None
    specs = list(inputs)
    if constant is not None:
        old = specs[constant]
        data = invokes[0][constant]
        specs[constant] = TensorSpec(old.shape, old.type, old.scale, old.zero_point, data=data)
        invokes = [[*arrays[:constant], *arrays[constant + 1 :]] for arrays in invokes]
    return Problem(single_op_model(operator, specs, [output], options), invokes)


def _scales_of(draw: st.DrawFn, operator: str, type: TensorType, powers_of_two: bool) -> tuple[float, ...]:
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


def replace_zeros(divisors: Array, zero: Any) -> None:
    """Make divisors that stand for zero, which operators refuse or die of, something else."""
    divisors[divisors == zero] = zero + 1 if zero < 100 else zero - 1


def arithmetic(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    """A problem for one of the seven operators."""
    type = TensorType[kind]
    shifts = (
        runtime == "tflite"
        and operator in ("ADD", "SUB")
        and type is TensorType.INT16
        and draw(st.booleans())
    )
    shapes, result = broadcast_shapes(draw, runtime, 1 if shifts else 2)
    shapes = shapes * 2 if shifts else shapes  # shifted sums are not broadcast
    options: dict[str, Any] = {}
    if operator in ("ADD", "SUB", "MUL", "DIV"):
        activation = draw(st.integers(0, 5)) if type is not TensorType.COMPLEX64 else 0
        options["fused_activation_function"] = activation
    specs = [TensorSpec(shape, type) for shape in (*shapes, result)]
    # plain int16 numbers, which LiteRT adds and multiplies as they are
    is_plain = type is TensorType.INT16 and runtime == "tflite" and operator in ("ADD", "MUL") and not shifts
    if type in QUANTIZED and not (is_plain and draw(st.booleans())):
        if operator in ("ADD", "SUB"):
            options["pot_scale_int16"] = shifts or runtime == "tflm"
        specs = [
            TensorSpec(spec.shape, type, scale, draw(zero_points(type)))
            for spec, scale in zip(specs, _scales_of(draw, operator, type, shifts), strict=True)
        ]
    x, y, output = specs
    invokes = [[draw(numbers(type, tuple(spec.shape))) for spec in (x, y)] for _ in range(2)]
    if operator in ("DIV", "FLOOR_DIV"):
        for _, divisors in invokes:
            replace_zeros(divisors, y.zero_point if type in QUANTIZED and operator == "DIV" else 0)
    if operator == "DIV" and type is TensorType.INT32 and runtime == "tflm":
        for dividends, _ in invokes:
            dividends[dividends == np.iinfo(np.int32).min] = 5  # which TFLM dies of, divided by −1
    return one_operator(draw, operator, [x, y], output, invokes, options)


def register(
    function: Callable[[st.DrawFn, str, str, RuntimeName], Problem],
    *operators: str,
    without: Mapping[RuntimeName, tuple[str, ...]] = MappingProxyType({}),
) -> None:
    """Register one generator for operators whose kinds are their element types, but for some."""

    def kinds(operator: str, runtime: RuntimeName) -> tuple[str, ...]:
        # The Python APIs of both native runtimes neither take nor return bfloat16; LiteRT's gives 8-bit floats as int8.
        unreadable = (TensorType.BFLOAT16, TensorType.FLOAT8_E4M3FN, TensorType.FLOAT8_E5M2)
        types = RUNTIMES[runtime].element_types.get(operator, ())
        names = [type.name for type in types if type not in unreadable]
        return tuple(name for name in names if name not in without.get(runtime, ()))

    for operator in operators:

        def draw_one(draw: st.DrawFn, kind: str, runtime: RuntimeName, operator: str = operator) -> Problem:
            return function(draw, operator, kind, runtime)

        generator(operator, tflite=kinds(operator, "tflite"), tflm=kinds(operator, "tflm"))(draw_one)


register(arithmetic, "ADD", "SUB", "MUL", "DIV", "FLOOR_DIV", "MAXIMUM", "MINIMUM")
