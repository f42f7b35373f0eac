"""Tensor lifetimes, memory planners and their plans, and the size of TFLM's arena."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arena import ArenaReport, estimate_arena
    from .best import BestPlan, search_best_plan
    from .targets import TARGETS, Target

__all__ = ["TARGETS", "ArenaReport", "BestPlan", "Target", "estimate_arena", "search_best_plan"]

_HOMES = {
    "arena": ("ArenaReport", "estimate_arena"),
    "best": ("BestPlan", "search_best_plan"),
    "targets": ("TARGETS", "Target"),
}


def __getattr__(name: str) -> Any:
    """Load the arena's accounting when it is asked for: the interpreter needs only the planner."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
