"""A memory plan as a picture in the terminal: time to the right, addresses upwards, a letter per buffer."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.style import Style
from rich.text import Text

from microinterp.memory.arena import PlannedBuffer

_ROWS = 20
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_COLOURS = (
    "cyan",
    "green",
    "yellow",
    "magenta",
    "blue",
    "red",
    "bright_cyan",
    "bright_green",
    "bright_magenta",
)
_MOST_IN_LEGEND = 12


def draw_map(plan: Sequence[PlannedBuffer], head: int, console: Console) -> None:
    """Draw where each buffer lies while each operator runs. Nothing for an empty head."""
    if not plan or head == 0:
        return
    times = max(b.last_use for b in plan) + 1
    width = min(times, max(20, console.width - 12))
    rows: list[list[int | None]] = [[None] * width for _ in range(_ROWS)]
    by_size = sorted(range(len(plan)), key=lambda i: plan[i].size)
    for i in by_size:  # large buffers last: they cover the small ones where a cell holds several
        b = plan[i]
        bottom = b.offset * _ROWS // head
        top = max(-(-(b.offset + b.size) * _ROWS // head), bottom + 1)
        left = max(b.first_use, 0) * width // times
        right = max((max(b.last_use, 0) * width) // times + 1, left + 1)
        for row in rows[bottom : min(top, _ROWS)]:
            row[left:right] = [i] * (min(right, width) - left)
    letters = {
        i: _LETTERS[n % len(_LETTERS)]
        for n, i in enumerate(sorted(range(len(plan)), key=lambda i: plan[i].first_use))
    }
    console.print("\nthe arena over time: a column per operator, upwards the offset in the head")
    for number in reversed(range(_ROWS)):
        line = Text(f"{(number + 1) * head // _ROWS:>9} ")
        for cell in rows[number]:
            if cell is None:
                line.append("·", Style(dim=True))
            else:
                line.append(letters[cell], Style(color=_COLOURS[cell % len(_COLOURS)]))
        console.print(line, no_wrap=True, overflow="crop")
    for i in list(reversed(by_size))[:_MOST_IN_LEGEND]:
        b = plan[i]
        console.print(
            Text(
                f"  {letters[i]}  {b.kind} {b.index}: {b.size} bytes at {b.offset}, "
                f"{b.first_use}–{b.last_use}  {b.name}"
            ),
            no_wrap=True,
            overflow="ellipsis",
        )
    if len(plan) > _MOST_IN_LEGEND:
        console.print(f"  … and {len(plan) - _MOST_IN_LEGEND} smaller buffers (--json has them all)")
