/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzzers of operations share. A fuzzer makes a call from the bytes that libFuzzer hands
 * it: which operation, operands of what shapes and layouts, and what is spoilt in their
 * descriptors. The call is then made on a real device, and has to keep what the headers promise:
 *   - refused: a status for a mistake of the caller's, a message, and no byte of any operand
 * changed;
 *   - accepted: no byte outside the results' elements changed, and each result what the same call
 *     gives in f64 with operands that are whole, row-major tensors of their own.
 * Whatever does not hold ends the process by abort(), with a line on stderr.
 */
#ifndef CLEAT_TESTS_FUZZ_CALL_H
#define CLEAT_TESTS_FUZZ_CALL_H

#include "faults/fault_operations.h"
#include <stdlib.h>
#include <string.h>

/* ---- The bytes of one input; 0 when there are no more ---- */

typedef struct fuzz_input {
    const unsigned char *next;
    size_t left;
} fuzz_input;

fuzz_input fuzz_begin(const unsigned char *data, size_t size);
unsigned fuzz_byte(fuzz_input *in);
/* 0 .. end - 1 */
int fuzz_below(fuzz_input *in, int end);
bool fuzz_one_in(fuzz_input *in, int n);
/* Mostly from -3 to 12, else a limit of some integer type, or any number. */
int64_t fuzz_number(fuzz_input *in);

/* ---- A call ---- */

typedef struct fuzz_call {
    const char *name;
    cleat_status (*call)(cleat_context *context, const cleat_tensor *t);
    int count;
    operand_kind kinds[OPERATION_OPERANDS];
    cleat_tensor tensors[OPERATION_OPERANDS]; /* type, rank and shape; the rest by fuzz_lay_out() */
    bool changes[OPERATION_OPERANDS];         /* the call writes it */
    bool ignores[OPERATION_OPERANDS];         /* the call does not look at it */
    bool in_f64; /* makes sense of f64 operands, and gives the same numbers */
    size_t size; /* of the buffer */
} fuzz_call;

/* A tensor of kind's type and of a shape without extents, for a call that is being put together. */
void fuzz_add(fuzz_call *c, operand_kind kind, int32_t rank, const int64_t *shape);

/* Strides and offsets for tensors that are valid so far: whole, or by the input's bytes in any
 * order of axes, with gaps, reversed, inputs broadcast. False where that takes more than a
 * mebibyte. */
bool fuzz_lay_out(fuzz_call *c, fuzz_input *in);
/* Up to three fields of descriptors become something else. */
void fuzz_spoil(fuzz_call *c, fuzz_input *in);
/* Makes the call, with values by the input's bytes, and looks at what came of it. */
void fuzz_make(fuzz_call *c, fuzz_input *in);

/* Prints, keeps the input in a file "fuzz-failure", and aborts. */
void fuzz_fail(const fuzz_call *c, const char *what);

cleat_context *fuzz_context(void);

#endif
