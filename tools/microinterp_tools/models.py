"""What MODEL means on the command line: a path, or the name of a built-in example."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

EXAMPLES = {
    "digits": "handwritten digits, 8×8 pixels, int8: convolutions, pooling, softmax",
    "sine": "sin(x), int8: three fully connected layers",
    "sine-float": "sin(x), float32",
}


@dataclass(frozen=True)
class NamedModel:
    """A model's bytes, the name it goes by, and for a built-in example its samples (`input`, `label`)."""

    name: str
    content: bytes
    samples: tuple[dict[str, Any], ...] = ()


def open_model(model: str) -> NamedModel:
    """Read a model.

    Raises:
        FileNotFoundError: there is neither such a file nor such an example; the message says what there is.
        OSError: the file cannot be read.
    """
    path = Path(model)
    if model in EXAMPLES and not path.exists():
        folder = files("microinterp_tools") / "examples"
        samples = json.loads((folder / f"{model}.samples.json").read_text("utf-8"))
        return NamedModel(model, (folder / f"{model}.tflite").read_bytes(), tuple(samples))
    if not path.exists():
        raise FileNotFoundError(
            f"no file {model!r}, and no built-in example of that name; examples: {', '.join(EXAMPLES)}"
        )
    return NamedModel(path.name, path.read_bytes())
