"""CAST."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from microinterp_kernels import cast as kernels

from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .shapes import require_data_type

_BELOW_A_BYTE = {TensorType.INT4: (-8, 7), TensorType.UINT4: (0, 15), TensorType.INT2: (-2, 1)}


def prepare_cast(node: Node) -> Invocation:
    """CAST: between all number types that the runtime has. The types in the options do not matter."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    output.shape = x.shape
    require_data_type(node, x)
    require_data_type(node, output)
    for narrow, other in ((x, output), (output, x)):
        node.require(
            narrow.type not in _BELOW_A_BYTE or other.type is TensorType.FLOAT32,
            f"{narrow} can be cast from and to FLOAT32 only",
            at_invoke=True,
        )
    function = _choose(node, x, output)
    if x.type is TensorType.BFLOAT16 and output.type is not x.type:
        return Invocation(partial(_from_bfloat16, function), (x, output), function)
    return Invocation(function, (x, output), function)


def _choose(node: Node, x: RuntimeTensor, output: RuntimeTensor) -> Callable[[Array, Array], None]:
    """The kernel for this pair; one of bfloat16 is given floats."""
    if output.type is TensorType.FLOAT16:
        return kernels.cast_to_float16
    if output.type is TensorType.BOOL:
        return kernels.cast_to_bool
    if output.type is TensorType.BFLOAT16 and x.type is not output.type:
        return kernels.cast_to_bfloat16
    from_floats = x.type is TensorType.BFLOAT16 or x.dtype.kind in "fc"
    if from_floats and output.dtype.kind in "iu" and x.type is not output.type:
        limits = np.iinfo(output.dtype)
        low, high = _BELOW_A_BYTE.get(output.type, (int(limits.min), int(limits.max)))
        nan = high if node.runtime.casts_nan_to_largest else 0
        return partial(kernels.cast_to_integer, low=low, high=high, nan=nan)
    return kernels.cast


def _from_bfloat16(function: Callable[[Array, Array], None], x: Array, output: Array) -> None:
    function(kernels.from_bfloat16(x), output)
