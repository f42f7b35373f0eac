"""Write the table of operators and what each takes into docs/operators.md, from what the tests compare.

python scripts/list_operators.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # run as a script
    sys.path.insert(0, str(ROOT))

from microinterp.model.ir import TensorType  # noqa: E402
from microinterp.ops.registry import implemented_operators  # noqa: E402
from microinterp.runtimes import RUNTIMES, Runtime  # noqa: E402
from tests.problems import Generator, all_generators  # noqa: E402

DOCUMENT = ROOT / "docs" / "operators.md"
BEGIN, END = "<!-- table: scripts/list_operators.py -->\n", "<!-- end of table -->\n"


def cell(generator: Generator | None, runtime: Runtime) -> str:
    """The kinds of an operator that a runtime has, which are all compared with the native runtime; "–" for none."""
    kinds = [_in_words(kind) for kind in generator.kinds[runtime.name]] if generator is not None else []
    return ("; " if any("," in kind for kind in kinds) else ", ").join(kinds) or "–"


def _in_words(kind: str) -> str:
    """`float32, int8 weights` for `FLOAT32, INT8 weights`."""
    return re.sub(
        r"\w+", lambda word: word[0].lower() if word[0] in TensorType.__members__ else word[0], kind
    )


def table() -> str:
    """The table in Markdown."""
    generators = {generator.operator: generator for generator in all_generators()}
    rows = ['| operator | `runtime="tflite"` | `runtime="tflm"` |', "|---|---|---|"]
    for operator in sorted(implemented_operators(), key=lambda name: (not name.isupper(), name)):
        cells = [cell(generators.get(operator), runtime) for runtime in RUNTIMES.values()]
        rows.append(f"| {operator} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def document(text: str) -> str:
    """The document with the table brought up to date."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
