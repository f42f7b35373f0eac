"""TFLM's `SingleArenaBufferAllocator` without the memory: three cursors, and how much they ever needed.

The head holds planned buffers and grows up, the tail holds what stays for ever and grows down, and temporary
structures come and go above the head.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .plan import ALIGNMENT, align_up

SECTIONS = (
    "TfLiteEvalTensorData",
    "PersistentTfLiteTensorData",
    "PersistentTfLiteTensorQuantizationData",
    "PersistentBufferData",
    "TfLiteTensorVariableBufferData",
    "NodeAndRegistrationArray",
    "OpData",
)


@dataclass
class Section:
    """What the recording allocator counts: bytes asked for, bytes used with alignment gaps, allocations."""

    requested: int = 0
    used: int = 0
    count: int = 0


@dataclass
class ArenaCursors:
    """The allocator's state in bytes from the (aligned) base or from the end of the arena.

    Attributes:
        end_offset: the address of the arena's end modulo 16.
        head: bytes of planned buffers (`H`).
        temp: end of the temporary bytes (`T`, never below the head).
        tail: persistent bytes (`P`).
        needed: the smallest arena in which nothing ever overlaps.
        needed_at_least: the same if temporary bytes may be overwritten by persistent ones, as TFLM lets happen.
    """

    end_offset: int = 0
    head: int = 0
    temp: int = 0
    tail: int = 0
    needed: int = 0
    needed_at_least: int = 0
    sections: dict[str, Section] = field(default_factory=lambda: {name: Section() for name in SECTIONS})

    def persistent(self, size: int, alignment: int, section: str | None = None, count: int = 1) -> int:
        """Take persistent bytes; what the tail grew by, gaps included."""
        address = (self.end_offset - self.tail - size) // alignment * alignment
        used = self.end_offset - address - self.tail
        self.tail += used
        self._need(self.temp + self.tail, self.head + self.tail)
        if section is not None:
            record = self.sections[section]
            record.requested += size
            record.used += used
            record.count += count
        return used

    def take_temp(self, size: int, alignment: int) -> None:
        """Take temporary bytes."""
        self.temp = align_up(self.temp, alignment) + size
        self._need(self.temp + self.tail)

    def reset_temp(self) -> None:
        """Give all temporary bytes back."""
        self.temp = self.head

    def resize_head(self, size: int) -> None:
        """Set the head's size."""
        self.head = self.temp = size
        self._need(size + self.tail)

    def take_planner_work_area(self, buffers: int) -> None:
        """What the greedy planner needs for its lists: 40 bytes per buffer between 16-aligned ends."""
        bytes_per_buffer = 16 + 4 + 4 + 12 + 4  # BufferRequirements, two ids, ListEntry, offset
        start, end = align_up(self.temp), align_up(self.tail)
        self._need(start + bytes_per_buffer * buffers + end)

    def _need(self, size: int, at_least: int | None = None) -> None:
        self.needed = max(self.needed, size)
        self.needed_at_least = max(self.needed_at_least, size if at_least is None else at_least)

    @property
    def smallest_arena(self) -> int:
        """`needed`, rounded up to a multiple of 16."""
        return align_up(self.needed, ALIGNMENT)

    @property
    def smallest_arena_lower_bound(self) -> int:
        """`needed_at_least`, rounded up to a multiple of 16."""
        return align_up(self.needed_at_least, ALIGNMENT)
