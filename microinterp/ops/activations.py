"""ELU, GELU, HARD_SWISH, LOGISTIC, LOG_SOFTMAX, SOFTMAX and TANH."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from microinterp_kernels import activations as kernels
from microinterp_kernels import gelu
from microinterp_kernels.log_softmax import LogSoftmax8Bit, log_softmax_float32
from microinterp_kernels.lookup_table import LookupTable
from microinterp_kernels.softmax import Softmax8Bit, SoftmaxInt16, softmax_float16, softmax_float32
from microinterp_kernels.unary_quantized import HardSwish8Bit

from ..model.ir import Array, TensorType
from .common import compute_nothing
from .elementwise import Kernel, float_table, require_unary, scale_precision, store, store_floats
from .node import Invocation, Node, RuntimeTensor
from .shapes import require_data_type

_FLOATS = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.BFLOAT16)


def prepare_logistic(node: Node) -> Invocation:
    """LOGISTIC: float32, int8, int16; LiteRT also float16, bfloat16 and uint8."""
    x, output = require_unary(node)
    if x.type in _FLOATS:
        return store_floats(kernels.logistic_float32, x, output)
    runtime = node.runtime
    if x.type is TensorType.INT16:
        scale = 1 / 32768
        _require_int16_quantization(node, x, output)
        multiplier, shift = kernels.int16_multiplier(x.scale, (0,))
        kernel = LookupTable(partial(kernels.logistic_int16, multiplier=multiplier, shift=shift), np.int16)
    elif runtime.tabulates_activations_in_float:
        scale = 1 / 256
        kernel = float_table(x, output, kernels.plain_logistic_float32)
    else:
        node.require(output.zero_point == -128, f"{output} must have zero point -128")
        kernel = _fixed_point_table(node, x, kernels.logistic_int8)
    if runtime.logistic_checks_output_scale:
        node.require(output.scale == scale, f"{output} must have scale {scale}, not {output.scale}")
    return store(kernel, x, output)


def prepare_tanh(node: Node) -> Invocation:
    """TANH: float32, int8, int16; LiteRT also float16, bfloat16 and uint8."""
    x, output = require_unary(node)
    if x.type in _FLOATS:
        return store_floats(kernels.tanh_float32, x, output)
    if x.type is TensorType.INT16:
        _require_int16_quantization(node, x, output)
        multiplier, shift = kernels.int16_multiplier(x.scale, (0, 1))
        kernel = LookupTable(partial(kernels.tanh_int16, multiplier=multiplier, shift=shift), np.int16)
    elif node.runtime.tabulates_activations_in_float:
        kernel = float_table(x, output, kernels.tanh_float32)
    else:
        kernel = _fixed_point_table(node, x, kernels.tanh_int8)
    return store(kernel, x, output)


def prepare_elu(node: Node) -> Invocation:
    """ELU: float32, int8."""
    x, output = require_unary(node)
    if x.type is TensorType.FLOAT32:
        return store(kernels.elu_float32, x, output)
    subtracts = node.runtime.tabulates_elu_by_exp
    return store(
        float_table(x, output, kernels.elu_by_exp_float32 if subtracts else kernels.elu_float32), x, output
    )


def prepare_gelu(node: Node) -> Invocation:
    """GELU, exact or approximated by tanh: float32, float16, int8, uint8, int16."""
    x, output = require_unary(node)
    approximate = node.options["approximate"]
    if x.type is TensorType.FLOAT32:
        return store(partial(gelu.gelu_float32, approximate=approximate), x, output)
    if x.type is TensorType.FLOAT16:
        return store(partial(gelu.gelu_float16, approximate=approximate), x, output)
    return store(float_table(x, output, partial(gelu.gelu_for_table, approximate=approximate)), x, output)


def prepare_hard_swish(node: Node) -> Invocation:
    """HARD_SWISH: float32, int8; LiteRT also uint8."""
    x, output = require_unary(node)
    if x.type is TensorType.FLOAT32:
        return store(kernels.hard_swish_float32, x, output)
    try:
        kernel = HardSwish8Bit(x.scale, x.zero_point, output.scale, output.zero_point, scale_precision(node))
    except ValueError as error:
        node.fail(str(error))
    return store(LookupTable(kernel, x.dtype), x, output)


def _require_int16_quantization(node: Node, x: RuntimeTensor, output: RuntimeTensor) -> None:
    """Refuse zero points, and an output scale other than 2^-15."""
    node.require(x.zero_point == 0 == output.zero_point, f"{x} and {output} must have zero point 0")
    node.require(
        kernels.checked_log2(output.scale) == -15,
        f"{output} must have scale 1/32768, not {output.scale}",
    )


def _fixed_point_table(node: Node, x: RuntimeTensor, function: Callable[..., Array]) -> LookupTable:
    node.require(np.isfinite(x.scale) and x.scale >= 0, f"{x} has no valid scale: {x.scale}")
    return LookupTable(partial(function, input_scale=x.scale, input_zero_point=x.zero_point), np.int8)


_SOFTMAX_OUTPUTS = {
    TensorType.FLOAT32: (TensorType.FLOAT32,),
    TensorType.FLOAT16: (TensorType.FLOAT16,),
    TensorType.INT8: (TensorType.INT8, TensorType.INT16),
    TensorType.UINT8: (TensorType.UINT8, TensorType.INT16),
    TensorType.INT16: (TensorType.INT16,),
}


def prepare_softmax(node: Node) -> Invocation:
    """SOFTMAX: float32, int8 to int8 or int16, int16; LiteRT also float16, and uint8 to uint8 or int16."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    node.require(len(x.shape) >= 1, f"{x} needs at least one dimension")
    output.shape = x.shape
    if x.type not in _SOFTMAX_OUTPUTS:
        node.require_type(output, x.type)
    require_data_type(node, x)
    node.require_type(output, *_SOFTMAX_OUTPUTS[x.type])
    _require_softmax_quantization(node, x, output)
    if x.size == 0:
        return Invocation(compute_nothing, ())
    return store(_softmax_kernel(node, x, output), x, output)


