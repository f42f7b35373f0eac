"""TRANSPOSE, REVERSE_V2 and REVERSE_SEQUENCE."""

from __future__ import annotations

from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds, operand

INT32, INT64 = TensorType.INT32, TensorType.INT64


@generator("TRANSPOSE", **movable_kinds("TRANSPOSE"))
def transpose(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    """No scalars: the native kernels read strides that they do not have, see docs/native-bugs.md."""
    type, tflm = TensorType[kind], runtime == "tflm"
    constant = tflm or draw(st.booleans())
    least = 0 if constant and not tflm else 1
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=5 if tflm else 8))
    rank = len(shape)
    axes = draw(st.permutations(range(rank)))
    output = [shape[axis] for axis in axes]
    said = [axis - rank if not tflm and draw(st.integers(0, 3)) == 0 else axis for axis in axes]
    if draw(st.integers(0, 19)) == 7:
        said[0] = draw(st.sampled_from([rank, -rank - 1, -1 if tflm else rank]))
    order, fed = operand(said, INT32, constant=constant)
    model = single_op_model("TRANSPOSE", [TensorSpec(shape, type), order], [TensorSpec(output, type)])
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed] for _ in range(2)])


@generator("REVERSE_V2", **movable_kinds("REVERSE_V2"))
def reverse_v2(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    """Always along some axis: for none the native kernels read an axis that is not there, see docs/native-bugs.md."""
    type = TensorType[kind]
    least = 1 if runtime == "tflm" else 0
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=6 if runtime == "tflm" else 8))
    first = draw(st.integers(0, len(shape) - 1))
    axes = draw(st.permutations(range(first, draw(st.integers(first + 1, len(shape))))))
    said = [axis - draw(st.sampled_from([0, len(shape)])) for axis in axes]
    if draw(st.integers(0, 9)) == 7:
        said[0] = draw(st.integers(-len(shape) - 1, len(shape)))
    where, fed = operand(said, INT32, constant=draw(st.booleans()))
    model = single_op_model("REVERSE_V2", [TensorSpec(shape, type), where], [TensorSpec(shape, type)])
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed] for _ in range(2)])


@generator("REVERSE_SEQUENCE", **movable_kinds("REVERSE_SEQUENCE"))
def reverse_sequence(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    """Only the first sequence may be too long: LiteRT looks at no other, see docs/native-bugs.md."""
    type = TensorType[kind]
    shape = draw(st.lists(st.integers(1, 5), min_size=2, max_size=6))
    sequence, batch = draw(st.permutations(range(len(shape))))[:2]
    lengths = [draw(st.integers(-1, shape[sequence])) for _ in range(shape[batch])]
    if draw(st.integers(0, 9)) == 7:
        lengths[0] = shape[sequence] + 1
    tensor, fed = operand(lengths, draw(st.sampled_from([INT32, INT64])), constant=draw(st.booleans()))
    if draw(st.integers(0, 19)) == 7:
        batch = sequence
    model = single_op_model(
        "REVERSE_SEQUENCE",
        [TensorSpec(shape, type), tensor],
        [TensorSpec(shape, type)],
        {"seq_dim": sequence, "batch_dim": batch},
    )
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed] for _ in range(2)])
