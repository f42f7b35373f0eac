"""Make the built-in examples: train, quantize, write models and samples; the same bytes on every machine.

    pip install -e ".[dev]" && python scripts/make_examples.py

Floating-point sums depend on their order, and with it on the CPU and the BLAS. So every operand of a matrix
product is first rounded to a grid so coarse that all sums are exact in float64: then no order matters.
Everything else is elementwise IEEE arithmetic, `microinterp_kernels.libm`, and NumPy's frozen `RandomState`
stream.

The digits are scikit-learn's bundled `load_digits` (UCI Optical Recognition of Handwritten Digits, test
part).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microinterp.model.ir import (
    Model,
    Operator,
    OperatorCode,
    Quantization,
    SignatureDef,
    Subgraph,
    Tensor,
    TensorType,
)
from microinterp.model.schema import (
    ActivationFunctionType,
    Padding,
    default_options,
    operator_code,
    options_table,
)
from microinterp.model.writer import write_model
from microinterp_kernels.libm import expf

OUT = Path(__file__).parents[1] / "tools" / "microinterp_tools" / "examples"

Floats = NDArray[np.float64]


def snap(x: Floats, bits: int, limit: float) -> Floats:
    """Round to multiples of 2^-bits within ±limit."""
    return np.clip(np.rint(x * 2.0**bits), -limit * 2.0**bits, limit * 2.0**bits) * 2.0**-bits


def product(a: Floats, b: Floats) -> Floats:
    """A matrix product; exact, because both operands are on their grids."""
    return a @ b


def values(x: Floats) -> Floats:
    """Activations: 16 bits."""
    return snap(x, 10, 32.0)


def weights(x: Floats) -> Floats:
    """Weights: 15 bits."""
    return snap(x, 12, 4.0)


def slopes(x: Floats) -> Floats:
    """Gradients: 21 bits; 16 + 21 bits leave room for 2^16 exact additions."""
    return snap(x, 20, 1.0)


# --- layers: what a network is made of --------------------


@dataclass(eq=False)
class Layer:
    """A layer with weights: `kind` is the TFLite operator, `weight` has its layout."""

    kind: str
    weight: Floats
    bias: Floats
    relu: bool
    cache: dict[str, Floats] = field(default_factory=dict)

    def forward(self, x: Floats) -> Floats:
        x, w = values(x), weights(self.weight)
        if self.kind == "FULLY_CONNECTED":
            y = product(x.reshape(len(x), -1), w.T)
        else:
            kh, kw = w.shape[1:3]
            patches = windows(x, kh, kw)  # batch, height, width, kh, kw, channels
            if self.kind == "CONV_2D":
                y = product(patches.reshape(*patches.shape[:3], -1), w.reshape(len(w), -1).T)
            else:
                y = (patches * w[0]).sum(axis=(3, 4))
            self.cache["patches"] = patches
        y = y + self.bias
        self.cache.update(x=x, y=y)
        return np.maximum(y, 0) if self.relu else y

    def backward(self, slope: Floats) -> tuple[Floats, Floats, Floats]:
        """Slopes of the loss with respect to input, weight and bias."""
        slope = slopes(slope * (self.cache["y"] > 0) if self.relu else slope)
        x, w = self.cache["x"], weights(self.weight)
        bias = slope.reshape(-1, slope.shape[-1]).sum(axis=0)
        if self.kind == "FULLY_CONNECTED":
            return product(slope, w).reshape(x.shape), product(slope.T, x.reshape(len(x), -1)), bias
        kh, kw = w.shape[1:3]
        patches = self.cache["patches"]
        flat = slope.reshape(-1, slope.shape[-1])
        if self.kind == "CONV_2D":
            weight = product(flat.T, patches.reshape(len(flat), -1)).reshape(w.shape)
            spread = product(slope, w.reshape(len(w), -1)).reshape(patches.shape)
        else:
            weight = (patches * slope[:, :, :, None, None, :]).sum(axis=(0, 1, 2))[None]
            spread = slope[:, :, :, None, None, :] * w[0]
        padded = np.zeros((len(x), x.shape[1] + kh - 1, x.shape[2] + kw - 1, x.shape[3]))
        for i in range(kh):
            for j in range(kw):
                padded[:, i : i + x.shape[1], j : j + x.shape[2]] += spread[:, :, :, i, j]
        top, left = (kh - 1) // 2, (kw - 1) // 2
        return padded[:, top : top + x.shape[1], left : left + x.shape[2]], weight, bias


def windows(x: Floats, kh: int, kw: int) -> Floats:
    """All kh × kw windows of images padded with zeros to keep their size (SAME)."""
    top, left = (kh - 1) // 2, (kw - 1) // 2
    x = np.pad(x, ((0, 0), (top, kh - 1 - top), (left, kw - 1 - left), (0, 0)))
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2)), 3, 5)


class AveragePool:
    """2 × 2 average pooling."""

    def forward(self, x: Floats) -> Floats:
        return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4

    def backward(self, slope: Floats) -> Floats:
        return np.repeat(np.repeat(slope, 2, axis=1), 2, axis=2) / 4


Network = list[Layer | AveragePool]


def layer(random: np.random.RandomState, kind: str, shape: tuple[int, ...], relu: bool = True) -> Layer:
    """A layer with random weights; `shape` is the operator's weight layout."""
    depthwise = kind == "DEPTHWISE_CONV_2D"
    fan_in = int(np.prod(shape[1:3])) if depthwise else int(np.prod(shape[1:]))
    spread = (6.0 / fan_in) ** 0.5
    outputs = shape[3] if depthwise else shape[0]
    return Layer(kind, random.uniform(-spread, spread, shape), np.zeros(outputs), relu)


