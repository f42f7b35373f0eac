"""UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from microinterp_kernels.lstm import LstmGate, LstmParameters, LstmQuantization
from microinterp_kernels.lstm_float import LstmFloat32
from microinterp_kernels.lstm_hybrid import LstmHybrid
from microinterp_kernels.lstm_int8 import LstmInt8
from microinterp_kernels.lstm_reference import ReferenceLstmFloat32, ReferenceLstmInteger

from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor
from .recurrent import BYTES, Kernel, activation_name, build_once_if_constant

# The operator's inputs. The parameters of the four gates, input, forget, cell and output, stand side by side.
_GATES = _INPUT, _FORGET, _CELL, _OUTPUT = range(4)
_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIASES, _NORMALIZATIONS = 1, 5, 12, 20
_PEEPHOLES = {_INPUT: 9, _FORGET: 10, _OUTPUT: 11}
_PROJECTION, _PROJECTION_BIAS, _OUTPUT_STATE, _CELL_STATE = 16, 17, 18, 19
_VARIANTS = (*_PEEPHOLES.values(), _PROJECTION, _PROJECTION_BIAS, *range(_NORMALIZATIONS, 24))
_HIDDEN = 4  # the intermediate tensor behind those of the gates


def prepare_unidirectional_sequence_lstm(node: Node) -> Invocation:
    """UNIDIRECTIONAL_SEQUENCE_LSTM: float32 and int8; float32 with int8 weights in LiteRT, int16 in TFLM.

    Peepholes, projection, normalization and coupled gates are LiteRT's alone.
    """
    layer = _Layer(node)
    if node.runtime.recurrent_uses_tensor_utils:
        make = _litert_integer(layer) if layer.is_integer else _litert_float(layer)
    else:
        make = _tflm(layer)

    def build(arrays: Sequence[Array | None]) -> Kernel:
        return _AlongTime(make(layer.parameters(arrays)), layer.time_major, layer.batch)

    arguments = (layer.x, *layer.states, node.output())
    return build_once_if_constant(build, layer.tensors, arguments)


@dataclass(frozen=True, slots=True)
class _AlongTime:
    """Calls a kernel, which wants the time first, and the states as [batch, …]."""

    kernel: Kernel
    time_major: bool
    batch: int

    def __call__(self, x: Array, output_state: Array, cell_state: Array, output: Array) -> None:
        if not self.time_major:
            x, output = x.swapaxes(0, 1), output.swapaxes(0, 1)
        states = output_state.reshape(self.batch, -1), cell_state.reshape(self.batch, -1)
        self.kernel(x, *states, output)


class _Layer:
    """The operator's tensors and sizes, checked, and the output's shape set."""

    def __init__(self, node: Node) -> None:
        self.node, self.x = node, node.input(0)
        self.has_variants = node.runtime.recurrent_uses_tensor_utils
        node.require(
            len(node.inputs) == 24 or (self.has_variants and len(node.inputs) == 20),
            f"has {len(node.inputs)} inputs, needs {'20 or 24' if self.has_variants else '24'}",
        )
        node.require(len(node.outputs) == 1, f"has {len(node.outputs)} outputs, needs 1")
        if not self.has_variants:
            for i in _VARIANTS:
                node.require(
                    node.optional_input(i) is None, f"TFLM knows no variant of it: input {i} must be omitted"
                )
            for tensor in node.intermediates:
                node.require(
                    tensor.size == 0, f"TFLM does not know intermediate tensors with elements like {tensor}"
                )
        self.is_coupled = self.has_variants and node.optional_input(_INPUT_WEIGHTS) is None
        self.is_normalized = node.optional_input(_NORMALIZATIONS + _FORGET) is not None
        self.gates = tuple(gate for gate in _GATES if gate != _INPUT or not self.is_coupled)
        self.time_major = bool(node.options["time_major"])
        self._check_types()
        self._find_sizes()
        self.tensors = self._check_parameters()
        self.states = node.input(_OUTPUT_STATE), node.input(_CELL_STATE)
        self._check_states()

    def _check_types(self) -> None:
        """The element types of activations, weights, biases, and what else there is one for each cell."""
        node, x = self.node, self.x
        float32, int16 = TensorType.FLOAT32, TensorType.INT16
        node.require_type(x, float32, TensorType.INT8, *(() if self.has_variants else (int16,)))
        self.is_integer = x.type is not float32
        weights = node.input(_INPUT_WEIGHTS + _OUTPUT)
        self.is_hybrid = self.has_variants and not self.is_integer and weights.type in BYTES
        if not self.is_hybrid:
            node.require_type(weights, TensorType.INT8 if self.is_integer else float32)
        self.weight_type = weights.type
        self.bias_type = float32
        if self.is_integer:
            self.bias_type = TensorType.INT64 if x.type is int16 else TensorType.INT32
        self.peephole_type = int16 if self.is_integer else weights.type
        self.cell_type = int16 if self.is_integer else float32

    def _find_sizes(self) -> None:
        """The sizes: of the batch, of x, of the cells and of the output."""
        node, x = self.node, self.x
        node.require_rank(x, 3)
        node.require(x.size > 0, f"{x} has no elements")
        weights, recurrent = node.input(_INPUT_WEIGHTS + _OUTPUT), node.input(_RECURRENT_WEIGHTS + _OUTPUT)
        node.require_rank(weights, 2)
        node.require_rank(recurrent, 1 if self.has_variants else 2, 2)
        self.batch, self.inputs = x.shape[1 if self.time_major else 0], x.shape[2]
        self.cells, self.outputs = weights.shape[0], recurrent.shape[-1]
        node.require(self.cells > 0 and self.outputs > 0, f"{weights} and {recurrent} must have elements")

    def _check_parameters(self) -> tuple[RuntimeTensor | None, ...]:
        """The tensors of all parameters by their index, None if the layer does not use them."""
        node, cells, outputs = self.node, self.cells, self.outputs
        tensors: dict[int, RuntimeTensor] = {}

        def take(i: int, dtype: TensorType, *shape: int) -> None:
            tensor = tensors[i] = node.input(i)
            node.require_type(tensor, dtype)
            node.require(tensor.shape == shape, f"{tensor} must have the shape {list(shape)}")

        has_peepholes = node.optional_input(_PEEPHOLES[_OUTPUT]) is not None
        for gate in self.gates:
            take(_INPUT_WEIGHTS + gate, self.weight_type, cells, self.inputs)
            if (
                len(node.input(_RECURRENT_WEIGHTS + gate).shape) == 1
                and not self.is_integer
                and self.has_variants
            ):
                take(_RECURRENT_WEIGHTS + gate, TensorType.FLOAT32, cells)
                node.require(
                    outputs == cells, "a diagonal of recurrent weights needs as many outputs as cells"
                )
            else:
                take(_RECURRENT_WEIGHTS + gate, self.weight_type, cells, outputs)
            take(_BIASES + gate, self.bias_type, cells)
            if self.is_normalized:
                take(_NORMALIZATIONS + gate, self.cell_type, cells)
            if gate in _PEEPHOLES and has_peepholes:
                take(_PEEPHOLES[gate], self.peephole_type, cells)
        if not has_peepholes:
            others = [_PEEPHOLES[_FORGET]] if self.is_coupled else [_PEEPHOLES[_FORGET], _PEEPHOLES[_INPUT]]
            for i in others:
                node.require(node.optional_input(i) is None, "must have either all peephole weights or none")
        if self.is_coupled:
            unused = [_RECURRENT_WEIGHTS, _BIASES, *([_NORMALIZATIONS] if self.is_normalized else [])]
            for i in unused:
                node.require(
                    node.optional_input(i) is None, f"must have no input {i}: its input gate is coupled"
                )
        if node.optional_input(_PROJECTION) is not None:
            take(_PROJECTION, self.weight_type, outputs, cells)
            if node.optional_input(_PROJECTION_BIAS) is not None:
                take(_PROJECTION_BIAS, self.bias_type, outputs)
        else:
            node.require(
                node.optional_input(_PROJECTION_BIAS) is None, "has a projection's bias but no projection"
            )
            node.require(outputs == cells, f"needs a projection for {outputs} outputs of {cells} cells")
        return tuple(tensors.get(i) for i in range(24))

    def _check_states(self) -> None:
        """The states, the clips and the output."""
        node, output = self.node, self.node.output()
        kinds = ((self.x.type, self.outputs), (self.cell_type, self.cells))
        for state, (dtype, size) in zip(self.states, kinds, strict=True):
            node.require_type(state, dtype)
            node.require(state.is_variable, f"{state}, a state, must be a variable")
            node.require(
                state.size == self.batch * size,
                f"{state} must have {self.batch * size} elements, batch times {size}",
            )
        node.require_type(output, self.x.type)
        shape = (*self.x.shape[:2], self.outputs)
        if self.has_variants:
            for clip in ("cell_clip", "proj_clip"):
                node.require(
                    node.options[clip] >= 0, f"{clip} must not be negative; it is {node.options[clip]}"
                )
        else:
            state = self.states[0]
            node.require(
                state.shape[1:2] == (self.cells,), f"{state} must have the shape [batch, {self.cells}]"
            )
            stored = output.definition.shape or ()
            node.require(stored == shape, f"{output} must have the shape {list(shape)}")
        output.shape = shape

    def require_constants(self) -> None:
        """Refuse parameters that are not constant."""
        for tensor in self.tensors:
            self.node.require(tensor is None or tensor.constant is not None, f"{tensor} must be constant")

    def require_scales(self, *others: RuntimeTensor) -> None:
        """Refuse tensors without a scale, or with more than one: the quantized weights, and `others`."""
        quantized = [t for t in self.tensors if t is not None and t.type in (*BYTES, TensorType.INT16)]
        for tensor in (*quantized, *others):
            self.node.require(
                tensor.scales.size == 1 and tensor.scale > 0, f"{tensor} must have one scale, and above 0"
            )

    def cell_power(self, *, exactly: bool = True) -> int | None:
        """The power of two nearest to the scale of the cells; None if that is `exactly` another number."""
        power = float(np.log2(self.states[1].scale))
        return None if exactly and abs(power - round(power)) >= 1e-3 else round(power)

    def quantization(self, hidden: RuntimeTensor | None = None) -> LstmQuantization:
        """That of the activations."""
        output_state, cell_state = self.states
        return LstmQuantization(
            input_scale=self.x.scale,
            input_zero_point=self.x.zero_point,
            output_scale=output_state.scale,
            output_zero_point=output_state.zero_point,
            cell_scale=cell_state.scale,
            hidden_scale=1.0 if hidden is None else hidden.scale,
            hidden_zero_point=0 if hidden is None else hidden.zero_point,
        )

    def parameters(self, arrays: Sequence[Array | None]) -> LstmParameters:
        """The parameters of the kernels, from the values of the tensors."""
        options = self.node.options
        gates = {gate: self._gate(gate, arrays) for gate in self.gates}
        return LstmParameters(
            input=gates.get(_INPUT),
            forget=gates[_FORGET],
            cell=gates[_CELL],
            output=gates[_OUTPUT],
            projection=arrays[_PROJECTION],
            projection_bias=arrays[_PROJECTION_BIAS],
            projection_scale=self._scale(_PROJECTION),
            cell_clip=options["cell_clip"],
            projection_clip=options["proj_clip"],
        )

    def _gate(self, gate: int, arrays: Sequence[Array | None]) -> LstmGate:
        input_weights, recurrent_weights, bias = (
            arrays[i + gate] for i in (_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIASES)
        )
        assert input_weights is not None
        assert recurrent_weights is not None
        assert bias is not None
        peephole = _PEEPHOLES.get(gate)
        intermediates = self.node.intermediates
        return LstmGate(
            input_weights=input_weights,
            recurrent_weights=recurrent_weights,
            bias=bias,
            cell_weights=None if peephole is None else arrays[peephole],
            normalization=arrays[_NORMALIZATIONS + gate],
            input_scale=self._scale(_INPUT_WEIGHTS + gate),
            recurrent_scale=self._scale(_RECURRENT_WEIGHTS + gate),
            cell_scale=1.0 if peephole is None else self._scale(peephole),
            normalization_scale=self._scale(_NORMALIZATIONS + gate),
            sum_scale=intermediates[gate].scale if self.is_normalized and self.is_integer else 2.0**-12,
        )

    def _scale(self, i: int) -> float:
        tensor = self.tensors[i]
        return 1.0 if tensor is None else tensor.scale


_Make = Callable[[LstmParameters], Kernel]


def _litert_float(layer: _Layer) -> _Make:
    """LiteRT's kernels on float32 activations."""
    node, activation = layer.node, activation_name(layer.node)
    node.require(
        activation != "NONE",
        "has no activation function; LiteRT then takes what its scratch memory happens to hold",
    )
    if not layer.is_hybrid:
        return lambda parameters: LstmFloat32(parameters, activation, layer.batch, layer.time_major)
    layer.require_scales()
    asymmetric = bool(node.options["asymmetric_quantize_inputs"])
    if asymmetric:  # LiteRT sums up the rows of the weights once, at the first invoke
        layer.require_constants()
    return lambda parameters: LstmHybrid(
        _hybrid_parameters(parameters), activation, layer.batch, layer.time_major, asymmetric
    )


