"""The `.tflite` schema as data: operators, enums, and every table with its fields in slot order.

The facts are those of LiteRT's `schema.fbs`, whose names are kept. A field reads `name:type=default`; the
default is zero (or absent) where none is written, `[type]` is a vector, a leading `-` marks a deprecated
field, which only keeps its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from .ir import TensorType

if TYPE_CHECKING:
    from .ir import OperatorCode

IDENTIFIER = b"TFL3"
VERSION = 3


class DimensionType(IntEnum):
    """How a dimension of a sparse tensor is stored."""

    DENSE = 0
    SPARSE_CSR = 1


class StablehloPrecisionConfig(IntEnum):
    """Precision asked of a StableHLO product."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


class StablehloComparisonDirection(IntEnum):
    """What a StableHLO comparison asks."""

    STABLEHLO_COMPARISON_DIRECTION_EQ = 0
    STABLEHLO_COMPARISON_DIRECTION_NE = 1
    STABLEHLO_COMPARISON_DIRECTION_GE = 2
    STABLEHLO_COMPARISON_DIRECTION_GT = 3
    STABLEHLO_COMPARISON_DIRECTION_LE = 4
    STABLEHLO_COMPARISON_DIRECTION_LT = 5


class StablehloComparisonType(IntEnum):
    """How a StableHLO comparison orders its operands."""

    STABLEHLO_COMPARISON_TYPE_NOTYPE = 0
    STABLEHLO_COMPARISON_TYPE_FLOAT = 1
    STABLEHLO_COMPARISON_TYPE_FLOAT_TOTAL_ORDER = 2
    STABLEHLO_COMPARISON_TYPE_SIGNED = 3
    STABLEHLO_COMPARISON_TYPE_UNSIGNED = 4


class RngAlgorithm(IntEnum):
    """Generator of random bits."""

    DEFAULT = 0
    PHILOX = 1
    THREEFRY = 2


class Padding(IntEnum):
    """Convolution and pooling: keep the size (with zeros around), or only whole windows."""

    SAME = 0
    VALID = 1


