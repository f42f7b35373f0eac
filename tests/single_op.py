"""Models of one operator, and the judge of ours against the native runtime's results on them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from microinterp import Interpreter
from microinterp.errors import InvokeError, MicrointerpError, ModelFormatError
from microinterp.model.ir import (
    NUMPY_TYPES,
    Model,
    Operator,
    OperatorCode,
    Quantization,
    Subgraph,
    Tensor,
    TensorType,
)
from microinterp.model.reader import read_model
from microinterp.model.schema import default_options, operator_code, options_table
from microinterp.model.writer import write_model
from microinterp.operator_support import native_support
from tests.oracles import OracleRefused, RuntimeName, available, run_oracle

Array = NDArray[Any]

# one in so many of the models that are compared with an oracle are run in batches, too
_BATCH_CHECKS = 3

_BITS = {TensorType.INT4: 4, TensorType.UINT4: 4, TensorType.INT2: 2}


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of a single-operator model; with `data` it is constant.

    `scale` and `zero_point` are one number, or a list of one per slice of `quantized_dimension`. `data` holds
    one element per value whatever the type: 4-bit and 2-bit values are packed here, low bits first.
    """

    shape: Sequence[int]
    type: TensorType
    scale: float | Sequence[float] | None = None
    zero_point: int | Sequence[int] | None = None
    quantized_dimension: int = 0
    data: ArrayLike | None = None
    is_variable: bool = False

    def quantization(self) -> Quantization | None:
        """The quantization parameters, None without a scale and a zero point."""
        if self.scale is None and self.zero_point is None:
            return None
        return Quantization(
            scale=None if self.scale is None else np.atleast_1d(np.asarray(self.scale, np.float32)),
            zero_point=None
            if self.zero_point is None
            else np.atleast_1d(np.asarray(self.zero_point, np.int64)),
            quantized_dimension=self.quantized_dimension,
        )

    def buffer(self) -> NDArray[np.uint8] | None:
        """The bytes of a constant tensor as the file holds them."""
        if self.data is None:
            return None
        values = np.asarray(self.data, NUMPY_TYPES[self.type])
        if values.size != np.prod(self.shape, dtype=np.int64):
            raise ValueError(f"{values.size} values for a tensor of shape {tuple(self.shape)}")
        if self.type is TensorType.STRING:
            return _string_buffer([bytes(item) for item in values.flat])
        bits = _BITS.get(self.type)
        if bits is None:
            return np.frombuffer(values.tobytes(), np.uint8)
        per_byte = 8 // bits
        fields = values.ravel().astype(np.uint8) & ((1 << bits) - 1)
        fields = np.concatenate([fields, np.zeros(-fields.size % per_byte, np.uint8)]).reshape(-1, per_byte)
        shifts = np.arange(per_byte, dtype=np.uint8) * bits
        packed: NDArray[np.uint8] = np.bitwise_or.reduce(fields << shifts, axis=1)
        return packed


def _string_buffer(strings: Sequence[bytes]) -> NDArray[np.uint8]:
    """TFLite's form of strings: how many, where each begins and the last ends, all their bytes."""
    header = 4 * (len(strings) + 2)
    ends = header + np.cumsum([0, *map(len, strings)])
    return np.frombuffer(np.array([len(strings), *ends], "<i4").tobytes() + b"".join(strings), np.uint8)


