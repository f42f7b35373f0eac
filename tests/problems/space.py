"""SPACE_TO_DEPTH, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND."""

from __future__ import annotations

from math import prod

from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds, operand, some_quantization

INT32 = TensorType.INT32


def _least(runtime: RuntimeName, constant: bool = True) -> int:
    """TFLM has no empty tensors, and LiteRT's Python API cannot read those that get their size at invoke."""
    return 1 if runtime == "tflm" or not constant else 0


@generator("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", **movable_kinds("SPACE_TO_DEPTH"))
def blocks_of_space(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type, block = TensorType[kind], draw(st.integers(1, 4))
    least = _least(runtime)
    n, h, w, c = (draw(st.integers(least, 3)) for _ in range(4))
    spatial, deep = (n, h * block, w * block, c), (n, h, w, c * block * block)
    x, output = (spatial, deep) if operator == "SPACE_TO_DEPTH" else (deep, spatial)
    said = draw(st.sampled_from([block] * 18 + [block + 1, 0, -1]))
    model = single_op_model(operator, [TensorSpec(x, type)], [TensorSpec(output, type)], {"block_size": said})
    return Problem(model, [[arbitrary_bits(draw, x, type)] for _ in range(2)])


@generator("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", **movable_kinds("SPACE_TO_BATCH_ND"))
def batches(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type, tflm = TensorType[kind], runtime == "tflm"
    known = [True, True] if draw(st.booleans()) else [draw(st.booleans()) for _ in range(2)]
    least = _least(runtime, all(known))
    rank = draw(st.integers(1, 2))
    blocks = [draw(st.integers(1, 3)) for _ in range(rank)]
    counts = [draw(st.integers(least, 3)) for _ in range(rank)]
    batch, channels = draw(st.integers(least, 3)), draw(st.integers(least, 3))
    whole = [count * block for count, block in zip(counts, blocks, strict=True)]
    borders = []
    for size in whole:  # at least one place is left where there must be one
        before = draw(st.integers(0, max(0, size - least)))
        borders.append((before, draw(st.integers(0, max(0, size - least - before)))))
    spatial = [size - sum(pair) for size, pair in zip(whole, borders, strict=True)]
    x = [batch, *spatial, channels]
    y = [batch * prod(blocks), *counts, channels]
    if operator == "BATCH_TO_SPACE_ND":
        x, y = y, x
    if not tflm and all(known) and draw(st.integers(0, 9)) == 7:  # TFLM does not check anything
        borders[0] = (borders[0][0] + 1, borders[0][1])
    quantization = some_quantization(draw, type) if type is not TensorType.INT16 else {}
    block_shape, fed_blocks = operand(blocks, INT32, constant=known[0])
    widths, fed_widths = operand(borders, INT32, constant=known[1])
    model = single_op_model(
        operator,
        [TensorSpec(x, type, **quantization), block_shape, widths],
        [TensorSpec(y, type, **quantization)],
    )
    return Problem(model, [[arbitrary_bits(draw, x, type), *fed_blocks, *fed_widths] for _ in range(2)])
