"""EMBEDDING_LOOKUP, EMBEDDING_LOOKUP_SPARSE and HASHTABLE_LOOKUP: rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np

from microinterp_kernels import embedding as kernels

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .gather import check_range
from .node import Invocation, Node, RuntimeTensor

_BITS = {TensorType.UINT8: 8, TensorType.INT8: 8, TensorType.INT4: 4, TensorType.INT2: 2}
_FLOATS = (TensorType.FLOAT32, TensorType.FLOAT16)
_BLOCK_TYPES = (TensorType.INT4, TensorType.INT2)
_COMBINERS: tuple[kernels.Combiner, ...] = ("sum", "mean", "sqrtn")


def prepare_embedding_lookup(node: Node) -> Invocation:
    """EMBEDDING_LOOKUP: rows as they are, or int8 ones (LiteRT: also narrower) as floats."""
    node.require_counts(2, 1)
    lookup, table, output = node.input(0), node.input(1), node.output()
    node.require_rank(lookup, 1)
    node.require_type(lookup, TensorType.INT32)
    node.require(len(table.shape) >= 2, f"{table} must be at least a matrix")
    node.require_type(table, *node.runtime.element_types[node.name])
    node.require_type(output, *node.runtime.element_types[node.name])
    output.shape = (*lookup.shape, *table.shape[1:])
    if not node.runtime.has_dynamic_tensors:
        _require_room(node, output)
    blocks = _blocks(table) if node.runtime.quantizes_per_channel else None
    if blocks is None and table.type is output.type:
        node.require(
            table.scales.size <= 1 or not node.runtime.quantizes_per_channel, f"{table} has scales per row"
        )
        return Invocation(partial(_pick, table.shape[0]), (lookup, table, output))
    node.require(
        table.type in _BITS and output.type in _FLOATS,
        f"{output} must have the element type of {table}, or floats of integers",
        at_invoke=blocks is not None,
    )
    scales = _row_scales(node, table, output) if blocks is None else _block_scales(node, table, blocks)
    function = partial(_pick_dequantized, scales, _BITS[table.type])
    return Invocation(function, (lookup, table, output), scales)


def _require_room(node: Node, output: RuntimeTensor) -> None:
    """TFLM's rule: the shape in the model may be larger, and have more dimensions."""
    stored, needed = output.definition.shape or (), output.shape
    output.shape = (*needed, *stored[len(needed) :])
    node.require(
        len(stored) >= len(needed) and prod(needed) == output.size <= prod(stored),
        f"{output} does not fit into the shape {list(stored)} that the model has for it",
    )


def _row_scales(node: Node, table: RuntimeTensor, output: RuntimeTensor) -> Array:
    """The scale of each row, in a shape that broadcasts; TFLM takes the first for all."""
    if output.type is TensorType.FLOAT32:
        node.require(table.zero_point == 0, f"the zero point of {table} must be 0")
    scales, q, rows = table.scales, table.quantization, table.shape[0]
    if scales.size <= 1 or not node.runtime.quantizes_per_channel:
        scales = np.full(rows, table.scale, np.float32)
    node.require(
        scales.size == rows and (q is None or q.quantized_dimension == 0 or table.scales.size <= 1),
        f"{table} must have one scale per row",
    )
    return scales.reshape(rows, *(1,) * (len(table.shape) - 1))


def _blocks(table: RuntimeTensor) -> Mapping[str, Any] | None:
    """What says how a table is quantized in blocks, if it is."""
    details = table.quantization.details if table.quantization is not None else None
    return details[1] if details is not None and details[0] == "BlockwiseQuantization" else None


