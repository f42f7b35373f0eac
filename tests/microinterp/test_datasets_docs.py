"""docs/datasets.md is true: its examples run, and print what it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microinterp_tools.models import open_model

TEXT = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text("utf-8")
FIRST, *SCRIPTS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SHOWN = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)


def run(script: str, folder: Path) -> str:
    (folder / "script.py").write_text(script, "utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_run_batch(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(open_model("digits").content)
    np.save(tmp_path / "images.npy", np.zeros((1797, 8, 8, 1), np.int8))
    assert run(FIRST + "print(images.shape, scores.shape)", tmp_path) == "(1797, 8, 8, 1) (1797, 10)\n"


def test_run_dataset(tmp_path: Path) -> None:
    """The scripts are one after the other: the later use the imports of the first."""
    pytest.importorskip("distributed", reason='Dask is not installed: pip install "microinterp[dask]"')
    pytest.importorskip("sklearn", reason="the digits are scikit-learn's")
    assert run("\n".join(SCRIPTS), tmp_path) == "".join(SHOWN)
