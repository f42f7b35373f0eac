"""The orders of sums, against loops over single numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from microinterp_kernels import summation
from microinterp_kernels.summation import Sum, dot_products

Float32s = NDArray[np.float32]
Number = np.float32


ZERO = Number(0)


def in_order(terms: Sequence[Number], start: Number = ZERO) -> Number:
    total = start
    for term in terms:
        total = Number(total + term)
    return total


def lanes(terms: Sequence[Number], n: int) -> tuple[list[Number], Sequence[Number]]:
    whole = len(terms) // n * n
    return [in_order(terms[i:whole:n]) for i in range(n)], terms[whole:]


def lanes_in_order(terms: Sequence[Number]) -> Number:
    [a, b, c, d], rest = lanes(terms, 4)
    return in_order(rest, Number(Number(Number(a + b) + c) + d))


def lanes_in_halves(terms: Sequence[Number]) -> Number:
    [a, b, c, d], rest = lanes(terms, 4)
    return in_order(rest, Number(Number(a + c) + Number(b + d)))


def quarters(terms: Sequence[Number]) -> Number:
    [a, b, c, d], rest = lanes(terms, 4)
    return in_order(rest, Number(Number(a + b) + Number(c + d)))


def even_and_odd(terms: Sequence[Number]) -> Number:
    whole = len(terms) // 8 * 8
    return in_order(terms[whole:], Number(in_order(terms[0:whole:2]) + in_order(terms[1:whole:2])))


def unrolled_lanes(terms: Sequence[Number]) -> Number:
    packets = [terms[i : i + 4] for i in range(0, len(terms) // 4 * 4, 4)]
    rest = terms[len(packets) * 4 :]
    if not packets:
        return in_order(rest)
    # four registers of four numbers each; only those that have a packet take part
    registers = [
        [in_order([p[lane] for p in packets[i::4]]) for lane in range(4)] for i in range(min(4, len(packets)))
    ]
    while len(registers) > 1:
        last = registers.pop()
        registers[-1] = [Number(a + b) for a, b in zip(registers[-1], last, strict=True)]
    [a, b, c, d] = registers[0]
    return in_order(rest, Number(Number(a + c) + Number(b + d)))


CASES: list[tuple[Sum, Callable[[Sequence[Number]], Number]]] = [
    (summation.sum_in_order, in_order),
    (summation.sum_lanes_in_order, lanes_in_order),
    (summation.sum_lanes_in_halves, lanes_in_halves),
    (summation.sum_quarters, quarters),
    (summation.sum_even_and_odd, even_and_odd),
    (summation.sum_unrolled_lanes, unrolled_lanes),
]


@pytest.mark.parametrize(("total", "definition"), CASES)
@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 8, 9, 12, 15, 16, 17, 31, 64, 129, 300])
@pytest.mark.parametrize("columns", [(1,), (2,), (7,), (1, 1), (3, 1), (2, 5)])
def test_adds_in_its_order(
    total: Sum, definition: Callable[[Sequence[Number]], Number], n: int, columns: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(n)
    # of all magnitudes, so that nearly every order gives another result
    terms = (rng.standard_normal((n, *columns)) * 10.0 ** rng.uniform(-3, 3, (n, *columns))).astype(
        np.float32
    )
    expected = [definition(list(column)) for column in terms.reshape(n, int(np.prod(columns))).T]
    assert total(terms).reshape(-1).tolist() == [float(e) for e in expected]


@pytest.mark.parametrize("total", [total for total, _ in CASES])
def test_a_sum_of_negative_zeros_is_zero(total: Sum) -> None:
    for columns in (1, 3):
        assert not np.signbit(total(np.full((21, columns), -0.0, np.float32))).any()


@pytest.mark.parametrize("rows", [1, 5, 3000])
def test_dot_products_of_many_rows(rows: int) -> None:
    rng = np.random.default_rng(rows)
    a, b = rng.standard_normal((rows, 11), np.float32), rng.standard_normal((11, 9), np.float32)
    products = dot_products(a, b, summation.sum_in_order)
    for i in (0, rows // 2, rows - 1):
        expected = [in_order([Number(x * y) for x, y in zip(a[i], column, strict=True)]) for column in b.T]
        assert products[i].tolist() == [float(e) for e in expected]
