"""SLICE and DYNAMIC_UPDATE_SLICE."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds, operand

INDEX_TYPES = st.sampled_from([TensorType.INT32, TensorType.INT64])


@generator("SLICE", **movable_kinds("SLICE"))
def slices(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, index_type, tflm = TensorType[kind], draw(INDEX_TYPES), runtime == "tflm"
    known = [True, True] if draw(st.booleans()) else [draw(st.booleans()) for _ in range(2)]
    # TFLM has no empty tensors, and LiteRT's Python API cannot read those that get their size at invoke
    least = 1 if tflm or not all(known) or draw(st.integers(0, 4)) != 3 else 0
    shape = draw(st.lists(st.integers(least, 5), min_size=1, max_size=5 if tflm else 7))
    begin = [draw(st.integers(0, max(0, d - least))) for d in shape]
    counts = [draw(st.integers(least, d - b)) for b, d in zip(begin, shape, strict=True)]
    output = counts
    size = [
        -1 if count == d - b and draw(st.booleans()) else count
        for count, d, b in zip(counts, shape, begin, strict=True)
    ]
    if tflm and all(known) and draw(st.booleans()):  # it takes what is stored, if it has as many elements
        output = [int(np.prod(counts)), 1]
    elif not tflm:
        if draw(st.booleans()):
            output = []  # then LiteRT infers it
        if draw(st.integers(0, 9)) == 7:
            size[0] += draw(st.integers(-3, 3))
        if draw(st.integers(0, 9)) == 7:
            begin[0] += draw(st.integers(-3, 3))
    begins, fed_begin = operand(begin, index_type, constant=known[0])
    sizes, fed_size = operand(size, index_type, constant=known[1])
    model = single_op_model("SLICE", [TensorSpec(shape, type), begins, sizes], [TensorSpec(output, type)])
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed_begin, *fed_size] for _ in range(2)])


@generator("DYNAMIC_UPDATE_SLICE", **movable_kinds("DYNAMIC_UPDATE_SLICE"))
def dynamic_update_slice(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, index_type = TensorType[kind], draw(INDEX_TYPES)
    least = 1 if runtime == "tflm" or draw(st.integers(0, 4)) != 3 else 0
    shape = draw(st.lists(st.integers(least, 5), min_size=1, max_size=6 if runtime == "tflm" else 8))
    block = [draw(st.integers(least, d)) for d in shape]
    far = st.sampled_from([-(2**31), 2**31 - 1])
    start = [draw(st.integers(-2, d + 2) | far) for d in shape]
    starts, fed = operand(start, index_type, constant=draw(st.booleans()))
    model = single_op_model(
        "DYNAMIC_UPDATE_SLICE",
        [TensorSpec(shape, type), TensorSpec(block, type), starts],
        [TensorSpec(shape, type)],
    )
    arrays = [[arbitrary_bits(draw, shape, type), arbitrary_bits(draw, block, type)] for _ in range(2)]
    return Problem(model, [[*pair, *fed] for pair in arrays])
