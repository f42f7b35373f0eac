"""The `microinterp` command: what its verbs take; what they do is in the module of the verb's name.

Exit code 0: done; 1: the job failed; 2: wrong usage.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from microinterp.errors import MicrointerpError
from microinterp.memory.targets import TARGETS
from microinterp.runtimes import RUNTIMES, RuntimeName

from .console import console, print_error, print_json
from .inputs import InputError
from .models import EXAMPLES, NamedModel, open_model

app = typer.Typer(
    help="Run and inspect .tflite models, with the bits of TensorFlow Lite and TFLite Micro.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_EXAMPLE_NAMES = ", ".join(EXAMPLES)
ModelArgument = Annotated[
    str,
    typer.Argument(metavar="MODEL", help=f"Path of a .tflite file, or a built-in example: {_EXAMPLE_NAMES}."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def run(
    model: ModelArgument,
    input: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="An input: .npy, .npz, .png, .bmp, .wav or raw bytes. Inputs not given are random.",
        ),
    ] = None,
    runtime: Annotated[str, typer.Option(help="Whose results to give: tflite or tflm.")] = "tflite",
    seed: Annotated[int, typer.Option(help="Seed of random inputs.")] = 0,
    sample: Annotated[int | None, typer.Option(help="Which sample of a built-in example.")] = None,
    json: JsonOption = False,
) -> None:
    """Run a model once and show its outputs."""
    from .run import as_json, run_model, show

    result = run_model(_open(model), _runtime(runtime), input or [], seed, sample)
    if json:
        print_json(as_json(result))
    else:
        show(result, console())


@app.command()
def inspect(model: ModelArgument, json: JsonOption = False) -> None:
    """Show what a model is made of, and which runtimes can run it."""
    from .inspect import describe, show

    description = describe(_open(model))
    if json:
        print_json(description)
    else:
        show(description, console())


@app.command()
def arena(
    models: Annotated[list[str], typer.Argument(metavar="MODEL…", help="Paths, or built-in examples.")],
    target: Annotated[
        list[str] | None, typer.Option(help=f"Where it shall run (repeatable): {', '.join(TARGETS)}.")
    ] = None,
    kernels: Annotated[
        str | None, typer.Option(help="reference or cmsis-nn; default: cmsis-nn on Cortex-M.")
    ] = None,
    arena_size: Annotated[
        int | None, typer.Option(min=0, help="Exit with 1 if a model does not fit into this many bytes.")
    ] = None,
    plan: Annotated[
        str, typer.Option(help="greedy: TFLM's plan; best: search for a smaller one.")
    ] = "greedy",
    write_offline_plan: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the model with the best plan embedded.")
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the plan.")] = None,
    json: JsonOption = False,
) -> None:
    """Say how large tensor_arena must be, to the byte."""
    from . import arena as sizing
    from .arena_svg import draw_svg

    targets = target or ["cortex-m4"]
    if plan not in ("greedy", "best"):
        raise typer.BadParameter(f"{plan!r} is neither greedy nor best", param_hint="--plan")
    if (svg or write_offline_plan) and len(models) * len(targets) != 1:
        raise typer.BadParameter("--svg and --write-offline-plan take one model and one target")
    search = plan == "best" or write_offline_plan is not None
    results = [
        sizing.size_arena(named, t, kernels, search=search) for named in map(_open, models) for t in targets
    ]
    out = console()
    if json:
        described = [sizing.as_json(result) for result in results]
        print_json(described[0] if len(described) == 1 else described)
    elif len(results) == 1:
        sizing.show(results[0], out)
    else:
        sizing.show_comparison(results, out)
    if svg is not None:
        svg.write_text(draw_svg(results[0].report, results[0].model.name), "utf-8")
    if write_offline_plan is not None:
        sizing.write_offline_plan(results[0], write_offline_plan)
    if arena_size is not None:
        verdicts = [sizing.fits(result, arena_size, None if json else out) for result in results]
        if not all(verdicts):
            raise typer.Exit(1)


def _open(model: str) -> NamedModel:
    try:
        return open_model(model)
    except OSError as error:
        reason = (
            str(error) if isinstance(error, FileNotFoundError) else f"cannot read {model!r}: {error.strerror}"
        )
        raise typer.BadParameter(reason, param_hint="MODEL") from error


def _runtime(name: str) -> RuntimeName:
    for known in RUNTIMES:
        if name == known:
            return known
    raise typer.BadParameter(f"{name!r} is not one of: {', '.join(RUNTIMES)}", param_hint="--runtime")


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except (MicrointerpError, InputError) as error:
        print_error(str(error))
        raise SystemExit(1) from None
    except BrokenPipeError:  # the reader of a pipe has gone; say nothing more, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
