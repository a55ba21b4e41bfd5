/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of any type on the host: random ones, conversions, comparison. */
#ifndef CLEAT_REFERENCE_TYPES_H
#define CLEAT_REFERENCE_TYPES_H

#include <cleat/tensor.h>

/* Whether elements of the type are floating-point numbers. */
bool reference_is_float(cleat_type type);

/* One value: the integer holds for integer types (of u64 its bits), the number for floating-point
 * ones. */
typedef struct reference_value {
    bool is_float;
    bool is_u64;
    int64_t integer;
    double number;
} reference_value;

reference_value reference_get(cleat_type type, const void *elements, int64_t index);
void reference_put(cleat_type type, void *elements, int64_t index, reference_value value);

/* -1, 0 or 1: a is less, the same or greater; both of one type, no NaN. */
int reference_order(reference_value a, reference_value b);

/* value as a number of another type, by the rules of cleat_cast. */
reference_value reference_cast(reference_value value, cleat_type type);

#endif