def single_op_model(
    operator: str,
    inputs: Sequence[TensorSpec | None],
    outputs: Sequence[TensorSpec],
    options: Mapping[str, Any] | None = None,
    version: int = 1,
    custom_options: bytes | None = None,
    intermediates: Sequence[TensorSpec] = (),
) -> bytes:
    """A `.tflite` file of one operator, builtin (`CONV_2D`) or custom (any other name).

    An input of None is omitted (−1). The graph's inputs are the inputs that are neither constant nor
    variable; its outputs are all outputs. Options that are not given have the schema's defaults;
    `custom_options` are a custom operator's, encoded.
    """
    tensors: list[Tensor] = []
    buffers: list[NDArray[np.uint8] | None] = [None]

    def add(name: str, spec: TensorSpec) -> int:
        data = spec.buffer()
        if data is not None:
            buffers.append(data)
        tensors.append(
            Tensor(
                name=name,
                type=spec.type,
                shape=tuple(int(d) for d in spec.shape),
                buffer=0 if data is None else len(buffers) - 1,
                quantization=spec.quantization(),
                is_variable=spec.is_variable,
            )
        )
        return len(tensors) - 1

    input_indices = [-1 if spec is None else add(f"input_{i}", spec) for i, spec in enumerate(inputs)]
    output_indices = [add(f"output_{i}", spec) for i, spec in enumerate(outputs)]
    intermediate_indices = [add(f"intermediate_{i}", spec) for i, spec in enumerate(intermediates)]
    graph_inputs = [
        index
        for index, spec in zip(input_indices, inputs, strict=True)
        if spec is not None and spec.data is None and not spec.is_variable
    ]
    table = options_table(operator)
    unknown = set(options or {}) - set(default_options(table))
    if unknown:
        raise ValueError(f"{operator} has no options {sorted(unknown)}")
    builtin_code = operator_code(operator)
    code = OperatorCode(
        builtin_code,
        version=version,
        custom_code=operator if builtin_code == operator_code("CUSTOM") else None,
    )
    node = Operator(
        opcode_index=0,
        inputs=tuple(input_indices),
        outputs=tuple(output_indices),
        options={**default_options(table), **(options or {})},
        options_table=table,
        custom_options=custom_options,
        intermediates=tuple(intermediate_indices) or None,
    )
    subgraph = Subgraph(
        tensors=tuple(tensors),
        inputs=tuple(graph_inputs),
        outputs=tuple(output_indices),
        operators=(node,),
        name="main",
    )
    return write_model(Model(subgraphs=(subgraph,), operator_codes=(code,), buffers=tuple(buffers)))


def run_ours(model: bytes, invokes: Sequence[Sequence[Array]], runtime: RuntimeName) -> list[list[Array]]:
    """Every output of every invoke, computed by microinterp."""
    return _invoke(_allocate(model, runtime), invokes)


def _allocate(model: bytes, runtime: RuntimeName) -> Interpreter:
    interpreter = Interpreter(model_content=model, runtime=runtime)
    interpreter.allocate_tensors()
    return interpreter


