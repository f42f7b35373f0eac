from __future__ import annotations

import json
from pathlib import Path

from microinterp.model.ir import TensorType as T
from tests.graphs import Graph, Step, graph_model
from tests.single_op import TensorSpec
from tests.tools.command import Command


def test_inspect_counts_multiply_accumulates(command: Command) -> None:
    described = json.loads(command("inspect", "sine", "--json").out)
    (subgraph,) = described["subgraphs"]
    assert [o["multiply_accumulates"] for o in subgraph["operators"]] == [16, 256, 16]
    assert described["multiply_accumulates"] == 288
    assert "288 multiply-accumulates" in command("inspect", "sine").out


def test_inspect_lists_all_that_a_runtime_refuses(command: Command, tmp_path: Path) -> None:
    """A type that TFLM's ADD lacks, an operator that it lacks, and a SOFTMAX between them that is fine."""
    spec, wide = TensorSpec((1, 4), T.FLOAT32), TensorSpec((1, 4), T.INT64)
    model = graph_model(
        Graph(
            {"x": spec, "w": wide, "sum": wide, "soft": spec, "power": spec},
            ("x", "w"),
            ("sum", "power"),
            [
                Step("ADD", ("w", "w"), ("sum",)),
                Step("SOFTMAX", ("x",), ("soft",), {"beta": 1.0}),
                Step("POW", ("soft", "x"), ("power",)),
            ],
        )
    )
    (tmp_path / "model.tflite").write_bytes(model)
    result = command("inspect", str(tmp_path / "model.tflite"), "--runtime", "tflm")
    assert result.code == 1
    lines = [line for line in result.out.splitlines() if line.startswith("- ")]
    assert len(lines) == 2
    assert "operator 0 (ADD v1)" in lines[0]
    assert "INT64" in lines[0]
    assert "supported: FLOAT32" in lines[0]
    assert "operator 2 (POW v1)" in lines[1]
    refusals = json.loads(
        command("inspect", str(tmp_path / "model.tflite"), "--runtime", "tflm", "--json").out
    )
    assert len(refusals["refusals"]) == 2


def test_inspect_says_that_a_runtime_can_run_a_model(command: Command) -> None:
    result = command("inspect", "digits", "--runtime", "tflm")
    assert result.code == 0
    assert "the runtime tflm can run the model" in result.out
    assert command("inspect", "digits", "--runtime", "other").code == 2
