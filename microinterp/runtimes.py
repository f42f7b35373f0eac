"""The one place that says how the runtimes differ whose results we reproduce.

Each field of `Runtime` is one measured difference; operators read the field and never ask for the runtime's
name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RuntimeName = Literal["tflite", "tflm"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """Whose results to reproduce, as data."""

    name: RuntimeName
    #: Graph inputs keep their values through invoke (TFLM's planner may reuse their memory).
    preserves_inputs: bool
    #: All subgraphs are prepared at once and share one arena and one plan, rather than each when it is first
    #: needed.
    plans_all_subgraphs_together: bool
    #: A plan in the model's metadata decides over the planner.
    honours_offline_plans: bool
    #: The quantization parameters of every tensor must be consistent, used or not.
    checks_quantization: bool
    #: How an integer FULLY_CONNECTED requantizes: one double multiplication, or gemmlowp's fixed point.
    fully_connected_requantizes_in_double: bool
    #: Per-tensor multipliers are products of float32 scales, rounded to float32 (LiteRT), or exact doubles
    #: (TFLM).
    multiplies_scales_in_float32: bool


TFLITE = Runtime(
    name="tflite",
    preserves_inputs=True,
    plans_all_subgraphs_together=False,
    honours_offline_plans=False,
    checks_quantization=True,
    fully_connected_requantizes_in_double=True,
    multiplies_scales_in_float32=True,
)

TFLM = Runtime(
    name="tflm",
    preserves_inputs=False,
    plans_all_subgraphs_together=True,
    honours_offline_plans=True,
    checks_quantization=False,
    fully_connected_requantizes_in_double=False,
    multiplies_scales_in_float32=False,
)

RUNTIMES: dict[RuntimeName, Runtime] = {"tflite": TFLITE, "tflm": TFLM}
