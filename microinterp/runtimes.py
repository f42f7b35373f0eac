"""The one place that says how the runtimes differ whose results we reproduce.

Each field of `Runtime` is one measured difference; operators read the field and never ask for the runtime's
name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from .element_types import (
    LITERT_CHECKED_AT_INVOKE,
    LITERT_ELEMENT_TYPES,
    LITERT_FILTER_TYPES,
    LITERT_OPERAND_TYPES,
    LITERT_OUTPUT_TYPES,
    LITERT_QUANTIZED_TYPES,
    TFLM_CHECKED_AT_INVOKE,
    TFLM_ELEMENT_TYPES,
    TFLM_FILTER_TYPES,
    TFLM_OPERAND_TYPES,
    TFLM_QUANTIZED_TYPES,
)
from .model.ir import TensorType as T
from .operator_support import NativeSupport

RuntimeName = Literal["tflite", "tflm"]

#: How sums of float32 products are made: in the runtime's order, or in the order that is fastest.
FloatMode = Literal["exact", "fast"]
FLOAT_MODES: tuple[FloatMode, ...] = get_args(FloatMode)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Runtime:
    """Whose results to reproduce, as data."""

    name: RuntimeName
    #: Whether it has an operator in a version.
    supports: Callable[[NativeSupport, int], bool]
    #: Graph inputs keep their values through invoke (TFLM's planner may reuse their memory).
    preserves_inputs: bool
    #: All subgraphs are prepared at once and share one arena and one plan, rather than each when it is first
    #: needed.
    plans_all_subgraphs_together: bool
    #: Called subgraphs take the shapes of the values they are given, rather than those in the model.
    called_subgraphs_take_shapes: bool
    #: The kernels' scratch buffers take part in the plan, and resource handles do not.
    plans_scratch_buffers: bool
    #: A plan in the model's metadata decides over the planner.
    honours_offline_plans: bool
    #: Every tensor is checked on load, used or not, and every operator: see `litert_checks`.
    checks_tensors: bool
    #: Element types of which it cannot have tensors, used or not.
    unknown_types: frozenset[T]
    #: How an integer FULLY_CONNECTED requantizes: one double multiplication, or gemmlowp's fixed point.
    fully_connected_requantizes_in_double: bool
    #: FULLY_CONNECTED checks shapes, quantization and activation, and infers the shape of its output; else it relies
    #: on the output's shape in the model, and ignores the rest.
    fully_connected_checks: bool
    #: FULLY_CONNECTED of int16 takes its bias for the element type that the option quantized_bias_type names (INT64
    #: by default); else the bias itself decides.
    fully_connected_bias_type_is_an_option: bool
    #: Per-tensor multipliers are products of float32 scales, rounded to float32 (LiteRT), or exact doubles
    #: (TFLM).
    multiplies_scales_in_float32: bool
    #: SVDF and LSTM are LiteRT's, which compute with its `tensor_utils` and know all variants (peepholes, hybrid
    #: weights, …), or else TFLM's plain ones.
    recurrent_uses_tensor_utils: bool
    #: AVERAGE_POOL_2D and MAX_POOL_2D refuse an output that is quantized otherwise than the input.
    pooling_checks_quantization: bool
    #: Comparisons that bring quantized int16 to one scale, as all do with 8 bits; the others compare them as they are.
    rescales_int16_to_compare: frozenset[str]
    #: MUL of int16 refuses zero points other than 0 at invoke, else at prepare.
    checks_zero_points_of_products_at_invoke: bool
    #: ADD_N of float32 starts with the first input and clamps each sum to the finite numbers; else it starts with 0.
    adds_n_by_add: bool
    #: Most dimensions that operators of two tensors broadcast.
    most_broadcast_dimensions: int
    #: ADD and MUL of int16 without quantization compute with the numbers as they are.
    computes_with_plain_int16: bool
    #: ADD and SUB of int16 whose scales are powers of two may shift instead of rescaling (`pot_scale_int16`).
    adds_powers_of_two_by_shifting: bool
    #: ADD, SUB, QUANTIZE, DEQUANTIZE and the reductions refuse int16 with a zero point other than 0.
    int16_is_symmetric: bool
    #: ADD, SUB and DIV refuse int32 that is quantized.
    refuses_quantized_int32: bool
    #: ADD of int32 applies its fused activation.
    clamps_int32_sums: bool
    #: SUB refuses zero points that are not numbers of the element type.
    sub_checks_zero_points: bool
    #: MUL takes int16 to int8 or uint8.
    multiplies_int16_to_8_bits: bool
    #: DIV of int32 makes −2^31 / −1 the largest number; else the runtime dies of it.
    divides_int32_saturating: bool
    #: DIV of quantized numbers refuses a divisor that stands for zero.
    refuses_quantized_zero_divisors: bool
    #: CAST makes a NaN the largest integer; else zero.
    casts_nan_to_largest: bool
    #: Element types that QUANTIZE makes of each type that it takes.
    quantized_types: Mapping[T, tuple[T, ...]] = field(hash=False)
    #: QUANTIZE and DEQUANTIZE know scales per channel; else QUANTIZE refuses them and DEQUANTIZE takes the first.
    quantizes_per_channel: bool
    #: ARG_MAX, ARG_MIN and SHAPE make the type that their options name, which must be the output's.
    reads_output_type: bool
    #: ARG_MAX and ARG_MIN of float32 skip NaNs at the start; else the result is 0 there.
    arg_max_skips_leading_nans: bool
    #: BATCH_MATMUL takes int8 to int32, int16 by int8, and float32 by int8.
    multiplies_mixed_matrices: bool
    #: L2_NORMALIZATION refuses an 8-bit output that is not quantized as it computes; else it does not look.
    l2_normalization_checks_output: bool
    #: Reductions look at element types and at constant axes at prepare; else when they run.
    checks_reductions_at_prepare: bool
    #: Reductions of a whole tensor start with its first element; else with zero, or the least finite number.
    reduces_whole_tensors_from_first: bool
    #: Operators that are computed at prepare where all that they depend on is constant.
    folded_operators: frozenset[str]
    #: An operator may learn the shape of its output at invoke; else what decides the shape must be constant.
    has_dynamic_tensors: bool
    #: RESHAPE takes the shape that the model stores for its output, whatever its shape operand says.
    reshapes_to_stored_shape: bool
    #: Most inputs of a CONCATENATION, and most dimensions of each (None: any number).
    most_concatenated_inputs: int | None
    most_concatenated_dimensions: int | None
    #: PACK, UNPACK, EXPAND_DIMS, FILL, MIRROR_PAD, BATCH_TO_SPACE_ND and SPACE_TO_BATCH_ND refuse inputs and outputs
    #: that are quantized differently.
    movements_need_equal_quantization: bool
    #: Most dimensions of the data of operators that have a limit.
    most_dimensions: Mapping[str, int] = field(hash=False)
    #: Element types of the operand that says where: paddings, the axis of EXPAND_DIMS, the shape for FILL.
    operand_types: Mapping[str, tuple[T, ...]] = field(hash=False)
    #: Element types that PAD fills with the zero point; a value to fill with must be quantized like the output.
    pads_with_zero_point: tuple[T, ...]
    #: SPACE_TO_BATCH_ND pads with the zero point; else with zeros.
    space_to_batch_pads_with_zero_point: bool
    #: TRANSPOSE counts negative axes from the end; else it refuses them.
    transposes_negative_axes: bool
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
    #: RSQRT of int16 is an interpolated table, else fixed-point arithmetic.
    tabulates_int16_rsqrt: bool
    #: ELU of int8 is a table of e^x − 1 rounded twice, else of expm1.
    tabulates_elu_by_exp: bool
    #: Activations of quantized numbers that only clip, with the input's scale, whatever that of the output is.
    clips_without_rescaling: frozenset[str]
    #: Operators whose first outputs get an element type whatever type they have in the model: that of the input of
    #: this number, the one that this option says, or this one.
    output_types: Mapping[str, tuple[int | str | T, ...]]
    #: Elementwise operators that refuse an output whose shape in the model is not the input's.
    checks_stored_shapes: frozenset[str]
    #: LOGISTIC refuses quantized outputs whose scale is not exactly 1/256 (1/32768 for int16).
    logistic_checks_output_scale: bool
    #: How far the output scale of an int8 SOFTMAX may be from 1/256, relatively.
    softmax_int8_scale_tolerance: float
    #: SOFTMAX of int8 into int16 refuses any output but one of scale 1/65536 and zero point −32768.
    softmax_checks_int8_to_int16: bool
    #: SOFTMAX of int16 computes its tables in double, else in float.
    softmax_int16_uses_double: bool
    #: CONV_2D must have a bias.
    conv_2d_needs_bias: bool
    #: CONV_2D and DEPTHWISE_CONV_2D refuse an input list that ends with an omitted bias (-1).
    convolutions_refuse_omitted_bias: bool
    #: CONV_2D and DEPTHWISE_CONV_2D refuse what their arithmetic leaves out: zero points of biases, of images and
    #: outputs of int16, and of the filters of CONV_2D, and dimensions of a bias; else they ignore it.
    checks_convolution_parameters: bool
    #: CONV_2D and TRANSPOSE_CONV of int16 take their bias for the element type that the option quantized_bias_type
    #: names (INT64 by default); else the bias itself decides.
    conv_2d_bias_type_is_an_option: bool
    #: DEPTHWISE_CONV_2D counts its filters per channel by the option depth_multiplier; else by its weights.
    trusts_depth_multiplier: bool
    #: TFLite_Detection_PostProcess refuses boxes without an area; else only those turned inside out.
    detections_need_area: bool
    #: TFLite_Detection_PostProcess prefers the first of classes with equal scores; else what std::partial_sort leaves.
    detections_sort_stably: bool
    #: Element types of the weights of convolutions and FULLY_CONNECTED, by operator and by element type of the input.
    filter_types: Mapping[str, Mapping[T, tuple[T, ...]]] = field(hash=False)
    #: Operators that refuse an element type of their data only when they are run; the others do when prepared.
    checks_types_at_invoke: frozenset[str]
    #: Element types that each operator accepts as its data, for operators whose types differ by runtime.
    element_types: Mapping[str, tuple[T, ...]] = field(hash=False)


def _is_among(versions: tuple[int, int] | None, version: int) -> bool:
    return versions is not None and versions[0] <= version <= versions[1]


TFLITE = Runtime(
    name="tflite",
    # the default resolver counts only for operators that the reference one lacks
    supports=lambda native, version: _is_among(native.litert_reference or native.litert_default, version),
    preserves_inputs=True,
    plans_all_subgraphs_together=False,
    called_subgraphs_take_shapes=True,
    plans_scratch_buffers=False,
    honours_offline_plans=False,
    checks_tensors=True,
    unknown_types=frozenset(),
    fully_connected_requantizes_in_double=True,
    fully_connected_checks=True,
    fully_connected_bias_type_is_an_option=True,
    multiplies_scales_in_float32=True,
    recurrent_uses_tensor_utils=True,
    pooling_checks_quantization=False,
    rescales_int16_to_compare=frozenset(("EQUAL", "NOT_EQUAL")),
    checks_zero_points_of_products_at_invoke=True,
    adds_n_by_add=True,
    most_broadcast_dimensions=8,
    computes_with_plain_int16=True,
    adds_powers_of_two_by_shifting=True,
    int16_is_symmetric=True,
    refuses_quantized_int32=False,
    clamps_int32_sums=True,
    sub_checks_zero_points=True,
    multiplies_int16_to_8_bits=True,
    divides_int32_saturating=True,
    refuses_quantized_zero_divisors=True,
    casts_nan_to_largest=True,
    quantized_types=LITERT_QUANTIZED_TYPES,
    quantizes_per_channel=True,
    reads_output_type=True,
    arg_max_skips_leading_nans=True,
    multiplies_mixed_matrices=True,
    l2_normalization_checks_output=True,
    checks_reductions_at_prepare=True,
    reduces_whole_tensors_from_first=True,
    folded_operators=frozenset(
        (
            *("BROADCAST_ARGS", "CONCATENATION", "GATHER", "MUL", "RANGE", "RANK", "RESHAPE", "SHAPE"),
            *("REDUCE_PROD", "STRIDED_SLICE", "TILE"),
        )
    ),
    has_dynamic_tensors=True,
    reshapes_to_stored_shape=False,
    most_concatenated_inputs=None,
    most_concatenated_dimensions=None,
    movements_need_equal_quantization=True,
    most_dimensions={
        "DYNAMIC_UPDATE_SLICE": 8,
        "PAD": 5,
        "PADV2": 5,
        "REVERSE_V2": 8,
        "SQUEEZE": 8,
        "TRANSPOSE": 8,
    },
    operand_types=LITERT_OPERAND_TYPES,
    pads_with_zero_point=(T.INT8, T.UINT8, T.INT16),
    space_to_batch_pads_with_zero_point=True,
    transposes_negative_axes=True,
    strided_slice_expands_specs=True,
    index_types=(T.INT16, T.INT32, T.INT64),
    gather_nd_checks_each_index=True,
    allocates_resources_at_prepare=False,
    calls_once_per_subgraph=True,
    tabulates_activations_in_float=True,
    tabulates_int16_rsqrt=True,
    tabulates_elu_by_exp=False,
    clips_without_rescaling=frozenset(),
    output_types=LITERT_OUTPUT_TYPES,
    checks_stored_shapes=frozenset(),
    logistic_checks_output_scale=True,
    softmax_int8_scale_tolerance=0.001,
    softmax_checks_int8_to_int16=False,
    softmax_int16_uses_double=True,
    conv_2d_needs_bias=True,
    convolutions_refuse_omitted_bias=True,
    checks_convolution_parameters=True,
    conv_2d_bias_type_is_an_option=True,
    trusts_depth_multiplier=False,
    detections_need_area=False,
    detections_sort_stably=False,
    filter_types=LITERT_FILTER_TYPES,
    checks_types_at_invoke=LITERT_CHECKED_AT_INVOKE,
    element_types=LITERT_ELEMENT_TYPES,
)

TFLM = Runtime(
    name="tflm",
    supports=lambda native, version: native.tflm,
    preserves_inputs=False,
    plans_all_subgraphs_together=True,
    called_subgraphs_take_shapes=False,
    plans_scratch_buffers=True,
    honours_offline_plans=True,
    checks_tensors=False,
    unknown_types=frozenset((T.STRING, T.VARIANT, T.INT2, T.UINT4)),
    fully_connected_requantizes_in_double=False,
    fully_connected_checks=False,
    fully_connected_bias_type_is_an_option=False,
    multiplies_scales_in_float32=False,
    recurrent_uses_tensor_utils=False,
    pooling_checks_quantization=True,
    rescales_int16_to_compare=frozenset(("GREATER",)),
    checks_zero_points_of_products_at_invoke=False,
    adds_n_by_add=False,
    most_broadcast_dimensions=6,
    computes_with_plain_int16=False,
    adds_powers_of_two_by_shifting=False,
    int16_is_symmetric=False,
    refuses_quantized_int32=True,
    clamps_int32_sums=False,
    sub_checks_zero_points=False,
    multiplies_int16_to_8_bits=False,
    divides_int32_saturating=False,
    refuses_quantized_zero_divisors=False,
    casts_nan_to_largest=False,
    quantized_types=TFLM_QUANTIZED_TYPES,
    quantizes_per_channel=False,
    reads_output_type=False,
    arg_max_skips_leading_nans=False,
    multiplies_mixed_matrices=False,
    l2_normalization_checks_output=False,
    checks_reductions_at_prepare=False,
    reduces_whole_tensors_from_first=False,
    folded_operators=frozenset(),
    has_dynamic_tensors=False,
    reshapes_to_stored_shape=True,
    most_concatenated_inputs=10,
    most_concatenated_dimensions=6,
    movements_need_equal_quantization=False,
    most_dimensions={
        **{
            "BROADCAST_TO": 5,
            "DYNAMIC_UPDATE_SLICE": 6,
            "L2_NORMALIZATION": 4,
            "PAD": 5,
            "PADV2": 5,
            "REVERSE_V2": 6,
            "SLICE": 5,
        },
        **{"SQUEEZE": 8, "STRIDED_SLICE": 4, "TRANSPOSE": 5},
    },
    operand_types=TFLM_OPERAND_TYPES,
    pads_with_zero_point=(T.INT8,),
    space_to_batch_pads_with_zero_point=False,
    transposes_negative_axes=False,
    strided_slice_expands_specs=False,
    index_types=(T.INT32,),
    gather_nd_checks_each_index=False,
    allocates_resources_at_prepare=True,
    calls_once_per_subgraph=False,
    tabulates_activations_in_float=False,
    tabulates_int16_rsqrt=False,
    tabulates_elu_by_exp=True,
    clips_without_rescaling=frozenset(("RELU6",)),
    output_types={},
    checks_stored_shapes=frozenset(("CEIL", "EXP", "ROUND")),
    logistic_checks_output_scale=False,
    softmax_int8_scale_tolerance=0.0,
    softmax_checks_int8_to_int16=True,
    softmax_int16_uses_double=False,
    conv_2d_needs_bias=False,
    convolutions_refuse_omitted_bias=False,
    checks_convolution_parameters=False,
    conv_2d_bias_type_is_an_option=False,
    trusts_depth_multiplier=True,
    detections_need_area=True,
    detections_sort_stably=True,
    filter_types=TFLM_FILTER_TYPES,
    checks_types_at_invoke=TFLM_CHECKED_AT_INVOKE,
    element_types=TFLM_ELEMENT_TYPES,
)

RUNTIMES: dict[RuntimeName, Runtime] = {"tflite": TFLITE, "tflm": TFLM}