def _block_scales(node: Node, table: RuntimeTensor, blocks: Mapping[str, Any]) -> Array:
    """The scale of each element of a table whose rows are cut in blocks; LiteRT looks at most of it at invoke."""
    node.require(
        table.type in _BLOCK_TYPES and len(table.shape) == 2,
        f"{table} must be a matrix of INT4 or INT2, as it is quantized in blocks",
        at_invoke=True,
    )
    scales, size = node.tensors[blocks["scales"]], blocks["block_size"]
    rows, columns = table.shape
    node.require(
        size > 0 and columns % size == 0, f"rows of {table} are not made of blocks of {size}", at_invoke=True
    )
    values = scales.constant
    if values is None or scales.type is not TensorType.FLOAT16 or values.size < rows * (columns // size):
        node.fail(f"{scales} must be constant, with a FLOAT16 number per block of {table}")
    per_block = values.reshape(-1)[: rows * (columns // size)].astype(np.float32)
    return np.repeat(per_block, size).reshape(rows, columns)


def _pick(rows: int, lookup: Array, table: Array, output: Array) -> None:
    check_range(lookup, rows)
    output[...] = table[lookup].reshape(output.shape)


def _pick_dequantized(scales: Array, bits: int, lookup: Array, table: Array, output: Array) -> None:
    check_range(lookup, len(table))
    picked = table[lookup].view(np.int8)  # LiteRT takes uint8 for int8
    with np.errstate(over="ignore"):
        output[...] = kernels.dequantize_rows(picked, scales[lookup], bits).reshape(output.shape)


def prepare_embedding_lookup_sparse(node: Node) -> Invocation:
    """EMBEDDING_LOOKUP_SPARSE: weighted sums of rows, by buckets of a sparse tensor."""
    node.require_counts(5, 1)
    ids, indices, shape, weights, table = (node.input(i) for i in range(5))
    output = node.output()
    for tensor, rank in ((ids, 1), (indices, 2), (shape, 1)):
        node.require_rank(tensor, rank)
        node.require_type(tensor, TensorType.INT32)
    node.require_rank(weights, 1)
    node.require_type(weights, TensorType.FLOAT32)
    node.require(
        indices.shape[0] == ids.shape[0] == weights.shape[0],
        f"{ids}, {indices} and {weights} must have equal lengths",
    )
    node.require(len(table.shape) >= 2, f"{table} must be at least a matrix")
    node.require_type(table, TensorType.FLOAT32)
    node.require_type(output, TensorType.FLOAT32)
    node.require(indices.shape[1] >= 1, f"{indices} has no components")
    node.require(
        shape.shape[0] == indices.shape[1], f"{shape} must have {indices.shape[1]} elements", at_invoke=True
    )
    combiner = node.options["combiner"]
    node.require(combiner in range(len(_COMBINERS)), f"there is no combiner {combiner}")
    function = partial(_combine, _COMBINERS[combiner])
    return Invocation(function, (ids, indices, shape, weights, table), dynamic=(output,))


def _combine(
    combiner: kernels.Combiner, ids: Array, indices: Array, shape: Array, weights: Array, table: Array
) -> Array:
    outer = tuple(int(d) for d in shape[:-1])
    if min(outer, default=0) < 0:
        raise InvokeError(f"a shape cannot be {list(outer)}")
    check_range(ids, table.shape[0])
    buckets = np.zeros(ids.size, np.int64)
    for size, index in zip(outer, indices.T, strict=False):
        buckets = buckets * size + index
    output = np.empty((prod(outer), prod(table.shape[1:])), np.float32)
    kernels.combine_rows(table.reshape(table.shape[0], -1), ids, buckets, weights, output, combiner)
    return output.reshape(*outer, *table.shape[1:])


def prepare_hashtable_lookup(node: Node) -> Invocation:
    """HASHTABLE_LOOKUP: the rows whose keys, which are sorted, equal the lookups; zeros (empty strings) for others."""
    node.require_counts(3, 2)
    lookup, keys, table, output, hits = (*(node.input(i) for i in range(3)), node.output(0), node.output(1))
    for tensor in (lookup, keys):
        node.require_rank(tensor, 1)
        node.require_type(tensor, TensorType.INT32)
    node.require(table.shape[:1] == keys.shape, f"{table} must have as many rows as {keys}")
    node.require_type(table, *node.runtime.element_types[node.name])
    node.require(table.type is not TensorType.STRING or len(table.shape) == 1, f"{table} must be a vector")
    node.require_type(hits, TensorType.UINT8)
    node.require(output.type is table.type, f"{output} must have the element type of {table}")
    output.shape = (*lookup.shape, *table.shape[1:])
    hits.shape = lookup.shape
    node.require(table.shape[0] > 0, f"{table} is empty", at_invoke=True)
    return Invocation(
        partial(_look_up, b"" if table.type is TensorType.STRING else 0), (lookup, keys, table, output, hits)
    )


def _look_up(
    nothing: bytes | int, lookup: Array, keys: Array, table: Array, output: Array, hits: Array
) -> None:
    found = kernels.find_sorted(keys, lookup)
    is_hit = found >= 0
    output[...] = nothing
    output[is_hit] = table[found[is_hit]]
    hits[...] = is_hit
