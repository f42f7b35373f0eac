"""The arena of random models of many operators: what any plan must keep, and what the wheel says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp import Model
from microinterp.memory.arena import ArenaReport, PlannedBuffer, estimate_arena
from microinterp.memory.best import search_best_plan
from microinterp.memory.offline import METADATA_NAME
from microinterp.memory.targets import TARGETS
from microinterp.memory.wheel import WHEEL_KERNELS, WHEEL_TARGET
from microinterp.model.ir import Metadata
from microinterp.model.writer import write_model
from tests.random_graphs import random_invokes, random_models
from tests.wheel_arena import WheelArena, ask_wheel

BUILDS = [(target, "reference") for target in TARGETS] + [
    (name, "cmsis-nn") for name in TARGETS if TARGETS[name].pointer == 4
]


def rounded(size: int) -> int:
    return (size + 15) // 16 * 16


def live_bytes(plan: tuple[PlannedBuffer, ...]) -> int:
    times = {b.first_use for b in plan}
    return max(
        (sum(rounded(b.size) for b in plan if b.first_use <= t <= b.last_use) for t in times), default=0
    )


def overlapping(plan: tuple[PlannedBuffer, ...]) -> list[tuple[PlannedBuffer, PlannedBuffer]]:
    return [
        (a, b)
        for i, a in enumerate(plan)
        for b in plan[:i]
        if a.first_use <= b.last_use and b.first_use <= a.last_use
        if a.offset < b.offset + b.size and b.offset < a.offset + a.size
    ]


def check_report(report: ArenaReport) -> None:
    assert report.exact
    assert report.total == report.head + report.tail
    assert report.head == max((b.offset + rounded(b.size) for b in report.plan), default=0)
    assert report.plan_lower_bound == live_bytes(report.plan) <= report.head
    assert report.total <= report.min_arena_lower_bound + 15
    assert report.min_arena_lower_bound <= report.min_arena
    assert report.min_arena % 16 == report.min_arena_lower_bound % 16 == 0
    assert sum(section.used for section in report.sections.values()) <= report.recording_total - report.head
    assert sum(o.persistent for o in report.operators) <= report.tail
    assert not overlapping(report.plan)
    if report.peak is not None:
        assert sum(rounded(b.size) for b in report.peak.buffers) == report.peak.live_bytes


@given(random_models(), st.sampled_from(BUILDS))
def test_the_report_is_consistent(model: Model, build: tuple[str, str]) -> None:
    check_report(estimate_arena(model, *build))


def with_offline_plan(model: Model, words: list[int]) -> Model:
    data = np.frombuffer(np.array(words, "<i4").tobytes(), np.uint8)
    entry = Metadata(METADATA_NAME, len(model.buffers))
    return replace(model, buffers=(*model.buffers, data), metadata=(entry,))


@st.composite
def planned_models(draw: st.DrawFn) -> Model:
    """With an offline plan that keeps some tensors where the greedy planner puts them, and moves some far away."""
    model = draw(random_models())
    places = {
        (b.subgraph, b.index): b.offset for b in estimate_arena(model, "x86-64").plan if b.kind == "tensor"
    }
    counts = [len(s.tensors) for s in model.subgraphs]
    words = [1, len(counts), sum(counts)]
    far = 1 << 16
    for s, count in enumerate(counts):
        for t in range(count):
            place = draw(st.sampled_from(["online", "same", "far"])) if (s, t) in places else "online"
            words.append({"online": -1, "same": places.get((s, t), -1), "far": far}[place])
            far += 4096 if place == "far" else 0
    return with_offline_plan(model, words)


def figures(report: ArenaReport) -> tuple[int, int, dict[str, tuple[int, int, int]]]:
    sections = {name: (s.used, s.requested, s.count) for name, s in report.sections.items()}
    return report.recording_total, report.head, sections


def assert_equals_wheel(model: Model, wheel: WheelArena) -> None:
    total, head, sections = figures(estimate_arena(model, WHEEL_TARGET, WHEEL_KERNELS))
    assert (total, head, total - head) == (wheel.total, wheel.head, wheel.tail)
    for name, expected in wheel.sections.items():
        assert sections[name] == expected, name


@given(st.one_of(random_models(), planned_models()))
def test_equals_what_the_wheel_prints(model: Model) -> None:
    wheel = ask_wheel(write_model(model))
    assert wheel is not None, "the wheel refuses it"
    assert_equals_wheel(model, wheel)


@pytest.mark.parametrize("build", [("cortex-m4", "cmsis-nn"), ("x86-64", "reference")])
@given(model=random_models())
def test_the_best_plan_changes_no_output_and_needs_no_more(build: tuple[str, str], model: Model) -> None:
    invokes = random_invokes(model, 3, seed=0)
    before = ask_wheel(write_model(model), invokes)
    assert before is not None, "the wheel refuses it"
    best = search_best_plan(model, *build)
    check_report(best.after)
    assert best.after.head <= best.before.head
    after = ask_wheel(write_model(best.model), invokes)
    assert after is not None, "the wheel refuses what was written"
    assert after.total <= before.total
    assert_equals_wheel(best.model, after)
    for i, (expected, actual) in enumerate(zip(before.outputs, after.outputs, strict=True)):
        assert [a.tobytes() for a in actual] == [e.tobytes() for e in expected], f"invoke {i}"


@given(random_models())
def test_order_matters_only_among_independent_operators(model: Model) -> None:
    """Of two operators that touch a tensor, one of them writing it, the first stays the first; so do resources."""
    best = search_best_plan(model, "x86-64", "reference").model
    was, now = model.subgraphs[0].operators, best.subgraphs[0].operators
    assert sorted(map(id, was)) == sorted(map(id, now))
    place = {id(o): i for i, o in enumerate(now)}
    names = [model.operator_code(o).name for o in was]
    for j, later in enumerate(was):
        for i, earlier in enumerate(was[:j]):
            writes = {*earlier.outputs} & {*later.inputs, *later.outputs} or {*earlier.inputs} & {
                *later.outputs
            }
            resources = names[i].endswith("VARIABLE") and names[j].endswith("VARIABLE")
            if writes or resources or "IF" in (names[i], names[j]) or "WHILE" in (names[i], names[j]):
                assert place[id(earlier)] < place[id(later)], (names[i], names[j])
