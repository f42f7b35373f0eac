"""The one place that says how the runtimes differ whose results we reproduce.

Each field of `Runtime` is one measured difference; operators read the field and never ask for the runtime's
name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .model.ir import TensorType as T

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
    #: TFLM's custom operators for audio (SignalRfft and the like) exist.
    has_signal_operators: bool
    #: How an integer FULLY_CONNECTED requantizes: one double multiplication, or gemmlowp's fixed point.
    fully_connected_requantizes_in_double: bool
    #: Per-tensor multipliers are products of float32 scales, rounded to float32 (LiteRT), or exact doubles
    #: (TFLM).
    multiplies_scales_in_float32: bool
    #: AVERAGE_POOL_2D and MAX_POOL_2D refuse an output that is quantized otherwise than the input.
    pooling_checks_quantization: bool
    #: An operator may learn the shape of its output at invoke; else what decides the shape must be constant.
    has_dynamic_tensors: bool
    #: Most inputs of a CONCATENATION, and most dimensions of each (None: any number).
    most_concatenated_inputs: int | None
    most_concatenated_dimensions: int | None
    #: PACK and UNPACK refuse inputs and outputs that are quantized differently.
    packs_need_equal_quantization: bool
    #: Most dimensions of the input of a STRIDED_SLICE (None: any number).
    most_sliced_dimensions: int | None
    #: STRIDED_SLICE knows ellipses, new axes, offsets and fewer specs than dimensions; else it ignores the options
    #: and takes one spec per dimension.
    strided_slice_expands_specs: bool
    #: Element types of the indices of GATHER and GATHER_ND.
    index_types: tuple[T, ...]
    #: GATHER_ND refuses an index that leaves its own dimension; else only one that leaves the whole tensor.
    gather_nd_checks_each_index: bool
    #: A resource variable has memory, filled with its zero point, from the preparation of its first ASSIGN_VARIABLE
    #: on, and is read as bytes; else it is what was last assigned, with type and shape.
    allocates_resources_at_prepare: bool
    #: CALL_ONCE runs its subgraph once, however many operators name it; else once per operator.
    calls_once_per_subgraph: bool
    #: LOGISTIC and TANH of 8 bits are tables of the float function, else of gemmlowp's fixed-point one.
    tabulates_activations_in_float: bool
    #: LOGISTIC refuses quantized outputs whose scale is not exactly 1/256 (1/32768 for int16).
    logistic_checks_output_scale: bool
    #: How far the output scale of an int8 SOFTMAX may be from 1/256, relatively.
    softmax_int8_scale_tolerance: float
    #: SOFTMAX of int8 into int16 refuses any output but one of scale 1/65536 and zero point −32768.
    softmax_checks_int8_to_int16: bool
    #: SOFTMAX of int16 computes its tables in double, else in float.
    softmax_int16_uses_double: bool
    #: Element types that each operator accepts as its data, for operators whose types differ by runtime.
    element_types: Mapping[str, tuple[T, ...]] = field(hash=False)


_ONE_BYTE = (T.INT8, T.UINT8, T.BOOL, T.FLOAT8_E4M3FN, T.FLOAT8_E5M2)
_TWO_BYTES = (T.INT16, T.UINT16, T.FLOAT16, T.BFLOAT16)
_FOUR_BYTES = (T.FLOAT32, T.INT32, T.UINT32)
_EIGHT_BYTES = (T.INT64, T.UINT64, T.FLOAT64, T.COMPLEX64)
_SPLIT = (T.FLOAT32, T.INT8, T.UINT8, T.INT16, T.INT32, T.INT64)
_GATHER_ND = (*_SPLIT, T.FLOAT16, T.BFLOAT16, T.BOOL, T.STRING)

_LITERT_ELEMENT_TYPES = {
    "AVERAGE_POOL_2D": (T.FLOAT32, T.INT8, T.UINT8, T.INT16),
    "CONCATENATION": (*_SPLIT, T.UINT32, T.FLOAT16, T.BFLOAT16, T.BOOL, T.INT4),
    "GATHER": (*_GATHER_ND, T.INT4),
    "GATHER_ND": _GATHER_ND,
    "LOGISTIC": (T.FLOAT32, T.INT8, T.UINT8, T.INT16),
    "MAX_POOL_2D": (T.FLOAT32, T.INT8, T.UINT8, T.INT16),
    "PACK": (*_SPLIT, T.UINT32),
    "RESIZE_BILINEAR": (T.FLOAT32, T.INT8, T.UINT8, T.INT16),
    "RESIZE_NEAREST_NEIGHBOR": (*_ONE_BYTE, *_TWO_BYTES, *_FOUR_BYTES),
    "SOFTMAX": (T.FLOAT32, T.INT8, T.UINT8, T.INT16),
    "SPLIT": _SPLIT,
    "SPLIT_V": _SPLIT,
    "STRIDED_SLICE": (*_ONE_BYTE, *_TWO_BYTES, *_FOUR_BYTES, *_EIGHT_BYTES, T.STRING),
    "TANH": (T.FLOAT32, T.INT8, T.UINT8, T.INT16),
    "UNPACK": (T.FLOAT32, T.INT8, T.UINT8, T.INT16, T.INT32, T.FLOAT16, T.BFLOAT16, T.BOOL),
}

_TFLM_ELEMENT_TYPES = {
    "AVERAGE_POOL_2D": (T.FLOAT32, T.INT8, T.INT16),
    "CONCATENATION": (T.FLOAT32, T.INT8, T.INT16, T.INT32, T.INT64, T.BOOL),
    "GATHER": (T.FLOAT32, T.INT8),
    "GATHER_ND": (T.FLOAT32, T.INT8),
    "LOGISTIC": (T.FLOAT32, T.INT8, T.INT16),
    "MAX_POOL_2D": (T.FLOAT32, T.INT8, T.INT16),
    "PACK": (T.FLOAT32, T.INT8, T.INT16, T.INT32, T.INT64),
    "RESIZE_BILINEAR": (T.FLOAT32, T.INT8),
    "RESIZE_NEAREST_NEIGHBOR": (T.FLOAT32, T.INT8, T.INT16),
    "SOFTMAX": (T.FLOAT32, T.INT8, T.INT16),
    "SPLIT": (T.FLOAT32, T.INT8, T.INT16, T.INT32),
    "SPLIT_V": (T.FLOAT32, T.INT8, T.INT16, T.INT32),
    "STRIDED_SLICE": (T.FLOAT32, T.INT8, T.INT16, T.INT32, T.BOOL),
    "TANH": (T.FLOAT32, T.INT8, T.INT16),
    "UNPACK": (T.FLOAT32, T.INT8, T.INT16, T.INT32),
}

TFLITE = Runtime(
    name="tflite",
    preserves_inputs=True,
    plans_all_subgraphs_together=False,
    honours_offline_plans=False,
    checks_quantization=True,
    has_signal_operators=False,
    fully_connected_requantizes_in_double=True,
    multiplies_scales_in_float32=True,
    pooling_checks_quantization=False,
    has_dynamic_tensors=True,
    most_concatenated_inputs=None,
    most_concatenated_dimensions=None,
    packs_need_equal_quantization=True,
    most_sliced_dimensions=None,
    strided_slice_expands_specs=True,
    index_types=(T.INT16, T.INT32, T.INT64),
    gather_nd_checks_each_index=True,
    allocates_resources_at_prepare=False,
    calls_once_per_subgraph=True,
    tabulates_activations_in_float=True,
    logistic_checks_output_scale=True,
    softmax_int8_scale_tolerance=0.001,
    softmax_checks_int8_to_int16=False,
    softmax_int16_uses_double=True,
    element_types=_LITERT_ELEMENT_TYPES,
)

TFLM = Runtime(
    name="tflm",
    preserves_inputs=False,
    plans_all_subgraphs_together=True,
    honours_offline_plans=True,
    checks_quantization=False,
    has_signal_operators=True,
    fully_connected_requantizes_in_double=False,
    multiplies_scales_in_float32=False,
    pooling_checks_quantization=True,
    has_dynamic_tensors=False,
    most_concatenated_inputs=10,
    most_concatenated_dimensions=6,
    packs_need_equal_quantization=False,
    most_sliced_dimensions=4,
    strided_slice_expands_specs=False,
    index_types=(T.INT32,),
    gather_nd_checks_each_index=False,
    allocates_resources_at_prepare=True,
    calls_once_per_subgraph=False,
    tabulates_activations_in_float=False,
    logistic_checks_output_scale=False,
    softmax_int8_scale_tolerance=0.0,
    softmax_checks_int8_to_int16=True,
    softmax_int16_uses_double=False,
    element_types=_TFLM_ELEMENT_TYPES,
)

RUNTIMES: dict[RuntimeName, Runtime] = {"tflite": TFLITE, "tflm": TFLM}
