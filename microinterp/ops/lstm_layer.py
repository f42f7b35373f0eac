"""The tensors of one direction of an LSTM, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microinterp_kernels.lstm import LstmGate, LstmParameters, LstmQuantization

from ..model.ir import Array, TensorType
from .node import Node, RuntimeTensor
from .recurrent import BYTES

# The parameters of the four gates, input, forget, cell and output, stand side by side. The numbers are the places of
# UNIDIRECTIONAL_SEQUENCE_LSTM and LSTM, and in `Layer.tensors` those of all of them; auxiliary weights have the last.
GATES = INPUT, FORGET, CELL, OUTPUT = range(4)
INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES, NORMALIZATIONS, AUX_WEIGHTS = 1, 5, 12, 20, 24
PEEPHOLES = {INPUT: 9, FORGET: 10, OUTPUT: 11}
PROJECTION, PROJECTION_BIAS = 16, 17
_COUNT = 28


@dataclass(frozen=True, slots=True)
class Places:
    """Where the tensors of one direction stand among the operator's inputs: what differs between operators."""

    #: How far behind their places above the first 18 stand.
    offset: int = 0
    output_state: int = 18
    cell_state: int = 19
    #: The first of each four, None if the operator has none.
    normalizations: int | None = NORMALIZATIONS
    aux_weights: int | None = None


