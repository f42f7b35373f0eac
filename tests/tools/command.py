"""The command as a user calls it, without a process for each call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Result:
    """Exit code, standard output and standard error."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]