def run(network: Network, x: Floats, upto: int | None = None) -> Floats:
    for part in network[:upto]:
        x = part.forward(x)
    return x


def train(
    network: Network,
    x: Floats,
    target: Floats,
    loss_slope: Callable[[Floats, Floats], Floats],
    random: np.random.RandomState,
    epochs: int,
    batch: int,
    rate: float,
) -> None:
    """Adam, with a learning rate that falls to zero."""
    layers = [part for part in network if isinstance(part, Layer)]
    moments = [[np.zeros_like(p), np.zeros_like(p)] for part in layers for p in (part.weight, part.bias)]
    steps, step = epochs * -(-len(x) // batch), 0
    for _ in range(epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x), batch):
            chosen = order[start : start + batch]
            slope = loss_slope(run(network, x[chosen]), target[chosen])
            gradients: list[Floats] = []
            for part in reversed(network):
                if isinstance(part, AveragePool):
                    slope = part.backward(slope)
                    continue
                slope, weight, bias = part.backward(slope)
                gradients[:0] = [weight, bias]
            step += 1
            parameters = [p for part in layers for p in (part.weight, part.bias)]
            for parameter, gradient, moment in zip(parameters, gradients, moments, strict=True):
                moment[0] = 0.9 * moment[0] + 0.1 * gradient
                moment[1] = 0.99 * moment[1] + 0.01 * gradient * gradient
                parameter[...] -= rate * (1 - step / steps) * moment[0] / (np.sqrt(moment[1]) + 1e-7)


def softmax(x: Floats) -> Floats:
    e = snap(expf((x - x.max(axis=1, keepdims=True)).astype(np.float32)).astype(np.float64), 24, 1.0)
    total: Floats = e.sum(axis=1, keepdims=True)
    return e / total


# --- to TFLite --------------------


