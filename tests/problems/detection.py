"""TFLite_Detection_PostProcess."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import TensorType
from tests.draw import scales
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

Array = np.ndarray[Any, Any]


@generator(
    "TFLite_Detection_PostProcess",
    tflite=("FLOAT32", "FLOAT32 regular", "UINT8", "UINT8 regular", "FLOAT32 with UINT8 scores"),
    tflm=("FLOAT32", "FLOAT32 regular"),
)
def detections(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    """Boxes in cells far from each other, so that at least one of each cell remains.

    TFLite_Detection_PostProcess: without suppression per class ("regular") there are as many cells as detections, and
    in TFLM one class per box (docs/native-bugs.md).
    """
    is_regular = "regular" in kind
    type = TensorType[kind.split(maxsplit=1)[0]]
    score_type = TensorType.UINT8 if "UINT8" in kind else type
    most = draw(st.integers(2, 8))
    classes, background = draw(st.integers(1, 12)), draw(st.integers(0, 1))
    per_box = 1
    if is_regular:
        cells = draw(st.integers(1, 6))
    else:
        cells = most
        if runtime == "tflite":
            per_box = draw(st.integers(1, classes))
    count = cells * draw(st.integers(1, 3)) + draw(st.integers(0, 3))
    columns = 4 + draw(st.integers(0, 3)) // 3
    threshold = 0.0 if not is_regular else draw(st.sampled_from([0.0, 0.3, 0.7, 1.1]))
    options = {
        "max_detections": most,
        "max_classes_per_detection": per_box,
        "nms_score_threshold": threshold,
        "nms_iou_threshold": draw(
            st.sampled_from([0.1, 0.5, 0.9, 1.0, 0.0 if draw(st.integers(0, 9)) == 5 else 0.6])
        ),
        "num_classes": classes,
        "y_scale": draw(st.sampled_from([1.0, 10.0])),
        "x_scale": draw(st.sampled_from([1.0, 10.0])),
        "h_scale": draw(st.sampled_from([1.0, 5.0])),
        "w_scale": draw(st.sampled_from([1.0, 5.0])),
    }
    if is_regular or draw(st.booleans()):
        options["use_regular_nms"] = is_regular
    if draw(st.booleans()):
        options["detections_per_class"] = draw(st.integers(1, 10))
    coarse = draw(st.booleans())

    def feed() -> list[Array]:
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        encoded: Array = rng.normal(size=(1, count, columns)) * 0.5
        anchors: Array = rng.random((count, 4)) * 0.3 + 0.1
        anchors[:, 0] += 100 * (np.arange(count) % cells)
        scores = rng.random((1, count, classes + background))
        if coarse:  # many are equal
            scores = np.round(scores * 4) / 4
            encoded = np.round(encoded)
        if type is TensorType.UINT8:
            encoded = np.asarray(rng.integers(100, 156, encoded.shape), np.float64)
            anchors = np.asarray(rng.integers(3, 10, anchors.shape), np.float64)
            anchors[:, 0] = 20 * (np.arange(count) % cells)
        if score_type is TensorType.UINT8:
            scores = scores * 255
        dtypes = [np.uint8 if t is TensorType.UINT8 else np.float32 for t in (type, score_type)]
        return [encoded.astype(dtypes[0]), scores.astype(dtypes[1]), anchors.astype(dtypes[0])]

    def quantization(t: TensorType, scale: float, zero_point: int) -> dict[str, Any]:
        return {"scale": scale, "zero_point": zero_point} if t is TensorType.UINT8 else {}

    anchor_scale = draw(scales(-6, 1))
    # small offsets, so that quantized cells stay apart
    encoded_scale = min(draw(scales(-12, -7)), 1 / 128)
    specs = [
        TensorSpec((1, count, columns), type, **quantization(type, encoded_scale, 128)),
        TensorSpec(
            (1, count, classes + background), score_type, **quantization(score_type, draw(scales(-9, -6)), 0)
        ),
        TensorSpec((count, 4), type, **quantization(type, anchor_scale, 0)),
    ]
    if type is TensorType.UINT8:
        options["h_scale"] = options["w_scale"] = 1.0
    found = most * per_box
    model = single_op_model(
        "TFLite_Detection_PostProcess",
        specs,
        [TensorSpec(s, TensorType.FLOAT32) for s in ((1, found, 4), (1, found), (1, found), (1,))],
        custom_options=encode_custom_options(options),
    )
    return Problem(model, [feed() for _ in range(draw(st.integers(1, 2)))])
