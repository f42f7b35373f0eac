"""What the kernels of the LSTM share: the parameters of a layer.

For each gate, and then for the cells c and the output h:

    gate = activation(input_weights · x + aux_weights · auxiliary x + recurrent_weights · h + cell_weights ∘ c + bias)
    c    = forget ∘ c + input ∘ cell
    h    = projection · (output ∘ activation(c)) + projection_bias

Sizes: `inputs` is that of x, `cells` that of c, `outputs` that of h, which equals `cells` without a projection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_LARGEST = np.float32(np.finfo(np.float32).max)


def clamp_to_finite(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Infinities as the largest numbers: what kernels without an activation function make of them. NaN stays."""
    finite: NDArray[np.float32] = np.maximum(np.minimum(x, _LARGEST), -_LARGEST)
    return finite


@dataclass(frozen=True, slots=True)
class LstmGate:
    """The arrays of one gate, and their scales where they are quantized.

    `input_weights` are [cells, inputs]; `aux_weights`, which few layers have, [cells, auxiliary inputs];
    `recurrent_weights` [cells, outputs], or [cells]: the diagonal of a matrix;
    `bias`, `cell_weights` (the peephole) and `normalization` (the coefficients of layer normalization) [cells].
    `sum_scale` is that of the sum, in an integer LSTM.
    """

    input_weights: Array
    recurrent_weights: Array
    bias: Array
    cell_weights: Array | None = None
    normalization: Array | None = None
    aux_weights: Array | None = None
    aux_scale: float = 1.0
    input_scale: float = 1.0
    recurrent_scale: float = 1.0
    cell_scale: float = 1.0
    normalization_scale: float = 1.0
    sum_scale: float = 2.0**-12


@dataclass(frozen=True, slots=True)
class LstmParameters:
    """One layer. Without an `input` gate that one is 1 − forget (a coupled gate, CIFG). A clip of 0 is none.

    `projection` is [outputs, cells], `projection_bias` [outputs].
    """

    input: LstmGate | None
    forget: LstmGate
    cell: LstmGate
    output: LstmGate
    projection: Array | None = None
    projection_bias: Array | None = None
    projection_scale: float = 1.0
    cell_clip: float = 0.0
    projection_clip: float = 0.0
    gates: tuple[LstmGate, ...] = field(init=False)
    """All gates in the order of the kernels' columns: input (unless coupled), forget, output, cell."""

    def __post_init__(self) -> None:
        first = () if self.input is None else (self.input,)
        object.__setattr__(self, "gates", (*first, self.forget, self.output, self.cell))

    @property
    def cells(self) -> int:
        """The number of cells."""
        return len(self.forget.bias)

    @property
    def biases(self) -> Array:
        """The biases of all gates, one after the other."""
        return np.concatenate([gate.bias for gate in self.gates])


@dataclass(frozen=True, slots=True)
class LstmQuantization:
    """The quantization of the activations of an integer LSTM; `hidden` is what is projected.

    What is projected is clipped as if it had `projection_clip_scale`.
    """

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    cell_scale: float
    hidden_scale: float = 1.0
    hidden_zero_point: int = 0
    projection_clip_scale: float = 1.0
