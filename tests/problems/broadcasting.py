"""TILE, BROADCAST_TO and BROADCAST_ARGS."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds, operand

INDEX_TYPES = st.sampled_from([TensorType.INT32, TensorType.INT64])


@generator("TILE", **movable_kinds("TILE"))
def tile(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    constant = draw(st.booleans())
    least = 0 if constant else 1
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=5))
    counts = [draw(st.integers(least, 3)) for _ in shape]
    output = [size * count for size, count in zip(shape, counts, strict=True)]
    if draw(st.integers(0, 19)) == 7:
        counts[0] = -1
    multiples, fed = operand(counts, draw(INDEX_TYPES), constant=constant)
    model = single_op_model("TILE", [TensorSpec(shape, type), multiples], [TensorSpec(output, type)])
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed] for _ in range(2)])


@generator("BROADCAST_TO", **movable_kinds("BROADCAST_TO"))
def broadcast_to(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, tflm = TensorType[kind], runtime == "tflm"
    constant = tflm or draw(st.booleans())
    least = 0 if constant and not tflm else 1
    output = draw(st.lists(st.integers(least, 4), min_size=1, max_size=5 if tflm else 8))
    shape = [1 if draw(st.booleans()) else d for d in output[draw(st.integers(0, len(output))) :]]
    wanted = list(output)
    if draw(st.integers(0, 9)) == 7:
        wanted[-1] += 1
    sizes, fed = operand(wanted, draw(INDEX_TYPES), constant=constant)
    model = single_op_model(
        "BROADCAST_TO", [TensorSpec(shape, type), sizes], [TensorSpec(output, type)], version=2
    )
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed] for _ in range(2)])


@generator("BROADCAST_ARGS", tflite=("INT32", "INT64"), tflm=("INT32", "INT64"))
def broadcast_args(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    """Only shapes that fit: of others the native runtimes die."""
    type = TensorType[kind]
    numbers = st.integers(-3, 5) | st.sampled_from([2**31 - 1, 2**40 + 7 if type is TensorType.INT64 else 0])
    # LiteRT's Python API cannot read an empty constant
    whole = draw(st.lists(numbers, min_size=1, max_size=6))
    inputs, fed = [], []
    shapes = [[1 if draw(st.integers(0, 2)) == 0 else d for d in whole] for _ in range(2)]
    cut = draw(st.integers(0, len(whole) - 1))
    shapes[draw(st.integers(0, 1))][:cut] = []
    for shape in shapes:
        spec, arrays = operand(shape, type, constant=draw(st.booleans()))
        inputs.append(spec)
        fed += arrays
    model = single_op_model("BROADCAST_ARGS", list(inputs), [TensorSpec((len(whole),), type)])
    return Problem(model, [fed, [np.array(a) for a in fed]])
