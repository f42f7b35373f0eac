"""LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM and BIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from microinterp_kernels.lstm import LstmGate, LstmParameters
from microinterp_kernels.lstm_float import FloatLstm, LstmFloat32
from microinterp_kernels.lstm_hybrid import LstmHybrid
from microinterp_kernels.lstm_int8 import LstmInt8
from microinterp_kernels.lstm_int8_8 import LstmInt8To8
from microinterp_kernels.lstm_reference import ReferenceLstmFloat32, ReferenceLstmInteger

from ..model.ir import Array, TensorType
from ..model.schema import LSTMKernelType
from .common import compute_nothing
from .lstm_basic import prepare_basic_lstm
from .lstm_layer import NORMALIZATIONS, OUTPUT, PEEPHOLES, PROJECTION, PROJECTION_BIAS, Layer, Places
from .node import Invocation, Node
from .recurrent import Kernel, activation_name, build_once_if_constant, real_aux, time_first

_VARIANTS = (*PEEPHOLES.values(), PROJECTION, PROJECTION_BIAS, *range(NORMALIZATIONS, 24))
_HIDDEN = 4  # the intermediate tensor behind those of the gates
_COUNT_8X8_8 = 12  # intermediate tensors of the kernel with products of int8

_Make = Callable[[LstmParameters], Kernel]


def prepare_unidirectional_sequence_lstm(node: Node) -> Invocation:
    """UNIDIRECTIONAL_SEQUENCE_LSTM: float32 and int8; float32 with int8 weights in LiteRT, int16 in TFLM.

    Peepholes, projection, normalization and coupled gates are LiteRT's alone.
    """
    x, output, time_major = node.input(0), node.output(), bool(node.options["time_major"])
    has_variants = node.runtime.recurrent_uses_tensor_utils
    _require_counts(node, (20, 24) if has_variants else (24,))
    if not has_variants:
        for i in _VARIANTS:
            node.require(
                node.optional_input(i) is None, f"TFLM knows no variant of it: input {i} must be omitted"
            )
        for tensor in node.intermediates:
            node.require(
                tensor.size == 0, f"TFLM does not know intermediate tensors with elements like {tensor}"
            )
    node.require_rank(x, 3)
    layer = Layer(node, x, x.shape[1 if time_major else 0], takes_diagonals=has_variants)
    node.require_type(output, x.type)
    shape = (*x.shape[:2], layer.outputs)
    if not has_variants:
        state = layer.states[0]
        node.require(
            state.shape[1:2] == (layer.cells,), f"{state} must have the shape [batch, {layer.cells}]"
        )
        node.require((output.definition.shape or ()) == shape, f"{output} must have the shape {list(shape)}")
        return _invocation(layer, _tflm(layer), time_major)
    output.shape = shape
    return _invocation(layer, _litert(layer, time_major), time_major)


def prepare_lstm(node: Node) -> Invocation:
    """LSTM, LiteRT's alone: one step of a batch; float32, with int8 weights too, and int8.

    The basic kernel, with other inputs, takes float32 and uint8.
    """
    if node.options["kernel_type"] == LSTMKernelType.BASIC:
        return prepare_basic_lstm(node)
    _require_counts(node, (20, 24))
    x, output = node.input(0), node.output()
    node.require_rank(x, 2)
    layer = Layer(node, x, x.shape[0])
    node.require_type(output, x.type)
    output.shape = (x.shape[0], layer.outputs)
    return _invocation(layer, _litert(layer, time_major=True), time_major=True)


def _require_counts(node: Node, inputs: tuple[int, ...]) -> None:
    wanted = " or ".join(str(n) for n in inputs)
    node.require(len(node.inputs) in inputs, f"has {len(node.inputs)} inputs, needs {wanted}")
    node.require(len(node.outputs) == 1, f"has {len(node.outputs)} outputs, needs 1")


def _invocation(layer: Layer, make: _Make, time_major: bool) -> Invocation:
    if not layer.node.output().size:
        return Invocation(compute_nothing, ())

    def build(arrays: Sequence[Array | None]) -> Kernel:
        return _AlongTime(make(layer.parameters(arrays)), time_major, layer.batch)

    arguments = (layer.x, *layer.states, layer.node.output())
    return build_once_if_constant(build, layer.tensors, arguments)


@dataclass(frozen=True, slots=True)
class _AlongTime:
    """Calls a kernel, which wants the time first, and the states as [batch, …]."""

    kernel: Kernel
    time_major: bool
    batch: int

    def __call__(self, x: Array, output_state: Array, cell_state: Array, output: Array) -> None:
        if x.ndim == 2:
            x, output = x[None], output[None]
        states = output_state.reshape(self.batch, -1), cell_state.reshape(self.batch, -1)
        self.kernel(time_first(x, self.time_major), *states, time_first(output, self.time_major))


def prepare_bidirectional_sequence_lstm(node: Node) -> Invocation:
    """BIDIRECTIONAL_SEQUENCE_LSTM, LiteRT's alone: float32, with int8 weights too.

    An auxiliary input is another input of both directions if it has weights, else the backward one's, instead of the
    first.
    """
    merge, time_major = bool(node.options["merge_outputs"]), bool(node.options["time_major"])
    node.require_counts(48, 1 if merge else 2)
    x = node.input(0)
    node.require_type(x, TensorType.FLOAT32)
    node.require_rank(x, 3)
    has_weights = [node.optional_input(i) is not None for i in (*range(41, 44), *range(45, 48))]
    node.require(all(has_weights) or not any(has_weights), "must have all auxiliary weights or none")
    aux, is_backward = real_aux(node, x, node.optional_input(39), all(has_weights))
    backward_x, both_aux = (aux or x, None) if is_backward else (x, aux)
    batch = x.shape[1 if time_major else 0]
    forward = Layer(node, x, batch, Places(0, 35, 36, None, 40), both_aux)
    backward = Layer(node, backward_x, batch, Places(17, 37, 38, None, 44), both_aux)
    node.require(
        (forward.cells, forward.outputs) == (backward.cells, backward.outputs),
        "must have as many cells and outputs backward as forward",
    )
    node.require(forward.weight_type is backward.weight_type, "must have weights of one type")
    for output in node.outputs:
        node.require_type(output, TensorType.FLOAT32)
        output.shape = (*x.shape[:2], forward.outputs * (2 if merge else 1))
    if not node.output().size:
        return Invocation(compute_nothing, ())
    make_forward, make_backward = (_litert_float(layer, time_major) for layer in (forward, backward))
    count = len(forward.tensors)

    def build(arrays: Sequence[Array | None]) -> Kernel:
        return _BothWays(
            make_forward(forward.parameters(arrays[:count])),
            make_backward(backward.parameters(arrays[count:])),
            time_major,
        )

    arguments = (x, backward_x, both_aux, *forward.states, *backward.states, *node.outputs)
    return build_once_if_constant(build, (*forward.tensors, *backward.tensors), arguments)


@dataclass(frozen=True, slots=True)
class _BothWays:
    """Runs one layer forward over time, the other backward, into one output or two."""

    forward: FloatLstm
    backward: FloatLstm
    time_major: bool

    def __call__(self, x: Array, backward_x: Array, aux: Array | None, *states_and_outputs: Array) -> None:
        batch = self.forward.batch
        h, c, backward_h, backward_c = (state.reshape(batch, -1) for state in states_and_outputs[:4])
        outputs = states_and_outputs[4:]
        both = outputs if len(outputs) == 2 else np.split(outputs[0], 2, axis=2)
        x, backward_x, forward_output, backward_output = (
            time_first(array, self.time_major) for array in (x, backward_x, *both)
        )
        aux = None if aux is None else time_first(aux, self.time_major)
        self.forward(x, h, c, forward_output, aux)
        reversed_aux = None if aux is None else aux[::-1]
        self.backward(backward_x[::-1], backward_h, backward_c, backward_output[::-1], reversed_aux)


def _litert(layer: Layer, time_major: bool) -> _Make:
    return _litert_integer(layer, time_major) if layer.is_integer else _litert_float(layer, time_major)


def _litert_float(layer: Layer, time_major: bool) -> Callable[[LstmParameters], FloatLstm]:
    """LiteRT's kernels on float32 activations."""
    node, activation = layer.node, activation_name(layer.node)
    node.require(
        activation != "NONE",
        "has no activation function; LiteRT then takes what its scratch memory happens to hold",
    )
    if not layer.is_hybrid:
        return lambda parameters: LstmFloat32(parameters, activation, layer.batch, time_major)
    layer.require_scales()
    asymmetric = bool(node.options["asymmetric_quantize_inputs"])
    if asymmetric:  # LiteRT sums up the rows of the weights once, at the first invoke
        layer.require_constants()
    return lambda parameters: LstmHybrid(
        _hybrid_parameters(parameters), activation, layer.batch, time_major, asymmetric
    )


