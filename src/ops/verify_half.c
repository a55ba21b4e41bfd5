/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions between f32 and a type of 16 bits, which drivers bring for f16: every exponent, ties,
 * numbers beside them, subnormal ones of f16. */
#include "core/half.h"
#include "ops/verify.h"
#include "ops/verify_trial.h"
#include <cleat/compare.h>
#include <math.h>
#include <string.h>

enum { COUNT = 515 }; /* no whole number of vectors */

/* Up to 16,000, down to a quarter of the smallest subnormal number of f16; digits behind 11 or 8
 * that make ties or come near. */
static float value_at(int i, bool is_f16) {
    static const float behind[] = {0, 0.5F, 0.25F, 0.75F, 0.5F + 0x1p-8F, 0.5F - 0x1p-8F};
    const float digits = (float)((is_f16 ? 1024 : 128) + i * 37 % (is_f16 ? 1000 : 120));
    const int scale = i % 40 - (is_f16 ? 36 : 32);
    return ldexpf(digits + behind[i % 6], scale) * (i % 2 == 0 ? 1.0F : -1.0F);
}

cleat_status verify_half(cleat_context *context, bool *right) {
    const char *name = trust_checked(context, trust_subject(context));
    const cleat_type type = strcmp(name, cleat_type_name(CLEAT_F16)) == 0 ? CLEAT_F16 : CLEAT_BF16;
    const int64_t shape[] = {COUNT};
    cleat_tensor half = {.buffer = NULL};
    trial t = trial_begin(context);
    trial_add(&t, 1, shape);
    trial_add(&t, 1, shape);
    for (int i = 0; trial_going(&t, t.status) && i < COUNT; i++) {
        t.data[0][i] = value_at(i, type == CLEAT_F16);
    }
    trial_write(&t, 0);
    if (trial_going(&t, t.status) &&
        trial_going(&t, cleat_tensor_create(context, type, 1, shape, &half)) &&
        trial_going(&t, cleat_cast(context, t.tensors[0], half)) &&
        trial_going(&t, cleat_cast(context, half, t.tensors[1]))) {
        double *want = trial_zeros(COUNT);
        for (int i = 0; want != NULL && i < COUNT; i++) {
            const uint16_t element = half_from_double((double)t.data[0][i], type);
            float value;
            (type == CLEAT_F16 ? cleat_f16_to_f32 : cleat_bf16_to_f32)(&element, 1, &value);
            want[i] = (double)value;
        }
        trial_compare(&t, 1, want, 0);
    }
    cleat_tensor_release(&half);
    return trial_end(&t, right);
}
