/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of the table of fault_operations.h with other extents, types and layouts than it
 * is written for, and with spoilt descriptors. See fuzz_call.h for what has to hold.
 */
#include "fuzz_call.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const operation *const lists[] = {elementwise_operations, row_operations, index_operations,
    layer_operations, NULL}; /* a network is no single call */

static const operation *choose(fuzz_input *in) {
    int count = 0;
    for (int list = 0; lists[list] != NULL; list++) {
        for (const operation *o = lists[list]; o->name != NULL; o++) {
            count++;
        }
    }
    int number = fuzz_below(in, count);
    for (int list = 0; lists[list] != NULL; list++) {
        for (const operation *o = lists[list]; o->name != NULL; o++) {
            if (number-- == 0) {
                return o;
            }
        }
    }
    return NULL;
}

/* Operations that write some of their inputs; random numbers are others in f64, and panels are f32.
 */
static void know(fuzz_call *c) {
    static const char *const changing[] = {
        "_step", "scatter_add", "clip_gradient_norm", "batch_norm_training", "training", NULL};
    static const char *const f32_only[] = {"random_", "_pack", NULL};
    c->in_f64 = true;
    c->ignores[1] = strcmp(c->name, "group_norm_backward") == 0; /* its call has no scale */
    for (int i = 0; f32_only[i] != NULL; i++) {
        c->in_f64 = c->in_f64 && strstr(c->name, f32_only[i]) == NULL;
    }
    for (int i = 0; changing[i] != NULL; i++) {
        if (strstr(c->name, changing[i]) != NULL) {
            for (int k = 0; k < c->count; k++) {
                c->changes[k] =
                    c->changes[k] || c->kinds[k] == OPERAND_REAL || c->kinds[k] == OPERAND_POSITIVE;
            }
        }
    }
}

/* All extents of one size become another. */
static void resize(fuzz_call *c, fuzz_input *in) {
    static const int64_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65};
    const int64_t from = 1 + fuzz_below(in, 20);
    const int64_t to = sizes[fuzz_below(in, sizeof sizes / sizeof sizes[0])];
    for (int k = 0; k < c->count; k++) {
        cleat_tensor *t = &c->tensors[k];
        for (int32_t i = 0; i < t->rank; i++) {
            t->shape[i] = t->shape[i] == from ? to : t->shape[i];
        }
    }
}

/* Another extent of 1 in front of all, as operations take that go element by element. */
static void deepen(fuzz_call *c) {
    for (int k = 0; k < c->count; k++) {
        cleat_tensor *t = &c->tensors[k];
        if (t->rank < CLEAT_MAX_RANK) {
            memmove(t->shape + 1, t->shape, (size_t)t->rank * sizeof t->shape[0]);
            t->shape[0] = 1;
            t->rank++;
        }
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    fuzz_input in = fuzz_begin(data, size);
    const operation *o = choose(&in);
    fuzz_call c = {.name = o->name, .call = o->call};
    while (c.count < OPERATION_OPERANDS && o->operands[c.count].kind != OPERAND_NONE) {
        const operand *p = &o->operands[c.count];
        int32_t rank = 0;
        while (rank < OPERATION_RANK && p->shape[rank] > 0) {
            rank++;
        }
        fuzz_add(&c, p->kind, rank, p->shape);
    }
    know(&c);
    for (int n = fuzz_below(&in, 4); n > 0; n--) {
        resize(&c, &in);
    }
    if (fuzz_one_in(&in, 8)) {
        deepen(&c);
    }
    static const cleat_type types[] = {
        CLEAT_F32, CLEAT_F32, CLEAT_F32, CLEAT_F32, CLEAT_F32, CLEAT_BF16, CLEAT_F16, CLEAT_F64};
    const cleat_type type = types[fuzz_below(&in, 8)];
    for (int k = 0; k < c.count; k++) {
        c.tensors[k].type = c.tensors[k].type == CLEAT_F32 ? type : c.tensors[k].type;
    }
    if (fuzz_lay_out(&c, &in)) {
        fuzz_spoil(&c, &in);
        fuzz_make(&c, &in);
    }
    return 0;
}
