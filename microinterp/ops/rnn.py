"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN: LiteRT's alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from microinterp_kernels.recurrent_activations import ACTIVATIONS
from microinterp_kernels.rnn import FloatProduct, HybridProduct, Product, Rnn

from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .recurrent import BYTES, activation_name, build_once_if_constant, real_aux, time_first

_FLOAT32 = TensorType.FLOAT32


def prepare_rnn(node: Node) -> Invocation:
    """RNN: one step of a batch; float32, with int8 weights too."""
    node.require_counts(5, 1)
    x = node.input(0)
    node.require_rank(x, 2)
    cell = _Cell(node, x, (1, 2, 3), 4, batch=x.shape[0])
    node.output().shape = (x.shape[0], cell.units)
    cell.require_at_invoke()

    def build(arrays: Sequence[Array | None]) -> Callable[..., None]:
        return partial(_run_step, cell.build(arrays, together=True))

    return build_once_if_constant(build, cell.parameters, (x, cell.state, node.output()))


def _run_step(kernel: Rnn, x: Array, state: Array, output: Array) -> None:
    kernel([x[None]], state, output[None])


def prepare_unidirectional_sequence_rnn(node: Node) -> Invocation:
    """UNIDIRECTIONAL_SEQUENCE_RNN: float32, with int8 weights too."""
    node.require_counts(5, 1)
    x, time_major = node.input(0), bool(node.options["time_major"])
    node.require_rank(x, 3)
    cell = _Cell(node, x, (1, 2, 3), 4, batch=x.shape[1 if time_major else 0])
    node.output().shape = (*x.shape[:2], cell.units)
    cell.require_at_invoke()

    def build(arrays: Sequence[Array | None]) -> Callable[..., None]:
        kernel = cell.build(arrays, time_major)
        return lambda x, state, output: kernel(
            [time_first(x, time_major)], state, time_first(output, time_major)
        )

    return build_once_if_constant(build, cell.parameters, (x, cell.state, node.output()))


def prepare_bidirectional_sequence_rnn(node: Node) -> Invocation:
    """BIDIRECTIONAL_SEQUENCE_RNN: float32, with int8 weights too.

    An auxiliary input is another input of both cells if it has weights, else the backward cell's instead of the first:
    so it is meant, and so it is with `time_major`; else LiteRT's backward cell takes the first input.
    """
    merge, time_major = bool(node.options["merge_outputs"]), bool(node.options["time_major"])
    node.require_counts(12, 1 if merge else 2)
    x = node.input(0)
    node.require_rank(x, 3)
    aux, is_backward = real_aux(
        node, x, node.optional_input(9), has_weights=node.optional_input(10) is not None
    )
    node.require(
        (node.optional_input(10) is None) == (node.optional_input(11) is None),
        "must have auxiliary weights of both cells or of none",
    )
    batch = x.shape[1 if time_major else 0]
    forward = _Cell(node, x, (1, 2, 3), 4, batch, aux, 10)
    backward = _Cell(node, x, (5, 6, 7), 8, batch, aux, 11)
    node.require_type(backward.weights, forward.weights.type)
    sizes = [forward.units + backward.units] if merge else [forward.units, backward.units]
    for output, size in zip(node.outputs, sizes, strict=True):
        output.shape = (*x.shape[:2], size)
    for cell in (forward, backward):
        node.require(cell.state.is_variable, f"{cell.state}, the state, must be a variable")
    forward.require_at_invoke()
    backward_x = aux if is_backward and time_major else x
    # LiteRT's time-major hybrid kernel runs over the whole sequence as many times as there are steps
    times = x.shape[0] if time_major and forward.is_hybrid else 1
    count = len(forward.parameters)

    def build(arrays: Sequence[Array | None]) -> Callable[..., None]:
        return _BothWays(
            forward.build(arrays[:count], time_major),
            backward.build(arrays[count:], time_major),
            forward.units,
            time_major,
            times,
        )

    arguments = (
        *(x, backward_x, None if is_backward else aux),
        *(forward.state, backward.state, *node.outputs),
    )
    return build_once_if_constant(build, (*forward.parameters, *backward.parameters), arguments)


