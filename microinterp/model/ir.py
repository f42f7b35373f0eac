"""The immutable graph that a `.tflite` file holds, with the schema's own field names.

Every table of the schema is a frozen dataclass; vectors are tuples. A field that is absent from the file and
has no default is None, so that what was read can be written back as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class TensorType(IntEnum):
    """Element types, numbered as in the schema."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18
    INT2 = 19
    UINT4 = 20
    FLOAT8_E4M3FN = 21
    FLOAT8_E5M2 = 22


# What one element is in NumPy. Types narrower than a byte are unpacked to one element per byte; types that
# NumPy lacks are carried as their bits.
NUMPY_TYPES: Mapping[TensorType, np.dtype[Any]] = {
    TensorType.FLOAT32: np.dtype(np.float32),
    TensorType.FLOAT16: np.dtype(np.float16),
    TensorType.INT32: np.dtype(np.int32),
    TensorType.UINT8: np.dtype(np.uint8),
    TensorType.INT64: np.dtype(np.int64),
    TensorType.STRING: np.dtype(object),
    TensorType.BOOL: np.dtype(np.bool_),
    TensorType.INT16: np.dtype(np.int16),
    TensorType.COMPLEX64: np.dtype(np.complex64),
    TensorType.INT8: np.dtype(np.int8),
    TensorType.FLOAT64: np.dtype(np.float64),
    TensorType.COMPLEX128: np.dtype(np.complex128),
    TensorType.UINT64: np.dtype(np.uint64),
    TensorType.RESOURCE: np.dtype(np.int32),
    TensorType.VARIANT: np.dtype(np.uint64),
    TensorType.UINT32: np.dtype(np.uint32),
    TensorType.UINT16: np.dtype(np.uint16),
    TensorType.INT4: np.dtype(np.int8),
    TensorType.BFLOAT16: np.dtype(np.uint16),
    TensorType.INT2: np.dtype(np.int8),
    TensorType.UINT4: np.dtype(np.uint8),
    TensorType.FLOAT8_E4M3FN: np.dtype(np.int8),
    TensorType.FLOAT8_E5M2: np.dtype(np.int8),
}


@dataclass(frozen=True, slots=True, eq=False)
class Quantization:
    """`QuantizationParameters`: real = scale · (quantized − zero_point).

    `scale` is float32 and `zero_point` int64, of one element (per tensor) or one per slice of
    `quantized_dimension` (per channel), or None where the file has no such vector. `details` is the content
    of the `QuantizationDetails` union: its table's name and its fields.
    """

    scale: NDArray[np.float32] | None = None
    zero_point: NDArray[np.int64] | None = None
    quantized_dimension: int = 0
    min: NDArray[np.float32] | None = None
    max: NDArray[np.float32] | None = None
    details: tuple[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a subgraph. `shape` is None where the file has no shape vector (a scalar, like `()`).

    `type` is a plain int where the file's element type is newer than this schema.
    """

    name: str | None
    type: TensorType | int
    shape: tuple[int, ...] | None
    buffer: int = 0
    quantization: Quantization | None = None
    is_variable: bool = False
    sparsity: Mapping[str, Any] | None = None
    shape_signature: tuple[int, ...] | None = None
    has_rank: bool = False
    variant_tensors: tuple[Mapping[str, Any], ...] | None = None
    external_buffer: int = 0


@dataclass(frozen=True, slots=True)
class OperatorCode:
    """Which operator, and which version of it: the effective code is the larger of the two code fields."""

    builtin_code: int
    version: int = 1
    custom_code: str | None = None
    deprecated_builtin_code: int = 0

    @property
    def name(self) -> str:
        """`CONV_2D`, a custom operator's own name, or `BUILTIN_<number>` for one newer than this schema."""
        from .schema import operator_name

        return operator_name(self)


@dataclass(frozen=True, slots=True)
class Operator:
    """One node of a subgraph. Omitted optional inputs are −1.

    `options` holds every field of the operator's options table by TFLite's name, defaults filled in where
    the table or the field is absent; enums are `IntEnum`s. For a custom operator it is the decoded flexbuffer
    map (empty if there is none, or if the bytes are not a flexbuffer map); the bytes stay in
    `custom_options`. `options_table` names the table that the file really has, None if it has none; the
    content of a table that is not the operator's own is ignored, as it is by the native runtimes.
    """

    opcode_index: int
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    options_table: str | None = None
    custom_options: bytes | None = None
    custom_options_format: int = 0
    mutating_variable_inputs: tuple[bool, ...] | None = None
    intermediates: tuple[int, ...] | None = None
    debug_metadata_index: int = -1


@dataclass(frozen=True, slots=True)
class Subgraph:
    """A function: tensors, and operators in execution order."""

    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]
    name: str | None = None
    debug_metadata_index: int = -1


@dataclass(frozen=True, slots=True)
class Metadata:
    """A named buffer."""

    name: str | None
    buffer: int


@dataclass(frozen=True, slots=True)
class SignatureDef:
    """Names for the inputs and outputs of a subgraph: name → tensor index, in the file's order."""

    signature_key: str | None
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    subgraph_index: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """A whole `.tflite` file. `buffers` are zero-copy uint8 views of it (None: the buffer has no data)."""

    subgraphs: tuple[Subgraph, ...]
    operator_codes: tuple[OperatorCode, ...]
    buffers: tuple[NDArray[np.uint8] | None, ...]
    version: int = 3
    description: str | None = None
    metadata: tuple[Metadata, ...] | None = None
    metadata_buffer: tuple[int, ...] | None = None
    signature_defs: tuple[SignatureDef, ...] | None = None
    external_buffer_groups: tuple[str | None, ...] | None = None
    external_buffers: tuple[Mapping[str, Any], ...] | None = None

    def operator_code(self, operator: Operator) -> OperatorCode:
        """The code that an operator of this model refers to."""
        return self.operator_codes[operator.opcode_index]

    def constant(self, tensor: Tensor) -> Array | None:
        """The values of a constant tensor, zero-copy where its element type allows, or None.

        Elements narrower than a byte are unpacked; sparse tensors are densified; strings become an object
        array of bytes.
        """
        from .constants import constant_values

        return constant_values(self, tensor)

    def find_metadata(self, name: str) -> NDArray[np.uint8] | None:
        """The bytes of the metadata entry called `name`, or None."""
        for entry in self.metadata or ():
            if entry.name == name:
                return self.buffers[entry.buffer]
        return None
