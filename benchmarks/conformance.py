"""Compare every operator with the native runtimes on many random problems: `python -m benchmarks.conformance`.

For each operator, kind (element type) and runtime, problems of its generator in `tests/problems` are run until the
native runtime has accepted so many of them; every output must have its bytes. Without a list of operators the table
docs/conformance.md is written anew.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console

from microinterp.batch import progress_bar
from tests.oracles import RUNTIME_NAMES, OracleError, RuntimeName, available
from tests.problems import all_generators
from tests.single_op import compare_with_oracle

_REPORT = Path(__file__).parents[1] / "docs" / "conformance.md"
_MOST_ROUNDS = 8

# Rows that differ, and why that is so.
_REASONS: dict[tuple[str, str, RuntimeName], str] = {}


@dataclass
class Row:
    """What became of the problems of one operator, kind and runtime."""

    operator: str
    kind: str
    runtime: RuntimeName
    cases: int = 0
    refused: int = 0
    crashed: int = 0
    elements: int = 0
    differing: int = 0
    message: str = ""

    @property
    def reason(self) -> str:
        """Why something differs; empty if nothing does."""
        if not self.message:
            return ""
        return _REASONS.get((self.operator, self.kind, self.runtime), "unexplained: " + self.message)


def run_row(operator: str, kind: str, runtime: RuntimeName, cases: int) -> Row:
    """Run problems until the native runtime has accepted `cases` of them, or hardly accepts any."""
    generator = next(g for g in all_generators() if g.operator == operator)
    row = Row(operator, kind, runtime)

    def solve(data: st.DataObject) -> None:
        problem = data.draw(generator.problems(kind, runtime))
        if row.cases >= cases:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                comparison = compare_with_oracle(problem.model, problem.invokes, runtime)
        except OracleError:
            row.crashed += 1
            return
        except Exception as error:  # a bug of ours is a result like any other
            row.cases += 1
            row.message = row.message or f"{error!r} for {problem!r}"
            return
        row.cases += comparison.accepted
        row.refused += not comparison.accepted
        row.elements += comparison.elements
        row.differing += comparison.differing
        row.message = row.message or comparison.message

    for number in range(_MOST_ROUNDS):
        if row.cases >= cases:
            break
        run = settings(
            max_examples=cases - row.cases + 10,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )(given(st.data())(solve))
        seed(number)(run)()
    return row


def report(rows: Sequence[Row]) -> str:
    """docs/conformance.md."""
    lines = [
        "# Conformance",
        "",
        "Random problems for every operator, computed by microinterp and by the native runtime, compared byte for "
        "byte. Written by `python -m benchmarks.conformance`; the problems are those of `tests/problems`.",
        "",
        f"- {datetime.now(timezone.utc):%Y-%m-%d}; ai-edge-litert {version('ai-edge-litert')} (tflite: its reference "
        "kernels, or its default ones for operators that it has only there), tflite-micro "
        f"{version('tflite-micro')} (tflm); NumPy {version('numpy')}.",
    ]
    for runtime in RUNTIME_NAMES:
        own = [row for row in rows if row.runtime == runtime]
        lines.append(
            f"- {runtime}: {len({r.operator for r in own})} operators, {sum(r.cases for r in own):,} cases, "
            f"{sum(r.elements for r in own):,} elements, {sum(r.differing for r in own):,} of them different."
        )
    lines += [
        "",
        "*Cases* are those that the native runtime accepted; *refused* ones were refused by microinterp, too. In "
        "*crashed* ones the native runtime died, or could not return the output. docs/native-bugs.md lists what the "
        "problems stay away from.",
        "",
        "| operator | kind | runtime | cases | elements | different | refused | crashed | reason |",
        "|---|---|---|--:|--:|--:|--:|--:|---|",
    ]
    lines += [
        f"| {r.operator} | {r.kind} | {r.runtime} | {r.cases} | {r.elements:,} | {r.differing:,} | {r.refused} | "
        f"{r.crashed} | {_cell(r.reason)} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split())[:200].replace("|", "\\|")


def _read_rows(path: Path) -> dict[tuple[str, str, RuntimeName], Row]:
    if not path.exists():
        return {}
    rows = [Row(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    return {(row.operator, row.kind, row.runtime): row for row in rows}


def main(
    operators: Annotated[list[str] | None, typer.Argument(help="Operators; default: all.")] = None,
    cases: Annotated[int, typer.Option(min=1, help="Accepted cases per operator, kind and runtime.")] = 200,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    resume: Annotated[
        Path | None,
        typer.Option(help="Rows are added to this file as they are done; those in it are not run again."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures to this file.")
    ] = None,
) -> None:
    """Compare operators with the native runtimes on random problems."""
    console = Console(highlight=False, soft_wrap=True)
    known = [g.operator for g in all_generators()]
    unknown = set(operators or ()) - set(known)
    if unknown:
        raise typer.BadParameter(
            f"no problems for {', '.join(sorted(unknown))}; there are: {', '.join(known)}"
        )
    plan = [
        (g.operator, kind, runtime)
        for g in all_generators()
        if not operators or g.operator in operators
        for runtime in RUNTIME_NAMES
        if available(runtime) is None
        for kind in g.kinds[runtime]
    ]
    rows = _read_rows(resume) if resume is not None else {}
    missing = [key for key in plan if key not in rows]
    with progress_bar("rows") as show, ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        futures = {pool.submit(run_row, *key, cases): key for key in missing}
        for done, future in enumerate(as_completed(futures), start=len(plan) - len(missing) + 1):
            row = rows[futures[future]] = future.result()
            if resume is not None:
                with resume.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(row)) + "\n")
            show(done, len(plan))
            if row.message or row.cases < cases:
                console.print(
                    f"{row.operator}, {row.kind}, {row.runtime}: {row.cases} cases. {row.reason}",
                    markup=False,
                )
    ordered = [rows[key] for key in plan]
    if not operators:
        _REPORT.write_text(report(ordered), "utf-8")
        console.print(f"wrote {_REPORT}")
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(row) for row in ordered], indent=1) + "\n")
    console.print(
        f"{sum(r.cases for r in ordered):,} cases, {sum(r.elements for r in ordered):,} elements, "
        f"{sum(r.differing for r in ordered):,} different, "
        f"{sum(bool(r.message) for r in ordered)} rows with a difference"
    )
    if any(row.reason.startswith("unexplained") for row in ordered):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