def _hybrid_parameters(parameters: LstmParameters) -> LstmParameters:
    """The parameters with float32 peepholes."""

    def convert(gate: LstmGate) -> LstmGate:
        if gate.cell_weights is None:
            return gate
        return replace(gate, cell_weights=np.float32(gate.cell_scale) * gate.cell_weights.astype(np.float32))

    return replace(
        parameters,
        input=None if parameters.input is None else convert(parameters.input),
        forget=convert(parameters.forget),
        output=convert(parameters.output),
    )


def _litert_integer(layer: Layer, time_major: bool) -> _Make:
    """LiteRT's kernels on int8 activations."""
    node = layer.node
    layer.require_constants()
    if node.options["proj_clip"] > 0:
        layer.require_scales(node.output())
    if node.name == "LSTM" and len(node.intermediates) == _COUNT_8X8_8:
        return _litert_8x8_8(layer)
    node.require(len(node.intermediates) == 5, f"has {len(node.intermediates)} intermediate tensors, needs 5")
    hidden = node.intermediates[_HIDDEN]
    sums = node.intermediates[:_HIDDEN] if layer.is_normalized else ()
    layer.require_scales(layer.x, *layer.states, hidden, *sums)
    power = layer.cell_power()
    node.require(
        power is not None and -15 <= power <= -9,
        f"{layer.states[1]} must have a scale of a power of two from 2^-15 to 2^-9",
    )
    node.require(
        layer.outputs <= layer.cells or layer.optional(PEEPHOLES[OUTPUT]) is None,
        "has peepholes and more outputs than cells, for which LiteRT reads beyond the cells",
    )
    quantization = layer.quantization(hidden)
    return lambda parameters: LstmInt8(parameters, quantization, layer.batch, time_major)


