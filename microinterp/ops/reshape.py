"""RESHAPE, SQUEEZE and EXPAND_DIMS: the same elements in another shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .shapes import (
    Movement,
    Shape,
    decide,
    find_axis,
    prepare_movement,
    require_equal_quantization,
    require_few_dimensions,
    require_static,
    require_stored_shape,
)

_MOST_DIMENSIONS_IN_OPTIONS = 8  # in both runtimes
_MOST_DIMENSIONS = 32  # NumPy's limit before 2.0


def prepare_reshape(node: Node) -> Invocation:
    """RESHAPE in every element type; one dimension of the new shape may be −1, to be inferred.

    LiteRT takes the new shape from a vector of int32 (which may come from the graph: the output is then dynamic),
    else from the options. TFLM takes the one that is stored in the model for its output.
    """
    node.require_counts((1, 2), 1)
    x, output = node.input(0), node.output()
    node.require_type(x, *node.runtime.element_types[node.name])
    node.require(x.type is output.type, f"{output} must have the element type of {x}")
    new_shape = tuple(node.options["new_shape"] or ())
    node.require(
        len(new_shape) <= _MOST_DIMENSIONS_IN_OPTIONS,
        f"its options have room for {_MOST_DIMENSIONS_IN_OPTIONS} dimensions; a tensor with the shape has for more",
    )
    if node.runtime.reshapes_to_stored_shape:
        stored = output.definition.shape or ()
        legacy_scalar = len(node.inputs) == 1 and stored == (0,)
        return _static(node, x, output, () if legacy_scalar else stored)
    # old models say [0] for a scalar
    said = () if new_shape == (0,) else new_shape
    shape = node.optional_input(1)
    if shape is not None and len(shape.shape) == 1 and shape.type is TensorType.INT32:
        rule: Callable[..., Movement] = partial(_reshape_to_values, x.shape)
    else:
        rule = partial(_reshape_to_options, x.shape, said)
    if shape is not None and shape.constant is None:  # even one that says nothing is waited for
        return prepare_movement(node, rule, (x,), (shape,))
    known = [] if shape is None else [shape.constant]
    if x.type is TensorType.STRING:  # LiteRT infers it at invoke
        output.shape, move = rule(*known)
    else:
        output.shape, move = decide(node, rule, *known)
    return Invocation(move, (x, output))


def _static(node: Node, x: RuntimeTensor, output: RuntimeTensor, wanted: Sequence[int]) -> Invocation:
    output.shape = decide(node, resolve_shape, x.shape, wanted)
    return Invocation(copy_elements, (x, output))


def _reshape_to_values(shape: Shape, values: Array) -> Movement:
    return resolve_shape(shape, values.tolist()), copy_elements


def _reshape_to_options(shape: Shape, wanted: Sequence[int], *_: Array) -> Movement:
    return resolve_shape(shape, wanted), copy_elements


def resolve_shape(shape: Shape, wanted: Sequence[int]) -> Shape:
    """The wanted shape with its −1 inferred, as TFLite's `ResolveOutputShape` does it.

    Sizes of 0 count as 1 where a dimension is inferred from a tensor that is empty either way.

    Raises:
        InvokeError: more than one −1, another negative size, not as many elements as `shape` has, or more dimensions
            than NumPy has.
    """
    impossible = InvokeError(f"a tensor of shape {list(shape)} cannot be reshaped to {list(wanted)}")
    if len(wanted) > _MOST_DIMENSIONS or sum(d == -1 for d in wanted) > 1 or any(d < -1 for d in wanted):
        raise impossible
    if -1 in wanted:
        known = [d for d in wanted if d != -1]
        if prod(shape) == 0 and prod(known) != 0:
            inferred = 0
        else:
            inferred = prod(d for d in shape if d) // prod(d for d in known if d)
        wanted = [inferred if d == -1 else d for d in wanted]
    if prod(wanted) != prod(shape):
        raise impossible
    return tuple(wanted)


def copy_elements(x: Array, output: Array) -> None:
    """Copy the elements in row-major order."""
    output[...] = x.reshape(output.shape)


def prepare_squeeze(node: Node) -> Invocation:
    """SQUEEZE: without some dimensions of size 1, or without all of them."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    require_few_dimensions(node, x)
    rank, axes = len(x.shape), node.options["squeeze_dims"] or ()
    node.require(len(axes) <= _MOST_DIMENSIONS_IN_OPTIONS, f"cannot name {len(axes)} dimensions to drop")
    dropped = {decide(node, find_axis, axis, rank) for axis in axes}
    for axis in dropped:
        node.require(x.shape[axis] == 1, f"axis {axis} of {x} does not have size 1")
    if not axes:
        dropped = {axis for axis, size in enumerate(x.shape) if size == 1}
    output.shape = tuple(size for axis, size in enumerate(x.shape) if axis not in dropped)
    require_stored_shape(node)
    node.require(x.type is output.type, f"{output} must have the element type of {x}")
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    return Invocation(copy_elements, (x, output))


def prepare_expand_dims(node: Node) -> Invocation:
    """EXPAND_DIMS: with a new dimension of size 1."""
    node.require_counts(2, 1)
    x, axis, output = node.input(0), node.input(1), node.output()
    node.require(x.type is output.type, f"{output} must have the element type of {x}")
    require_equal_quantization(node, x, output)
    node.require_type(axis, *node.runtime.operand_types[node.name])
    node.require(axis.size == 1, f"{axis} must have one element")
    require_static(node, axis)
    invocation = prepare_movement(node, partial(_expand, x.shape), (x,), (axis,))
    node.require_type(x, *node.runtime.element_types[node.name], at_invoke=True)
    return invocation


def _expand(shape: Shape, axis: Array) -> Movement:
    place = find_axis(int(axis.flat[0]), len(shape) + 1)
    return (*shape[:place], 1, *shape[place:]), copy_elements