class _BothWays:
    """Runs one cell forward over time, the other backward, into one output or two."""

    def __init__(self, forward: Rnn, backward: Rnn, units: int, time_major: bool, times: int) -> None:
        self.forward, self.backward = forward, backward
        self.units, self.time_major, self.times = units, time_major, times

    def __call__(
        self,
        x: Array,
        backward_x: Array,
        aux: Array | None,
        forward_state: Array,
        backward_state: Array,
        *outputs: Array,
    ) -> None:
        both = outputs if len(outputs) == 2 else np.split(outputs[0], [self.units], axis=2)
        xs, backward_xs = (
            [time_first(a, self.time_major) for a in (first, aux) if a is not None]
            for first in (x, backward_x)
        )
        forward_output, backward_output = (time_first(output, self.time_major) for output in both)
        for _ in range(self.times):
            self.forward(xs, forward_state, forward_output)
            self.backward([a[::-1] for a in backward_xs], backward_state, backward_output[::-1])


class _Cell:
    """The tensors of one cell: the inputs `places` are its weights, recurrent weights and bias."""

    def __init__(
        self,
        node: Node,
        x: RuntimeTensor,
        places: tuple[int, int, int],
        state: int,
        batch: int,
        aux: RuntimeTensor | None = None,
        aux_place: int = -1,
    ) -> None:
        self.node, self.state = node, node.input(state)
        self.weights, self.recurrent, self.bias = (node.input(i) for i in places)
        node.require_type(x, _FLOAT32)
        node.require_rank(self.weights, 2)
        self.units = self.weights.shape[0]
        self.aux_weights = None if aux is None else node.optional_input(aux_place)
        shapes = [
            (self.weights, (self.units, x.shape[-1])),
            (self.recurrent, (self.units, self.units)),
            (self.bias, (self.units,)),
            (self.state, (batch, self.units)),
        ]
        if aux is not None and self.aux_weights is not None:
            shapes.append((self.aux_weights, (self.units, aux.shape[-1])))
            node.require_type(self.aux_weights, self.weights.type)
        for tensor, shape in shapes:
            node.require(tensor.shape == shape, f"{tensor} must have the shape {list(shape)}")
        node.require_type(self.recurrent, self.weights.type)
        for tensor in (self.bias, self.state, *node.outputs):
            node.require_type(tensor, _FLOAT32)
        self.is_hybrid = self.weights.type in BYTES
        self.asymmetric = self.is_hybrid and bool(node.options["asymmetric_quantize_inputs"])
        self.parameters = (self.weights, self.aux_weights, self.recurrent, self.bias)
        for weights in self.parameters[:3]:
            if weights is None:
                continue
            node.require(weights.scales.size <= 1, f"{weights} must have one scale")
            node.require(  # LiteRT sums up the rows of the weights once, at the first invoke
                not self.asymmetric or weights.constant is not None, f"{weights} must be constant"
            )

    def require_at_invoke(self) -> None:
        """Refuse what LiteRT refuses when it is invoked."""
        self.node.require_type(self.weights, _FLOAT32, *BYTES, at_invoke=True)
        self.node.require(
            self.state.is_variable, f"{self.state}, the state, must be a variable", at_invoke=True
        )

    def build(self, arrays: Sequence[Array | None], together: bool) -> Rnn:
        """The kernel, from the values of the parameters."""
        weights, aux_weights, recurrent, bias = arrays
        assert weights is not None
        assert recurrent is not None
        assert bias is not None
        from_inputs = [self._product(weights, self.weights)]
        if aux_weights is not None:
            assert self.aux_weights is not None
            from_inputs.append(self._product(aux_weights, self.aux_weights))
        activation = ACTIVATIONS.get(activation_name(self.node))
        return Rnn(from_inputs, self._product(recurrent, self.recurrent), bias, activation, together)

    def _product(self, weights: Any, tensor: RuntimeTensor) -> Product:
        if self.is_hybrid:  # uint8 weights are int8 ones, too
            return HybridProduct(weights.view(np.int8), tensor.scale, self.asymmetric)
        return FloatProduct(weights)
