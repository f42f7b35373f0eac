"""TFLM's custom operators that keep the end of one invoke's samples for the next: delays, frames, stacks.

TFLM's kernels take most sizes on trust; where one does not fit, they read or write beyond their tensors. Such
models are refused here.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from microinterp_kernels.streams import Delay, Framer, OverlapAdd, Stacker

from ..model.ir import Array, TensorType
from .common import integer_option, require_declared_rank
from .node import EndOfRun, Invocation, Node, RuntimeTensor

Int8s = NDArray[np.int8]
Int16s = NDArray[np.int16]
Bools = NDArray[np.bool_]

# Far beyond a microcontroller's memory.
_MOST_SAMPLES = 2**24


def _streams(node: Node, x: RuntimeTensor) -> tuple[int, int]:
    """How many streams a tensor holds, and how many samples of each: its last axis."""
    node.require(len(x.shape) >= 1 and x.size > 0, f"{x} must have a dimension, and samples")
    return prod(x.shape[:-1]), x.shape[-1]


def prepare_signal_delay(node: Node) -> Invocation:
    """Samples (…, n) int16, those of each stream `delay_length` later; the output may have another shape."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    node.require_type(x, TensorType.INT16)
    node.require_type(output, TensorType.INT16)
    node.require(output.size == x.size, f"{output} must have as many elements as {x}")
    streams, samples = _streams(node, x)
    delay = Delay(streams, integer_option(node, "delay_length", 0, _MOST_SAMPLES))
    shape = output.shape

    def invoke(x: Int16s, output: Int16s) -> None:
        output[...] = delay(x.reshape(streams, samples)).reshape(shape)

    return Invocation(invoke, (x, output), delay, reset=delay.reset)


def prepare_signal_framer(node: Node) -> Invocation:
    """Frames (…, n / frame_step, frame_size) of samples (…, n) int16, and whether all are full: a scalar, bool.

    As in TFLM, frames that are not full yet stay as they are in the output.
    """
    node.require_counts(1, 2)
    x, output, valid = node.input(0), node.output(0), node.output(1)
    node.require_type(x, TensorType.INT16)
    node.require_type(output, TensorType.INT16)
    node.require_type(valid, TensorType.BOOL)
    require_declared_rank(node, output, len(x.shape) + 1)
    require_declared_rank(node, valid, 0)
    streams, samples = _streams(node, x)
    size = integer_option(node, "frame_size", 1, _MOST_SAMPLES)
    step = integer_option(node, "frame_step", 1)
    prefill = bool(integer_option(node, "prefill"))
    node.require(samples % step == 0, f"the last dimension of {x} must be a multiple of frame_step, {step}")
    node.require(not prefill or size >= step, "frame_size must be at least frame_step where prefill is set")
    framer = Framer(streams, size, step, prefill)
    count = samples // step
    output.shape, valid.shape = (*x.shape[:-1], count, size), ()

    def invoke(x: Int16s, output: Int16s, valid: Bools) -> None:
        frames = framer(x.reshape(streams, samples))
        full = frames.shape[1]
        output.reshape(streams, count, size)[:, count - full :] = frames
        valid[...] = full == count

    return Invocation(invoke, (x, output, valid), framer, reset=framer.reset)


