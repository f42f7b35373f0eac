"""What a memory planner is given and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

ALIGNMENT = 16
"""Every planned buffer starts at a multiple of this many bytes, as in TFLM."""


def align_up(size: int, alignment: int = ALIGNMENT) -> int:
    """The smallest multiple of `alignment` that is not below `size`."""
    return -(-size // alignment) * alignment


@dataclass(frozen=True, slots=True)
class Buffer:
    """A span of memory that somebody needs from `first_use` to `last_use`, both included.

    `size` is in bytes, not rounded. Times count as in TFLM's AllocationInfoBuilder; −1 means never used.
    `offline_offset` is where a plan made offline wants it, None where the planner may choose.
    """

    subgraph: int
    index: int
    size: int
    first_use: int
    last_use: int
    offline_offset: int | None = None


class Plan(NamedTuple):
    """A place for each buffer: `offsets[i]` is that of `buffers[i]`; `size` is what they need together."""

    buffers: tuple[Buffer, ...]
    offsets: tuple[int, ...]
    size: int
