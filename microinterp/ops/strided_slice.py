"""STRIDED_SLICE: what Python's `x[begin:end:stride, ..., None, i]` selects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from types import EllipsisType

import numpy as np

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import (
    Shape,
    decide,
    require_data_type,
    require_few_dimensions,
    require_static,
    require_stored_shape,
)

_MOST_SPECS = 31  # the bits of a mask
_INT32_MIN = -(2**31)

# An axis of the input with the new axes among them that is not the place of a spec.
_WHOLE, _NEW = -1, -2


@dataclass(frozen=True, slots=True)
class Masks:
    """The options; bit i of a mask is for the i-th spec, a spec being begin, end and stride."""

    begin_mask: int
    end_mask: int
    ellipsis_mask: int
    new_axis_mask: int
    shrink_axis_mask: int
    offset: bool

    def places(self, rank: int, specs: int) -> list[int]:
        """For each axis of the input and each new one, in order: the number of its spec, `_WHOLE` or `_NEW`."""
        ellipsis, new = self.ellipsis_mask, self.new_axis_mask & ~self.ellipsis_mask
        if ellipsis & (ellipsis - 1):
            raise InvokeError("there is more than one ellipsis")
        if (ellipsis | new) >> specs:  # LiteRT makes something of them, but nothing that fits the input
            raise InvokeError(f"there are {specs} specs, but an ellipsis or new axis beyond them")
        axes = rank + new.bit_count()
        places: list[int] = []
        for i in range(specs):
            if ellipsis >> i & 1:
                # NB an ellipsis always takes an axis, even where the other specs leave none for it
                places += [_WHOLE] * max(1, 1 + axes - specs)
            else:
                places.append(_NEW if new >> i & 1 else i)
        places = (places + [_WHOLE] * axes)[:axes]
        if places.count(_NEW) != new.bit_count():
            raise InvokeError("an ellipsis that stands for no axis cannot be followed by a new axis")
        return places


@dataclass(frozen=True, slots=True)
class Selection:
    """What a STRIDED_SLICE selects: `input[index]`, for an output of `shape`.

    The index ends with an ellipsis, so that one element is still an array. It selects `count` elements, `exactly`
    in the output's shape unless an index to shrink to, or an offset, is out of range.
    """

    index: tuple[slice | int | EllipsisType | None, ...]
    shape: Shape
    count: int
    exactly: bool

    def copy(self, x: Array, output: Array) -> None:
        """Copy what is selected."""
        output[...] = x[self.index]

    def copy_part(self, x: Array, output: Array) -> None:
        """Copy what is selected to the front, and leave the rest of the output as it is, as natively."""
        output.reshape(-1)[: self.count] = x[self.index].reshape(-1)


def prepare_strided_slice(node: Node) -> Invocation:
    """STRIDED_SLICE of all element types and ranks that the runtime has, with specs known at prepare or not."""
    node.require_counts(4, 1)
    x, *specs = (node.input(i) for i in range(4))
    begin, end, strides = specs
    output = node.output()
    require_few_dimensions(node, x)
    for spec in specs:
        node.require_type(spec, TensorType.INT32)
        node.require_rank(spec, 1)
    node.require(
        begin.size == end.size <= strides.size, f"{begin}, {end} and {strides} must have the same size"
    )
    node.require(begin.size <= _MOST_SPECS, f"{begin} must have at most {_MOST_SPECS} elements")
    options = {name: node.options[name] for name in Masks.__slots__}
    if not node.runtime.strided_slice_expands_specs:
        node.require(begin.size >= len(x.shape), f"{begin} must have an element for each dimension of {x}")
        options |= {"ellipsis_mask": 0, "new_axis_mask": 0, "offset": False}
    masks = Masks(**options)
    if not require_static(node, *specs):
        require_data_type(node, x, output)
        return Invocation(partial(_copy_dynamically, masks), (x, *specs), masks, dynamic=(output,))
    selection = decide(node, select, x.shape, masks, *(_numbers(spec.constant) for spec in specs))
    output.shape = selection.shape
    require_stored_shape(node)
    require_data_type(node, x, output)
    return Invocation(selection.copy if selection.exactly else selection.copy_part, (x, output), selection)


def select(
    shape: Shape, masks: Masks, begin: Sequence[int], end: Sequence[int], strides: Sequence[int]
) -> Selection:
    """What is selected of a tensor of `shape`; raises InvokeError where LiteRT refuses, or would write too much."""
    index: list[slice | int | None] = []
    output_shape, count, exactly = [], 1, True
    sizes = iter(shape)
    for axis, place in enumerate(masks.places(len(shape), len(begin))):
        selected, stride, shrinks = range(1 if place == _NEW else next(sizes)), 1, False
        if place >= 0:
            stride, shrinks = strides[place], bool(masks.shrink_axis_mask >> place & 1)
            if stride in {0, _INT32_MIN}:
                raise InvokeError(f"the stride of spec {place} is {stride}")
            start, stop = _bounds(masks, place, len(selected), begin[place], end[place], stride)
            selected = range(start, stop, stride)
        count *= len(selected)
        if place == _NEW:
            index.append(None)
        else:
            index.append(start if shrinks and selected else _as_slice(selected))
        size = 1 if shrinks else len(selected)
        if masks.offset and not shrinks:  # the output has the size that was asked for, not what is there
            if axis >= len(end):
                raise InvokeError("with offsets there must be a spec for each axis")
            size = len(range(0, end[axis], stride))
        if not shrinks:
            output_shape.append(size)
        exactly &= size == len(selected)
    if count > prod(output_shape):
        raise InvokeError(f"offsets {list(end)} select more elements than the output has, {output_shape}")
    return Selection((*index, ...), tuple(output_shape), count, exactly)


def _bounds(masks: Masks, i: int, size: int, begin: int, end: int, stride: int) -> tuple[int, int]:
    """Where the i-th spec starts and stops, −1 being before the first."""
    first, last = (0, size) if stride > 0 else (size - 1, -1)
    low, high = min(first, last), max(first, last)

    def clamp(index: int) -> int:
        return min(max(index + size if index < 0 else index, low), high)

    start = first if masks.begin_mask >> i & 1 else clamp(begin)
    if masks.shrink_axis_mask >> i & 1:
        return start, start + (start < size)
    if masks.end_mask >> i & 1:
        return start, last
    return start, clamp(end + start if masks.offset else end)


def _as_slice(indices: range) -> slice:
    if not indices:
        return slice(0, 0)
    # as a slice's end, −1 would be the last element rather than the one before the first
    return slice(indices.start, indices.stop if indices.stop >= 0 else None, indices.step)


def _numbers(values: Array | None) -> list[int]:
    assert values is not None
    return [int(v) for v in values]


def _copy_dynamically(masks: Masks, x: Array, *specs: Array) -> Array:
    selection = select(x.shape, masks, *(_numbers(spec) for spec in specs))
    output = np.zeros(selection.shape, x.dtype)
    selection.copy_part(x, output)
    return output
