"""`.tflite` bytes → `Model`: everything is checked here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFormatError
from .checks import check_model
from .damage import Damage, Place
from .flatbuffer import FlatBuffer
from .ir import Metadata, Model, Operator, OperatorCode, Quantization, SignatureDef, Subgraph, Tensor
from .schema import CUSTOM, ENUMS, IDENTIFIER, VERSION, default_options, fields, operator_name, options_table

T = TypeVar("T")


def read_model(data: bytes | bytearray | memoryview) -> Model:
    """The model in the bytes of a `.tflite` file.

    `data` is any bytes-like object. Constant buffers and quantization parameters are views of it, not copies.
    Raises `ModelFormatError` if the bytes are not a sound model.
    """
    view = memoryview(data).cast("B").toreadonly()
    try:
        if len(view) < 8 or view[4:8] != IDENTIFIER:
            raise Damage(f"not a .tflite model: the identifier {IDENTIFIER.decode()} is not at byte 4")
        model = _Reader(view).model()
        check_model(model, len(view))
    except Damage as damage:
        raise ModelFormatError(str(damage)) from None
    return model


class _Reader:
    """Turns the tables of one file into the model's dataclasses."""

    def __init__(self, data: memoryview) -> None:
        self.file = FlatBuffer(data)
        self.codes: tuple[OperatorCode, ...] = ()
        # per operator code: its options table, and its options where the file has no such table
        self.options_tables: list[tuple[str | None, Mapping[str, Any]]] = []

    def model(self) -> Model:
        table = self.file.table("Model", self.file.root())
        if table["version"] != VERSION:
            raise Damage(f"the model has schema version {table['version']}, needs {VERSION}")
        if table["subgraphs"] is None or table["buffers"] is None:
            raise Damage("the model has no subgraphs or no buffers")
        self.codes = self._each(table["operator_codes"], "operator code", self._operator_code)
        for code in self.codes:
            own = options_table(operator_name(code)) if code.builtin_code != CUSTOM else None
            self.options_tables.append((own, default_options(own)))
        return Model(
            subgraphs=self._each(table["subgraphs"], "subgraph", self._subgraph),
            operator_codes=self.codes,
            buffers=self._each(table["buffers"], "buffer", self._buffer),
            version=table["version"],
            description=table["description"],
            metadata=self._each_or_none(table["metadata"], "metadata", self._metadata),
            metadata_buffer=self.file.numbers(table["metadata_buffer"], "i"),
            signature_defs=self._each_or_none(table["signature_defs"], "signature", self._signature),
            external_buffer_groups=self._each_or_none(
                table["external_buffer_groups"],
                "external buffer group",
                lambda position: self.file.table("ExternalBufferGroup", position)["name"],
            ),
            external_buffers=self._each_or_none(
                table["external_buffers"],
                "external buffer",
                lambda position: MappingProxyType(self.file.table("ExternalBuffer", position)),
            ),
        )

    def _each(self, vector: int | None, what: str, read: Callable[[int], T]) -> tuple[T, ...]:
        result = []
        for i, position in enumerate(self.file.tables(vector)):
            try:
                result.append(read(position))
            except Damage as damage:
                damage.places.append(f"{what} {i}")
                raise
        return tuple(result)

    def _each_or_none(self, vector: int | None, what: str, read: Callable[[int], T]) -> tuple[T, ...] | None:
        return None if vector is None else self._each(vector, what, read)

    def _operator_code(self, position: int) -> OperatorCode:
        table = self.file.table("OperatorCode", position)
        code = OperatorCode(
            builtin_code=max(table["builtin_code"], table["deprecated_builtin_code"]),
            version=table["version"],
            custom_code=table["custom_code"],
            deprecated_builtin_code=table["deprecated_builtin_code"],
        )
        if code.builtin_code == CUSTOM and code.custom_code is None:
            raise Damage("a custom operator has no name (custom_code)")
        return code

    def _buffer(self, position: int) -> NDArray[np.uint8] | None:
        table = self.file.table("Buffer", position)
        if table["data"] is not None:
            return self.file.array(table["data"], "u1")
        return self._outside(table["offset"], table["size"])

    def _outside(self, offset: int, size: int) -> NDArray[np.uint8] | None:
        """Data of the file beyond the FlatBuffer; offsets 0 and 1 say that there is none."""
        if offset <= 1:
            return None
        if offset + size > self.file.size:
            raise Damage(f"its {size} bytes at byte {offset} run over the end of the file")
        return np.frombuffer(self.file.data, np.uint8, size, offset)

    def _subgraph(self, position: int) -> Subgraph:
        table = self.file.table("SubGraph", position)
        if table["tensors"] is None:
            raise Damage("it has no tensors")
        return Subgraph(
            tensors=self._each(table["tensors"], "tensor", self._tensor),
            inputs=self.file.numbers(table["inputs"], "i") or (),
            outputs=self.file.numbers(table["outputs"], "i") or (),
            operators=self._each(table["operators"], "operator", self._operator),
            name=table["name"],
            debug_metadata_index=table["debug_metadata_index"],
        )

    def _tensor(self, position: int) -> Tensor:
        table = self.file.table("Tensor", position)
        quantization, sparsity = table["quantization"], table["sparsity"]
        return Tensor(
            name=table["name"],
            type=table["type"],
            shape=self.file.numbers(table["shape"], "i"),
            buffer=table["buffer"],
            quantization=None if quantization is None else self._quantization(quantization),
            is_variable=table["is_variable"],
            sparsity=None if sparsity is None else self._content("SparsityParameters", sparsity),
            shape_signature=self.file.numbers(table["shape_signature"], "i"),
            has_rank=table["has_rank"],
            variant_tensors=self._each_or_none(
                table["variant_tensors"],
                "variant tensor",
                partial(self._content, "VariantSubType"),
            ),
            external_buffer=table["external_buffer"],
        )

    def _quantization(self, position: int) -> Quantization:
        table = self.file.table("QuantizationParameters", position)
        details = table["details"]
        return Quantization(
            scale=self.file.array(table["scale"], "<f4"),
            zero_point=self.file.array(table["zero_point"], "<i8"),
            quantized_dimension=table["quantized_dimension"],
            min=self.file.array(table["min"], "<f4"),
            max=self.file.array(table["max"], "<f4"),
            details=None if details is None else (details[0], self._content(*details)),
        )

    def _operator(self, position: int) -> Operator:
        table = self.file.table("Operator", position)
        index = table["opcode_index"]
        if index >= len(self.codes):
            raise Damage(f"its opcode_index is {index}, but the model has {len(self.codes)} operator codes")
        code = self.codes[index]
        with Place(operator_name(code)):
            return self._operator_of(code, table)

    def _operator_of(self, code: OperatorCode, table: dict[str, Any]) -> Operator:
        custom_options = self.file.octets(table["custom_options"])
        if custom_options is None:
            outside = self._outside(table["large_custom_options_offset"], table["large_custom_options_size"])
            custom_options = None if outside is None else self.file.copy(outside)

        own, options = self.options_tables[table["opcode_index"]]
        first, second = table["builtin_options"], table["builtin_options_2"]
        present = second if first is None or (second is not None and second[0] == own) else first
        if code.builtin_code == CUSTOM:
            if custom_options:
                from .custom_options import decode_custom_options

                options = MappingProxyType(decode_custom_options(custom_options))
        elif present is not None and own in (None, present[0]):
            options = self._content(*present)
        return Operator(
            opcode_index=table["opcode_index"],
            inputs=self.file.numbers(table["inputs"], "i") or (),
            outputs=self.file.numbers(table["outputs"], "i") or (),
            options=options,
            options_table=None if present is None else present[0],
            custom_options=custom_options,
            custom_options_format=int(table["custom_options_format"]),
            mutating_variable_inputs=self.file.numbers(table["mutating_variable_inputs"], "?"),
            intermediates=self.file.numbers(table["intermediates"], "i"),
            debug_metadata_index=table["debug_metadata_index"],
        )

    def _content(self, table_name: str, position: int) -> Mapping[str, Any]:
        """A table whose fields are all of interest as they are: vectors are tuples, tables are mappings."""
        table = self.file.table(table_name, position)
        for field in fields(table_name):
            value = table.get(field.name)
            if value is None:
                continue
            if field.type == "ubyte" and field.is_vector:
                table[field.name] = self.file.octets(value)
            elif field.is_vector and field.scalar is not None:
                numbers = self.file.numbers(value, field.scalar)
                enum = ENUMS.get(field.type)
                table[field.name] = numbers if enum is None else _enumerated(enum, numbers)
            elif field.is_vector:
                table[field.name] = self._each(value, field.name, partial(self._content, field.type))
            elif isinstance(value, tuple):
                table[field.name] = value[0], self._content(*value)
        return MappingProxyType(table)

    def _metadata(self, position: int) -> Metadata:
        table = self.file.table("Metadata", position)
        return Metadata(name=table["name"], buffer=table["buffer"])

    def _signature(self, position: int) -> SignatureDef:
        table = self.file.table("SignatureDef", position)
        return SignatureDef(
            signature_key=table["signature_key"],
            inputs=self._tensor_map(table["inputs"]),
            outputs=self._tensor_map(table["outputs"]),
            subgraph_index=table["subgraph_index"],
        )

    def _tensor_map(self, vector: int | None) -> Mapping[str, int]:
        entries = (self.file.table("TensorMap", position) for position in self.file.tables(vector))
        return MappingProxyType(
            {entry["name"]: entry["tensor_index"] for entry in entries if entry["name"] is not None}
        )


def _enumerated(enum: Any, numbers: tuple[Any, ...] | None) -> tuple[Any, ...]:
    known = {member.value: member for member in enum}
    return tuple(known.get(number, number) for number in numbers or ())
