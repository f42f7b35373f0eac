"""The C++ standard library's binary heap, with its order of equal elements, which Python's `heapq` does not share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T")


class Heap(Generic[_T]):
    """A heap with the largest element at the top: libstdc++'s `push_heap` and `pop_heap`.

    `less(a, b)` compares two elements.
    """

    def __init__(self, less: Callable[[_T, _T], bool]) -> None:
        self._less = less
        self.items: list[_T] = []

    def push(self, item: _T) -> None:
        """Add an element."""
        self.items.append(item)
        self._sift_up(len(self.items) - 1, item, 0)

    def pop(self) -> _T:
        """Take the top element away."""
        top, last = self.items[0], self.items.pop()
        if self.items:
            self.replace(0, last)
        return top

    def replace(self, start: int, item: _T) -> None:
        """Put an element in the place of another, and restore the order below."""
        items, size, hole = self.items, len(self.items), start
        while (child := 2 * hole + 2) < size:
            child -= self._less(items[child], items[child - 1])
            items[hole] = items[child]
            hole = child
        if child == size:
            items[hole] = items[child - 1]
            hole = child - 1
        self._sift_up(hole, item, start)

    def heapify(self) -> None:
        """`make_heap`."""
        for i in reversed(range(len(self.items) // 2)):
            self.replace(i, self.items[i])

    def _sift_up(self, hole: int, item: _T, top: int) -> None:
        items = self.items
        while hole > top and self._less(items[parent := (hole - 1) // 2], item):
            items[hole] = items[parent]
            hole = parent
        items[hole] = item


def largest_first(values: Sequence[float] | NDArray[np.float32], count: int) -> list[int]:
    """The indices of the `count` largest values: libstdc++'s `partial_sort` by `values[i] > values[j]`."""

    def less(i: int, j: int) -> bool:
        return bool(values[i] > values[j])

    heap = Heap(less)
    heap.items = list(range(count))
    heap.heapify()
    for i in range(count, len(values)):
        if count and less(i, heap.items[0]):
            heap.replace(0, i)
    return [heap.pop() for _ in range(count)][::-1]
