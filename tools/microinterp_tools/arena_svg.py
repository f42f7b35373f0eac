"""A memory plan as a self-contained SVG: offsets against time, a labelled box per buffer, the peak marked."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from microinterp.memory.arena import ArenaReport, Peak, PlannedBuffer

_LEFT, _RIGHT, _TOP, _AXIS = 80, 20, 84, 44
_NARROWEST, _WIDEST, _STEP = 960, 1600, 20
_PLOT_HEIGHT = 420
_LINE = 15  # height of one in the list of the peak's buffers
_MOST_LISTED = 8
_COLOURS = ("#8dd3c7", "#ffe08a", "#bebada", "#fb9a8e", "#80b1d3", "#fdb462", "#b3de69", "#fccde5", "#c4c4c4")
_CHARACTER = 6.4  # width of one, in the font size of the labels
_RED = "#c00000"


@dataclass(frozen=True)
class _Frame:
    """Where times and offsets are in the picture."""

    times: int
    head: int
    width: int

    def x(self, time: float) -> float:
        return _LEFT + (self.width - _LEFT - _RIGHT) * time / self.times

    def y(self, offset: float) -> float:
        return _TOP + _PLOT_HEIGHT * (1 - offset / self.head)


def draw_svg(report: ArenaReport, model: str) -> str:
    """The picture as text of an `.svg` file; it needs no scripts, styles or fonts from elsewhere."""
    times = max((b.last_use for b in report.plan), default=0) + 1
    width = min(max(_LEFT + _RIGHT + _STEP * times, _NARROWEST), _WIDEST)
    frame = _Frame(times, max(report.head, 1), width)
    listed = _peak_list(report.peak)
    height = _TOP + _PLOT_HEIGHT + _AXIS + _LINE * len(listed) + 8
    least = "" if report.exact else "≥ "
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="11" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="24" font-size="16" font-weight="bold">{_text(model)}: tensor_arena '
        f"{least}{report.min_arena} bytes</text>",
        f'<text x="{_LEFT}" y="42" fill="#555">{_text(report.target)}, {_text(report.kernels)}; head '
        f"{report.head} bytes (below), tail {report.tail} bytes</text>",
        *_offset_axis(frame),
        *_time_axis(report, frame),
        *_peak_band(report.peak, frame),
    ]
    at_peak = report.peak.buffers if report.peak is not None else ()
    boxes = [(b, i, b in at_peak) for i, b in enumerate(report.plan)]
    parts += [_box(frame, *box) for box in sorted(boxes, key=lambda box: box[2])]  # red frames on top
    base = _TOP + _PLOT_HEIGHT + _AXIS
    parts += [
        f'<text x="{_LEFT}" y="{base + _LINE * i}" fill="{_RED if i == 0 else "#222"}">'
        f"{_text(_shortened(line, width))}</text>"
        for i, line in enumerate(listed)
    ]
    return "\n".join([*parts, "</svg>", ""])


def _text(text: str) -> str:
    """Escaped, and without the control characters that XML forbids."""
    return escape("".join(c if c.isprintable() else "?" for c in text))


def _offset_axis(frame: _Frame) -> list[str]:
    right = frame.width - _RIGHT
    return [
        f'<line x1="{_LEFT}" y1="{frame.y(offset):.1f}" x2="{right}" y2="{frame.y(offset):.1f}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 6}" y="{frame.y(offset) + 4:.1f}" text-anchor="end">{offset}</text>'
        for offset in sorted({frame.head * i // 4 for i in range(5)})
    ]


def _time_axis(report: ArenaReport, frame: _Frame) -> list[str]:
    step = max(1, -(-frame.times * 40 // frame.width))
    base = _TOP + _PLOT_HEIGHT
    ticks = [
        f'<text x="{frame.x(t + 0.5):.1f}" y="{base + 13}" text-anchor="middle">{t}</text>'
        for t in range(0, frame.times, step)
    ]
    caption = "time: the inputs are set at 0, operator n runs at n + 1"
    if any(o.subgraph for o in report.operators):
        caption = "time: the inputs are set at 0, then a step per operator and per subgraph called"
    return [
        *ticks,
        f'<text x="{_LEFT}" y="{base + 28}" fill="#555">{caption}; dashed: scratch buffers</text>',
    ]


def _peak_band(peak: Peak | None, frame: _Frame) -> list[str]:
    """The time of the peak: a band behind the boxes, and a mark and its caption above."""
    if peak is None:
        return []
    first = max(0, *(b.first_use for b in peak.buffers))
    left, right = frame.x(first), frame.x(max(min(b.last_use for b in peak.buffers), 0) + 1)
    middle = (left + right) / 2
    on_left = middle < frame.width / 2
    return [
        f'<rect x="{left:.1f}" y="{_TOP - 8}" width="{right - left:.1f}" height="{_PLOT_HEIGHT + 8}" '
        f'fill="#f4c0c0"/>',
        f'<path d="M{middle:.1f} {_TOP - 9} l-5 -8 h10 z" fill="{_RED}"/>',
        f'<text x="{middle + (9 if on_left else -9):.1f}" y="{_TOP - 10}" fill="{_RED}" font-weight="bold" '
        f'text-anchor="{"start" if on_left else "end"}">peak at {first}: operator {peak.operator_index} '
        f"{_text(peak.operator)}, {peak.live_bytes} bytes</text>",
    ]


def _peak_list(peak: Peak | None) -> list[str]:
    """What is alive at the peak, the largest first."""
    if peak is None:
        return []
    buffers = sorted(peak.buffers, key=lambda b: -b.size)
    lines = ["alive at the peak, framed in red:"]
    lines += [f"{b.size} bytes at {b.offset}: {b.kind} {b.index} {b.name}" for b in buffers[:_MOST_LISTED]]
    if len(buffers) > _MOST_LISTED:
        lines.append(f"and {len(buffers) - _MOST_LISTED} smaller ones")
    return lines


def _shortened(line: str, width: int) -> str:
    most = int((width - _LEFT - _RIGHT) / _CHARACTER)
    return line if len(line) <= most else line[: most - 1] + "…"


def _box(frame: _Frame, b: PlannedBuffer, number: int, at_peak: bool) -> str:
    left, right = frame.x(max(b.first_use, 0)), frame.x(max(b.last_use, 0) + 1)
    top, bottom = frame.y(b.offset + b.size), frame.y(b.offset)
    title = f"{b.kind} {b.index} {b.name}: {b.size} bytes at {b.offset}, alive {b.first_use} to {b.last_use}"
    dash = ' stroke-dasharray="3 2"' if b.kind == "scratch" else ""
    stroke, width = (_RED, 2) if at_peak else ("#555", 0.8)
    return (
        f'<g><title>{_text(title)}</title><rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" fill="{_COLOURS[number % len(_COLOURS)]}" stroke="{stroke}" '
        f'stroke-width="{width}"{dash}/>{_label(b, left, right, top, bottom)}</g>'
    )


def _label(b: PlannedBuffer, left: float, right: float, top: float, bottom: float) -> str:
    """The longest label that fits; upright in narrow boxes, as small as it must be to be found when zoomed in."""
    short = f"t{b.index}" if b.kind == "tensor" else f"s{b.index}"
    x, y, w, h = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    for text in (f"{b.kind} {b.index}: {b.size}", f"{short}: {b.size}", short):
        length = len(text) * _CHARACTER + 4
        if length <= w and h >= 11:
            return f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{text}</text>'
        if length <= h and w >= 12:
            turn = f'transform="rotate(-90 {x:.1f} {y:.1f})"'
            return f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" {turn}>{text}</text>'
    size = max(min(w / len(short) / 0.62, h, 11.0), 1.0)
    return f'<text x="{x:.1f}" y="{y + size * 0.35:.1f}" font-size="{size:.1f}" text-anchor="middle">{short}</text>'
