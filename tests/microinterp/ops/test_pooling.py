"""AVERAGE_POOL_2D and MAX_POOL_2D against the native runtimes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.errors import PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import Padding
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

OPERATORS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
TYPES = {
    "tflite": (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16),
    "tflm": (TensorType.FLOAT32, TensorType.INT8, TensorType.INT16),
}
CASES = [
    (operator, runtime, t) for operator in OPERATORS for runtime in RUNTIME_NAMES for t in TYPES[runtime]
]


def count(padding: Padding, image: int, window: int, stride: int) -> int:
    """How many windows there are in one direction: the definition, not TFLite's formula."""
    last = image - 1 if padding is Padding.SAME else image - window
    return len(range(0, last + 1, stride))


def pool_model(
    operator: str,
    shape: tuple[int, ...],
    type: TensorType,
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    activation: int = 0,
    quantization: dict[str, Any] | None = None,
    output_quantization: dict[str, Any] | None = None,
) -> bytes:
    quantization = quantization or {}
    sizes = (
        [count(padding, shape[1 + i], window[i], stride[i]) for i in (0, 1)] if min(stride) > 0 else [1, 1]
    )
    return single_op_model(
        operator,
        [TensorSpec(shape, type, **quantization)],
        [TensorSpec((shape[0], *sizes, shape[-1]), type, **(output_quantization or quantization))],
        {
            "padding": padding,
            "stride_h": stride[0],
            "stride_w": stride[1],
            "filter_height": window[0],
            "filter_width": window[1],
            "fused_activation_function": activation,
        },
    )


