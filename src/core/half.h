/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of 16 bits on the host. The public functions are in <cleat/tensor.h>. */
#ifndef CLEAT_CORE_HALF_H
#define CLEAT_CORE_HALF_H

#include <cleat/tensor.h>

/* Rounded once, to nearest even; CLEAT_F16 or CLEAT_BF16. */
uint16_t half_from_double(double value, cleat_type type);

#endif
