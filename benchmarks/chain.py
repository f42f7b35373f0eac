"""What an operator costs by itself: a chain of tiny int8 FULLY_CONNECTED, with next to nothing to compute."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
from rich.console import Console

from microinterp.model.ir import TensorType
from microinterp_tools.models import NamedModel
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RUNTIME_NAMES, available
from tests.single_op import TensorSpec

from .common import Verdict, cells, new_table, show_refusal, show_verdicts, tracked
from .invoke import measure

LENGTH = 50
_SIZE = 8
_MOST_MICROSECONDS = 6


def chain_model(length: int = LENGTH) -> NamedModel:
    """`length` int8 FULLY_CONNECTED, each from 8 numbers to 8."""
    random = np.random.default_rng(0)
    tensors = {f"x{i}": TensorSpec((1, _SIZE), TensorType.INT8, 0.05, -1) for i in range(length + 1)}
    for i in range(length):
        weights = random.integers(-127, 128, (_SIZE, _SIZE), np.int8)
        biases = random.integers(-1000, 1000, _SIZE, np.int32)
        tensors[f"w{i}"] = TensorSpec(weights.shape, TensorType.INT8, 0.006, 0, data=weights)
        tensors[f"b{i}"] = TensorSpec(biases.shape, TensorType.INT32, 0.05 * 0.006, 0, data=biases)
    steps = [Step("FULLY_CONNECTED", (f"x{i}", f"w{i}", f"b{i}"), (f"x{i + 1}",)) for i in range(length)]
    graph = Graph(tensors, ["x0"], [f"x{length}"], steps)
    return NamedModel(f"chain of {length}", graph_model(graph))


def run(rounds: int, out: Console) -> dict[str, Any]:
    """Measure, print and return microseconds per operator."""
    model = chain_model()
    runtimes = [name for name in RUNTIME_NAMES if available(name) is None]
    title = f"a chain of {LENGTH} tiny int8 FULLY_CONNECTED, µs per operator (median)"
    table = new_table(title, "runtime", "native", "microinterp", "ratio", "same bytes")
    figures, verdicts = {}, []
    for runtime in tracked(runtimes, lambda runtime: f"{model.name}, {runtime}"):
        timing = measure(model, runtime, rounds)
        show_refusal(f"{model.name}, {runtime}", timing.refusal, out)
        if timing.ratio is None:
            continue
        native, ours = (statistics.median(s) * 1e6 / LENGTH for s in (timing.native, timing.ours))
        equal = "yes" if timing.equal else "[red]NO[/]"
        table.add_row(runtime, *cells(native, ours, timing.ratio, equal, digits=2))
        figures[runtime] = {"native_us": native, "ours_us": ours, "same_bytes": timing.equal}
        verdicts.append(Verdict(f"µs per operator, {runtime}", ours, _MOST_MICROSECONDS, at_most=True))
    out.print(table)
    return {"per_operator": figures, "targets": show_verdicts(verdicts, out)}
