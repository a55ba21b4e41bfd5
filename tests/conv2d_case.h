/* SPDX-License-Identifier: Apache-2.0 */
/* The library's options for a convolution of the reference. */
#ifndef CLEAT_TESTS_CONV2D_CASE_H
#define CLEAT_TESTS_CONV2D_CASE_H

#include "reference/reference_conv2d.h"
#include <cleat/conv.h>
#include <string.h>

static inline cleat_conv2d_options conv2d_case_options(const reference_conv2d *c) {
    cleat_conv2d_options options = {.groups = c->groups};
    memcpy(options.stride, c->stride, sizeof options.stride);
    memcpy(options.padding, c->padding, sizeof options.padding);
    memcpy(options.dilation, c->dilation, sizeof options.dilation);
    return options;
}

#endif
