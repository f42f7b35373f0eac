from __future__ import annotations

import sys

import pytest

from microinterp_tools.cli import main
from tests.tools.command import Command, Result


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Call `microinterp` with these arguments."""

    def call(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["microinterp", *arguments])
        try:
            main()
            code = 0
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 1 if exit_.code else 0
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call
