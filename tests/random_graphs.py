"""Random small models of many operators: branches, scratch buffers, variables, resources, control flow.

Everything is float32 of shape [1, n] unless an operator wants otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from microinterp.model.ir import NUMPY_TYPES, Model, Operator, OperatorCode, Subgraph, Tensor, TensorType
from microinterp.model.schema import default_options, operator_code, options_table
from microinterp.model.writer import write_model

FLOAT32 = TensorType.FLOAT32


class ModelBuilder:
    """Buffers and operator codes of a model, and its subgraphs."""

    def __init__(self) -> None:
        self.buffers: list[NDArray[np.uint8] | None] = [None]
        self.codes: list[OperatorCode] = []
        self.subgraphs: list[SubgraphBuilder] = []

    def subgraph(self) -> SubgraphBuilder:
        """A new subgraph; the first is the main one."""
        self.subgraphs.append(SubgraphBuilder(self))
        return self.subgraphs[-1]

    def code(self, operator: str) -> int:
        """The index of the operator's code."""
        builtin = operator_code(operator)
        code = OperatorCode(builtin, custom_code=operator if builtin == operator_code("CUSTOM") else None)
        if code not in self.codes:
            self.codes.append(code)
        return self.codes.index(code)

    def build(self) -> Model:
        """The model."""
        return Model(
            tuple(s.build() for s in self.subgraphs),
            tuple(self.codes),
            tuple(self.buffers),
            description="random",
        )

    def write(self) -> bytes:
        """The model as a file."""
        return write_model(self.build())


class SubgraphBuilder:
    """Tensors and operators of a subgraph; tensors go by their index."""

    def __init__(self, model: ModelBuilder) -> None:
        self.model = model
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def build(self) -> Subgraph:
        """The subgraph."""
        return Subgraph(
            tuple(self.tensors), tuple(self.inputs), tuple(self.outputs), tuple(self.operators), "graph"
        )

    def tensor(self, shape: tuple[int, ...], type_: TensorType = FLOAT32, **fields: Any) -> int:
        """A new tensor."""
        self.tensors.append(Tensor(f"t{len(self.tensors)}", type_, shape, **fields))
        return len(self.tensors) - 1

    def input(self, shape: tuple[int, ...], type_: TensorType = FLOAT32) -> int:
        """A new input."""
        self.inputs.append(self.tensor(shape, type_))
        return self.inputs[-1]

    def constant(self, values: ArrayLike, type_: TensorType = FLOAT32) -> int:
        """A new constant."""
        array = np.asarray(values, np.float32 if type_ == FLOAT32 else np.int32)
        self.model.buffers.append(np.frombuffer(array.tobytes(), np.uint8))
        return self.tensor(array.shape, type_, buffer=len(self.model.buffers) - 1)

    def add(
        self,
        operator: str,
        inputs: list[int],
        shape: tuple[int, ...] | None,
        options: Mapping[str, Any] | None = None,
        type_: TensorType = FLOAT32,
        outputs: list[int] | None = None,
    ) -> int:
        """A new operator with one new output, if it has a shape; the output."""
        table = options_table(operator)
        if outputs is None:
            outputs = [] if shape is None else [self.tensor(shape, type_)]
        self.operators.append(
            Operator(
                self.model.code(operator),
                tuple(inputs),
                tuple(outputs),
                {**default_options(table), **(options or {})},
                table,
            )
        )
        return outputs[0] if outputs else -1

    def width(self, tensor: int) -> int:
        """n of a tensor of shape [1, n]."""
        shape = self.tensors[tensor].shape
        assert shape is not None
        return shape[1]


WIDTHS = (1, 3, 4, 8, 17, 40)


