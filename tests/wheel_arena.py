"""What the tflite_micro wheel says of a model's arena, and whether it runs in one of a given size."""

from __future__ import annotations

import atexit
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from tests.oracles import available

PLENTY = 64 << 20
Array = NDArray[Any]

_SECTIONS = {
    "TfLiteEvalTensor data": "TfLiteEvalTensorData",
    "Persistent TfLiteTensor data": "PersistentTfLiteTensorData",
    "Persistent TfLiteTensor quantization data": "PersistentTfLiteTensorQuantizationData",
    "Persistent buffer data": "PersistentBufferData",
    "TfLiteTensor variable buffer data": "TfLiteTensorVariableBufferData",
    "NodeAndRegistration struct": "NodeAndRegistrationArray",
}


@dataclass(frozen=True)
class WheelArena:
    """What `print_allocations` printed: bytes, and per section (used, requested, count); outputs per invoke."""

    total: int
    head: int
    tail: int
    sections: dict[str, tuple[int, int, int]]
    outputs: list[list[Array]]


def ask_wheel(
    model: bytes, invokes: Sequence[Sequence[Array]] = (), arena_size: int = PLENTY
) -> WheelArena | None:
    """Load and run a model in an arena of that size; None if the wheel refuses it or crashes.

    Skips the test where the wheel is not installed.
    """
    missing = available("tflm")
    if missing is not None:
        pytest.skip(missing)
    connection = _connection()
    connection.send((bytes(model), arena_size, [list(arrays) for arrays in invokes]))
    answer = connection.recv()
    if answer is None:
        return None
    text, outputs = answer
    total, head, tail = (
        int(match[1]) for match in re.finditer(r"Arena allocation (?:total|head|tail) (\d+) bytes", text)
    )
    lines = re.findall(r"'(.+?)' used (\d+) bytes.*?requested (\d+) bytes for (\d+)", text)
    sections = {_SECTIONS[name]: (int(u), int(r), int(c)) for name, u, r, c in lines}
    return WheelArena(total, head, tail, sections, outputs)


def smallest_arena(model: bytes, invokes: Sequence[Sequence[Array]], low: int, high: int) -> int:
    """The smallest multiple of 16 in which the wheel runs the model; it must fail at `low` and run at `high`."""
    assert ask_wheel(model, invokes, low) is None
    assert ask_wheel(model, invokes, high) is not None
    low, high = low // 16, high // 16
    while high - low > 1:
        middle = (low + high) // 2
        if ask_wheel(model, invokes, 16 * middle) is None:
            low = middle
        else:
            high = middle
    return 16 * high


@cache
def _connection() -> Connection[Any, Any]:
    ours, theirs = Pipe()
    program = Path(__file__).with_name("wheel_worker.py")
    with theirs:
        process = subprocess.Popen(
            [sys.executable, str(program), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop() -> None:
        process.kill()
        process.wait()
        ours.close()

    atexit.register(stop)
    return ours
