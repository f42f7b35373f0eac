"""`Model` → `.tflite` bytes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .ir import Model, Operator, SignatureDef
from .schema import IDENTIFIER, UNIONS, Field, fields

if TYPE_CHECKING:
    from flatbuffers import Builder

_DATA_ALIGNMENT = 16


def write_model(model: Model) -> bytes:
    """The bytes of a `.tflite` file that holds the model.

    Tensor data is aligned to 16 bytes within the file. A field that has its default value is left out, and so
    is an options table that `Operator.options_table` does not name. Reading the bytes gives an equal model.
    """
    from flatbuffers import Builder

    size = sum(buffer.size for buffer in model.buffers if buffer is not None)
    builder = Builder(size + 4096)
    builder.Finish(_Writer(builder).table("Model", model), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


class _Writer:
    """Writes tables, given as mappings or as the model's dataclasses, by the schema's names."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.data: dict[tuple[int, int], int] = {}

    def table(self, name: str, content: object) -> int:
        """Write what the table refers to, then the table; its offset."""
        values = _values(content)
        references: list[tuple[int, int]] = []
        scalars: list[tuple[str, int, Any, Any]] = []
        for field in fields(name):
            value = values.get(field.name)
            if value is None or field.deprecated:
                continue
            if field.scalar is not None and not field.is_vector:
                scalars.append((field.scalar, field.slot, value, field.default))
            elif field.type in UNIONS:
                member, member_content = value
                scalars.append(("B", field.slot - 1, _union_number(field.type, member), 0))
                references.append((field.slot, self.table(member, member_content)))
            else:
                references.append((field.slot, self._reference(field, value)))
        self.builder.StartObject(fields(name)[-1].slot + 1 if fields(name) else 0)
        for slot, offset in references:
            self.builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        for scalar, slot, value, default in scalars:
            self.builder.PrependSlot(_flags(scalar), slot, value, default)
        return int(self.builder.EndObject())

    def _reference(self, field: Field, value: Any) -> int:
        if field.type == "string":
            return int(self.builder.CreateString(value, "utf-8", "surrogateescape"))
        if not field.is_vector:
            return self.table(field.type, value)
        if field.type == "ubyte":
            return self._data(np.frombuffer(value, np.uint8))
        if field.scalar is not None:
            return int(self.builder.CreateNumpyVector(np.asarray(value, "<" + field.scalar).reshape(-1)))
        offsets = [self.table(field.type, element) for element in value]
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def _data(self, data: np.ndarray[Any, Any]) -> int:
        """Aligned bytes; the same memory is written once, as the file that was read may have it."""
        key = data.__array_interface__["data"][0], data.size
        if key not in self.data:
            self.builder.Prep(_DATA_ALIGNMENT, data.size)
            self.data[key] = int(self.builder.CreateByteVector(data.tobytes()))
        return self.data[key]


def _values(content: Any) -> Mapping[str, Any]:
    """A table's fields by the schema's names."""
    if isinstance(content, Mapping):
        return content
    if content is None:
        return {}
    if isinstance(content, str):
        return {"name": content}
    if isinstance(content, np.ndarray):
        return {"data": content}
    values = {name: getattr(content, name) for name in content.__slots__}
    if isinstance(content, Operator) and content.options_table is not None:
        union = "builtin_options" if _is_in_first_union(content.options_table) else "builtin_options_2"
        values[union] = content.options_table, content.options
    elif isinstance(content, SignatureDef):
        for field in ("inputs", "outputs"):
            entries = values[field].items()
            values[field] = [{"name": name, "tensor_index": index} for name, index in entries]
    return values


def _union_number(union: str, member: str) -> int:
    _, _, number = member.partition("#")
    return int(number) if number else UNIONS[union].index(member) + 1


def _is_in_first_union(table: str) -> bool:
    return table.partition("#")[0] == "BuiltinOptions" or table in UNIONS["BuiltinOptions"]


@cache
def _flags(scalar: str) -> type:
    """What flatbuffers calls the type with this `struct` format."""
    from flatbuffers import number_types

    flags: type = {
        "?": number_types.BoolFlags,
        "b": number_types.Int8Flags,
        "B": number_types.Uint8Flags,
        "i": number_types.Int32Flags,
        "I": number_types.Uint32Flags,
        "q": number_types.Int64Flags,
        "Q": number_types.Uint64Flags,
        "f": number_types.Float32Flags,
    }[scalar]
    return flags
