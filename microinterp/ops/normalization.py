"""CUMSUM, L2_NORMALIZATION and LOCAL_RESPONSE_NORMALIZATION."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from microinterp_kernels import normalization as kernels

from ..model.ir import Array, TensorType
from .common import compute_nothing
from .node import Invocation, Node
from .shapes import find_axis, first_number, require_data_type, require_few_dimensions

_NORMALIZERS: dict[TensorType, Callable[..., None]] = {
    TensorType.INT8: kernels.l2_normalize_int8,
    TensorType.UINT8: kernels.l2_normalize_uint8,
}


def prepare_l2_normalization(node: Node) -> Invocation:
    """L2_NORMALIZATION: float32, int8; LiteRT also uint8."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    require_data_type(node, x, output)
    node.require(len(x.shape) >= 1, f"{x} needs at least one dimension")
    require_few_dimensions(node, x)
    node.require(node.options["fused_activation_function"] == 0, "cannot have an activation")
    output.shape = x.shape
    if x.type is not TensorType.FLOAT32 and node.runtime.l2_normalization_checks_output:
        zero_point = 0 if x.type is TensorType.INT8 else 128
        node.require(
            (output.scale, output.zero_point) == (1 / 128, zero_point),
            f"{output} must have scale 1/128 and zero point {zero_point}",
        )
    if x.size == 0:
        return Invocation(compute_nothing, ())
    if x.type is TensorType.FLOAT32:
        return Invocation(kernels.l2_normalize, (x, output))
    return Invocation(partial(_NORMALIZERS[x.type], zero_point=x.zero_point), (x, output))


def prepare_local_response_normalization(node: Node) -> Invocation:
    """LOCAL_RESPONSE_NORMALIZATION: float32."""
    node.require_counts(1, 1)
    x, output, options = node.input(0), node.output(), node.options
    node.require_rank(x, 4)
    node.require_type(x, TensorType.FLOAT32)
    node.require_type(output, TensorType.FLOAT32)
    output.shape = x.shape
    kernel = kernels.LocalResponseNormalization(
        x.shape[3], options["radius"], options["bias"], options["alpha"], options["beta"]
    )
    return Invocation(kernel, (x, output), kernel)


def prepare_cumsum(node: Node) -> Invocation:
    """CUMSUM: float32; LiteRT also int32 and int64, TFLM int8."""
    node.require_counts(2, 1)
    x, axis, output = node.input(0), node.input(1), node.output()
    require_data_type(node, x, output)
    node.require_type(axis, TensorType.INT32)
    node.require(axis.size == 1, f"{axis} must hold one number")
    node.require(len(x.shape) >= 1, f"{x} needs at least one dimension")
    output.shape = x.shape
    add_up: Callable[..., None] = kernels.add_up_along
    if x.type is TensorType.INT8:
        try:
            add_up = kernels.CumulativeSumInt8(x.scale, x.zero_point, output.scale, output.zero_point)
        except ValueError as error:
            node.fail(str(error))
    rank = len(x.shape)
    add_up = partial(add_up, exclusive=bool(node.options["exclusive"]), reverse=bool(node.options["reverse"]))
    if axis.constant is not None and -rank <= first_number(axis.constant) < rank:
        along = find_axis(first_number(axis.constant), rank)
        return Invocation(partial(add_up, axis=along), (x, output), add_up)

    def run(x: Array, axis: Array, output: Array) -> None:
        add_up(x, output, axis=find_axis(first_number(axis), rank))

    return Invocation(run, (x, axis, output), add_up)
