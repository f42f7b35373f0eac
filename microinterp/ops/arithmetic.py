"""Operators of two tensors of one element type, element by element: ADD, SUB, MUL, DIV and their like."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from microinterp_kernels import elementwise, elementwise_quantized
from microinterp_kernels.elementwise_quantized import BinaryFunction
from microinterp_kernels.libm import logf

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .common import activation_range, activation_range_quantized
from .node import Invocation, Node, RuntimeTensor
from .shapes import Shape, require_data_type

EIGHT_BITS = (TensorType.INT8, TensorType.UINT8)
_LEAST_SIZE_FOR_TABLE = 1024  # a table takes as long to make as 65,536 results
_MOST_RIGHT_SHIFT = 31  # more is undefined in C, and the native results depend on the element's place


def prepare_binary(
    node: Node, choose: Callable[[Node], BinaryFunction], output_type: TensorType | None = None
) -> Invocation:
    """Prepare an operator of two tensors of one element type, whose output has their broadcast shape.

    `choose` checks what is particular to the operator and returns the function that computes the output; it finds
    the output's shape set. The output has the inputs' element type, or `output_type`.
    """
    node.require_counts(2, 1)
    x, y, output = node.input(0), node.input(1), node.output()
    expected = x.type if output_type is None else output_type
    node.require(output.type is expected, f"{output} must have the element type {expected.name}")
    output.shape = broadcast_shape(node, x.shape, y.shape)
    require_data_type(node, x, y)
    function = choose(node)
    return Invocation(function, (x, y, output), function)


def broadcast_shape(node: Node, *shapes: Shape) -> Shape:
    """The shape that all broadcast to; refuses shapes that do not, and more dimensions than the runtime takes."""
    if len(set(shapes)) == 1:
        return shapes[0]
    rank = max(len(shape) for shape in shapes)
    most = node.runtime.most_broadcast_dimensions
    listed = " and ".join(str(list(shape)) for shape in shapes)
    node.require(rank <= most, f"shapes {listed} are broadcast, which works up to {most} dimensions")
    result = []
    for sizes in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True):
        others = {size for size in sizes if size != 1}
        node.require(len(others) <= 1, f"shapes {listed} are not broadcastable")
        result.append(others.pop() if others else 1)
    return tuple(result)


def prepare_add(node: Node) -> Invocation:
    """ADD: float32, int8, int16, int32; LiteRT also uint8, int64, float16 and int16 that is not quantized."""
    return prepare_binary(node, _choose_add)


def prepare_sub(node: Node) -> Invocation:
    """SUB: float32, int8, int16, int32; LiteRT also uint8 and int64."""
    return prepare_binary(node, _choose_sub)


def prepare_mul(node: Node) -> Invocation:
    """MUL: float32, int8, int16, int32; LiteRT also other integers, float16, complex64, and int16 to 8 bits."""
    to_8_bits = (
        node.runtime.multiplies_int16_to_8_bits
        and node.input(0).type is TensorType.INT16
        and node.output().type in EIGHT_BITS
    )
    return prepare_binary(node, _choose_mul, node.output().type if to_8_bits else None)


def prepare_div(node: Node) -> Invocation:
    """DIV: float32, int8, int32; LiteRT also uint8 and int16. Integers refuse to be divided by zero."""
    return prepare_binary(node, _choose_div)


def prepare_floor_div(node: Node) -> Invocation:
    """FLOOR_DIV: float32; LiteRT also int8, int16 and int32. All refuse to be divided by zero."""
    return prepare_binary(node, lambda node: refuse_divisors(node, elementwise.floor_divide, 0))


def prepare_maximum(node: Node) -> Invocation:
    """MAXIMUM: floats and integers. Quantization does not matter: all tensors are taken to have the same."""
    return prepare_binary(node, _choose_maximum)


def prepare_minimum(node: Node) -> Invocation:
    """MINIMUM: floats and integers. Quantization does not matter: all tensors are taken to have the same."""
    return prepare_binary(node, _choose_minimum)


def _choose_maximum(node: Node) -> BinaryFunction:
    if node.input(0).type is TensorType.BFLOAT16:
        return elementwise.maximum_bfloat16
    return elementwise.maximum_float if node.input(0).dtype.kind == "f" else elementwise.maximum


def _choose_minimum(node: Node) -> BinaryFunction:
    if node.input(0).type is TensorType.BFLOAT16:
        return elementwise.minimum_bfloat16
    return elementwise.minimum_float if node.input(0).dtype.kind == "f" else elementwise.minimum


def _clamped(node: Node, function: Callable[..., None], activation: int | None = None) -> BinaryFunction:
    """A function on plain numbers with the fused activation (or another) as its clamp."""
    if activation is None:
        activation = node.options["fused_activation_function"]
    low, high = activation_range(activation, node.output().dtype)
    return partial(function, low=low, high=high)


def tabulated(node: Node, function: BinaryFunction) -> BinaryFunction:
    """The function as a table, if it is one of 8-bit numbers and there are enough of them."""
    x, output = node.input(0), node.output()
    if x.type in EIGHT_BITS and output.size >= _LEAST_SIZE_FOR_TABLE:
        return elementwise_quantized.Tabulated(function, x.dtype, output.dtype)
    return function


def _quantized_range(node: Node) -> dict[str, int]:
    """The fused activation as the clamp of a quantized kernel."""
    low, high = activation_range_quantized(node, node.output(), node.options["fused_activation_function"])
    return {"low": low, "high": high}


def _is_quantized(node: Node, decides: RuntimeTensor) -> bool:
    """Whether the operator computes with quantized numbers: 8-bit ones are, int16 may be plain where LiteRT says so."""
    if decides.type is TensorType.INT16:
        return decides.is_quantized or not node.runtime.computes_with_plain_int16
    return decides.type in EIGHT_BITS


def _refuse_quantized_int32(node: Node, *tensors: RuntimeTensor) -> None:
    for tensor in tensors:
        node.require(
            not (
                node.runtime.refuses_quantized_int32
                and tensor.type is TensorType.INT32
                and tensor.is_quantized
            ),
            f"{tensor} must not be quantized in this runtime",
        )


def _choose_add(node: Node) -> BinaryFunction:
    x, y = node.input(0), node.input(1)
    _refuse_quantized_int32(node, x, y)
    if _is_quantized(node, x):
        return _choose_quantized_add(node, subtract=False)
    node.require(
        x.type is not TensorType.INT16 or not node.output().is_quantized,
        "int16 must be quantized in all tensors or in none",
    )
    ignores_activation = x.type is TensorType.INT32 and not node.runtime.clamps_int32_sums
    return _clamped(node, elementwise.add, 0 if ignores_activation else None)


def _choose_sub(node: Node) -> BinaryFunction:
    x, y, output = node.input(0), node.input(1), node.output()
    _refuse_quantized_int32(node, x, y, output)
    if x.type in (*EIGHT_BITS, TensorType.INT16):
        return _choose_quantized_add(node, subtract=True)
    return _clamped(node, elementwise.subtract)


def _choose_quantized_add(node: Node, subtract: bool) -> BinaryFunction:
    x, y, output = node.input(0), node.input(1), node.output()
    tensors = (x, y, output)
    is_int16 = x.type is TensorType.INT16
    if is_int16 and node.runtime.int16_is_symmetric:
        for tensor in tensors:
            node.require(tensor.zero_point == 0, f"the zero point of {tensor} must be 0")
    if is_int16 and node.runtime.adds_powers_of_two_by_shifting and node.options["pot_scale_int16"]:
        exponents = [e for tensor in tensors if (e := _power_of_two(tensor.scale)) is not None]
        if len(exponents) == len(tensors):
            return _choose_power_of_two_add(node, subtract, *exponents)
    limits = np.iinfo(x.dtype)
    for tensor in tensors:
        node.require(tensor.scale > 0, f"{tensor} must have a scale")
        node.require(
            not subtract
            or not node.runtime.sub_checks_zero_points
            or limits.min <= tensor.zero_point <= limits.max,
            f"the zero point of {tensor} is not one of its numbers",
        )
    function = elementwise_quantized.AddQuantized(
        x.scale,
        x.zero_point,
        y.scale,
        y.zero_point,
        output.scale,
        output.zero_point,
        left_shift=15 if is_int16 else 20,
        subtract=subtract,
        **_quantized_range(node),
    )
    # The native runtimes die of it, but for LiteRT's SUB, which then shifts by a negative count. C leaves that
    # undefined, and indeed the results depend on the element's place: seven equal differences of int16 came out
    # as −1 four times, where vector code computed them, then as −6.
    node.require(
        0 < function.output_scaling < 1 and function.output_shift <= 0,
        f"{output} has too small a scale, {output.scale}",
    )
    return tabulated(node, function)


def _power_of_two(scale: float) -> int | None:
    """log2 of a scale that is a power of two, or nearly so (TFLite's `CheckedLog2`), else None."""
    ln, ln_of_2 = logf(np.array([scale, 2], np.float32))
    with np.errstate(all="ignore"):
        log2 = ln * (np.float32(1) / ln_of_2)
        exponent = np.rint(log2)
        return int(exponent) if abs(log2 - exponent) < np.float32(1e-3) else None


def _choose_power_of_two_add(node: Node, subtract: bool, x: int, y: int, output: int) -> BinaryFunction:
    """ADD or SUB of int16 with scales 2^x and 2^y to one of 2^output, as LiteRT's fixed-point LSTMs need it."""
    finer = min(x, y) - output
    node.require(
        max(x, y) == output and finer >= -_MOST_RIGHT_SHIFT,
        f"scales 2^{x} and 2^{y} do not add to 2^{output}: one must be equal to it, and none be larger",
    )
    left, right = node.input(0), node.input(1)
    node.require(subtract or left.size == right.size, "numbers with power-of-two scales are not broadcast")
    return elementwise_quantized.AddPowerOfTwo(
        x - output, y - output, subtract=subtract, **_quantized_range(node)
    )


def _choose_mul(node: Node) -> BinaryFunction:
    x, y, output = node.input(0), node.input(1), node.output()
    if x.type is TensorType.COMPLEX64:
        node.require(
            node.options["fused_activation_function"] == 0, "complex numbers cannot have a fused activation"
        )
        return elementwise.multiply_complex64
    if output.type is not x.type:
        node.require(x.size == y.size, "a product of int16 numbers in 8 bits is not broadcast")
        return elementwise_quantized.MultiplyInt16ToInt8(output.zero_point, **_quantized_range(node))
    if not _is_quantized(node, output):
        return _clamped(node, elementwise.multiply)
    for tensor in (x, y, output):
        node.require(
            x.type is not TensorType.INT16 or tensor.zero_point == 0,
            f"the zero point of {tensor} must be 0",
            at_invoke=node.runtime.checks_zero_points_of_products_at_invoke,
        )
    with np.errstate(all="ignore"):
        x_scale, y_scale, output_scale = scales(node)
        multiplier = float(x_scale * y_scale / output_scale)
    function = elementwise_quantized.MultiplyQuantized(
        x.zero_point, y.zero_point, multiplier, output.zero_point, **_quantized_range(node)
    )
    return tabulated(node, function)


def scales(node: Node) -> list[Any]:
    """The scales of inputs and output in the precision in which the runtime multiplies and divides them."""
    precision = np.float32 if node.runtime.multiplies_scales_in_float32 else np.float64
    return [precision(tensor.scale) for tensor in (node.input(0), node.input(1), node.output())]


def _choose_div(node: Node) -> BinaryFunction:
    x, y, output = node.input(0), node.input(1), node.output()
    _refuse_quantized_int32(node, x, y)
    if x.type is TensorType.FLOAT32:
        return _clamped(node, elementwise.divide)
    if x.type is TensorType.INT32:
        saturates = node.runtime.divides_int32_saturating
        function = _clamped(node, elementwise.divide_int32 if saturates else _divide_int32)
        # LiteRT refuses the zero point of the divisor, and dies of a zero
        return refuse_divisors(node, function, 0, y.zero_point)
    with np.errstate(all="ignore"):
        x_scale, y_scale, output_scale = scales(node)
        multiplier = float(x_scale / (y_scale * output_scale))
    function = elementwise_quantized.DivideQuantized(
        x.zero_point, y.zero_point, multiplier, output.zero_point, **_quantized_range(node)
    )
    if not node.runtime.refuses_quantized_zero_divisors:
        return tabulated(node, function)
    return refuse_divisors(node, tabulated(node, function), y.zero_point)


def _divide_int32(x: Array, y: Array, output: Array, *, low: Any, high: Any) -> None:
    if ((x == np.iinfo(np.int32).min) & (y == -1)).any():
        raise InvokeError("−2^31 / −1 does not fit into int32")
    elementwise.divide_int32(x, y, output, low=low, high=high)


def refuse_divisors(node: Node, function: BinaryFunction, *refused: int) -> BinaryFunction:
    """The function, behind a look for these divisors unless they are known to be absent."""
    divisor = node.input(1).constant
    if divisor is not None and not np.isin(divisor, refused).any():
        return function

    def divide(x: Array, y: Array, output: Array) -> None:
        for number in refused:
            if (y == number).any():
                raise InvokeError("division by zero")
        function(x, y, output)

    return divide
