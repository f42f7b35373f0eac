from __future__ import annotations

import json

from tests.tools.command import Command


def test_inspect_counts_multiply_accumulates(command: Command) -> None:
    described = json.loads(command("inspect", "sine", "--json").out)
    (subgraph,) = described["subgraphs"]
    assert [o["multiply_accumulates"] for o in subgraph["operators"]] == [16, 256, 16]
    assert described["multiply_accumulates"] == 288
    assert "288 multiply-accumulates" in command("inspect", "sine").out