def _hybrid_parameters(parameters: LstmParameters) -> LstmParameters:
    """The parameters with weights that are int8 even where they are called uint8, and float32 peepholes."""

    def convert(gate: LstmGate) -> LstmGate:
        is_matrix = gate.recurrent_weights.ndim == 2
        peephole = gate.cell_weights
        return replace(
            gate,
            input_weights=gate.input_weights.view(np.int8),
            recurrent_weights=gate.recurrent_weights.view(np.int8) if is_matrix else gate.recurrent_weights,
            cell_weights=None
            if peephole is None
            else np.float32(gate.cell_scale) * peephole.view(np.int8).astype(np.float32),
        )

    return replace(
        parameters,
        input=None if parameters.input is None else convert(parameters.input),
        forget=convert(parameters.forget),
        cell=convert(parameters.cell),
        output=convert(parameters.output),
        projection=None if parameters.projection is None else parameters.projection.view(np.int8),
    )


def _litert_integer(layer: _Layer) -> _Make:
    """LiteRT's kernel on int8 activations."""
    node = layer.node
    layer.require_constants()
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
        layer.outputs <= layer.cells or node.optional_input(_PEEPHOLES[_OUTPUT]) is None,
        "has peepholes and more outputs than cells, for which LiteRT reads beyond the cells",
    )
    quantization = layer.quantization(hidden)
    return lambda parameters: LstmInt8(parameters, quantization, layer.batch, layer.time_major)


def _tflm(layer: _Layer) -> _Make:
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
