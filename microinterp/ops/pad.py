"""PAD, PADV2, MIRROR_PAD, DILATE and STABLEHLO_PAD: a tensor with something around its elements, or between them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from microinterp_kernels.rearrange import Pairs, mirror_indices

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from ..model.schema import MirrorPadMode
from .node import Invocation, Node, RuntimeTensor
from .shapes import (
    Movement,
    Shape,
    pairs,
    per_tensor_quantization,
    prepare_movement,
    require_equal_quantization,
    require_few_dimensions,
    require_static,
)

_INT32 = np.iinfo(np.int32)


def prepare_pad(node: Node) -> Invocation:
    """PAD: zeros around a tensor, or the zero point; with a third input, its value."""
    node.require_counts((2, 3), 1)
    x, paddings, value, output = node.input(0), node.input(1), node.optional_input(2), node.output()
    node.require(output.type is x.type, f"{output} must have the element type of {x}")
    require_few_dimensions(node, x)
    _require_paddings(node, x, paddings)
    if value is not None:
        node.require(value.type is x.type, f"{value} must have the element type of {x}")
        node.require(value.size == 1, f"{value} must have one element")
    require_static(node, paddings)
    fill, refusal = _fill_value(node, x, value)
    if refusal and not node.runtime.has_dynamic_tensors:
        node.fail(refusal)
    data = (x,) if value is None else (x, value)
    invocation = prepare_movement(node, partial(_pad, x.shape, fill), data, (paddings,))
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    node.require(not refusal, refusal, at_invoke=True)
    return invocation


def prepare_padv2(node: Node) -> Invocation:
    """PADV2: a given value around a tensor. Natively the same as PAD."""
    return prepare_pad(node)


def _fill_value(node: Node, x: RuntimeTensor, value: RuntimeTensor | None) -> tuple[int, str]:
    """What to pad with without a value, and what is wrong with the zero point if anything is."""
    output = node.output()
    is_filled = x.type in node.runtime.pads_with_zero_point and (x.is_quantized or x.type is TensorType.UINT8)
    if not is_filled:
        return 0, ""
    if value is not None:
        alike = per_tensor_quantization(value) == per_tensor_quantization(output)
        return 0, "" if alike else f"{value} must be quantized like {output}"
    limits, (_, zero_point) = np.iinfo(x.dtype), per_tensor_quantization(output)
    if not limits.min <= zero_point <= limits.max:
        return 0, f"the zero point of {output} is no number of its type"
    return zero_point, ""


def _require_paddings(node: Node, x: RuntimeTensor, paddings: RuntimeTensor) -> None:
    node.require_type(paddings, *node.runtime.operand_types[node.name])
    node.require_rank(paddings, 2)
    node.require(
        paddings.shape == (len(x.shape), 2), f"{paddings} must have two numbers for each dimension of {x}"
    )


def _pad(shape: Shape, fill: int, paddings: Array) -> Movement:
    widths = pairs(paddings)
    if any(not 0 <= width <= _INT32.max for pair in widths for width in pair):
        raise InvokeError(f"cannot pad by {widths}")
    sizes = tuple(size + before + after for size, (before, after) in zip(shape, widths, strict=True))
    inner = tuple(slice(before, before + size) for size, (before, _) in zip(shape, widths, strict=True))
    return sizes, partial(_surround, inner, fill)


def _surround(inner: tuple[slice, ...], fill: int, x: Array, *rest: Array) -> None:
    """`rest` is the value, if there is one, and the output."""
    output = rest[-1]
    output[...] = rest[0].reshape(()) if len(rest) > 1 else fill
    output[inner] = x


def prepare_mirror_pad(node: Node) -> Invocation:
    """MIRROR_PAD: a tensor and its reflection beyond its edges."""
    node.require_counts(2, 1)
    x, paddings, output = node.input(0), node.input(1), node.output()
    node.require(output.type is x.type, f"{output} must have the element type of {x}")
    mode = node.options["mode"]
    node.require(mode in set(MirrorPadMode), f"the mode must be REFLECT or SYMMETRIC, not {mode}")
    _require_paddings(node, x, paddings)
    if x.type in (TensorType.UINT8, TensorType.INT8, TensorType.INT16):
        require_equal_quantization(node, x, output)
    offset = 1 if mode == MirrorPadMode.REFLECT else 0
    invocation = prepare_movement(node, partial(_mirror, x.shape, offset), (x,), (paddings,))
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    return invocation


def _mirror(shape: Shape, offset: int, paddings: Array) -> Movement:
    widths = pairs(paddings)
    for size, pair in zip(shape, widths, strict=True):
        if not 0 <= min(pair) <= max(pair) <= size - offset:
            raise InvokeError(
                f"cannot mirror {size} elements by {pair} (mode {MirrorPadMode(1 - offset).name})"
            )
    indices = [mirror_indices(size, *pair, offset) for size, pair in zip(shape, widths, strict=True)]
    return tuple(len(i) for i in indices), partial(_pick, np.ix_(*indices))


def _pick(index: tuple[Array, ...], x: Array, output: Array) -> None:
    output[...] = x[index]


def prepare_dilate(node: Node) -> Invocation:
    """DILATE: elements apart from each other, with a value between them."""
    node.require_counts(3, 1)
    x, dilations, value = (node.input(i) for i in range(3))
    node.require(x.shape != (), f"{x} must not be a scalar")
    for tensor in (value, node.output()):
        node.require(tensor.type is x.type, f"{tensor} must have the element type of {x}")
    node.require_type(dilations, TensorType.INT32, at_invoke=True)
    node.require(
        dilations.shape == (len(x.shape),), f"{dilations} must have a number for each dimension of {x}"
    )
    node.require(value.size > 0, f"{value} is empty")
    if dilations.constant is not None:
        _check_dilations(dilations.constant)
    invocation = prepare_movement(node, partial(_dilate, x.shape), (x, value), (dilations,))
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    return invocation


def _dilate(shape: Shape, dilations: Array) -> Movement:
    _check_dilations(dilations)
    steps = dilations.tolist()
    sizes = tuple((size - 1) * step + 1 for size, step in zip(shape, steps, strict=True))
    if min(sizes) < 0:
        raise InvokeError(f"cannot dilate {list(shape)} by {steps}")
    return sizes, partial(_spread, tuple(slice(None, None, step) for step in steps), ())


def _check_dilations(dilations: Array) -> None:
    if min(dilations) < 1:
        raise InvokeError(f"cannot dilate by {dilations.tolist()}")


def _spread(
    places: tuple[slice, ...], kept: tuple[slice, ...], x: Array, value: Array, output: Array
) -> None:
    output[...] = value.flat[0]
    output[places] = x[kept]


def prepare_stablehlo_pad(node: Node) -> Invocation:
    """STABLEHLO_PAD: a value around the elements and between them; negative widths cut off at the edges."""
    node.require_counts(2, 1)
    x, value, output = node.input(0), node.input(1), node.output()
    node.require_type(x, *node.runtime.element_types[node.name])
    for tensor in (value, output):
        node.require(tensor.type is x.type, f"{tensor} must have the element type of {x}")
    node.require(value.size == 1, f"{value} must have one element")
    node.require_rank(x, 1, 8)
    low, high, interior = (
        tuple(node.options[name] or ())
        for name in ("edge_padding_low", "edge_padding_high", "interior_padding")
    )
    rank = len(x.shape)
    node.require(
        rank <= min(map(len, (low, high, interior))) <= max(map(len, (low, high, interior))) <= 8,
        f"needs paddings for {rank} dimensions",
    )
    node.require(
        min(interior[:rank]) >= 0, f"its interior paddings are {interior}, they must not be negative"
    )
    return prepare_movement(
        node, partial(_pad_inside, x.shape, list(zip(low, high, strict=True)), interior), (x, value)
    )


def _pad_inside(shape: Shape, edges: Pairs, interior: Sequence[int]) -> Movement:
    sizes, places, kept = [], [], []
    for size, (low, high), between in zip(shape, edges, interior, strict=False):
        step = between + 1
        whole = size + max(0, size - 1) * between + low + high
        first = max(0, -(low // step))  # the first element whose place is not cut off
        end = max(first, min(size, -((low - whole) // step)))
        sizes.append(whole)
        places.append(slice(low + first * step, low + first * step + (end - first) * step, step))
        kept.append(slice(first, end))
    if min(sizes) <= 0:  # natively one empty dimension empties all of them
        return (0,) * len(sizes), _nothing
    return tuple(sizes), partial(_spread, tuple(places), tuple(kept))


def _nothing(x: Array, value: Array, output: Array) -> None:
    """The output is empty."""
