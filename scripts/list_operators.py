"""Write the table of operators and element types into docs/operators.md, from what the code itself accepts.

python scripts/list_operators.py
"""

from __future__ import annotations

from pathlib import Path

from microinterp.model.ir import TensorType as T
from microinterp.ops.registry import implemented_operators
from microinterp.runtimes import RUNTIMES, Runtime

DOCUMENT = Path(__file__).parents[1] / "docs" / "operators.md"
BEGIN, END = "<!-- table: scripts/list_operators.py -->\n", "<!-- end of table -->\n"

# What is no list of element types in `Runtime`, in words.
_IN_WORDS = {
    "SVDF": (
        "float32, float32 with int8 weights, int8 with int16 state",
        "float32, int8 with int16 or int8 state",
    ),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (
        "float32 (peephole, projection, layer norm, CIFG), float32 with int8 weights, int8",
        "float32, int8, int16",
    ),
    "VAR_HANDLE": ("any", "any"),
    "READ_VARIABLE": ("any", "any"),
    "ASSIGN_VARIABLE": ("any", "any"),
    "CALL_ONCE": ("–", "–"),
    "IF": ("any", "any"),
    "WHILE": ("any", "any"),
    "STABLEHLO_CASE": ("any", "–"),
    "STABLEHLO_COMPOSITE": ("any", "–"),
    "SignalRfft": ("–", "int16, int32, float32"),
}
_SIGNAL = "fixed by the operator"


def types(some: tuple[T, ...]) -> str:
    """`int8, int16`."""
    return "any" if len(some) > 18 else ", ".join(t.name.lower() for t in some)


def pairs(some: dict[T, tuple[T, ...]], joint: str) -> str:
    """`int8 → uint8 or int16`."""
    return "; ".join(
        f"{x.name.lower()} {joint} {' or '.join(t.name.lower() for t in ys)}" for x, ys in some.items()
    )


def cell(runtime: Runtime, operator: str) -> str:
    """The element types of an operator in a runtime."""
    if operator in runtime.filter_types:
        return pairs(dict(runtime.filter_types[operator]), "×")
    if operator == "QUANTIZE":
        return pairs(dict(runtime.quantized_types), "→")
    if operator in runtime.element_types:
        return types(runtime.element_types[operator])
    if operator in _IN_WORDS:
        return _IN_WORDS[operator][0 if runtime.name == "tflite" else 1]
    assert operator.startswith("Signal"), operator
    return _SIGNAL if runtime.name == "tflm" else "–"


def table() -> str:
    """The table in Markdown."""
    rows = ['| operator | `runtime="tflite"` | `runtime="tflm"` |', "|---|---|---|"]
    for operator in sorted(implemented_operators(), key=lambda name: (not name.isupper(), name)):
        rows.append(f"| {operator} | {' | '.join(cell(r, operator) for r in RUNTIMES.values())} |")
    return "\n".join(rows) + "\n"


def document(text: str) -> str:
    """The document with the table brought up to date."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
