/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters that the pooling kernels share; pool.cl tells their meaning. */
#define GEOMETRY                                                                                   \
    INDEX channels, INDEX height, INDEX width, INDEX out_height, INDEX out_width, INDEX window_h,  \
        INDEX window_w, INDEX step_h, INDEX step_w, INDEX top, INDEX left, int count_padding
#define STRIDES(name) INDEX name##_n, INDEX name##_c, INDEX name##_h, INDEX name##_w

/* Place of plane number `plane` = n * channels + c. */
#define PLANE(name, plane)                                                                         \
    (name##_offset + (plane) / channels * name##_n + (plane) % channels * name##_c)
