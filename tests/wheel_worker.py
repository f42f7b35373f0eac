"""The process behind `wheel_arena.ask_wheel`: `wheel_worker.py <file descriptor of the connection>`.

Each request (model, arena size, inputs per invoke) is answered by a child of its own, which may crash: None, or what
the wheel printed of its allocations and the outputs per invoke.
"""

from __future__ import annotations

import os
import pickle
import resource
import sys
import tempfile
from multiprocessing.connection import Connection
from typing import Any


def answer(request: tuple[bytes, int, list[list[Any]]]) -> tuple[str, list[list[Any]]]:
    """Load the model, print its allocations and run it."""
    from tflite_micro import runtime

    model, arena_size, invokes = request
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_size)
        interpreter.print_allocations()
        results = []
        for arrays in invokes:
            for i, array in enumerate(arrays):
                interpreter.set_input(array, i)
            interpreter.invoke()
            results.append([interpreter.get_output(i) for i in range(_outputs(model))])
        log.seek(0)
        return log.read().decode(errors="replace"), results


def _outputs(model: bytes) -> int:
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    return int(schema.Model.GetRootAsModel(model, 0).Subgraphs(0).OutputsLength())


def in_child(request: Any) -> Any:
    """The answer of a child process, None if it raised or died."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            with os.fdopen(write_end, "wb") as file:
                pickle.dump(answer(request), file)
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as file:
        data = file.read()
    os.waitpid(child, 0)
    try:
        return pickle.loads(data)
    except (EOFError, pickle.UnpicklingError):
        return None


def main() -> None:
    """Answer requests until the parent closes the connection."""
    import numpy as np  # noqa: F401 - before the forks
    from tflite_micro import runtime  # noqa: F401

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # crashes are expected
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        connection.send(in_child(request))


if __name__ == "__main__":
    main()
