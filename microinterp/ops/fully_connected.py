"""FULLY_CONNECTED."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microinterp_kernels.fixed_point import quantize_multipliers
from microinterp_kernels.fully_connected import (
    FullyConnectedFloat32,
    FullyConnectedFloat32Fast,
    FullyConnectedHybrid,
    FullyConnectedInteger,
    Requantizer,
    fully_connected_integer,
)
from microinterp_kernels.recurrent_activations import ACTIVATIONS
from microinterp_kernels.requantize import RequantizeInt64
from microinterp_kernels.rounding import requantize_rows, requantize_rows_in_double

from ..model.ir import Array, TensorType
from ..model.schema import ActivationFunctionType, FullyConnectedOptionsWeightsFormat
from .common import activation_range_float, activation_range_quantized, compute_nothing
from .node import Invocation, Node

_DENSE, _CSR = 0, 1  # DimensionType
_NARROW = (TensorType.INT4, TensorType.INT2)
_CLAMPS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")

_Kernel = Callable[[Array, Array], None]
_Definition = Callable[[Array, Array, Array | None, Array], None]


def prepare_fully_connected(node: Node) -> Invocation:
    """FULLY_CONNECTED: float32, integers, and float32 with int8, uint8 or narrower weights, as the runtime has them."""
    node.require_counts((2, 3), 1)
    x, weights, output = node.input(0), node.input(1), node.output()
    types = node.runtime.filter_types[node.name]
    # TFLM only finds out when it computes
    refuses_late = x.type is TensorType.UINT8 and x.type not in types
    if not refuses_late:
        node.require_type(x, *types)
        node.require_type(weights, *types[x.type])
    node.require(
        output.type is x.type or (x.type is TensorType.UINT8 and output.type is TensorType.INT16),
        f"{output} must have the element type of {x}",
    )
    node.require(
        node.options["weights_format"] == FullyConnectedOptionsWeightsFormat.DEFAULT,
        "shuffled weights are not supported",
    )
    node.require_rank(weights, 2)
    _require_bias(node, weights.shape[0])
    if node.runtime.fully_connected_checks:
        _check_as_litert(node)
    rows = _infer_shape(node)
    node.require_type(x, *types, at_invoke=refuses_late)
    node.require(
        weights.definition.sparsity is None
        or (
            node.runtime.fully_connected_checks
            and (weights.type is TensorType.FLOAT32 or _has_blocks_of_16(node))
        ),
        "sparse weights are supported in LiteRT only: of float32, and of int8 in blocks of 1 × 16",
        at_invoke=node.runtime.fully_connected_checks,
    )
    if output.size == 0:
        return Invocation(compute_nothing, ())
    if weights.size == 0 and node.runtime.fully_connected_checks:
        return Invocation(_fill_with_zeros, (output,))
    if x.type is not TensorType.FLOAT32:
        return _prepare_integer(node, rows)
    return _prepare_float(node, rows) if weights.type is TensorType.FLOAT32 else _prepare_hybrid(node, rows)


def _has_blocks_of_16(node: Node) -> bool:
    """Whether inputs are int8, and so are sparse weights, stored in blocks of 16 of a row."""
    x, weights = node.input(0), node.input(1)
    sparsity = weights.definition.sparsity or {}
    levels = [(level["format"], level["dense_size"]) for level in sparsity.get("dim_metadata") or ()]
    return (
        x.type is weights.type is TensorType.INT8
        and weights.zero_point == 0
        and tuple(sparsity["traversal_order"] or ()) == (0, 1, 2)
        and tuple(sparsity["block_map"] or ()) == (1,)
        and [format for format, _ in levels] == [_DENSE, _CSR, _DENSE]
        and levels[2] == (_DENSE, 16)
    )


def _fill_with_zeros(output: Array) -> None:
    """Sum no products at all: LiteRT leaves out even the bias."""
    output.fill(0)


def _require_bias(node: Node, n: int) -> None:
    """Refuse a bias that does not fit."""
    bias = node.optional_input(2)
    if bias is None:
        node.require(
            node.input(0).type is node.output().type,
            "needs a bias to make INT16 of UINT8: LiteRT dies without",
        )
        return
    if node.input(0).type is TensorType.FLOAT32:
        node.require_type(bias, TensorType.FLOAT32)
    else:
        node.require_type(bias, TensorType.INT32, TensorType.INT64)
    node.require(
        bias.size == n or (bias.size > n and not node.runtime.fully_connected_checks),
        f"{bias} must have one element for each of the {n} outputs",
    )


def _check_as_litert(node: Node) -> None:
    """Refuse what LiteRT refuses, while TFLM ignores it."""
    x, weights, bias, options = node.input(0), node.input(1), node.optional_input(2), node.options
    is_hybrid = x.type is TensorType.FLOAT32 and weights.type is not TensorType.FLOAT32
    activation = ActivationFunctionType(options["fused_activation_function"]).name
    node.require(is_hybrid or activation in _CLAMPS, f"the activation {activation} is not supported here")
    q = weights.quantization
    if weights.type in _NARROW and q is not None and q.zero_point is not None:
        node.require(not q.zero_point.any(), f"{weights} must have zero points of 0")
    if x.type is TensorType.FLOAT32:
        return
    node.require(x.is_quantized and weights.is_quantized, f"{x} and {weights} must be quantized")
    if x.type is TensorType.INT16:
        for tensor in (x, node.output()):
            node.require(tensor.zero_point == 0, f"{tensor} must have the zero point 0")
        named = options["quantized_bias_type"]
        node.require(
            named in (TensorType.FLOAT32, TensorType.INT32, TensorType.INT64)  # the first is the default
            and (bias is None or named in (TensorType.FLOAT32, bias.type)),
            "the option quantized_bias_type must name the type of the bias, INT32 or INT64, or nothing",
        )


def _infer_shape(node: Node) -> int:
    """Give the output its shape; returns how many rows it has."""
    x, (n, k), output = node.input(0), node.input(1).shape, node.output()
    if not node.runtime.fully_connected_checks:
        # TFLM computes as many rows as the model says
        node.require(
            output.shape[-1:] == (n,) and math.prod(output.shape[:-1]) * k <= x.size,
            f"{output} does not fit {x} and {node.input(1)}",
        )
    elif node.options["keep_num_dims"]:
        node.require(x.shape[-1:] == (k,), f"the last dimension of {x} must be {k}, to keep the others")
        output.shape = (*x.shape[:-1], n)
    else:
        output.shape = (x.size // k if k else math.prod(x.shape[:-1]), n)
    return math.prod(output.shape[:-1])


def _bind(
    node: Node,
    rows: int,
    make: Callable[[Array, Array | None], _Kernel],
    define: _Definition | None = None,
    bias_type: type[np.generic] = np.float32,
) -> Invocation:
    """The invocation of the kernel for weights and bias; of `define`, if given, if their values are not known yet.

    `bias_type` is what the native kernel takes the bias for.
    """
    x, weights, bias, output = node.input(0), node.input(1), node.optional_input(2), node.output()
    n, k = weights.shape
    used = rows * k  # what the input has beyond is left out

    def flatten(bias: Array | None) -> Array | None:
        if bias is None:
            return None
        # native kernels do not look at the type: of wider elements they take the words that they find
        is_wider = bias.itemsize > np.dtype(bias_type).itemsize
        return (bias.reshape(-1).view(bias_type) if is_wider else bias.reshape(-1))[:n]

    if weights.constant is not None and (bias is None or bias.constant is not None):
        kernel = make(weights.constant, flatten(None if bias is None else bias.constant))
        if used == x.size:
            return Invocation(kernel, (x, output), kernel)
        return Invocation(lambda x, output: kernel(x.reshape(-1)[:used], output), (x, output), kernel)

    def invoke(x: Array, weights: Array, bias: Array | None, output: Array) -> None:
        x = x.reshape(-1)[:used]
        if define is None:
            make(weights, flatten(bias))(x, output)
        else:
            define(x, weights, flatten(bias), output)

    return Invocation(invoke, (x, weights, bias, output))


def _prepare_float(node: Node, rows: int) -> Invocation:
    low, high = activation_range_float(node.options["fused_activation_function"])
    kernel = FullyConnectedFloat32 if node.adds_in_order else FullyConnectedFloat32Fast
    return _bind(node, rows, lambda weights, biases: kernel(rows, weights, biases, low, high))


def _prepare_hybrid(node: Node, rows: int) -> Invocation:
    _require_scales(node)
    asymmetric = node.options["asymmetric_quantize_inputs"]
    scales = node.input(1).scales
    scales = scales[: node.input(1).shape[0]] if scales.size else np.zeros(1, np.float32)
    activation = ACTIVATIONS.get(ActivationFunctionType(node.options["fused_activation_function"]).name)
    sums: Array | None = None

    def make(weights: Array, biases: Array | None) -> FullyConnectedHybrid:
        return FullyConnectedHybrid(weights.view(np.int8), scales, biases, activation, asymmetric)

    def define(x: Array, weights: Array, biases: Array | None, output: Array) -> None:
        nonlocal sums
        kernel = make(weights, biases)
        if x.any():
            # LiteRT sums up the weights only once, even if they are not constant
            sums = kernel.products.sums if sums is None else sums
            kernel.products.sums = sums
        kernel(x, output)

    return _bind(node, rows, make, define)


def _prepare_integer(node: Node, rows: int) -> Invocation:
    x, weights = node.input(0), node.input(1)
    int64_sums, bias_type = _integer_types(node)
    requantizer = _requantizer(node, rows, int64_sums)
    general = requantizer()
    zero_points = x.zero_point, 0 if weights.scales.size > 1 else weights.zero_point

    def make(weights: Array, biases: Array | None) -> FullyConnectedInteger:
        return FullyConnectedInteger(rows, weights, biases, x.dtype, *zero_points, requantizer)

    def define(x: Array, weights: Array, biases: Array | None, output: Array) -> None:
        fully_connected_integer(x, weights, biases, *zero_points, general, output)

    return _bind(node, rows, make, define, bias_type)


def _integer_types(node: Node) -> tuple[bool, type[np.integer[Any]]]:
    """Whether sums are int64 rather than int32, and the type that the native kernel takes the bias for."""
    option, bias = node.options["quantized_bias_type"], node.optional_input(2)
    if node.input(0).type is not TensorType.INT16:
        return False, np.int32
    if node.input(1).type is TensorType.INT16:
        return True, np.int64 if option == TensorType.INT64 else np.int32
    if bias is None or node.runtime.fully_connected_bias_type_is_an_option:
        is_int32 = option == TensorType.INT32
    else:
        is_int32 = bias.type is TensorType.INT32
    return not is_int32, np.int32 if is_int32 else np.int64


def _requantizer(node: Node, rows: int, int64_sums: bool) -> Requantizer:
    x, weights, output, runtime = node.input(0), node.input(1), node.output(), node.runtime
    low, high = activation_range_quantized(node, output, node.options["fused_activation_function"])
    node.require(low <= high, f"{output} cannot represent the range of its activation")
    zero_point, scales = output.zero_point, _output_scales(node)
    is_sparse = weights.definition.sparsity is not None
    if (
        runtime.fully_connected_requantizes_in_double
        and weights.type is not TensorType.INT16
        and not is_sparse
    ):
        return partial(
            requantize_rows_in_double,
            *(rows, scales, zero_point, low, high, output.dtype),
            wraps=not int64_sums,
        )
    if runtime.multiplies_scales_in_float32 and weights.scales.size == 1:
        with np.errstate(all="ignore"):
            product = np.float64(np.float32(x.scale) * np.float32(weights.scale))
            scales = np.atleast_1d(product / np.float64(output.scale))
    multipliers, shifts = quantize_multipliers(scales)
    if int64_sums:
        return partial(RequantizeInt64, multipliers, shifts, low, high, output.dtype, zero_point=zero_point)
    return partial(requantize_rows, rows, multipliers, shifts, zero_point, low, high, output.dtype)


def _output_scales(node: Node) -> NDArray[np.float64]:
    """What sums are multiplied with, one or one per output."""
    x, weights, bias, runtime = node.input(0), node.input(1), node.optional_input(2), node.runtime
    n = weights.shape[0]
    input_scale, output_scale = np.float64(x.scale), np.float64(node.output().scale)
    with np.errstate(all="ignore"):
        if weights.scales.size > 1:
            node.require(
                x.type is not TensorType.UINT8
                and (runtime.fully_connected_checks or weights.type not in _NARROW),
                f"{weights} must have one scale",
            )
            _require_scales(node, only_rows=runtime.fully_connected_checks)
            return np.asarray(input_scale * weights.scales[:n].astype(np.float64) / output_scale)
        product = input_scale * np.float64(weights.scale)
        node.require(bool(product >= 0), f"the scales of {x} and {weights} must not be negative")
        if bias is not None:
            node.require(
                bool(abs(product - np.float64(bias.scale)) / output_scale <= 0.02),
                f"the scale of {bias} must be the product of those of {x} and {weights}, {product}",
            )
        return np.atleast_1d(product / output_scale)


def _require_scales(node: Node, *, only_rows: bool = False) -> None:
    """Refuse several scales unless there is one for each place along the quantized dimension, enough for all rows."""
    weights = node.input(1)
    if weights.scales.size > 1:
        dimension = weights.quantization.quantized_dimension if weights.quantization else 0
        node.require(
            dimension in ((0,) if only_rows else (0, 1))
            and weights.scales.size == weights.shape[dimension] >= weights.shape[0],
            f"{weights} must have one scale, or one for each of its rows",
        )
