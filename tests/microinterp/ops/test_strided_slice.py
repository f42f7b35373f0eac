"""STRIDED_SLICE against the native runtimes: what random problems do not meet."""

from __future__ import annotations

from typing import Any

import pytest

from microinterp.errors import MicrointerpError
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems.strided_slice import FLOAT32, Spec, slice_model
from tests.single_op import TensorSpec, check_against_oracle, run_ours
from tests.values import bits_of


@pytest.mark.parametrize(
    ("specs", "masks"),
    [
        pytest.param([(0, 2, 1)], {}, id="fewer specs"),
        pytest.param([(0, 2, 1), (0, -1, 1)], {}, id="negative size"),
        pytest.param([(0, 2, 1), (0, 2, 1)], {"end_mask": 3}, id="whole axes"),
    ],
)
def test_offsets_that_litert_dies_of_are_refused(specs: list[Spec], masks: dict[str, Any]) -> None:
    model, _ = slice_model(TensorSpec((3, 4), FLOAT32), specs, (2, 2), {"offset": True, **masks})
    with pytest.raises(MicrointerpError, match="offset"):
        run_ours(model, [[bits_of(0, (3, 4), FLOAT32)]], "tflite")


@pytest.mark.parametrize(
    ("begin", "stride"), [(3, 1), (0, -1)], ids=["beyond the end", "against the direction"]
)
def test_an_axis_that_cannot_shrink_leaves_the_output_alone(begin: int, stride: int) -> None:
    # Natively as well: whatever was in memory stays there, so there is nothing to compare.
    model, _ = slice_model(
        TensorSpec((3, 4), FLOAT32), [(begin, 0, stride), (0, 4, 1)], (4,), {"shrink_axis_mask": 1}
    )
    assert run_ours(model, [[bits_of(0, (3, 4), FLOAT32)]], "tflite")[0][0].shape == (4,)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("shape", "specs", "masks"),
    [
        pytest.param((3, 4), [(0, 2, 1), (0, 2, 0)], {}, id="zero stride"),
        pytest.param((3, 4), [(0, 2, 1), (0, 2, -(2**31))], {}, id="least stride"),
        pytest.param((3,), [(0, 2, 1)] * 32, {}, id="32 specs"),
    ],
)
def test_refusals(
    runtime: RuntimeName, shape: tuple[int, ...], specs: list[Spec], masks: dict[str, int]
) -> None:
    model, _ = slice_model(TensorSpec(shape, FLOAT32), specs, (2, 2), masks)
    assert not check_against_oracle(model, [[bits_of(0, shape, FLOAT32)]], runtime)


@pytest.mark.parametrize(
    ("shape", "specs", "masks", "output"),
    [
        pytest.param((3, 4), [(0, 2, 1), (0, 2, 1)], {}, (2, 3), id="another output in the model"),
        pytest.param((2,) * 5, [(0, 2, 1)] * 5, {}, (2,) * 5, id="five dimensions"),
        pytest.param((3, 4), [(1, 2, 1)], {}, (1, 4), id="fewer specs"),
        pytest.param((3, 4), [(1, 2, 1)] * 3, {"new_axis_mask": 1}, (1, 1, 1), id="new axis"),
        pytest.param((3, 4), [(1, 2, 1)] * 2, {"ellipsis_mask": 1}, (3, 1), id="ellipsis"),
        pytest.param((3, 4), [(1, 1, 1)] * 2, {"offset": True}, (1, 1), id="offset"),
    ],
)
def test_tflm_refuses(
    shape: tuple[int, ...], specs: list[Spec], masks: dict[str, int], output: tuple[int, ...]
) -> None:
    model, _ = slice_model(TensorSpec(shape, FLOAT32), specs, output, masks)
    assert not check_against_oracle(model, [[bits_of(0, shape, FLOAT32)]], "tflm")


@pytest.mark.parametrize("masks", [{"new_axis_mask": 1}, {"ellipsis_mask": 2}, {"offset": True}], ids=str)
def test_tflm_ignores_some_options(masks: dict[str, int]) -> None:
    model, _ = slice_model(TensorSpec((3, 4), FLOAT32), [(1, 2, 1), (1, 3, 1)], (1, 2), masks)
    assert check_against_oracle(model, [[bits_of(0, (3, 4), FLOAT32)]], "tflm")


@pytest.mark.parametrize("unknown", [0, 1, 2], ids=["begin", "end", "strides"])
def test_tflm_needs_constant_specs(unknown: int) -> None:
    model, fed = slice_model(
        TensorSpec((3, 4), FLOAT32), [(1, 2, 1), (1, 3, 1)], (1, 2), {}, [i != unknown for i in range(3)]
    )
    assert not check_against_oracle(model, [[bits_of(0, (3, 4), FLOAT32), *fed]], "tflm")
