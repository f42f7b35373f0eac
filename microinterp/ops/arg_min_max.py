"""ARG_MAX and ARG_MIN."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from microinterp_kernels.arg_min_max import arg_max_after_first, arg_max_in_lanes

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .shapes import decide, find_axis, first_number, require_data_type, without

_Find = Callable[[Array], Array]
_INDEX_TYPES = (TensorType.INT32, TensorType.INT64)


def prepare_arg_max(node: Node) -> Invocation:
    """ARG_MAX: float32 and int8; LiteRT also uint8, int32 and bool."""
    return _prepare(node, lambda rows: np.argmax(rows, axis=1), _float_rule(node))


def prepare_arg_min(node: Node) -> Invocation:
    """ARG_MIN: float32 and int8; LiteRT also uint8, int32 and bool."""
    find_largest = _float_rule(node)
    return _prepare(node, lambda rows: np.argmin(rows, axis=1), lambda rows: find_largest(-rows))


def _float_rule(node: Node) -> _Find:
    return arg_max_in_lanes if node.runtime.arg_max_skips_leading_nans else arg_max_after_first


def _prepare(node: Node, find: _Find, find_float: _Find) -> Invocation:
    node.require_counts(2, 1)
    x, axis, output = node.input(0), node.input(1), node.output()
    index_types = [t for t in _INDEX_TYPES if t in node.runtime.index_types]
    node.require_type(axis, *index_types)
    node.require_type(output, *index_types)
    node.require(axis.size == 1, f"{axis} must hold one number")
    node.require(
        node.options["output_type"] == output.type or not node.runtime.reads_output_type,
        f"{output} does not have the type that the options say",
    )
    find = find_float if x.type is TensorType.FLOAT32 else find
    if axis.constant is None:
        require_data_type(node, x)
        return _prepare_unknown_axis(node, find, x, axis, output)
    along = decide(node, _require_axis, axis.constant, x.shape)
    output.shape = without(x.shape, along)
    require_data_type(node, x)

    def compute(x: Array, output: Array) -> None:
        output[...] = _indices(find, x, along)

    return Invocation(compute, (x, output))


def _prepare_unknown_axis(
    node: Node, find: _Find, x: RuntimeTensor, axis: RuntimeTensor, output: RuntimeTensor
) -> Invocation:
    """The axis is known at invoke only: then the output gets its shape, or must have the right one."""
    if node.runtime.has_dynamic_tensors:

        def compute_anew(x: Array, axis: Array) -> Array:
            return _indices(find, x, _require_axis(axis, x.shape)).astype(output.dtype)

        return Invocation(compute_anew, (x, axis), dynamic=(output,))

    def compute(x: Array, axis: Array, output: Array) -> None:
        result = _indices(find, x, _require_axis(axis, x.shape))
        if result.shape != output.shape:
            raise InvokeError(f"the result has shape {list(result.shape)}, the output {list(output.shape)}")
        output[...] = result

    return Invocation(compute, (x, axis, output))


def _require_axis(axis: Array, shape: tuple[int, ...]) -> int:
    along = find_axis(first_number(axis), len(shape))
    if shape[along] == 0:
        raise InvokeError(f"axis {along} is empty")
    return along


def _indices(find: _Find, x: Array, axis: int) -> Array:
    """What `find` says of the rows along an axis, with the axis removed from the shape."""
    shape = x.shape
    rows = x.reshape(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))
    return find(rows).reshape(without(shape, axis))
