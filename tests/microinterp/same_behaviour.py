"""Whether a façade returns and raises what the original does: the same actions on both, the original's in a process."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.oracles import RuntimeName, available

Action = Callable[[Any], Any]

_NATIVE = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.microinterp.same_behaviour import print_outcomes
print_outcomes(*sys.argv[2:])
"""


def outcome(subject: Any, action: Action) -> str:
    """What an action returns, or the builtin exception that callers would catch."""
    try:
        return f"returns {action(subject)!r}"
    except Exception as error:
        return next(
            c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins" and c is not Exception
        )


def print_outcomes(test_module: str, original_module: str, original: str) -> None:
    """Do the `ACTIONS` of a test module on the original."""
    subject = getattr(importlib.import_module(original_module), original)
    print(json.dumps([outcome(subject, action) for action in importlib.import_module(test_module).ACTIONS]))


def assert_same_behaviour(
    runtime: RuntimeName, ours: Any, actions: Sequence[Action], original_module: str, original: str
) -> None:
    """Do the actions on ours and on the original; skips where the original is not installed."""
    missing = available(runtime)
    if missing is not None:
        pytest.skip(missing)
    arguments = [str(Path(__file__).parents[2]), actions[0].__module__, original_module, original]
    process = subprocess.run(
        [sys.executable, "-c", _NATIVE, *arguments], capture_output=True, text=True, check=True, timeout=120
    )
    native = json.loads(process.stdout.splitlines()[-1])
    for number, (action, expected) in enumerate(zip(actions, native, strict=True)):
        assert outcome(ours, action) == expected, f"action {number}"
