"""What the documents show is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.list_operators import DOCUMENT, document
from tests.problems import all_generators
from tests.tools.command import Command
from tests.tools.conftest import command as command  # noqa: PLC0414 - the fixture

ROOT = Path(__file__).parents[1]


def test_the_table_of_operators_is_up_to_date() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert document(text) == text, "run: python scripts/list_operators.py"


def shown_commands() -> list[tuple[str, str]]:
    """Each `$ microinterp …` of the documents, with the output shown below it."""
    shown = []
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"```console\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                line, _, output = part.partition("\n")
                if line.startswith("microinterp "):
                    shown.append((line, output))
    return shown


def without_times(text: str) -> list[str]:
    """The lines, without trailing spaces and with measured times blanked."""
    text = re.sub(r"\d+\.\d+ (ms|s)\b", "# \\1", text)
    text = re.sub(r"[\d,]+ per second", "# per second", text)
    return [line.rstrip() for line in text.strip("\n").splitlines()]


@pytest.mark.parametrize(("line", "output"), shown_commands())
def test_a_command_prints_what_is_shown(
    command: Command, line: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    actual = without_times(command(*line.split()[1:]).out)
    expected = without_times(output)
    if expected and expected[-1] == "…":  # the document shows the beginning
        actual, expected = actual[: len(expected) - 1], expected[:-1]
    assert actual == expected


def test_the_conformance_run_knows_every_row_and_explains_every_difference() -> None:
    text = (ROOT / "docs" / "conformance.md").read_text("utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    listed = {(row[0].removeprefix("| "), row[1], row[2]) for row in rows}
    wanted = {(g.operator, kind, r) for g in all_generators() for r in g.kinds for kind in g.kinds[r]}
    assert listed == wanted, "run: python -m benchmarks.conformance"
    assert "unexplained" not in text
