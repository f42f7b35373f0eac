"""MEAN, SUM, REDUCE_ALL, REDUCE_ANY, REDUCE_MAX, REDUCE_MIN and REDUCE_PROD."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from microinterp_kernels import reduction as kernels
from microinterp_kernels.reduction import Reducer, Reduction

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import Shape, decide, find_axis, require_data_type

# From the number of elements that become one, and whether these are all elements, to what reduces them.
_MakeReducer = Callable[[int, bool], Reducer]

_SMALL_INTEGERS = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)


def prepare_mean(node: Node) -> Invocation:
    """MEAN: float32, int8 and int16; LiteRT also uint8, int32 and int64."""
    along = _check(node)
    node.require(node.input(0).type is not TensorType.BOOL, "there is no mean of booleans", at_invoke=True)
    if node.input(0).type in _SMALL_INTEGERS:
        return _prepare(node, along, _quantized_sum(node, mean=True))
    return _prepare(node, along, lambda count, whole: kernels.mean)


def prepare_sum(node: Node) -> Invocation:
    """SUM: float32, int8 and int16; LiteRT also uint8, int32, int64 and bool."""
    along = _check(node)
    x = node.input(0)
    if x.type in _SMALL_INTEGERS:
        return _prepare(node, along, _quantized_sum(node, mean=False))
    if x.type is TensorType.FLOAT32:
        return _prepare(node, along, _choose(node, kernels.add_up, kernels.add_up_from_first))
    return _prepare(node, along, lambda count, whole: kernels.add_up)


def prepare_reduce_all(node: Node) -> Invocation:
    """REDUCE_ALL: bool."""
    node.require_type(node.input(0), TensorType.BOOL)
    along = _check(node)
    return _prepare(node, along, lambda count, whole: kernels.smallest)


def prepare_reduce_any(node: Node) -> Invocation:
    """REDUCE_ANY: bool."""
    along = _check(node)
    return _prepare(node, along, lambda count, whole: kernels.largest)


def prepare_reduce_max(node: Node) -> Invocation:
    """REDUCE_MAX: float32 and int8; LiteRT also uint8, int16, int32, int64 and bool."""
    along = _check(node)
    return _prepare_comparison(
        node, along, kernels.largest, kernels.largest_float, kernels.largest_float_from_first
    )


def prepare_reduce_min(node: Node) -> Invocation:
    """REDUCE_MIN: float32 and int8; LiteRT also uint8, int16, int32, int64 and bool."""
    along = _check(node)
    return _prepare_comparison(
        node, along, kernels.smallest, kernels.smallest_float, kernels.smallest_float_from_first
    )


def prepare_reduce_prod(node: Node) -> Invocation:
    """REDUCE_PROD: float32, int32, int64, bool, int8 and int16 with or without scales, uint8 without."""
    along = _check(node)
    x, output = node.input(0), node.output()
    if not x.is_quantized:
        return _prepare_unscaled(node, along, lambda count, whole: kernels.multiply_up)
    node.require_type(x, TensorType.INT8, TensorType.INT16)
    return _prepare(
        node,
        along,
        lambda count, whole: kernels.MultiplyQuantized(
            count, x.scale, output.scale, x.zero_point, output.zero_point
        ),
    )


def _check(node: Node) -> Shape | None:
    """The axes, if they are constant, after the checks that all reductions have in common."""
    node.require_counts(2, 1)
    x, axes, output = node.input(0), node.input(1), node.output()
    node.require_type(axes, TensorType.INT32)
    late = not node.runtime.checks_reductions_at_prepare
    if not late:
        require_data_type(node, x, output)
    if x.type is TensorType.INT16 and node.runtime.int16_is_symmetric:
        node.require(x.zero_point == output.zero_point == 0, f"{x} and {output} must have zero points of 0")
    along = None
    if axes.constant is not None:
        along = _resolve(axes.constant, x.shape) if late else decide(node, _resolve, axes.constant, x.shape)
        output.shape = _reduced(x.shape, along, bool(node.options["keep_dims"]))
    if late:
        node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
        node.require_type(output, x.type, at_invoke=True)
    return along


def _choose(node: Node, plain: Reducer, from_first: Reducer) -> _MakeReducer:
    """Of two reducers of floats that differ in where they start."""
    if not node.runtime.reduces_whole_tensors_from_first:
        return lambda count, whole: plain
    return lambda count, whole: from_first if whole else plain


def _quantized_sum(node: Node, *, mean: bool) -> _MakeReducer:
    x, output = node.input(0), node.output()
    with np.errstate(all="ignore"):
        scale = float(np.float64(x.scale) / np.float64(output.scale))

    def make(count: int, whole: bool) -> Reducer:
        return kernels.SumQuantized(count, scale, x.zero_point, output.zero_point, mean=mean)

    return make


def _prepare_comparison(
    node: Node, along: Shape | None, integer: Reducer, plain: Reducer, from_first: Reducer
) -> Invocation:
    if node.input(0).type is TensorType.FLOAT32:
        return _prepare(node, along, _choose(node, plain, from_first))
    return _prepare_unscaled(node, along, lambda count, whole: integer)


def _prepare_unscaled(node: Node, along: Shape | None, make: _MakeReducer) -> Invocation:
    """A reduction of integers as they are: input and output must be quantized alike."""
    x, output = node.input(0), node.output()
    node.require(
        x.type not in _SMALL_INTEGERS or (x.scale, x.zero_point) == (output.scale, output.zero_point),
        f"{output} must be quantized like {x}",
        at_invoke=True,
    )
    return _prepare(node, along, make)


def _prepare(node: Node, along: Shape | None, make: _MakeReducer) -> Invocation:
    x, axes, output = node.input(0), node.input(1), node.output()
    if along is not None:
        reduction = _reduction(x.shape, along, make)
        return Invocation(reduction, (x, output), reduction)
    reduce_anew = partial(_reduce_anew, make, bool(node.options["keep_dims"]))
    if node.runtime.has_dynamic_tensors:
        return Invocation(reduce_anew, (x, axes), dynamic=(output,))

    def reduce(x: Array, axes: Array, output: Array) -> None:
        result = reduce_anew(x, axes)
        if result.shape != output.shape:
            raise InvokeError(f"the result has shape {list(result.shape)}, the output {list(output.shape)}")
        output[...] = result

    return Invocation(reduce, (x, axes, output))


def _reduce_anew(make: _MakeReducer, keep_dims: bool, x: Array, axes: Array) -> Array:
    along = _resolve(axes, x.shape)
    output = np.empty(_reduced(x.shape, along, keep_dims), x.dtype)
    _reduction(x.shape, along, make)(x, output)
    return output


def _reduction(shape: Shape, along: Shape, make: _MakeReducer) -> Reduction:
    count = math.prod(shape[i] for i in along)
    return Reduction(shape, along, make(count, len(along) == len(shape)))


def _resolve(axes: Array, shape: Shape) -> Shape:
    """The axes counted from the front, each once and in ascending order; those of a scalar do not matter."""
    return tuple(sorted({find_axis(int(a), len(shape)) for a in axes.flat})) if shape else ()


def _reduced(shape: Shape, along: Shape, keep_dims: bool) -> Shape:
    if keep_dims:
        return tuple(1 if i in along else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i not in along)
