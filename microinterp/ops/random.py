"""LiteRT's operators that make random numbers.

Those with two seeds go on in their stream from invoke to invoke, and begin anew where shapes change.
If both seeds are 0 LiteRT takes random ones, from the operating system; so does microinterp, and no two streams are
equal. With other seeds the numbers are LiteRT's, to the bit. As in LiteRT, 32 bits of a seed count.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from microinterp_kernels.random_numbers import (
    PhiloxGenerator,
    multinomial,
    philox,
    random_standard_normal,
    random_uniform,
    threefry,
)

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import Movement, prepare_movement, read_shape

Float32s = NDArray[np.float32]
UInt64s = NDArray[np.uint64]

_PHILOX, _THREEFRY = (0, 1), 2


def _generator(node: Node) -> PhiloxGenerator:
    seeds = [((node.options[name] + 2**31) & (2**32 - 1)) - 2**31 for name in ("seed", "seed2")]
    if not any(seeds):
        seeds = [secrets.randbits(64) for _ in seeds]
    return PhiloxGenerator(*seeds)


def prepare_random_uniform(node: Node) -> Invocation:
    """RANDOM_UNIFORM: numbers from 0 up to, but without, 1 in a tensor of a given shape."""
    return _prepare_random(node, random_uniform)


def prepare_random_standard_normal(node: Node) -> Invocation:
    """RANDOM_STANDARD_NORMAL: numbers around 0 with a standard deviation of 1 in a tensor of a given shape."""
    return _prepare_random(node, random_standard_normal)


def _prepare_random(node: Node, distribution: Callable[[PhiloxGenerator, int], Float32s]) -> Invocation:
    node.require_counts(1, 1)
    shape, output = node.input(0), node.output()
    node.require_type(shape, TensorType.INT32)
    node.require_rank(shape, 1)
    generator = _generator(node)

    def draw(output: Float32s) -> None:
        output[...] = distribution(generator, output.size).reshape(output.shape)

    def rule(shape: Array) -> Movement:
        return read_shape(shape), draw

    invocation = prepare_movement(node, rule, (), (shape,))
    node.require_type(output, TensorType.FLOAT32, at_invoke=True)
    return replace(invocation, op_data=generator, reset=generator.reset)


def prepare_multinomial(node: Node) -> Invocation:
    """MULTINOMIAL: classes [batch, num_samples] drawn by the logarithms of their probabilities [batch, classes]."""
    node.require_counts(2, 1)
    logits, num_samples, output = node.input(0), node.input(1), node.output()
    node.require_type(logits, TensorType.FLOAT32)
    node.require_type(num_samples, TensorType.INT32)
    generator = _generator(node)

    def rule(logits: Float32s, num_samples: Array) -> Movement:
        if logits.ndim != 2 or logits.shape[1] == 0:
            raise InvokeError(f"logits of shape {list(logits.shape)} must be of a batch and classes")
        if num_samples.ndim or num_samples < 0:
            raise InvokeError("the number of samples must be a scalar, and not negative")
        return (logits.shape[0], int(num_samples)), partial(draw, logits)

    def draw(logits: Float32s, output: Array) -> None:
        output[...] = multinomial(generator, logits, output.shape[1])

    invocation = prepare_movement(node, rule, (), (logits, num_samples))
    node.require_type(output, TensorType.INT64, TensorType.INT32, at_invoke=True)
    return replace(invocation, op_data=generator, reset=generator.reset)


def prepare_stablehlo_rng_bit_generator(node: Node) -> Invocation:
    """STABLEHLO_RNG_BIT_GENERATOR: the next state, [2] or [3], and random bits, for a state of key and counter."""
    node.require_counts(1, 2)
    state, next_state, output = node.input(0), node.output(0), node.output(1)
    node.require_type(state, TensorType.UINT64)
    node.require_rank(state, 1)
    node.require_type(next_state, TensorType.UINT64)
    node.require(next_state.shape == state.shape, f"{next_state} must have the shape of {state}")
    node.require_type(output, TensorType.INT32, TensorType.INT64, TensorType.UINT32, TensorType.UINT64)
    algorithm = node.options["algorithm"]
    node.require(algorithm in (*_PHILOX, _THREEFRY), f"there is no algorithm {algorithm}", at_invoke=True)
    sizes = (2,) if algorithm == _THREEFRY else (2, 3)
    node.require(state.size in sizes, f"{state} must have a size among {list(sizes)}", at_invoke=True)
    block = 2 if algorithm == _THREEFRY else 4
    words = output.size * output.dtype.itemsize // 4
    steps = np.arange(-(-words // block), dtype=np.uint64)

    def invoke(state: UInt64s, next_state: UInt64s, output: Array) -> None:
        key = int(state[0])
        counters = state[1] + steps
        if algorithm == _THREEFRY:
            bits = threefry(key, counters)
        else:
            # the second half of the counter stays as it is; without one it is the key
            bits = philox(key, counters, np.broadcast_to(state[2 if state.size == 3 else 0], steps.shape))
        next_state[...] = state
        next_state[1:2] += np.uint64(steps.size)
        output[...] = bits.ravel()[:words].view(output.dtype).reshape(output.shape)

    return Invocation(invoke, (state, next_state, output))
