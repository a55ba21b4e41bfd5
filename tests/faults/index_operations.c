/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the table of fault_operations.h about indices, and the steps of optimisers, which
 * change their operands in place. */
#include "fault_operations.h"

OPERATION_CALL(gather, t[0], t[1], 0, t[2])
OPERATION_CALL(gather_backward, t[0], t[1], 0, t[2])
OPERATION_CALL(scatter_add, t[0], t[1], 0, t[2])
OPERATION_CALL(gather_elements, t[0], t[1], 0, t[2])
OPERATION_CALL(gather_elements_backward, t[0], t[1], 0, t[2])
OPERATION_CALL(scatter_add_elements, t[0], t[1], 0, t[2])
OPERATION_CALL(embedding, t[0], t[1], t[2], NULL)
OPERATION_CALL(embedding_backward, t[0], t[1], t[2], NULL)
OPERATION_CALL(one_hot, t[0], 1, t[1], NULL)
OPERATION_CALL(top_k, t[0], 1, &t[1], &t[2], NULL)

OPERATION_CALL(sgd_step, t[0], t[1], &t[2], 0.1F, &(const cleat_sgd_options){.momentum = 0.9F})
OPERATION_CALL(adam_step, t[0], t[1], t[2], t[3], 1, 0.1F, NULL)
OPERATION_CALL(
    adamw_step, t[0], t[1], t[2], t[3], 2, 0.1F, &(const cleat_adam_options){.weight_decay = 0.01F})
OPERATION_CALL(rmsprop_step, t[0], t[1], t[2], NULL, NULL, 0.1F, NULL)
OPERATION_CALL(adagrad_step, t[0], t[1], t[2], 1, 0.1F, NULL)
OPERATION_CALL(lion_step, t[0], t[1], t[2], 0.1F, NULL)
OPERATION_CALL(clip_gradient_norm, 2, t, 1, &t[2])

const operation index_operations[] = {
    OPERATION(gather, REAL(5, 6), INDEX(4), RESULT(4, 6)),
    OPERATION(gather_backward, INDEX(4), REAL(4, 6), RESULT(5, 6)),
    OPERATION(scatter_add, INDEX(4), REAL(4, 6), REAL(5, 6)),
    OPERATION(gather_elements, REAL(5, 6), INDEX(4, 6), RESULT(4, 6)),
    OPERATION(gather_elements_backward, INDEX(4, 6), REAL(4, 6), RESULT(5, 6)),
    OPERATION(scatter_add_elements, INDEX(4, 6), REAL(4, 6), REAL(5, 6)),
    OPERATION(embedding, REAL(5, 6), INDEX(4), RESULT(4, 6)),
    OPERATION(embedding_backward, INDEX(4), REAL(4, 6), RESULT(5, 6)),
    OPERATION(one_hot, INDEX(4), RESULT(4, 3)),
    OPERATION(top_k, REAL(4, 6), RESULT(4, 2), RESULT_OF(I64, 4, 2)),
    OPERATION(sgd_step, REAL(4, 6), REAL(4, 6), REAL(4, 6)),
    OPERATION(adam_step, REAL(4, 6), REAL(4, 6), REAL(4, 6), POSITIVE(4, 6)),
    OPERATION(adamw_step, REAL(4, 6), REAL(4, 6), REAL(4, 6), POSITIVE(4, 6)),
    OPERATION(rmsprop_step, REAL(4, 6), REAL(4, 6), POSITIVE(4, 6)),
    OPERATION(adagrad_step, REAL(4, 6), REAL(4, 6), POSITIVE(4, 6)),
    OPERATION(lion_step, REAL(4, 6), REAL(4, 6), REAL(4, 6)),
    OPERATION(clip_gradient_norm, REAL(4, 6), REAL(4, 6), RESULT(1)),
    {.name = NULL},
};
