"""Compare with the native runtimes: `python -m benchmarks [SECTION…]`.

Sections: `invoke` (single invokes of every model), `chain` (the cost of an operator), `cold` (a cold process),
`throughput` (data sets). Where the time of one model goes, `python -m benchmarks.profile` says.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.oracles import RUNTIME_NAMES, available

from . import chain, cold, invoke, throughput
from .common import console, write_json


class Section(str, enum.Enum):
    """What can be measured."""

    INVOKE = "invoke"
    CHAIN = "chain"
    COLD = "cold"
    THROUGHPUT = "throughput"


def main(
    sections: Annotated[list[Section] | None, typer.Argument(help="What to measure; default: all.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A path, an example or a real model's name (repeatable).")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often the runtimes take turns.")] = 7,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures to this file.")
    ] = None,
) -> None:
    """Measure microinterp against the native runtimes, in turns, in the same run."""
    out = console()
    if all(available(name) is not None for name in RUNTIME_NAMES):
        out.print("none of the native runtimes is installed: there is nothing to compare with")
        raise typer.Exit(1)
    models = model or []
    figures: dict[str, Any] = {}
    for section in sections or list(Section):
        match section:
            case Section.INVOKE:
                figures["invoke"] = invoke.run(models, rounds, out)
            case Section.CHAIN:
                figures["chain"] = chain.run(rounds, out)
            case Section.COLD:
                figures["cold"] = cold.run(models, rounds, out)
            case Section.THROUGHPUT:
                figures["throughput"] = throughput.run(models, rounds, out)
    write_json(json_file, figures)


if __name__ == "__main__":
    typer.run(main)
