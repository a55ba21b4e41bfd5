/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_PACKED_H
#define CLEAT_PACKED_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A constant operand prepared once for many calls: the weights of a layer.
 *
 * Kernels for processors read such an operand from panels, a copy in an order of their own. Without
 * a packed operand every call makes that copy again, which for a small product takes as long as the
 * product. With it:
 *
 *     cleat_packed *packed;
 *     cleat_matmul_pack(context, cleat_transpose(w), &packed);
 *     for (...) {
 *         cleat_matmul(context, x, cleat_transpose(w), y,
 *             &(cleat_matmul_options){.packed_b = packed});
 *     }
 *     cleat_packed_release(packed);
 *
 * A cleat_packed is made for one operation and one operand, by that operation's own function
 * (cleat_matmul_pack(), ...), and given to it through its options beside the operand itself, of
 * which it has to be the packed form: same buffer, type, offset, shape and strides. So a call gives
 * the same result with it as without, bit for bit if both use the same variant, and may fall back
 * on the operand where the packed form does not help. On devices whose kernels need no panels it
 * holds the view alone.
 *
 * Ownership: opaque, reference-counted; it holds a reference on the operand's buffer and owns the
 * panels (as large as the operand, edges rounded up), so the caller may release the tensor. Work
 * already enqueued with it still runs when the last reference goes.
 *
 * When the weights change: the panels are a snapshot, taken in the order of the calls. After
 * writing to the operand call cleat_packed_update(); the result of a call between the two is made
 * of old values, new ones, or some of each.
 *
 * Threads: as for a context; one packed operand may serve several threads' calls at once.
 */
typedef struct cleat_packed cleat_packed;

CLEAT_API void cleat_packed_retain(cleat_packed *packed);  /* NULL is accepted */
CLEAT_API void cleat_packed_release(cleat_packed *packed); /* NULL is accepted */

/* Packs the operand's present contents again, into the same memory. Only enqueues; allocates
 * nothing. Errors: CLEAT_INVALID_ARGUMENT (NULL, or another context's). */
CLEAT_API cleat_status cleat_packed_update(cleat_context *context, cleat_packed *packed);

/* The operand, a borrowed view (its buffer lives at least as long as `packed`). `packed` is not
 * NULL. */
CLEAT_API cleat_tensor cleat_packed_operand(const cleat_packed *packed);

/* Bytes of device memory in panels; 0 where there are none, and for NULL. */
CLEAT_API size_t cleat_packed_size(const cleat_packed *packed);

#ifdef __cplusplus
}
#endif

#endif
