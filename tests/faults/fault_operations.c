/* SPDX-License-Identifier: Apache-2.0 */
#include "fault_operations.h"

#include "harness.h"

const operation *const operation_lists[] = {elementwise_operations, row_operations,
    index_operations, layer_operations, training_operations, NULL};

const operation *operation_named(const char *name) {
    for (int list = 0; operation_lists[list] != NULL; list++) {
        for (const operation *o = operation_lists[list]; o->name != NULL; o++) {
            if (strcmp(o->name, name) == 0) {
                return o;
            }
        }
    }
    ck_abort_msg("there is no operation %s in the table", name);
    return NULL;
}

static bool is_result(operand_kind kind) {
    return kind >= OPERAND_RESULT;
}

static int32_t rank_of(const operand *o) {
    int32_t rank = 0;
    while (rank < OPERATION_RANK && o->shape[rank] > 0) {
        rank++;
    }
    return rank;
}

/* Element i of an input, into `at`. */
static void put_element(operand_kind kind, int64_t i, unsigned char *at) {
    const float real = (float)test_int(-1000, 1000) / 1024;
    const float value = kind == OPERAND_POSITIVE ? 1 + real / 2 : real;
    const int32_t index = (int32_t)(i % 3);
    const int64_t place = 3 * i;
    const unsigned char truth = i % 3 == 1;
    uint16_t half = 0;
    switch (kind) {
    case OPERAND_INDEX:
        memcpy(at, &index, sizeof index);
        break;
    case OPERAND_PLACE:
        memcpy(at, &place, sizeof place);
        break;
    case OPERAND_TRUTH:
        *at = truth;
        break;
    case OPERAND_HALF:
        cleat_f16_from_f32(&value, 1, &half);
        memcpy(at, &half, sizeof half);
        break;
    default:
        memcpy(at, &value, sizeof value);
        break;
    }
}

static size_t bytes_of(const cleat_tensor *t) {
    return (size_t)cleat_tensor_count(t) * cleat_type_size(t->type);
}

static size_t place_of(const cleat_tensor *t) {
    return (size_t)t->offset * cleat_type_size(t->type);
}

/* Fills in the views, still without a buffer, and the size of all: each begins 64 bytes or more
 * behind the end of the last one, at a multiple of 64. */
static void lay_out(operation_run *run, cleat_type real, uint32_t kept) {
    enum { GAP = 64 };
    run->size = GAP;
    while (
        run->count < OPERATION_OPERANDS && run->what->operands[run->count].kind != OPERAND_NONE) {
        const operand *o = &run->what->operands[run->count];
        cleat_tensor *t = &run->tensors[run->count];
        const bool is_kept = (kept >> run->count++ & 1) != 0;
        *t = (cleat_tensor){
            .type = operand_type(o->kind, is_kept ? CLEAT_F32 : real), .rank = rank_of(o)};
        int64_t stride = 1;
        for (int32_t i = t->rank - 1; i >= 0; i--) {
            t->shape[i] = o->shape[i];
            t->stride[i] = stride;
            stride *= o->shape[i];
        }
        t->offset = (int64_t)(run->size / cleat_type_size(t->type));
        run->size += (bytes_of(t) + GAP - 1) / GAP * GAP + GAP;
    }
}

static operation_run make_run(
    cleat_context *context, const operation *what, cleat_type real, uint32_t kept) {
    operation_run run = {.what = what, .context = context};
    cleat_buffer *buffer = NULL;
    lay_out(&run, real, kept);
    test_ok(cleat_buffer_create(context, run.size, &buffer));
    const int64_t size = (int64_t)run.size;
    test_ok(cleat_tensor_view(buffer, CLEAT_U8, 1, &size, 0, &run.whole));
    run.before = test_alloc(size, 1);
    run.got = test_alloc(size, 1);
    memset(run.before, 0xFF, run.size);
    for (int k = 0; k < run.count; k++) {
        run.tensors[k].buffer = buffer;
    }
    return run;
}

operation_run operation_open(cleat_context *context, const operation *what) {
    operation_run run = make_run(context, what, CLEAT_F32, 0);
    for (int k = 0; k < run.count; k++) {
        const cleat_tensor *t = &run.tensors[k];
        const operand_kind kind = what->operands[k].kind;
        for (int64_t i = 0; i < cleat_tensor_count(t) && !is_result(kind); i++) {
            put_element(kind, i, run.before + place_of(t) + (size_t)i * cleat_type_size(t->type));
        }
    }
    return run;
}

