"""What the measurements share: named sets of models, targets, progress, files."""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from microinterp import Interpreter, load
from microinterp.model.ir import TensorType
from microinterp.multiply_accumulates import operator_multiply_accumulates
from microinterp.runtimes import RuntimeName
from microinterp_tools.inputs import random_values
from microinterp_tools.models import NamedModel, open_model
from tests.shared import model_paths

Array = NDArray[Any]
Item = TypeVar("Item")

_WIDTH = 160  # of what is written into a pipe

#: The sets of models that have targets of their own.
MODEL_SETS: Mapping[str, tuple[str, ...]] = {
    "int8": (
        "ad01_int8.tflite",
        "kws_ref_model.tflite",
        "pretrainedResnet_quant.tflite",
        "str_ww_ref_model.tflite",
        "vww_96_int8.tflite",
        "micro_speech_quantized.tflite",
        "person_detect.tflite",
    ),
    "float32": (
        "ad01_fp32.tflite",
        "kws_ref_model_float32.tflite",
        "pretrainedResnet.tflite",
        "vww_96_float.tflite",
    ),
    "large": ("mobilenet_v1_0.25_128_quant.tflite", "movenet_single_pose_lightning_ptq.tflite"),
}


@dataclass(frozen=True)
class Verdict:
    """A figure and what it should be: at least `bound`, or at most."""

    what: str
    value: float
    bound: float
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the figure is as it should be."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def __str__(self) -> str:
        sign, answer = "≤" if self.at_most else "≥", "met" if self.is_met else "NOT MET"
        return f"{self.what}: {self.value:.2f} (target {sign} {self.bound:g}): {answer}"


def mean_verdict(what: str, ratios: Iterable[float | None], least: float) -> list[Verdict]:
    """The verdict on the geometric mean of those ratios that were measured; none where none was."""
    measured = [r for r in ratios if r is not None]
    if not measured:
        return []
    count = f"{len(measured)} model{'s' if len(measured) > 1 else ''}"
    return [Verdict(f"{what}, geometric mean of {count}", geometric_mean(measured), least)]


def geometric_mean(ratios: Sequence[float]) -> float:
    """The n-th root of the product; NaN of nothing."""
    return math.exp(statistics.fmean(map(math.log, ratios))) if ratios else math.nan


def open_models(names: Sequence[str], default_sets: Sequence[str]) -> list[NamedModel]:
    """The models of these names or paths; without any, all real models of these sets that there are."""
    paths = {path.name: path for path in model_paths()}
    if names:
        return [open_model(str(paths.get(name, name))) for name in names]
    return [open_model(str(paths[n])) for s in default_sets for n in MODEL_SETS[s] if n in paths]


def has_float_products(model: NamedModel) -> bool:
    """Whether the model has products of float32 inputs, so that the order of sums may matter."""
    definition = load(model.content)
    return any(
        operator_multiply_accumulates(definition, subgraph, operator) > 0
        and subgraph.tensors[operator.inputs[0]].type == TensorType.FLOAT32
        for subgraph in definition.subgraphs
        for operator in subgraph.operators
    )


def random_inputs(model: NamedModel, runtime: RuntimeName) -> list[Array]:
    """One array per input of the model, the same in each run."""
    random = np.random.default_rng(0)
    details = Interpreter(model_content=model.content, runtime=runtime).get_input_details()
    return [random_values(d, random) for d in details]


def milliseconds(seconds: Sequence[float]) -> float | None:
    """The median of times, None of none."""
    return statistics.median(seconds) * 1e3 if seconds else None


def cells(*values: float | str | None, digits: int = 3) -> list[str]:
    """Numbers as a table shows them; – for what there is not."""
    return ["–" if v is None else v if isinstance(v, str) else f"{v:.{digits}f}" for v in values]


def new_table(title: str, *columns: str, left: Sequence[str] = ()) -> Table:
    """A table whose columns are aligned to the right, but for the first and those in `left`."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 or column in left else "right")
    return table


def console() -> Console:
    """Where tables go to; piped, it has a fixed width."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def tracked(items: Sequence[Item], describe: Callable[[Item], str]) -> Iterator[Item]:
    """The items, with a progress bar on standard error that says which one is at work."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    errors = Console(stderr=True)
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("", total=len(items))
        for item in items:
            progress.update(task, description=describe(item))
            yield item
            progress.advance(task)


def write_json(path: Path | None, figures: Any) -> None:
    """Write figures to a file, if one is wanted."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")


def show_refusal(what: str, refusal: str, out: Console) -> None:
    """Say why something has not been compared, if it has not."""
    if refusal:
        out.print(f"{what}: not compared: {refusal}", markup=False, soft_wrap=True)


def show_verdicts(verdicts: Sequence[Verdict], out: Console) -> list[dict[str, Any]]:
    """Print verdicts, and return them as plain data."""
    for verdict in verdicts:
        out.print(str(verdict), style=None if verdict.is_met else "red", soft_wrap=True)
    return [{**asdict(v), "is_met": v.is_met} for v in verdicts]
