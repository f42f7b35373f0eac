"""A cold process: import, load, allocate and one invoke; its time and its peak memory.

Each run is a new process. `-S` and a PYTHONPATH of the source folders and of the site-packages that hold NumPy keep
out what an installation adds to every start of Python (`.pth` files, the finder of an editable installation), for all
alike; byte code is there, since a first round writes it, whatever the environment says, and is not counted. Two times
are taken: `work`, inside the process, from before the import to after the invoke; and `process`, from outside, with
Python's own start and end. Memory is the peak of the resident set (VmHWM: getrusage's figure would be that of the
process that started this one, if larger).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from microinterp_tools.models import NamedModel
from tests.oracles import available

from .common import Verdict, cells, new_table, open_models, show_verdicts, tracked

MODEL = "kws_ref_model.tflite"
_MOST = 1.5  # times the native runtime's
_RUNS_PER_ROUND = 3
_ROOT = Path(__file__).parents[1]

_RUN_MODEL = """
interpreter = Interpreter(model_path=sys.argv[1])
interpreter.allocate_tensors()
interpreter.invoke()
"""
_PROGRAMS = {
    "NumPy alone": "import numpy",
    "ai-edge-litert": "from ai_edge_litert.interpreter import Interpreter" + _RUN_MODEL,
    "microinterp": "from microinterp import Interpreter" + _RUN_MODEL,
}
_MEASURED = """
import sys, time
started = time.perf_counter()
{program}
seconds = time.perf_counter() - started
with open("/proc/self/status") as status:
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
print(seconds, peak)
"""


@dataclass
class ColdRuns:
    """Seconds inside and outside the process, and peak memory in bytes, of each run."""

    work: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)


def measure(model: NamedModel, runs: int) -> dict[str, ColdRuns]:
    """Run each program so often, in turns; the native one only where it is installed."""
    programs = {
        name: p for name, p in _PROGRAMS.items() if name != "ai-edge-litert" or not available("tflite")
    }
    results = {name: ColdRuns() for name in programs}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model.content)
        for i in tracked(range(runs + 1), lambda _: f"cold processes, {model.name}"):
            for name, program in programs.items():
                work, process, peak = _run(program, path)
                if i > 0:
                    results[name].work.append(work)
                    results[name].process.append(process)
                    results[name].peak.append(peak)
    return results


def _run(program: str, model: Path) -> tuple[float, float, int]:
    paths = [_ROOT, _ROOT / "kernels", Path(np.__file__).parents[1]]
    command = [sys.executable, "-S", "-c", _MEASURED.format(program=program), str(model)]
    started = time.perf_counter()
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(model.parent / "byte_code"),
        },
        cwd=model.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
    )
    seconds = time.perf_counter() - started
    work, peak = done.stdout.split()
    return float(work), seconds, int(peak) * 1024


def run(names: Sequence[str], rounds: int, out: Console) -> dict[str, Any]:
    """Measure, print and return the figures of the models of these names; without names, of kws_ref_model."""
    figures: dict[str, Any] = {}
    verdicts: list[Verdict] = []
    for model in open_models(names or [MODEL], ()):
        results = measure(model, rounds * _RUNS_PER_ROUND)
        out.print(_table(model.name, results))
        medians = {name: _medians(runs) for name, runs in results.items()}
        figures[model.name] = medians
        if "ai-edge-litert" in medians:
            ours, native = medians["microinterp"], medians["ai-edge-litert"]
            verdicts += [
                Verdict(
                    f"{model.name}, {what}, times that of ai-edge-litert",
                    ours[key] / native[key],
                    _MOST,
                    True,
                )
                for key, what in (("process_s", "cold process"), ("peak_mb", "peak memory"))
            ]
    return {"models": figures, "targets": show_verdicts(verdicts, out)}


def _medians(runs: ColdRuns) -> dict[str, float]:
    return {
        "work_s": statistics.median(runs.work),
        "process_s": statistics.median(runs.process),
        "peak_mb": statistics.median(runs.peak) / 2**20,
    }


def _table(model: str, results: Mapping[str, ColdRuns]) -> Table:
    title = f"cold process: import, load, allocate, invoke {model} (medians)"
    table = new_table(title, "what", "work, ms", "process, ms", "peak memory, MB")
    for name, runs in results.items():
        m = _medians(runs)
        table.add_row(name, *cells(m["work_s"] * 1e3, m["process_s"] * 1e3, m["peak_mb"], digits=1))
    return table