class ActivationFunctionType(IntEnum):
    """Activation fused into an operator."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3
    TANH = 4
    SIGN_BIT = 5


class LSHProjectionType(IntEnum):
    """Kind of locality-sensitive hash projection."""

    UNKNOWN = 0
    SPARSE = 1
    DENSE = 2


class FullyConnectedOptionsWeightsFormat(IntEnum):
    """Memory layout of the weights."""

    DEFAULT = 0
    SHUFFLED4x16INT8 = 1


class LSTMKernelType(IntEnum):
    """Full LSTM, or the older basic cell."""

    FULL = 0
    BASIC = 1


class CombinerType(IntEnum):
    """How sparse embeddings are combined."""

    SUM = 0
    MEAN = 1
    SQRTN = 2


class MirrorPadMode(IntEnum):
    """Whether the mirrored border includes the edge."""

    REFLECT = 0
    SYMMETRIC = 1


class ReduceWindowFunction(IntEnum):
    """Reduction of the deprecated REDUCE_WINDOW."""

    UNSUPPORTED = 0
    ADD = 1
    MUL = 2
    MINIMUM = 3
    MAXIMUM = 4
    ALL = 5
    ANY = 6


class CustomOptionsFormat(IntEnum):
    """Encoding of custom options."""

    FLEXBUFFERS = 0


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Every builtin operator in the order of its code, from 0; after the colon its options table, if it has one.
_OPERATORS = _words("""
    ADD:AddOptions AVERAGE_POOL_2D:Pool2DOptions CONCATENATION:ConcatenationOptions CONV_2D:Conv2DOptions
    DEPTHWISE_CONV_2D:DepthwiseConv2DOptions DEPTH_TO_SPACE:DepthToSpaceOptions DEQUANTIZE:DequantizeOptions
    EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED:FullyConnectedOptions HASHTABLE_LOOKUP
    L2_NORMALIZATION:L2NormOptions L2_POOL_2D:Pool2DOptions
    LOCAL_RESPONSE_NORMALIZATION:LocalResponseNormalizationOptions LOGISTIC
    LSH_PROJECTION:LSHProjectionOptions LSTM:LSTMOptions MAX_POOL_2D:Pool2DOptions MUL:MulOptions RELU
    RELU_N1_TO_1 RELU6 RESHAPE:ReshapeOptions RESIZE_BILINEAR:ResizeBilinearOptions RNN:RNNOptions
    SOFTMAX:SoftmaxOptions SPACE_TO_DEPTH:SpaceToDepthOptions SVDF:SVDFOptions TANH
    CONCAT_EMBEDDINGS:ConcatEmbeddingsOptions SKIP_GRAM:SkipGramOptions CALL:CallOptions CUSTOM
    EMBEDDING_LOOKUP_SPARSE:EmbeddingLookupSparseOptions PAD:PadOptions
    UNIDIRECTIONAL_SEQUENCE_RNN:SequenceRNNOptions GATHER:GatherOptions
    BATCH_TO_SPACE_ND:BatchToSpaceNDOptions SPACE_TO_BATCH_ND:SpaceToBatchNDOptions
    TRANSPOSE:TransposeOptions MEAN:ReducerOptions SUB:SubOptions DIV:DivOptions SQUEEZE:SqueezeOptions
    UNIDIRECTIONAL_SEQUENCE_LSTM:UnidirectionalSequenceLSTMOptions STRIDED_SLICE:StridedSliceOptions
    BIDIRECTIONAL_SEQUENCE_RNN:BidirectionalSequenceRNNOptions EXP:ExpOptions TOPK_V2:TopKV2Options
    SPLIT:SplitOptions LOG_SOFTMAX:LogSoftmaxOptions DELEGATE
    BIDIRECTIONAL_SEQUENCE_LSTM:BidirectionalSequenceLSTMOptions CAST:CastOptions PRELU
    MAXIMUM:MaximumMinimumOptions ARG_MAX:ArgMaxOptions MINIMUM:MaximumMinimumOptions LESS:LessOptions
    NEG:NegOptions PADV2:PadV2Options GREATER:GreaterOptions GREATER_EQUAL:GreaterEqualOptions
    LESS_EQUAL:LessEqualOptions SELECT:SelectOptions SLICE:SliceOptions SIN
    TRANSPOSE_CONV:TransposeConvOptions SPARSE_TO_DENSE:SparseToDenseOptions TILE:TileOptions
    EXPAND_DIMS:ExpandDimsOptions EQUAL:EqualOptions NOT_EQUAL:NotEqualOptions LOG SUM:ReducerOptions SQRT
    RSQRT SHAPE:ShapeOptions POW:PowOptions ARG_MIN:ArgMinOptions FAKE_QUANT:FakeQuantOptions
    REDUCE_PROD:ReducerOptions REDUCE_MAX:ReducerOptions PACK:PackOptions LOGICAL_OR:LogicalOrOptions
    ONE_HOT:OneHotOptions LOGICAL_AND:LogicalAndOptions LOGICAL_NOT:LogicalNotOptions UNPACK:UnpackOptions
    REDUCE_MIN:ReducerOptions FLOOR_DIV:FloorDivOptions REDUCE_ANY:ReducerOptions SQUARE:SquareOptions
    ZEROS_LIKE:ZerosLikeOptions FILL:FillOptions FLOOR_MOD:FloorModOptions RANGE:RangeOptions
    RESIZE_NEAREST_NEIGHBOR:ResizeNearestNeighborOptions LEAKY_RELU:LeakyReluOptions
    SQUARED_DIFFERENCE:SquaredDifferenceOptions MIRROR_PAD:MirrorPadOptions ABS:AbsOptions
    SPLIT_V:SplitVOptions UNIQUE:UniqueOptions CEIL REVERSE_V2:ReverseV2Options ADD_N:AddNOptions
    GATHER_ND:GatherNdOptions COS:CosOptions WHERE:WhereOptions RANK:RankOptions ELU
    REVERSE_SEQUENCE:ReverseSequenceOptions MATRIX_DIAG:MatrixDiagOptions QUANTIZE:QuantizeOptions
    MATRIX_SET_DIAG:MatrixSetDiagOptions ROUND HARD_SWISH:HardSwishOptions IF:IfOptions WHILE:WhileOptions
    NON_MAX_SUPPRESSION_V4:NonMaxSuppressionV4Options NON_MAX_SUPPRESSION_V5:NonMaxSuppressionV5Options
    SCATTER_ND:ScatterNdOptions SELECT_V2:SelectV2Options DENSIFY:DensifyOptions
    SEGMENT_SUM:SegmentSumOptions BATCH_MATMUL:BatchMatMulOptions PLACEHOLDER_FOR_GREATER_OP_CODES
    CUMSUM:CumsumOptions CALL_ONCE:CallOnceOptions BROADCAST_TO:BroadcastToOptions RFFT2D:Rfft2dOptions
    CONV_3D:Conv3DOptions IMAG REAL COMPLEX_ABS HASHTABLE:HashtableOptions
    HASHTABLE_FIND:HashtableFindOptions HASHTABLE_IMPORT:HashtableImportOptions
    HASHTABLE_SIZE:HashtableSizeOptions REDUCE_ALL:ReducerOptions CONV_3D_TRANSPOSE:Conv3DOptions
    VAR_HANDLE:VarHandleOptions READ_VARIABLE:ReadVariableOptions ASSIGN_VARIABLE:AssignVariableOptions
    BROADCAST_ARGS RANDOM_STANDARD_NORMAL:RandomOptions BUCKETIZE:BucketizeOptions
    RANDOM_UNIFORM:RandomOptions MULTINOMIAL:RandomOptions GELU:GeluOptions
    DYNAMIC_UPDATE_SLICE:DynamicUpdateSliceOptions RELU_0_TO_1
    UNSORTED_SEGMENT_PROD:UnsortedSegmentProdOptions UNSORTED_SEGMENT_MAX:UnsortedSegmentMaxOptions
    UNSORTED_SEGMENT_SUM:UnsortedSegmentSumOptions ATAN2:ATan2Options
    UNSORTED_SEGMENT_MIN:UnsortedSegmentMinOptions SIGN:SignOptions BITCAST:BitcastOptions
    BITWISE_XOR:BitwiseXorOptions RIGHT_SHIFT:RightShiftOptions STABLEHLO_LOGISTIC STABLEHLO_ADD
    STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP
    STABLEHLO_CONCATENATE:StablehloConcatenateOptions
    STABLEHLO_BROADCAST_IN_DIM:StablehloBroadcastInDimOptions
    STABLEHLO_CONVOLUTION:StablehloConvolutionOptions STABLEHLO_SLICE:StablehloSliceOptions
    STABLEHLO_CUSTOM_CALL:StablehloCustomCallOptions STABLEHLO_REDUCE:StablehloReduceOptions STABLEHLO_ABS
    STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM
    STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT
    STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER:StablehloScatterOptions
    STABLEHLO_COMPARE:StablehloCompareOptions STABLEHLO_CONVERT
    STABLEHLO_DYNAMIC_SLICE:StablehloDynamicSliceOptions STABLEHLO_DYNAMIC_UPDATE_SLICE
    STABLEHLO_PAD:StablehloPadOptions STABLEHLO_IOTA:StablehloIotaOptions
    STABLEHLO_DOT_GENERAL:StablehloDotGeneralOptions STABLEHLO_REDUCE_WINDOW:StablehloReduceWindowOptions
    STABLEHLO_SORT:StablehloSortOptions STABLEHLO_WHILE:StablehloWhileOptions
    STABLEHLO_GATHER:StablehloGatherOptions STABLEHLO_TRANSPOSE:StablehloTransposeOptions
    DILATE:DilateOptions STABLEHLO_RNG_BIT_GENERATOR:StablehloRngBitGeneratorOptions
    REDUCE_WINDOW:ReduceWindowOptions STABLEHLO_COMPOSITE:StableHLOCompositeOptions
    STABLEHLO_SHIFT_LEFT:StablehloShiftLeftOptions STABLEHLO_CBRT STABLEHLO_CASE:StablehloCaseOptions
