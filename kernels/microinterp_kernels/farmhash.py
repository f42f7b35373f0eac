"""FarmHash's Fingerprint64 of many byte strings of one length at once.

Source of the algorithm: https://github.com/google/farmhash, `farmhashna::Hash64`. Each function takes the strings as
rows of a uint8 matrix and returns one uint64 per row; additions and products wrap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]

_K0, _K1, _K2 = (np.uint64(k) for k in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))


@np.errstate(over="ignore")
def fingerprint64(rows: Bytes) -> Words:
    """The fingerprints of the rows, which have any length."""
    length = rows.shape[1]
    if length <= 16:
        return _up_to_16(rows)
    if length <= 32:
        return _up_to_32(rows)
    if length <= 64:
        return _up_to_64(rows)
    return _longer(rows)


def _fetch64(rows: Bytes, start: int) -> Words:
    start += rows.shape[1] if start < 0 else 0
    return np.ascontiguousarray(rows[:, start : start + 8]).view("<u8")[:, 0].astype(np.uint64)


def _fetch32(rows: Bytes, start: int) -> Words:
    start += rows.shape[1] if start < 0 else 0
    return np.ascontiguousarray(rows[:, start : start + 4]).view("<u4")[:, 0].astype(np.uint64)


def _rotate(x: Words, bits: int) -> Words:
    return (x >> np.uint64(bits)) | (x << np.uint64(64 - bits))


def _shift_mix(x: Words) -> Words:
    return x ^ (x >> np.uint64(47))


def _hash_16(u: Words, v: Words, factor: np.uint64) -> Words:
    a = _shift_mix((u ^ v) * factor)
    return _shift_mix((v ^ a) * factor) * factor


def _up_to_16(rows: Bytes) -> Words:
    n = rows.shape[1]
    length = np.uint64(n)
    factor = _K2 + np.uint64(2) * length
    if n >= 8:
        a, b = _fetch64(rows, 0) + _K2, _fetch64(rows, -8)
        return _hash_16(_rotate(b, 37) * factor + a, (_rotate(a, 25) + b) * factor, factor)
    if n >= 4:
        return _hash_16(length + (_fetch32(rows, 0) << np.uint64(3)), _fetch32(rows, -4), factor)
    if n > 0:
        first, middle, last = (rows[:, i].astype(np.uint64) for i in (0, n >> 1, n - 1))
        y, z = first + (middle << np.uint64(8)), length + (last << np.uint64(2))
        return _shift_mix(y * _K2 ^ z * _K0) * _K2
    return np.full(rows.shape[0], _K2)


def _up_to_32(rows: Bytes) -> Words:
    factor = _K2 + np.uint64(2 * rows.shape[1])
    a, b = _fetch64(rows, 0) * _K1, _fetch64(rows, 8)
    c, d = _fetch64(rows, -8) * factor, _fetch64(rows, -16) * _K2
    return _hash_16(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, factor)


def _up_to_64(rows: Bytes) -> Words:
    factor = _K2 + np.uint64(2 * rows.shape[1])
    a, b = _fetch64(rows, 0) * _K2, _fetch64(rows, 8)
    c, d = _fetch64(rows, -8) * factor, _fetch64(rows, -16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _hash_16(y, a + _rotate(b + _K2, 18) + c, factor)
    e, f = _fetch64(rows, 16) * factor, _fetch64(rows, 24)
    g, h = (y + _fetch64(rows, -32)) * factor, (z + _fetch64(rows, -24)) * factor
    return _hash_16(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, factor)


def _weak_hash(rows: Bytes, start: int, a: Words, b: Words) -> tuple[Words, Words]:
    w, x, y, z = (_fetch64(rows, start + 8 * i) for i in range(4))
    a = a + w
    b = _rotate(b + a + z, 21)
    c = a
    a = a + x + y
    b = b + _rotate(a, 44)
    return a + z, b + c


def _longer(rows: Bytes) -> Words:
    count, n = rows.shape
    seed = np.full(count, 81, np.uint64)
    x, y = seed * _K2 + _fetch64(rows, 0), seed * _K1 + np.uint64(113)
    z = _shift_mix(y * _K2 + np.uint64(113)) * _K2
    v = w = (np.zeros(count, np.uint64), np.zeros(count, np.uint64))
    blocks = (n - 1) // 64
    for start in range(0, 64 * blocks, 64):
        x = _rotate(x + y + v[0] + _fetch64(rows, start + 8), 37) * _K1
        y = _rotate(y + v[1] + _fetch64(rows, start + 48), 42) * _K1
        x = x ^ w[1]
        y = y + v[0] + _fetch64(rows, start + 40)
        z = _rotate(z + w[0], 33) * _K1
        v = _weak_hash(rows, start, v[1] * _K1, x + w[0])
        w = _weak_hash(rows, start + 32, z + w[1], y + _fetch64(rows, start + 16))
        z, x = x, z
    factor = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    last = n - 64
    w = (w[0] + np.uint64((n - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x = _rotate(x + y + v[0] + _fetch64(rows, last + 8), 37) * factor
    y = _rotate(y + v[1] + _fetch64(rows, last + 48), 42) * factor
    x = x ^ (w[1] * np.uint64(9))
    y = y + v[0] * np.uint64(9) + _fetch64(rows, last + 40)
    z = _rotate(z + w[0], 33) * factor
    v = _weak_hash(rows, last, v[1] * factor, x + w[0])
    w = _weak_hash(rows, last + 32, z + w[1], y + _fetch64(rows, last + 16))
    z, x = x, z
    return _combine(
        _combine(v[0], w[0], factor) + _shift_mix(y) * _K0 + z, _combine(v[1], w[1], factor) + x, factor
    )


def _combine(u: Words, v: Words, factor: Words) -> Words:
    a = _shift_mix((u ^ v) * factor)
    return _shift_mix((v ^ a) * factor) * factor