def prepare_log_softmax(node: Node) -> Invocation:
    """LOG_SOFTMAX: float32, int8; LiteRT also uint8."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    node.require_type(output, x.type)
    node.require(len(x.shape) >= 1, f"{x} needs at least one dimension")
    output.shape = x.shape
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    if x.type is TensorType.FLOAT32:
        kernel: Kernel = log_softmax_float32
    else:
        zero_point = int(np.iinfo(x.dtype).max)
        node.require(
            (output.scale, output.zero_point) == (1 / 16, zero_point),
            f"{output} must have scale 1/16 and zero point {zero_point}",
        )
        try:
            kernel = LogSoftmax8Bit(x.scale, x.dtype)
        except ValueError as error:
            node.fail(str(error))
    if x.size == 0:
        return Invocation(compute_nothing, ())
    return store(kernel, x, output)


def _softmax_kernel(node: Node, x: RuntimeTensor, output: RuntimeTensor) -> Kernel:
    beta, runtime = node.options["beta"], node.runtime
    if x.type is TensorType.FLOAT32:
        return partial(softmax_float32, beta=beta)
    if x.type is TensorType.FLOAT16:
        return partial(softmax_float16, beta=beta)
    try:
        if x.type is not TensorType.INT16:
            return Softmax8Bit(beta, x.scale, output.dtype)
        scaled_beta = beta * x.scale
        if runtime.multiplies_scales_in_float32:
            with np.errstate(over="ignore"):
                scaled_beta = float(np.float32(scaled_beta))  # the product of two float32 is exact in double
        return SoftmaxInt16(scaled_beta, np.float64 if runtime.softmax_int16_uses_double else np.float32)
    except ValueError as error:
        node.fail(str(error))


def _require_softmax_quantization(node: Node, x: RuntimeTensor, output: RuntimeTensor) -> None:
    """Refuse an output quantization other than the kernel's."""
    runtime = node.runtime
    tolerance = 0.001
    match x.type, output.type:
        case TensorType.INT8, TensorType.INT8:
            zero_point, scale = -128, 1 / 256
            tolerance = runtime.softmax_int8_scale_tolerance
        case TensorType.INT8, TensorType.INT16 if runtime.softmax_checks_int8_to_int16:
            zero_point, scale = -32768, 1 / 65536
        case TensorType.INT16, TensorType.INT16:
            node.require(x.zero_point == 0, f"{x} must have zero point 0")
            zero_point, scale = 0, 1 / 32768
        case _:
            return
    node.require(
        output.zero_point == zero_point
        and bool(
            abs(np.float32(output.scale) - np.float32(scale)) <= np.float32(tolerance) * np.float32(scale)
        ),
        f"{output} must have scale {scale} and zero point {zero_point}, not {output.scale} and {output.zero_point}",
    )
