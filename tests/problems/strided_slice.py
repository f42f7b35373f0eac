"""STRIDED_SLICE."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.errors import InvokeError
from microinterp.model.ir import TensorType
from microinterp.ops.strided_slice import Masks, select
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds

FLOAT32, INT32 = TensorType.FLOAT32, TensorType.INT32
STRIDES = st.sampled_from([1, 1, 1, 2, 3, -1, -1, -2, -3, 7, -7])
ANY_MASKS, OFFSETS = "FLOAT32, any masks", "FLOAT32, offset"
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


_KINDS = movable_kinds("STRIDED_SLICE")


@generator("STRIDED_SLICE", tflite=(*_KINDS["tflite"], ANY_MASKS, OFFSETS), tflm=_KINDS["tflm"])
def strided_slice(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    if kind == ANY_MASKS:
        return _any_masks(draw)
    return _offsets(draw) if kind == OFFSETS else _python_index(draw, TensorType[kind], runtime)


def _python_index(draw: st.DrawFn, element_type: TensorType, runtime: RuntimeName) -> Problem:
    """What Python can index: slices, integers, an ellipsis and new axes, in any order."""
    tflm = runtime == "tflm"
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
    return Problem(model, [fed, fed])


def _any_masks(draw: st.DrawFn) -> Problem:
    """Masks that make no sense, too many specs, an ellipsis for nothing, strides against the shrunk axis, …"""
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
    return Problem(model, [[x, *fed]])


def _offsets(draw: st.DrawFn) -> Problem:
    """With `offset` the ends are sizes, and the begins may be unknown though the output's shape is known."""
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
    return Problem(model, [[x, *fed]])
