"""CONCATENATION and PACK against the native runtimes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, single_op_model
from tests.values import Draw, arbitrary_bits, bits_of, movable_types

INT8, UINT8, INT16, FLOAT32 = TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.FLOAT32
# scale and zero point: fine, coarse, and apart by more than uint8 can hold
QUANTIZATIONS = [(0.5, 0), (0.5, 3), (0.25, 128), (0.007, 255), (3.0, 17), (1e-9, 1), (1e30, 2), (1.0, 0)]


def some_constant(
    draw: Draw, specs: list[TensorSpec], arrays: list[NDArray[Any]]
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


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(st.data())
def test_concatenation(runtime: RuntimeName, data: st.DataObject) -> None:
    draw = data.draw
    element_type = draw(movable_types(runtime, "CONCATENATION"))
    least = 0 if runtime == "tflite" else 1  # TFLM has no empty tensors
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=6))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    sizes = draw(st.lists(st.integers(least, 4), min_size=1, max_size=10))
    quantized = element_type in {INT8, UINT8, INT16}
    scale, zero_point = draw(st.sampled_from(QUANTIZATIONS)) if quantized else (None, None)
    if element_type is INT8 and zero_point is not None:
        zero_point = min(zero_point, 127)

    def spec(size: int) -> TensorSpec:
        s, z = scale, zero_point
        if element_type is UINT8 and draw(st.booleans()):
            s, z = draw(st.sampled_from(QUANTIZATIONS))
        elif element_type is INT16 and quantized:
            s, z = draw(st.sampled_from(QUANTIZATIONS))[0], 0
        dimensions = list(shape)
        dimensions[axis] = size
        return TensorSpec(dimensions, element_type, s, z)

    specs = [spec(size) for size in sizes]
    output = spec(sum(sizes))
    arrays = [arbitrary_bits(draw, s.shape, element_type) for s in specs]
    inputs, fed = some_constant(draw, specs, arrays)
    model = single_op_model("CONCATENATION", list(inputs), [output], {"axis": axis})
    assert check_against_oracle(model, [fed], runtime)


@given(st.data())
def test_concatenation_requantizes_uint8(data: st.DataObject) -> None:
    draw = data.draw
    scales = st.floats(2**-20, 2**20, width=32) | st.sampled_from([0.5, 1.0, 1 / 255, 2.0, 1e-38, 3e38])
    specs = [
        TensorSpec((256,), UINT8, draw(scales), draw(st.integers(0, 255)))
        for _ in range(draw(st.integers(1, 4)))
    ]
    output = TensorSpec((256 * len(specs),), UINT8, draw(scales), draw(st.integers(0, 255)))
    model = single_op_model("CONCATENATION", list(specs), [output], {"axis": 0})
    assert check_against_oracle(model, [[arbitrary_bits(draw, (256,), UINT8) for _ in specs]], "tflite")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("specs", "output", "options"),
    [
        pytest.param([((2, 3), FLOAT32)] * 2, ((4, 3), FLOAT32), {"axis": 2}, id="no such axis"),
        pytest.param([((2, 3), FLOAT32)] * 2, ((4, 3), FLOAT32), {"axis": -3}, id="no such negative axis"),
        pytest.param(
            [((2, 3), FLOAT32)] * 2, ((4, 3), FLOAT32), {"fused_activation_function": 1}, id="activation"
        ),
        pytest.param([((2, 3), FLOAT32), ((2, 3), INT8)], ((4, 3), FLOAT32), {}, id="mixed inputs"),
        pytest.param([((2, 3), FLOAT32)] * 2, ((4, 3), INT8), {}, id="another output type"),
        pytest.param([((2, 3), INT8, 0.5, 1), ((2, 3), INT8, 0.5, 2)], ((4, 3), INT8, 0.5, 1), {}, id="int8"),
        pytest.param([((2, 3), INT8, 0.5, 1)] * 2, ((4, 3), INT8, 0.25, 1), {}, id="int8 output"),
        pytest.param([((2, 3), INT16, 0.5, 1)] * 2, ((4, 3), INT16, 0.5, 0), {}, id="int16 zero point"),
        pytest.param(
            [((2, 3), INT16, 0.5, 0)] * 2, ((4, 3), INT16, 0.5, 1), {}, id="int16 output zero point"
        ),
        pytest.param([((2, 3), TensorType.UINT64)] * 2, ((4, 3), TensorType.UINT64), {}, id="type"),
    ],
)
def test_concatenation_refuses(
    runtime: RuntimeName, specs: list[tuple[Any, ...]], output: tuple[Any, ...], options: dict[str, Any]
) -> None:
    if runtime == "tflm" and "axis" in options:
        pytest.skip("TFLM does not check the axis: it reads beyond the shape")
    model = single_op_model(
        "CONCATENATION", [TensorSpec(*s) for s in specs], [TensorSpec(*output)], {"axis": 0, **options}
    )
    arrays = [bits_of(0, s[0], s[1]) for s in specs]
    assert not check_against_oracle(model, [arrays], runtime)


@pytest.mark.parametrize(("inputs", "rank", "accepted"), [(10, 6, True), (11, 2, False), (2, 7, False)])
def test_limits_of_tflm(inputs: int, rank: int, accepted: bool) -> None:
    shape, whole = (2,) * rank, (2 * inputs,) + (2,) * (rank - 1)
    model = single_op_model(
        "CONCATENATION",
        [TensorSpec(shape, INT8, 1.0, 0)] * inputs,
        [TensorSpec(whole, INT8, 1.0, 0)],
        {"axis": 0},
    )
    arrays = [bits_of(0, shape, INT8)] * inputs
    assert check_against_oracle(model, [arrays], "tflm") is accepted
    assert check_against_oracle(model, [arrays], "tflite")


@pytest.mark.parametrize(("axis", "constant"), [(0, True), (-1, True), (1, True), (0, False)])
def test_concatenation_of_scalars(axis: int, constant: bool) -> None:
    # LiteRT copies constant scalars without looking at their quantization.
    scalars = [
        TensorSpec((), UINT8, 0.5, 3, data=7),
        TensorSpec((), UINT8, 0.25, 4, data=9 if constant else None),
    ]
    model = single_op_model("CONCATENATION", list(scalars), [TensorSpec((2,), UINT8, 1.0, 5)], {"axis": axis})
    fed = [] if constant else [bits_of(0, (), UINT8)]
    assert check_against_oracle(model, [fed], "tflite") is (axis == 0 and constant)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(st.data())
def test_pack(runtime: RuntimeName, data: st.DataObject) -> None:
    draw = data.draw
    element_type = draw(movable_types(runtime, "PACK"))
    shape = draw(st.lists(st.integers(0 if runtime == "tflite" else 1, 4), max_size=5))
    count = draw(st.integers(1, 5))
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    place = axis + len(shape) + 1 if axis < 0 else axis
    specs = [TensorSpec(shape, element_type, 0.5, 3)] * count
    inputs, fed = some_constant(draw, specs, [arbitrary_bits(draw, shape, element_type) for _ in specs])
    output = TensorSpec([*shape[:place], count, *shape[place:]], element_type, 0.5, 3)
    model = single_op_model("PACK", list(inputs), [output], {"axis": axis, "values_count": count})
    assert check_against_oracle(model, [fed], runtime)


@pytest.mark.parametrize(
    ("specs", "options"),
    [
        pytest.param([((2, 3), FLOAT32)] * 2, {"axis": 3}, id="no such axis"),
        pytest.param([((2, 3), FLOAT32)] * 2, {"axis": -4}, id="no such negative axis"),
        pytest.param([((2, 3), FLOAT32)] * 2, {"values_count": 3}, id="too few"),
        pytest.param([((2, 3), FLOAT32), ((3, 2), FLOAT32)], {}, id="shapes"),
        pytest.param([((2, 3), FLOAT32), ((2, 3), INT8)], {}, id="types"),
        pytest.param([((2, 3), FLOAT32), ((2, 3), FLOAT32, 0.5, 1)], {}, id="quantization"),
        pytest.param([((2, 3), TensorType.BOOL)] * 2, {}, id="bool"),
    ],
)
def test_pack_refuses(specs: list[tuple[Any, ...]], options: dict[str, Any]) -> None:
    model = single_op_model(
        "PACK",
        [TensorSpec(*s) for s in specs],
        [TensorSpec((2, 2, 3), specs[0][1])],
        {"axis": 0, "values_count": 2, **options},
    )
    arrays = [bits_of(0, s[0], s[1]) for s in specs]
    assert not check_against_oracle(model, [arrays], "tflite")


def test_tflm_packs_whatever_the_quantization() -> None:
    specs = [TensorSpec((2, 3), INT8, 0.5, 1), TensorSpec((2, 3), INT8, 0.25, -4)]
    model = single_op_model(
        "PACK", list(specs), [TensorSpec((2, 2, 3), INT8, 1.0, 0)], {"axis": 0, "values_count": 2}
    )
    arrays = [bits_of(seed, (2, 3), INT8) for seed in range(2)]
    assert check_against_oracle(model, [arrays], "tflm")
    assert not check_against_oracle(model, [arrays], "tflite")
