"""AVERAGE_POOL_2D, L2_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

from typing import Any

import numpy as np

from microinterp_kernels import pooling as kernels
from microinterp_kernels.padding import MOST_PADDING, fit_windows

from ..model.ir import TensorType
from ..model.schema import Padding
from .common import activation_range_float, activation_range_quantized, compute_nothing
from .node import Invocation, Node
from .shapes import require_data_type


def prepare_average_pool_2d(node: Node) -> Invocation:
    """AVERAGE_POOL_2D: float32, int8, int16, and uint8 where the runtime has it."""
    return _prepare_pool(node, kernels.AveragePool2DFloat32, kernels.AveragePool2DInteger)


def prepare_l2_pool_2d(node: Node) -> Invocation:
    """L2_POOL_2D: float32."""
    return _prepare_pool(node, kernels.L2Pool2DFloat32)


def prepare_max_pool_2d(node: Node) -> Invocation:
    """MAX_POOL_2D: float32, int8, int16, and uint8 where the runtime has it."""
    return _prepare_pool(node, kernels.MaxPool2DFloat32, kernels.MaxPool2DInteger)


def _prepare_pool(
    node: Node,
    float32: type[kernels.AveragePool2DFloat32 | kernels.MaxPool2DFloat32],
    integer: type[kernels.AveragePool2DInteger | kernels.MaxPool2DInteger] | None = None,
) -> Invocation:
    node.require_counts(1, 1)
    image, output = node.input(0), node.output()
    node.require_rank(image, 4)

    options = node.options
    stride = (options["stride_h"], options["stride_w"])
    window = (options["filter_height"], options["filter_width"])
    node.require(min(stride) > 0, f"strides must be positive, not {stride}")
    node.require(options["padding"] in set(Padding), f"unknown padding {options['padding']}")
    batches, height, width, channels = image.shape
    windows = fit_windows(
        "SAME" if options["padding"] == Padding.SAME else "VALID", (height, width), window, stride
    )
    node.require(max(windows.padding) <= MOST_PADDING, f"windows of {window} need too much padding")
    output.shape = (batches, *windows.counts, channels)
    node.require(
        integer is not None or image.type not in (TensorType.INT8, TensorType.UINT8),
        f"{image} must be float32",
    )
    require_data_type(node, image, output)
    quantized = image.type is not TensorType.FLOAT32
    if quantized and node.runtime.pooling_checks_quantization:
        node.require(
            bool(abs(np.float32(image.scale) - np.float32(output.scale)) <= 1e-6)
            and image.zero_point == output.zero_point,
            f"{output} must be quantized like {image}",
        )
    shape, activation = (batches, height, width, channels), options["fused_activation_function"]
    kernel: Any
    if output.size == 0:
        return Invocation(compute_nothing, ())
    if quantized:
        assert integer is not None, "the element types say so"
        low, high = activation_range_quantized(node, output, activation)
        node.require(low <= high, f"{output} cannot represent the range of its activation")
        kernel = integer(shape, windows, window, stride, low, high, image.dtype)
    else:
        kernel = float32(shape, windows, window, stride, *activation_range_float(activation))
    return Invocation(kernel, (image, output), kernel)