def values(draw: st.DrawFn, shape: tuple[int, ...], type: TensorType) -> np.ndarray[Any, Any]:
    """Random values of a tensor, extreme ones and ties included."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = NUMPY_TYPES[type]
    if type is not TensorType.FLOAT32:
        limits = np.iinfo(dtype)
        spread = draw(st.sampled_from([1, 3, limits.max]))
        middle = draw(st.sampled_from([limits.min, 0, limits.max]))
        return np.clip(rng.integers(-spread, spread + 1, shape) + middle, limits.min, limits.max).astype(
            dtype
        )
    # NaNs are drawn with the sign that inf − inf has on x86: which of two NaNs with different signs survives their
    # addition depends in NumPy on the element's place in its vector register
    drawn = (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(np.float32)
    special = draw(
        st.sampled_from([[], [0.0, -0.0], [-0.0], [3e38, -3e38], [np.inf, 1e-44], [np.inf, -np.inf, -np.nan]])
    )
    if special:
        chosen = rng.random(shape) < draw(st.sampled_from([0.1, 1.0]))
        drawn = np.where(chosen, rng.choice(np.array(special, np.float32), shape), drawn)
    return drawn


@st.composite
def problems(
    draw: st.DrawFn, operator: str, type: TensorType
) -> tuple[bytes, list[list[np.ndarray[Any, Any]]]]:
    batches, channels = draw(st.integers(1, 2)), draw(st.sampled_from([1, 2, 3, 8]))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    padding = draw(st.sampled_from(Padding))
    most = (14, 14) if padding is Padding.SAME else (height, width)
    window = (draw(st.integers(1, most[0])), draw(st.integers(1, most[1])))
    stride = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    shape = (batches, height, width, channels)
    quantization = {}
    if type is not TensorType.FLOAT32:
        limits = np.iinfo(NUMPY_TYPES[type])
        zero_point = draw(
            st.one_of(st.sampled_from([limits.min, 0, limits.max]), st.integers(limits.min, limits.max))
        )
        scale = draw(st.sampled_from([1e-5, 0.01, 0.0234, 0.5, 7.0]))
        quantization = {"scale": scale, "zero_point": zero_point}
    activation = draw(st.integers(0, 5))
    model = pool_model(operator, shape, type, window, stride, padding, activation, quantization)
    return model, [[values(draw, shape, type)] for _ in range(draw(st.integers(1, 2)))]


@pytest.mark.parametrize(("operator", "runtime", "type"), CASES)
@given(data=st.data())
def test_pools_as_native(data: st.DataObject, operator: str, runtime: RuntimeName, type: TensorType) -> None:
    model, invokes = data.draw(problems(operator, type))
    assert check_against_oracle(model, invokes, runtime)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("type", [TensorType.FLOAT32, TensorType.INT8, TensorType.INT16])
def test_images_too_large_to_stack(operator: str, runtime: RuntimeName, type: TensorType) -> None:
    shape = (1, 60, 60, 16)
    quantization = {} if type is TensorType.FLOAT32 else {"scale": 0.5, "zero_point": 0}
    model = pool_model(operator, shape, type, (5, 4), (1, 1), Padding.SAME, 1, quantization)
    rng = np.random.default_rng(3)
    image = (rng.standard_normal(shape) * 100).astype(NUMPY_TYPES[type])
    assert check_against_oracle(model, [[image]], runtime)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_long_sums_in_order(operator: str, runtime: RuntimeName, channels: int) -> None:
    shape = (1, 20, 30, channels)
    model = pool_model(operator, shape, TensorType.FLOAT32, (20, 30), (1, 1), Padding.VALID)
    image = np.random.default_rng(2).standard_normal(shape, np.float32)
    assert check_against_oracle(model, [[image]], runtime)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_sums_that_float32_cannot_hold(operator: str, runtime: RuntimeName) -> None:
    shape = (1, 40, 40, 2)
    quantization = {"scale": 0.5, "zero_point": 0}
    model = pool_model(operator, shape, TensorType.INT16, (40, 40), (1, 1), Padding.VALID, 0, quantization)
    image = np.full(shape, 30001, np.int16)
    image[0, :20] = 30002  # the averages are 30001.5 and a little less
    image[0, 0, 0, 1] = 30001
    assert check_against_oracle(model, [[image]], runtime)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_huge_windows_cost_no_more_than_the_image(operator: str, runtime: RuntimeName) -> None:
    shape = (1, 3, 4, 2)
    image = np.arange(24, dtype=np.float32).reshape(shape)
    model = pool_model(operator, shape, TensorType.FLOAT32, (65534, 60000), (2, 1), Padding.SAME)
    assert check_against_oracle(model, [[image]], runtime)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("window", [(2, 65539), (2**31 - 1, 2)])
def test_refuses_windows_with_too_much_padding(operator: str, window: tuple[int, int]) -> None:
    shape = (1, 3, 4, 2)
    image = np.ones(shape, np.float32)
    model = pool_model(operator, shape, TensorType.FLOAT32, window, (1, 1), Padding.SAME)
    assert not check_against_oracle(model, [[image]], "tflite")
    with pytest.raises(PrepareError):  # TFLM reads beside the image
        run_ours(model, [[image]], "tflm")


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(
    ("shape", "window", "padding"),
    [
        ((1, 4, 4, 1), (6, 2), Padding.VALID),
        ((1, 4, 4, 1), (2, 6), Padding.VALID),
        ((1, 4, 4, 1), (5, 2), Padding.VALID),
        ((1, 4, 4, 1), (0, 2), Padding.SAME),
        ((1, 4, 4, 1), (2, -1), Padding.SAME),
        ((0, 4, 4, 1), (2, 2), Padding.SAME),
        ((1, 0, 4, 1), (2, 2), Padding.SAME),
        ((1, 4, 4, 0), (2, 2), Padding.VALID),
    ],
)
def test_outputs_without_elements(
    operator: str, shape: tuple[int, ...], window: tuple[int, int], padding: Padding
) -> None:
    model = pool_model(operator, shape, TensorType.FLOAT32, window, (2, 2), padding)
    assert check_against_oracle(model, [[np.ones(shape, np.float32)]], "tflite")


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("type", [TensorType.INT8, TensorType.INT16])
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("scale", "zero_point", "equal"),
    [(0.5, 1, False), (0.50001, 0, False), (0.5000009, 0, True), (0.500001, 0, False)],
)
def test_differently_quantized_outputs(
    operator: str, type: TensorType, runtime: RuntimeName, scale: float, zero_point: int, equal: bool
) -> None:
    shape = (1, 3, 3, 1)
    quantization = {"scale": 0.5, "zero_point": 0}
    output = {"scale": scale, "zero_point": zero_point}
    model = pool_model(operator, shape, type, (2, 2), (1, 1), Padding.SAME, 3, quantization, output)
    image = np.arange(-4, 5).astype(NUMPY_TYPES[type]).reshape(shape)
    assert check_against_oracle(model, [[image]], runtime) == (equal or runtime == "tflite")


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("type", [TensorType.INT32, TensorType.INT64, TensorType.BOOL])
def test_refuses_other_types(operator: str, runtime: RuntimeName, type: TensorType) -> None:
    shape = (1, 4, 4, 1)
    model = pool_model(operator, shape, type, (2, 2), (2, 2), Padding.SAME)
    assert not check_against_oracle(model, [[np.ones(shape, NUMPY_TYPES[type])]], runtime)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("shape", "stride"),
    [((1, 4, 4, 1), (0, 1)), ((1, 4, 4, 1), (1, -1)), ((4, 4, 1), (1, 1)), ((1, 1, 4, 4, 1), (1, 1))],
)
def test_refuses_what_makes_no_sense(
    operator: str, runtime: RuntimeName, shape: tuple[int, ...], stride: tuple[int, int]
) -> None:
    # TFLM does not check and reads or writes outside the tensors; LiteRT refuses
    model = pool_model(operator, shape, TensorType.FLOAT32, (2, 2), stride, Padding.SAME)
    with pytest.raises(PrepareError):
        run_ours(model, [[np.ones(shape, np.float32)]], runtime)
