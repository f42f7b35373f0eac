"""LSH_PROJECTION and SKIP_GRAM."""

from __future__ import annotations

from functools import partial

import numpy as np

from microinterp_kernels import text as kernels

from ..model.ir import Array, TensorType
from ..model.schema import LSHProjectionType
from .node import Invocation, Node
from .shapes import require_data_type

_MOST_BITS = 32


def prepare_lsh_projection(node: Node) -> Invocation:
    """LSH_PROJECTION: bits that are mostly equal where the items are, or the numbers that they form."""
    node.require_counts((2, 3), 1)
    seeds, items, output = node.input(0), node.input(1), node.output()
    weights = node.input(2) if len(node.inputs) == 3 else None
    node.require_rank(seeds, 2)
    node.require(seeds.shape[1] <= _MOST_BITS, f"{seeds} has more than {_MOST_BITS} columns")
    node.require(items.shape != () and items.shape[0] >= 1, f"{items} has no items")
    if weights is not None:
        node.require(weights.shape == items.shape[:1], f"{weights} must have one element per item of {items}")
        node.require_type(weights, TensorType.FLOAT32)
    node.require_type(seeds, TensorType.FLOAT32)
    require_data_type(node, items)
    node.require_type(output, TensorType.INT32)
    kind = node.options["type"]
    node.require(
        kind in (LSHProjectionType.SPARSE, LSHProjectionType.DENSE), f"there is no projection {kind}"
    )
    is_sparse = kind == LSHProjectionType.SPARSE
    count, bits = seeds.shape
    output.shape = (count if is_sparse else count * bits,)
    # each hash has numbers of its own
    powers = np.left_shift(np.int64(1), np.arange(bits - 1, -1, -1, dtype=np.int64))
    bases = np.arange(count, dtype=np.int64) << bits

    def compute(seeds: Array, items: Array, weights: Array | None, output: Array) -> None:
        rows = items.reshape(items.shape[0], -1)
        found = kernels.lsh_bits(seeds, rows.view(np.uint8) if rows.size else rows.astype(np.uint8), weights)
        output[...] = (found @ powers + bases).astype(np.int32) if is_sparse else found.reshape(-1)

    return Invocation(compute, (seeds, items, weights, output))


def prepare_skip_gram(node: Node) -> Invocation:
    """SKIP_GRAM: all sequences of words of a text, with gaps between them."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    node.require_type(x, TensorType.STRING)
    node.require_type(output, TensorType.STRING)
    node.require(x.size > 0, f"{x} is empty", at_invoke=True)
    options = node.options
    make = partial(
        kernels.skip_grams,
        size=options["ngram_size"],
        most_skipped=options["max_skip_size"],
        include_shorter=options["include_all_ngrams"],
    )

    def compute(x: Array) -> Array:
        grams = make(x.flat[0])
        output = np.empty(len(grams), object)
        output[:] = grams
        return output

    return Invocation(compute, (x,), dynamic=(output,))
