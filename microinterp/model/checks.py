"""Whether a model makes sense as a whole: indices, sizes, order of execution."""

from __future__ import annotations

from .ir import Model


def check_model(model: Model) -> None:
    """Raise `Damage` unless the model is sound."""
