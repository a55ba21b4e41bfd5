/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of 16 bits: as many bytes as the cases of f32 have, twice as many elements. */
#include "bandwidth.h"

#include <math.h>
#include <stdlib.h>

/* form: the type of x, and of y but in casts. choice: */
enum { RELU, ADD, NARROW, WIDEN, SUM };

static cleat_type type_of_x(const traffic *t) {
    return t->of->choice == NARROW ? CLEAT_F32 : (cleat_type)t->of->form;
}

static cleat_type type_of_y(const traffic *t) {
    return t->of->choice == WIDEN ? CLEAT_F32 : (cleat_type)t->of->form;
}

static bool prepare(bench_run *run, traffic *t) {
    const int64_t *shape = t->of->shape;
    const int32_t rank = t->of->choice == SUM ? 1 : 2;
    for (int i = 0; i < 1 + (t->of->choice == ADD); i++) {
        if (!traffic_input_of(run, t, type_of_x(t), 2, shape)) {
            return false;
        }
    }
    return traffic_output_of(run, t, type_of_y(t), rank, shape);
}

static cleat_status call(traffic *t) {
    const cleat_tensor y = t->tensors[t->count - 1];
    switch (t->of->choice) {
    case RELU:
        return cleat_activate(t->context, CLEAT_RELU, t->tensors[0], y, NULL);
    case ADD:
        return cleat_add(t->context, t->tensors[0], t->tensors[1], y);
    case SUM:
        return cleat_reduce(
            t->context, CLEAT_REDUCE_SUM, t->tensors[0], 1, (int32_t[]){1}, y, NULL);
    default:
        return cleat_cast(t->context, t->tensors[0], y);
    }
}

/* The rounding of a result, and of a sum's terms. */
static double rounding(const traffic *t) {
    return type_of_y(t) == CLEAT_F32 ? 0 : type_of_y(t) == CLEAT_F16 ? 0x1p-11 : 0x1p-8;
}

static double wanted(const traffic *t, int64_t i, double *size) {
    double want = (double)t->host[0][i];
    if (t->of->choice == RELU) {
        want = want > 0 ? want : 0;
    } else if (t->of->choice == ADD) {
        want += (double)t->host[1][i];
    } else if (t->of->choice == SUM) {
        const float *row = t->host[0] + i * t->of->shape[1];
        want = 0;
        for (int64_t column = 0; column < t->of->shape[1]; column++) {
            want += (double)row[column];
        }
    }
    *size = fabs(want);
    return want;
}

static bool check(bench_run *run, const traffic *t) {
    const int64_t count = cleat_tensor_count(t->from);
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        const int64_t i = bench_probe(probe, count);
        double size = 0;
        const double want = wanted(t, i, &size);
        const double terms = t->of->choice == SUM ? (double)t->of->shape[1] : 1;
        const double allowed = rounding(t) * size + 4 * sqrt(terms) * 0x1p-24 * terms + 0x1p-25;
        good = fabs((double)t->result[i] - want) <= allowed ||
               bench_fail(run, "cleat: element %lld is %g, not %g", (long long)i,
                   (double)t->result[i], want);
    }
    return good;
}

static const traffic_family halves = {prepare, call, check};

/* clang-format off */
#define SHAPE {4096, 8192}
/* clang-format on */
const traffic_case traffic_halves[TRAFFIC_HALVES] = {
    {"relu f16", &halves, RELU, CLEAT_F16, SHAPE},
    {"relu bf16", &halves, RELU, CLEAT_BF16, SHAPE},
    {"add f16", &halves, ADD, CLEAT_F16, SHAPE},
    {"f32 to f16", &halves, NARROW, CLEAT_F16, SHAPE},
    {"f16 to f32", &halves, WIDEN, CLEAT_F16, SHAPE},
    {"sum of rows f16", &halves, SUM, CLEAT_F16, SHAPE},
};
