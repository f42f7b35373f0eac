"""LiteRT's custom operator `aeq.hadamard_rotation`."""

from __future__ import annotations

import numpy as np

from microinterp_kernels.hadamard import hadamard_rotation_float32

from ..model.ir import Array, TensorType
from .common import integer_option
from .node import Invocation, Node


def prepare_aeq_hadamard_rotation(node: Node) -> Invocation:
    """Walsh–Hadamard transforms of `hadamard_size` numbers each, of (features, n), (batch, features, n).

    As in LiteRT the output is what the model says, and int32 is taken for the bits of float32. If n is not a multiple
    of `hadamard_size`, the transforms are of the first numbers of all, whatever the feature, and the rest is copied;
    so it is altogether if `hadamard_size` is not a power of 2.
    """
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    node.require_type(x, TensorType.FLOAT32, TensorType.INT32)
    node.require(len(x.shape) >= 2, f"{x} must have at least two dimensions")
    node.require(
        output.type is not TensorType.STRING and output.nbytes == x.nbytes,
        f"{output} must have as many bytes as {x}",
    )
    size = integer_option(node, "hadamard_size")
    node.require(size != 0, "hadamard_size must not be 0")
    is_power_of_2 = size > 0 and size & (size - 1) == 0
    *features, n = x.shape if len(x.shape) == 3 else x.shape[:2]
    count = size * (n // size) * int(np.prod(features, dtype=np.int64)) if is_power_of_2 else 0

    def invoke(x: Array, output: Array) -> None:
        values, results = (array.reshape(-1).view(np.float32) for array in (x, output))
        results[:count] = hadamard_rotation_float32(values[:count].reshape(-1, size)).ravel()
        results[count:] = values[count:]

    def copy(x: Array, output: Array) -> None:
        output.reshape(-1).view(np.uint8)[...] = x.reshape(-1).view(np.uint8)

    return Invocation(invoke if count else copy, (x, output))
