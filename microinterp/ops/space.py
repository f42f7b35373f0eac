"""SPACE_TO_DEPTH, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: blocks of space moved elsewhere and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np

from microinterp_kernels import rearrange

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .shapes import (
    Movement,
    Shape,
    pairs,
    per_tensor_quantization,
    prepare_movement,
    require_equal_quantization,
)


def prepare_space_to_depth(node: Node) -> Invocation:
    """SPACE_TO_DEPTH: blocks of an image become channels."""
    x, block = _require_image(node)
    n, height, width, channels = x.shape
    node.require(height % block == 0 == width % block, f"{x} cannot be cut into blocks of {block}")
    node.output().shape = (n, height // block, width // block, channels * block * block)
    return _prepare_block(node, rearrange.space_to_depth, block)


def prepare_depth_to_space(node: Node) -> Invocation:
    """DEPTH_TO_SPACE: channels become blocks of an image."""
    x, block = _require_image(node)
    n, height, width, depth = x.shape
    node.require(depth % (block * block) == 0, f"the channels of {x} are no blocks of {block} by {block}")
    node.output().shape = (n, height * block, width * block, depth // (block * block))
    return _prepare_block(node, rearrange.depth_to_space, block)


def _require_image(node: Node) -> tuple[RuntimeTensor, int]:
    node.require_counts(1, 1)
    x, output, block = node.input(0), node.output(), node.options["block_size"]
    node.require_rank(x, 4)
    node.require_type(x, *node.runtime.element_types[node.name])
    node.require(output.type is x.type, f"{output} must have the element type of {x}")
    node.require(block > 0, f"its block_size is {block}, it must be positive")
    return x, block


def _prepare_block(node: Node, move: Callable[[Array, int], Array], block: int) -> Invocation:
    def rearranged(x: Array, output: Array) -> None:
        output[...] = move(x, block)

    return Invocation(rearranged, (node.input(0), node.output()), block)


def prepare_space_to_batch_nd(node: Node) -> Invocation:
    """SPACE_TO_BATCH_ND: each place within the blocks of a padded image becomes a batch of its own."""
    x = node.input(0)
    fill = _border(node, node.output())
    return _prepare_batches(node, partial(_space_to_batch, x.shape, fill))


def prepare_batch_to_space_nd(node: Node) -> Invocation:
    """BATCH_TO_SPACE_ND: batches become the places within blocks of an image, which is then cropped."""
    return _prepare_batches(node, partial(_batch_to_space, node.input(0).shape))


def _prepare_batches(node: Node, rule: Callable[..., Movement]) -> Invocation:
    node.require_counts(3, 1)
    x, blocks, borders, output = (*(node.input(i) for i in range(3)), node.output())
    node.require_rank(x, 3, 4)
    node.require(output.type is x.type, f"{output} must have the element type of {x}")
    if x.type in (TensorType.UINT8, TensorType.INT8, TensorType.INT16):
        require_equal_quantization(node, x, output)
    space = len(x.shape) - 2
    for tensor, shape in ((blocks, (space,)), (borders, (space, 2))):
        node.require_type(tensor, TensorType.INT32)  # natively not looked at, but read as int32
        node.require(tensor.shape == shape, f"{tensor} must have the shape {list(shape)}")
    invocation = prepare_movement(node, rule, (x,), (blocks, borders))
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    return invocation


def _border(node: Node, output: RuntimeTensor) -> Array:
    """What the image is padded with: natively every byte of it is the zero point's lowest."""
    itemsize = output.dtype.itemsize
    is_quantized = itemsize < 4 and node.runtime.space_to_batch_pads_with_zero_point
    zero_point = per_tensor_quantization(output)[1] if is_quantized else 0
    return np.full(itemsize, zero_point & 0xFF, np.uint8).view(output.dtype).reshape(())


def _check_blocks(blocks: list[int]) -> None:
    if min(blocks) < 1:
        raise InvokeError(f"there are no blocks of size {blocks}")


def _space_to_batch(shape: Shape, fill: Array, block_shape: Array, paddings: Array) -> Movement:
    blocks, widths = block_shape.tolist(), pairs(paddings)
    _check_blocks(blocks)
    sizes = [size + sum(pair) for size, pair in zip(shape[1:-1], widths, strict=True)]
    if any(size < 0 or size % block for size, block in zip(sizes, blocks, strict=True)):
        raise InvokeError(f"an image of {sizes} cannot be cut into blocks of {blocks}")
    counts = [size // block for size, block in zip(sizes, blocks, strict=True)]

    def move(x: Array, output: Array) -> None:
        output[...] = rearrange.space_to_batch(x, blocks, widths, fill)

    return (shape[0] * prod(blocks), *counts, shape[-1]), move


def _batch_to_space(shape: Shape, block_shape: Array, crops: Array) -> Movement:
    blocks, widths = block_shape.tolist(), pairs(crops)
    _check_blocks(blocks)
    if shape[0] % prod(blocks):
        raise InvokeError(f"{shape[0]} batches are no blocks of {blocks}")
    if any(width < 0 for pair in widths for width in pair):
        raise InvokeError(f"cannot crop by {widths}")
    sizes = [size * block - sum(pair) for size, block, pair in zip(shape[1:-1], blocks, widths, strict=True)]
    if min(sizes) < 0:
        raise InvokeError(f"crops of {widths} are more than there is")

    def move(x: Array, output: Array) -> None:
        output[...] = rearrange.batch_to_space(x, blocks, widths)

    return (shape[0] // prod(blocks), *sizes, shape[-1]), move
