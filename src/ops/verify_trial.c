/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/verify_trial.h"
#include "core/memory.h"
#include "core/trust.h"
#include <math.h>

trial trial_begin(cleat_context *context) {
    return (trial){.context = context, .right = true};
}

bool trial_going(trial *t, cleat_status status) {
    t->status = t->status == CLEAT_OK ? status : t->status;
    return t->status == CLEAT_OK;
}

static size_t count_of(const trial *t, int operand) {
    return (size_t)cleat_tensor_count(&t->tensors[operand]);
}

double *trial_zeros(int64_t count) {
    return memory_allocate_zeroed((size_t)count, sizeof(double));
}

bool trial_has_memory(trial *t, const void *memory) {
    if (memory == NULL && t->status == CLEAT_OK) {
        t->status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "verification: no host memory");
    }
    return t->status == CLEAT_OK;
}

/* An operand without values yet; whether there is one. */
static bool add(trial *t, cleat_type type, int32_t rank, const int64_t *shape) {
    const int place = t->count++; /* also of one that is not there: places are fixed */
    if (!trial_going(t, t->status) ||
        !trial_going(t, cleat_tensor_create(t->context, type, rank, shape, &t->tensors[place]))) {
        return false;
    }
    t->data[place] = memory_allocate(count_of(t, place) * sizeof(float));
    return trial_has_memory(t, t->data[place]);
}

void trial_write(trial *t, int operand) {
    const size_t count = trial_going(t, t->status) ? count_of(t, operand) : 0;
    const float *data = t->data[operand];
    if (count == 0 || t->tensors[operand].type == CLEAT_F32) {
        trial_going(t,
            count == 0 ? t->status
                       : cleat_write(t->context, t->tensors[operand], data, count * sizeof *data));
        return;
    }
    int32_t *whole = memory_allocate(count * sizeof *whole);
    if (trial_has_memory(t, whole)) {
        for (size_t i = 0; i < count; i++) {
            whole[i] = (int32_t)data[i];
        }
        trial_going(t, cleat_write(t->context, t->tensors[operand], whole, count * sizeof *whole));
    }
    memory_free(whole);
}

static void add_random(
    trial *t, cleat_type type, int32_t rank, const int64_t *shape, float low, float high) {
    if (!add(t, type, rank, shape)) {
        return;
    }
    const int place = t->count - 1;
    uint32_t bits = (uint32_t)t->count * 2654435761U;
    for (size_t i = 0; i < count_of(t, place); i++) {
        bits = bits * 1664525U + 1013904223U; /* Numerical Recipes' generator: plain is enough */
        t->data[place][i] = floorf((float)(bits >> 8) * 0x1p-24F * (high - low + 1)) + low;
    }
    trial_write(t, place);
}

void trial_add(trial *t, int32_t rank, const int64_t *shape) {
    add_random(t, CLEAT_F32, rank, shape, -4, 4);
}

void trial_add_whole(trial *t, int32_t rank, const int64_t *shape, int32_t low, int32_t high) {
    add_random(t, CLEAT_I32, rank, shape, (float)low, (float)high);
}

static bool fetch(trial *t, int operand) {
    const size_t count = count_of(t, operand);
    float *data = t->data[operand];
    if (t->tensors[operand].type == CLEAT_F32) {
        return trial_going(
            t, cleat_read(t->context, t->tensors[operand], data, count * sizeof *data));
    }
    int32_t *whole = memory_allocate(count * sizeof *whole);
    if (trial_has_memory(t, whole) &&
        trial_going(t, cleat_read(t->context, t->tensors[operand], whole, count * sizeof *whole))) {
        for (size_t i = 0; i < count; i++) {
            data[i] = (float)whole[i];
        }
    }
    memory_free(whole);
    return trial_going(t, t->status);
}

void trial_compare(trial *t, int operand, double *want, double tolerance) {
    if (trial_has_memory(t, want) && fetch(t, operand)) {
        for (size_t i = 0; i < count_of(t, operand); i++) {
            const double got = (double)t->data[operand][i];
            t->right = t->right && fabs(got - want[i]) <= tolerance;
        }
    }
    memory_free(want);
}

void trial_compare_scaled(trial *t, int operand, double *want, double tolerance) {
    double most = 1;
    for (size_t i = 0; want != NULL && i < count_of(t, operand); i++) {
        most = fmax(most, fabs(want[i]));
    }
    trial_compare(t, operand, want, tolerance * most);
}

cleat_status trial_end(trial *t, bool *right) {
    for (int i = 0; i < t->count; i++) {
        cleat_tensor_release(&t->tensors[i]);
        memory_free(t->data[i]);
    }
    *right = *right && t->right;
    if (t->status == CLEAT_OK) {
        trust_note_run(t->context);
    }
    return t->status == CLEAT_UNSUPPORTED ? CLEAT_OK : t->status;
}
