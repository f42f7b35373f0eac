"""Single invokes of every model against both native runtimes.

One thread each; the runtimes take turns in small chunks, so that a slow moment of the machine hits all of them, and
the median of all invokes counts. Outputs are compared byte for byte in the same run. Models with float32 products
are timed with `float_mode="fast"`, too, with its largest deviation, relative to the largest output.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from microinterp import Interpreter, MicrointerpError
from microinterp.runtimes import FloatMode, RuntimeName
from microinterp_tools.models import EXAMPLES, NamedModel
from tests.oracles import RUNTIME_NAMES, OracleError, available, run_oracle
from tests.shared import model_paths

from .common import (
    MODEL_SETS,
    Array,
    Verdict,
    cells,
    has_float_products,
    mean_verdict,
    milliseconds,
    new_table,
    open_models,
    random_inputs,
    show_refusal,
    show_verdicts,
    tracked,
)

_CHUNK_SECONDS = 0.05
_MOST_IN_CHUNK = 200
_MAY_BE_SLOWER = 100e-6  # models that take the native runtime less seconds than that
_NAMES = {"tflite": "LiteRT BUILTIN_REF", "tflm": "tflite_micro"}


@dataclass
class Timing:
    """Seconds of single invokes of one model against one runtime.

    `refusal` says why there are none; `equal`, whether all outputs had the native runtime's bytes. `fast` are the
    seconds with `float_mode="fast"`, and `deviation` is that of its outputs.
    """

    native: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    fast: list[float] = field(default_factory=list)
    deviation: float = 0.0
    refusal: str = ""
    equal: bool = True

    @property
    def ratio(self) -> float | None:
        """Native time divided by ours: above 1, microinterp is the faster one."""
        return _ratio(self.native, self.ours)

    @property
    def fast_ratio(self) -> float | None:
        """The same with `float_mode="fast"`."""
        return _ratio(self.native, self.fast)


def time_ours(
    model: NamedModel,
    runtime: RuntimeName,
    inputs: Sequence[Array],
    times: int,
    float_mode: FloatMode = "exact",
) -> tuple[list[float], list[list[Array]]]:
    """Seconds and outputs of some invokes on a new interpreter, inputs set before each as on the native side."""
    interpreter = Interpreter(model_content=model.content, runtime=runtime, float_mode=float_mode)
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
        inputs = random_inputs(model, runtime)
        with_fast = has_float_products(model)
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
            if with_fast:
                seconds, fast_outputs = time_ours(model, runtime, inputs, chunk, "fast")
                timing.fast += seconds[1:]
                timing.deviation = max(timing.deviation, _deviation(fast_outputs, outputs))
    except (OracleError, MicrointerpError) as error:
        timing.refusal = str(error).splitlines()[0]
    return timing


def run(names: Sequence[str], rounds: int, out: Console) -> dict[str, Any]:
    """Measure, print and return the figures of the models of these names; without names, of all there are."""
    runtimes = [name for name in RUNTIME_NAMES if available(name) is None]
    models = open_models(names or [*map(str, model_paths()), *EXAMPLES], ())
    results: dict[str, dict[RuntimeName, Timing]] = {model.name: {} for model in models}
    pairs = [(model, runtime) for model in models for runtime in runtimes]
    for model, runtime in tracked(pairs, lambda pair: f"{pair[0].name}, {pair[1]}"):
        results[model.name][runtime] = measure(model, runtime, rounds)
    out.print(_table(results, runtimes))
    if any(t.fast for timings in results.values() for t in timings.values()):
        out.print(_fast_table(results, runtimes))
    for name, timings in results.items():
        for runtime, timing in timings.items():
            show_refusal(f"{name}, {runtime}", timing.refusal, out)
    return {
        "models": {
            name: {
                runtime: {
                    "native_ms": milliseconds(t.native),
                    "ours_ms": milliseconds(t.ours),
                    "ratio": t.ratio,
                    "same_bytes": t.equal,
                    "fast_ms": milliseconds(t.fast),
                    "fast_ratio": t.fast_ratio,
                    "fast_deviation": t.deviation if t.fast else None,
                    "refusal": t.refusal,
                }
                for runtime, t in timings.items()
            }
            for name, timings in results.items()
        },
        "targets": show_verdicts(_verdicts(results), out),
    }


def _ratio(native: Sequence[float], ours: Sequence[float]) -> float | None:
    return statistics.median(native) / statistics.median(ours) if native and ours else None


def _deviation(fast: Sequence[Sequence[Array]], exact: Sequence[Sequence[Array]]) -> float:
    """The largest |fast − exact| / max|exact| of all outputs."""
    deviation = 0.0
    for fast_outputs, exact_outputs in zip(fast, exact, strict=True):
        for a, b in zip(fast_outputs, exact_outputs, strict=True):
            a64, b64 = a.astype(np.float64), b.astype(np.float64)
            largest = float(np.abs(b64).max(initial=0.0))
            deviation = max(deviation, float(np.abs(a64 - b64).max(initial=0.0)) / (largest or 1.0))
    return deviation


def _table(results: Mapping[str, Mapping[RuntimeName, Timing]], runtimes: Sequence[RuntimeName]) -> Table:
    table = new_table(
        "invoke, ms (median); ratio = native / microinterp, above 1: microinterp is faster",
        "model",
        *(column for r in runtimes for column in (_NAMES[r], "microinterp", "ratio", "same bytes")),
    )
    for name, timings in results.items():
        row = [name]
        for t in timings.values():
            equal = None if t.ratio is None else "yes" if t.equal else "[red]NO[/]"
            row += [
                *cells(milliseconds(t.native), milliseconds(t.ours)),
                *cells(t.ratio, equal, digits=2),
            ]
        table.add_row(*row)
    return table


def _fast_table(
    results: Mapping[str, Mapping[RuntimeName, Timing]], runtimes: Sequence[RuntimeName]
) -> Table:
    table = new_table(
        'float_mode="fast", ms (median); deviation = max |fast − exact| / max |exact|',
        "model",
        *(column for r in runtimes for column in (_NAMES[r], "fast", "ratio", "deviation")),
    )
    for name, timings in results.items():
        if any(t.fast for t in timings.values()):
            row = [name]
            for t in timings.values():
                row += [
                    *cells(milliseconds(t.native), milliseconds(t.fast)),
                    *cells(t.fast_ratio, f"{t.deviation:.1e}" if t.fast else None, digits=2),
                ]
            table.add_row(*row)
    return table


def _verdicts(results: Mapping[str, Mapping[RuntimeName, Timing]]) -> list[Verdict]:
    """What the targets say of those models that they are about."""

    def timings(model_set: str, *runtimes: RuntimeName) -> list[Timing]:
        """Those of the models of a set, against the first of these runtimes that runs the model."""
        found = []
        for name in MODEL_SETS[model_set]:
            there = (results[name][r] for r in runtimes if name in results and r in results[name])
            found += [t for t in there if t.ratio is not None][:1]
        return found

    int8 = timings("int8", "tflite", "tflm")  # LiteRT refuses person_detect
    floats = timings("float32", "tflite")
    verdicts = [
        *mean_verdict("int8 models against LiteRT BUILTIN_REF", [t.ratio for t in int8], 3),
        *mean_verdict("int8 models against tflite_micro", [t.ratio for t in timings("int8", "tflm")], 6),
    ]
    slow = [t.ratio for t in int8 if t.ratio is not None and statistics.median(t.native) > _MAY_BE_SLOWER]
    if slow:
        verdicts.append(Verdict("slowest of the int8 models above 100 µs against the same", min(slow), 1))
    verdicts += mean_verdict("float32 models against LiteRT BUILTIN_REF", [t.ratio for t in floats], 1)
    verdicts += mean_verdict("the same, fast", [t.fast_ratio for t in floats], 5)
    deviations = [t.deviation for t in floats if t.fast]
    if deviations:
        verdicts.append(
            Verdict("the same, deviation in units of 1e-5", max(deviations) / 1e-5, 1, at_most=True)
        )
    for name in MODEL_SETS["large"]:
        ratio = results[name]["tflite"].ratio if "tflite" in results.get(name, {}) else None
        if ratio is not None:
            verdicts.append(Verdict(f"{name} against LiteRT BUILTIN_REF", ratio, 3))
    return verdicts
