"""Every operator against the native runtimes, on random problems of each kind."""

from __future__ import annotations

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from microinterp.ops.batching import RULES
from microinterp.ops.registry import implemented_operators
from tests.oracles import RUNTIME_NAMES, OracleCrashed, OracleUnreadable, RuntimeName, available
from tests.problems import Generator, all_generators
from tests.single_op import check_against_oracle

# A quarter of the profile's examples: there are many operators.
FEW = settings(max_examples=settings().max_examples // 4)
CASES = [
    (g, kind, runtime) for g in all_generators() for runtime in RUNTIME_NAMES for kind in g.kinds[runtime]
]


@pytest.mark.parametrize(
    ("generator", "kind", "runtime"),
    CASES,
    ids=[f"{g.operator}-{kind}-{runtime}" for g, kind, runtime in CASES],
)
def test_equals_the_native_runtime(generator: Generator, kind: str, runtime: RuntimeName) -> None:
    missing = available(runtime)
    if missing is not None:
        pytest.skip(missing)
    accepted = 0

    @FEW
    @given(st.data())
    def solve(data: st.DataObject) -> None:
        nonlocal accepted
        problem = data.draw(generator.problems(kind, runtime))
        try:
            accepted += check_against_oracle(problem.model, problem.invokes, runtime)
        except (OracleCrashed, OracleUnreadable):
            # nothing to compare with; docs/conformance.md counts them (empty dynamic outputs, mostly)
            reject()

    solve()
    assert accepted > 0, "the native runtime refuses all problems: nothing was compared"


def test_every_operator_has_problems_and_a_rule_for_batches() -> None:
    assert implemented_operators() == {g.operator for g in all_generators()} == set(RULES)
