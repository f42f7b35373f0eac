"""FAKE_QUANT, NumericVerify and DENSIFY: operators of models that are still to be converted, or were compressed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from microinterp_kernels.fake_quant import FakeQuant

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .quantize import dequantizer
from .shapes import require_data_type

_MOST_BITS = 31


def prepare_fake_quant(node: Node) -> Invocation:
    """FAKE_QUANT: float32 numbers rounded as if they were quantized."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    node.require(not node.options["narrow_range"], "narrow_range is not supported")
    require_data_type(node, x, output)
    bits, low, high = node.options["num_bits"], node.options["min"], node.options["max"]
    # LiteRT does not look
    node.require(1 <= bits <= _MOST_BITS, f"num_bits is {bits}, must be in 1 to {_MOST_BITS}")
    node.require(low < high, f"the range [{low}, {high}] is empty")
    output.shape = x.shape
    function = FakeQuant(low, high, bits)
    return Invocation(function, (x, output), function)


def prepare_densify(node: Node) -> Invocation:
    """DENSIFY: a sparse constant with all of its elements."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    node.require(x.definition.sparsity is not None, f"{x} must be sparse")
    values = node.constant(0)
    node.require(output.type is x.type, f"{output} must have the element type of {x}")
    output.shape = x.shape
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    return Invocation(partial(_write, values), (output,))


def _write(values: Array, output: Array) -> None:
    output[...] = values


def prepare_numeric_verify(node: Node) -> Invocation:
    """NumericVerify: what quantization has changed, and a refusal where it is too much."""
    node.require_counts(2, 1)
    x, reference, output = node.input(0), node.input(1), node.output()
    require_data_type(node, x)
    node.require_type(reference, TensorType.FLOAT32)
    node.require_type(output, TensorType.FLOAT32)
    # LiteRT does not look, and reads beyond what is too short
    node.require(reference.size >= x.size, f"{reference} must have {x.size} elements")
    output.shape = x.shape
    tolerance = np.float32(node.options.get("tolerance") or 0)
    checks = bool(node.options.get("log_if_failed")) and float(tolerance) >= 0.1
    most = tolerance * np.float32(x.scale) if checks else np.float32(np.inf)
    return Invocation(partial(_verify, dequantizer(node, x), most), (x, reference, output))


@np.errstate(all="ignore")
def _verify(dequantize: Any, most: np.float32, x: Array, reference: Array, output: Array) -> None:
    dequantize(x, output)
    output -= reference.reshape(-1)[: x.size].reshape(x.shape)
    if (np.abs(output) > most).any():
        raise InvokeError(
            f"a number differs by {np.nanmax(np.abs(output))} from its reference; at most {most} is allowed"
        )
