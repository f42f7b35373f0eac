"""CONCATENATION and PACK."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import TensorType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds, some_quantization

INT8, UINT8, INT16 = TensorType.INT8, TensorType.UINT8, TensorType.INT16
# scale and zero point: fine, coarse, and apart by more than uint8 can hold
QUANTIZATIONS = [(0.5, 0), (0.5, 3), (0.25, 128), (0.007, 255), (3.0, 17), (1e-9, 1), (1e30, 2), (1.0, 0)]


def _some_constant(
    draw: st.DrawFn, specs: list[TensorSpec], arrays: list[NDArray[Any]]
) -> tuple[list[TensorSpec], list[NDArray[Any]]]:
    """Some of the inputs as constants; at least one stays, so that there is something to compute at invoke."""
    fed = []
    for i in range(len(specs)):
        if specs[i].type is not TensorType.STRING and i > 0 and draw(st.integers(0, 4)) == 0:
            spec = specs[i]
            specs[i] = TensorSpec(spec.shape, spec.type, spec.scale, spec.zero_point, data=arrays[i])
        else:
            fed.append(arrays[i])
    return specs, fed


@generator("CONCATENATION", **movable_kinds("CONCATENATION"))
def concatenation(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    least = 0 if runtime == "tflite" else 1  # TFLM has no empty tensors
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=6))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    sizes = draw(st.lists(st.integers(least, 4), min_size=1, max_size=10))
    quantized = type in {INT8, UINT8, INT16}
    scale, zero_point = draw(st.sampled_from(QUANTIZATIONS)) if quantized else (None, None)
    if type is INT8 and zero_point is not None:
        zero_point = min(zero_point, 127)

    def spec(size: int) -> TensorSpec:
        s, z = scale, zero_point
        if type is UINT8 and draw(st.booleans()):
            s, z = draw(st.sampled_from(QUANTIZATIONS))
        elif type is INT16 and quantized:
            s, z = draw(st.sampled_from(QUANTIZATIONS))[0], 0
        dimensions = list(shape)
        dimensions[axis] = size
        return TensorSpec(dimensions, type, s, z)

    specs = [spec(size) for size in sizes]
    output = spec(sum(sizes))
    arrays = [arbitrary_bits(draw, s.shape, type) for s in specs]
    inputs, fed = _some_constant(draw, specs, arrays)
    return Problem(single_op_model("CONCATENATION", list(inputs), [output], {"axis": axis}), [fed])


@generator("PACK", **movable_kinds("PACK"))
def pack(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(st.lists(st.integers(0 if runtime == "tflite" else 1, 4), max_size=5))
    count = draw(st.integers(1, 5))
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    place = axis + len(shape) + 1 if axis < 0 else axis
    quantization = some_quantization(draw, type)
    specs = [TensorSpec(shape, type, **quantization)] * count
    inputs, fed = _some_constant(draw, specs, [arbitrary_bits(draw, shape, type) for _ in specs])
    output = TensorSpec([*shape[:place], count, *shape[place:]], type, **quantization)
    return Problem(
        single_op_model("PACK", list(inputs), [output], {"axis": axis, "values_count": count}), [fed]
    )
