"""The greedy planner against a simple implementation of the same rules, and what any plan must keep."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from microinterp.memory.greedy import plan_greedy
from microinterp.memory.plan import ALIGNMENT, Buffer, Plan, align_up


@st.composite
def buffer_lists(draw: st.DrawFn) -> list[Buffer]:
    buffers = []
    for i in range(draw(st.integers(0, 14))):
        first = draw(st.integers(-1, 8))
        last = draw(st.integers(first, 9)) if first >= 0 else -1
        # few different sizes: ties are where orders differ
        size = draw(st.sampled_from([1, 15, 16, 17, 32, 33, 48, 100, 1000]))
        offline = draw(st.one_of(st.none(), st.none(), st.integers(0, 8).map(lambda n: 16 * n)))
        buffers.append(Buffer(0, i, size, first, last, offline))
    return buffers


def simple_greedy(buffers: list[Buffer]) -> list[int]:
    """The rules as ARENA.md tells them, with nothing clever: try every multiple of 16 in ascending order.

    A place is taken if the buffer meets none that is alive with it. That is first fit, as long as nothing placed
    offline overlaps: then TFLM's walk sees gaps that are not there, and the rule below says what it does.
    """
    offsets: dict[int, int] = {
        i: b.offline_offset for i, b in enumerate(buffers) if b.offline_offset is not None
    }
    order = [i for i in range(len(buffers) - 1, -1, -1) if i not in offsets]
    order.sort(key=lambda i: align_up(buffers[i].size), reverse=True)
    for i in order:
        alive = [j for j in offsets if meet(buffers[i], buffers[j])]
        offset = 0
        while any(
            offset < offsets[j] + align_up(buffers[j].size)
            and offsets[j] < offset + align_up(buffers[i].size)
            for j in alive
        ):
            offset += ALIGNMENT
        offsets[i] = offset
    return [offsets[i] for i in range(len(buffers))]


def meet(a: Buffer, b: Buffer) -> bool:
    return a.first_use <= b.last_use and b.first_use <= a.last_use


def overlaps(plan: Plan) -> list[tuple[Buffer, Buffer]]:
    placed = list(zip(plan.buffers, plan.offsets, strict=True))
    return [
        (a, b)
        for n, (a, at) in enumerate(placed)
        for b, bt in placed[:n]
        if meet(a, b) and at < bt + b.size and bt < at + a.size
    ]


@given(buffer_lists())
def test_equals_the_simple_implementation(buffers: list[Buffer]) -> None:
    assert list(plan_greedy(buffers).offsets) == simple_greedy(buffers)


@given(buffer_lists())
def test_only_offline_buffers_overlap(buffers: list[Buffer]) -> None:
    for a, b in overlaps(plan_greedy(buffers)):
        assert a.offline_offset is not None
        assert b.offline_offset is not None


@given(buffer_lists())
def test_is_never_below_the_lower_bound(buffers: list[Buffer]) -> None:
    online = [b for b in buffers if b.offline_offset is None]
    plan = plan_greedy(online)
    for time in range(-1, 10):
        assert plan.size >= sum(align_up(b.size) for b in online if b.first_use <= time <= b.last_use)


def test_of_equal_sizes_the_later_one_is_placed_first() -> None:
    plan = plan_greedy([Buffer(0, 0, 16, 0, 1), Buffer(0, 1, 16, 0, 1)])
    assert plan.offsets == (16, 0)


def test_no_buffers_need_no_memory() -> None:
    assert plan_greedy([]).size == 0
