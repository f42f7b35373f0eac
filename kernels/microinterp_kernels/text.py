"""Bits that tell what is alike (LSH projection), and the sequences of words in a text (skip-grams).

Source of the formulas: LiteRT's `lsh_projection.cc` and `skip_gram.cc`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .farmhash import fingerprint64

_SPACES = b" \t\n\v\f\r"


def lsh_bits(
    seeds: NDArray[np.float32], items: NDArray[np.uint8], weights: NDArray[np.float32] | None
) -> NDArray[np.int32]:
    """One bit per seed: whether the weighted sum of hashes of seed and item, over the items (rows of bytes), is > 0.

    Hashes are signed numbers of 64 bits in double, summed in order.
    """
    prefixes = np.ascontiguousarray(seeds.reshape(-1, 1), "<f4").view(np.uint8)
    shape = (seeds.size, len(items))
    keys = np.empty((*shape, 4 + items.shape[1]), np.uint8)
    keys[..., :4] = prefixes[:, np.newaxis]
    keys[..., 4:] = items
    hashes = fingerprint64(keys.reshape(-1, keys.shape[-1])).view(np.int64).astype(np.float64).reshape(shape)
    if weights is not None:
        hashes *= weights
    scores = np.add.accumulate(hashes, axis=1)[:, -1]
    return (scores > 0).astype(np.int32).reshape(seeds.shape)


def skip_grams(text: bytes, size: int, most_skipped: int, *, include_shorter: bool) -> list[bytes]:
    """Sequences of up to `size` words, with at most so many words left out between two of them."""
    words = _words(text)
    grams: list[bytes] = []
    if size < 1 or len(words) < size:
        return grams
    # positions of the words of a sequence; its last one moves on while that is allowed
    stack, depth = [0] * size, 1
    while depth >= 0:
        may_grow = depth < size and stack[depth] + 1 < len(words)
        if may_grow and (depth == 0 or stack[depth] - stack[depth - 1] <= most_skipped):
            stack[depth] += 1
            depth += 1
            if depth < size:
                stack[depth] = stack[depth - 1]
        else:
            if depth == size or (include_shorter and depth > 0):
                grams.append(b" ".join(words[i] for i in stack[:depth]))
            depth -= 1
    return grams


def _words(text: bytes) -> list[bytes]:
    """What stands between spaces; a space at the very start begins a word that is dropped, or the only one."""
    words, start = [], 0
    for i in range(1, len(text)):
        if text[i] in _SPACES:
            if i > start and text[start] not in _SPACES:
                words.append(text[start:i])
            start = i + 1
    if start < len(text):
        words.append(text[start:])
    return words
