"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from microinterp_kernels.resize import ResizeBilinearFloat, ResizeBilinearInteger, ResizeNearestNeighbor

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .common import compute_nothing
from .node import Invocation, Node
from .shapes import decide, require_data_type, require_static

# From (height, width) to the function that resizes an image to it.
_MakeKernel = Callable[[tuple[int, int]], Callable[[Array, Array], None]]


def prepare_resize_bilinear(node: Node) -> Invocation:
    """RESIZE_BILINEAR of float32 and int8, and of uint8 and int16 where the runtime has them."""
    _check(node)
    x, size = node.input(0), node.input(1)
    align_corners, half_pixel_centers = _corners(node)
    node.require(
        not (align_corners and half_pixel_centers)
        or size.constant is None,  # LiteRT does not ask before invoke
        "cannot both align corners and have half-pixel centers",
    )
    make: _MakeKernel
    batches, height, width, channels = x.shape
    shape = (batches, height, width, channels)
    if x.type in {TensorType.FLOAT32, TensorType.UINT8}:
        make = partial(
            ResizeBilinearFloat, shape, align_corners=align_corners, half_pixel_centers=half_pixel_centers
        )
    else:
        make = partial(
            ResizeBilinearInteger,
            shape,
            dtype=x.dtype,
            align_corners=align_corners,
            half_pixel_centers=half_pixel_centers,
        )
    return _prepare(node, make, least=1)


def prepare_resize_nearest_neighbor(node: Node) -> Invocation:
    """RESIZE_NEAREST_NEIGHBOR of elements of up to four bytes, as far as the runtime has them."""
    _check(node)
    align_corners, half_pixel_centers = _corners(node)
    _, height, width, _ = node.input(0).shape
    make = partial(
        ResizeNearestNeighbor,
        (height, width),
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
    )
    return _prepare(node, make, least=0)


def _check(node: Node) -> None:
    node.require_counts(2, 1)
    x, size = node.input(0), node.input(1)
    node.require_rank(x, 4)
    node.require_type(size, TensorType.INT32)
    node.require(size.shape == (2,), f"{size} must hold height and width")


def _corners(node: Node) -> tuple[bool, bool]:
    return bool(node.options["align_corners"]), bool(node.options["half_pixel_centers"])


def _prepare(node: Node, make: _MakeKernel, *, least: int) -> Invocation:
    x, size, output = node.input(0), node.input(1), node.output()
    node.require(
        x.size > 0 or 0 in (x.shape[0], x.shape[3]), f"{x} has no pixels"
    )  # the native kernels read beyond it
    if not require_static(node, size):
        require_data_type(node, x, output)
        return Invocation(partial(_resize_dynamically, make, least), (x, size), make, dynamic=(output,))
    new_size = decide(node, _new_size, least, size.constant)
    output.shape = (x.shape[0], *new_size, x.shape[3])
    require_data_type(node, x, output)
    if output.size == 0:
        return Invocation(compute_nothing, ())
    kernel = make(new_size)
    return Invocation(kernel, (x, output), kernel)


def _new_size(least: int, size: Array | None) -> tuple[int, int]:
    assert size is not None
    height, width = (int(s) for s in size)
    if min(height, width) < least:
        raise InvokeError(f"cannot resize an image to {height}×{width}")
    return height, width


def _resize_dynamically(make: _MakeKernel, least: int, x: Array, size: Array) -> Array:
    height, width = _new_size(least, size)
    output = np.empty((x.shape[0], height, width, x.shape[3]), x.dtype)
    if output.size:
        make((height, width))(x, output)
    return output
