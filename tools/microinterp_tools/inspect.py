"""`microinterp inspect`: what a model is made of, and which runtimes can run it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from microinterp import MicrointerpError, load
from microinterp.graph import Graph
from microinterp.model.ir import Model, Operator, OperatorCode, Quantization, Subgraph, Tensor, TensorType
from microinterp.multiply_accumulates import model_multiply_accumulates, operator_multiply_accumulates
from microinterp.operator_support import native_support
from microinterp.ops.registry import implemented_operators
from microinterp.runtimes import RUNTIMES, RuntimeName

from .models import NamedModel


def describe(named: NamedModel, runtime: RuntimeName | None = None) -> dict[str, Any]:
    """Everything about a model as plain data, the way `--json` prints it.

    With a runtime there are `refusals` as well: everything that keeps it from running the model.

    Raises:
        ModelFormatError: the model is damaged.
    """
    model = load(named.content)
    return {
        "model": named.name,
        "file_size": len(named.content),
        "schema_version": model.version,
        "description": model.description,
        "constant_bytes": sum(b.size for b in model.buffers if b is not None),
        "multiply_accumulates": model_multiply_accumulates(model),
        "operators_used": _operators_used(model),
        "signatures": [
            {
                "key": s.signature_key,
                "subgraph": s.subgraph_index,
                "inputs": dict(s.inputs),
                "outputs": dict(s.outputs),
            }
            for s in model.signature_defs or ()
        ],
        "metadata": [
            {"name": m.name, "buffer": m.buffer, "size": _buffer_size(model, m.buffer)}
            for m in model.metadata or ()
        ],
        "subgraphs": [_subgraph(model, i, s) for i, s in enumerate(model.subgraphs)],
        **({} if runtime is None else {"runtime": runtime, "refusals": find_refusals(model, runtime)}),
    }


def find_refusals(model: Model, runtime: RuntimeName) -> list[str]:
    """Everything that keeps a runtime from running the model: operators, versions, element types, shapes, …."""
    try:
        graph = Graph(model, RUNTIMES[runtime])
        refusals = graph.find_refusals()
        if not refusals:
            graph.allocate()
    except MicrointerpError as error:
        return [str(error)]
    return refusals


def _operators_used(model: Model) -> list[dict[str, Any]]:
    """Each operator and version once, with how often it is there and who supports it."""
    counts: dict[tuple[str, int], int] = {}
    for subgraph in model.subgraphs:
        for operator in subgraph.operators:
            code = model.operator_code(operator)
            counts[code.name, code.version] = counts.get((code.name, code.version), 0) + 1
    return [
        {"operator": name, "version": version, "count": count, **_support(name, version)}
        for (name, version), count in sorted(counts.items())
    ]


def _support(name: str, version: int) -> dict[str, Any]:
    native = native_support(name)
    return {
        **{r.name: native is not None and r.supports(native, version) for r in RUNTIMES.values()},
        "microinterp": name in implemented_operators(),
    }


def _subgraph(model: Model, index: int, subgraph: Subgraph) -> dict[str, Any]:
    return {
        "index": index,
        "name": subgraph.name,
        "inputs": list(subgraph.inputs),
        "outputs": list(subgraph.outputs),
        "operators": [_operator(model, subgraph, i, o) for i, o in enumerate(subgraph.operators)],
        "tensors": [_tensor(model, i, t) for i, t in enumerate(subgraph.tensors)],
    }


def _operator(model: Model, subgraph: Subgraph, index: int, operator: Operator) -> dict[str, Any]:
    code: OperatorCode = model.operator_code(operator)
    return {
        "index": index,
        "operator": code.name,
        "version": code.version,
        "inputs": list(operator.inputs),
        "outputs": list(operator.outputs),
        "intermediates": list(operator.intermediates or ()),
        "options": dict(operator.options),
        "custom_options_size": len(operator.custom_options or b""),
        "multiply_accumulates": operator_multiply_accumulates(model, subgraph, operator),
    }


def _tensor(model: Model, index: int, tensor: Tensor) -> dict[str, Any]:
    return {
        "index": index,
        "name": tensor.name,
        "type": tensor.type.name if isinstance(tensor.type, TensorType) else tensor.type,
        "shape": list(tensor.shape or ()),
        "shape_signature": None if tensor.shape_signature is None else list(tensor.shape_signature),
        "buffer": tensor.buffer,
        "constant_bytes": _buffer_size(model, tensor.buffer),
        "is_variable": tensor.is_variable,
        "quantization": _quantization(tensor.quantization),
        "sparse": tensor.sparsity is not None,
    }


def _quantization(q: Quantization | None) -> dict[str, Any] | None:
    if q is None or (q.scale is None and q.details is None):
        return None
    return {
        "scale": q.scale,
        "zero_point": q.zero_point,
        "quantized_dimension": q.quantized_dimension,
        "details": None if q.details is None else q.details[0],
    }


def _buffer_size(model: Model, buffer: int) -> int:
    data = model.buffers[buffer]
    return 0 if data is None else data.size


def show(description: Mapping[str, Any], console: Console) -> None:
    """Print the description for people."""
    d = description
    console.print(
        f"[bold]{escape(d['model'])}[/]: {d['file_size']} bytes, of which {d['constant_bytes']} of constants; "
        f"{d['multiply_accumulates']:,} multiply-accumulates"
    )
    if d["description"]:
        console.print(f"description: {escape(d['description'])}")
    for signature in d["signatures"]:
        names = f"({', '.join(signature['inputs'])}) → ({', '.join(signature['outputs'])})"
        console.print(f"signature {escape(str(signature['key']))}: {escape(names)}")
    for entry in d["metadata"]:
        console.print(f"metadata {escape(str(entry['name']))}: {entry['size']} bytes")
    table = _table("operator", "version", "count", "tflite", "tflm", "microinterp")
    for used in d["operators_used"]:
        marks = ["yes" if used[who] else "[red]no[/]" for who in ("tflite", "tflm", "microinterp")]
        table.add_row(escape(used["operator"]), str(used["version"]), str(used["count"]), *marks)
    console.print()
    console.print(table)
    for subgraph in d["subgraphs"]:
        _show_subgraph(subgraph, console)
    if "runtime" in d:
        _show_refusals(d["runtime"], d["refusals"], console)


def _show_refusals(runtime: str, refusals: list[str], console: Console) -> None:
    if not refusals:
        console.print(f"\nthe runtime {runtime} can run the model")
        return
    console.print(f"\n[red]the runtime {runtime} cannot run the model:[/]")
    for refusal in refusals:
        console.print(f"- {escape(refusal)}", soft_wrap=True)


def _show_subgraph(subgraph: Mapping[str, Any], console: Console) -> None:
    name = f" {escape(subgraph['name'])}" if subgraph["name"] else ""
    console.print(
        f"\n[bold]subgraph {subgraph['index']}[/]{name}: inputs {subgraph['inputs']}, outputs {subgraph['outputs']}"
    )
    operators = _table("#", "operator", "inputs → outputs", "options")
    for o in subgraph["operators"]:
        options = ", ".join(f"{key}={_short(value)}" for key, value in o["options"].items())
        arrow = f"{_indices(o['inputs'])} → {_indices(o['outputs'])}"
        operators.add_row(str(o["index"]), escape(f"{o['operator']} v{o['version']}"), arrow, escape(options))
    console.print(operators)
    tensors = _table("#", "tensor", "type", "shape", "bytes", "quantization")
    for t in subgraph["tensors"]:
        kind = "variable" if t["is_variable"] else str(t["constant_bytes"] or "")
        tensors.add_row(
            str(t["index"]),
            escape(t["name"] or ""),
            str(t["type"]).lower(),
            "×".join(str(n) for n in t["shape_signature"] or t["shape"]) or "scalar",
            kind,
            _quantization_text(t["quantization"]),
        )
    console.print(tensors)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(
            column, overflow="fold", justify="right" if column in ("#", "bytes", "count") else "left"
        )
    return table


def _indices(indices: list[int]) -> str:
    return " ".join("–" if i < 0 else str(i) for i in indices) or "nothing"


def _short(value: Any) -> str:
    text = str(getattr(value, "name", value))
    return text if len(text) <= 60 else text[:57] + "…"


def _quantization_text(q: Mapping[str, Any] | None) -> str:
    if q is None:
        return ""
    if q["details"] is not None:
        return str(q["details"])
    scales = np.asarray(q["scale"])
    zero_points = np.zeros(0, np.int64) if q["zero_point"] is None else np.asarray(q["zero_point"])
    if scales.size == 1 and zero_points.size <= 1:
        return f"{scales[0]:.6g} · (q − {zero_points[0] if zero_points.size else 0})"
    if scales.size == 0:
        return ""
    return f"{scales.size} scales along dimension {q['quantized_dimension']}, {scales.min():.3g} … {scales.max():.3g}"
