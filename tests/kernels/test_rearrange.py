"""Rearrangements against their definitions, element by element."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from microinterp_kernels.rearrange import (
    batch_to_space,
    depth_to_space,
    mirror_indices,
    pad,
    reverse_sequences,
    space_to_batch,
    space_to_depth,
)

SMALL = st.integers(1, 3)


@given(n=SMALL, h=SMALL, w=SMALL, c=SMALL, block=SMALL)
def test_space_to_depth(n: int, h: int, w: int, c: int, block: int) -> None:
    x = np.arange(n * h * w * c * block**2).reshape(n, h * block, w * block, c)
    deep = space_to_depth(x, block)
    for b, row, column, channel in product(range(n), range(h * block), range(w * block), range(c)):
        place = (row % block * block + column % block) * c + channel
        assert deep[b, row // block, column // block, place] == x[b, row, column, channel]
    assert (depth_to_space(deep, block) == x).all()


@given(n=SMALL, h=SMALL, w=SMALL, c=SMALL, rows=SMALL, columns=SMALL)
def test_space_to_batch(n: int, h: int, w: int, c: int, rows: int, columns: int) -> None:
    x = np.arange(n * h * w * c * rows * columns).reshape(n, h * rows, w * columns, c)
    moved = space_to_batch(x, (rows, columns), ((0, 0), (0, 0)), -1)
    for b, row, column in product(range(n), range(h * rows), range(w * columns)):
        batch = (row % rows * columns + column % columns) * n + b
        assert (moved[batch, row // rows, column // columns] == x[b, row, column]).all()
    assert (batch_to_space(moved, (rows, columns), ((0, 0), (0, 0))) == x).all()


def test_paddings_and_crops_of_one_dimension_of_space() -> None:
    x = np.arange(1, 6).reshape(1, 5, 1)
    moved = space_to_batch(x, (3,), ((2, 2),), 0)
    assert moved[..., 0].tolist() == [[0, 2, 5], [0, 3, 0], [1, 4, 0]]
    assert (batch_to_space(moved, (3,), ((2, 2),)) == x).all()
    assert space_to_batch(x, (2,), ((-1, 0),), 0)[..., 0].tolist() == [[2, 4], [3, 5]]


def test_negative_paddings_cut_off() -> None:
    assert pad(np.arange(5), ((-2, 1),), 9).tolist() == [2, 3, 4, 9]
    assert pad(np.arange(5), ((-6, 2),), 9).tolist() == [9]
    assert pad(np.arange(2), ((2, -3),), 9).tolist() == [9]


def test_mirrors() -> None:
    assert mirror_indices(4, 2, 3, 0).tolist() == [1, 0, 0, 1, 2, 3, 3, 2, 1]
    assert mirror_indices(4, 2, 3, 1).tolist() == [2, 1, 0, 1, 2, 3, 2, 1, 0]


def test_sequences() -> None:
    x = np.arange(12).reshape(3, 4)
    lengths = np.array([0, 2, 4])
    assert reverse_sequences(x, lengths, 1, 0).tolist() == [[0, 1, 2, 3], [5, 4, 6, 7], [11, 10, 9, 8]]
    assert (reverse_sequences(x.T, lengths, 0, 1) == reverse_sequences(x, lengths, 1, 0).T).all()
