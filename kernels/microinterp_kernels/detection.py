"""From the boxes, classes and anchors of a detector (SSD) to its best detections.

Source of the formulas: `detection_postprocess.cc` of LiteRT and of TFLite Micro. Boxes are rows of ymin, xmin, ymax,
xmax in float32.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .heap import largest_first
from .non_max_suppression import intersection_over_union

Float32s = NDArray[np.float32]
Indices = NDArray[np.intp]


class Detections(NamedTuple):
    """Where, what and how sure, row for row."""

    boxes: Indices
    classes: Indices
    scores: Float32s


@np.errstate(all="ignore")
def decode_boxes(encoded: Float32s, anchors: Float32s, scales: NDArray[np.float64]) -> Float32s:
    """The corners of boxes that are encoded as y, x, h, w (the first four columns) relative to anchors.

    Computed in double and rounded to float32 as centre and half a size, from which the corners come.
    """
    wide, anchor = encoded[:, :4].astype(np.float64) / scales, anchors.astype(np.float64)
    centre = (wide[:, :2] * anchor[:, 2:] + anchor[:, :2]).astype(np.float32)
    half = (0.5 * np.exp(wide[:, 2:]) * anchor[:, 2:]).astype(np.float32)
    return np.concatenate([centre - half, centre + half], axis=1)


def suppress(
    boxes: Float32s, scores: Float32s, most: int, score_threshold: np.float32, iou_threshold: np.float32
) -> list[int]:
    """The indices of the boxes that remain, best first: each best one removes those that overlap it too much."""
    kept = np.flatnonzero(scores >= score_threshold)
    order = kept[np.argsort(-scores[kept], kind="stable")]
    selected: list[int] = []
    while order.size and len(selected) < most:
        best, order = int(order[0]), order[1:]
        selected.append(best)
        order = order[~(intersection_over_union(boxes[best], boxes[order]) > iou_threshold)]
    return selected


def detect_per_class(
    boxes: Float32s, scores: Float32s, most: int, most_per_class: int, *thresholds: Any
) -> Detections:
    """Suppression in each class by itself ("regular"); `scores` has a row per box and a column per class."""
    found = [
        suppress(boxes, scores[:, c], min(most_per_class, most), *thresholds) for c in range(scores.shape[1])
    ]
    chosen = np.array([i for indices in found for i in indices], np.intp)
    classes = np.repeat(np.arange(len(found)), [len(indices) for indices in found])
    confidence = scores[chosen, classes]
    order = np.argsort(-confidence, kind="stable")[:most]
    return Detections(chosen[order], classes[order], confidence[order])


def detect_by_best_class(
    boxes: Float32s, scores: Float32s, most: int, classes_per_box: int, stable: bool, *thresholds: Any
) -> Detections:
    """Suppression by the score of the best class ("fast"), then the best classes of each box that remains.

    Of equal scores the class that comes first is the better one, with `stable` or for one class per box; else the one
    that `std::partial_sort` happens to put first.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :classes_per_box]
    best = np.take_along_axis(scores, order[:, :1], axis=1)[:, 0]
    chosen = np.array(suppress(boxes, best, most, *thresholds), np.intp)
    classes = order[chosen]
    if not stable and classes_per_box > 1:
        for row, box in zip(classes, chosen, strict=True):
            row[:] = largest_first(scores[box], classes_per_box)
    classes = classes.reshape(-1)
    chosen = np.repeat(chosen, classes_per_box)
    return Detections(chosen, classes, scores[chosen, classes])