class Layer:
    """The parameters, states and sizes of one direction of an LSTM, checked.

    `aux` is the auxiliary input if there is one with weights. `takes_diagonals` says whether float32 recurrent weights
    may be the diagonal of a matrix.
    """

    def __init__(
        self,
        node: Node,
        x: RuntimeTensor,
        batch: int,
        places: Places = Places(),  # it is frozen
        aux: RuntimeTensor | None = None,
        takes_diagonals: bool = False,
    ) -> None:
        self.node, self.x, self.batch, self.places, self.aux = node, x, batch, places, aux
        self.takes_diagonals = takes_diagonals
        self.has_variants = node.runtime.recurrent_uses_tensor_utils
        self.is_coupled = self.has_variants and self.optional(INPUT_WEIGHTS) is None
        self.is_normalized = self.optional(NORMALIZATIONS + FORGET) is not None
        self.gates = tuple(gate for gate in GATES if gate != INPUT or not self.is_coupled)
        self._check_types()
        self._find_sizes()
        self.tensors = self._check_parameters()
        self.states = node.input(places.output_state), node.input(places.cell_state)
        self._check_states()

    def optional(self, i: int) -> RuntimeTensor | None:
        """The i-th parameter, or None."""
        place = self._place(i)
        return None if place is None else self.node.optional_input(place)

    def _place(self, i: int) -> int | None:
        places = self.places
        if i < NORMALIZATIONS:
            return places.offset + i
        first, behind = (
            (places.normalizations, i - NORMALIZATIONS)
            if i < AUX_WEIGHTS
            else (places.aux_weights, i - AUX_WEIGHTS)
        )
        return None if first is None else first + behind

    def require(self, i: int) -> RuntimeTensor:
        """The i-th parameter, which must be there."""
        place = self._place(i)
        assert place is not None
        return self.node.input(place)

    def _check_types(self) -> None:
        """The element types of activations, weights, biases, and what else there is one for each cell."""
        node, x = self.node, self.x
        float32, int16 = TensorType.FLOAT32, TensorType.INT16
        node.require_type(x, float32, TensorType.INT8, *(() if self.has_variants else (int16,)))
        self.is_integer = x.type is not float32
        weights = self.require(INPUT_WEIGHTS + OUTPUT)
        self.is_hybrid = self.has_variants and not self.is_integer and weights.type in BYTES
        if not self.is_integer and not self.is_hybrid:
            node.require_type(weights, float32)
        elif self.is_integer:
            node.require_type(weights, *(BYTES if self.has_variants else (TensorType.INT8,)))
        self.weight_type = weights.type
        self.bias_type = float32
        if self.is_integer:
            self.bias_type = TensorType.INT64 if x.type is int16 else TensorType.INT32
        self.peephole_type = int16 if self.is_integer else weights.type
        self.cell_type = int16 if self.is_integer else float32

    def _find_sizes(self) -> None:
        """The sizes: of x, of the auxiliary input, of the cells and of the output."""
        node, x = self.node, self.x
        # LiteRT then computes nothing
        node.require(self.has_variants or 0 not in x.shape[:-1], f"{x} has no rows or no steps")
        weights, recurrent = self.require(INPUT_WEIGHTS + OUTPUT), self.require(RECURRENT_WEIGHTS + OUTPUT)
        node.require_rank(weights, 2)
        node.require_rank(recurrent, 1 if self.takes_diagonals else 2, 2)
        self.inputs = x.shape[-1]
        self.cells, self.outputs = weights.shape[0], recurrent.shape[-1]
        node.require(self.cells > 0 and self.outputs > 0, f"{weights} and {recurrent} must have elements")

    def _check_parameters(self) -> tuple[RuntimeTensor | None, ...]:
        """The tensors of all parameters by their index, None if the layer does not use them."""
        node, cells, outputs = self.node, self.cells, self.outputs
        tensors: dict[int, RuntimeTensor] = {}

        def take(i: int, dtype: TensorType, *shape: int) -> None:
            tensor = tensors[i] = self.require(i)
            node.require_type(tensor, dtype)
            node.require(tensor.shape == shape, f"{tensor} must have the shape {list(shape)}")

        has_peepholes = self.optional(PEEPHOLES[OUTPUT]) is not None
        for gate in self.gates:
            take(INPUT_WEIGHTS + gate, self.weight_type, cells, self.inputs)
            if self.aux is not None:
                take(AUX_WEIGHTS + gate, self.weight_type, cells, self.aux.shape[-1])
            is_diagonal = len(self.require(RECURRENT_WEIGHTS + gate).shape) == 1
            if is_diagonal and self.takes_diagonals and not self.is_integer:
                take(RECURRENT_WEIGHTS + gate, TensorType.FLOAT32, cells)
                node.require(
                    outputs == cells, "a diagonal of recurrent weights needs as many outputs as cells"
                )
            else:
                take(RECURRENT_WEIGHTS + gate, self.weight_type, cells, outputs)
            take(BIASES + gate, self.bias_type, cells)
            if self.is_normalized:
                take(NORMALIZATIONS + gate, self.cell_type, cells)
            if gate in PEEPHOLES and has_peepholes:
                take(PEEPHOLES[gate], self.peephole_type, cells)
        if not has_peepholes:
            for gate in (INPUT, FORGET):
                node.require(
                    self.optional(PEEPHOLES[gate]) is None, "must have either all peephole weights or none"
                )
        if self.is_coupled:
            unused = [RECURRENT_WEIGHTS, BIASES, *([NORMALIZATIONS] if self.is_normalized else [])]
            for i in unused:
                node.require(
                    self.optional(i) is None,
                    f"must have no input {self._place(i)}: its input gate is coupled",
                )
        if self.optional(PROJECTION) is not None:
            take(PROJECTION, self.weight_type, outputs, cells)
            if self.optional(PROJECTION_BIAS) is not None:
                take(PROJECTION_BIAS, self.bias_type, outputs)
        else:
            node.require(self.optional(PROJECTION_BIAS) is None, "has a projection's bias but no projection")
            node.require(outputs == cells, f"needs a projection for {outputs} outputs of {cells} cells")
        return tuple(tensors.get(i) for i in range(_COUNT))

    def _check_states(self) -> None:
        """The states and the clips."""
        node = self.node
        kinds = ((self.x.type, self.outputs), (self.cell_type, self.cells))
        for state, (dtype, size) in zip(self.states, kinds, strict=True):
            node.require_type(state, dtype)
            node.require(state.is_variable, f"{state}, a state, must be a variable")
            node.require(
                state.size == self.batch * size,
                f"{state} must have {self.batch * size} elements, batch times {size}",
            )
        if self.has_variants:
            for clip in ("cell_clip", "proj_clip"):
                node.require(
                    node.options[clip] >= 0, f"{clip} must not be negative; it is {node.options[clip]}"
                )

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
            projection_clip_scale=self.node.output().scale or 1.0,
            cell_scale=cell_state.scale,
            hidden_scale=1.0 if hidden is None else hidden.scale,
            hidden_zero_point=0 if hidden is None else hidden.zero_point,
        )

    def parameters(self, arrays: Sequence[Array | None]) -> LstmParameters:
        """The parameters of the kernels, from the values of the tensors; weights of uint8 are int8 ones, too."""
        options = self.node.options
        arrays = [a.view(np.int8) if a is not None and a.dtype == np.uint8 else a for a in arrays]
        gates = {gate: self._gate(gate, arrays) for gate in self.gates}
        return LstmParameters(
            input=gates.get(INPUT),
            forget=gates[FORGET],
            cell=gates[CELL],
            output=gates[OUTPUT],
            projection=arrays[PROJECTION],
            projection_bias=arrays[PROJECTION_BIAS],
            projection_scale=self._scale(PROJECTION),
            cell_clip=options["cell_clip"],
            projection_clip=options["proj_clip"],
        )

    def _gate(self, gate: int, arrays: Sequence[Array | None]) -> LstmGate:
        input_weights, recurrent_weights, bias = (
            arrays[i + gate] for i in (INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES)
        )
        assert input_weights is not None
        assert recurrent_weights is not None
        assert bias is not None
        peephole = PEEPHOLES.get(gate)
        intermediates = self.node.intermediates
        return LstmGate(
            input_weights=input_weights,
            recurrent_weights=recurrent_weights,
            bias=bias,
            cell_weights=None if peephole is None else arrays[peephole],
            normalization=arrays[NORMALIZATIONS + gate],
            aux_weights=arrays[AUX_WEIGHTS + gate],
            aux_scale=self._scale(AUX_WEIGHTS + gate),
            input_scale=self._scale(INPUT_WEIGHTS + gate),
            recurrent_scale=self._scale(RECURRENT_WEIGHTS + gate),
            cell_scale=1.0 if peephole is None else self._scale(peephole),
            normalization_scale=self._scale(NORMALIZATIONS + gate),
            sum_scale=intermediates[gate].scale if self.is_normalized and self.is_integer else 2.0**-12,
        )

    def _scale(self, i: int) -> float:
        tensor = self.tensors[i]
        return 1.0 if tensor is None else tensor.scale
