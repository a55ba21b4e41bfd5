/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_ATTENTION_H
#define CLEAT_ATTENTION_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which keys query l of L may see of S, beside what a mask says. */
typedef enum cleat_causal {
    CLEAT_CAUSAL_NONE = 0,    /* all */
    CLEAT_CAUSAL_TOP_LEFT,    /* s <= l: PyTorch's is_causal, ONNX Attention without a past */
    CLEAT_CAUSAL_BOTTOM_RIGHT /* s <= l + S - L: the last query sees all, as queries that come after
                                 a cache of keys should; FlashAttention since 2.1 */
} cleat_causal;

typedef struct cleat_attention_options {
    const float *scale; /* of the products q k; NULL means 1 / sqrt(E) */
    cleat_causal causal;
    const cleat_tensor *mask; /* broadcast to [B, H, L, S]: numbers of the operands' type, added to
                                 the scaled products, or bool, whose zeros cut keys off as -Inf
                                 does; or NULL */
    const char *variant;      /* forces one of cleat_attention_variants(); NULL: $CLEAT_ATTENTION
                                 (gradients: $CLEAT_ATTENTION_BACKWARD before it), else the tuning
                                 table */
    uint64_t reserved[5];
} cleat_attention_options;

/*
 * Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1), all f32; or all f64 on a
 * device that has it (else CLEAT_UNSUPPORTED), which goes by the variants "cpu" and "plain"; or all
 * f16 or bf16, by way of f32 in scratch memory, but logsumexp f32:
 *
 *     p(l, s) = softmax over s of (scale * sum over e of q(l, e) k(s, e) + mask(l, s))
 *     y(l, e) = sum over s of p(l, s) v(s, e)
 *
 * for each batch and head: q [B, H, L, E], k [B, Hk, S, E], v [B, Hk, S, Ev], y [B, H, L, Ev]. H is
 * a multiple of Hk: heads h = g Hq .. (g + 1) Hq - 1, Hq = H / Hk, share keys and values g
 * (grouped queries, Ainslie et al. 2023). logsumexp, [B, H, L] or NULL, gets the logarithm of the
 * softmax's denominator, for cleat_attention_backward(). Any strides.
 *
 * A query all of whose keys are cut off (or S = 0) gives zeros, and -Inf as logsumexp. NaN and +Inf
 * among the scores of a query make its result NaN. Values of keys that are cut off must be finite,
 * as 0 * Inf may or may not reach the result.
 *
 * No matrix of scores lies in memory: keys stream by, in an online softmax (Dao 2023,
 * FlashAttention-2). The order of the sums is unspecified but fixed.
 * Outputs overlap no input and not each other.
 * Errors: CLEAT_SHAPE_MISMATCH, CLEAT_TYPE_MISMATCH, CLEAT_OVERLAP, CLEAT_INVALID_ARGUMENT,
 * CLEAT_UNSUPPORTED (a forced variant that cannot do this), CLEAT_OUT_OF_DEVICE_MEMORY.
 */
CLEAT_API cleat_status cleat_attention(cleat_context *context, cleat_tensor q, cleat_tensor k,
    cleat_tensor v, cleat_tensor y, const cleat_tensor *logsumexp,
    const cleat_attention_options *options);

/*
 * The gradients of q, k and v, from y and logsumexp as cleat_attention() gave them for the same
 * q, k, v and options, and dy, the gradient of y. With d(l) = sum over e of dy(l, e) y(l, e):
 *
 *     ds(l, s) = p(l, s) (sum over e of dy(l, e) v(s, e) - d(l))
 *     dq(l, e) = scale * sum over s of ds(l, s) k(s, e)
 *     dk(s, e) = scale * sum over l and the heads of the group of ds(l, s) q(l, e)
 *     dv(s, e) = sum over l and the heads of the group of p(l, s) dy(l, e)
 *
 * p is computed again from logsumexp. A query whose keys are all cut off has, and adds, a gradient
 * of zero. Same bits each time. Any strides; outputs overlap no input and not each other. Errors as
 * above.
 */
CLEAT_API cleat_status cleat_attention_backward(cleat_context *context, cleat_tensor q,
    cleat_tensor k, cleat_tensor v, cleat_tensor y, cleat_tensor logsumexp, cleat_tensor dy,
    cleat_tensor dq, cleat_tensor dk, cleat_tensor dv, const cleat_attention_options *options);

/* Names of the variants, forward and backward ("cpu_split" forward only), ending with NULL. Static
 * storage. */
CLEAT_API const char *const *cleat_attention_variants(void);

#ifdef __cplusplus
}
#endif

#endif
