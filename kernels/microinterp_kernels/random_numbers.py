"""Random numbers as LiteRT makes them: Philox 4x32-10 and Threefry 2x32-20, and what distributions make of them.

Source of the generators: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Source of the
distributions: TensorFlow's `philox_random.h` and `random_distributions_utils.h`, LiteRT's `kernels/random_ops.cc`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .libm import logf
from .libm_trigonometry import cosf, sinf

UInt32s = NDArray[np.uint32]
UInt64s = NDArray[np.uint64]
Float32s = NDArray[np.float32]

_32_BITS, _64_BITS = 2**32 - 1, 2**64 - 1
_LOW, _HALF = np.uint64(_32_BITS), np.uint64(32)

_PHILOX_ROUNDS = 10
_PHILOX_FACTORS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_PHILOX_STEPS = 0x9E3779B9, 0xBB67AE85

_THREEFRY_PARITY = 0x1BD11BDA
_THREEFRY_ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)


def philox(key: int, low: UInt64s, high: UInt64s) -> UInt32s:
    """Blocks (n, 4) of random bits for a key of 64 bits and counters of 128, whose halves are (n,) each."""
    keys = [key & _32_BITS, key >> 32]
    a, b, c, d = low & _LOW, low >> _HALF, high & _LOW, high >> _HALF
    for _ in range(_PHILOX_ROUNDS):
        first, second = a * _PHILOX_FACTORS[0], c * _PHILOX_FACTORS[1]
        a, b = (second >> _HALF) ^ b ^ np.uint64(keys[0]), second & _LOW
        c, d = (first >> _HALF) ^ d ^ np.uint64(keys[1]), first & _LOW
        keys = [(k + step) & _32_BITS for k, step in zip(keys, _PHILOX_STEPS, strict=True)]
    return np.stack([a, b, c, d], axis=1).astype(np.uint32)


def threefry(key: int, counters: UInt64s) -> UInt32s:
    """Blocks (n, 2) of random bits for a key of 64 bits and counters (n,)."""
    first, second = key & _32_BITS, key >> 32
    keys = (first, second, first ^ second ^ _THREEFRY_PARITY)
    a, b = ((counters >> shift).astype(np.uint32) for shift in (np.uint64(0), _HALF))
    a, b = a + np.uint32(keys[0]), b + np.uint32(keys[1])
    for i in range(5):
        for bits in _THREEFRY_ROTATIONS[i % 2]:
            a = a + b
            b = ((b << np.uint32(bits)) | (b >> np.uint32(32 - bits))) ^ a
        a = a + np.uint32(keys[(i + 1) % 3])
        b = b + np.uint32((keys[(i + 2) % 3] + i + 1) & _32_BITS)
    return np.stack([a, b], axis=1)


class PhiloxGenerator:
    """A stream of random bits that two seeds decide, each taken modulo 2^64."""

    def __init__(self, seed: int, seed2: int) -> None:
        self._key = seed & _64_BITS
        self._first = (seed2 & _64_BITS) << 64
        self._counter = self._first

    def reset(self) -> None:
        """Begin anew."""
        self._counter = self._first

    def peek(self, size: int) -> UInt32s:
        """The next numbers, (size,), of 32 random bits each."""
        blocks = -(-size // 4)
        start = self._counter
        low = np.arange(blocks, dtype=np.uint64) + np.uint64(start & _64_BITS)
        has_wrapped = low < np.uint64(start & _64_BITS)
        high = np.uint64((start >> 64) & _64_BITS) + has_wrapped.astype(np.uint64)
        return philox(self._key, low, high).ravel()[:size]

    def skip(self, size: int) -> None:
        """Leave out numbers, in whole blocks of 4."""
        self._counter = (self._counter + -(-size // 4)) & (2**128 - 1)


def random_uniform(generator: PhiloxGenerator, size: int) -> Float32s:
    """`size` numbers, uniformly distributed in [0, 1): 23 random bits each."""
    numbers = _fractions(generator.peek(size))
    generator.skip(size)
    return numbers


def _fractions(bits: UInt32s) -> Float32s:
    fractions: Float32s = ((bits & np.uint32(0x7FFFFF)) | np.uint32(0x3F800000)).view(
        np.float32
    ) - np.float32(1)
    return fractions


_LEAST_UNIFORM = np.float32(1e-7)


def random_standard_normal(generator: PhiloxGenerator, size: int) -> Float32s:
    """`size` numbers of a normal distribution around 0 with a deviation of 1, by Box and Muller's method."""
    uniform = random_uniform(generator, size + size % 2)
    angles = (2 * np.pi * uniform[1::2].astype(np.float64)).astype(np.float32)
    radii = np.sqrt(np.float32(-2) * logf(np.maximum(uniform[::2], _LEAST_UNIFORM)))
    return np.stack([sinf(angles) * radii, cosf(angles) * radii], axis=1).ravel()[:size]


_SKIPPED_PER_SAMPLE = 2 * 256


def multinomial(generator: PhiloxGenerator, logits: Float32s, num_samples: int) -> NDArray[np.int64]:
    """Random classes, (batch, num_samples), for the logarithms of their probabilities (batch, classes).

    Infinities and NaNs stand for probabilities of 0. Where there is nothing else, what comes out is the number of
    classes.
    """
    batch = len(logits)
    bits = generator.peek(2 * batch * num_samples).astype(np.uint64).reshape(batch, num_samples, 2)
    generator.skip(4 * batch * -(-num_samples // 4) * 4 * _SKIPPED_PER_SAMPLE)
    mantissas = ((bits[..., 0] & np.uint64(0xFFFFF)) << _HALF) | bits[..., 1]
    fractions = (mantissas | np.uint64(0x3FF << 52)).view(np.float64) - 1.0
    is_finite = np.isfinite(logits)
    largest = logits.max(axis=1, keepdims=True, initial=np.finfo(np.float32).min, where=is_finite)
    weights = np.where(is_finite, logits, np.float32(0)).astype(np.float64) - largest.astype(np.float64)
    # NumPy's exp may be off by a last bit, which would show once in 2^50 samples
    weights = np.exp(weights, out=np.zeros(logits.shape), where=is_finite)
    result = np.empty((batch, num_samples), np.int64)
    for row, (sums, fraction) in enumerate(zip(np.cumsum(weights, axis=1), fractions, strict=True)):
        result[row] = np.searchsorted(sums, fraction * sums[-1], side="right")
    return result
