/* SPDX-License-Identifier: Apache-2.0 */
#include "optimizer_steps.h"

step step_make(int32_t rank, const int64_t *shape, int tensors, test_values values) {
    step s = {.rank = rank, .count = 1, .tensors = tensors};
    for (int32_t axis = 0; axis < rank; axis++) {
        s.shape[axis] = shape[axis];
        s.count *= shape[axis];
    }
    test_layout layout = test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR;
    for (int i = 0; i < tensors; i++) {
        float *data = test_alloc(s.count, sizeof *data);
        for (int64_t k = 0; k < s.count; k++) {
            data[k] = values == TEST_EXACT ? (float)test_int(-4, 4) : (float)test_real(-1, 1);
            data[k] = i == SECOND ? data[k] * data[k] : data[k];
        }
        s.tensor[i] = test_input_from(rank, shape, data, layout);
        s.want[i] = test_alloc(s.count, sizeof *s.want[i]);
        s.magnitude[i] = test_alloc(s.count, sizeof *s.magnitude[i]);
        for (int64_t k = 0; k < s.count; k++) {
            s.want[i][k] = (double)data[k];
        }
        free(data);
    }
    return s;
}

void step_free(step *s) {
    for (int i = 0; i < s->tensors; i++) {
        test_free(&s->tensor[i]);
        free(s->want[i]);
        free(s->magnitude[i]);
    }
}

void step_run_twice(step *s, step_call call, const void *options, const char *what) {
    float *start[STEP_TENSORS], *first[STEP_TENSORS];
    for (int i = 0; i < s->tensors; i++) {
        start[i] = test_alloc(s->count, sizeof **start);
        first[i] = test_alloc(s->count, sizeof **first);
        memcpy(start[i], s->tensor[i].data, (size_t)s->count * sizeof **start);
    }
    test_ok(call(s, options));
    for (int i = 0; i < s->tensors; i++) {
        test_fetch(&s->tensor[i]);
        memcpy(first[i], s->tensor[i].data, (size_t)s->count * sizeof **first);
        test_ok(cleat_write(
            test_context(), s->tensor[i].view, start[i], (size_t)s->count * sizeof **start));
    }
    test_ok(call(s, options));
    for (int i = 0; i < s->tensors; i++) {
        test_fetch(&s->tensor[i]);
        test_tensor before = {.view = s->tensor[i].view, .count = s->count, .data = first[i]};
        test_same_bits(&before, &s->tensor[i], what);
        free(start[i]);
        free(first[i]);
    }
}

void step_compare(step *s, bool exact, int64_t terms, const char *what) {
    for (int i = 0; i < s->tensors; i++) {
        if (exact || i == GRADIENT) {
            test_equal(&s->tensor[i], s->want[i], what);
        } else {
            test_bound(&s->tensor[i], s->want[i], s->magnitude[i], terms, what);
        }
    }
}

void step_change(step *s, int i, double (*make)(double)) {
    float *data = test_alloc(s->count, sizeof *data);
    for (int64_t k = 0; k < s->count; k++) {
        data[k] = s->tensor[i].data[k] = (float)make(s->want[i][k]);
        s->want[i][k] = (double)data[k];
    }
    test_ok(cleat_write(test_context(), s->tensor[i].view, data, (size_t)s->count * sizeof *data));
    free(data);
}

int32_t step_random_shape(int64_t shape[CLEAT_MAX_RANK]) {
    int32_t rank = (int32_t)test_int(0, CLEAT_MAX_RANK);
    for (int32_t axis = 0; axis < rank; axis++) {
        shape[axis] = test_int(1, rank < 4 ? 12 : 4);
    }
    return rank;
}
