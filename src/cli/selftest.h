/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of `cleat selftest` share. A check makes operands, runs operations on the device,
 * and compares with a plain loop on the host. The first failure is kept; later steps do nothing. */
#ifndef CLEAT_CLI_SELFTEST_H
#define CLEAT_CLI_SELFTEST_H

#include <cleat/cleat.h>

enum { CHECK_MAX_OPERANDS = 16 };

typedef struct operand {
    cleat_tensor tensor;
    int64_t count;
    float *data; /* row-major values on the host, of f32 operands */
    void *raw;   /* the same bytes, of any type */
} operand;

typedef struct check {
    cleat_context *context;
    cleat_status status;    /* of the first call that failed */
    double worst;           /* largest error met, as a part of what is allowed: above 1 is wrong */
    const char *part;       /* what is being checked, of a check of many parts; static storage */
    const char *worst_part; /* what it was when the largest error was met, or the call failed */
    int operand_count;
    operand operands[CHECK_MAX_OPERANDS];
} check;

/* One line of the self-test. */
typedef struct check_entry {
    const char *name;
    void (*run)(check *c);
} check_entry;

extern const check_entry check_entries[]; /* ends with a name of NULL */

/* selftest_products.c */
void check_matmul(check *c);
void check_conv2d(check *c);
void check_conv2d_backward_data(check *c);
void check_conv2d_backward_weights(check *c);
void check_conv_transpose2d(check *c);
void check_conv1d(check *c);
/* selftest_attention.c */
void check_attention(check *c);
void check_rotary(check *c);
/* selftest_rows.c */
void check_softmax(check *c);
void check_log_softmax(check *c);
void check_cross_entropy(check *c);
void check_reductions(check *c);
void check_max_pool(check *c);
void check_average_pool(check *c);
void check_lp_pool(check *c);
void check_unpool(check *c);
/* selftest_elementwise.c */
void check_activations(check *c);
void check_activation_gradients(check *c);
void check_unary(check *c);
void check_arithmetic(check *c);
void check_arithmetic_gradients(check *c);
void check_comparisons(check *c);
void check_casts(check *c);
/* selftest_training.c */
void check_layer_norm(check *c);
void check_batch_norm(check *c);
void check_local_response_norm(check *c);
void check_optimizers(check *c);
void check_clipping(check *c);
void check_dropout(check *c);
/* selftest_recurrent.c */
void check_lstm(check *c);
void check_gru(check *c);
/* selftest_layout.c */
void check_concat(check *c);
void check_pad(check *c);
void check_tile(check *c);
void check_depth_to_space(check *c);
void check_gather(check *c);
void check_scatter(check *c);
void check_one_hot(check *c);
void check_top_k(check *c);
void check_resize(check *c);

/* A tensor on the device with pseudo-random values in [-1, 1), f32, row-major. Never NULL; its data
 * is NULL only when c->status is set. */
operand *check_operand(check *c, int32_t rank, const int64_t *shape);

/* The same with values in [low, high). */
operand *check_range(check *c, int32_t rank, const int64_t *shape, double low, double high);

/* The same of another type; `values` are its elements, NULL for zeros. */
operand *check_typed(
    check *c, cleat_type type, int32_t rank, const int64_t *shape, const void *values);

/* Begins a part of a check of many: gives back the operands so far. */
void check_part(check *c, const char *part);

/* Keeps the status of a call if it is the first failure; true while all is well. */
bool check_call(check *c, cleat_status status);

/* Reads the operand's tensor back into its data. */
bool check_fetch(check *c, operand *x);

/* Takes one result into account: a sum of `terms` products whose magnitudes add up to `magnitude`
 * may be off by 4 sqrt(terms) units of f32. */
void check_value(check *c, float got, double want, double magnitude, double terms);

#endif
