"""The drop-in for `ai_edge_litert.interpreter.Interpreter` (2.3), with `runtime=` to choose whose bits to give."""

from __future__ import annotations

import enum
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ModelFormatError, PrepareError, StateError, TensorError
from .graph import Graph, PreparedSubgraph
from .model.ir import Array, Model, SignatureDef, TensorType
from .model.reader import read_model
from .ops.node import EndOfRun, Prepare, RuntimeTensor
from .runtimes import FLOAT_MODES, RUNTIMES, FloatMode, RuntimeName

if TYPE_CHECKING:
    from .batch import WorkerPool

# Element types that get_tensor and the detail dicts show as Python objects.
_OBJECT_TYPES = (TensorType.STRING, TensorType.RESOURCE, TensorType.VARIANT)

_HELD_VIEWS = (
    "There is at least 1 reference to internal data in the interpreter in the form of a numpy array or slice. Be sure "
    "to only hold the function returned from tensor() if you are using raw data access."
)


@enum.unique
class OpResolverType(enum.Enum):
    """LiteRT's choices of kernels, taken for compatibility.

    microinterp always gives the results of the reference kernels (`BUILTIN_REF`); `runtime=` chooses whose.
    """

    AUTO = 0
    BUILTIN = 1
    BUILTIN_REF = 2
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3


class _TensorMemory:
    """The base of the arrays that `Interpreter.tensor` hands out: as long as one of them lives, so does this."""

    __slots__ = ("__array_interface__", "__weakref__", "_array")

    def __init__(self, array: Array) -> None:
        self._array = array
        self.__array_interface__ = array.__array_interface__


