"""Boxes that overlap a better one give way to it.

Source of the formulas: LiteRT's `internal/reference/non_max_suppression.h`. Boxes are rows of y1, x1, y2,
x2 in float32.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .heap import Heap
from .libm import expf

Float32s = NDArray[np.float32]


def smaller(a: Float32s, b: Float32s) -> Float32s:
    """C++'s std::min(a, b): `a` where they are equal or one is a NaN."""
    return np.where(b < a, b, a)


def larger(a: Float32s, b: Float32s) -> Float32s:
    """C++'s std::max(a, b): `a` where they are equal or one is a NaN."""
    return np.where(a < b, b, a)


@np.errstate(all="ignore")
def intersection_over_union(box: Float32s, others: Float32s) -> Float32s:
    """How much of a box and each of the others they share; corners are ymin, xmin, ymax, xmax in the last axis."""
    ymin, xmin, ymax, xmax = (others[..., i] for i in range(4))
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (ymax - ymin) * (xmax - xmin)
    height = smaller(box[2], ymax) - larger(box[0], ymin)
    width = smaller(box[3], xmax) - larger(box[1], xmin)
    zero = np.zeros((), np.float32)
    shared = larger(height, zero) * larger(width, zero)
    result: Float32s = shared / (area + areas - shared)
    result[(area <= 0) | (areas <= 0)] = 0
    return result


class _Candidate(NamedTuple):
    box: int
    score: np.float32
    # the boxes selected before this one have been looked at
    compared: int


@np.errstate(all="ignore")
def non_max_suppression(
    boxes: Float32s,
    scores: Float32s,
    most: int,
    iou_threshold: np.float32,
    score_threshold: np.float32,
    sigma: np.float32,
) -> tuple[list[int], list[np.float32]]:
    """The indices of the boxes that remain, best first, and their scores; with `sigma` > 0 lowered ones (soft NMS).

    A selected box is a candidate once more, and usually suppressed by itself; but not if its area is 0, or the
    threshold above 1.
    """
    corners = np.concatenate(
        [smaller(boxes[:, :2], boxes[:, 2:]), larger(boxes[:, :2], boxes[:, 2:])], axis=1
    )
    heap = Heap[_Candidate](lambda a, b: bool(a.score < b.score))
    for i in np.flatnonzero(scores > score_threshold).tolist():
        heap.push(_Candidate(i, scores[i], 0))
    most = min(len(heap.items), most)
    scale = np.float32(-0.5 / np.float64(sigma)) if sigma > 0 else np.float32(0)
    selected: list[int] = []
    final: list[np.float32] = []
    while len(selected) < most and heap.items:
        index, score, compared = heap.pop()
        before = selected[compared:][::-1]
        ious = intersection_over_union(corners[index], corners[before])
        is_hit = ious >= iou_threshold
        lowered = score
        if sigma > 0 and before:
            factors = expf(scale * ious * ious)
            course = np.multiply.accumulate(np.concatenate([[score], factors]).astype(np.float32))[1:]
            stops = is_hit | (course <= score_threshold)
            last = int(np.argmax(stops)) if stops.any() else len(before) - 1
            if is_hit[last]:
                continue
            lowered = course[last]
        elif is_hit.any():
            continue
        if lowered == score:
            selected.append(index)
            final.append(score)
        if lowered > score_threshold:
            # `selected` had not grown yet when it was compared
            heap.push(_Candidate(index, lowered, compared + len(before)))
    return selected, final
