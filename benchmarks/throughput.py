"""Data set runs: `Interpreter.run_batch` with two workers against a loop over LiteRT's default interpreter.

The native side is what a user would write: set the input, invoke, get the output, sample by sample, on the default
interpreter (XNNPACK) with two threads, in a process of its own. Both work on the same samples, in turns. The outputs
of `run_batch` are compared byte for byte with those of single invokes of ours.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from microinterp import Interpreter, MicrointerpError, load
from microinterp.multiply_accumulates import model_multiply_accumulates
from microinterp.runtimes import FloatMode
from microinterp_tools.inputs import random_values
from microinterp_tools.models import NamedModel
from tests.oracles import available

from .common import (
    MODEL_SETS,
    Array,
    Verdict,
    cells,
    has_float_products,
    new_table,
    open_models,
    show_refusal,
    show_verdicts,
    tracked,
)

WORKERS = 2
_SMALL = 10**6  # multiply-accumulates
_LEAST_SMALL, _LEAST = 1.0, 0.3
_SECONDS = 0.5  # of the native loop over all samples
_FEWEST, _MOST = 32, 16384  # samples
_COMPARED = 256  # samples
_MOST_BYTES = 2**28  # of the samples
_PATIENCE = 120.0


class NativeLoopError(Exception):
    """The native loop gave no result."""


class NativeLoop:
    """A process with a loop over LiteRT's default interpreter; it ends with the `with` block."""

    def __init__(self, model: NamedModel) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve_native_loop, args=(theirs, model.content), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> NativeLoop:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()

    def run(self, samples: Sequence[Array]) -> float:
        """Seconds for all samples, which stand along the first axis of one array per input."""
        try:
            self._connection.send(samples)
            if not self._connection.poll(_PATIENCE):
                raise NativeLoopError(f"LiteRT's default interpreter took more than {_PATIENCE:g} s")
            answer = self._connection.recv()
        except (EOFError, ConnectionError) as error:
            raise NativeLoopError("the process of LiteRT's default interpreter died") from error
        if isinstance(answer, str):
            raise NativeLoopError(answer)
        return float(answer)


def _serve_native_loop(connection: Connection[Any, Any], model: bytes) -> None:
    from ai_edge_litert.interpreter import Interpreter as LiteRT

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it tells of its delegates each time
    try:
        interpreter = LiteRT(model_content=model, num_threads=WORKERS)
        interpreter.allocate_tensors()
        inputs = [d["index"] for d in interpreter.get_input_details()]
        outputs = [d["index"] for d in interpreter.get_output_details()]
        while True:
            samples = connection.recv()
            started = time.perf_counter()
            results = []
            for sample in zip(*samples, strict=True):
                for index, value in zip(inputs, sample, strict=True):
                    interpreter.set_tensor(index, value)
                interpreter.invoke()
                results.append([interpreter.get_tensor(index) for index in outputs])
            connection.send(time.perf_counter() - started)
    except EOFError:
        return
    except (RuntimeError, ValueError) as error:
        connection.send(str(error).splitlines()[0])


@dataclass
class Throughput:
    """Seconds for all `samples`, per round. `equal`: outputs had the bytes of single invokes."""

    macs: int
    samples: int = 0
    native: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    fast: list[float] = field(default_factory=list)
    equal: bool = True
    refusal: str = ""

    def rate(self, seconds: Sequence[float]) -> float | None:
        """Samples per second."""
        return self.samples / statistics.median(seconds) if seconds else None

    def ratio(self, seconds: Sequence[float]) -> float | None:
        """How many times the native rate."""
        return (
            statistics.median(self.native) / statistics.median(seconds) if seconds and self.native else None
        )


