"""TFLite_Detection_PostProcess, the custom operator at the end of SSD models."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from microinterp_kernels import detection as kernels
from microinterp_kernels.quantize import dequantize

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor

_DETECTIONS_PER_CLASS = 100


@dataclass(frozen=True, slots=True)
class _Settings:
    most: int
    classes_per_box: int
    per_class: int
    is_regular: bool
    score_threshold: np.float32
    iou_threshold: np.float32
    classes: int
    #: Of y, x, h and w.
    scales: Array


def prepare_tf_lite_detection_post_process(node: Node) -> Invocation:
    """TFLite_Detection_PostProcess: the best boxes, their classes and scores, and how many they are."""
    settings = _read_settings(node)
    node.require_counts(3, 4)
    encoded, predictions, anchors = (node.input(i) for i in range(3))
    node.require_rank(encoded, 3)
    node.require_rank(predictions, 3)
    node.require_rank(anchors, 2)
    node.require(
        settings.most >= 0 and settings.classes_per_box >= 0,
        "max_detections and max_classes_per_detection are negative",
    )
    count = settings.most * settings.classes_per_box
    for output, shape in zip(node.outputs, ((1, count, 4), (1, count), (1, count), (1,)), strict=True):
        output.shape = shape
        if not node.runtime.has_dynamic_tensors:
            stored = output.definition.shape or ()
            node.require(prod(stored) == prod(shape), f"{output} has the shape {list(stored)} in the model")
            output.shape = stored
    _check_when_invoked(node, settings)
    for output in node.outputs:
        node.require_type(output, TensorType.FLOAT32, at_invoke=True)
    function = _Detect(node, settings, node.runtime.detections_need_area, node.runtime.detections_sort_stably)
    return Invocation(function, (*node.inputs, *node.outputs), settings)


def _read_settings(node: Node) -> _Settings:
    """The options, zero where one is missing."""

    def read(name: str, default: int = 0) -> float:
        value = node.options.get(name)
        return value if isinstance(value, int | float) else default

    return _Settings(
        most=int(read("max_detections")),
        classes_per_box=int(read("max_classes_per_detection")),
        per_class=int(read("detections_per_class", _DETECTIONS_PER_CLASS)),
        is_regular=bool(read("use_regular_nms")),
        score_threshold=np.float32(read("nms_score_threshold")),
        iou_threshold=np.float32(read("nms_iou_threshold")),
        classes=int(read("num_classes")),
        scales=np.array([read(f"{c}_scale") for c in "yxhw"], np.float32).astype(np.float64),
    )


def _check_when_invoked(node: Node, settings: _Settings) -> None:
    """What the native kernels look at when they run."""
    encoded, predictions, anchors = (node.input(i) for i in range(3))
    boxes = encoded.shape[1]

    def require(condition: bool, message: str) -> None:
        node.require(condition, message, at_invoke=True)

    require(
        encoded.shape[0] == 1 and encoded.shape[2] >= 4,
        f"{encoded} must have the shape [1, boxes, 4 or more]",
    )
    for tensor in (encoded, predictions):
        node.require_type(tensor, *node.runtime.element_types[node.name], at_invoke=True)
    node.require_type(anchors, encoded.type, at_invoke=True)
    require(anchors.size >= 4 * boxes, f"{anchors} must have a row for each of {boxes} boxes")
    require(predictions.shape[:2] == (1, boxes), f"{predictions} must have the shape [1, {boxes}, classes]")
    background = predictions.shape[2] - settings.classes
    require(
        background in (0, 1) and settings.classes > 0,
        f"{predictions} does not fit {settings.classes} classes",
    )
    if settings.is_regular:
        require(
            min(settings.per_class, settings.most) > 0,
            "max_detections and detections_per_class must be positive",
        )
    else:
        require(settings.classes_per_box > 0, "max_classes_per_detection must be positive")
    require(
        0 < float(settings.iou_threshold) <= 1,
        f"nms_iou_threshold is {settings.iou_threshold}, must be in (0, 1]",
    )


class _Detect:
    def __init__(self, node: Node, settings: _Settings, needs_area: bool, stable: bool) -> None:
        encoded, predictions, anchors = (node.input(i) for i in range(3))
        self._settings, self._needs_area, self._stable = settings, needs_area, stable
        self._encoded, self._predictions, self._anchors = map(_Reader, (encoded, predictions, anchors))
        self._background = predictions.shape[2] - settings.classes

    def __call__(
        self,
        encoded: Array,
        predictions: Array,
        anchors: Array,
        boxes_out: Array,
        classes_out: Array,
        scores_out: Array,
        count_out: Array,
    ) -> None:
        s = self._settings
        encoded = self._encoded.single(encoded[0, :, :4])
        anchors = self._anchors.single(anchors.reshape(-1)[: encoded.size].reshape(-1, 4))
        boxes = kernels.decode_boxes(encoded, anchors, s.scales)
        low, high = boxes[:, :2], boxes[:, 2:]
        if (low >= high if self._needs_area else low > high).any():
            raise InvokeError("a box has a corner beyond the opposite one")
        scores = self._predictions.double(predictions[0])[:, self._background :]
        thresholds = s.score_threshold, s.iou_threshold
        if s.is_regular:
            found = kernels.detect_per_class(boxes, scores, s.most, s.per_class, *thresholds)
            places = np.arange(len(found.boxes))
            count = places.size
        else:
            per_box = min(s.classes_per_box, s.classes)
            found = kernels.detect_by_best_class(boxes, scores, s.most, per_box, self._stable, *thresholds)
            count = len(found.boxes) // per_box
            places = (np.arange(count)[:, np.newaxis] * s.classes_per_box + np.arange(per_box)).ravel()
        for output in (boxes_out, classes_out, scores_out):
            output[...] = 0
        boxes_out.reshape(-1, 4)[places] = boxes[found.boxes]
        classes_out.reshape(-1)[places] = found.classes
        scores_out.reshape(-1)[places] = found.scores
        count_out[...] = count


class _Reader:
    """The real numbers of a tensor that may be uint8."""

    def __init__(self, tensor: RuntimeTensor) -> None:
        self._is_quantized = tensor.type is TensorType.UINT8
        self._scale, self._zero_point = np.float32(tensor.scale), tensor.zero_point

    def single(self, values: Array) -> Array:
        """Computed in float32."""
        if not self._is_quantized:
            return values
        return (values.astype(np.float32) - np.float32(self._zero_point)) * self._scale

    def double(self, values: Array) -> Array:
        """Computed in double."""
        if not self._is_quantized:
            return values
        real = np.empty(values.shape, np.float32)
        dequantize(values, real, scale=self._scale, zero_point=self._zero_point)
        return real
