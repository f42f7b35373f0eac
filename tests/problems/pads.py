"""PAD, PADV2, MIRROR_PAD, DILATE and STABLEHLO_PAD."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from microinterp.runtimes import RUNTIMES
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds, operand, some_quantization

Operand = tuple[TensorSpec, list[np.ndarray[Any, Any]]]


def _paddings(
    draw: st.DrawFn, operator: str, runtime: RuntimeName, widths: list[tuple[int, int]], constant: bool
) -> Operand:
    types = RUNTIMES[runtime].operand_types[operator]
    narrow = max(max(pair) for pair in widths) <= 1
    types = tuple(t for t in types if t is not TensorType.BOOL or narrow)
    return operand(widths, draw(st.sampled_from(types)), constant=constant)


def _value(draw: st.DrawFn, type: TensorType, quantization: dict[str, Any]) -> Operand:
    shape = draw(st.sampled_from([(), (1,), (1, 1)]))
    array = arbitrary_bits(draw, shape, type)
    constant = draw(st.booleans())
    return TensorSpec(shape, type, data=array if constant else None, **quantization), [] if constant else [
        array
    ]


@generator("PAD", "PADV2", **movable_kinds("PAD"))
def pad(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type, tflm = TensorType[kind], runtime == "tflm"
    constant = tflm or draw(st.integers(0, 3)) > 0
    least = 1 if tflm or not constant else 0
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=5))
    width = st.integers(0, draw(st.sampled_from([1, 3])))
    widths = [(draw(width), draw(width)) for _ in shape]
    if len(shape) == 4 and draw(st.booleans()):  # a kernel of its own for the borders of images
        widths[0] = widths[3] = (0, 0)
    if draw(st.integers(0, 19)) == 7 and not tflm:  # TFLM reads beside the tensor
        widths[0] = (0, -1)
    output = [max(0, size + before + after) for size, (before, after) in zip(shape, widths, strict=True)]
    quantization = some_quantization(draw, type)
    inputs, fed = [TensorSpec(shape, type, **quantization)], []
    for spec, arrays in (
        _paddings(draw, operator, runtime, widths, constant),
        *(
            [_value(draw, type, quantization)]
            if (operator == "PADV2") == (draw(st.integers(0, 9)) != 7)
            else []
        ),
    ):
        inputs.append(spec)
        fed += arrays
    model = single_op_model(operator, list(inputs), [TensorSpec(output, type, **quantization)])
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed] for _ in range(2)])


@generator("MIRROR_PAD", **movable_kinds("MIRROR_PAD"))
def mirror_pad(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, tflm = TensorType[kind], runtime == "tflm"
    constant = draw(st.integers(0, 3)) > 0
    mode = draw(st.sampled_from([0, 1]))
    offset = 1 - mode
    least = 1 if tflm or not constant else offset
    shape = draw(st.lists(st.integers(least, 5), min_size=1, max_size=5))
    widths = [(draw(st.integers(0, d - offset)), draw(st.integers(0, d - offset))) for d in shape]
    if draw(st.integers(0, 9)) == 7 and not tflm:  # TFLM reads beside the tensor
        widths[-1] = (shape[-1] + 1 - offset, 0)
    output = [size + before + after for size, (before, after) in zip(shape, widths, strict=True)]
    paddings, fed = _paddings(draw, "MIRROR_PAD", runtime, widths, constant)
    quantization = some_quantization(draw, type)
    if type is TensorType.INT16:
        quantization.pop("zero_point", None)
        quantization.pop("scale", None)
    model = single_op_model(
        "MIRROR_PAD",
        [TensorSpec(shape, type, **quantization), paddings],
        [TensorSpec(output, type, **quantization)],
        {"mode": mode},
    )
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed] for _ in range(2)])


@generator("DILATE", **movable_kinds("DILATE"))
def dilate(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    # LiteRT copies an element of a tensor that has none: see "DILATE" in docs/native-bugs.md
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    dilations = [draw(st.integers(1, 4)) for _ in shape]
    if draw(st.integers(0, 19)) == 7:
        dilations[0] = 0
    steps, fed = operand(dilations, TensorType.INT32, constant=draw(st.booleans()))
    value, fed_value = _value(draw, type, {})
    output = [(size - 1) * step + 1 for size, step in zip(shape, dilations, strict=True)]
    model = single_op_model("DILATE", [TensorSpec(shape, type), steps, value], [TensorSpec(output, type)])
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed, *fed_value] for _ in range(2)])


@generator("STABLEHLO_PAD", **movable_kinds("STABLEHLO_PAD"))
def stablehlo_pad(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(st.lists(st.integers(0 if draw(st.integers(0, 9)) == 7 else 1, 4), min_size=1, max_size=5))
    edge = st.integers(draw(st.sampled_from([-8, -3, 0])), 4)
    low, high = ([draw(edge) for _ in shape] for _ in range(2))
    interior = [draw(st.integers(0, 3)) for _ in shape]
    output = [
        max(0, d + max(0, d - 1) * i + a + b) for d, i, a, b in zip(shape, interior, low, high, strict=True)
    ]
    value, fed = _value(draw, type, {})
    model = single_op_model(
        "STABLEHLO_PAD",
        [TensorSpec(shape, type), value],
        [TensorSpec(output, type)],
        {"edge_padding_low": low, "edge_padding_high": high, "interior_padding": interior},
    )
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed] for _ in range(2)])
