"""Operators of the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microinterp import Interpreter, Invocation, InvokeError, Node, PrepareError
from microinterp.model.ir import TensorType as T
from tests.single_op import TensorSpec, single_op_model

Array = NDArray[Any]
SPEC = TensorSpec((2, 3), T.FLOAT32)
DOUBLE = single_op_model("Double", [SPEC], [SPEC])
X = np.arange(6, dtype=np.float32).reshape(2, 3)


def prepare_double(node: Node) -> Invocation:
    x, y = node.input(0), node.output(0)
    y.shape = x.shape
    return Invocation(lambda x, y: np.multiply(x, 2, out=y), (x, y))


def test_an_operator_of_ones_own() -> None:
    interpreter = Interpreter(model_content=DOUBLE, custom_ops={"Double": prepare_double})
    assert np.array_equal(interpreter(X), 2 * X)
    interpreter.resize_tensor_input(0, [4, 1])
    assert np.array_equal(interpreter(X[:, 1:2].repeat(2, 0)), 2 * X[:, 1:2].repeat(2, 0))
    samples = np.stack([X, X + 1, X + 2])
    batched = Interpreter(model_content=DOUBLE, custom_ops={"Double": prepare_double}).run_batch(
        samples, workers=2
    )
    assert np.array_equal(batched, 2 * samples)


def test_a_builtin_operator_replaced() -> None:
    model = single_op_model("ADD", [SPEC, TensorSpec((3,), T.FLOAT32, data=[1, 2, 3])], [SPEC])

    def subtract(node: Node) -> Invocation:
        a, b, y = node.input(0), node.input(1), node.output()
        return Invocation(lambda a, b, y: np.subtract(a, b, out=y), (a, b, y))

    interpreter = Interpreter(model_content=model, custom_ops={"ADD": subtract})
    assert np.array_equal(interpreter(X), X - np.array([1, 2, 3], np.float32))
    batched = Interpreter(model_content=model, custom_ops={"ADD": subtract}).run_batch(np.stack([X, X]))
    assert np.array_equal(batched, np.stack([X, X]) - np.array([1, 2, 3], np.float32))


def test_without_it_the_operator_is_unknown() -> None:
    with pytest.raises(PrepareError, match=r"Double.*custom_ops"):
        Interpreter(model_content=DOUBLE).allocate_tensors()


def test_its_mistakes_are_named() -> None:
    def forgets(node: Node) -> Any:
        return None

    def fails(node: Node) -> Invocation:
        def divide(x: Array, y: Array) -> None:
            raise ZeroDivisionError

        return Invocation(divide, (node.input(0), node.output()))

    with pytest.raises(PrepareError, match=r"Double.*must return an Invocation"):
        Interpreter(model_content=DOUBLE, custom_ops={"Double": forgets}).allocate_tensors()
    with pytest.raises(InvokeError, match=r"Double.*ZeroDivisionError"):
        Interpreter(model_content=DOUBLE, custom_ops={"Double": fails})(X)
