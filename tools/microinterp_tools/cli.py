"""The `microinterp` command: what its verbs take; what they do is in the module of the verb's name.

Exit code 0: done; 1: the job failed; 2: wrong usage.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from microinterp import load
from microinterp.errors import ArenaError, MicrointerpError
from microinterp.memory.targets import TARGETS
from microinterp.runtimes import FLOAT_MODES, RUNTIMES, FloatMode, RuntimeName

from .c_array import CArrayError
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
    float_mode: Annotated[
        str, typer.Option(help="exact, or fast: float32 products added in any order, for other last bits.")
    ] = "exact",
    seed: Annotated[int, typer.Option(help="Seed of random inputs.")] = 0,
    sample: Annotated[int | None, typer.Option(help="Which sample of a built-in example.")] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="Run all samples that the input files (.npy, .npz) hold.")
    ] = False,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="With --batch: how many samples run at once.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --batch: most threads; default: one per core.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="FILE", help="With --batch: save the outputs, as .npz or .npy.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run a model once, or on all samples of a data set, and show its outputs."""
    named, whose, mode = _open(model), _runtime(runtime), _float_mode(float_mode)
    if batch:
        if sample is not None:
            raise typer.BadParameter("--sample chooses one sample, --batch runs all of them")
        _run_batch(named, whose, mode, input or [], batch_size, workers, output, json)
        return
    if batch_size or workers or output:
        raise typer.BadParameter("--batch-size, --workers and --output need --batch")
    from .run import as_json, run_model, show

    result = run_model(named, whose, mode, input or [], seed, sample)
    if json:
        print_json(as_json(result))
    else:
        show(result, console())


def _run_batch(
    model: NamedModel,
    runtime: RuntimeName,
    float_mode: FloatMode,
    files: list[str],
    batch_size: int | None,
    workers: int | None,
    output: str | None,
    json: bool,
) -> None:
    from .run_batch import as_json, check_output, run_batch, save, show

    if output is not None:
        check_output(output)
    result = run_batch(model, runtime, float_mode, files, batch_size, workers)
    if output is not None:
        save(result, output)
    if json:
        print_json(as_json(result))
    else:
        show(result, console())
        if output is not None:
            console().print(f"wrote {output}", markup=False, soft_wrap=True)


@app.command()
def inspect(
    model: ModelArgument,
    runtime: Annotated[
        str | None,
        typer.Option(help="tflite or tflm: list all that keeps it from running the model, and exit with 1."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what a model is made of, and which runtimes can run it."""
    from .inspect import describe, show

    description = describe(_open(model), None if runtime is None else _runtime(runtime))
    if json:
        print_json(description)
    else:
        show(description, console())
    if description.get("refusals"):
        raise typer.Exit(1)


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
    from microinterp.memory.arena import find_build

    from . import arena as sizing
    from .arena_svg import draw_svg

    targets = target or ["cortex-m4"]
    for name in targets:
        try:
            find_build(name, kernels or sizing.default_kernels(name))
        except ArenaError as error:
            raise typer.BadParameter(str(error), param_hint="--target, --kernels") from error
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
        described = [sizing.as_json(result, arena_size) for result in results]
        print_json(described[0] if len(described) == 1 else described)
    elif len(results) == 1:
        sizing.show(results[0], out)
    else:
        sizing.show_comparison(results, out)
    written = []
    if svg is not None:
        svg.write_text(draw_svg(results[0].report, results[0].model.name), "utf-8")
        written.append(svg)
    if write_offline_plan is not None:
        sizing.write_offline_plan(results[0], write_offline_plan)
        written.append(write_offline_plan)
    if written and not json:
        out.print(f"wrote {' and '.join(map(str, written))}", soft_wrap=True, markup=False)
    if arena_size is not None:
        if not json:
            for result in results:
                sizing.show_verdict(result, arena_size, out)
        if not all(sizing.fits(result, arena_size) for result in results):
            raise typer.Exit(1)


@app.command()
def resolver(
    models: Annotated[list[str], typer.Argument(metavar="MODEL…", help="Paths, or built-in examples.")],
    json: JsonOption = False,
) -> None:
    """Print the MicroMutableOpResolver code that TFLite Micro needs for these models.

    Operators that TFLite Micro lacks are named, and the exit code is 1.
    """
    from .resolver import as_json, describe_missing, missing, resolver_code, resolver_entries

    entries = resolver_entries([_open(model) for model in models])
    if json:
        print_json(as_json(entries))
    else:
        print(resolver_code(entries), end="")
    if missing(entries):
        print_error(describe_missing(entries))
        raise typer.Exit(1)


@app.command()
def cc(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write them.")] = Path(),
) -> None:
    """Write a model as a C++ array aligned to 16 bytes: NAME_model_data.h and NAME_model_data.cc.

    Files that it wrote earlier are replaced; any others are left alone, and the exit code is 1.
    """
    from .c_array import write_c_array

    named = _open(model)
    load(named.content)  # a firmware image is a bad place to find out that a model is damaged
    for path in write_c_array(named.name, named.content, out):
        print(path)


@app.command()
def uncc(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A C or C++ file.")],
    out: Annotated[
        Path | None,
        typer.Argument(metavar="[OUT.tflite]", help="Default: the file's name with .tflite, here."),
    ] = None,
) -> None:
    """Read a model back from a C array, as xxd -i, TFLite Micro and `microinterp cc` write it.

    A file that is there and holds something else is left alone, and the exit code is 1.
    """
    from .c_array import read_c_array, write_model_file

    try:
        data = read_c_array(file.read_text("utf-8", "replace"))
    except OSError as error:
        raise typer.BadParameter(f"cannot read {str(file)!r}: {error.strerror}", param_hint="FILE") from error
    except CArrayError as error:
        raise CArrayError(f"{file}: {error}") from error
    path = out or Path(file.with_suffix(".tflite").name)
    write_model_file(data, path)
    print(f"{path}: {len(data)} bytes")


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


def _float_mode(name: str) -> FloatMode:
    for known in FLOAT_MODES:
        if name == known:
            return known
    raise typer.BadParameter(f"{name!r} is not one of: {', '.join(FLOAT_MODES)}", param_hint="--float-mode")


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except BrokenPipeError:  # the reader of a pipe has gone; say nothing more, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(1) from None
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        raise SystemExit(1) from None
    except (MicrointerpError, InputError, CArrayError) as error:
        print_error(str(error))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
