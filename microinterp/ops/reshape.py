"""RESHAPE: the same elements in another shape."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .shapes import Shape, decide

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
    shape = node.optional_input(1)
    if shape is not None and len(shape.shape) == 1 and shape.type is TensorType.INT32:
        if shape.constant is None:
            return Invocation(reshape_dynamic, (x, shape), dynamic=(output,))
        return _static(node, x, output, shape.constant.tolist())
    # old models say [0] for a scalar
    return _static(node, x, output, () if new_shape == (0,) else new_shape)


def _static(node: Node, x: RuntimeTensor, output: RuntimeTensor, wanted: Sequence[int]) -> Invocation:
    output.shape = decide(node, resolve_shape, x.shape, wanted)
    return Invocation(copy_elements, (x, output))


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


def reshape_dynamic(x: Array, shape: Array) -> Array:
    """A copy in the shape that a tensor says."""
    output: Array = x.reshape(resolve_shape(x.shape, shape.tolist())).copy()
    return output