""")

# Members of each union, numbered from 1.
UNIONS: Mapping[str, tuple[str, ...]] = {
    "QuantizationDetails": ("CustomQuantization", "BlockwiseQuantization", "MultiAxisQuantization"),
    "SparseIndexVector": ("Int32Vector", "Uint16Vector", "Uint8Vector"),
    "BuiltinOptions": _words("""
        Conv2DOptions DepthwiseConv2DOptions ConcatEmbeddingsOptions LSHProjectionOptions Pool2DOptions
        SVDFOptions RNNOptions FullyConnectedOptions SoftmaxOptions ConcatenationOptions AddOptions
        L2NormOptions LocalResponseNormalizationOptions LSTMOptions ResizeBilinearOptions CallOptions
        ReshapeOptions SkipGramOptions SpaceToDepthOptions EmbeddingLookupSparseOptions MulOptions
        PadOptions GatherOptions BatchToSpaceNDOptions SpaceToBatchNDOptions TransposeOptions ReducerOptions
        SubOptions DivOptions SqueezeOptions SequenceRNNOptions StridedSliceOptions ExpOptions TopKV2Options
        SplitOptions LogSoftmaxOptions CastOptions DequantizeOptions MaximumMinimumOptions ArgMaxOptions
        LessOptions NegOptions PadV2Options GreaterOptions GreaterEqualOptions LessEqualOptions
        SelectOptions SliceOptions TransposeConvOptions SparseToDenseOptions TileOptions ExpandDimsOptions
        EqualOptions NotEqualOptions ShapeOptions PowOptions ArgMinOptions FakeQuantOptions PackOptions
        LogicalOrOptions OneHotOptions LogicalAndOptions LogicalNotOptions UnpackOptions FloorDivOptions
        SquareOptions ZerosLikeOptions FillOptions BidirectionalSequenceLSTMOptions
        BidirectionalSequenceRNNOptions UnidirectionalSequenceLSTMOptions FloorModOptions RangeOptions
        ResizeNearestNeighborOptions LeakyReluOptions SquaredDifferenceOptions MirrorPadOptions AbsOptions
        SplitVOptions UniqueOptions ReverseV2Options AddNOptions GatherNdOptions CosOptions WhereOptions
        RankOptions ReverseSequenceOptions MatrixDiagOptions QuantizeOptions MatrixSetDiagOptions
        HardSwishOptions IfOptions WhileOptions DepthToSpaceOptions NonMaxSuppressionV4Options
        NonMaxSuppressionV5Options ScatterNdOptions SelectV2Options DensifyOptions SegmentSumOptions
        BatchMatMulOptions CumsumOptions CallOnceOptions BroadcastToOptions Rfft2dOptions Conv3DOptions
        HashtableOptions HashtableFindOptions HashtableImportOptions HashtableSizeOptions VarHandleOptions
        ReadVariableOptions AssignVariableOptions RandomOptions BucketizeOptions GeluOptions
        DynamicUpdateSliceOptions UnsortedSegmentProdOptions UnsortedSegmentMaxOptions
        UnsortedSegmentMinOptions UnsortedSegmentSumOptions ATan2Options SignOptions BitcastOptions
        BitwiseXorOptions RightShiftOptions
    """),
    "BuiltinOptions2": _words("""
        StablehloConcatenateOptions StablehloBroadcastInDimOptions StablehloSliceOptions
        StablehloConvolutionOptions StablehloCustomCallOptions StablehloReduceOptions
        StablehloScatterOptions StablehloCompareOptions StablehloDynamicSliceOptions StablehloPadOptions
        StablehloIotaOptions StablehloDotGeneralOptions StablehloReduceWindowOptions StablehloSortOptions
        StablehloWhileOptions StablehloGatherOptions StablehloTransposeOptions DilateOptions
        StablehloRngBitGeneratorOptions ReduceWindowOptions StableHLOCompositeOptions
        StablehloShiftLeftOptions StablehloCaseOptions
    """),
}

# Tables of the file's structure.
_STRUCTURE = {
    "CustomQuantization": "custom:[ubyte]",
    "BlockwiseQuantization": "scales:int zero_points:int block_size:int",
    "MultiAxisQuantization": "scales:int zero_points:int block_size:int quantized_dimensions:[int]",
    "QuantizationParameters": (
        "min:[float] max:[float] scale:[float] zero_point:[long] details:QuantizationDetails "
        "quantized_dimension:int"
    ),
    "Int32Vector": "values:[int]",
    "Uint16Vector": "values:[ushort]",
    "Uint8Vector": "values:[ubyte]",
    "DimensionMetadata": (
        "format:DimensionType dense_size:int array_segments:SparseIndexVector array_indices:SparseIndexVector"
    ),
    "SparsityParameters": "traversal_order:[int] block_map:[int] dim_metadata:[DimensionMetadata]",
    "VariantSubType": "shape:[int] type:TensorType has_rank:bool",
    "Tensor": (
        "shape:[int] type:TensorType buffer:uint name:string quantization:QuantizationParameters "
        "is_variable:bool sparsity:SparsityParameters shape_signature:[int] has_rank:bool "
        "variant_tensors:[VariantSubType] external_buffer:uint"
    ),
    "OperatorCode": (
        "deprecated_builtin_code:byte custom_code:string version:int=1 builtin_code:BuiltinOperator"
    ),
    "Operator": (
        "opcode_index:uint inputs:[int] outputs:[int] builtin_options:BuiltinOptions "
        "custom_options:[ubyte] custom_options_format:CustomOptionsFormat "
        "mutating_variable_inputs:[bool] intermediates:[int] large_custom_options_offset:ulong "
        "large_custom_options_size:ulong builtin_options_2:BuiltinOptions2 debug_metadata_index:int=-1"
    ),
    "SubGraph": (
        "tensors:[Tensor] inputs:[int] outputs:[int] operators:[Operator] name:string "
        "debug_metadata_index:int=-1"
    ),
    "Buffer": "data:[ubyte] offset:ulong size:ulong",
    "ExternalBufferGroup": "name:string",
    "ExternalBuffer": "id:uint group:uint offset:ulong length:ulong packing:string",
    "Metadata": "name:string buffer:uint",
    "TensorMap": "name:string tensor_index:uint",
    "SignatureDef": (
        "inputs:[TensorMap] outputs:[TensorMap] signature_key:string -deprecated_tag:string "
        "subgraph_index:uint"
    ),
    "Model": (
        "version:uint operator_codes:[OperatorCode] subgraphs:[SubGraph] description:string "
        "buffers:[Buffer] metadata_buffer:[int] metadata:[Metadata] signature_defs:[SignatureDef] "
        "external_buffer_groups:[ExternalBufferGroup] external_buffers:[ExternalBuffer]"
    ),
}

# Options tables; those that are not listed have no fields.
_OPTIONS = {
    "Conv2DOptions": (
        "padding:Padding stride_w:int stride_h:int fused_activation_function:ActivationFunctionType "
        "dilation_w_factor:int=1 dilation_h_factor:int=1 quantized_bias_type:TensorType"
    ),
    "DepthwiseConv2DOptions": (
        "padding:Padding stride_w:int stride_h:int depth_multiplier:int "
        "fused_activation_function:ActivationFunctionType dilation_w_factor:int=1 "
        "dilation_h_factor:int=1"
    ),
    "ConcatEmbeddingsOptions": (
        "num_channels:int num_columns_per_channel:[int] embedding_dim_per_channel:[int]"
    ),
    "LSHProjectionOptions": "type:LSHProjectionType",
    "Pool2DOptions": (
        "padding:Padding stride_w:int stride_h:int filter_width:int filter_height:int "
        "fused_activation_function:ActivationFunctionType"
    ),
    "SVDFOptions": (
        "rank:int fused_activation_function:ActivationFunctionType asymmetric_quantize_inputs:bool"
    ),
    "RNNOptions": "fused_activation_function:ActivationFunctionType asymmetric_quantize_inputs:bool",
    "FullyConnectedOptions": (
        "fused_activation_function:ActivationFunctionType "
        "weights_format:FullyConnectedOptionsWeightsFormat keep_num_dims:bool "
        "asymmetric_quantize_inputs:bool quantized_bias_type:TensorType"
    ),
    "SoftmaxOptions": "beta:float",
    "ConcatenationOptions": "axis:int fused_activation_function:ActivationFunctionType",
    "AddOptions": "fused_activation_function:ActivationFunctionType pot_scale_int16:bool=1",
    "L2NormOptions": "fused_activation_function:ActivationFunctionType",
    "LocalResponseNormalizationOptions": "radius:int bias:float alpha:float beta:float",
    "LSTMOptions": (
        "fused_activation_function:ActivationFunctionType cell_clip:float proj_clip:float "
        "kernel_type:LSTMKernelType asymmetric_quantize_inputs:bool"
    ),
    "ResizeBilinearOptions": "-new_height:int -new_width:int align_corners:bool half_pixel_centers:bool",
    "CallOptions": "subgraph:uint",
    "ReshapeOptions": "new_shape:[int]",
    "SkipGramOptions": "ngram_size:int max_skip_size:int include_all_ngrams:bool",
    "SpaceToDepthOptions": "block_size:int",
    "EmbeddingLookupSparseOptions": "combiner:CombinerType",
    "MulOptions": "fused_activation_function:ActivationFunctionType",
    "GatherOptions": "axis:int batch_dims:int",
    "ReducerOptions": "keep_dims:bool",
    "SubOptions": "fused_activation_function:ActivationFunctionType pot_scale_int16:bool=1",
    "DivOptions": "fused_activation_function:ActivationFunctionType",
    "SqueezeOptions": "squeeze_dims:[int]",
    "SequenceRNNOptions": (
        "time_major:bool fused_activation_function:ActivationFunctionType asymmetric_quantize_inputs:bool"
    ),
    "StridedSliceOptions": (
        "begin_mask:int end_mask:int ellipsis_mask:int new_axis_mask:int shrink_axis_mask:int offset:bool"
    ),
    "SplitOptions": "num_splits:int",
    "CastOptions": "in_data_type:TensorType out_data_type:TensorType",
    "ArgMaxOptions": "output_type:TensorType",
    "TransposeConvOptions": (
        "padding:Padding stride_w:int stride_h:int fused_activation_function:ActivationFunctionType "
        "quantized_bias_type:TensorType"
    ),
    "SparseToDenseOptions": "validate_indices:bool",
    "ShapeOptions": "out_type:TensorType",
    "ArgMinOptions": "output_type:TensorType",
    "FakeQuantOptions": "min:float max:float num_bits:int narrow_range:bool",
    "PackOptions": "values_count:int axis:int",
    "OneHotOptions": "axis:int",
    "UnpackOptions": "num:int axis:int",
    "BidirectionalSequenceLSTMOptions": (
        "fused_activation_function:ActivationFunctionType cell_clip:float proj_clip:float "
        "merge_outputs:bool time_major:bool=1 asymmetric_quantize_inputs:bool"
    ),
    "BidirectionalSequenceRNNOptions": (
        "time_major:bool fused_activation_function:ActivationFunctionType merge_outputs:bool "
        "asymmetric_quantize_inputs:bool"
    ),
    "UnidirectionalSequenceLSTMOptions": (
        "fused_activation_function:ActivationFunctionType cell_clip:float proj_clip:float "
        "time_major:bool asymmetric_quantize_inputs:bool diagonal_recurrent_tensors:bool"
    ),
    "ResizeNearestNeighborOptions": "align_corners:bool half_pixel_centers:bool",
    "LeakyReluOptions": "alpha:float",
    "MirrorPadOptions": "mode:MirrorPadMode",
    "SplitVOptions": "num_splits:int",
    "UniqueOptions": "idx_out_type:TensorType=2",
    "ReverseSequenceOptions": "seq_dim:int batch_dim:int",
    "IfOptions": "then_subgraph_index:int else_subgraph_index:int",
    "WhileOptions": "cond_subgraph_index:int body_subgraph_index:int",
    "DepthToSpaceOptions": "block_size:int",
    "BatchMatMulOptions": "adj_x:bool adj_y:bool asymmetric_quantize_inputs:bool",
    "CumsumOptions": "exclusive:bool reverse:bool",
    "CallOnceOptions": "init_subgraph_index:int",
    "Conv3DOptions": (
        "padding:Padding stride_d:int stride_w:int stride_h:int "
        "fused_activation_function:ActivationFunctionType dilation_d_factor:int=1 "
        "dilation_w_factor:int=1 dilation_h_factor:int=1"
    ),
    "HashtableOptions": "table_id:int key_dtype:TensorType value_dtype:TensorType",
    "VarHandleOptions": "container:string shared_name:string",
    "RandomOptions": "seed:long seed2:long",
    "BucketizeOptions": "boundaries:[float]",
    "GeluOptions": "approximate:bool",
    "StablehloConcatenateOptions": "dimension:long",
    "StablehloBroadcastInDimOptions": "broadcast_dimensions:[long]",
    "StablehloSliceOptions": "start_indices:[long] limit_indices:[long] strides:[long]",
    "StablehloConvolutionOptions": (
        "window_strides:[long] padding:[long] lhs_dilation:[long] rhs_dilation:[long] "
        "window_reversal:[bool] input_batch_dimension:long input_feature_dimension:long "
        "input_spatial_dimensions:[long] kernel_input_feature_dimension:long "
        "kernel_output_feature_dimension:long kernel_spatial_dimensions:[long] "
        "output_batch_dimension:long output_feature_dimension:long output_spatial_dimensions:[long] "
        "feature_group_count:long batch_group_count:long precision_config:[StablehloPrecisionConfig]"
    ),
    "StablehloCustomCallOptions": (
        "call_target_name:string has_side_effect:bool backend_config:string api_version:int "
        "called_computations:[int] custom_attributes:[ubyte]"
    ),
    "StablehloReduceOptions": "dimensions:[long] body_subgraph_index:int",
    "StablehloScatterOptions": (
        "indices_are_sorted:bool update_window_dims:[long] inserted_window_dims:[long] "
        "scatter_dims_to_operand_dims:[long] index_vector_dim:long unique_indices:bool "
        "update_computation_subgraph_index:int"
    ),
    "StablehloCompareOptions": (
        "comparison_direction:StablehloComparisonDirection compare_type:StablehloComparisonType"
    ),
    "StablehloDynamicSliceOptions": "slice_sizes:[long]",
    "StablehloPadOptions": "edge_padding_low:[long] edge_padding_high:[long] interior_padding:[long]",
    "StablehloIotaOptions": "iota_dimension:long",
    "StablehloDotGeneralOptions": (
        "lhs_batching_dimensions:[long] rhs_batching_dimensions:[long] lhs_contracting_dimensions:[long] "
        "rhs_contracting_dimensions:[long] precision_config:[StablehloPrecisionConfig]"
    ),
    "StablehloReduceWindowOptions": (
        "window_dimensions:[long] window_strides:[long] base_dilations:[long] window_dilations:[long] "
        "padding:[long] body_subgraph_index:int"
    ),
    "StablehloSortOptions": "dimension:long is_stable:bool comparator_subgraph_index:int",
    "StablehloWhileOptions": "cond_subgraph_index:int body_subgraph_index:int",
    "StablehloGatherOptions": (
        "offset_dims:[long] collapsed_slice_dims:[long] start_index_map:[long] index_vector_dim:long "
        "slice_sizes:[long] indices_are_sorted:bool"
    ),
    "StablehloTransposeOptions": "permutation:[long]",
    "StablehloRngBitGeneratorOptions": "algorithm:RngAlgorithm",
    "ReduceWindowOptions": "reduce_function:ReduceWindowFunction",
    "StableHLOCompositeOptions": (
        "name:string decomposition_subgraph_index:int composite_attributes:[ubyte] "
        "composite_attributes_format:CustomOptionsFormat version:int"
    ),
    "StablehloCaseOptions": "branch_subgraph_indices:[int]",
}

CUSTOM = 32
OPERATOR_NAMES: tuple[str, ...] = tuple(entry.partition(":")[0] for entry in _OPERATORS)
_OPTIONS_TABLES: Mapping[str, str] = dict(entry.split(":") for entry in _OPERATORS if ":" in entry)

# How a scalar is stored, as in the `struct` module.
SCALARS: Mapping[str, str] = {
    "bool": "?",
    "byte": "b",
    "ubyte": "B",
    "ushort": "H",
    "int": "i",
    "uint": "I",
    "long": "q",
    "ulong": "Q",
    "float": "f",
    "BuiltinOperator": "i",
    "ReduceWindowFunction": "i",
    "StablehloPrecisionConfig": "I",
    "StablehloComparisonDirection": "I",
    "StablehloComparisonType": "I",
}
ENUMS: Mapping[str, type[IntEnum]] = {
    enum.__name__: enum
    for enum in (
        TensorType,
        DimensionType,
        StablehloPrecisionConfig,
        StablehloComparisonDirection,
        StablehloComparisonType,
        RngAlgorithm,
        Padding,
        ActivationFunctionType,
        LSHProjectionType,
        FullyConnectedOptionsWeightsFormat,
        LSTMKernelType,
        CombinerType,
        MirrorPadMode,
        ReduceWindowFunction,
        CustomOptionsFormat,
    )
}


class Field(NamedTuple):
    """One field of a table. A union takes two slots: its type's, then its value's, which `slot` is."""

    name: str
    slot: int
    type: str
    is_vector: bool
    default: Any
    deprecated: bool

    @property
    def scalar(self) -> str | None:
        """The `struct` format of an element, or None if it is a string, a table or a union."""
        if self.type in ENUMS:
            return SCALARS.get(self.type, "b")
        return SCALARS.get(self.type)


@cache
def fields(table: str) -> tuple[Field, ...]:
    """The fields of a table in slot order; none for a table that this schema does not know."""
    result = []
    slot = 0
    for entry in (_STRUCTURE.get(table) or _OPTIONS.get(table) or "").split():
        name, _, rest = entry.partition(":")
        type_name, _, default = rest.partition("=")
        is_vector = type_name.startswith("[")
        type_name = type_name.strip("[]")
        slot += type_name in UNIONS
        field = Field(name.lstrip("-"), slot, type_name, is_vector, None, name.startswith("-"))
        if field.scalar is not None and not is_vector:
            field = field._replace(default=_typed(type_name, default or "0"))
        result.append(field)
        slot += 1
    return tuple(result)


def _typed(type_name: str, text: str) -> Any:
    if type_name == "float":
        return float(text)
    if type_name == "bool":
        return text == "1"
    enum = ENUMS.get(type_name)
    return enum(int(text)) if enum else int(text)


@cache
def default_options(table: str | None) -> Mapping[str, Any]:
    """What an operator's options are when the file has no such table."""
    return MappingProxyType({f.name: f.default for f in fields(table or "") if not f.deprecated})


