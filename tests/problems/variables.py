"""VAR_HANDLE, ASSIGN_VARIABLE, READ_VARIABLE and CALL_ONCE, in small programs of all of them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from tests.draw import zero_points
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec
from tests.values import arbitrary_bits

HANDLE = TensorSpec((), TensorType.RESOURCE)
CALL_ONCE = Step("CALL_ONCE", options={"init_subgraph_index": 1})

_KINDS = ("FLOAT32", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL")


def var_handle(name: str = "v", container: str | None = "", handle: str = "h") -> Step:
    return Step("VAR_HANDLE", outputs=[handle], options={"container": container, "shared_name": name})


@generator("VAR_HANDLE", "ASSIGN_VARIABLE", "READ_VARIABLE", "CALL_ONCE", tflite=_KINDS, tflm=_KINDS)
def variables(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    """Assigns and reads variables in any order. LiteRT refuses to read what is not assigned yet."""
    type, names = TensorType[kind], draw(st.sampled_from(["a", "ab", "abc"]))
    container = draw(st.sampled_from(["", "c"]))
    is_initialized = operator == "CALL_ONCE" or draw(st.booleans())
    shapes = {name: tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))) for name in names}
    scale, zero_point = (0.5, draw(zero_points(type))) if type is TensorType.INT8 else (None, None)
    specs = {name: TensorSpec(shape, type, scale, zero_point) for name, shape in shapes.items()}

    def constant(name: str) -> TensorSpec:
        return replace(specs[name], data=arbitrary_bits(draw, shapes[name], type))

    init_tensors: dict[str, TensorSpec] = {}
    init_steps = []
    main_tensors, main_steps = {f"{name} in": spec for name, spec in specs.items()}, []
    outputs = []
    for name in names:
        init_tensors |= {f"{name} value": constant(name), f"{name} handle": HANDLE}
        init_steps += [
            var_handle(name, container, f"{name} handle"),
            Step("ASSIGN_VARIABLE", [f"{name} handle", f"{name} value"]),
        ]
    if is_initialized:
        main_steps.append(CALL_ONCE)
    # every variable is assigned and read at least once, mostly in that order; the rest is left to chance
    actions = [(name, is_read) for name in names for is_read in (False, True)]
    if draw(st.booleans()):
        actions = draw(st.permutations(actions))
    actions += draw(st.lists(st.tuples(st.sampled_from(names), st.booleans()), max_size=4))
    for i, (name, is_read) in enumerate(actions):
        handle, output = f"handle {i}", f"{name} out {i}"
        main_tensors[handle] = HANDLE
        main_steps.append(var_handle(name, container, handle))
        if is_read:
            main_tensors[output] = specs[name]
            main_steps.append(Step("READ_VARIABLE", [handle], [output]))
            outputs.append(output)
            continue
        value = f"{name} in"
        if draw(st.booleans()):
            value = f"value {i}"
            main_tensors[value] = constant(name)
        main_steps.append(Step("ASSIGN_VARIABLE", [handle, value]))
        if is_initialized and draw(st.integers(0, 3)) == 0:
            main_steps.append(CALL_ONCE)
    main = Graph(main_tensors, [f"{name} in" for name in names], outputs, main_steps)
    graphs = [main, Graph(init_tensors, [], [], init_steps)] if is_initialized else [main]
    invokes = [[arbitrary_bits(draw, shapes[name], type) for name in names] for _ in range(3)]
    return Problem(graph_model(*graphs), invokes)
