"""Time `invoke` of every model against both native runtimes: `python -m benchmarks [MODEL…]`.

One thread each; the runtimes take turns in small chunks, so that a slow moment of the machine hits all of them, and
the median of all invokes counts. Outputs are compared byte for byte in the same run.
"""

from __future__ import annotations

import os

for _library in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM"):  # before NumPy loads its BLAS
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import json
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from microinterp import Interpreter, MicrointerpError
from microinterp.runtimes import RuntimeName
from microinterp_tools.inputs import random_values
from microinterp_tools.models import EXAMPLES, NamedModel, open_model
from tests.oracles import RUNTIME_NAMES, OracleError, available, run_oracle
from tests.shared import model_paths

Array = NDArray[Any]

_CHUNK_SECONDS = 0.05
_MOST_IN_CHUNK = 200
_REFERENCE_BUILD = {"tflite": "LiteRT BUILTIN_REF", "tflm": "tflite_micro"}


@dataclass
class Timing:
    """Seconds of single invokes of one model against one runtime.

    `refusal` says why there are none; `equal`, whether all outputs had the native runtime's bytes.
    """

    native: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    refusal: str = ""
    equal: bool = True

    @property
    def ratio(self) -> float | None:
        """Native time divided by ours: above 1, microinterp is the faster one."""
        if not self.native or not self.ours:
            return None
        return statistics.median(self.native) / statistics.median(self.ours)


def time_ours(
    model: NamedModel, runtime: RuntimeName, inputs: Sequence[Array], times: int
) -> tuple[list[float], list[list[Array]]]:
    """Seconds and outputs of some invokes on a new interpreter, inputs set before each as on the native side."""
    interpreter = Interpreter(model_content=model.content, runtime=runtime)
    interpreter.allocate_tensors()
    input_indices = [d["index"] for d in interpreter.get_input_details()]
    output_indices = [d["index"] for d in interpreter.get_output_details()]
    seconds, outputs = [], []
    for _ in range(times):
        for index, value in zip(input_indices, inputs, strict=True):
            interpreter.set_tensor(index, value)
        started = time.perf_counter()
        interpreter.invoke()
        seconds.append(time.perf_counter() - started)
        outputs.append([interpreter.get_tensor(index) for index in output_indices])
    return seconds, outputs


def measure(model: NamedModel, runtime: RuntimeName, rounds: int) -> Timing:
    """Alternate chunks of invokes between the native runtime and ours."""
    timing = Timing()
    try:
        random = np.random.default_rng(0)
        details = Interpreter(model_content=model.content, runtime=runtime).get_input_details()
        inputs = [random_values(d, random) for d in details]
        warm = run_oracle(runtime, model.content, [inputs] * 2).seconds[-1]
        ours_warm = time_ours(model, runtime, inputs, 2)[0][-1]
        for _ in range(rounds):
            # the first invoke of a chunk meets cold caches on either side and is left out
            chunk = max(3, min(_MOST_IN_CHUNK, int(_CHUNK_SECONDS / max(warm, ours_warm, 1e-9))))
            native = run_oracle(runtime, model.content, [inputs] * chunk)
            seconds, outputs = time_ours(model, runtime, inputs, chunk)
            timing.native += native.seconds[1:]
            timing.ours += seconds[1:]
            timing.equal &= all(
                ours.tobytes() == theirs.tobytes()
                for our_outputs, native_outputs in zip(outputs, native.outputs, strict=True)
                for ours, theirs in zip(our_outputs, native_outputs, strict=True)
            )
    except (OracleError, MicrointerpError) as error:
        timing.refusal = str(error).splitlines()[0]
    return timing


def geometric_mean(ratios: Sequence[float]) -> float:
    """The n-th root of the product; NaN of nothing."""
    return math.exp(statistics.fmean(map(math.log, ratios))) if ratios else math.nan


def table(results: dict[str, dict[RuntimeName, Timing]], runtimes: Sequence[RuntimeName]) -> Table:
    """A row per model; milliseconds and ratios."""
    out = Table(title="invoke, ms (median); ratio = native / microinterp, above 1: microinterp is faster")
    out.add_column("model")
    for runtime in runtimes:
        for column in (_REFERENCE_BUILD[runtime], "microinterp", "ratio", "same bytes"):
            out.add_column(column, justify="right")
    for name, timings in results.items():
        row = [name]
        for runtime in runtimes:
            t = timings[runtime]
            if t.ratio is None:
                row += ["–", "–", "–", "–"]
                continue
            times = (statistics.median(t.native), statistics.median(t.ours))
            row += [*(f"{s * 1e3:.3f}" for s in times), f"{t.ratio:.2f}", "yes" if t.equal else "[red]NO[/]"]
        out.add_row(*row)
    out.add_section()
    means = ["geometric mean"]
    for runtime in runtimes:
        ratios = [r for t in results.values() if (r := t[runtime].ratio) is not None]
        means += ["", "", f"{geometric_mean(ratios):.2f}", f"{len(ratios)} models"]
    out.add_row(*means)
    return out


def main(
    models: Annotated[
        list[str] | None, typer.Argument(help="Paths or examples; default: all there are.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often the runtimes take turns.")] = 7,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures to this file.")
    ] = None,
) -> None:
    """Time invoke of each model against the native runtimes."""
    console = Console(width=None if os.isatty(1) else 150)
    runtimes = [name for name in RUNTIME_NAMES if available(name) is None]
    if not runtimes:
        console.print("none of the native runtimes is installed: there is nothing to compare with")
        raise typer.Exit(1)
    named = [open_model(m) for m in models or [*map(str, model_paths()), *EXAMPLES]]
    results: dict[str, dict[RuntimeName, Timing]] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(named) * len(runtimes))
        for model in named:
            results[model.name] = {}
            for runtime in runtimes:
                progress.update(task, description=f"{model.name}, {runtime}")
                results[model.name][runtime] = measure(model, runtime, rounds)
                progress.advance(task)
    console.print(table(results, runtimes))
    for name, timings in results.items():
        for runtime, timing in timings.items():
            if timing.refusal:
                console.print(
                    f"{name}, {runtime}: not compared: {timing.refusal}", highlight=False, markup=False
                )
    if json_file is not None:
        json_file.write_text(json.dumps(_plain(results), indent=1) + "\n")


def _plain(results: dict[str, dict[RuntimeName, Timing]]) -> dict[str, Any]:
    return {
        name: {
            runtime: {
                "native_ms": statistics.median(t.native) * 1e3 if t.native else None,
                "ours_ms": statistics.median(t.ours) * 1e3 if t.ours else None,
                "ratio": t.ratio,
                "same_bytes": t.equal,
                "refusal": t.refusal,
            }
            for runtime, t in timings.items()
        }
        for name, timings in results.items()
    }


if __name__ == "__main__":
    typer.run(main)
