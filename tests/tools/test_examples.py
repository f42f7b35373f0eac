"""The built-in examples are what their script makes, to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest

import scripts.make_examples as maker


def test_the_script_makes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(
        "sklearn", reason="scikit-learn, whose digits are learnt from, is only in the extra dev"
    )
    shipped = {path.name: path.read_bytes() for path in maker.OUT.iterdir()}
    monkeypatch.setattr(maker, "OUT", tmp_path)
    maker.make_sine()
    maker.make_digits()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == shipped
