"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR against the native runtimes; random ones are in tests/problems."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.errors import MicrointerpError
from microinterp.model.ir import TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems.resize import last_neighbours, resize_model
from tests.single_op import TensorSpec, check_against_oracle, run_ours
from tests.values import bits_of

FLOAT32, INT8 = TensorType.FLOAT32, TensorType.INT8


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_pixels_beyond_a_row_are_those_of_the_next(runtime: RuntimeName) -> None:
    # 1 → 70: the scale 15/1024 leads to pixel 69 · 15 / 1024 ≥ 1 of 1; the row after it is in the image.
    options = {"align_corners": False, "half_pixel_centers": False}
    assert last_neighbours(1, 70, options) == (1, 0)
    model, _ = resize_model("RESIZE_BILINEAR", TensorSpec((1, 3, 1, 2), INT8, 0.5, 0), [1, 70], options)
    x = np.array([[10, 20], [-30, 40], [50, 60]], np.int8).reshape(1, 3, 1, 2)
    assert check_against_oracle(model, [[x]], runtime)
    assert run_ours(model, [[x]], runtime)[0][0][0, 0, -1].tolist() == [-30, 40]


@pytest.mark.parametrize("operator", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("shape", "element_type", "new_size"),
    [
        pytest.param((2, 2, 3), FLOAT32, [3, 3], id="rank"),
        pytest.param((1, 2, 2, 3), TensorType.INT64, [3, 3], id="type"),
        pytest.param((1, 2, 2, 3), FLOAT32, [-1, 3], id="negative size"),
    ],
)
def test_refusals(
    operator: str, runtime: RuntimeName, shape: tuple[int, ...], element_type: TensorType, new_size: list[int]
) -> None:
    model, _ = resize_model(operator, TensorSpec(shape, element_type), new_size, {})
    assert not check_against_oracle(model, [[bits_of(0, shape, element_type)]], runtime)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("new_size", [[0, 3], [3, -2]], ids=str)
def test_bilinear_needs_a_positive_size(new_size: list[int], known: bool) -> None:
    model, fed = resize_model("RESIZE_BILINEAR", TensorSpec((1, 2, 2, 3), FLOAT32), new_size, {}, known=known)
    assert not check_against_oracle(model, [[bits_of(0, (1, 2, 2, 3), FLOAT32), *fed]], "tflite")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_bilinear_refuses_both_options(runtime: RuntimeName) -> None:
    options = {"align_corners": True, "half_pixel_centers": True}
    model, _ = resize_model("RESIZE_BILINEAR", TensorSpec((1, 2, 2, 3), FLOAT32), [3, 3], options)
    assert not check_against_oracle(model, [[bits_of(0, (1, 2, 2, 3), FLOAT32)]], runtime)


@pytest.mark.parametrize("operator", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
def test_tflm_needs_a_constant_size(operator: str) -> None:
    model, fed = resize_model(operator, TensorSpec((1, 2, 2, 3), FLOAT32), [3, 3], {}, known=False)
    assert not check_against_oracle(model, [[bits_of(0, (1, 2, 2, 3), FLOAT32), *fed]], "tflm")


def test_litert_needs_two_sizes() -> None:
    model, _ = resize_model("RESIZE_BILINEAR", TensorSpec((1, 2, 2, 3), FLOAT32), [3, 3, 3], {})
    assert not check_against_oracle(model, [[bits_of(0, (1, 2, 2, 3), FLOAT32)]], "tflite")


@pytest.mark.parametrize("operator", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
def test_an_image_without_pixels_is_refused(operator: str) -> None:
    # LiteRT reads whatever is at its address: no oracle.
    model, _ = resize_model(operator, TensorSpec((1, 0, 2, 3), FLOAT32), [3, 3], {})
    with pytest.raises(MicrointerpError, match="has no pixels"):
        run_ours(model, [[np.zeros((1, 0, 2, 3), np.float32)]], "tflite")
