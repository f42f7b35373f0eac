"""A NumPy interpreter for `.tflite` models, bit-exact with TensorFlow Lite and TFLite Micro."""

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

__version__ = "0.1.0"

__all__ = [
    "ArenaError",
    "Interpreter",
    "InvokeError",
    "MicrointerpError",
    "Model",
    "ModelFormatError",
    "OpResolverType",
    "PrepareError",
    "SignatureRunner",
    "StateError",
    "TensorError",
    "TensorIndexError",
    "UnsupportedOperatorError",
    "__version__",
    "load",
    "load_delegate",
]
