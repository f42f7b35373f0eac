"""TFLM's DECODE, which expands compressed weights for the operators that read them.

Each output has two constant inputs: codes, and *ancillary data*: a header of 16 bytes that says the format, and a
table. They are expanded once, at prepare.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microinterp_kernels.decode import decode_huffman, decode_lut, decode_prune

from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor

Bytes = NDArray[np.uint8]

_HEADER_SIZE = 16
_LUT, _HUFFMAN, _PRUNE = range(3)
_TYPES = (
    *(TensorType.BOOL, TensorType.FLOAT32),
    *(TensorType.INT8, TensorType.INT16, TensorType.INT32, TensorType.INT64),
)


def prepare_tflm_decode(node: Node) -> Invocation:
    """The outputs as their model describes them, of codes and ancillary data by turns."""
    node.require(len(node.outputs) > 0, "has no outputs")
    node.require_counts(2 * len(node.outputs), len(node.outputs))
    values = [
        _expand(node, _bytes(node, 2 * i), _bytes(node, 2 * i + 1), output)
        for i, output in enumerate(node.outputs)
    ]

    def invoke(*outputs: Array) -> None:
        for output, expanded in zip(outputs, values, strict=True):
            output[...] = expanded

    return Invocation(invoke, node.outputs, values)


def _bytes(node: Node, i: int) -> Bytes:
    values = node.constant(i)
    node.require(values.size > 0, f"input {i}, {node.input(i)}, must not be empty")
    return np.frombuffer(values.tobytes(), np.uint8)


def _expand(node: Node, codes: Bytes, ancillary: Bytes, output: RuntimeTensor) -> Array:
    node.require(ancillary.size >= _HEADER_SIZE, f"the ancillary data of {output} has no header")
    # the version is there twice: of the header, and of the format
    format_, version, _, _, format_version, parameters, stride, *_ = ancillary[:_HEADER_SIZE].tolist()
    node.require(
        version == format_version == 1,
        f"{output} is compressed in version {version}.{format_version}, not 1.1",
    )
    expand = {_LUT: _expand_lut, _HUFFMAN: _expand_huffman, _PRUNE: _expand_prune}.get(format_)
    if expand is None:
        node.fail(f"{output} is compressed in format {format_}; supported: 0 (LUT), 1 (Huffman), 2 (prune)")
    try:
        values = expand(node, codes, ancillary[_HEADER_SIZE:], output, parameters, stride)
    except ValueError as error:
        node.fail(f"{output}: {error}")
    return values.reshape(output.shape)


def _expand_lut(
    node: Node, codes: Bytes, table: Bytes, output: RuntimeTensor, parameters: int, stride: int
) -> Array:
    channels = _channels(node, output)
    node.require_type(output, *_TYPES, at_invoke=True)
    return decode_lut(codes, _entries(table, output.dtype), parameters & 7, channels, stride)


def _expand_prune(
    node: Node, codes: Bytes, table: Bytes, output: RuntimeTensor, parameters: int, stride: int
) -> Array:
    channels = _channels(node, output)
    q = output.quantization
    zero_points = np.zeros(1, np.int64)
    if output.is_quantized and q is not None and q.zero_point is not None and q.zero_point.size:
        zero_points = q.zero_point
    node.require(
        output.type is TensorType.INT8 or not zero_points.any(), f"{output} must have zero points of 0"
    )
    node.require(
        zero_points.size > channels.max(initial=0) or zero_points.size == 1, f"{output} lacks zero points"
    )
    node.require_type(output, *_TYPES, at_invoke=True)
    fill = np.broadcast_to(zero_points, channels.size) if zero_points.size == 1 else zero_points[channels]
    return decode_prune(codes, _entries(table, output.dtype), fill.astype(output.dtype))


def _expand_huffman(
    node: Node, codes: Bytes, table: Bytes, output: RuntimeTensor, parameters: int, stride: int
) -> Array:
    is_wide = bool(parameters & 1)
    if not is_wide:
        node.require_type(output, TensorType.INT8)
    node.require_type(output, TensorType.INT8, TensorType.INT16, at_invoke=True)
    entries = _entries(table, np.dtype(np.uint32 if is_wide else np.uint16))
    symbols = decode_huffman(codes, entries, (parameters >> 4) + 1, output.size)
    return np.array(symbols, np.int64).astype(output.dtype)


def _entries(table: Bytes, dtype: np.dtype[np.generic]) -> Array:
    """The whole entries of a table."""
    return table[: table.size // dtype.itemsize * dtype.itemsize].view(dtype)


def _channels(node: Node, output: RuntimeTensor) -> NDArray[np.intp]:
    """The channel of each element: along the first axis, or along the last if the scales are."""
    n = output.size
    q = output.quantization
    if not output.is_quantized or q is None or q.zero_point is None or not q.zero_point.size:
        return np.zeros(n, np.intp)
    count = output.scales.size
    is_last = count > 1 and q.quantized_dimension == len(output.shape) - 1
    node.require(
        is_last or q.quantized_dimension == 0, f"{output} must be quantized along the first or the last axis"
    )
    node.require(n % count == 0, f"{output} must have as many elements for each of its {count} scales")
    places = np.arange(n)
    return places % count if is_last else places // (n // count)
