/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shipped tuning table: which variants an operation tries first on a class of devices. Lines of
 * one operation stand together, the most specific first; an operation without a line tries its
 * variants in the order of its own list.
 */
#include "core/tuning.h"
#include "core/variant.h"

const tuning_entry tuning_table[] = {
    {"attention", "cpu", "short", "cpu_split cpu"},
    {"attention", "cpu", NULL, "cpu"},
    {"attention", "gpu", NULL, "gpu plain"},
    {"attention_backward", "cpu", NULL, "cpu"},
    {"attention_backward", "gpu", NULL, "gpu plain"},
    {"conv2d", "cpu", "channels_last", "cpu_channels_last cpu_channels_last_depthwise"},
    {"conv2d", "cpu", "narrow_groups", "cpu_depthwise cpu_patch"},
    {"conv2d", "cpu", "long_rows", "cpu_rows cpu_panel"},
    {"conv2d", "cpu", "mostly_zero", "cpu_sparse"},
    {"conv2d", "gpu", "narrow_groups", "gpu_depthwise plain"},
    {"conv2d", "gpu_intel", "winograd", "gpu_winograd gpu_gemm plain"},
    {"conv2d", "gpu", "winograd", "gpu_units gpu_winograd gpu_gemm plain"},
    {"conv2d", "gpu_intel", NULL, "gpu_pointwise gpu_gemm gpu_units plain"}, /* as matmul */
    {"conv2d", "gpu", NULL, "gpu_units gpu_pointwise gpu_gemm plain"},
    {"conv2d_backward_data", "cpu", "few_channels", "cpu_patch"},
    {"conv2d_backward_data", "cpu", "long_rows", "cpu_rows cpu_panel"},
    {"conv2d_backward_data", "cpu", "mostly_zero", "cpu_sparse"},
    {"conv2d_backward_data", "gpu", "narrow_groups", "gpu_depthwise plain"},
    {"conv2d_backward_data", "gpu", "few_channels", "gpu_pointwise gpu_gemm gpu_units plain"},
    {"conv2d_backward_data", "gpu_intel", "winograd", "gpu_winograd gpu_gemm plain"},
    {"conv2d_backward_data", "gpu", "winograd", "gpu_units gpu_winograd gpu_gemm plain"},
    {"conv2d_backward_data", "gpu_intel", NULL, "gpu_pointwise gpu_gemm gpu_units plain"},
    {"conv2d_backward_data", "gpu", NULL, "gpu_units gpu_pointwise gpu_gemm plain"},
    {"conv2d_backward_weights", "cpu", "mostly_zero", "cpu_sparse"},
    {"conv2d_backward_weights", "cpu", "narrow_groups", "cpu_depthwise"},
    {"conv2d_backward_weights", "gpu", "narrow_groups", "gpu_depthwise gpu_gemm"},
    {"conv2d_backward_weights", "gpu_intel", NULL, "gpu_pointwise gpu_gemm gpu_units plain"},
    {"conv2d_backward_weights", "gpu", NULL, "gpu_units gpu_pointwise gpu_gemm plain"},
    {"conv3d", "gpu_intel", NULL, "gpu_gemm gpu_units plain"},
    {"conv3d", "gpu", NULL, "gpu_units gpu_gemm plain"},
    {"conv3d_backward_data", "gpu_intel", NULL, "gpu_gemm gpu_units plain"},
    {"conv3d_backward_data", "gpu", NULL, "gpu_units gpu_gemm plain"},
    {"conv3d_backward_weights", "gpu_intel", NULL, "gpu_gemm gpu_units plain"},
    {"conv3d_backward_weights", "gpu", NULL, "gpu_units gpu_gemm plain"},
    {"elementwise", "gpu", NULL, "interleaved"},
    {"matmul", "cpu", "vector", "vector_cpu cpu_direct"},
    {"matmul", "cpu", "small", "cpu_direct cpu_packed"},
    {"matmul", "cpu", NULL, "cpu_packed cpu_direct"},
    {"matmul", "gpu", "vector", "vector_gpu gpu_tiled"},
    {"matmul", "gpu_intel", NULL,
        "gpu_tiled gpu_units"}, /* too few registers: docs/matrix-units.md */
    {"matmul", "gpu", NULL, "gpu_units gpu_tiled"},
    {"reduce", "cpu", "outer", "columns"},
    {"reduce", "gpu", "inner", "groups"},
    {"reduce", "gpu", "outer", "items"},
    {"rotary", "gpu", NULL, "items"},
    {"softmax", "gpu", "inner", "groups"},
    {"softmax", "gpu", NULL, "items"},
    {NULL, NULL, NULL, NULL},
};

/* Numbers that a class of devices starts from. Intel's: a thread's 128 registers of 32 bytes are
 * shared by its 8 to 32 work-items, and arrays that do not fit there lie in memory
 * (docs/vendors.md). */
const tuning_default tuning_defaults[] = {
    {"attention", "gpu_intel", "gpu_rows", 2},
    {"matmul", "gpu_intel", "gpu_tile_most", 64},
    {NULL, NULL, NULL, 0},
};