def measure(model: NamedModel, rounds: int) -> Throughput:
    """Time both sides in turns, and compare the outputs with those of single invokes."""
    result = Throughput(model_multiply_accumulates(load(model.content)))
    modes: list[FloatMode] = ["exact", "fast"] if has_float_products(model) else ["exact"]
    try:
        single, *_ = ours = [Interpreter(model_content=model.content, float_mode=mode) for mode in modes]
        details = single.get_input_details()
        random = np.random.default_rng(0)
        few = [np.stack([random_values(d, random) for _ in range(_FEWEST)]) for d in details]
        with NativeLoop(model) as native:
            native.run(few)
            wanted = int(_FEWEST * _SECONDS / native.run(few))
            most = _MOST_BYTES // max(1, sum(a[0].nbytes for a in few))
            result.samples = max(_FEWEST, min(wanted, _MOST, most))
            samples = tuple(np.resize(a, (result.samples, *a.shape[1:])) for a in few)
            result.equal = _same_bytes(single, samples)
            for _ in range(rounds):
                result.native.append(native.run(samples))
                for interpreter, seconds in zip(ours, (result.ours, result.fast), strict=False):
                    started = time.perf_counter()
                    run_batch(interpreter, samples, WORKERS)
                    seconds.append(time.perf_counter() - started)
    except (NativeLoopError, MicrointerpError) as error:
        result.refusal = str(error).splitlines()[0]
    return result


def run_batch(interpreter: Interpreter, samples: tuple[Array, ...], workers: int) -> list[Array]:
    """The outputs for all samples, one array per output."""
    outputs = interpreter.run_batch(samples if len(samples) > 1 else samples[0], workers=workers)
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def _same_bytes(interpreter: Interpreter, samples: tuple[Array, ...]) -> bool:
    batch = run_batch(interpreter, samples, WORKERS)
    interpreter.reset_all_variables()
    interpreter.allocate_tensors()
    inputs = [d["index"] for d in interpreter.get_input_details()]
    outputs = [d["index"] for d in interpreter.get_output_details()]
    for i, sample in enumerate(zip(*(a[:_COMPARED] for a in samples), strict=True)):
        for index, value in zip(inputs, sample, strict=True):
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        if any(
            interpreter.get_tensor(index).tobytes() != output[i].tobytes()
            for index, output in zip(outputs, batch, strict=True)
        ):
            return False
    return True


def run(names: Sequence[str], rounds: int, out: Console) -> dict[str, Any]:
    """Measure, print and return the figures of the models of these names; without names, of all that have targets."""
    reason = available("tflite")
    if reason is not None:
        out.print(f"throughput: {reason}")
        return {}
    models = open_models(names, list(MODEL_SETS))
    results = {m.name: measure(m, rounds) for m in tracked(models, lambda m: f"throughput, {m.name}")}
    out.print(_table(results))
    for name, result in results.items():
        show_refusal(name, result.refusal, out)
    return {
        "models": {
            name: {
                "macs": r.macs,
                "samples": r.samples,
                "native_per_s": r.rate(r.native),
                "ours_per_s": r.rate(r.ours),
                "ratio": r.ratio(r.ours),
                "fast_per_s": r.rate(r.fast),
                "fast_ratio": r.ratio(r.fast),
                "same_bytes": r.equal,
                "refusal": r.refusal,
            }
            for name, r in results.items()
        },
        "targets": show_verdicts(_verdicts(results), out),
    }


def _table(results: Mapping[str, Throughput]) -> Table:
    title = f"samples/s (medians), {WORKERS} workers, against LiteRT's default with {WORKERS} threads"
    columns = (
        "model",
        "MACs",
        "samples",
        "LiteRT",
        "microinterp",
        "ratio",
        "fast",
        "ratio",
        "bytes as single",
    )
    table = new_table(title, *columns)
    for name, r in results.items():
        equal = "yes" if r.equal else "[red]NO[/]"
        table.add_row(
            name,
            f"{r.macs:,}",
            str(r.samples),
            *cells(r.rate(r.native), r.rate(r.ours), digits=0),
            *cells(r.ratio(r.ours), digits=2),
            *cells(r.rate(r.fast), digits=0),
            *cells(r.ratio(r.fast), equal if r.ours else None, digits=2),
        )
    return table


def _verdicts(results: Mapping[str, Throughput]) -> list[Verdict]:
    verdicts = []
    for what, least, chosen in (
        ("under 1 M multiply-accumulates", _LEAST_SMALL, [r for r in results.values() if r.macs < _SMALL]),
        ("all models", _LEAST, list(results.values())),
    ):
        ratios = [ratio for r in chosen if (ratio := r.ratio(r.ours)) is not None]
        if ratios:
            verdicts.append(Verdict(f"throughput, {what}: the least of {len(ratios)}", min(ratios), least))
    return verdicts
