"""The best plan on real models and on ones where it matters, judged by the wheel that runs what was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microinterp import Model, load
from microinterp.memory.arena import estimate_arena
from microinterp.memory.best import search_best_plan, without_offline_plan
from microinterp.memory.offline import METADATA_NAME, offline_offsets
from microinterp.memory.wheel import WHEEL_KERNELS, WHEEL_TARGET
from microinterp.model.ir import TensorType
from microinterp.model.writer import write_model
from microinterp_tools.models import EXAMPLES, open_model
from tests.random_graphs import ModelBuilder, SubgraphBuilder, random_invokes
from tests.same_model import assert_same
from tests.shared import SHARED, model_paths, requires_shared
from tests.wheel_arena import ask_wheel, smallest_arena

SYNTHETIC = ("synth_offline_plan_a", "synth_resource_variable", "synth_ties", "synth_while")
# TFLM allocates it and then fails to invoke it (models/README.md)
NOT_INVOKED = {"movenet_single_pose_lightning_ptq"}
BUILDS = [("cortex-m4", "cmsis-nn"), ("x86-64", "reference")]


def contents() -> list[Any]:
    cases = [pytest.param(open_model(name).content, id=name) for name in EXAMPLES]
    paths = list(model_paths())
    if SHARED is not None:
        paths += [SHARED / "arena" / "synth" / f"{name}.tflite" for name in SYNTHETIC]
    return cases + [pytest.param(path, id=path.stem, marks=requires_shared) for path in paths]


@pytest.mark.parametrize("build", BUILDS, ids="-".join)
@pytest.mark.parametrize("source", contents())
def test_the_written_model_does_the_same_in_no_larger_an_arena(
    source: bytes | Path, build: tuple[str, str]
) -> None:
    content = source if isinstance(source, bytes) else source.read_bytes()
    model = load(content)
    best = search_best_plan(model, *build)
    written = write_model(best.model)
    check_nothing_else_changed(load(written), model)
    assert best.after.min_arena <= best.before.min_arena
    assert best.after.head <= best.before.head
    is_run = isinstance(source, bytes) or source.stem not in NOT_INVOKED
    for seed in range(2):
        invokes = random_invokes(model, 3, seed) if is_run else []
        before, after = ask_wheel(content, invokes), ask_wheel(written, invokes)
        if before is None:
            pytest.skip("TFLM does not run this model")
        assert after is not None
        for i, (expected, actual) in enumerate(zip(before.outputs, after.outputs, strict=True)):
            assert [a.tobytes() for a in actual] == [e.tobytes() for e in expected], (
                f"seed {seed}, invoke {i}"
            )
        assert (after.total, after.head, after.tail) <= (before.total, before.head, before.tail)
        report = estimate_arena(best.model, WHEEL_TARGET, WHEEL_KERNELS)
        assert (report.recording_total, report.head) == (after.total, after.head)
        for name, figures in after.sections.items():
            section = report.sections[name]
            assert (section.used, section.requested, section.count) == figures, name


def check_nothing_else_changed(written: Model, model: Model) -> None:
    assert offline_offsets(written) is not None
    names = [entry.name for entry in written.metadata or ()]
    assert names.count(METADATA_NAME) == 1
    assert sorted(map(repr, written.subgraphs[0].operators)) == sorted(
        map(repr, model.subgraphs[0].operators)
    )
    in_old_order = replace(written.subgraphs[0], operators=model.subgraphs[0].operators)
    assert_same(in_old_order, model.subgraphs[0])
    assert_same(written.subgraphs[1:], model.subgraphs[1:])
    assert_same(written.buffers[: len(model.buffers)], model.buffers)
    assert_same(
        replace(without_offline_plan(written), buffers=model.buffers, subgraphs=model.subgraphs),
        replace(without_offline_plan(model), metadata=without_offline_plan(model).metadata or None),
    )


@requires_shared
@pytest.mark.parametrize(
    ("path", "saves"),
    [
        ("mlperf-tiny/vww_96_int8", 18432),
        ("mlperf-tiny/vww_96_float", 73728),
        ("tflite-micro/hello_world_int8", 0),
        ("tflite-micro/keyword_scrambled_8bit", 0),
        ("micro-wake-word/vad", 0),
    ],
)
def test_the_smallest_arena_that_works_is_no_larger(path: str, saves: int) -> None:
    """Found by trying, in the wheel; the bytes saved are those that the report says."""
    assert SHARED is not None
    content = (SHARED / "models" / f"{path}.tflite").read_bytes()
    model = load(content)
    best = search_best_plan(model, WHEEL_TARGET, WHEEL_KERNELS)
    invokes = random_invokes(model, 1, seed=0)
    sizes = [
        smallest_arena(data, invokes, report.tail // 16 * 16, report.min_arena + 1024)
        for data, report in ((content, best.before), (write_model(best.model), best.after))
    ]
    assert sizes[0] - sizes[1] == best.saved == saves


def branches(*, state: bool = False, custom: str | None = None) -> Model:
    """Two branches, each 4 → 1000 → 4, whose wide ends come first: side by side 2000 floats, in turn 1000."""
    builder = ModelBuilder()
    g = builder.subgraph()
    x = g.input((1, 4))
    random = np.random.default_rng(0)

    def dense(value: int, units: int) -> int:
        weights = g.constant(random.uniform(-1, 1, (units, g.width(value))))
        return g.add("FULLY_CONNECTED", [value, weights, -1], (1, units))

    wide = [dense(x, 1000) for _ in range(2)]
    if custom is not None:
        x2 = g.add(custom, [x], (1, 4))
    if state:
        wide = [remembered(g, value, f"v{i}") for i, value in enumerate(wide)]
    narrow = [dense(value, 4) for value in wide]
    g.outputs = [g.add("ADD", narrow, (1, 4))]
    if custom is not None:
        g.outputs.append(x2)
    return builder.build()


def remembered(g: SubgraphBuilder, value: int, name: str) -> int:
    """What the variable held before, which from now on is the value."""
    handle = g.add("VAR_HANDLE", [], (), {"shared_name": name, "container": ""}, TensorType.RESOURCE)
    old = g.add("READ_VARIABLE", [handle], (1, g.width(value)))
    g.add("ASSIGN_VARIABLE", [handle, value], None)
    return g.add("ADD", [old, value], (1, g.width(value)))


def test_independent_branches_run_one_after_the_other() -> None:
    model = branches()
    best = search_best_plan(model, "cortex-m4", "cmsis-nn")
    assert best.reordered
    assert [o.inputs[0] for o in best.model.subgraphs[0].operators] != [
        o.inputs[0] for o in model.subgraphs[0].operators
    ]
    assert best.before.head == 2 * 4000 + 16
    assert best.after.head == 4000 + 2 * 16  # one wide tensor, and what the branches begin and end with
    assert best.saved == best.before.head - best.after.head
    invokes = random_invokes(model, 2, seed=1)
    before, after = (ask_wheel(write_model(m), invokes) for m in (model, best.model))
    assert before is not None
    assert after is not None
    assert before.head - after.head == best.saved
    for expected, actual in zip(before.outputs, after.outputs, strict=True):
        assert actual[0].tobytes() == expected[0].tobytes()


def test_state_keeps_its_order_and_its_values() -> None:
    model = branches(state=True)
    best = search_best_plan(model, "x86-64", "reference")
    names = [
        (best.model.operator_code(o).name, o.inputs)
        for o in best.model.subgraphs[0].operators
        if best.model.operator_code(o).name.endswith("VARIABLE")
    ]
    assert names == [
        (model.operator_code(o).name, o.inputs)
        for o in model.subgraphs[0].operators
        if model.operator_code(o).name.endswith("VARIABLE")
    ]
    invokes = random_invokes(model, 4, seed=1)
    before, after = (ask_wheel(write_model(m), invokes) for m in (model, best.model))
    assert before is not None
    assert after is not None
    for expected, actual in zip(before.outputs, after.outputs, strict=True):
        assert actual[0].tobytes() == expected[0].tobytes()


def test_nothing_moves_past_a_custom_operator() -> None:
    model = branches(custom="MyOwnOp")
    best = search_best_plan(model, "x86-64", "reference")
    assert not best.reordered
    assert best.after.unknown == best.before.unknown != ()


@requires_shared
def test_a_plan_that_the_model_has_is_kept_unless_a_better_one_is_found() -> None:
    assert SHARED is not None
    path = SHARED / "models" / "mlperf-tiny" / "vww_96_int8.tflite"
    first = search_best_plan(load(path), "cortex-m4", "cmsis-nn")
    again = search_best_plan(first.model, "cortex-m4", "cmsis-nn")
    assert again.before.min_arena == first.after.min_arena
    assert again.saved == 0
    assert_same(again.model, first.model)


def test_progress_goes_from_nothing_to_all() -> None:
    seen: list[float] = []
    search_best_plan(branches(), "cortex-m4", "cmsis-nn", seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert 0 <= seen[0] < 1
