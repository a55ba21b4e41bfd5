/* SPDX-License-Identifier: Apache-2.0 */
/* What memory bounds: 16 Mi elements, against a plain kernel that moves the same bytes. */
#include "bandwidth.h"
#include "peer_bound.h"
#include "peer_copy.h"

#include <stdio.h>
#include <stdlib.h>

static const traffic_case *case_at(size_t index) {
    static const struct {
        const traffic_case *cases;
        size_t count;
    } tables[] = {{traffic_activations, TRAFFIC_ACTIVATIONS},
        {traffic_elementwise, TRAFFIC_ELEMENTWISE}, {traffic_rows, TRAFFIC_ROWS},
        {traffic_pools, TRAFFIC_POOLS}, {traffic_windows, TRAFFIC_WINDOWS},
        {traffic_index, TRAFFIC_INDEX}, {traffic_normalization, TRAFFIC_NORMALIZATION},
        {traffic_halves, TRAFFIC_HALVES}};
    size_t table = 0;
    while (index >= tables[table].count) {
        index -= tables[table++].count;
    }
    return &tables[table].cases[index];
}

static bool add_tensor(
    bench_run *run, traffic *t, int32_t rank, const int64_t *shape, float *data) {
    cleat_tensor *tensor = &t->tensors[t->count];
    t->host[t->count++] = data;
    return bench_tensor(run, rank, shape, data, tensor);
}

static size_t shape_count(int32_t rank, const int64_t *shape) {
    size_t count = 1;
    for (int32_t axis = 0; axis < rank; axis++) {
        count *= (size_t)shape[axis];
    }
    return count;
}

bool traffic_input(bench_run *run, traffic *t, int32_t rank, const int64_t *shape, float scale) {
    size_t count = shape_count(rank, shape);
    float *data = bench_floats(count);
    for (size_t i = 0; data != NULL && i < count; i++) {
        data[i] *= scale;
    }
    t->read += (double)count * sizeof *data;
    return data != NULL && add_tensor(run, t, rank, shape, data);
}

bool traffic_output(bench_run *run, traffic *t, int32_t rank, const int64_t *shape) {
    size_t count = shape_count(rank, shape);
    t->written += (double)count * sizeof(float);
    bool good = add_tensor(run, t, rank, shape, NULL);
    t->from = &t->tensors[t->count - 1];
    return good && bench_call(run, cleat_fill(run->context, 1e30, *t->from), "fill");
}

bool traffic_input_of(
    bench_run *run, traffic *t, cleat_type type, int32_t rank, const int64_t *shape) {
    cleat_tensor *tensor = &t->tensors[t->count];
    const size_t count = shape_count(rank, shape);
    cleat_tensor values = {.rank = 0};
    float *data = bench_floats(count);
    t->read += (double)count * (double)cleat_type_size(type);
    t->host[t->count] = data;
    bool good =
        data != NULL && bench_tensor(run, rank, shape, data, &values) &&
        bench_call(run, cleat_tensor_create(run->context, type, rank, shape, tensor), "tensor");
    t->count += good;
    good = good && bench_call(run, cleat_cast(run->context, values, *tensor), "cast") &&
           bench_call(run, cleat_cast(run->context, *tensor, values), "cast") &&
           bench_call(run, cleat_read(run->context, values, data, count * sizeof *data), "read");
    cleat_tensor_release(&values);
    return good;
}

bool traffic_output_of(
    bench_run *run, traffic *t, cleat_type type, int32_t rank, const int64_t *shape) {
    cleat_tensor *tensor = &t->tensors[t->count];
    t->written += (double)shape_count(rank, shape) * (double)cleat_type_size(type);
    if (!bench_call(run, cleat_tensor_create(run->context, type, rank, shape, tensor), "tensor")) {
        return false;
    }
    t->count++;
    t->from = tensor;
    return bench_call(run, cleat_fill(run->context, 1e4, *tensor), "fill");
}

static bool cleat_run(void *state, int64_t calls) {
    traffic *t = state;
    for (int64_t call = 0; call < calls; call++) {
        if (t->of->family->call(t) != CLEAT_OK) {
            fprintf(stderr, "cleat-bench: %s: %s\n", t->of->name, cleat_error_message());
            return false;
        }
    }
    return cleat_finish(t->context) == CLEAT_OK;
}

static bool check(bench_run *run, traffic *t) {
    size_t bytes = (size_t)cleat_tensor_count(t->from) * sizeof(float);
    cleat_tensor values = {.rank = 0};
    t->result = malloc(bytes);
    if (t->result == NULL) {
        return bench_fail(run, "out of memory");
    }
    bool good = cleat_run(t, 1);
    if (t->from->type == CLEAT_F32) {
        values = *t->from;
    } else {
        good = good && bench_tensor(run, t->from->rank, t->from->shape, NULL, &values) &&
               bench_call(run, cleat_cast(run->context, *t->from, values), "cast");
    }
    good = good && bench_call(run, cleat_read(run->context, values, t->result, bytes), "read");
    if (values.buffer != t->from->buffer) {
        cleat_tensor_release(&values);
    }
    return good && t->of->family->check(run, t);
}

static void bandwidth_name(size_t index, char *text, size_t size) {
    snprintf(text, size, "%s", case_at(index)->name);
}

static bool bandwidth_run(bench_run *run, size_t index) {
    traffic t = {.of = case_at(index), .context = run->context};
    bool good = t.of->family->prepare(run, &t) && check(run, &t);
    contender contenders[3] = {{"cleat", cleat_run, &t}};
    size_t count = 1;
    copy_peer *copy = NULL;
    if (good && bench_has_peer(run, "copy")) {
        copy = copy_peer_create(run, t.read, t.written);
        good = copy != NULL && copy_peer_run(copy, 1) && copy_peer_check(run, copy);
        contenders[count++] = (contender){"copy", copy_peer_run, copy};
    }
    if (t.bound != NULL) {
        contenders[count++] = (contender){"peak", bound_peer_run, t.bound};
    }
    good = good && bench_compare(run, &unit_gbytes, t.read + t.written, contenders, count);
    copy_peer_destroy(copy);
    bound_peer_destroy(t.bound);
    for (int i = 0; i < t.count; i++) {
        cleat_tensor_release(&t.tensors[i]);
        free(t.host[i]);
    }
    free(t.result);
    return good;
}

const bench bench_bandwidth = {"bandwidth",
    "16 Mi elements; bytes of operands read once and results written once", TRAFFIC_CASES,
    bandwidth_name, bandwidth_run};
