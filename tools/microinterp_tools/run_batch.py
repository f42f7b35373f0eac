"""`microinterp run --batch`: run all samples of a data set and sum up what the model says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from microinterp import Interpreter
from microinterp.runtimes import FloatMode, RuntimeName

from .inputs import InputError, LazySamples, load_samples, sample_values
from .models import NamedModel

_MOST_CLASSES = 10


@dataclass
class BatchRun:
    """What came out of all samples. `outputs` are arrays (or lists of them) by name; `labels` those of an example."""

    model: NamedModel
    runtime: RuntimeName
    inputs: list[LazySamples]
    outputs: dict[str, Any]
    labels: list[Any]
    samples: int
    seconds: float

    @property
    def right(self) -> int | None:
        """How many samples have their largest score where their label is; None without labels and scores."""
        scores = next(iter(self.outputs.values()))
        if not self.labels or not _are_scores(scores):
            return None
        return int((scores.reshape(len(scores), -1).argmax(axis=1) == np.array(self.labels)).sum())


def run_batch(
    model: NamedModel,
    runtime: RuntimeName,
    float_mode: FloatMode,
    arguments: Sequence[str],
    batch_size: int | None,
    workers: int | None,
) -> BatchRun:
    """Run every sample in the files that `arguments` name, or all samples of a built-in example.

    Raises:
        InputError: a file cannot be read or does not fit, or an input has none.
        MicrointerpError: the model is damaged, not supported, or fails.
    """
    interpreter = Interpreter(model_content=model.content, runtime=runtime, float_mode=float_mode)
    details = interpreter.get_input_details()
    labels: list[Any] = []
    if arguments or not model.samples:
        inputs = load_samples(details, arguments)
    else:
        values = np.concatenate([sample_values(sample, details[0]) for sample in model.samples])
        inputs = [LazySamples(details[0], values, f"the {len(values)} samples of {model.name}")]
        labels = [sample["label"] for sample in model.samples]
    interpreter.allocate_tensors()
    started = perf_counter()
    outputs = interpreter.run_batch(tuple(inputs), batch_size=batch_size, workers=workers, progress=True)
    seconds = perf_counter() - started
    results = outputs if isinstance(outputs, tuple) else (outputs,)
    names = [_name(d, i) for i, d in enumerate(interpreter.get_output_details())]
    shape = tuple(int(n) for n in details[0]["shape"])
    has_axis = len(inputs[0].shape) > len(shape)
    samples = inputs[0].shape[0] // (1 if has_axis or not shape else shape[0])
    return BatchRun(model, runtime, inputs, dict(zip(names, results, strict=True)), labels, samples, seconds)


def _name(detail: dict[str, Any], position: int) -> str:
    return str(detail["name"]) or f"output_{position}"


def as_json(run: BatchRun) -> dict[str, Any]:
    """The result as `--json` prints it, with all values."""
    return {
        "model": run.model.name,
        "runtime": run.runtime,
        "inputs": [
            {"name": i.name, "source": i.source, "shape": list(i.shape), "notes": i.notes} for i in run.inputs
        ],
        "samples": run.samples,
        "seconds": round(run.seconds, 6),
        "samples_per_second": round(run.samples / run.seconds, 3),
        "outputs": [
            {"name": name, "dtype": _dtype(values), "values": values} for name, values in run.outputs.items()
        ],
        "labels": run.labels or None,
        "right": run.right,
    }


def _dtype(values: Any) -> str:
    first = values[0] if isinstance(values, list) else values
    return str(np.asarray(first).dtype)


def show(run: BatchRun, console: Console) -> None:
    """Print the result for people."""
    for given in run.inputs:
        console.print(f"input [bold]{escape(given.name)}[/]: {list(given.shape)} from {escape(given.source)}")
        for note in given.notes:
            console.print(f"  note: {note}")
    for name, values in run.outputs.items():
        if isinstance(values, list):
            console.print(f"output [bold]{escape(name)}[/]: {len(values)} arrays of different shapes")
            continue
        console.print(f"output [bold]{escape(name)}[/]: {values.dtype}{list(values.shape)}")
        if _are_scores(values):
            _show_classes(values, console)
    if run.right is not None:
        console.print(f"right: {run.right} of {run.samples}")
    console.print(
        f"{escape(run.model.name)}, runtime {run.runtime}: {run.samples} samples in {run.seconds:.3f} s, "
        f"{run.samples / run.seconds:,.0f} per second"
    )


def _are_scores(values: Any) -> bool:
    """Whether there are several numbers per sample, of which one may be the largest."""
    return isinstance(values, np.ndarray) and values.dtype.kind in "iuf" and 0 < len(values) < values.size


def _show_classes(values: NDArray[Any], console: Console) -> None:
    """How often each position has the largest value."""
    counts = np.bincount(values.reshape(len(values), -1).argmax(axis=1))
    table = Table(box=None, show_header=False, padding=(0, 1))
    order = np.argsort(-counts, kind="stable")
    for position in order[:_MOST_CLASSES].tolist():
        if counts[position]:
            bar = "█" * round(24 * counts[position] / counts.max())
            table.add_row(str(position), f"largest in {counts[position]}", bar)
    console.print(table)
    more = int((counts[order[_MOST_CLASSES:]] > 0).sum())
    if more:
        console.print(f"  … and {more} more positions")


def check_output(path: str) -> None:
    """Refuse a file that outputs cannot be saved to, before anything is computed.

    Raises:
        InputError: it is neither `.npy` nor `.npz`, or in a folder that does not exist.
    """
    if Path(path).suffix not in (".npy", ".npz"):
        raise InputError(f"{path}: outputs are saved as .npz, a single one also as .npy")
    if not Path(path).parent.is_dir():
        raise InputError(f"there is no folder {str(Path(path).parent)!r}")


def save(run: BatchRun, path: str) -> None:
    """Write the outputs: one as `.npy`, any number as `.npz`, by name.

    Raises:
        InputError: there are several outputs for a `.npy`, or their shapes differ from sample to sample.
        OSError: the file cannot be written.
    """
    if any(isinstance(values, list) for values in run.outputs.values()):
        raise InputError(f"{path}: outputs of different shapes cannot be saved; use --json")
    if path.endswith(".npz"):
        np.savez(path, **run.outputs)
    elif len(run.outputs) == 1:
        np.save(path, next(iter(run.outputs.values())))
    else:
        raise InputError(f"{path}: {len(run.outputs)} outputs need a .npz file")
