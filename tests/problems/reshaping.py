"""RESHAPE, SQUEEZE and EXPAND_DIMS."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from microinterp.runtimes import RUNTIMES
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds, operand, some_quantization

Shape = tuple[int, ...]


def reshape_model(
    shape: Shape,
    stored: Shape,
    wanted: TensorSpec | None = None,
    new_shape: Sequence[int] | None = None,
    type: TensorType = TensorType.FLOAT32,
    output_type: TensorType | None = None,
) -> bytes:
    """`stored` is the output's shape in the model; the new one comes from the tensor `wanted` or from `new_shape`."""
    inputs: list[TensorSpec | None] = [TensorSpec(shape, type)]
    if wanted is not None:
        inputs.append(wanted)
    options = {} if new_shape is None else {"new_shape": tuple(new_shape)}
    return single_op_model("RESHAPE", inputs, [TensorSpec(stored, output_type or type)], options)


def _equal_shapes(draw: st.DrawFn) -> tuple[Shape, Shape]:
    """Two shapes with as many elements."""
    factors = draw(st.lists(st.sampled_from([1, 2, 3, 5, 7]), max_size=5))

    def group(factors: list[int]) -> Shape:
        shape = [1] * draw(st.integers(min(1, len(factors)), 6))
        for factor in factors:
            shape[draw(st.integers(0, len(shape) - 1))] *= factor
        return tuple(shape)

    return group(factors), group(draw(st.permutations(factors)))


@generator("RESHAPE", **movable_kinds("RESHAPE"))
def reshape(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape, wanted = _equal_shapes(draw)
    if type is TensorType.STRING and not shape:
        shape = (1,)  # LiteRT's Python API sets a scalar string to something else
    said = list(wanted)
    if draw(st.booleans()) and said:
        said[draw(st.integers(0, len(said) - 1))] = -1
    source = draw(st.sampled_from(["options", "constant", "graph", "both"]))
    arrays = [arbitrary_bits(draw, shape, type) for _ in range(draw(st.integers(1, 2)))]
    if source == "options":
        return Problem(reshape_model(shape, wanted, new_shape=said, type=type), [[x] for x in arrays])
    spec, fed = operand(said, TensorType.INT32, constant=source != "graph")
    model = reshape_model(shape, wanted, spec, (4, 4) if source == "both" else None, type)
    return Problem(model, [[x, *fed] for x in arrays])


@generator("SQUEEZE", **movable_kinds("SQUEEZE"))
def squeeze(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    least = 0 if runtime == "tflite" else 1
    shape = [
        1 if draw(st.booleans()) else d for d in draw(st.lists(st.integers(least, 4), min_size=1, max_size=8))
    ]
    rank = len(shape)
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    dropped = draw(st.lists(st.sampled_from(ones), max_size=8)) if ones else []
    said = [axis - draw(st.sampled_from([0, rank])) for axis in dropped]
    if draw(st.integers(0, 19)) == 7:
        said.append(draw(st.sampled_from([-rank - 1, rank])))
    output = [size for axis, size in enumerate(shape) if axis not in (dropped or ones)]
    model = single_op_model(
        "SQUEEZE", [TensorSpec(shape, type)], [TensorSpec(output, type)], {"squeeze_dims": said}
    )
    return Problem(model, [[arbitrary_bits(draw, shape, type)] for _ in range(2)])


@generator("EXPAND_DIMS", **movable_kinds("EXPAND_DIMS"))
def expand_dims(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, tflm = TensorType[kind], runtime == "tflm"
    constant = tflm or draw(st.booleans())
    least = 0 if constant and not tflm else 1
    # LiteRT's Python API sets a scalar string to something else
    shape = draw(st.lists(st.integers(least, 4), min_size=type is TensorType.STRING, max_size=6))
    rank = len(shape)
    axis = draw(st.integers(-rank - 1, rank))
    place = axis + rank + 1 if axis < 0 else axis
    output = [*shape[:place], 1, *shape[place:]]
    if draw(st.integers(0, 19)) == 7:  # TFLM reads before the shape if the axis is less
        axis = rank + 1 if tflm else draw(st.sampled_from([rank + 1, -rank - 2]))
    said = draw(st.sampled_from([axis, [axis]]))
    where, fed = operand(
        said, draw(st.sampled_from(RUNTIMES[runtime].operand_types["EXPAND_DIMS"])), constant=constant
    )
    quantization = some_quantization(draw, type) if type is not TensorType.INT16 else {}
    model = single_op_model(
        "EXPAND_DIMS",
        [TensorSpec(shape, type, **quantization), where],
        [TensorSpec(output, type, **quantization)],
    )
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed] for _ in range(2)])