def _litert_8x8_8(layer: Layer) -> _Make:
    """LiteRT's kernel with products of int8. It has no input gate and no peepholes: those of the model are left out."""
    node, intermediates = layer.node, layer.node.intermediates
    layer.require_scales(layer.x, *layer.states, *intermediates)
    node.require(layer.states[1].scale == 2.0**-15, f"{layer.states[1]} must have the scale 2^-15")
    for i, what in ((NORMALIZATIONS + OUTPUT, "normalization"), (PROJECTION_BIAS, "projection with a bias")):
        node.require(layer.optional(i) is not None, f"has no {what}, without which LiteRT crashes")
    scales = [(tensor.scale, tensor.zero_point) for tensor in intermediates]
    for tensor in intermediates:
        node.require(-128 <= tensor.zero_point <= 127, f"{tensor} must have a zero point of an int8")
    quantization = layer.quantization()
    return lambda parameters: LstmInt8To8(parameters, quantization, scales)


def _tflm(layer: Layer) -> _Make:
    """TFLM's kernels."""
    has_tanh = activation_name(layer.node) == "TANH"  # it knows no other activation
    if not layer.is_integer:
        return lambda parameters: ReferenceLstmFloat32(parameters, has_tanh)
    layer.require_scales(layer.x, *layer.states)
    power = layer.cell_power(exactly=False)
    layer.node.require(
        power is not None and -40 <= power <= 14,
        f"{layer.states[1]} has a scale too far from that of its values",
    )
    quantization = layer.quantization()
    dtype = layer.x.dtype.type
    return lambda parameters: ReferenceLstmInteger(parameters, quantization, dtype, layer.batch, has_tanh)
