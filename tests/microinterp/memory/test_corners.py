"""Corners of the accounting that no ordinary model has, against the wheel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microinterp import ArenaError, Model
from microinterp.memory.arena import estimate_arena
from microinterp.memory.best import search_best_plan
from microinterp.memory.offline import METADATA_NAME
from microinterp.memory.wheel import WHEEL_KERNELS, WHEEL_TARGET
from microinterp.model.ir import Metadata, TensorType
from microinterp.model.writer import write_model
from tests.random_graphs import ModelBuilder, SubgraphBuilder
from tests.wheel_arena import ask_wheel


def check(model: Model) -> None:
    wheel = ask_wheel(write_model(model))
    assert wheel is not None, "the wheel refuses it"
    report = estimate_arena(model, WHEEL_TARGET, WHEEL_KERNELS)
    assert report.exact
    assert (report.recording_total, report.head) == (wheel.total, wheel.head)


def with_plans(model: Model, *plans: list[int]) -> Model:
    for offsets in plans:
        words = [1, len(model.subgraphs), len(offsets), *offsets]
        data = np.frombuffer(np.array(words, "<i4").tobytes(), np.uint8)
        entry = Metadata(METADATA_NAME, len(model.buffers))
        model = replace(model, buffers=(*model.buffers, data), metadata=(*(model.metadata or ()), entry))
    return model


def test_reshape_to_an_open_shape() -> None:
    """The output is stored with −1; TFLM resolves it while it prepares, and plans the real size."""
    builder = ModelBuilder()
    g = builder.subgraph()
    x = g.input((1, 600))
    y = g.add("RESHAPE", [x, g.constant([20, -1], TensorType.INT32)], (20, -1), {"new_shape": (20, -1)})
    g.outputs = [g.add("ADD", [y, y], (20, 30))]
    check(builder.build())


def test_a_variable_with_data() -> None:
    builder = ModelBuilder()
    g = builder.subgraph()
    x = g.input((1, 4))
    state = g.constant(np.ones((1, 6)))
    g.tensors[state] = replace(g.tensors[state], is_variable=True)
    feature, time, bias = g.constant(np.ones((3, 4))), g.constant(np.ones((3, 2))), g.constant(np.ones(3))
    g.outputs = [g.add("SVDF", [x, feature, time, bias, state], (1, 3), {"rank": 1})]
    check(builder.build())


def svdf(g: SubgraphBuilder, x: int) -> int:
    feature, time, bias = g.constant(np.ones((3, 4))), g.constant(np.ones((3, 2))), g.constant(np.ones(3))
    state = g.tensor((1, 6), is_variable=True)
    return g.add("SVDF", [x, feature, time, bias, state], (1, 3), {"rank": 1})


def state_in_a_branch() -> Model:
    """IF whose branches keep state, in variable tensors of subgraphs 1 and 2."""
    builder = ModelBuilder()
    g = builder.subgraph()
    x, condition = g.input((1, 4)), g.input((1,), TensorType.BOOL)
    big = g.add("MUL", [x, x], (1, 4))
    for _ in range(2):
        child = builder.subgraph()
        child.outputs = [svdf(child, child.input((1, 4)))]
    options = {"then_subgraph_index": 1, "else_subgraph_index": 2}
    g.outputs = [g.add("IF", [condition, big], (1, 3), options), g.add("ADD", [big, big], (1, 4))]
    return builder.build()


def test_variables_of_other_subgraphs() -> None:
    """TFLM looks for their offsets as if they were of the first subgraph: the plan must leave those alone."""
    model = state_in_a_branch()
    check(model)
    check(search_best_plan(model, "x86-64", "reference").model)
    tensors = sum(len(s.tensors) for s in model.subgraphs)
    check(with_plans(model, [-1] * tensors))
    main, branch = model.subgraphs[:2]
    state = next(t for t, tensor in enumerate(branch.tensors) if tensor.is_variable)
    twice = [-1] * tensors
    twice[len(main.tensors) + state] = 4096  # in the plan, and in the tail as well
    check(with_plans(model, twice))


def test_a_variable_with_an_offline_offset_lives_in_the_head() -> None:
    builder = ModelBuilder()
    g = builder.subgraph()
    g.outputs = [svdf(g, g.input((1, 4)))]
    model = builder.build()
    state = next(i for i, t in enumerate(g.tensors) if t.is_variable)
    offsets = [-1] * len(g.tensors)
    offsets[state] = 1024
    check(with_plans(model, offsets))
    report = estimate_arena(with_plans(model, offsets), WHEEL_TARGET, WHEEL_KERNELS)
    assert report.head == 1024 + 32


def test_of_several_offline_plans_the_last_counts() -> None:
    builder = ModelBuilder()
    g = builder.subgraph()
    x = g.input((1, 4))
    g.outputs = [g.add("ADD", [x, x], (1, 4))]
    model = with_plans(builder.build(), [0, 64], [0, 256])
    check(model)
    assert estimate_arena(model, "x86-64").head == 256 + 16


@pytest.mark.parametrize("offsets", [[0], [0, 16, 32], [0, -2]], ids=str)
def test_an_offline_plan_that_does_not_fit_the_model(offsets: list[int]) -> None:
    builder = ModelBuilder()
    g = builder.subgraph()
    x = g.input((1, 4))
    g.outputs = [g.add("ADD", [x, x], (1, 4))]
    with pytest.raises(ArenaError, match=METADATA_NAME):
        estimate_arena(with_plans(builder.build(), offsets))


@pytest.mark.parametrize("type_", [TensorType.STRING, TensorType.VARIANT, TensorType.INT2, 99], ids=str)
def test_a_tensor_that_tflm_has_no_size_for_is_named(type_: TensorType) -> None:
    builder = ModelBuilder()
    g = builder.subgraph()
    x = g.input((1, 4))
    g.tensor((3,), type_)
    g.outputs = [g.add("ADD", [x, x], (1, 4))]
    report = estimate_arena(builder.build())
    assert not report.exact
    assert report.unknown[0].startswith("tensor 1 (subgraph 0): TFLM cannot allocate it")


def test_an_open_shape_is_named() -> None:
    builder = ModelBuilder()
    g = builder.subgraph()
    x = g.input((-1, 4))
    g.outputs = [g.add("ADD", [x, x], (-1, 4))]
    report = estimate_arena(builder.build())
    assert [line.split(":")[0] for line in report.unknown] == [
        "tensor 0 (subgraph 0)",
        "tensor 1 (subgraph 0)",
    ]
    assert ask_wheel(write_model(builder.build())) is None
