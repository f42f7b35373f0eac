"""CONCATENATION and PACK against the native runtimes: what random problems do not meet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, single_op_model
from tests.values import arbitrary_bits, bits_of

INT8, UINT8, INT16, FLOAT32 = TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.FLOAT32


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
