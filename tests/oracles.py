"""The native runtimes, each in a worker process that may crash without taking the tests along.

Nothing here needs pytest: the benchmarks use it too. The workers are started on first use, live as long as
this process, and are started anew after a crash or a timeout.
"""

from __future__ import annotations

import atexit
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
RuntimeName = Literal["tflite", "tflm"]
Stage = Literal["construct", "prepare", "invoke"]

RUNTIME_NAMES: tuple[RuntimeName, ...] = ("tflite", "tflm")
_PACKAGES = {"tflite": "ai_edge_litert", "tflm": "tflite_micro"}
_LOG_LINES = 8


class OracleError(Exception):
    """The native runtime gave no result."""


class OracleRefused(OracleError):  # noqa: N818  (a refusal is a result that tests expect)
    """The native runtime raised an error while it constructed, prepared or invoked the model (`stage`)."""

    def __init__(self, message: str, stage: Stage) -> None:
        super().__init__(message)
        self.stage = stage


class OracleCrashed(OracleError):  # noqa: N818
    """The process of the native runtime died, or did not answer in time."""


class OracleUnreadable(OracleError):  # noqa: N818
    """The native runtime ran, but its Python API cannot return an output of this element type."""


@dataclass(frozen=True)
class OracleResult:
    """What the native runtime computed, per invoke.

    `tensors` maps tensor indices of subgraph 0 to values, for all graph inputs and outputs of operators that
    the runtime's Python API can read; it is empty unless they were preserved. `seconds` is the time spent in
    the native `invoke()` alone.
    """

    outputs: list[list[Array]]
    tensors: list[dict[int, Array]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def available(runtime: RuntimeName) -> str | None:
    """None if the native runtime is installed, else the reason why it cannot be asked."""
    package = _PACKAGES[runtime]
    if importlib.util.find_spec(package) is None:
        return f"{package}, the native runtime to compare with, is not installed (few platforms have a wheel)"
    return None


def run_oracle(
    runtime: RuntimeName,
    model: bytes,
    invokes: Sequence[Sequence[Array]],
    preserve_all_tensors: bool = False,
    timeout: float = 120.0,
    default_resolver: bool = False,
) -> OracleResult:
    """Run a model on a native runtime, one invoke per element of `invokes`, on one interpreter.

    With `default_resolver` LiteRT takes its default kernels (without delegates) instead of the reference ones.
    Each element holds one array per graph input, in the model's order, of exactly the input's shape and type.
    Raises `OracleRefused`, `OracleCrashed` or `OracleUnreadable`, and ValueError for an array that does not
    fit its input (a mistake of the caller, not a refusal).
    """
    worker = _workers.get(runtime)
    if worker is None:
        worker = _workers[runtime] = _Worker(runtime)
    arrays = [[np.ascontiguousarray(a).reshape(np.shape(a)) for a in inputs] for inputs in invokes]
    return worker.run((bytes(model), arrays, preserve_all_tensors, default_resolver), timeout)


class _Worker:
    """One native runtime in its own process (see oracle_worker.py)."""

    def __init__(self, runtime: RuntimeName) -> None:
        self._runtime = runtime
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        # The native runtimes write their reasons to stderr; appending lets us empty the file between runs.
        self._log = tempfile.TemporaryFile("a+b", buffering=0)  # noqa: SIM115  (lives as long as the worker)

    def run(self, request: tuple[bytes, list[list[Array]], bool, bool], timeout: float) -> OracleResult:
        connection = self._start()
        self._log.truncate(0)
        try:
            connection.send(request)
            if not connection.poll(timeout):
                raise OracleCrashed(f"{self._runtime} did not answer within {timeout:g} s{self._log_tail()}")
            kind, *content = connection.recv()
        except (EOFError, ConnectionError):
            assert self._process is not None
            code = self._process.wait()
            if code >= 0:  # no signal ended it: our own code did
                raise RuntimeError(f"oracle_worker.py exited with status {code}{self._log_tail()}") from None
            raise OracleCrashed(f"{self._runtime} died of signal {-code}{self._log_tail()}") from None
        except BaseException:
            self.stop()  # the answer of an interrupted run must not be taken for that of the next
            raise
        if kind == "refused":
            message, stage = content
            raise OracleRefused(f"{self._runtime} refuses at {stage}: {message}{self._log_tail()}", stage)
        if kind == "unreadable":
            raise OracleUnreadable(f"{self._runtime}: {content[0]}")
        if kind == "misfit":
            raise ValueError(f"{self._runtime}: {content[0]}")
        return OracleResult(*content)

    def stop(self) -> None:
        """End the process; the next run starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None

    def _start(self) -> Connection[Any, Any]:
        if self._process is not None and self._process.poll() is None and self._connection is not None:
            return self._connection
        self.stop()
        self._connection, theirs = Pipe()
        program = Path(__file__).with_name("oracle_worker.py")
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(program), self._runtime, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
            )
        return self._connection

    def _log_tail(self) -> str:
        self._log.seek(0)
        text = self._log.read().decode(errors="replace").replace("\0", "")
        lines = [line for line in text.splitlines() if line.strip()]
        return "".join("\n  " + line for line in lines[-_LOG_LINES:])


_workers: dict[RuntimeName, _Worker] = {}


@atexit.register
def _stop_workers() -> None:
    for worker in _workers.values():
        worker.stop()
