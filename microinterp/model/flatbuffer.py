"""A bounds-checked walker over the tables of a FlatBuffer whose schema is data.

It reads one table at a time; what a table refers to comes back as its place in the file, for the caller to
read on. No offset is followed without a check, and the size of the file bounds the total work, whatever its
offsets say.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .damage import Damage
from .schema import ENUMS, UNIONS, fields

_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_U16 = struct.Struct("<H")

_MEMBERS = {name: {member.value: member for member in enum} for name, enum in ENUMS.items()}

# Tables, strings and vectors may be shared, but a file in which they are read over and over is not honest.
_SHARING_LIMIT = 4


class _Plan(NamedTuple):
    """How to read tables of one type that share one vtable: what is present, and where.

    `size` is where the last field ends that the schema knows.
    """

    size: int
    absent: dict[str, Any]
    scalars: tuple[tuple[str, int, struct.Struct, dict[Any, Any] | None], ...]
    strings: tuple[tuple[str, int], ...]
    references: tuple[tuple[str, int], ...]
    unions: tuple[tuple[str, int, int, str], ...]


class FlatBuffer:
    """The bytes of a FlatBuffer, and how much of the work that they may cause is left."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.size = len(data)
        self._budget = _SHARING_LIMIT * self.size
        self._plans: dict[tuple[str, int], _Plan] = {}

    def root(self) -> int:
        """Where the root table is."""
        return self._follow(0)

    def table(self, name: str, position: int) -> dict[str, Any]:
        """The fields of the table at `position`.

        Scalars, enums and strings come as values, vectors and tables as positions, unions as pairs of the
        member's name and its position; what is absent as its default, or None.
        """
        if position + 4 > self.size:
            raise Damage(f"table {name} at byte {position} is outside the file")
        vtable = position - _I32.unpack_from(self.data, position)[0]
        plan = self._plans.get((name, vtable)) or self._make_plan(name, vtable)
        if position + plan.size > self.size:
            raise Damage(f"table {name} at byte {position} runs over the end of the file")
        self._spend(max(plan.size, 8))
        values = plan.absent.copy()
        for field, offset, scalar, members in plan.scalars:
            value = scalar.unpack_from(self.data, position + offset)[0]
            values[field] = value if members is None else members.get(value, value)
        for field, offset in plan.references:
            values[field] = self._follow(position + offset)
        for field, offset in plan.strings:
            values[field] = self.string(self._follow(position + offset))
        for field, type_offset, offset, union in plan.unions:
            number = self.data[position + type_offset]
            if number:
                members_of = UNIONS[union]
                member = members_of[number - 1] if number <= len(members_of) else f"{union}#{number}"
                values[field] = member, self._follow(position + offset)
        return values

    def vector(self, position: int, element_size: int) -> tuple[int, int]:
        """Where the elements of the vector at `position` start, and their number."""
        if position + 4 > self.size:
            raise Damage(f"vector at byte {position} is outside the file")
        count: int = _U32.unpack_from(self.data, position)[0]
        if position + 4 + count * element_size > self.size:
            raise Damage(f"vector of {count} elements at byte {position} runs over the end of the file")
        return position + 4, count

    def tables(self, position: int | None) -> list[int]:
        """The positions of the tables in a vector of tables; none where the vector is absent."""
        if position is None:
            return []
        start, count = self.vector(position, 4)
        self._spend(4 * count)
        offsets = np.frombuffer(self.data, "<u4", count, start).astype(np.int64)
        positions = offsets + np.arange(start, start + 4 * count, 4)
        if count and (not offsets.all() or int(positions.max()) + 4 > self.size):
            raise Damage(f"vector of tables at byte {position} has offsets that lead out of the file")
        result: list[int] = positions.tolist()
        return result

    def numbers(self, position: int | None, scalar: str) -> tuple[Any, ...] | None:
        """The elements of a vector of scalars, whose `struct` format is given; None where it is absent."""
        if position is None:
            return None
        start, count = self.vector(position, struct.calcsize("<" + scalar))
        self._spend(4 + count * struct.calcsize("<" + scalar))
        return struct.unpack_from(f"<{count}{scalar}", self.data, start)

    def array(self, position: int | None, dtype: str) -> NDArray[Any] | None:
        """A vector of scalars as a view of the file; None where it is absent."""
        if position is None:
            return None
        start, count = self.vector(position, np.dtype(dtype).itemsize)
        return np.frombuffer(self.data, dtype, count, start)

    def octets(self, position: int | None) -> bytes | None:
        """A vector of bytes; None where it is absent."""
        if position is None:
            return None
        start, count = self.vector(position, 1)
        return self.copy(np.frombuffer(self.data, np.uint8, count, start))

    def copy(self, data: NDArray[np.uint8]) -> bytes:
        """The bytes of a part of the file, of which there may not be too many."""
        self._spend(4 + data.size)
        return data.tobytes()

    def string(self, position: int) -> str:
        """The string at `position`; what is not UTF-8 is kept as surrogate escapes."""
        start, count = self.vector(position, 1)
        self._spend(4 + count)
        return str(self.data[start : start + count], "utf-8", "surrogateescape")

    def _follow(self, position: int) -> int:
        """The target of the offset at `position`, which is known to be inside the file."""
        offset: int = _U32.unpack_from(self.data, position)[0]
        if offset == 0 or position + offset + 4 > self.size:
            raise Damage(f"offset {offset} at byte {position} leads out of the file")
        return position + offset

    def _spend(self, cost: int) -> None:
        self._budget -= cost
        if self._budget < 0:
            raise Damage("the file's offsets lead to the same data over and over")

    def _make_plan(self, name: str, vtable: int) -> _Plan:
        if not 0 <= vtable <= self.size - 4:
            raise Damage(f"table {name} has its vtable at byte {vtable}, outside the file")
        # The size of the table, which comes next, is not to be relied on: the Python package flatbuffers, up to
        # 24.3, lets tables share a vtable whose size is that of one of them.
        length: int = _U16.unpack_from(self.data, vtable)[0]
        if length < 4 or length % 2 or vtable + length > self.size:
            raise Damage(f"table {name} has a damaged vtable at byte {vtable}")
        self._spend(length)
        offsets = struct.unpack_from(f"<{length // 2 - 2}H", self.data, vtable + 4)

        size = 4

        def place(slot: int, width: int) -> int:
            nonlocal size
            offset: int = offsets[slot] if slot < len(offsets) else 0
            size = max(size, offset + width if offset else 0)
            return offset

        absent: dict[str, Any] = {}
        scalars, strings, references, unions = [], [], [], []
        for field in fields(name):
            if field.deprecated:
                continue
            absent[field.name] = field.default
            if field.scalar is not None and not field.is_vector:
                layout = struct.Struct("<" + field.scalar)
                if offset := place(field.slot, layout.size):
                    scalars.append((field.name, offset, layout, _MEMBERS.get(field.type)))
            elif offset := place(field.slot, 4):
                if field.type in UNIONS:
                    if type_offset := place(field.slot - 1, 1):
                        unions.append((field.name, type_offset, offset, field.type))
                elif field.type == "string":
                    strings.append((field.name, offset))
                else:
                    references.append((field.name, offset))
        plan = _Plan(size, absent, tuple(scalars), tuple(strings), tuple(references), tuple(unions))
        self._plans[name, vtable] = plan
        return plan
