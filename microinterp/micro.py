"""The drop-in for `tflite_micro.runtime`: TFLite Micro's interpreter with its results, to the bit."""

from __future__ import annotations

import enum
import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .errors import ArenaError, StateError, TensorError, TensorIndexError
from .interpreter import Interpreter as _Interpreter
from .ops.node import RuntimeTensor

if TYPE_CHECKING:
    from .memory.arena import ArenaReport


# TfLiteStatus
_OK, _ABORT = 0, 15

# The recording allocator's sections in the order in which TFLM prints them: title, what it counts.
_SECTIONS = {
    "TfLiteEvalTensorData": ("TfLiteEvalTensor data", "allocations"),
    "PersistentTfLiteTensorData": ("Persistent TfLiteTensor data", "tensors"),
    "PersistentTfLiteTensorQuantizationData": ("Persistent TfLiteTensor quantization data", "allocations"),
    "PersistentBufferData": ("Persistent buffer data", "allocations"),
    "TfLiteTensorVariableBufferData": ("TfLiteTensor variable buffer data", "allocations"),
    "NodeAndRegistrationArray": ("NodeAndRegistration struct", "NodeAndRegistration structs"),
}


class InterpreterConfig(enum.Enum):
    """What the interpreter keeps: the arena as TFLM plans it, or every tensor's value (then `GetTensor` works)."""

    kAllocationRecording = 0  # noqa: N815 - TFLM's name
    kPreserveAllTensors = 1  # noqa: N815 - TFLM's name


