/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small call of each public operation, forward and backward, and a small training loop, in one
 * table: for tests that put every operation through the same ordeal. Operands lie in one buffer,
 * with gaps between them, so that one transfer writes or reads them all. Results are not compared
 * with a reference here (the operations' own tests do that), but with those of an untroubled call.
 */
#ifndef CLEAT_TESTS_FAULTS_FAULT_OPERATIONS_H
#define CLEAT_TESTS_FAULTS_FAULT_OPERATIONS_H

#include <cleat/cleat.h>

enum { OPERATION_OPERANDS = 22, OPERATION_RANK = 5 };

/* What an operand holds before the call. */
typedef enum operand_kind {
    OPERAND_NONE,     /* the list ends here */
    OPERAND_REAL,     /* f32, between -1 and 1 */
    OPERAND_POSITIVE, /* f32, between 1/2 and 3/2 */
    OPERAND_INDEX,    /* i32, 0 to 2 */
    OPERAND_PLACE,    /* i64, every third place */
    OPERAND_TRUTH,    /* bool */
    OPERAND_HALF,     /* f16, between -1 and 1 */
    OPERAND_RESULT,   /* f32, NaN; and likewise, all bits set, of other types: */
    OPERAND_RESULT_I32,
    OPERAND_RESULT_I64,
    OPERAND_RESULT_TRUTH,
    OPERAND_RESULT_F16
} operand_kind;

typedef struct operand {
    operand_kind kind;
    int64_t shape[OPERATION_RANK]; /* the first 0 ends it */
} operand;

typedef struct operation {
    const char *name; /* of the function, "cleat_" left out; NULL: the end */
    cleat_status (*call)(cleat_context *context, const cleat_tensor *t);
    operand operands[OPERATION_OPERANDS];
} operation;

/* For the files that make the table: a function that calls cleat_NAME with the operands t[0], ...,
 * and its line. */
#define OPERATION_CALL(name, ...)                                                                  \
    static cleat_status call_##name(cleat_context *context, const cleat_tensor *t) {               \
        return cleat_##name(context, __VA_ARGS__);                                                 \
    }
#define OPERATION(name, ...)                                                                       \
    {                                                                                              \
#name, call_##name, {                                                                      \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define REAL(...)                                                                                  \
    {                                                                                              \
        OPERAND_REAL, {                                                                            \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define POSITIVE(...)                                                                              \
    {                                                                                              \
        OPERAND_POSITIVE, {                                                                        \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define INDEX(...)                                                                                 \
    {                                                                                              \
        OPERAND_INDEX, {                                                                           \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define PLACE(...)                                                                                 \
    {                                                                                              \
        OPERAND_PLACE, {                                                                           \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define TRUTH(...)                                                                                 \
    {                                                                                              \
        OPERAND_TRUTH, {                                                                           \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define HALF(...)                                                                                  \
    {                                                                                              \
        OPERAND_HALF, {                                                                            \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define RESULT(...)                                                                                \
    {                                                                                              \
        OPERAND_RESULT, {                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define RESULT_OF(type, ...)                                                                       \
    {                                                                                              \
        OPERAND_RESULT_##type, {                                                                   \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

/* The type of such an operand's elements, where those of numbers are `real`. */
cleat_type operand_type(operand_kind kind, cleat_type real);

extern const operation elementwise_operations[], row_operations[], index_operations[],
    layer_operations[], training_operations[];
/* All of them; the last one is NULL. */
extern const operation *const operation_lists[];

/* The operation of that name; fails the test where there is none. */
const operation *operation_named(const char *name);

/* An operation with its operands on a context. */
typedef struct operation_run {
    const operation *what;
    cleat_context *context;
    cleat_tensor whole; /* all bytes of the buffer */
    cleat_tensor tensors[OPERATION_OPERANDS];
    int count;
    size_t size;
    unsigned char *before, *got; /* the whole, as it is written and as it was fetched */
} operation_run;

/* What fails here fails the test. */
operation_run operation_open(cleat_context *context, const operation *what);
/* The same with the operands of f32 in a type of 16 bits, of the values that `like` has; but for
 * those whose bits of `kept` are set. */
operation_run operation_open_as(const operation_run *like, cleat_type type, uint32_t kept);
/* Rounds what the inputs of f32 hold to what a type of 16 bits can hold. */
void operation_round(operation_run *run, cleat_type type);
/* The elements of operand k as they were fetched, in float64; NULL for an operand of another type
 * than f32, f16 and bf16. free() them. */
double *operation_values(const operation_run *run, int k);
void operation_close(operation_run *run);
/* Writes all operands, results too. */
void operation_reset(operation_run *run);
cleat_status operation_call(const operation_run *run);
/* Reads all into run->got. */
void operation_fetch(operation_run *run);
/* Of what was fetched: whether nothing is other than before; whether a part of each result is. */
bool operation_is_unchanged(const operation_run *run);
bool operation_has_results(const operation_run *run);

#endif