# Enums whose 0 in the file is not what the native runtimes call 0: theirs is "unknown".
_UNKNOWN_IF_ZERO = ("MirrorPadMode", "Padding", "RngAlgorithm", "TensorType")


@cache
def zeroed_options(table: str | None) -> Mapping[str, Any]:
    """What the native runtimes take for the options when the file has no such table: all bytes zero, no defaults."""

    def zero(field: Field) -> Any:
        if field.scalar is None or field.is_vector:
            return None
        return -1 if field.type in _UNKNOWN_IF_ZERO else _typed(field.type, "0")

    return MappingProxyType({f.name: zero(f) for f in fields(table or "") if not f.deprecated})


def operator_name(code: OperatorCode) -> str:
    """`CONV_2D`, a custom operator's own name, or `BUILTIN_<number>` for one newer than this schema."""
    if code.builtin_code == CUSTOM and code.custom_code is not None:
        return code.custom_code
    if 0 <= code.builtin_code < len(OPERATOR_NAMES):
        return OPERATOR_NAMES[code.builtin_code]
    return f"BUILTIN_{code.builtin_code}"


def operator_code(name: str) -> int:
    """The number of a builtin operator, `CUSTOM`'s for any other name."""
    return OPERATOR_NAMES.index(name) if name in OPERATOR_NAMES else CUSTOM


def options_table(operator: str) -> str | None:
    """The options table that belongs to a builtin operator, None if it has none."""
    return _OPTIONS_TABLES.get(operator)
