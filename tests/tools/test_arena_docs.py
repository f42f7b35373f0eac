"""docs/arena.md is true: its commands print what it shows, its picture is the one they draw."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from microinterp import load
from microinterp.memory import search_best_plan
from microinterp_tools.models import open_model
from tests.shared import SHARED, requires_shared

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "arena.md").read_text("utf-8")


@pytest.mark.skipif(os.name == "nt", reason="the page's commands are for a Unix shell")
def test_every_shell_command_ends_as_its_comment_says(tmp_path: Path) -> None:
    """Those in `console` blocks are tests/test_docs.py's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    lines = "".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)).splitlines()
    assert lines
    for line in lines:
        command, _, comment = line.partition("  # ")
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        assert "".join(done.stdout.splitlines()[-1:]).rstrip() == comment
    assert (tmp_path / "digits.tflite").read_bytes() == open_model("digits").content
    assert "RegisterOps" in (tmp_path / "op_resolver.h").read_text()
    assert (tmp_path / "digits_arena.svg").read_text("utf-8") == (DOCS / "digits_arena.svg").read_text(
        "utf-8"
    )


@requires_shared
def test_what_the_best_plan_saves() -> None:
    assert SHARED is not None
    model = load(SHARED / "models" / "mlperf-tiny" / "vww_96_int8.tflite")
    best = search_best_plan(model, "cortex-m4", "cmsis-nn")
    assert f"from {best.before.min_arena} to {best.after.min_arena} bytes" in TEXT


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "model.tflite").write_bytes(open_model("sine").content)
    monkeypatch.chdir(tmp_path)
    exec(example, {})
