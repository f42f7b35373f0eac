"""One generator of random problems per operator: for the quick differential test, and for the conformance run.

A generator draws everything that a native kernel accepts (shapes, options, scales, zero points, values, the nasty ones
included) for one *kind* of the operator: mostly an element type, `INT8`, or a variant of it, `FLOAT32, INT8 weights`.
It stays away from native bugs by rules of its own, each named and narrow; docs/native-bugs.md lists the bugs.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.oracles import RuntimeName


@dataclass(frozen=True)
class Problem:
    """A model of one operator (or a few, where it takes them), and inputs to run it on, one invoke after the other."""

    model: bytes
    invokes: Sequence[Sequence[NDArray[Any]]]

    def __repr__(self) -> str:
        from tests.single_op import describe

        inputs = [[f"{a.dtype}{list(a.shape)}" for a in arrays] for arrays in self.invokes]
        return f"Problem({describe(self.model)}, {inputs})"


Draw = Callable[[st.DrawFn, str, RuntimeName], Problem]


@dataclass(frozen=True)
class Generator:
    """The problems of one operator. `kinds` are those that each native runtime accepts; without any it lacks them."""

    operator: str
    kinds: Mapping[RuntimeName, tuple[str, ...]]
    draw: Draw

    def problems(self, kind: str, runtime: RuntimeName) -> st.SearchStrategy[Problem]:
        """A strategy for problems of one kind, which the runtime mostly accepts."""
        return st.composite(self.draw)(kind, runtime)


_GENERATORS: dict[str, Generator] = {}


def generator(
    *operators: str, tflite: Sequence[str] = (), tflm: Sequence[str] = ()
) -> Callable[[Callable[..., Problem]], Callable[..., Problem]]:
    """Register a function that draws problems, `(draw, kind, runtime) -> Problem`, for an operator.

    For several operators the function has one more parameter, `operator`, the first after `draw`.
    """

    def register(function: Callable[..., Problem]) -> Callable[..., Problem]:
        for operator in operators:
            assert operator not in _GENERATORS, f"{operator} has two generators"
            draw = function if len(operators) == 1 else _for_operator(function, operator)
            _GENERATORS[operator] = Generator(operator, {"tflite": tuple(tflite), "tflm": tuple(tflm)}, draw)
        return function

    return register


def _for_operator(function: Callable[..., Problem], operator: str) -> Draw:
    return lambda draw, kind, runtime: function(draw, operator, kind, runtime)


@cache
def all_generators() -> tuple[Generator, ...]:
    """Every generator, by the operator's name."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return tuple(_GENERATORS[name] for name in sorted(_GENERATORS, key=lambda n: (not n.isupper(), n)))