class SignatureRunner:
    """Runs one signature of a model by the names of its inputs and outputs.

    Made by `Interpreter.get_signature_runner`. Call it with one array per input, by keyword; it resizes the
    inputs to the arrays' shapes, allocates, runs, and returns a dictionary of output arrays by name.
    """

    def __init__(self, interpreter: Interpreter, signature_key: str) -> None:
        if not interpreter:
            raise TensorError("None interpreter provided.")
        if not signature_key:
            raise TensorError("None signature_key provided.")
        signature = interpreter._signatures.get(signature_key)
        if signature is None:
            raise TensorError(
                f'Invalid signature_key provided: "{signature_key}". The model has: '
                f"{', '.join(interpreter._signatures) or 'none'}."
            )
        self._interpreter = interpreter
        self._signature = signature
        self._subgraph_index = signature.subgraph_index

    def __call__(self, **kwargs: Array) -> dict[str, Array]:
        """Run the signature.

        Raises:
            TensorError: a missing, unknown or unfitting input.
        """
        inputs = self._signature.inputs
        if len(kwargs) != len(inputs):
            raise TensorError(
                "Invalid number of inputs provided for running a SignatureDef, "
                f"expected {len(inputs)} vs provided {len(kwargs)}"
            )
        for name, value in kwargs.items():
            if name not in inputs:
                raise TensorError(
                    f"Invalid Input name ({name}) for SignatureDef; it has: {', '.join(inputs)}"
                )
            self._interpreter._resize(
                self._subgraph_index, inputs[name], np.asarray(value).shape, strict=False
            )
        self._interpreter._allocate(self._subgraph_index)
        for name, value in kwargs.items():
            self._interpreter._set_tensor(self._subgraph_index, inputs[name], value)
        self._interpreter._invoke(self._subgraph_index)
        return {
            name: self._interpreter.get_tensor(index, self._subgraph_index)
            for name, index in self._signature.outputs.items()
        }

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        """The detail dict of each input, by name."""
        return self._details(self._signature.inputs)

    def get_output_details(self) -> dict[str, dict[str, Any]]:
        """The detail dict of each output, by name."""
        return self._details(self._signature.outputs)

    def _details(self, names: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        return {
            name: self._interpreter._get_tensor_details(index, self._subgraph_index)
            for name, index in names.items()
        }


class Interpreter:
    """Runs a `.tflite` model with the results of a native runtime, to the bit.

        interpreter = Interpreter(model_path="model.tflite")
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        scores = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    or, in one go, `scores = interpreter(image)`.

    Args:
        model_path: path of the model.
        model_content: the model's bytes; give one of the two.
        experimental_delegates: must be empty; there are none for NumPy.
        num_threads: checked and otherwise ignored: one thread runs a single sample fastest here.
        experimental_op_resolver_type: checked and otherwise ignored; results are those of the reference
        kernels.
        experimental_preserve_all_tensors: give each tensor its own memory, so that every intermediate value
        can be
            read after invoke.
        experimental_disable_delegate_clustering: ignored, there are no delegates; likewise the next four.
        experimental_default_delegate_latest_features: ignored.
        experimental_compress_quantization_zero_points: show one zero point in the details where all are the
        same.
        experimental_disable_delegate_node_fusion: ignored.
        experimental_force_delegate_node_profiling: ignored.
        runtime: whose results to give: `"tflite"` (LiteRT's `BUILTIN_REF`) or `"tflm"` (TFLite Micro's
        reference
            kernels).
        float_mode: `"exact"` gives those results to the last bit; `"fast"` lets BLAS add the products of float32
            CONV_2D and FULLY_CONNECTED in the order that is fastest, so that their last bits differ. See
            docs/operators.md for how much. Integer operators are the same in both.
        custom_ops: your own operators: functions `(node: Node) -> Invocation` by the operator's name, a custom one
            or a builtin one that it is to replace. The example below doubles numbers.

        def prepare_double(node: Node) -> Invocation:
            x, y = node.input(0), node.output(0)
            y.shape = x.shape
            return Invocation(lambda x, y: np.multiply(x, 2, out=y), (x, y))

        interpreter = Interpreter("model.tflite", custom_ops={"Double": prepare_double})

    Raises:
        ModelFormatError: the model is damaged.
        UnsupportedOperatorError: the runtime does not have an operator of the model.
        ValueError: an argument is wrong.
    """

    def __init__(
        self,
        model_path: str | os.PathLike[str] | None = None,
        model_content: bytes | bytearray | memoryview | None = None,
        experimental_delegates: Sequence[object] | None = None,
        num_threads: int | None = None,
        experimental_op_resolver_type: OpResolverType = OpResolverType.AUTO,
        experimental_preserve_all_tensors: bool = False,
        experimental_disable_delegate_clustering: bool = False,
        experimental_default_delegate_latest_features: bool = False,
        experimental_compress_quantization_zero_points: bool = False,
        experimental_disable_delegate_node_fusion: bool = False,
        experimental_force_delegate_node_profiling: bool = False,
        *,
        runtime: RuntimeName = "tflite",
        float_mode: FloatMode = "exact",
        custom_ops: Mapping[str, Prepare] | None = None,
    ) -> None:
        if getattr(experimental_op_resolver_type, "name", None) not in OpResolverType.__members__:
            raise TensorError(f"Unrecognized passed in op resolver type: {experimental_op_resolver_type}")
        if num_threads is not None:
            if not isinstance(num_threads, int):
                raise TensorError("type of num_threads should be int")
            if num_threads < 1:
                raise TensorError("num_threads should >= 1")
        if experimental_delegates:
            raise TensorError(
                "microinterp runs in NumPy and cannot use delegates; leave experimental_delegates empty"
            )
        if runtime not in RUNTIMES:
            raise TensorError(f"runtime {runtime!r} is unknown; choose one of: {', '.join(RUNTIMES)}")
        if float_mode not in FLOAT_MODES:
            raise TensorError(
                f"float_mode {float_mode!r} is unknown; choose one of: {', '.join(FLOAT_MODES)}"
            )
        self._experimental_compress_quantization_zero_points = experimental_compress_quantization_zero_points
        self._model = _load(model_path, model_content)
        self._graph = Graph(
            self._model,
            RUNTIMES[runtime],
            preserve_all_tensors=experimental_preserve_all_tensors,
            float_mode=float_mode,
            custom_ops=custom_ops,
        )
        self._graph.check_operators()
        self._signatures: dict[str, SignatureDef] = {
            s.signature_key: s for s in self._model.signature_defs or () if s.signature_key
        }
        #: What `run_batch` has prepared; it fits the graph as it is allocated.
        self._worker_pool: WorkerPool | None = None
        self._views: weakref.WeakSet[_TensorMemory] = weakref.WeakSet()

    # --- running
    # ---------------------------------------------------------------------------------------------------

    def allocate_tensors(self) -> None:
        """Prepare the operators and give every tensor its memory. Does nothing if nothing changed since.

        Raises:
            PrepareError: an operator refuses its tensors or options.
            StateError: arrays made by `tensor()` are still held.
        """
        self._ensure_safe()
        self._allocate(0)

    def _allocate(self, subgraph: int) -> None:
        if not self._graph.subgraphs[subgraph].is_prepared:
            self._graph.allocate(subgraph)
            self._worker_pool = None

    def resize_tensor_input(self, input_index: int, tensor_size: ArrayLike, strict: bool = False) -> None:
        """Give an input another shape; `allocate_tensors` must be called afterwards.

        Args:
            input_index: the tensor's index.
            tensor_size: the new shape.
            strict: only dimensions that are −1 in the tensor's `shape_signature` may change.

        Raises:
            PrepareError: no such tensor, a negative dimension, or one that `strict` does not allow to change.
            StateError: arrays made by `tensor()` are still held.
        """
        self._ensure_safe()
        self._resize(
            0, input_index, tuple(int(d) for d in np.atleast_1d(np.asarray(tensor_size))), strict=strict
        )

    def _resize(self, subgraph: int, index: int, shape: tuple[int, ...], *, strict: bool) -> None:
        prepared = self._graph.subgraphs[subgraph]
        if not 0 <= index < len(prepared.tensors):
            raise PrepareError(
                f"cannot resize tensor {index}: the subgraph has {len(prepared.tensors)} tensors"
            )
        tensor = prepared.tensors[index]
        if any(d < 0 for d in shape):
            raise PrepareError(f"cannot resize {tensor} to {list(shape)}: a dimension is negative")
        if strict:
            _check_strict(tensor, shape)
        if tensor.constant is None and shape != tensor.shape:
            tensor.shape = shape
            prepared.is_prepared = False

    def invoke(self) -> None:
        """Run the model once.

        Raises:
            InvokeError: an operator refuses the values it was given.
            StateError: `allocate_tensors` has not been called, or arrays made by `tensor()` are still held.
        """
        if self._views:
            self._ensure_safe()
        self._invoke(0)

    def _invoke(self, subgraph: int) -> bool:
        """Run a subgraph; whether no operator has ended the run early."""
        prepared = self._graph.subgraphs[subgraph]
        if not prepared.is_prepared:
            raise StateError("Invoke called on model that is not ready: call allocate_tensors() first.")
        try:
            prepared.invoke()
        except EndOfRun:
            return False
        return True

    def __call__(self, *inputs: ArrayLike) -> Array | tuple[Array, ...]:
        """Run the model on these inputs, in the order of `get_input_details`, and return its output or outputs.

        Allocates, and resizes inputs, as needed. Arrays must have the inputs' element types; plain Python
        numbers and lists are converted to them where no value changes.

        Returns:
            The output array, or a tuple of them if the model has several.

        Raises:
            TensorError: the number, element type or shape of an input does not fit.
        """
        subgraph = self._graph.subgraphs[0]
        if len(inputs) != len(subgraph.inputs):
            raise TensorError(f"the model has {len(subgraph.inputs)} inputs, got {len(inputs)}")
        self._ensure_safe()
        arrays = [_as_input(value, tensor) for value, tensor in zip(inputs, subgraph.inputs, strict=True)]
        for array, tensor in zip(arrays, subgraph.inputs, strict=True):
            self._resize(0, tensor.index, array.shape, strict=False)
        self._allocate(0)
        for array, tensor in zip(arrays, subgraph.inputs, strict=True):
            self._set_tensor(0, tensor.index, array)
        self._invoke(0)
        outputs = tuple(self.get_tensor(tensor.index) for tensor in subgraph.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def run_batch(
        self,
        inputs: Any,
        *,
        batch_size: int | None = None,
        workers: int | None = None,
        progress: bool | Callable[[int, int], object] = False,
    ) -> Any:
        """Run many samples; results are those of as many single invokes, to the bit.

            scores = interpreter.run_batch(images)  # images: [1000, 96, 96, 3], scores: [1000, 2]

        Operators are called once for a whole batch where they treat the samples each by itself, else once per
        sample. A model that keeps state (variables, or state of its operators) sees the samples in their order, on
        one worker, and its state goes on from the last invoke. Afterwards the tensors hold values of any sample.
        Allocates as needed.

        Args:
            inputs: the samples: an array, or a tuple of arrays for several inputs, in the order of
                `get_input_details`, or a dictionary of them by name. With an input of shape [1, 96, 96, 3], n samples
                are an array [n, 96, 96, 3] or [n, 1, 96, 96, 3]: they lie one after the other along the first axis,
                or have an axis of their own. A memory map (or anything with `shape`, `dtype` and slices) is read
                batch by batch.
            batch_size: how many samples run at once; default: a number whose tensors fit into the caches. Memory is
                bounded by it.
            workers: most threads to use; default: one per core. NumPy's BLAS should then have one thread
                (`OPENBLAS_NUM_THREADS=1`).
            progress: show a progress bar on standard error; or a function that is called with the numbers of samples
                done and of all after each batch.

        Returns:
            The results for the output, or a tuple of them if the model has several: an array in the form that the
            first input has, [n · first dimension, …] or [n, *shape]; a list of n arrays where their shapes differ.

        Raises:
            TensorError: the number, element type or shape of an array does not fit.
            InvokeError: an operator refuses the values of a sample; the message says which.
            StateError: arrays made by `tensor()` are still held.
        """
        from .batch import WorkerPool, in_order, progress_bar, run_batch

        self._ensure_safe()
        self._allocate(0)
        pool = self._worker_pool = self._worker_pool or WorkerPool(self._graph)
        values = in_order(inputs, self._graph.subgraphs[0].inputs)
        if progress is True:
            with progress_bar("samples") as show:
                outputs = run_batch(pool, values, batch_size, workers, show)
        else:
            outputs = run_batch(pool, values, batch_size, workers, progress or None)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def reset_all_variables(self) -> None:
        """Set variable tensors (the states of SVDF, LSTM and the like) back to zero.

        Resource variables keep their values, as in LiteRT.
        """
        self._graph.reset_variables()

    # --- tensors
    # ---------------------------------------------------------------------------------------------------

    def set_tensor(self, tensor_index: int, value: ArrayLike) -> None:
        """Copy an array into a tensor; element type and shape must be the tensor's.

        Raises:
            TensorError: they are not, there is no such tensor, or it has no memory yet.
        """
        self._set_tensor(0, tensor_index, value)

    def _set_tensor(self, subgraph: int, index: int, value: ArrayLike) -> None:
        tensor = self._tensor(subgraph, index)
        array = np.asarray(value)
        if tensor.type is TensorType.STRING:
            tensor.store(array)
            return
        if array.dtype != tensor.dtype:
            raise TensorError(
                f"Cannot set tensor: Got value of type {_type_name(array.dtype)} but expected type "
                f"{tensor.type.name} for input {index}, name: {tensor.name}"
            )
        if array.shape != tensor.shape:
            raise TensorError(_shape_mismatch(array.shape, tensor))
        if tensor.constant is not None:
            raise TensorError(f"Cannot set tensor: {tensor} is constant")
        if tensor.array is None or not self._graph.subgraphs[subgraph].is_prepared:
            raise TensorError(
                "Cannot set tensor: Tensor is unallocated. Try calling allocate_tensors() first"
            )
        tensor.store(array)

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> Array:
        """A copy of a tensor's value.

        Intermediate tensors share memory with others: their values are only there to be read after invoke
        under `experimental_preserve_all_tensors`.

        Raises:
            TensorError: there is no such tensor, or it has no memory yet.
        """
        tensor = self._tensor(subgraph_index, tensor_index)
        array = self._memory(subgraph_index, tensor)
        if tensor.type in _OBJECT_TYPES:
            return np.array(
                array if tensor.type is TensorType.STRING else np.full(tensor.shape, None), object
            )
        return array.copy()

    def tensor(self, tensor_index: int) -> Callable[[], Array]:
        """A function that returns a writable view of a tensor's memory, without a copy.

        Hold the function, not the arrays it returns: while one of them (or a slice of it) lives, `invoke`,
        `allocate_tensors` and `resize_tensor_input` raise `StateError`. Views of constant tensors are read-
        only.
        """

        def view() -> Array:
            memory = _TensorMemory(self._memory(0, self._tensor(0, tensor_index)))
            self._views.add(memory)
            return np.asarray(memory)

        return view

    def _tensor(self, subgraph: int, index: int) -> RuntimeTensor:
        subgraphs = self._graph.subgraphs
        if not 0 <= subgraph < len(subgraphs):
            raise TensorError(
                f"Invalid subgraph index {subgraph} exceeds max subgraph index {len(subgraphs)}"
            )
        tensors = subgraphs[subgraph].tensors
        if not 0 <= index < len(tensors):
            raise TensorError(f"Invalid tensor index {index} exceeds max tensor index {len(tensors)}")
        return tensors[index]

    def _memory(self, subgraph: int, tensor: RuntimeTensor) -> Array:
        ready = tensor.constant is not None or self._graph.subgraphs[subgraph].is_prepared
        if tensor.array is None or not ready:
            raise TensorError("Tensor data is null. Run allocate_tensors() first")
        return tensor.array

    def _ensure_safe(self) -> None:
        if self._views:
            raise StateError(_HELD_VIEWS)

    # --- what the model is
    # -----------------------------------------------------------------------------------------

    def get_input_details(self) -> list[dict[str, Any]]:
        """The detail dict of each input of the main subgraph.

        Each has `name`, `index`, `shape` and `shape_signature` (int32 arrays; −1 in the latter: any size),
        `dtype`, `quantization` (scale, zero point of a per-tensor quantization), `quantization_parameters`
        (`scales`, `zero_points`, `quantized_dimension`, `block_size`) and `sparsity_parameters`.
        """
        return [self._get_tensor_details(t.index, 0) for t in self._graph.subgraphs[0].inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """The detail dict of each output of the main subgraph, with the keys of `get_input_details`."""
        return [self._get_tensor_details(t.index, 0) for t in self._graph.subgraphs[0].outputs]

    def get_tensor_details(self, subgraph_index: int = 0) -> list[dict[str, Any]]:
        """The detail dict of each tensor of a subgraph, with the keys of `get_input_details`.

        Raises:
            TensorError: there is no such subgraph.
        """
        if not 0 <= subgraph_index < self.num_subgraphs():
            raise TensorError(
                f"subgraph_index is out of range: {subgraph_index} for the model, which has {self.num_subgraphs()} "
                "subgraphs."
            )
        tensors = self._graph.subgraphs[subgraph_index].tensors
        return [self._get_tensor_details(i, subgraph_index) for i in range(len(tensors))]

    def _get_tensor_details(self, tensor_index: int, subgraph_index: int) -> dict[str, Any]:
        tensor = self._tensor(int(subgraph_index), int(tensor_index))
        signature = tensor.definition.shape_signature
        scales, zero_points = tensor.scales, self._zero_points(tensor)
        quantization = tensor.quantization
        return {
            "name": tensor.name,
            "index": tensor.index,
            "shape": np.array(tensor.shape, np.int32),
            "shape_signature": np.array(signature if signature else tensor.shape, np.int32),
            "dtype": np.object_ if tensor.type in _OBJECT_TYPES else tensor.dtype.type,
            "quantization": (tensor.scale, tensor.zero_point) if scales.size == 1 else (0.0, 0),
            "quantization_parameters": {
                "scales": scales.copy(),
                "zero_points": zero_points,
                "quantized_dimension": quantization.quantized_dimension
                if quantization and scales.size
                else 0,
                "block_size": 0,
            },
            "sparsity_parameters": dict(tensor.definition.sparsity or {}),
        }

    def _zero_points(self, tensor: RuntimeTensor) -> NDArray[np.int32]:
        q = tensor.quantization
        if q is None or q.zero_point is None or not tensor.scales.size:
            return np.zeros(0, np.int32)
        zero_points: NDArray[np.int32] = q.zero_point.astype(np.int32)
        if self._experimental_compress_quantization_zero_points and (zero_points == zero_points[:1]).all():
            return zero_points[:1]
        return zero_points

    def _get_ops_details(self) -> list[dict[str, Any]]:
        """For each operator of the main subgraph: `index`, `op_name`, `inputs`, `outputs`, and their types."""
        return [self._get_op_details(i) for i in range(len(self._graph.subgraphs[0].nodes))]

    def _get_op_details(self, op_index: int) -> dict[str, Any]:
        subgraph: PreparedSubgraph = self._graph.subgraphs[0]
        operator = subgraph.definition.operators[op_index]

        def types(indices: tuple[int, ...]) -> list[type]:
            return [self._get_tensor_details(i, 0)["dtype"] for i in indices if i != -1]

        return {
            "index": int(op_index),
            "op_name": subgraph.nodes[op_index].name,
            "inputs": np.array(operator.inputs, np.int32),
            "outputs": np.array(operator.outputs, np.int32),
            "operand_types": types(operator.inputs),
            "result_types": types(operator.outputs),
        }

    def num_subgraphs(self) -> int:
        """How many subgraphs the model has."""
        return len(self._graph.subgraphs)

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """The names of the inputs and outputs of each signature: `{key: {"inputs": […], "outputs": […]}}`."""
        return {
            key: {"inputs": list(s.inputs), "outputs": list(s.outputs)} for key, s in self._signatures.items()
        }

    def _get_full_signature_list(self) -> dict[str, dict[str, dict[str, int]]]:
        return {
            key: {"inputs": dict(s.inputs), "outputs": dict(s.outputs)} for key, s in self._signatures.items()
        }

    def get_signature_runner(self, signature_key: str | None = None) -> SignatureRunner:
        """A callable that runs a signature by names; the key may be None if the model has just one signature.

        Raises:
            TensorError: there is no such signature, or None is ambiguous.
        """
        if signature_key is None:
            if len(self._signatures) != 1:
                raise TensorError(
                    f"SignatureDef signature_key is None and model has {len(self._signatures)} Signatures. "
                    "None is only allowed when the model has 1 SignatureDef"
                )
            signature_key = next(iter(self._signatures))
        return SignatureRunner(self, signature_key)

    @property
    def experimental_compress_quantization_zero_points(self) -> bool:
        """The constructor's argument of that name."""
        return self._experimental_compress_quantization_zero_points

    def _native_handle(self) -> int:
        raise StateError("microinterp is written in Python: there is no native interpreter to point to")


def _load(path: str | os.PathLike[str] | None, content: bytes | bytearray | memoryview | None) -> Model:
    if path and content:
        raise TensorError("Can't both provide `model_path` and `model_content`")
    if content:
        return read_model(content)
    if not path:
        raise TensorError("`model_path` or `model_content` must be specified.")
    try:
        with open(path, "rb") as file:
            return read_model(file.read())
    except OSError as error:
        raise ModelFormatError(f"Could not open '{os.fspath(path)}': {error.strerror}") from error


def _as_input(value: ArrayLike, tensor: RuntimeTensor) -> NDArray[Any]:
    """An array as it is; Python numbers and lists as the tensor's element type, if that keeps every value."""
    array = np.asarray(value)
    if isinstance(value, np.ndarray | np.generic) or tensor.type is TensorType.STRING:
        return array
    converted: NDArray[Any] = array.astype(tensor.dtype)
    if tensor.dtype.kind != "f" and not np.array_equal(converted, array):
        raise TensorError(f"{tensor}: the values given do not fit its element type; quantize them first")
    return converted


def _type_name(dtype: np.dtype[Any]) -> str:
    name = "STRING" if dtype.kind in "OSU" else dtype.name.upper()
    return name if name in TensorType.__members__ else dtype.name


def _shape_mismatch(shape: tuple[int, ...], tensor: RuntimeTensor) -> str:
    if len(shape) != len(tensor.shape):
        return (
            f"Cannot set tensor: Dimension mismatch. Got {len(shape)} but expected {len(tensor.shape)} for input "
            f"{tensor.index}."
        )
    i, (got, expected) = next(
        (i, d) for i, d in enumerate(zip(shape, tensor.shape, strict=True)) if d[0] != d[1]
    )
    return (
        f"Cannot set tensor: Dimension mismatch. Got {got} but expected {expected} for dimension {i} of input "
        f"{tensor.index}."
    )


def _check_strict(tensor: RuntimeTensor, shape: tuple[int, ...]) -> None:
    if len(shape) != len(tensor.shape):
        raise PrepareError(
            f"cannot resize {tensor} to {list(shape)}: strict resizing keeps the number of dimensions"
        )
    signature = tensor.definition.shape_signature or tensor.shape
    for i, (old, new, allowed) in enumerate(zip(tensor.shape, shape, signature, strict=True)):
        if old != new and allowed != -1:
            raise PrepareError(
                f"Attempting to resize dimension {i} of tensor {tensor.index} with value {old} to {new}. "
                "ResizeInputTensorStrict only allows mutating unknown dimensions identified by -1."
            )


def load_delegate(library: str, options: Mapping[str, str] | None = None) -> NoReturn:
    """LiteRT's `load_delegate`, which cannot work here.

    Raises:
        TensorError: always; LiteRT raises ValueError where a delegate cannot be loaded.
    """
    del options
    raise TensorError(
        f"Failed to load delegate from {library}: microinterp runs in NumPy and cannot use delegates"
    )
