"""BITCAST."""

from __future__ import annotations

import numpy as np

from ..model.ir import Array
from .node import Invocation, Node
from .shapes import require_data_type


def prepare_bitcast(node: Node) -> Invocation:
    """BITCAST: the same bytes as another type. One element becomes several along a last axis, or they one."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    require_data_type(node, x)
    require_data_type(node, output)
    size, output_size = x.dtype.itemsize, output.dtype.itemsize
    if size > output_size:
        output.shape = (*x.shape, size // output_size)
    elif size < output_size:
        node.require(
            x.shape[-1:] == (output_size // size,),
            f"the last dimension of {x} must be {output_size // size}, which make one {output.type.name}",
        )
        output.shape = x.shape[:-1]
    else:
        output.shape = x.shape
    return Invocation(_copy_bytes, (x, output))


def _copy_bytes(x: Array, output: Array) -> None:
    output.reshape(-1).view(np.uint8)[...] = x.reshape(-1).view(np.uint8)
