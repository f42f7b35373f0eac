"""The material beside the repository (real models, recordings) that some tests need.

A plain clone does not have it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[2] / "shared"
SHARED: Path | None = _FOLDER if (_FOLDER / "models").is_dir() else None

requires_shared = pytest.mark.skipif(
    SHARED is None,
    reason=f"needs real models and recordings, which are not in the repository: no {_FOLDER}",
)


def model_paths() -> list[Path]:
    """All real models, sorted; none in a plain clone."""
    return sorted(SHARED.glob("models/*/*.tflite")) if SHARED else []