def _invoke(interpreter: Interpreter, invokes: Sequence[Sequence[Array]]) -> list[list[Array]]:
    results = []
    for arrays in invokes:
        for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        results.append(
            [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
        )
    return results


@dataclass(frozen=True)
class Comparison:
    """What became of one model: whether the native runtime accepted it, and where ours differs."""

    accepted: bool
    elements: int = 0
    differing: int = 0
    #: What differs; empty if nothing does.
    message: str = ""


def compare_with_oracle(model: bytes, invokes: Sequence[Sequence[Array]], runtime: RuntimeName) -> Comparison:
    """Run `invokes` one after another on one interpreter, the native one and ours, and compare every output's bytes.

    Where the native runtime refuses the model, ours must refuse it as well. Operators that LiteRT has in its default
    resolver only are compared with that one.

    Raises:
        OracleCrashed, OracleUnreadable: the native runtime gave no result.
    """
    try:
        native = run_oracle(runtime, model, invokes, default_resolver=_needs_default_resolver(model))
    except OracleRefused as refusal:
        stage = "prepare"
        try:
            interpreter = _allocate(model, runtime)
            stage = "invoke"
            _invoke(interpreter, invokes)
        except ModelFormatError:  # what is wrong with the file we say on reading it
            return Comparison(accepted=False)
        except MicrointerpError as error:
            if (refusal.stage == "invoke") == (stage == "invoke"):
                return Comparison(accepted=False)
            message = f"{describe(model)}: we refuse at {stage} ({error}) what {refusal}"
        else:
            message = f"{describe(model)}: we compute what the native runtime refuses: {refusal}"
        return Comparison(accepted=False, message=message)
    try:
        ours = run_ours(model, invokes, runtime)
    except MicrointerpError as error:
        message = f"{describe(model)}: we refuse what the native runtime computes: {error}"
        return Comparison(accepted=True, message=message)
    elements = differing = 0
    message = ""
    for i, (native_outputs, our_outputs) in enumerate(zip(native.outputs, ours, strict=True)):
        for j, (expected, actual) in enumerate(zip(native_outputs, our_outputs, strict=True)):
            elements += expected.size
            try:
                assert_same_bytes(actual, expected, f"{runtime} {describe(model)}, output {j} of invoke {i}")
            except AssertionError as error:
                same_shape = actual.shape == expected.shape and actual.dtype == expected.dtype != object
                differing += (
                    len(differing_elements(actual, expected)) if same_shape else max(1, expected.size)
                )
                message = message or str(error)
    if not message and zlib.crc32(model) % _BATCH_CHECKS == 0:
        check_batches(model, invokes, runtime, ours)
    return Comparison(True, elements, differing, message)


def check_against_oracle(model: bytes, invokes: Sequence[Sequence[Array]], runtime: RuntimeName) -> bool:
    """Assert that microinterp equals the native runtime, byte for byte, on every output of every invoke.

    `invokes` are run one after another on one interpreter. Where the native runtime refuses the model,
    microinterp must refuse it too, and the answer is False. Skips the test where the native runtime is not
    installed.
    """
    missing = available(runtime)
    if missing is not None:
        pytest.skip(missing)
    comparison = compare_with_oracle(model, invokes, runtime)
    assert not comparison.message, comparison.message
    return comparison.accepted


def _needs_default_resolver(model: bytes) -> bool:
    try:
        read = read_model(model)
    except ModelFormatError:  # which is what the test is about
        return False
    supports = [native_support(read.operator_code(o).name) for s in read.subgraphs for o in s.operators]
    return any(
        s is not None and s.litert_reference is None and s.litert_default is not None for s in supports
    )


def check_batches(
    model: bytes, invokes: Sequence[Sequence[Array]], runtime: RuntimeName, results: Sequence[Sequence[Array]]
) -> None:
    """Assert that `run_batch` gives for these invokes, and for the same upside down, what single invokes give."""
    if not invokes[0]:
        return
    for arrays in invokes:
        if [a.shape for a in arrays] != [a.shape for a in invokes[0]]:
            return
    samples = [*invokes, *([np.flip(array) for array in arrays] for arrays in invokes)]
    try:
        results = run_ours(model, samples, runtime)
    except InvokeError:  # an operator refuses such values
        samples = list(invokes)
    interpreter = Interpreter(model_content=model, runtime=runtime)
    stacked = tuple(np.stack(arrays) for arrays in zip(*samples, strict=True))
    outputs = interpreter.run_batch(stacked, batch_size=len(samples), workers=1)
    for j, output in enumerate(outputs if isinstance(outputs, tuple) else (outputs,)):
        for i, single in enumerate(results):
            where = f"{runtime} {describe(model)}, output {j} of sample {i} in a batch of {len(samples)}"
            sample = output[i] if isinstance(output, list) else output[i, ...]
            assert_same_bytes(sample, single[j], where)


def assert_same_bytes(actual: Array, expected: Array, where: str) -> None:
    """Assert equal shape, element type and bytes; the message shows where they part and how often."""
    assert actual.shape == expected.shape, f"{where}: shape {actual.shape}, native {expected.shape}"
    assert actual.dtype == expected.dtype, f"{where}: dtype {actual.dtype}, native {expected.dtype}"
    if actual.dtype == object:
        assert actual.tolist() == expected.tolist(), where
        return
    wrong = differing_elements(actual, expected)
    if wrong.size:
        index = tuple(int(i) for i in np.unravel_index(wrong[0], actual.shape))
        raise AssertionError(
            f"{where}: {wrong.size} of {actual.size} elements differ, first at {list(index)}: "
            f"native {expected[index]!r}, ours {actual[index]!r}"
        )


def differing_elements(actual: Array, expected: Array) -> NDArray[np.intp]:
    """The flat indices of the elements whose bytes differ."""
    return np.flatnonzero((_elements_as_bytes(actual) != _elements_as_bytes(expected)).any(axis=1))


def _elements_as_bytes(values: Array) -> NDArray[np.uint8]:
    return np.frombuffer(values.tobytes(), np.uint8).reshape(values.size, values.itemsize)


def describe(model: bytes) -> str:
    """The operators of a model with their input types and shapes, for messages."""
    try:
        read = read_model(model)
    except ModelFormatError:
        return "a model that we cannot read"
    graph = read.subgraphs[0]
    parts = []
    for operator in graph.operators:
        code = read.operator_code(operator)
        inputs = [graph.tensors[i] if i >= 0 else None for i in operator.inputs]
        shown = ", ".join(
            "-" if t is None else f"{TensorType(t.type).name}{list(t.shape or ())}" for t in inputs
        )
        parts.append(f"{code.name} v{code.version}({shown}) {dict(operator.options)}")
    return "; ".join(parts)
