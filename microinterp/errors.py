"""Every error that microinterp raises on purpose.

    MicrointerpError
    ├── ModelFormatError (ValueError)            the file is damaged, truncated or not a .tflite model
    ├── UnsupportedOperatorError (ValueError)    no such operator, or version of it, in this runtime
    ├── PrepareError (RuntimeError)              an operator refuses its tensors or options
    ├── InvokeError (RuntimeError)               an operator refuses the values it was given
    ├── TensorError (ValueError)                 a wrong argument: tensor index, name, shape, element type, …
    ├── TensorIndexError (IndexError)            an index out of range where TFLM's API raises IndexError
    ├── StateError (RuntimeError)                called too early, or while views of tensors are held
    └── ArenaError (RuntimeError)                the arena is too small, or a memory plan is not valid

Where LiteRT's Python API raises ValueError or RuntimeError, the error here is a subclass of the same.
"""


class MicrointerpError(Exception):
    """Base of all errors that microinterp raises on purpose."""


class ModelFormatError(MicrointerpError, ValueError):
    """The bytes are not a valid `.tflite` model: what is wrong, and where."""


class UnsupportedOperatorError(MicrointerpError, ValueError):
    """The chosen runtime does not have this operator, or not this version of it."""


class PrepareError(MicrointerpError, RuntimeError):
    """An operator cannot work with the tensors or options that the model gives it."""


class InvokeError(MicrointerpError, RuntimeError):
    """An operator cannot work with the values it was given at invoke."""


class TensorError(MicrointerpError, ValueError):
    """An argument is wrong: a tensor's index, name, shape or element type, or an option."""


class TensorIndexError(MicrointerpError, IndexError):
    """An index of an input, output or tensor is out of range."""


class StateError(MicrointerpError, RuntimeError):
    """A method was called in the wrong state of the interpreter."""


class ArenaError(MicrointerpError, RuntimeError):
    """The arena is too small, or a memory plan does not fit the model."""
