"""The process behind `oracles.run_oracle`: `oracle_worker.py <runtime> <file descriptor of the connection>`.

It answers each request (model, arrays per invoke, preserve_all_tensors, default_resolver) with a tuple: ("result",
outputs, tensors, seconds), ("refused", message, stage), ("unreadable", message) or ("misfit", message). Whatever
the native code prints goes to this process' stdout and stderr, which the parent collects.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# More than malloc ever serves from its heap (32 MiB): each arena is fresh zeroed memory, so that what a
# kernel leaves unwritten is the same in every run. Pages that are not touched cost nothing.
_TFLM_ARENA_BYTES = 256 << 20

# Element types (schema numbers) whose values the Python APIs do not return: they read too many bytes for
# elements narrower than a byte, and take handles for object pointers.
_TFLM_UNREADABLE = {5: "STRING", 13: "RESOURCE", 14: "VARIANT", 17: "INT4", 18: "BFLOAT16", 19: "INT2"}
_TFLM_UNREADABLE |= {20: "UINT4", 21: "FLOAT8_E4M3FN", 22: "FLOAT8_E5M2"}
_TFLITE_UNREADABLE = {13: "RESOURCE", 14: "VARIANT"}


class Refused(Exception):  # noqa: N818
    """A native error, with the stage at which it came."""


class Unreadable(Exception):  # noqa: N818
    """An output that the Python API cannot return."""


class Misfit(Exception):  # noqa: N818
    """An input array that does not fit."""


class Graph:
    """The facts about subgraph 0 that the runtimes' Python APIs do not give for every model."""

    def __init__(self, model: bytes, schema: Any, unreadable: dict[int, str]) -> None:
        subgraph = schema.Model.GetRootAsModel(model, 0).Subgraphs(0)
        self.inputs = [int(subgraph.Inputs(i)) for i in range(subgraph.InputsLength())]
        self.outputs = [int(subgraph.Outputs(i)) for i in range(subgraph.OutputsLength())]
        operators = [subgraph.Operators(i) for i in range(subgraph.OperatorsLength())]
        # A tensor that no operator writes may have no memory at all.
        written = {int(op.Outputs(i)) for op in operators for i in range(op.OutputsLength())}
        types = {i: subgraph.Tensors(i).Type() for i in range(subgraph.TensorsLength())}
        self.readable = sorted(i for i in written | set(self.inputs) if i >= 0 and types[i] not in unreadable)
        for position, tensor in enumerate(self.outputs):
            if types[tensor] in unreadable:
                raise Unreadable(f"cannot read output {position}, its type is {unreadable[types[tensor]]}")


class Oracle(Protocol):
    """A constructed and prepared native interpreter; inputs and outputs go by position."""

    graph: Graph

    def set_input(self, position: int, value: Array) -> None: ...
    def invoke(self) -> None: ...
    def output(self, position: int) -> Array: ...
    def tensor(self, index: int) -> Array: ...


_MakeOracle = Callable[[bytes, bool, bool], Oracle]


class LiteRT:
    """ai-edge-litert with its reference kernels, or with its default ones."""

    def __init__(self, model: bytes, preserve_all_tensors: bool, default_resolver: bool) -> None:
        from ai_edge_litert import schema_py_generated as schema
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        resolver = OpResolverType.BUILTIN_REF
        if default_resolver:
            resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        self._interpreter = _native(
            "construct",
            lambda: Interpreter(
                model_content=model,
                experimental_op_resolver_type=resolver,
                experimental_preserve_all_tensors=preserve_all_tensors,
                num_threads=1,
            ),
        )
        _native("prepare", self._interpreter.allocate_tensors)
        self.graph = Graph(model, schema, _TFLITE_UNREADABLE)

    def set_input(self, position: int, value: Array) -> None:
        self._interpreter.set_tensor(self.graph.inputs[position], value)

    def invoke(self) -> None:
        self._interpreter.invoke()

    def output(self, position: int) -> Array:
        return self.tensor(self.graph.outputs[position])

    def tensor(self, index: int) -> Array:
        value: Array = self._interpreter.get_tensor(index)
        return value


class TFLM:
    """tflite-micro, which has one resolver."""

    def __init__(self, model: bytes, preserve_all_tensors: bool, default_resolver: bool) -> None:
        del default_resolver
        from tflite_micro import runtime
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

        config = runtime.InterpreterConfig.kAllocationRecording
        if preserve_all_tensors:
            config = runtime.InterpreterConfig.kPreserveAllTensors
        try:
            self._interpreter = runtime.Interpreter.from_bytes(
                model, arena_size=_TFLM_ARENA_BYTES, intrepreter_config=config
            )
        except Exception as error:
            stage = "prepare" if "allocate tensors" in str(error) else "construct"
            raise Refused(str(error), stage) from error
        self.graph = Graph(model, schema, _TFLM_UNREADABLE)

    def set_input(self, position: int, value: Array) -> None:
        self._interpreter.set_input(value, position)

    def invoke(self) -> None:
        self._interpreter.invoke()

    def output(self, position: int) -> Array:
        value: Array = self._interpreter.get_output(position)
        return value

    def tensor(self, index: int) -> Array:
        value: Array = self._interpreter.GetTensor(index, 0)["tensor_data"]
        return value


def _native(stage: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        raise Refused(str(error), stage) from error


def _run(
    runtime: _MakeOracle, model: bytes, invokes: list[list[Array]], preserve: bool, default_resolver: bool
) -> tuple[list[list[Array]], list[dict[int, Array]], list[float]]:
    oracle = runtime(model, preserve, default_resolver)
    outputs, tensors, seconds = [], [], []
    for arrays in invokes:
        if len(arrays) != len(oracle.graph.inputs):
            raise Misfit(f"{len(arrays)} arrays for {len(oracle.graph.inputs)} inputs")
        for position, array in enumerate(arrays):
            try:
                oracle.set_input(position, array)
            except Exception as error:
                raise Misfit(f"input {position}: {error}") from error
        started = time.perf_counter()
        _native("invoke", oracle.invoke)
        seconds.append(time.perf_counter() - started)
        try:
            outputs.append([np.array(oracle.output(i)) for i in range(len(oracle.graph.outputs))])
        except Exception as error:
            raise Unreadable(str(error)) from error
        if preserve:
            tensors.append(_read_tensors(oracle))
    return outputs, tensors, seconds


def _read_tensors(oracle: Oracle) -> dict[int, Array]:
    values = {}
    for index in oracle.graph.readable:
        try:
            values[index] = np.array(oracle.tensor(index))
        except (ValueError, RuntimeError):  # LiteRT: no data, or not readable; leave it out
            continue
    return values


def main() -> None:
    """Answer requests until the parent closes the connection."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # crashes are expected
    runtimes: dict[str, _MakeOracle] = {"tflite": LiteRT, "tflm": TFLM}
    runtime = runtimes[sys.argv[1]]
    connection: Connection[Any, Any] = Connection(int(sys.argv[2]))
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        try:
            answer: tuple[Any, ...] = ("result", *_run(runtime, *request))
        except Refused as refused:
            answer = ("refused", *refused.args)
        except Unreadable as unreadable:
            answer = ("unreadable", *unreadable.args)
        except Misfit as misfit:
            answer = ("misfit", *misfit.args)
        connection.send(answer)


if __name__ == "__main__":
    main()
