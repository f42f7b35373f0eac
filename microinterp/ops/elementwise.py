"""What operators of one tensor have in common: checks, and tables of what they compute."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from microinterp_kernels import unary
from microinterp_kernels.lookup_table import LookupTable, lookup_table_8bit, lookup_table_int16

from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .shapes import require_data_type

#: Returns a new array for another.
Kernel = Callable[[Array], Array]

_LEAST_SIZE_FOR_TABLE = 4096  # of int16 numbers: a table takes as long to make as 65,536 results


def require_unary(node: Node) -> tuple[RuntimeTensor, RuntimeTensor]:
    """The one input and the one output, of the same element type and now of the same shape."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    output.shape = x.shape
    require_data_type(node, x, output)
    return x, output


def store(kernel: Kernel, x: RuntimeTensor, output: RuntimeTensor) -> Invocation:
    """The invocation that stores what a kernel returns."""

    def invoke(x: Array, output: Array) -> None:
        output[...] = kernel(x)

    return Invocation(invoke, (x, output), kernel)


def store_floats(
    function: Callable[[NDArray[np.float32]], NDArray[np.float32]], x: RuntimeTensor, output: RuntimeTensor
) -> Invocation:
    """The invocation that stores what a float32 function returns; float16 and bfloat16 are converted to and from it."""
    if x.type is TensorType.FLOAT16:
        return Invocation(partial(unary.of_float16, function), (x, output), function)
    if x.type is TensorType.BFLOAT16:
        return Invocation(partial(unary.of_bfloat16, function), (x, output), function)
    return store(function, x, output)


def tabulated(function: Kernel, x: RuntimeTensor) -> Kernel:
    """A function of integers as a table, unless the tensor is too small to be worth one."""
    if x.dtype.itemsize == 1 or (x.dtype == np.int16 and x.size >= _LEAST_SIZE_FOR_TABLE):
        return LookupTable(function, x.dtype)
    return function


def float_table(
    x: RuntimeTensor, output: RuntimeTensor, function: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> LookupTable:
    """A float32 function between quantized tensors as LiteRT tabulates it; that of int16 is interpolated."""
    table = lookup_table_int16 if x.dtype == np.int16 else partial(lookup_table_8bit, input_type=x.dtype)
    return table(
        function,
        input_scale=x.scale,
        input_zero_point=x.zero_point,
        output_scale=output.scale,
        output_zero_point=output.zero_point,
    )


def require_quantized(node: Node, *tensors: RuntimeTensor) -> None:
    """Refuse tensors without quantization, and zero points of int16 other than 0."""
    for tensor in tensors:
        node.require(tensor.is_quantized, f"{tensor} must be quantized")
        require_symmetric_int16(node, tensor)


def require_symmetric_int16(node: Node, *tensors: RuntimeTensor) -> None:
    """Refuse zero points of int16 other than 0."""
    for tensor in tensors:
        node.require(
            tensor.dtype != np.int16 or tensor.zero_point == 0, f"the zero point of {tensor} must be 0"
        )


def scale_ratio(node: Node, x: RuntimeTensor, output: RuntimeTensor) -> float:
    """How many steps of the output one step of the input is, in the runtime's precision."""
    node.require(output.scale > 0, f"{output} has no valid scale: {output.scale}")
    precision = scale_precision(node)
    with np.errstate(over="ignore"):
        return float(precision(x.scale) / precision(output.scale))


def scale_precision(node: Node) -> type[np.float32] | type[np.float64]:
    """What the runtime computes multipliers in."""
    return np.float32 if node.runtime.multiplies_scales_in_float32 else np.float64
