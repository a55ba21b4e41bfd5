/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_RECURRENT_H
#define CLEAT_RECURRENT_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cleat_recurrent_direction {
    CLEAT_RECURRENT_FORWARD = 0,
    CLEAT_RECURRENT_REVERSE,      /* from the last step to the first */
    CLEAT_RECURRENT_BIDIRECTIONAL /* both: D = 2, else 1 */
} cleat_recurrent_direction;

/* Operands that may be NULL. Initial states are zero then, and so is the bias. */
typedef struct cleat_recurrent_options {
    cleat_recurrent_direction direction;
    bool linear_before_reset;      /* GRU: see below */
    const cleat_tensor *bias;      /* [D, 8 H] for LSTM, [D, 6 H] for GRU: those of w, then of r */
    const cleat_tensor *initial_h; /* [D, B, H] */
    const cleat_tensor *initial_c; /* [D, B, H], LSTM */
    const cleat_tensor *final_h;   /* [D, B, H], written: h after the last step */
    const cleat_tensor *final_c;   /* [D, B, H], written, LSTM */
    const cleat_tensor *reserve;   /* [D, L, B, 5 H] for LSTM, [D, L, B, 4 H] for GRU: written by
                                      the forward call for the backward call of the same operands,
                                      which needs it */
    uint64_t reserved[6];
} cleat_recurrent_options;

/* For backward calls; each may be NULL. */
typedef struct cleat_recurrent_gradients {
    const cleat_tensor *final_h, *final_c;     /* read: gradients of final_h and final_c */
    const cleat_tensor *bias;                  /* written, as are these */
    const cleat_tensor *initial_h, *initial_c; /* [D, B, H] */
    uint64_t reserved[4];
} cleat_recurrent_gradients;

/*
 * LSTM (Hochreiter & Schmidhuber 1997) as ONNX LSTM-14 has it, without peepholes, all f32, or all
 * f64 on a device that has it (else CLEAT_UNSUPPORTED):
 *
 *     i, o, f = sigmoid(x W^T + h' R^T + Wb + Rb)      g = tanh(the same)
 *     c = f c' + i g                                   h = o tanh(c)
 *
 * for each step, h' and c' being those of the step before. x [L, B, I]; w [D, 4 H, I] and
 * r [D, 4 H, H] with rows in the order i, o, f, g; y [L, D, B, H] gets h. Any strides.
 *
 * The products are cleat_matmul()'s: one for the inputs of all steps, one a step. The call borrows
 * memory while it runs (where there is no reserve, as much as that) and makes many launches: should
 * one of them fail (CLEAT_OUT_OF_DEVICE_MEMORY, CLEAT_BUILD_FAILED), some have been enqueued and
 * outputs may be partly written.
 * Outputs overlap no input and not each other. Errors: CLEAT_SHAPE_MISMATCH, CLEAT_TYPE_MISMATCH,
 * CLEAT_OVERLAP, CLEAT_INVALID_ARGUMENT, CLEAT_UNSUPPORTED, CLEAT_OUT_OF_DEVICE_MEMORY.
 */
CLEAT_API cleat_status cleat_lstm(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor r, cleat_tensor y, const cleat_recurrent_options *options);

/*
 * GRU (Cho et al. 2014) as ONNX GRU-14 has it:
 *
 *     z, r = sigmoid(x W^T + h' R^T + Wb + Rb)
 *     g = tanh(x Wg^T + (r h') Rg^T + Wbg + Rbg)
 *         or, with linear_before_reset (as cuDNN and PyTorch have it),
 *     g = tanh(x Wg^T + r (h' Rg^T + Rbg) + Wbg)
 *     h = (1 - z) g + z h'
 *
 * w [D, 3 H, I] and r [D, 3 H, H] with rows in the order z, r, g. Everything else as above.
 */
CLEAT_API cleat_status cleat_gru(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor r, cleat_tensor y, const cleat_recurrent_options *options);

/*
 * Gradients of x, w and r, from y as the forward call gave it and dy, its gradient; options are
 * those of the forward call, with its reserve; its bias and final states are not read. Same bits
 * each time.
 */
CLEAT_API cleat_status cleat_lstm_backward(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor r, cleat_tensor y, cleat_tensor dy, cleat_tensor dx, cleat_tensor dw,
    cleat_tensor dr, const cleat_recurrent_options *options,
    const cleat_recurrent_gradients *gradients);
CLEAT_API cleat_status cleat_gru_backward(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor r, cleat_tensor y, cleat_tensor dy, cleat_tensor dx, cleat_tensor dw,
    cleat_tensor dr, const cleat_recurrent_options *options,
    const cleat_recurrent_gradients *gradients);

#ifdef __cplusplus
}
#endif

#endif
