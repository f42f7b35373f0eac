"""AVERAGE_POOL_2D and MAX_POOL_2D against the native runtimes: what random problems do not meet."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.errors import PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import Padding
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems.pooling import pool_model
from tests.single_op import check_against_oracle, run_ours

OPERATORS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")


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
