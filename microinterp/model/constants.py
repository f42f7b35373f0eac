"""The values of constant tensors: views of the file where possible, unpacked where not."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFormatError
from .damage import Damage
from .ir import NUMPY_TYPES, Array, Model, Tensor, TensorType

# Bits per element of the types narrower than a byte, and whether they are signed.
PACKED_TYPES = {TensorType.INT4: (4, True), TensorType.UINT4: (4, False), TensorType.INT2: (2, True)}

# Types whose values are not in the file, whatever their buffer says.
_OPAQUE_TYPES = (TensorType.RESOURCE, TensorType.VARIANT)

_BYTES_PER_STRING = 48  # a Python object each


def constant_values(model: Model, tensor: Tensor) -> Array | None:
    """The values of a constant tensor in its shape, read-only; None if the tensor is not constant.

    A dense tensor of a whole-byte type is a view of the file. Bytes beyond those that the shape needs are
    ignored, as by the native runtimes. Raises `ModelFormatError` where the contents of a string or sparse
    tensor are damaged.
    """
    buffer = constant_buffer(model, tensor)
    if buffer is None:
        return None
    try:
        values = _values(tensor, buffer)
    except Damage as damage:
        raise ModelFormatError(f"tensor {tensor.name!r}: {damage}") from None
    values.flags.writeable = False
    return values


def constant_buffer(model: Model, tensor: Tensor) -> NDArray[np.uint8] | None:
    """The bytes of a constant tensor as they are stored, or None if the tensor is not constant.

    A variable is not constant even if it names a buffer: TFLite Micro overlooks it, LiteRT refuses it.
    """
    buffer = model.buffers[tensor.buffer] if tensor.buffer else None
    if buffer is None or tensor.is_variable or tensor.type in _OPAQUE_TYPES:
        return None
    if buffer.size == 0 and 0 not in (tensor.shape or ()) and tensor.sparsity is None:
        return None
    return buffer


def stored_size(element_type: TensorType, count: int) -> int:
    """How many bytes that many elements take in the file."""
    if element_type in PACKED_TYPES:
        bits, _ = PACKED_TYPES[element_type]
        return (count * bits + 7) // 8
    return count * NUMPY_TYPES[element_type].itemsize


def _capacity(element_type: TensorType, size: int) -> int:
    """How many elements that many bytes of the file hold."""
    if element_type in PACKED_TYPES:
        bits, _ = PACKED_TYPES[element_type]
        return size * 8 // bits
    return size // NUMPY_TYPES[element_type].itemsize


def unpacked_size(tensor: Tensor, count: int) -> int:
    """How many bytes of memory a constant tensor of `count` elements takes that are not the file's own."""
    if tensor.type == TensorType.STRING:
        return count * _BYTES_PER_STRING
    if tensor.sparsity is not None or tensor.type in PACKED_TYPES or tensor.type == TensorType.BOOL:
        return count * NUMPY_TYPES[TensorType(tensor.type)].itemsize
    return 0


def _values(tensor: Tensor, buffer: NDArray[np.uint8]) -> Array:
    shape = tensor.shape or ()
    if tensor.type not in NUMPY_TYPES:
        raise Damage(f"its element type {tensor.type} is newer than this schema")
    element_type = TensorType(tensor.type)
    if element_type == TensorType.STRING:
        return _unpack_strings(buffer, math.prod(shape)).reshape(shape)
    if tensor.sparsity is not None:
        from .sparsity import densify

        return densify(tensor, _elements(element_type, buffer, _capacity(element_type, buffer.size)))
    return _elements(element_type, buffer, math.prod(shape)).reshape(shape)


def _elements(element_type: TensorType, buffer: NDArray[np.uint8], count: int) -> Array:
    """The first `count` elements in the buffer."""
    if stored_size(element_type, count) > buffer.size:
        raise Damage(
            f"{count} × {element_type.name} take {stored_size(element_type, count)} bytes, "
            f"but its buffer {buffer.size}"
        )
    if element_type in PACKED_TYPES:
        return _unpack(buffer, count, *PACKED_TYPES[element_type])
    values = buffer[: stored_size(element_type, count)]
    if element_type == TensorType.BOOL:
        # NumPy relies on its booleans being 0 or 1
        return values.view(np.bool_) if values.max(initial=0) <= 1 else values != 0
    return np.frombuffer(values, NUMPY_TYPES[element_type].newbyteorder("<"), count)


def _unpack(buffer: NDArray[np.uint8], count: int, bits: int, signed: bool) -> Array:
    """Elements of `bits` bits, the first in the lowest bits of its byte, one per byte."""
    per_byte = 8 // bits
    packed = buffer[: (count + per_byte - 1) // per_byte, np.newaxis]
    shifted = packed << np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    elements = shifted.view(np.int8) >> (8 - bits) if signed else shifted >> (8 - bits)
    return elements.reshape(-1)[:count]


def _unpack_strings(buffer: NDArray[np.uint8], count: int) -> NDArray[np.object_]:
    """TFLite's strings: their number, where each starts and the last ends, then their bytes, as an array."""
    if buffer.size < 4:
        raise Damage("its strings are shorter than their own header")
    stored = int(np.frombuffer(buffer, "<i4", 1)[0])
    if stored != count:
        raise Damage(f"it holds {stored} strings, but its shape needs {count}")
    if buffer.size < 4 * (count + 2):
        raise Damage("its strings are shorter than their own header")
    ends = np.frombuffer(buffer, "<i4", count + 1, 4).astype(np.int64)
    if ends[0] < 4 * (count + 2) or ends[-1] > buffer.size or (np.diff(ends) < 0).any():
        raise Damage("its strings have offsets that lead out of their buffer")
    data = buffer.tobytes()
    strings = np.empty(count, object)
    for i in range(count):
        strings[i] = data[ends[i] : ends[i + 1]]
    return strings
