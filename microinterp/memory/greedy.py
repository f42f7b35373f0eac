"""TFLM's `GreedyMemoryPlanner`, byte for byte: largest first, each at the first gap that is large enough."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence

from .plan import Buffer, Plan, align_up


def plan_greedy(buffers: Sequence[Buffer]) -> Plan:
    """Place the buffers, in the list's order where sizes tie as TFLM's sort leaves them.

    Buffers with an offline offset are put there blindly, first and in order; the others go by descending
    size, of equal sizes the later one first. Each looks at the buffers placed so far whose lives meet its
    own, by ascending offset, and takes the first gap that fits.
    """
    offsets = [0] * len(buffers)
    # (offset, order of placing, end, first use, last use): sorts as TFLM's offset-ordered list does
    placed: list[tuple[int, int, int, int, int]] = []

    def place(i: int, offset: int, size: int) -> None:
        offsets[i] = offset
        buffer = buffers[i]
        insort(placed, (offset, len(placed), offset + size, buffer.first_use, buffer.last_use))

    for i, buffer in enumerate(buffers):
        if buffer.offline_offset is not None:
            place(i, buffer.offline_offset, align_up(buffer.size))
    online = [i for i in reversed(range(len(buffers))) if buffers[i].offline_offset is None]
    for i in sorted(online, key=lambda i: -align_up(buffers[i].size)):
        buffer, wanted, candidate = buffers[i], align_up(buffers[i].size), 0
        for offset, _, end, first_use, last_use in placed:
            if first_use > buffer.last_use or last_use < buffer.first_use:
                continue
            if offset - candidate >= wanted:
                break
            candidate = max(candidate, end)
        place(i, candidate, wanted)
    size = max((end for _, _, end, _, _ in placed), default=0)
    return Plan(tuple(buffers), tuple(offsets), size)
