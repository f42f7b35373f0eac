"""REDUCE_WINDOW and STABLEHLO_REDUCE_WINDOW."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.ir import TensorType
from microinterp.model.schema import ReduceWindowFunction
from tests.draw import factors
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

BODIES = {
    "ADD": ReduceWindowFunction.ADD,
    "MUL": ReduceWindowFunction.MUL,
    "MINIMUM": ReduceWindowFunction.MINIMUM,
    "MAXIMUM": ReduceWindowFunction.MAXIMUM,
    "LOGICAL_AND": ReduceWindowFunction.ALL,
    "LOGICAL_OR": ReduceWindowFunction.ANY,
}
KINDS = ("BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "FLOAT32", "FLOAT64")


def reduce_window_model(
    x: TensorSpec, init: TensorSpec, output: tuple[int, ...], body: str, options: dict[str, list[int]]
) -> bytes:
    """A STABLEHLO_REDUCE_WINDOW; the options are [long]."""
    lists = {name: np.array(values, np.int64) for name, values in options.items()}
    main = Graph(
        {"x": x, "init": init, "y": TensorSpec(output, x.type)},
        ["x"] if init.data is not None else ["x", "init"],
        ["y"],
        [Step("STABLEHLO_REDUCE_WINDOW", ("x", "init"), ("y",), {**lists, "body_subgraph_index": 1})],
    )
    of_bool = body.startswith("LOGICAL")
    number = TensorSpec((), TensorType.BOOL if of_bool else TensorType.FLOAT32)
    steps = [Step(body, ("a", "b"), ("c",))]
    return graph_model(main, Graph({"a": number, "b": number, "c": number}, ["a", "b"], ["c"], steps))


@generator("REDUCE_WINDOW", "STABLEHLO_REDUCE_WINDOW", tflite=KINDS)
def reduce_window(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=5))

    def per_axis(least: int, most: int) -> list[int]:
        return draw(st.lists(st.integers(least, most), min_size=len(shape), max_size=len(shape)))

    body = draw(st.sampled_from(list(BODIES)))
    strides, dilations = per_axis(1, 3), per_axis(1, 2)
    base_dilations, padding = [1] * len(shape), [0] * (2 * len(shape))
    if operator != "REDUCE_WINDOW":
        base_dilations = per_axis(1, 3)
        padding = draw(
            st.one_of(
                st.just(padding), st.lists(st.integers(-1, 3), min_size=len(padding), max_size=len(padding))
            )
        )
    sizes = [
        (n - 1) * d + 1 + sum(padding[2 * i : 2 * i + 2])
        for i, (n, d) in enumerate(zip(shape, base_dilations, strict=True))
    ]
    # mostly windows that fit
    window = [
        draw(st.integers(1, max(1, min(4, (n - 1) // d + 1)))) for n, d in zip(sizes, dilations, strict=True)
    ]
    output = tuple(
        max(0, (n - (w - 1) * d - 1) // s + 1)
        for n, w, d, s in zip(sizes, window, dilations, strides, strict=True)
    )
    init, known = draw(factors(type, ())), draw(st.booleans())
    x, start = TensorSpec(shape, type), TensorSpec((), type, data=init if known else None)
    if operator == "REDUCE_WINDOW":
        model = single_op_model(
            operator,
            [
                x,
                start,
                *(TensorSpec((len(shape),), TensorType.INT64, data=v) for v in (window, strides, dilations)),
            ],
            [TensorSpec(output, type)],
            {"reduce_function": BODIES[body]},
        )
    else:
        options = {
            "window_dimensions": window,
            "window_strides": strides,
            "base_dilations": base_dilations,
            "window_dilations": dilations,
            "padding": padding,
        }
        model = reduce_window_model(x, start, output, body, options)
    fed = [] if known else [init]
    return Problem(model, [[draw(factors(type, shape)), *fed] for _ in range(draw(st.integers(1, 2)))])
