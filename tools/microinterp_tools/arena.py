"""`microinterp arena`: how large `tensor_arena` must be, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from microinterp import Interpreter, MicrointerpError, load
from microinterp.memory.arena import ArenaReport, estimate_arena
from microinterp.memory.best import BestPlan, search_best_plan
from microinterp.model.ir import Model
from microinterp.model.writer import write_model
from microinterp.operator_support import native_support
from microinterp.ops.registry import implemented_operators

from .arena_map import draw_map
from .console import progress_bar
from .models import NamedModel

_MOST_OPERATORS = 12


@dataclass(frozen=True)
class ArenaResult:
    """The arena of one model on one target; `best` if a better plan was searched for.

    `refusal` is why TFLM cannot run the model, as far as that is known. Then the report says what its allocations would
    be, which is of use to nobody but a debugger.
    """

    model: NamedModel
    report: ArenaReport
    best: BestPlan | None
    refusal: str | None


def size_arena(named: NamedModel, target: str, kernels: str | None, *, search: bool) -> ArenaResult:
    """Size one arena.

    Args:
        named: the model.
        target: a target's name.
        kernels: a kernel library's name; None for CMSIS-NN on Cortex-M and the reference kernels elsewhere.
        search: look for a smaller head than the greedy planner's.

    Raises:
        MicrointerpError: the model is damaged, or there is no such target or library.
    """
    model = load(named.content)
    kernels = kernels or default_kernels(target)
    best = None
    if search:
        with progress_bar(f"searching a plan for {named.name}") as progress:
            best = search_best_plan(model, target, kernels, progress)
    report = best.after if best is not None else estimate_arena(model, target, kernels)
    return ArenaResult(named, report, best, tflm_refusal(model, named.content))


def default_kernels(target: str) -> str:
    """CMSIS-NN on Cortex-M, the reference kernels elsewhere."""
    return "cmsis-nn" if target.startswith("cortex-m") else "reference"


def tflm_refusal(model: Model, content: bytes) -> str | None:
    """Why TFLM's reference kernels would not prepare the model; None if they would, or nobody can tell.

    An application may bring custom operators of its own, so those are no reason.
    """
    codes = {model.operator_code(o) for s in model.subgraphs for o in s.operators}
    lacking = sorted(
        code.name
        for code in codes
        if code.custom_code is None
        and ((support := native_support(code.name)) is None or support.tflm_adder is None)
    )
    if lacking:
        return f"it has no operator {', '.join(lacking)}"
    if not {code.name for code in codes} <= implemented_operators():
        return None
    try:
        Interpreter(model_content=content, runtime="tflm").allocate_tensors()
    except MicrointerpError as error:
        return str(error)
    return None


def as_json(result: ArenaResult, arena_size: int | None = None) -> dict[str, Any]:
    """The result as `--json` prints it; `fits` is None without an arena's size, or if nobody can tell."""
    r = result.report
    headroom = None if arena_size is None else r.headroom(arena_size)
    return {
        "model": result.model.name,
        "target": r.target,
        "kernels": r.kernels,
        "tflm_commit": r.tflm_commit,
        "total": r.total,
        "head": r.head,
        "tail": r.tail,
        "min_arena": r.min_arena,
        "min_arena_lower_bound": r.min_arena_lower_bound,
        "sections": {name: asdict(section) for name, section in r.sections.items()},
        "operators": [asdict(o) for o in r.operators],
        "plan": [asdict(b) for b in r.plan],
        "plan_lower_bound": r.plan_lower_bound,
        "peak": None if r.peak is None else asdict(r.peak),
        "recording_total": r.recording_total,
        "exact": r.exact,
        "unknown": list(r.unknown),
        "tflm_refusal": result.refusal,
        "saved": None if result.best is None else result.best.saved,
        "headroom": headroom,
        "fits": None if arena_size is None else fits(result, arena_size),
    }


