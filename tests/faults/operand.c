/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from fault_operations.c, which needs Check: the fuzzers have it too. */
#include "fault_operations.h"

cleat_type operand_type(operand_kind kind, cleat_type real) {
    switch (kind) {
    case OPERAND_INDEX:
    case OPERAND_RESULT_I32:
        return CLEAT_I32;
    case OPERAND_PLACE:
    case OPERAND_RESULT_I64:
        return CLEAT_I64;
    case OPERAND_TRUTH:
    case OPERAND_RESULT_TRUTH:
        return CLEAT_BOOL;
    case OPERAND_HALF:
    case OPERAND_RESULT_F16:
        return CLEAT_F16;
    default:
        return real;
    }
}
