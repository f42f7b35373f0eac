"""`.tflite` files that no writer would write, table by table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flatbuffers import Builder


class RawFile(Builder):  # type: ignore[misc]
    """A FlatBuffer in the making; the slots of its fields are the schema's."""

    def vector(self, offsets: Sequence[int]) -> int:
        """A vector of tables, by their offsets."""
        self.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.PrependUOffsetTRelative(offset)
        return int(self.EndVector())

    def table(self, offsets: Mapping[int, int] | None = None, longs: Mapping[int, int] | None = None) -> int:
        """A table with these references and these numbers, by their slots."""
        self.StartObject(16)
        for slot, offset in (offsets or {}).items():
            self.PrependUOffsetTRelativeSlot(slot, offset, 0)
        for slot, value in (longs or {}).items():
            self.PrependUint64Slot(slot, value, 0)
        return int(self.EndObject())

    def finish(self, codes: Sequence[int], subgraphs: int, buffers: Sequence[int]) -> bytes:
        """The file, once its tables are made; `subgraphs` is the offset of a vector."""
        lists = {1: self.vector(codes), 2: subgraphs, 4: self.vector(buffers)}
        self.Finish(self.table(lists, {0: 3}), file_identifier=b"TFL3")
        return bytes(self.Output())