def show(result: ArenaResult, console: Console) -> None:
    """Print one result for people: the answer first."""
    r = result.report
    plan = "" if result.best is None or result.best.saved == 0 else ", best plan"
    where = f"({r.target}, {r.kernels}{plan})"
    if result.refusal is not None:
        console.print(
            f"[bold]tensor_arena: none will do, TFLite Micro cannot run this model[/] {where}", soft_wrap=True
        )
        console.print(escape(result.refusal), soft_wrap=True)
        console.print(
            f"\nIf it ran, it would need {r.min_arena} bytes: head {r.head}, tail {r.tail}. "
            "`microinterp inspect MODEL` shows what the model is made of.",
            soft_wrap=True,
        )
        return
    at_least = "" if r.exact else "at least "
    console.print(f"[bold]tensor_arena: {at_least}{r.min_arena} bytes[/] {where}", soft_wrap=True)
    for line in r.unknown:
        console.print(f"[yellow]unknown:[/] {escape(line)}; its bytes are not counted", soft_wrap=True)
    console.print(f"\n{escape(result.model.name)}, TFLM {r.tflm_commit[:40]}")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    for size, text in (
        (r.head, "head: planned tensors and scratch buffers"),
        (r.tail, "tail: what stays allocated"),
        (r.total, "total: arena_used_bytes() after AllocateTensors"),
        (r.min_arena, "the smallest arena that surely works (AllocateTensors needs room to plan)"),
        (r.min_arena_lower_bound, "no smaller one can work"),
        (r.plan_lower_bound, "no plan can have a smaller head"),
    ):
        table.add_row(str(size), text)
    console.print(table)
    if result.best is not None:
        _show_best(result.best, console)
    _show_sections(r, console)
    _show_operators(r, console)
    if r.peak is not None:
        p = r.peak
        console.print(
            f"\nthe head is fullest at operator {p.operator_index} ({escape(p.operator)}): {p.live_bytes} bytes alive"
        )
        for b in p.buffers:
            console.print(f"  {b.size:>8}  {b.kind} {b.index} {escape(b.name)}", soft_wrap=True)
    draw_map(r.plan, r.head, console)


def _show_best(best: BestPlan, console: Console) -> None:
    how = " with operators reordered" if best.reordered else ""
    if best.saved > 0 or best.after.head < best.before.head:
        console.print(
            f"best plan{how}: head {best.after.head} instead of {best.before.head} bytes, "
            f"{best.saved} bytes of arena saved"
        )
        console.print("  (--write-offline-plan OUT.tflite makes TFLM use it)")
    else:
        console.print(f"best plan: none better than the greedy one; its head is {best.before.head} bytes")


def _show_sections(r: ArenaReport, console: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("recording allocator's section")
    for column in ("used", "requested", "count"):
        table.add_column(column, justify="right")
    for name, section in r.sections.items():
        table.add_row(name, str(section.used), str(section.requested), str(section.count))
    console.print()
    console.print(table)


def _show_operators(r: ArenaReport, console: Console) -> None:
    costly = sorted(r.operators, key=lambda o: -(o.persistent + sum(o.scratch)))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("operator")
    table.add_column("persistent", justify="right")
    table.add_column("scratch", justify="right")
    for o in costly[:_MOST_OPERATORS]:
        where = f"{o.index}" if o.subgraph == 0 else f"{o.subgraph}.{o.index}"
        persistent = str(o.persistent) if o.known else f"≥ {o.persistent}"
        table.add_row(f"{where} {escape(o.operator)}", persistent, " + ".join(map(str, o.scratch)) or "–")
    console.print()
    console.print(table)
    if len(costly) > _MOST_OPERATORS:
        console.print(f"… and {len(costly) - _MOST_OPERATORS} operators that need less")


def show_comparison(results: Sequence[ArenaResult], console: Console) -> None:
    """Print several results as a table, a row each."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("model", "target", "kernels"):
        table.add_column(column)
    for column in ("tensor_arena", "total", "head", "tail"):
        table.add_column(column, justify="right")
    for result in results:
        r = result.report
        mark = "" if r.exact else "≥ "
        sizes = [f"{mark}{n}" for n in (r.min_arena, r.total, r.head, r.tail)]
        table.add_row(
            escape(result.model.name), r.target, r.kernels, *(sizes if result.refusal is None else "–" * 4)
        )
    console.print(table)
    notes = {
        f"[yellow]{escape(result.model.name)}:[/] {escape(note)}": None
        for result in results
        for note in (
            result.report.unknown
            if result.refusal is None
            else [f"TFLite Micro cannot run it: {result.refusal}"]
        )
    }
    for note in notes:
        console.print(note, soft_wrap=True)


def fits(result: ArenaResult, arena_size: int) -> bool | None:
    """Whether the model surely fits into an arena of that size; None if nobody can tell."""
    if result.refusal is not None or result.report.headroom(arena_size) < 0:
        return False
    return True if result.report.exact else None


def show_verdict(result: ArenaResult, arena_size: int, console: Console) -> None:
    """Print whether the model fits."""
    headroom = result.report.headroom(arena_size)
    where = f"{escape(result.model.name)} on {result.report.target}"
    verdict = fits(result, arena_size)
    if result.refusal is not None:
        text = f"[bold red]does not run:[/] {where}"
    elif verdict is None:
        text = f"[bold red]cannot tell:[/] {where} needs more than could be counted"
    elif verdict:
        text = f"fits: {where} leaves {headroom} of {arena_size} bytes free"
    else:
        text = f"[bold red]does not fit:[/] {where} needs {-headroom} bytes more than {arena_size}"
    console.print(text, soft_wrap=True)


def write_offline_plan(result: ArenaResult, path: Path) -> None:
    """Write the model with the plan embedded as `OfflineMemoryAllocation` metadata."""
    assert result.best is not None, "there is no plan to write without a search"
    path.write_bytes(write_model(result.best.model))