def prepare_signal_overlap_add(node: Node) -> Invocation:
    """Frames (…, n, frame_size), int16 or float32, added up with one every `frame_step`: (…, n · frame_step)."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    element_type = integer_option(node, "T")
    node.require(
        element_type in (TensorType.INT16, TensorType.FLOAT32),
        f"option T must be INT16 or FLOAT32, but is {element_type}",
    )
    node.require_type(x, TensorType(element_type))
    node.require_type(output, TensorType(element_type))
    node.require(len(x.shape) >= 2, f"{x} must have at least two dimensions")
    require_declared_rank(node, output, len(x.shape) - 1)
    *outer, frames, size = x.shape
    step = integer_option(node, "frame_step", 1, size)
    overlap_add = OverlapAdd(prod(outer), size, step, x.dtype)
    shape = output.shape = (*outer, frames * step)

    def invoke(x: Array, output: Array) -> None:
        output[...] = overlap_add(x.reshape(-1, frames, size)).reshape(shape)

    return Invocation(invoke, (x, output), overlap_add, reset=overlap_add.reset)


def prepare_signal_stacker(node: Node) -> Invocation:
    """The last vectors of `num_channels` int16 one after the other, and whether they are new: a scalar, bool.

    As in TFLM, the output stays as it is while they are not, and what the input has beyond `num_channels` is ignored.
    """
    node.require_counts(1, 2)
    x, output, valid = node.input(0), node.output(0), node.output(1)
    node.require_rank(x, 1)
    node.require_type(x, TensorType.INT16)
    node.require_type(output, TensorType.INT16)
    node.require_type(valid, TensorType.BOOL)
    require_declared_rank(node, output, 1)
    require_declared_rank(node, valid, 0)
    channels = integer_option(node, "num_channels", 1, x.size)
    left = integer_option(node, "stacker_left_context", 0, _MOST_SAMPLES // channels)
    right = integer_option(node, "stacker_right_context", 0, _MOST_SAMPLES // channels)
    stacker = Stacker(channels, left, right, integer_option(node, "stacker_step", 1, left + right + 1))
    output.shape, valid.shape = (channels * (left + right + 1),), ()

    def invoke(x: Int16s, output: Int16s, valid: Bools) -> None:
        stack = stacker(x[:channels])
        valid[...] = stack is not None
        if stack is not None:
            output[...] = stack

    return Invocation(invoke, (x, output, valid), stacker, reset=stacker.reset)


# The slots of TFLM's two streaming models whose period is 1, not 2, and the number and shape of another such layer.
_SLOTS_OF_PERIOD_1 = (5, 13, 25)
_FIFTH, _FIFTH_SHAPE = 5, (2, 96)


def prepare_circular_buffer(node: Node) -> Invocation:
    """The last inputs (b, 1, w, c) int8 in slots: (b, slots, w, c), which moves up by one at each invoke.

    The run goes on every `cycles_max`-th time only. As in TFLM, all but the first of the batch is ignored.
    """
    x, output = node.input(0), node.output()
    node.require_rank(x, 4)
    node.require_rank(output, 4)
    node.require(
        x.shape[1] == 1 and (x.shape[0], *x.shape[2:]) == (output.shape[0], *output.shape[2:]),
        f"{output} must have the shape of {x}, with 1 where the slots are",
    )
    node.require_type(x, TensorType.INT8)
    node.require_type(output, TensorType.INT8)
    period = integer_option(node, "cycles_max") if node.options else 0
    cycle = _Cycle(period if period > 0 else _guessed_period(node, output))
    slots, depth = output.shape[1], prod(output.shape[2:])

    def invoke(x: Int8s, output: Int8s) -> None:
        buffer = output.reshape(-1)[: slots * depth]
        buffer[:-depth] = buffer[depth:]
        buffer[-depth:] = x.reshape(-1)[:depth]
        if not cycle.is_over():
            raise EndOfRun

    return Invocation(invoke, (x, output), cycle, reset=cycle.reset)


class _Cycle:
    """Counts invokes."""

    def __init__(self, period: int) -> None:
        self._period = period
        self.reset()

    def reset(self) -> None:
        self._left = self._period

    def is_over(self) -> bool:
        """Count an invoke; whether it completes a cycle."""
        self._left -= 1
        if self._left:
            return False
        self.reset()
        return True


def _guessed_period(node: Node, output: RuntimeTensor) -> int:
    """The period where the model has none: TFLM knows the layers of two models."""
    node.resources.circular_buffers += 1
    is_fifth = node.resources.circular_buffers == _FIFTH and output.shape[2:] == _FIFTH_SHAPE
    if output.shape[1] not in _SLOTS_OF_PERIOD_1 and not is_fifth:
        return 2
    node.resources.circular_buffers = 0
    return 1
