"""MATRIX_DIAG and MATRIX_SET_DIAG: diagonals of the matrices in the last two axes."""

from __future__ import annotations

from math import prod

import numpy as np

from ..model.ir import Array
from .node import Invocation, Node
from .shapes import require_data_type


def prepare_matrix_diag(node: Node) -> Invocation:
    """MATRIX_DIAG: square matrices of zeros but for their diagonals."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    node.require(x.shape != (), f"{x} must be at least a vector")
    require_data_type(node, x, output)
    output.shape = (*x.shape, x.shape[-1])
    places = np.arange(x.shape[-1])

    def compute(x: Array, output: Array) -> None:
        output[...] = 0
        output[..., places, places] = x

    return Invocation(compute, (x, output))


def prepare_matrix_set_diag(node: Node) -> Invocation:
    """MATRIX_SET_DIAG: matrices with other diagonals."""
    node.require_counts(2, 1)
    x, diagonal, output = node.input(0), node.input(1), node.output()
    node.require(len(x.shape) >= 2, f"{x} must be at least a matrix")
    require_data_type(node, x, diagonal, output)
    output.shape = x.shape
    places = np.arange(min(x.shape[-2:]))
    shape = (*x.shape[:-2], places.size)
    count = prod(shape)
    # LiteRT does not look at the shape, and reads beyond what is too short
    node.require(diagonal.size >= count, f"{diagonal} must have {count} elements")

    def compute(x: Array, diagonal: Array, output: Array) -> None:
        output[...] = x
        output[..., places, places] = diagonal.reshape(-1)[:count].reshape(shape)

    return Invocation(compute, (x, diagonal, output))