static void to_halves(
    cleat_type type, const unsigned char *from, int64_t count, unsigned char *to) {
    for (int64_t i = 0; i < count; i++) {
        float value;
        uint16_t half;
        memcpy(&value, from + (size_t)i * sizeof value, sizeof value);
        (type == CLEAT_F16 ? cleat_f16_from_f32 : cleat_bf16_from_f32)(&value, 1, &half);
        memcpy(to + (size_t)i * sizeof half, &half, sizeof half);
    }
}

static void from_halves(
    cleat_type type, const unsigned char *from, int64_t count, unsigned char *to) {
    for (int64_t i = 0; i < count; i++) {
        float value;
        uint16_t half;
        memcpy(&half, from + (size_t)i * sizeof half, sizeof half);
        (type == CLEAT_F16 ? cleat_f16_to_f32 : cleat_bf16_to_f32)(&half, 1, &value);
        memcpy(to + (size_t)i * sizeof value, &value, sizeof value);
    }
}

operation_run operation_open_as(const operation_run *like, cleat_type type, uint32_t kept) {
    operation_run run = make_run(like->context, like->what, type, kept);
    for (int k = 0; k < run.count; k++) {
        const cleat_tensor *t = &run.tensors[k], *other = &like->tensors[k];
        const unsigned char *from = like->before + place_of(other);
        if (is_result(like->what->operands[k].kind)) {
            continue;
        }
        if (t->type == other->type) {
            memcpy(run.before + place_of(t), from, bytes_of(t));
        } else {
            to_halves(type, from, cleat_tensor_count(t), run.before + place_of(t));
        }
    }
    return run;
}

void operation_round(operation_run *run, cleat_type type) {
    for (int k = 0; k < run->count; k++) {
        const cleat_tensor *t = &run->tensors[k];
        unsigned char *at = run->before + place_of(t);
        if (t->type == CLEAT_F32 && !is_result(run->what->operands[k].kind)) {
            const int64_t count = cleat_tensor_count(t);
            unsigned char *halves = test_alloc(count, sizeof(uint16_t));
            to_halves(type, at, count, halves);
            from_halves(type, halves, count, at);
            free(halves);
        }
    }
}

double *operation_values(const operation_run *run, int k) {
    const cleat_tensor *t = &run->tensors[k];
    const int64_t count = cleat_tensor_count(t);
    const unsigned char *from = run->got + place_of(t);
    float *values = test_alloc(count, sizeof *values);
    double *wide = NULL;
    if (t->type == CLEAT_F32) {
        memcpy(values, from, bytes_of(t));
    } else if (t->type == CLEAT_F16 || t->type == CLEAT_BF16) {
        from_halves(t->type, from, count, (unsigned char *)values);
    }
    if (t->type == CLEAT_F32 || t->type == CLEAT_F16 || t->type == CLEAT_BF16) {
        wide = test_alloc(count, sizeof *wide);
        for (int64_t i = 0; i < count; i++) {
            wide[i] = (double)values[i];
        }
    }
    free(values);
    return wide;
}

void operation_close(operation_run *run) {
    cleat_buffer_release(run->whole.buffer);
    free(run->before);
    free(run->got);
    *run = (operation_run){.what = NULL};
}

void operation_reset(operation_run *run) {
    const cleat_status status = cleat_write(run->context, run->whole, run->before, run->size);
    if (status != CLEAT_OK) {
        ck_abort_msg("%s: its operands: %s", run->what->name, cleat_error_message());
    }
}

cleat_status operation_call(const operation_run *run) {
    return run->what->call(run->context, run->tensors);
}

void operation_fetch(operation_run *run) {
    const cleat_status status = cleat_read(run->context, run->whole, run->got, run->size);
    if (status != CLEAT_OK) {
        ck_abort_msg("%s: its results: %s", run->what->name, cleat_error_message());
    }
}

bool operation_is_unchanged(const operation_run *run) {
    return memcmp(run->before, run->got, run->size) == 0;
}

bool operation_has_results(const operation_run *run) {
    for (int k = 0; k < run->count; k++) {
        const cleat_tensor *t = &run->tensors[k];
        if (is_result(run->what->operands[k].kind) &&
            memcmp(run->before + place_of(t), run->got + place_of(t), bytes_of(t)) == 0) {
            return false;
        }
    }
    return true;
}