class Interpreter:
    """Runs a `.tflite` model as TFLite Micro does.

    Args:
        model_data: the model's bytes.
        custom_op_registerers: names of C++ functions in the original; only checked here, since microinterp
        finds
            the custom operators it knows by itself.
        arena_size: size of the tensor arena in bytes; None for ten times the model's size, as in the
        original.
        intrepreter_config: see `InterpreterConfig` (spelled as in the original).
        alt_decompression_memory_size: accepted for compatibility.

    Raises:
        ValueError: an argument is wrong.
        ModelFormatError: the model is damaged.
        UnsupportedOperatorError, PrepareError: an operator is not supported, or refuses its tensors.
        ArenaError: the model needs a larger arena.
    """

    def __init__(
        self,
        model_data: bytes | bytearray,
        custom_op_registerers: list[str],
        arena_size: int | None,
        intrepreter_config: InterpreterConfig = InterpreterConfig.kAllocationRecording,
        alt_decompression_memory_size: int = 0,
    ) -> None:
        del alt_decompression_memory_size
        if model_data is None:
            raise TensorError("Model must not be None")
        if not isinstance(custom_op_registerers, list) or not all(
            isinstance(s, str) for s in custom_op_registerers
        ):
            raise TensorError("Custom ops registerers must be a list of strings")
        self._preserves = intrepreter_config is InterpreterConfig.kPreserveAllTensors
        self._interpreter = _Interpreter(
            model_content=model_data, runtime="tflm", experimental_preserve_all_tensors=self._preserves
        )
        self._interpreter.allocate_tensors()
        if arena_size is not None:
            needed = self._arena().recording_total
            if needed > arena_size:
                raise ArenaError(f"the model needs {needed} bytes of arena, but arena_size is {arena_size}")

    @classmethod
    def from_file(
        cls,
        model_path: str | os.PathLike[str],
        custom_op_registerers: list[str] | None = None,
        arena_size: int | None = None,
        intrepreter_config: InterpreterConfig = InterpreterConfig.kAllocationRecording,
        alt_decompression_memory_size: int = 0,
    ) -> Interpreter:
        """An interpreter of the model in a file; the arguments are those of the class."""
        if model_path is None or not os.path.isfile(model_path):
            raise TensorError("Invalid model file path")
        with open(model_path, "rb") as file:
            data = file.read()
        return cls.from_bytes(
            data, custom_op_registerers, arena_size, intrepreter_config, alt_decompression_memory_size
        )

    @classmethod
    def from_bytes(
        cls,
        model_data: bytes | bytearray,
        custom_op_registerers: list[str] | None = None,
        arena_size: int | None = None,
        intrepreter_config: InterpreterConfig = InterpreterConfig.kAllocationRecording,
        alt_decompression_memory_size: int = 0,
    ) -> Interpreter:
        """An interpreter of the model in a bytes object; the arguments are those of the class."""
        return cls(
            model_data,
            [] if custom_op_registerers is None else custom_op_registerers,
            arena_size,
            intrepreter_config,
            alt_decompression_memory_size,
        )

    def _arena(self) -> ArenaReport:
        """The arena as the tflite_micro wheel accounts for it."""
        from .memory.arena import estimate_arena
        from .memory.wheel import WHEEL_KERNELS, WHEEL_TARGET

        return estimate_arena(self._interpreter._model, WHEEL_TARGET, WHEEL_KERNELS)

    def print_allocations(self) -> None:
        """Print to standard error, line for line, what TFLM's recording allocator prints."""
        report = self._arena()
        prefix = "[RecordingMicroAllocator]"
        sizes = {
            "total": report.recording_total,
            "head": report.head,
            "tail": report.recording_total - report.head,
        }
        for part, size in sizes.items():
            print(f"{prefix} Arena allocation {part} {size} bytes", file=sys.stderr)
        for name, (title, unit) in _SECTIONS.items():
            section = report.sections[name]
            if section.count:
                print(
                    f"{prefix} '{title}' used {section.used} bytes with alignment overhead "
                    f"(requested {section.requested} bytes for {section.count} {unit})",
                    file=sys.stderr,
                )

    def invoke(self) -> int:
        """Run the model once.

        Returns:
            0, TFLM's kTfLiteOk, or 15, kTfLiteAbort: an operator (CIRCULAR_BUFFER) has ended the run before all
            others had run.

        Raises:
            InvokeError: an operator refuses the values it was given.
        """
        return _OK if self._interpreter._invoke(0) else _ABORT

    def reset(self) -> int:
        """Set all state back: variable tensors to zero, and what operators keep, as right after loading.

        Returns:
            0, TFLM's kTfLiteOk.
        """
        self._interpreter._graph.reset()
        return 0

    def set_input(self, input_data: ArrayLike, index: int) -> None:
        """Copy an array into the index-th input; element type and shape must be the input's.

        Raises:
            TensorError: they are not, or there is no such input.
        """
        if input_data is None:
            raise TensorError("Input data must not be None")
        tensor = self._at(self._interpreter._graph.subgraphs[0].inputs, index)
        self._interpreter.set_tensor(tensor.index, input_data)

    def get_output(self, index: int) -> Any:
        """A copy of the index-th output.

        Raises:
            TensorError: there is no such output.
        """
        return self._interpreter.get_tensor(
            self._at(self._interpreter._graph.subgraphs[0].outputs, index).index
        )

    def GetTensor(self, tensor_index: int, subgraph_index: int) -> dict[str, Any]:  # noqa: N802 - TFLM's name
        """`dtype`, `shape` and `tensor_data` (a copy) of any tensor; needs `kPreserveAllTensors`.

        Raises:
            StateError: the interpreter does not preserve all tensors.
            TensorIndexError: there is no such tensor.
        """
        if not self._preserves:
            raise StateError(
                "TFLM only supports GetTensor() when using a python interpreter with the "
                "InterpreterConfig.kPreserveAllTensors interpreter_config"
            )
        try:
            data = self._interpreter.get_tensor(tensor_index, subgraph_index)
        except TensorError as error:
            raise TensorIndexError(str(error)) from error
        return {"dtype": data.dtype.type, "shape": np.array(data.shape, np.int32), "tensor_data": data}

    def get_input_details(self, index: int) -> dict[str, Any]:
        """`shape`, `dtype` and `quantization_parameters` of the index-th input."""
        return self._details(self._at(self._interpreter._graph.subgraphs[0].inputs, index))

    def get_output_details(self, index: int) -> dict[str, Any]:
        """`shape`, `dtype` and `quantization_parameters` of the index-th output."""
        return self._details(self._at(self._interpreter._graph.subgraphs[0].outputs, index))

    def _details(self, tensor: RuntimeTensor) -> dict[str, Any]:
        details = self._interpreter._get_tensor_details(tensor.index, 0)
        quantization = details["quantization_parameters"]
        return {
            "dtype": details["dtype"],
            "shape": details["shape"],
            "quantization_parameters": {
                key: quantization[key] for key in ("scales", "zero_points", "quantized_dimension")
            },
        }

    @staticmethod
    def _at(tensors: list[RuntimeTensor], index: int) -> RuntimeTensor:
        if index is None or index < 0:
            raise TensorError("Index must be a non-negative integer")
        if index >= len(tensors):
            raise TensorIndexError(
                f"Tensor is out of bound, please check tensor index: {index} of {len(tensors)} tensors."
            )
        return tensors[index]
