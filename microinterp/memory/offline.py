"""Memory plans made offline and embedded in the model, as TFLM reads them."""

from __future__ import annotations

import numpy as np

from ..errors import ArenaError
from ..model.ir import Model

METADATA_NAME = "OfflineMemoryAllocation"
_ONLINE = -1
_HEADER = 3  # version, subgraphs, number of offsets


def offline_offsets(model: Model) -> list[list[int | None]] | None:
    """The offline offset of each tensor of each subgraph (None: the planner may choose), or None without a plan.

    Raises:
        ArenaError: the plan does not have one offset for each tensor of the model.
    """
    entries = [entry for entry in model.metadata or () if entry.name == METADATA_NAME]
    if not entries:
        return None
    data = model.buffers[entries[-1].buffer]  # of several, TFLM takes the last
    if data is None:
        raise ArenaError(f"metadata {METADATA_NAME!r}: its buffer is empty")
    tensors = sum(len(s.tensors) for s in model.subgraphs)
    words = np.frombuffer(data[: data.size // 4 * 4].tobytes(), "<i4")
    if words.size < _HEADER or words[2] != tensors or words.size < _HEADER + tensors:
        raise ArenaError(
            f"metadata {METADATA_NAME!r}: an offline plan must hold one offset for each of the model's {tensors} "
            f"tensors; it has {words.size} words and says {words[2] if words.size >= _HEADER else 'nothing'}"
        )
    offsets: list[int] = words[_HEADER : _HEADER + tensors].tolist()
    if min(offsets, default=0) < _ONLINE:
        raise ArenaError(f"metadata {METADATA_NAME!r}: the offline plan has the offset {min(offsets)}")
    values = iter(offsets)
    return [[None if (v := next(values)) == _ONLINE else v for _ in s.tensors] for s in model.subgraphs]