@st.composite
def random_models(draw: st.DrawFn) -> Model:
    """A model that TFLM can run."""
    model = ModelBuilder()
    main = model.subgraph()
    values = [main.input((1, draw(st.sampled_from(WIDTHS)))) for _ in range(draw(st.integers(1, 2)))]
    handles: list[tuple[int, int]] = []  # resource and the width of its variable
    steps = draw(st.lists(st.sampled_from(sorted(_STEPS)), min_size=1, max_size=12))
    for step in steps:
        made = _STEPS[step](draw, main, values, handles)
        if made is not None:
            values.append(made)
    made_here = [v for v in values if v not in main.inputs]
    if not made_here:
        made_here = [main.add("ADD", [values[0], values[0]], (1, main.width(values[0])))]
    main.outputs = draw(st.lists(st.sampled_from(made_here), min_size=1, max_size=3, unique=True))
    return model.build()


def _weights(draw: st.DrawFn, *shape: int) -> NDArray[np.float32]:
    random = np.random.default_rng(draw(st.integers(0, 3)))
    return random.uniform(-1, 1, shape).astype(np.float32)


def _elementwise(draw: st.DrawFn, g: SubgraphBuilder, values: list[int], _: Any) -> int:
    a = draw(st.sampled_from(values))
    b = draw(st.sampled_from([v for v in values if g.width(v) == g.width(a)]))
    return g.add(draw(st.sampled_from(["ADD", "MUL", "MAXIMUM"])), [a, b], (1, g.width(a)))


def _reshape(draw: st.DrawFn, g: SubgraphBuilder, values: list[int], _: Any) -> int:
    a = draw(st.sampled_from(values))
    shape = [1, draw(st.sampled_from([g.width(a), -1]))]
    open_shape = g.constant(shape, TensorType.INT32)
    return g.add("RESHAPE", [a, open_shape], (1, g.width(a)), {"new_shape": tuple(shape)})


def _fully_connected(draw: st.DrawFn, g: SubgraphBuilder, values: list[int], _: Any) -> int:
    a, units = draw(st.sampled_from(values)), draw(st.sampled_from(WIDTHS))
    weights = g.constant(_weights(draw, units, g.width(a)))
    return g.add("FULLY_CONNECTED", [a, weights, -1], (1, units))


def _concatenation(draw: st.DrawFn, g: SubgraphBuilder, values: list[int], _: Any) -> int | None:
    parts = draw(st.lists(st.sampled_from(values), min_size=2, max_size=3))
    width = sum(map(g.width, parts))
    return None if width > 200 else g.add("CONCATENATION", parts, (1, width), {"axis": 1})


def _mean(draw: st.DrawFn, g: SubgraphBuilder, values: list[int], _: Any) -> int:
    return _mean_of(g, draw(st.sampled_from(values)))


def _softmax(draw: st.DrawFn, g: SubgraphBuilder, values: list[int], _: Any) -> int:
    a = draw(st.sampled_from(values))
    return g.add("SOFTMAX", [a], (1, g.width(a)), {"beta": 1.0})


def _svdf(draw: st.DrawFn, g: SubgraphBuilder, values: list[int], _: Any) -> int:
    a = draw(st.sampled_from(values))
    units, memory = draw(st.sampled_from(WIDTHS)), draw(st.integers(1, 4))
    feature, time = (g.constant(_weights(draw, units, n)) for n in (g.width(a), memory))
    state = g.tensor((1, units * memory), is_variable=True)
    bias = g.constant(_weights(draw, units))  # the wheel crashes without
    return g.add("SVDF", [a, feature, time, bias, state], (1, units), {"rank": 1})


def _resource(draw: st.DrawFn, g: SubgraphBuilder, values: list[int], handles: list[tuple[int, int]]) -> int:
    """Read a resource variable, and then or before write it; some come back to an earlier one."""
    a = draw(st.sampled_from(values))
    known = [handle for handle, width in handles if width == g.width(a)]
    if draw(st.booleans()) and known:
        handle = draw(st.sampled_from(known))
    else:
        name = f"v{len(handles)}"
        handle = g.add("VAR_HANDLE", [], (), {"shared_name": name, "container": ""}, TensorType.RESOURCE)
        handles.append((handle, g.width(a)))
    read_first = draw(st.booleans())
    if not read_first:
        g.add("ASSIGN_VARIABLE", [handle, a], None)
    read = g.add("READ_VARIABLE", [handle], (1, g.width(a)))
    if read_first:
        g.add("ASSIGN_VARIABLE", [handle, a], None)
    return read


