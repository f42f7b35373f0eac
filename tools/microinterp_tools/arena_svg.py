"""A memory plan as a self-contained SVG: offsets against time, a labelled box per buffer, the peak marked."""

from __future__ import annotations

from html import escape

from microinterp.memory.arena import ArenaReport, PlannedBuffer

_WIDTH, _HEIGHT = 960, 480
_LEFT, _TOP, _RIGHT, _BOTTOM = 80, 56, 16, 44
_COLOURS = ("#8dd3c7", "#ffe08a", "#bebada", "#fb9a8e", "#80b1d3", "#fdb462", "#b3de69", "#fccde5", "#c4c4c4")
_CHARACTER = 6.2  # width of one, in the font size of the labels


def draw_svg(report: ArenaReport, model: str) -> str:
    """The picture as text of an `.svg` file; it needs no scripts, styles or fonts from elsewhere."""
    times = max((b.last_use for b in report.plan), default=0) + 1
    head = max(report.head, 1)
    plot_w, plot_h = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(time: float) -> float:
        return _LEFT + plot_w * time / times

    def y(offset: float) -> float:
        return _TOP + plot_h * (1 - offset / head)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="11" fill="#222">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" font-weight="bold">{escape(model)}: tensor_arena '
        f"{'' if report.exact else '≥ '}{report.min_arena} bytes</text>",
        f'<text x="{_LEFT}" y="40" fill="#555">{escape(report.target)}, {escape(report.kernels)}; head '
        f"{report.head} + tail {report.tail} bytes</text>",
    ]
    for i in range(5):
        offset = head * i // 4
        parts.append(
            f'<line x1="{_LEFT}" y1="{y(offset):.1f}" x2="{_WIDTH - _RIGHT}" y2="{y(offset):.1f}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{y(offset) + 4:.1f}" text-anchor="end">{offset}</text>'
        )
    for i, b in enumerate(report.plan):
        parts.append(
            _box(b, x(max(b.first_use, 0)), x(max(b.last_use, 0) + 1), y(b.offset + b.size), y(b.offset), i)
        )
    parts += _time_axis(report, times, x)
    if report.peak is not None and report.peak.buffers:
        first = max(b.first_use for b in report.peak.buffers)
        last = min(b.last_use for b in report.peak.buffers) + 1
        parts.append(
            f'<rect x="{x(max(first, 0)):.1f}" y="{_TOP}" width="{x(last) - x(max(first, 0)):.1f}" height="{plot_h}" '
            f'fill="none" stroke="#d00" stroke-width="2" stroke-dasharray="5 3"/>'
        )
        middle = (x(max(first, 0)) + x(last)) / 2
        anchor = "start" if middle < _WIDTH / 2 else "end"
        parts.append(
            f'<text x="{middle:.1f}" y="{_TOP - 4}" fill="#d00" text-anchor="{anchor}">peak: operator '
            f"{report.peak.operator_index} {escape(report.peak.operator)}, {report.peak.live_bytes} bytes</text>"
        )
    return "\n".join([*parts, "</svg>", ""])


def _box(b: PlannedBuffer, left: float, right: float, top: float, bottom: float, number: int) -> str:
    label = f"{b.kind} {b.index}"
    title = f"{label} {b.name}: {b.size} bytes at {b.offset}, alive {b.first_use} to {b.last_use}"
    dash = ' stroke-dasharray="3 2"' if b.kind == "scratch" else ""
    box = (
        f'<g><title>{escape(title)}</title><rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" fill="{_COLOURS[number % len(_COLOURS)]}" stroke="#555"{dash}/>'
    )
    return box + _label(b, left, right, top, bottom) + "</g>"


def _label(b: PlannedBuffer, left: float, right: float, top: float, bottom: float) -> str:
    """The longest label that fits; upright in narrow boxes, as small as it must be."""
    short = f"t{b.index}" if b.kind == "tensor" else f"s{b.index}"
    x, y, w, h = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    for text in (f"{b.kind} {b.index}: {b.size}", f"{short}: {b.size}", short):
        length = len(text) * _CHARACTER + 4
        if length <= w and h >= 11:
            return f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{text}</text>'
        if length <= h and w >= 11:
            turn = f'transform="rotate(-90 {x:.1f} {y:.1f})"'
            return f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" {turn}>{text}</text>'
    size = max(min(w / len(short) / 0.62, h, 11.0), 2.0)
    return f'<text x="{x:.1f}" y="{y + size * 0.35:.1f}" font-size="{size:.1f}" text-anchor="middle">{short}</text>'


def _time_axis(report: ArenaReport, times: int, x: object) -> list[str]:
    assert callable(x)
    step = max(1, -(-times // 24))
    base = _HEIGHT - _BOTTOM
    ticks = [
        f'<text x="{x(t + 0.5):.1f}" y="{base + 14}" text-anchor="middle">{t}</text>'
        for t in range(0, times, step)
    ]
    caption = "time: 0 before the first operator, then one step per operator"
    if any(o.subgraph for o in report.operators):
        caption += " and per subgraph called"
    return [*ticks, f'<text x="{_LEFT}" y="{base + 32}" fill="#555">{caption}</text>']
