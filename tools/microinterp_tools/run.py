"""`microinterp run`: run a model once and show what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from microinterp import Interpreter
from microinterp.runtimes import FloatMode, RuntimeName

from .inputs import InputError, ModelInput, load_inputs, sample_values
from .models import NamedModel

_SHADES = " ░▒▓█"
_MOST_SCORES = 10
_MOST_VALUES = 16


@dataclass
class Run:
    """What came out of one invoke. Times are in milliseconds."""

    model: NamedModel
    runtime: RuntimeName
    float_mode: FloatMode
    inputs: list[ModelInput]
    outputs: list[dict[str, Any]]
    label: Any
    load_ms: float
    allocate_ms: float
    invoke_ms: float


def run_model(
    model: NamedModel,
    runtime: RuntimeName,
    float_mode: FloatMode,
    arguments: Sequence[str],
    seed: int,
    sample: int | None,
) -> Run:
    """Load, allocate, set the inputs, invoke.

    Raises:
        InputError: an input cannot be read or does not fit, or there is no such sample.
        MicrointerpError: the model is damaged, not supported, or fails.
    """
    started = perf_counter()
    interpreter = Interpreter(model_content=model.content, runtime=runtime, float_mode=float_mode)
    loaded = perf_counter()
    details = interpreter.get_input_details()
    label = None
    if arguments or not model.samples:
        if sample is not None:
            raise InputError("--sample chooses a sample of a built-in example; it does not go with --input")
        inputs = load_inputs(details, arguments, seed)
    else:
        inputs, label = [_sample_input(model, details[0], sample or 0)], model.samples[sample or 0]["label"]
    prepared = perf_counter()
    for detail, given in zip(details, inputs, strict=True):
        if given.array.shape != tuple(detail["shape"]):
            interpreter.resize_tensor_input(detail["index"], given.array.shape)
            given.notes.append(f"input resized to {list(given.array.shape)}")
    interpreter.allocate_tensors()
    allocated = perf_counter()
    for detail, given in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], given.array)
    ready = perf_counter()
    interpreter.invoke()
    done = perf_counter()
    return Run(
        model,
        runtime,
        float_mode,
        inputs,
        [_output(interpreter, detail) for detail in interpreter.get_output_details()],
        label,
        (loaded - started) * 1e3,
        (allocated - prepared) * 1e3,
        (done - ready) * 1e3,
    )


def _sample_input(model: NamedModel, detail: dict[str, Any], sample: int) -> ModelInput:
    if not 0 <= sample < len(model.samples):
        raise InputError(f"{model.name} has samples 0 to {len(model.samples) - 1}, not {sample}")
    array = sample_values(model.samples[sample], detail)
    return ModelInput(detail["name"], array, f"sample {sample} of {len(model.samples)}")


def _output(interpreter: Interpreter, detail: dict[str, Any]) -> dict[str, Any]:
    values = interpreter.get_tensor(detail["index"])
    scale, zero_point = detail["quantization"]
    quantized = values.dtype.kind in "iu" and scale != 0
    return {
        "name": detail["name"],
        "index": detail["index"],
        "dtype": values.dtype.name,
        "shape": list(values.shape),
        "values": values,
        "real_values": (values.astype(np.float64) - zero_point) * scale if quantized else None,
    }


def as_json(run: Run) -> dict[str, Any]:
    """The result as `--json` prints it."""
    return {
        "model": run.model.name,
        "runtime": run.runtime,
        "float_mode": run.float_mode,
        "inputs": [
            {
                "name": i.name,
                "source": i.source,
                "dtype": i.array.dtype.name,
                "shape": list(i.array.shape),
                "notes": i.notes,
            }
            for i in run.inputs
        ],
        "outputs": run.outputs,
        "label": run.label,
        "timing_ms": {
            "load": round(run.load_ms, 3),
            "allocate": round(run.allocate_ms, 3),
            "invoke": round(run.invoke_ms, 3),
        },
    }


def show(run: Run, console: Console) -> None:
    """Print the result for people."""
    for given in run.inputs:
        console.print(
            f"input [bold]{_escape(given.name)}[/]: {given.array.dtype.name}{list(given.array.shape)} from "
            f"{_escape(given.source)}"
        )
        for note in given.notes:
            console.print(f"  note: {note}")
    if run.model.samples and run.label is not None:
        _show_picture(run.inputs[0].array, console)
    for output in run.outputs:
        _show_output(output, run.label, console)
    console.print(
        f"{_escape(run.model.name)}, runtime {run.runtime}: load {run.load_ms:.1f} ms, allocate "
        f"{run.allocate_ms:.1f} ms, invoke {run.invoke_ms:.3f} ms"
    )


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _show_picture(array: NDArray[Any], console: Console) -> None:
    """A small grey image in block characters; nothing for anything else."""
    if array.ndim != 4 or array.shape[3] != 1:
        return
    image = array[0, :, :, 0].astype(np.float64)
    level = (image - image.min()) / max(float(np.ptp(image)), 1e-9)
    console.print()
    for row in np.rint(level * (len(_SHADES) - 1)).astype(int):
        console.print(Text("  " + "".join(_SHADES[v] * 2 for v in row)))
    console.print()


def _show_output(output: dict[str, Any], label: Any, console: Console) -> None:
    values: NDArray[Any] = output["values"]
    real: NDArray[Any] = values if output["real_values"] is None else output["real_values"]
    console.print(f"output [bold]{_escape(output['name'])}[/]: {output['dtype']}{output['shape']}")
    if values.ndim == 2 and len(values) == 1 and values.size > 1 and values.dtype.kind in "iuf":
        _show_scores(values[0], real[0], label, console)
        return
    flat = [_number(v) for v in real.ravel()[:_MOST_VALUES].tolist()]
    more = f" … {real.size - _MOST_VALUES} more" if real.size > _MOST_VALUES else ""
    expected = f"   (expected {label})" if label is not None else ""
    console.print(f"  {' '.join(flat)}{more}{expected}")


def _show_scores(values: NDArray[Any], real: NDArray[Any], label: Any, console: Console) -> None:
    """The largest values of a vector, with a bar each where they are scores."""
    order = np.argsort(-real.astype(np.float64), kind="stable")[:_MOST_SCORES]
    span = max(float(np.abs(real[order]).max()), 1e-9)
    table = Table(box=None, show_header=False, padding=(0, 1))
    for i in order.tolist():
        bar = "█" * round(24 * max(float(real[i]), 0.0) / span)
        expected = "← expected" if label is not None and i == label else ""
        stored = f"({values[i]})" if real.dtype != values.dtype else ""
        table.add_row(str(i), _number(real[i].item()), stored, bar, expected)
    console.print(table)
    if len(values) > _MOST_SCORES:
        console.print(f"  … and {len(values) - _MOST_SCORES} smaller")


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
