from __future__ import annotations

import pytest

from microinterp import load
from microinterp.multiply_accumulates import Shape, model_multiply_accumulates, multiply_accumulates
from microinterp_tools.models import open_model


@pytest.mark.parametrize(
    ("operator", "inputs", "output", "expected"),
    [
        ("CONV_2D", [(1, 8, 8, 3), (4, 3, 3, 3), (4,)], (1, 6, 6, 4), 36 * 4 * 27),
        ("CONV_2D", [(2, 8, 8, 6), (4, 3, 3, 3), None], (2, 8, 8, 4), 2 * 64 * 4 * 27),  # two groups
        ("DEPTHWISE_CONV_2D", [(1, 8, 8, 3), (1, 3, 3, 6), (6,)], (1, 4, 4, 6), 16 * 6 * 9),
        ("FULLY_CONNECTED", [(5, 2, 10), (7, 10)], (5, 2, 7), 10 * 70),
        ("FULLY_CONNECTED", [(5, 2, 10), (7, 20), (7,)], (5, 7), 5 * 140),
        ("SVDF", [(3, 20), (8, 20), (8, 10), (4,), (3, 80)], (3, 4), 3 * (160 + 80)),
        # without an input gate (CIFG), with a projection
        (
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            [(2, 6, 5), None, *[(9, 5)] * 3, None, *[(9, 4)] * 3, *[None] * 7, (4, 9)],
            (2, 6, 4),
            12 * (3 * 45 + 3 * 36 + 36),
        ),
        ("MUL", [(1, 8), (1, 8)], (1, 8), 0),
        ("FULLY_CONNECTED", [], (1,), 0),
    ],
)
def test_an_operator(operator: str, inputs: list[Shape | None], output: Shape, expected: int) -> None:
    assert multiply_accumulates(operator, inputs, [output]) == expected


def test_a_model_is_the_sum_of_its_operators() -> None:
    assert model_multiply_accumulates(load(open_model("sine").content)) == 16 + 16 * 16 + 16
