"""STRIDED_SLICE against the native runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.errors import InvokeError, MicrointerpError
from microinterp.model.ir import TensorType
from microinterp.ops.strided_slice import Masks, select
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model
from tests.values import arbitrary_bits, bits_of, movable_types

FLOAT32, INT32 = TensorType.FLOAT32, TensorType.INT32
STRIDES = st.sampled_from([1, 1, 1, 2, 3, -1, -1, -2, -3, 7, -7])
Spec = tuple[int, int, int]


def slice_model(
    x: TensorSpec,
    specs: Sequence[Spec],
    output: Sequence[int],
    masks: dict[str, Any],
    known: Sequence[bool] = (True, True, True),
) -> tuple[bytes, list[NDArray[Any]]]:
    """The model, and what to feed for the begins, ends and strides that are not known."""
    columns = [np.array([spec[i] for spec in specs], np.int32) for i in range(3)]
    model = single_op_model(
        "STRIDED_SLICE",
        [
            x,
            *(
                TensorSpec(column.shape, INT32, data=column if k else None)
                for column, k in zip(columns, known, strict=True)
            ),
        ],
        [TensorSpec(output, x.type)],
        masks,
    )
    return model, [column for column, k in zip(columns, known, strict=True) if not k]


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(st.data())
def test_python_index(runtime: RuntimeName, data: st.DataObject) -> None:
    """What Python can index: slices, integers, an ellipsis and new axes, in any order."""
    draw = data.draw
    tflm = runtime == "tflm"
    element_type = draw(movable_types(runtime, "STRIDED_SLICE"))
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4 if tflm else 6))
    specs: list[Spec] = []
    index: list[Any] = []
    masks = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)

    def add(spec: Spec, selected: Any, **bits: bool) -> None:
        for mask, bit in bits.items():
            masks[mask] |= bit << len(specs)
        specs.append(spec)
        index.append(selected)

    def add_dimension(size: int) -> None:
        around = st.integers(-size - 2, size + 2) | st.sampled_from([2**31 - 1, -(2**31)])
        begin, end, stride = draw(around), draw(around), draw(STRIDES)
        no_begin, no_end = draw(st.booleans()), draw(st.booleans())
        if draw(st.integers(0, 3)) == 0:
            begin = draw(st.integers(-size, size - 1))
            # NB where a begin mask and a shrink mask meet, the index is the first
            place = 0 if no_begin else begin
            add((begin, end, abs(stride)), place, shrink_axis_mask=True, begin_mask=no_begin, end_mask=no_end)
            return
        selected = slice(None if no_begin else begin, None if no_end else end, stride)
        add((begin, end, stride), selected, begin_mask=no_begin, end_mask=no_end)

    def add_new_axes() -> None:
        while not tflm and draw(st.integers(0, 4)) == 4:
            anything = draw(st.integers(-9, 9))
            add(
                (anything, anything, anything), None, new_axis_mask=True, shrink_axis_mask=draw(st.booleans())
            )

    before = len(shape) if tflm else draw(st.integers(0, len(shape)))
    for size in shape[:before]:
        add_new_axes()
        add_dimension(size)
    add_new_axes()
    if before < len(shape) and draw(st.booleans()):
        anything = draw(st.integers(-9, 9))
        add((anything, anything, anything), ..., ellipsis_mask=True, new_axis_mask=draw(st.booleans()))
        after = draw(st.integers(0, len(shape) - before - 1))
        for size in shape[len(shape) - after :]:
            add_new_axes()
            add_dimension(size)
        add_new_axes()
    x = arbitrary_bits(draw, shape, element_type)
    output = np.empty(shape)[tuple(index)].shape
    known = (
        (True, True, True) if tflm or draw(st.booleans()) else tuple(draw(st.booleans()) for _ in range(3))
    )
    if 0 in output:
        # TFLM has no empty tensors; LiteRT's Python API cannot read those that get their size at invoke
        assume(not tflm and all(known))
    constant = element_type is not TensorType.STRING and 0 not in output and draw(st.integers(0, 4)) == 0
    model, fed = slice_model(
        TensorSpec(shape, element_type, data=x if constant else None), specs, output, masks, known
    )
    fed = [*([] if constant else [x]), *fed]
    assert check_against_oracle(model, [fed, fed], runtime)


@given(st.data())
def test_any_masks(data: st.DataObject) -> None:
    """Masks that make no sense, too many specs, an ellipsis for nothing, strides against the shrunk axis, …"""
    draw = data.draw
    shape = draw(st.lists(st.integers(0, 3), max_size=4))
    count = draw(st.integers(1, 5))
    around = st.integers(-5, 5)
    specs = [(draw(around), draw(around), draw(st.integers(-3, 3))) for _ in range(count)]
    masks: dict[str, Any] = {
        mask: draw(st.integers(0, 63)) & draw(st.integers(0, 63))
        for mask in ("begin_mask", "end_mask", "new_axis_mask", "shrink_axis_mask")
    }
    # LiteRT takes new axes and ellipses beyond the specs for parts of the input.
    masks["new_axis_mask"] &= (1 << count) - 1
    masks["ellipsis_mask"] = draw(st.sampled_from([0, *(1 << i for i in range(count))]))
    masks["offset"] = draw(st.integers(0, 3)) == 3
    begin, end, strides = zip(*specs, strict=True)
    try:
        selection = select(tuple(shape), Masks(**masks), begin, end, strides)
    except InvokeError as error:
        # LiteRT reads and writes beyond its arrays here, and often dies of it.
        assume("offsets" not in str(error) and "followed by a new axis" not in str(error))
    else:
        # LiteRT leaves the rest of the output unwritten.
        assume(selection.count == prod(selection.shape))
    x = arbitrary_bits(draw, shape, FLOAT32)
    model, fed = slice_model(TensorSpec(shape, FLOAT32), specs, [1], masks)
    check_against_oracle(model, [[x, *fed]], "tflite")


@given(st.data())
def test_offset(data: st.DataObject) -> None:
    """With `offset` the ends are sizes, and the begins may be unknown though the output's shape is known."""
    draw = data.draw
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    specs: list[Spec] = []
    shrink, output = 0, []
    for i, size in enumerate(shape):
        begin = draw(st.integers(0, size - 1))
        length, stride = draw(st.integers(1, size - begin)), draw(st.integers(1, 3))
        shrinks = draw(st.integers(0, 3)) == 3
        specs.append((begin - draw(st.sampled_from([0, size])), length, stride))
        shrink |= shrinks << i
        if not shrinks:
            output.append(-(-length // stride))
    x = arbitrary_bits(draw, shape, FLOAT32)
    # LiteRT dies of ends that are not known: it needs them at prepare
    model, fed = slice_model(
        TensorSpec(shape, FLOAT32),
        specs,
        output,
        {"offset": True, "shrink_axis_mask": shrink},
        (draw(st.booleans()), True, draw(st.booleans())),
    )
    assert check_against_oracle(model, [[x, *fed]], "tflite")


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
