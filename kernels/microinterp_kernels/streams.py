"""TFLM's operators on streams of samples, which keep the end of one call's input for the next.

Source of the formulas: TFLM's `signal/micro/kernels` (`delay.cc`, `framer.cc`, `overlap_add.cc`, `stacker.cc`) and
`signal/src` (`circular_buffer.cc`, `overlap_add.cc`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .fixed_point import clip_to

Int16s = NDArray[np.int16]


class Delay:
    """Streams, each delayed by `length` samples; zeros come first."""

    def __init__(self, streams: int, length: int) -> None:
        self._length = length
        self._waiting: Int16s = np.zeros((streams, length), np.int16)

    def reset(self) -> None:
        """Forget the samples."""
        self._waiting.fill(0)

    def __call__(self, x: Int16s) -> Int16s:
        """The delayed samples, (streams, n), of n more of each stream."""
        samples = np.concatenate([self._waiting, x], axis=1)
        self._waiting = samples[:, x.shape[1] :]
        return samples[:, : x.shape[1]]


class Framer:
    """Streams cut into frames of `size` samples, one every `step` samples.

    With `prefill` the first frame ends with the first `step` samples, after zeros; else it starts with them, and is
    there once it is full. `size` is at least 1, at least `step` with `prefill`; `step` is at least 1.
    """

    def __init__(self, streams: int, size: int, step: int, prefill: bool) -> None:
        self._streams, self._size, self._step, self._prefill = streams, size, step, prefill
        self.reset()

    def reset(self) -> None:
        """Forget the samples."""
        waiting = self._size - self._step if self._prefill else 0
        self._waiting: Int16s = np.zeros((self._streams, waiting), np.int16)

    def __call__(self, x: Int16s) -> Int16s:
        """The full frames, (streams, at most n / step, size), that end within n more samples of each stream.

        n is a multiple of `step`. If there are less than n / step of them, those at the start are missing.
        """
        samples = np.concatenate([self._waiting, x], axis=1)
        steps_to_first = max(1, -(-(self._size - self._waiting.shape[1]) // self._step))
        count = max(0, x.shape[1] // self._step - steps_to_first + 1)
        places = self._step * np.arange(count)[:, np.newaxis] + np.arange(self._size)
        frames: Int16s = samples[:, places]
        self._waiting = samples[:, self._step * count :]
        return frames


class OverlapAdd:
    """Streams of frames, int16 or float32, added up where they overlap: one begins every `step` samples.

    `step` is from 1 to the size of a frame. Sums of int16 are saturated.
    """

    def __init__(self, streams: int, frame_size: int, step: int, dtype: DTypeLike) -> None:
        self._step = step
        self._sums: NDArray[Any] = np.zeros((streams, frame_size), dtype)
        self._add = _add_int16 if self._sums.dtype == np.int16 else _add_float32

    def reset(self) -> None:
        """Forget the frames."""
        self._sums.fill(0)

    def __call__(self, frames: NDArray[Any]) -> NDArray[Any]:
        """The samples that no later frame reaches, (streams, n · step), of n more frames (streams, n, frame_size)."""
        done = np.empty((*frames.shape[:2], self._step), frames.dtype)
        sums, step = self._sums, self._step
        for i in range(frames.shape[1]):
            sums[...] = self._add(frames[:, i], sums)
            done[:, i] = sums[:, :step]
            sums[:, :-step] = sums[:, step:]
            sums[:, -step:] = 0
        return done.reshape(len(done), -1)


def _add_int16(frames: Int16s, sums: Int16s) -> Int16s:
    return clip_to(frames.astype(np.int32) + sums, np.int16)


def _add_float32(frames: NDArray[np.float32], sums: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        total: NDArray[np.float32] = sums + frames
    return total


class Stacker:
    """Vectors of `channels` numbers stacked with `left` before and `right` after them; every `step`-th stack counts.

    Before the first vector come copies of it. `step` is from 1 to left + right + 1.
    """

    def __init__(self, channels: int, left: int, right: int, step: int) -> None:
        self._left, self._size, self._step = left, left + right + 1, step
        self._waiting: Int16s = np.zeros((0, channels), np.int16)
        self._is_first = True

    def reset(self) -> None:
        """Forget the vectors."""
        self._waiting = self._waiting[:0]
        self._is_first = True

    def __call__(self, x: Int16s) -> Int16s | None:
        """The stack, ((left + right + 1) · channels,), that one more vector (channels,) completes, if it does."""
        copies = 1 + self._left * self._is_first
        self._is_first = False
        waiting = np.concatenate([self._waiting, np.tile(x, (copies, 1))])
        is_full = len(waiting) == self._size
        self._waiting = waiting[self._step :] if is_full else waiting
        return waiting.ravel() if is_full else None
