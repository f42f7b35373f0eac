"""`.tflite` bytes ⇄ an immutable `Model`."""

from __future__ import annotations

import os

from .ir import Model
from .reader import read_model
from .writer import write_model

__all__ = ["Model", "load", "read_model", "write_model"]


def load(model: str | os.PathLike[str] | bytes | bytearray | memoryview) -> Model:
    """The model in a `.tflite` file, given its path or its bytes.

    Raises `FileNotFoundError` if there is no such file, `ModelFormatError` if it is not a sound model.
    """
    if isinstance(model, (str, os.PathLike)):
        with open(model, "rb") as file:
            return read_model(file.read())
    return read_model(model)
