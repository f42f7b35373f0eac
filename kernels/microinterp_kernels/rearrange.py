"""Elements moved around: blocks of space to depth or to batches and back, reversals, mirrors, borders.

Nothing is computed: every bit of an element arrives, of whatever type it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pairs = Sequence[tuple[int, int]]


def space_to_depth(x: Array, block: int) -> Array:
    """[n, h·block, w·block, c] as [n, h, w, block·block·c]: each block of space becomes channels, row by row."""
    n, height, width, channels = x.shape
    h, w = height // block, width // block
    blocks = x.reshape(n, h, block, w, block, channels).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, h, w, block * block * channels)


def depth_to_space(x: Array, block: int) -> Array:
    """[n, h, w, block·block·c] as [n, h·block, w·block, c]: the inverse of `space_to_depth`."""
    n, h, w, depth = x.shape
    channels = depth // (block * block)
    blocks = x.reshape(n, h, w, block, block, channels).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, h * block, w * block, channels)


def space_to_batch(x: Array, blocks: Sequence[int], paddings: Pairs, fill: Any) -> Array:
    """Each place within the blocks of padded space becomes a batch of its own (TFLite's `SpaceToBatchND`).

    Args:
        x: [n, *space, channels].
        blocks: the size of a block, for each dimension of space.
        paddings: how much `fill` to put before and after, for each dimension of space; negative ones cut off.

    Returns:
        [n · product of the blocks, *(padded space / blocks), channels].
    """
    padded = pad(x, ((0, 0), *paddings, (0, 0)), fill)
    batch, channels, rank = x.shape[0], x.shape[-1], len(blocks)
    counts = [size // block for size, block in zip(padded.shape[1:-1], blocks, strict=True)]
    split = [n for pair in zip(counts, blocks, strict=True) for n in pair]
    order = (*range(2, 2 * rank + 1, 2), 0, *range(1, 2 * rank, 2), 2 * rank + 1)
    moved = padded.reshape(batch, *split, channels).transpose(order)
    return moved.reshape(batch * int(np.prod(blocks)), *counts, channels)


def batch_to_space(x: Array, blocks: Sequence[int], crops: Pairs) -> Array:
    """Batches become the places within blocks of space, which is then cropped: the inverse of `space_to_batch`."""
    channels, rank = x.shape[-1], len(blocks)
    batch = x.shape[0] // int(np.prod(blocks))
    order = (rank, *(axis for i in range(rank) for axis in (rank + 1 + i, i)), 2 * rank + 1)
    moved = x.reshape(*blocks, batch, *x.shape[1:-1], channels).transpose(order)
    space = [size * block for size, block in zip(x.shape[1:-1], blocks, strict=True)]
    kept = [slice(before, size - after) for (before, after), size in zip(crops, space, strict=True)]
    return moved.reshape(batch, *space, channels)[(slice(None), *kept)]


def pad(x: Array, paddings: Pairs, fill: Any) -> Array:
    """A border of `fill` before and after along each axis; negative widths cut off instead."""
    sizes = [size + before + after for size, (before, after) in zip(x.shape, paddings, strict=True)]
    padded = np.full(sizes, fill, x.dtype)
    source, target = [], []
    for size, whole, (before, _) in zip(x.shape, sizes, paddings, strict=True):
        first, last = max(0, -before), min(size, whole - before)
        source.append(slice(first, max(first, last)))
        target.append(slice(first + before, max(first, last) + before))
    padded[tuple(target)] = x[tuple(source)]
    return padded


def mirror_indices(size: int, before: int, after: int, offset: int) -> NDArray[np.intp]:
    """Where the elements along a mirrored axis come from.

    With an offset of 0 the element at the edge is repeated (SYMMETRIC), with 1 it is not (REFLECT).
    """
    head = np.arange(before)[::-1] + offset
    tail = size - 1 - offset - np.arange(after)
    return np.concatenate([head, np.arange(size), tail])


def reverse_sequences(x: Array, lengths: Array, sequence_axis: int, batch_axis: int) -> Array:
    """Reverse the first `lengths[b]` elements along an axis, for each b along the other; the rest stays."""
    places = np.arange(x.shape[sequence_axis])[:, None]
    sources = np.where(places < lengths, lengths - 1 - places, places)
    if sequence_axis > batch_axis:
        sources = sources.T
    shape = [1] * x.ndim
    shape[sequence_axis], shape[batch_axis] = x.shape[sequence_axis], x.shape[batch_axis]
    return np.take_along_axis(x, sources.reshape(shape), sequence_axis)