class Writer:
    """Collects tensors and operators of a chain."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.buffers: list[NDArray[np.uint8] | None] = [None]
        self.codes: list[OperatorCode] = []
        self.operators: list[Operator] = []

    def tensor(
        self,
        name: str,
        type_: TensorType,
        shape: Sequence[int],
        data: NDArray[Any] | None = None,
        quantization: Quantization | None = None,
    ) -> int:
        if data is not None:
            self.buffers.append(np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8))
        signature = (-1, *shape[1:]) if data is None else None
        self.tensors.append(
            Tensor(
                name,
                type_,
                tuple(shape),
                buffer=0 if data is None else len(self.buffers) - 1,
                quantization=quantization,
                shape_signature=signature,
            )
        )
        return len(self.tensors) - 1

    def operator(self, name: str, version: int, inputs: Sequence[int], output: int, **options: Any) -> None:
        code = OperatorCode(operator_code(name), version=version, deprecated_builtin_code=operator_code(name))
        if code not in self.codes:
            self.codes.append(code)
        table = options_table(name)
        self.operators.append(
            Operator(
                self.codes.index(code), tuple(inputs), (output,), {**default_options(table), **options}, table
            )
        )

    def finish(self, description: str, input_name: str, output_name: str) -> bytes:
        inputs, outputs = (0,), self.operators[-1].outputs
        signature = SignatureDef("serving_default", {input_name: 0}, {output_name: outputs[0]})
        return write_model(
            Model(
                (Subgraph(tuple(self.tensors), inputs, outputs, tuple(self.operators), "main"),),
                tuple(self.codes),
                tuple(self.buffers),
                description=description,
                signature_defs=(signature,),
            )
        )


def per_tensor(x: Floats) -> Quantization:
    """int8 parameters that cover the values of x, and zero exactly."""
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    scale = np.float32((high - low) / 255)
    return fixed(float(scale), int(np.clip(np.rint(-128 - low / float(scale)), -128, 127)))


def fixed(scale: float, zero_point: int) -> Quantization:
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))


def conv_options(part: Layer) -> dict[str, Any]:
    options: dict[str, Any] = {
        "fused_activation_function": ActivationFunctionType.RELU if part.relu else ActivationFunctionType.NONE
    }
    if part.kind != "FULLY_CONNECTED":
        options.update(padding=Padding.SAME, stride_w=1, stride_h=1)
    if part.kind == "DEPTHWISE_CONV_2D":
        options["depth_multiplier"] = 1
    return options


def export_float(
    network: Network, input_shape: Sequence[int], description: str, names: tuple[str, str]
) -> bytes:
    """A chain of FULLY_CONNECTED in float32."""
    writer = Writer()
    current = writer.tensor(names[0], TensorType.FLOAT32, input_shape)
    for i, part in enumerate(network):
        assert isinstance(part, Layer)
        w = writer.tensor(
            f"dense_{i}/weights",
            TensorType.FLOAT32,
            part.weight.shape,
            weights(part.weight).astype(np.float32),
        )
        b = writer.tensor(
            f"dense_{i}/bias", TensorType.FLOAT32, part.bias.shape, part.bias.astype(np.float32)
        )
        last = i == len(network) - 1
        output = writer.tensor(names[1] if last else f"dense_{i}", TensorType.FLOAT32, (1, len(part.weight)))
        writer.operator(part.kind, 1, (current, w, b), output, **conv_options(part))
        current = output
    return writer.finish(description, *names)


def export_int8(
    network: Network,
    calibration: Floats,
    description: str,
    names: tuple[str, str],
    input_quantization: Quantization,
    ends_in_softmax: bool,
) -> bytes:
    """The network in int8: activations per tensor as calibrated, convolution weights per channel."""
    writer = Writer()
    q = input_quantization
    current = writer.tensor(names[0], TensorType.INT8, (1, *calibration.shape[1:]), None, q)
    for i, part in enumerate(network):
        values_here = run(network, calibration, i + 1)
        shape = (1, *values_here.shape[1:])
        if isinstance(part, AveragePool):
            output = writer.tensor("pool", TensorType.INT8, shape, None, q)
            pool = {
                "padding": Padding.VALID,
                "stride_w": 2,
                "stride_h": 2,
                "filter_width": 2,
                "filter_height": 2,
            }
            writer.operator("AVERAGE_POOL_2D", 2, (current,), output, **pool)
            flat = int(np.prod(shape))
            to = writer.tensor("flatten/shape", TensorType.INT32, (2,), np.array([-1, flat], np.int32))
            current = writer.tensor("flatten", TensorType.INT8, (1, flat), None, q)
            writer.operator("RESHAPE", 1, (output, to), current)
            continue
        assert q.scale is not None
        axis = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": None}[part.kind]
        w = weights(part.weight)
        others = tuple(a for a in range(w.ndim) if a != axis)
        scale = np.maximum(np.abs(w).max(axis=others, keepdims=True), 1e-6).astype(np.float32) / np.float32(
            127
        )
        stored = np.clip(np.rint(w / scale.astype(np.float64)), -127, 127).astype(np.int8)
        scales, zeros = scale.ravel(), np.zeros(scale.size, np.int64)
        dimension = axis or 0
        name = f"{part.kind.lower()}_{i}"
        w_index = writer.tensor(
            f"{name}/weights", TensorType.INT8, w.shape, stored, Quantization(scales, zeros, dimension)
        )
        bias_scale = q.scale * scales
        bias = np.rint(part.bias / bias_scale.astype(np.float64)).astype(np.int32)
        b_index = writer.tensor(
            f"{name}/bias", TensorType.INT32, bias.shape, bias, Quantization(bias_scale, zeros)
        )
        q = per_tensor(values_here)
        last = i == len(network) - 1 and not ends_in_softmax
        output = writer.tensor(names[1] if last else name, TensorType.INT8, shape, None, q)
        version = 4 if part.kind == "FULLY_CONNECTED" else 3
        writer.operator(part.kind, version, (current, w_index, b_index), output, **conv_options(part))
        current = output
    if ends_in_softmax:
        classes = writer.tensors[current].shape or ()
        output = writer.tensor(names[1], TensorType.INT8, classes, None, fixed(1 / 256, -128))
        writer.operator("SOFTMAX", 2, (current,), output, beta=1.0)
    return writer.finish(description, *names)


def save(name: str, model: bytes) -> None:
    (OUT / f"{name}.tflite").write_bytes(model)
    print(f"{name}.tflite: {len(model)} bytes")


def save_samples(name: str, samples: list[dict[str, Any]]) -> None:
    lines = ",\n".join("  " + json.dumps(sample) for sample in samples)
    (OUT / f"{name}.samples.json").write_text(f"[\n{lines}\n]\n")


# --- the two examples --------------------


def make_sine() -> None:
    random = np.random.RandomState(7)
    x = random.uniform(0, 2 * np.pi, (2000, 1))
    y = np.array([[sine(float(v))] for v in x[:, 0]])
    network: Network = [
        layer(random, "FULLY_CONNECTED", (16, 1)),
        layer(random, "FULLY_CONNECTED", (16, 16)),
        layer(random, "FULLY_CONNECTED", (1, 16), relu=False),
    ]
    train(network, x, y, np.subtract, random, 300, 50, 0.01)
    print(f"sine: mean absolute error {np.abs(run(network, x) - y).mean():.4f}")
    names = ("x", "sine")
    save("sine-float", export_float(network, (1, 1), "sin(x) for x in [0, 2π], float32", names))
    quantization = fixed(2 * np.pi / 255, -128)
    save(
        "sine",
        export_int8(network, x, "sin(x) for x in [0, 2π], int8", names, quantization, ends_in_softmax=False),
    )
    points = [round(0.1 + 0.7 * i, 1) for i in range(9)]
    samples = [{"input": [[p]], "label": round(sine(p), 4)} for p in points]
    save_samples("sine", samples)
    save_samples("sine-float", samples)


def sine(x: float) -> float:
    """sin(x) on [0, 2π] by its Taylor series around π, the same on every machine."""
    d, term, total = x - np.pi, -(x - np.pi), 0.0
    for n in range(1, 40, 2):
        total += term
        term *= -d * d / ((n + 1) * (n + 2))
    return total


def make_digits() -> None:
    from sklearn.datasets import load_digits

    random = np.random.RandomState(7)
    digits = load_digits()
    order = random.permutation(len(digits.target))
    images, labels = digits.images[order], digits.target[order]
    x = (images / 16)[..., None]
    held_out = 360
    one_hot = np.eye(10)[labels]
    network: Network = [
        layer(random, "CONV_2D", (12, 3, 3, 1)),
        layer(random, "DEPTHWISE_CONV_2D", (1, 3, 3, 12)),
        layer(random, "CONV_2D", (16, 1, 1, 12)),
        AveragePool(),
        layer(random, "FULLY_CONNECTED", (10, 256), relu=False),
    ]
    train(
        network, x[held_out:], one_hot[held_out:], lambda out, goal: softmax(out) - goal, random, 30, 32, 0.01
    )
    right = run(network, x[:held_out]).argmax(axis=1) == labels[:held_out]
    print(f"digits: {right.mean():.1%} of {held_out} held-out images right before quantization")
    model = export_int8(
        network,
        x[held_out:][:500],
        "Handwritten digits 0–9, 8×8 pixels, int8",
        ("image", "scores"),
        fixed(1 / 255, -128),
        ends_in_softmax=True,
    )
    save("digits", model)
    firsts = [int(np.flatnonzero(labels[:held_out] == digit)[0]) for digit in (7, 1, 2, 3, 4, 5, 6, 0, 8, 9)]
    save_samples(
        "digits",
        [{"input": (images[i] / 16)[None, ..., None].tolist(), "label": int(labels[i])} for i in firsts],
    )


if __name__ == "__main__":
    make_sine()
    make_digits()
