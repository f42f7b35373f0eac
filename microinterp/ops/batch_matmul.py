"""BATCH_MATMUL."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from microinterp_kernels import batch_matmul as kernels
from microinterp_kernels.fixed_point import quantize_multipliers
from microinterp_kernels.requantize import Requantize, RequantizeInt64

from ..model.ir import Array, TensorType
from .common import compute_nothing
from .node import Invocation, Node, RuntimeTensor
from .shapes import Shape

# element types of both inputs → those of the output
_FLOAT32, _INT8, _INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16
_PLAIN = {(_FLOAT32, _FLOAT32): (_FLOAT32,), (_INT8, _INT8): (_INT8,), (_INT16, _INT16): (_INT16,)}
_MIXED = {
    **_PLAIN,
    (_INT8, _INT8): (_INT8, TensorType.INT32),
    (_INT16, _INT8): (_INT16,),
    (_FLOAT32, _INT8): (_FLOAT32,),
}

_Product = Callable[[Array, Array], Array]


def prepare_batch_matmul(node: Node) -> Invocation:
    """BATCH_MATMUL: float32, int8, int16; LiteRT also int8 to int32, int16 by int8, and float32 by int8."""
    node.require_counts(2, 1)
    x, y, output = node.input(0), node.input(1), node.output()
    types = _MIXED if node.runtime.multiplies_mixed_matrices else _PLAIN
    node.require((x.type, y.type) in types, f"{x} and {y} have element types that do not go together")
    node.require_type(output, *types[x.type, y.type])
    if x.type is _INT16:
        node.require(
            x.zero_point == y.zero_point == output.zero_point == 0,
            f"{x}, {y} and {output} must have zero points of 0",
        )
    node.require_rank(x, 2, 5)
    node.require_rank(y, 2, 5)
    flips_x, flips_y = bool(node.options["adj_x"]), bool(node.options["adj_y"])
    x_shape, y_shape = _oriented(x, flips_x), _oriented(y, flips_y)
    node.require(x_shape[-1] == y_shape[-2], f"the rows of {x} must be as long as the columns of {y}")
    try:
        batches = np.broadcast_shapes(x_shape[:-2], y_shape[:-2])
    except ValueError:
        node.fail(f"{x} and {y} do not broadcast")
    output.shape = (*batches, x_shape[-2], y_shape[-1])
    if output.size == 0:
        return Invocation(compute_nothing, ())
    product = _product(node, x, y, output, x_shape[-1])

    def run(x: Array, y: Array, output: Array) -> None:
        output[...] = product(
            np.swapaxes(x, -1, -2) if flips_x else x, np.swapaxes(y, -1, -2) if flips_y else y
        )

    return Invocation(run, (x, y, output), product)


def _oriented(tensor: RuntimeTensor, flips: bool) -> Shape:
    *batches, rows, columns = tensor.shape
    return (*batches, columns, rows) if flips else (*batches, rows, columns)


def _product(node: Node, x: RuntimeTensor, y: RuntimeTensor, output: RuntimeTensor, depth: int) -> _Product:
    if y.type is _FLOAT32:
        return partial(kernels.batch_matmul_float32, in_order=node.adds_in_order)
    if x.type is _FLOAT32:
        node.require(
            y.scales.size in (1, output.shape[-1]), f"{y} must have one scale, or one for each column"
        )
        return kernels.BatchMatMulHybrid(y.scales, bool(node.options["asymmetric_quantize_inputs"]))
    if output.type is TensorType.INT32:
        return kernels.multiply_integers
    with np.errstate(all="ignore"):
        product = np.float64(x.scale) * np.float64(y.scale)
        if node.runtime.multiplies_scales_in_float32:
            product = np.float64(np.float32(product))
        multiplier, shift = quantize_multipliers(product / np.float64(output.scale))
    node.require(bool(product >= 0), f"{x} and {y} must not have scales of different signs")
    limits = np.iinfo(output.dtype)
    low, high, dtype = int(limits.min), int(limits.max), output.dtype
    requantize: Requantize | RequantizeInt64
    if x.type is _INT16:
        requantize = RequantizeInt64(multiplier, shift, low, high, dtype, reach=2.0**30 * depth)
    else:
        requantize = Requantize(multiplier, shift, output.zero_point, low, high, dtype, reach=2.0**16 * depth)
    return kernels.BatchMatMulInteger(requantize, x.zero_point, y.zero_point)