def _branch(draw: st.DrawFn, g: SubgraphBuilder, width: int) -> int:
    """A subgraph from one tensor to another of the same width; its index."""
    child = g.model.subgraph()
    value = child.input((1, width))
    for operator in draw(st.lists(st.sampled_from(["ADD", "MUL"]), min_size=1, max_size=3)):
        value = child.add(operator, [value, value], (1, width))
    child.outputs = [value]
    return len(g.model.subgraphs) - 1


def _mean_of(g: SubgraphBuilder, a: int) -> int:
    axis = g.constant([1], TensorType.INT32)
    return g.add("MEAN", [a, axis], (1, 1), {"keep_dims": True})


def _if(draw: st.DrawFn, g: SubgraphBuilder, values: list[int], _: Any) -> int:
    a = draw(st.sampled_from(values))
    half = g.constant([[0.5]])
    condition = g.add("GREATER", [_mean_of(g, a), half], (1, 1), type_=TensorType.BOOL)
    options = {f"{name}_subgraph_index": _branch(draw, g, g.width(a)) for name in ("then", "else")}
    return g.add("IF", [condition, a], (1, g.width(a)), options)


def _while(draw: st.DrawFn, g: SubgraphBuilder, values: list[int], _: Any) -> int:
    """Double a tensor a few times."""
    a = draw(st.sampled_from(values))
    width = g.width(a)
    start = g.add("MUL", [_mean_of(g, a), g.constant([[0.0]])], (1, 1))
    condition, body = g.model.subgraph(), g.model.subgraph()
    first = len(g.model.subgraphs) - 2
    count, _x = condition.input((1, 1)), condition.input((1, width))
    limit = condition.constant([[float(draw(st.integers(0, 3)))]])
    condition.outputs = [condition.add("LESS", [count, limit], (1, 1), type_=TensorType.BOOL)]
    count, x = body.input((1, 1)), body.input((1, width))
    body.outputs = [
        body.add("ADD", [count, body.constant([[1.0]])], (1, 1)),
        body.add("ADD", [x, x], (1, width)),
    ]
    outputs = [g.tensor((1, 1)), g.tensor((1, width))]
    options = {"cond_subgraph_index": first, "body_subgraph_index": first + 1}
    g.add("WHILE", [start, a], None, options, outputs=outputs)
    return outputs[1]


_STEPS = {
    "concatenation": _concatenation,
    "elementwise": _elementwise,
    "fully_connected": _fully_connected,
    "if": _if,
    "mean": _mean,
    "reshape": _reshape,
    "resource": _resource,
    "softmax": _softmax,
    "svdf": _svdf,
    "while": _while,
}


def random_invokes(model: Model, count: int, seed: int) -> list[list[NDArray[Any]]]:
    """Values for the model's inputs, `count` times."""
    random = np.random.default_rng(seed)

    def values(tensor: Tensor) -> NDArray[Any]:
        dtype, shape = NUMPY_TYPES[TensorType(tensor.type)], tensor.shape or ()
        if dtype.kind == "f":
            return random.standard_normal(shape).astype(dtype)
        if dtype.kind == "b":
            return random.integers(0, 2, shape).astype(dtype)
        info = np.iinfo(dtype)
        return random.integers(info.min, info.max, shape, endpoint=True, dtype=dtype)

    graph = model.subgraphs[0]
    return [[values(graph.tensors[t]) for t in graph.inputs] for _ in range(count)]
