"""A NumPy interpreter for `.tflite` models, bit-exact with TensorFlow Lite and TFLite Micro."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    ArenaError,
    InvokeError,
    MicrointerpError,
    ModelFormatError,
    PrepareError,
    StateError,
    TensorError,
    TensorIndexError,
    UnsupportedOperatorError,
)
from .interpreter import Interpreter, OpResolverType, SignatureRunner, load_delegate
from .model import load
from .model.ir import Model
from .ops.node import Invocation, Node

if TYPE_CHECKING:
    from .memory import estimate_arena

__version__ = "0.1.0"

__all__ = [
    "ArenaError",
    "Interpreter",
    "Invocation",
    "InvokeError",
    "MicrointerpError",
    "Model",
    "ModelFormatError",
    "Node",
    "OpResolverType",
    "PrepareError",
    "SignatureRunner",
    "StateError",
    "TensorError",
    "TensorIndexError",
    "UnsupportedOperatorError",
    "__version__",
    "estimate_arena",
    "load",
    "load_delegate",
]


def __getattr__(name: str) -> Any:
    """`estimate_arena` loads its tables when it is asked for, so that running a model starts quickly."""
    if name == "estimate_arena":
        from .memory import estimate_arena

        return estimate_arena
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
