/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions over one and three axes, and transposed ones, against what the device's arithmetic
 * gives. Each stands beside the 2-D convolution that has as many products of as many terms. */
#include "peer_peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FORWARD, DATA, WEIGHTS };

/* Space in squares and cubes; padding keeps the extent, or doubles it where transposed. */
typedef struct axes_case {
    const char *name;
    int axes, direction;
    bool transposed;
    int64_t n, c, m, extent, depth, k, stride;
} axes_case;

static const axes_case cases[] = {
    {"2-D 64x56x56 64 3x3", 2, FORWARD, false, 8, 64, 64, 56, 1, 3, 1},
    {"1-D 64x3136 64 9", 1, FORWARD, false, 8, 64, 64, 3136, 1, 9, 1},
    {"1-D 64x3136 64 9 data", 1, DATA, false, 8, 64, 64, 3136, 1, 9, 1},
    {"1-D 64x3136 64 9 weights", 1, WEIGHTS, false, 8, 64, 64, 3136, 1, 9, 1},
    {"1-D 256x200 256 3", 1, FORWARD, false, 8, 256, 256, 200, 1, 3, 1},
    {"3-D 64x8x28x28 64 3x3x3", 3, FORWARD, false, 1, 64, 64, 28, 8, 3, 1},
    {"3-D 64x8x28x28 64 3x3x3 data", 3, DATA, false, 1, 64, 64, 28, 8, 3, 1},
    {"3-D 64x8x28x28 64 3x3x3 weights", 3, WEIGHTS, false, 1, 64, 64, 28, 8, 3, 1},
    {"2-D transposed 128x28x28 64 4x4 s2", 2, FORWARD, true, 4, 128, 64, 28, 1, 4, 2},
    {"2-D transposed 128x28x28 64 4x4 s2 data", 2, DATA, true, 4, 128, 64, 28, 1, 4, 2},
};
enum { CASES = sizeof cases / sizeof *cases };

typedef struct convolution_state {
    const axes_case *of;
    cleat_context *context;
    cleat_tensor x, w, y;
    int64_t shapes[3][5]; /* of x, w, y */
    const char *variant;
} convolution_state;

static int64_t padding_of(const axes_case *c) {
    return c->transposed ? (c->k - c->stride) / 2 : c->k / 2;
}

/* x, w or y: whatever the direction writes. */
static cleat_tensor *result_of(convolution_state *s) {
    cleat_tensor *const results[] = {&s->y, &s->x, &s->w};
    return results[s->of->direction];
}

static cleat_status call_1d(const convolution_state *s) {
    const int64_t p = padding_of(s->of);
    const cleat_conv1d_options o = {
        .stride = s->of->stride, .padding = {p, p}, .variant = s->variant};
    switch (s->of->direction) {
    case FORWARD:
        return cleat_conv1d(s->context, s->x, s->w, s->y, &o);
    case DATA:
        return cleat_conv1d_backward_data(s->context, s->y, s->w, s->x, &o);
    default:
        return cleat_conv1d_backward_weights(s->context, s->x, s->y, s->w, &o);
    }
}

static cleat_status call_2d(const convolution_state *s) {
    const int64_t p = padding_of(s->of), step = s->of->stride;
    const cleat_conv2d_options o = {
        .stride = {step, step}, .padding = {p, p, p, p}, .variant = s->variant};
    if (!s->of->transposed) {
        return cleat_conv2d(s->context, s->x, s->w, s->y, &o);
    }
    return s->of->direction == FORWARD
               ? cleat_conv_transpose2d(s->context, s->x, s->w, s->y, &o)
               : cleat_conv_transpose2d_backward_data(s->context, s->y, s->w, s->x, &o);
}

static cleat_status call_3d(const convolution_state *s) {
    const int64_t p = padding_of(s->of);
    const cleat_conv3d_options o = {.padding = {p, p, p, p, p, p}, .variant = s->variant};
    switch (s->of->direction) {
    case FORWARD:
        return cleat_conv3d(s->context, s->x, s->w, s->y, &o);
    case DATA:
        return cleat_conv3d_backward_data(s->context, s->y, s->w, s->x, &o);
    default:
        return cleat_conv3d_backward_weights(s->context, s->x, s->y, s->w, &o);
    }
}

static bool run_calls(void *state, int64_t calls) {
    const convolution_state *s = state;
    for (int64_t call = 0; call < calls; call++) {
        const cleat_status status = s->of->axes == 1   ? call_1d(s)
                                    : s->of->axes == 2 ? call_2d(s)
                                                       : call_3d(s);
        if (status != CLEAT_OK) {
            fprintf(stderr, "cleat-bench: %s\n", cleat_error_message());
            return false;
        }
    }
    return cleat_finish(s->context) == CLEAT_OK;
}

static void fill_shapes(convolution_state *s) {
    const axes_case *c = s->of;
    const int64_t out = c->transposed ? c->extent * c->stride : c->extent;
    for (int i = 0; i < c->axes; i++) {
        const bool depth = c->axes == 3 && i == 0;
        s->shapes[0][2 + i] = depth ? c->depth : c->extent;
        s->shapes[1][2 + i] = c->k;
        s->shapes[2][2 + i] = depth ? c->depth : out;
    }
    s->shapes[0][0] = s->shapes[2][0] = c->n;
    s->shapes[0][1] = c->c;
    s->shapes[2][1] = c->m;
    s->shapes[1][0] = c->transposed ? c->c : c->m;
    s->shapes[1][1] = c->transposed ? c->m : c->c;
}

static int64_t count_of(const convolution_state *s, int operand) {
    int64_t count = 1;
    for (int i = 0; i < s->of->axes + 2; i++) {
        count *= s->shapes[operand][i];
    }
    return count;
}

/* With ones everywhere, the largest result is the number of products behind an element that no edge
 * cuts. */
static bool check_ones(bench_run *run, convolution_state *s) {
    const axes_case *c = s->of;
    const int64_t window = (int64_t)pow((double)c->k, c->axes);
    const int64_t shared = (int64_t)pow((double)(c->transposed ? c->stride : 1), c->axes);
    const int64_t images = count_of(s, 2) / c->m;
    const bool small = (c->direction == FORWARD) == c->transposed;
    const double want = c->direction == WEIGHTS   ? (double)images
                        : c->direction == FORWARD ? (double)(c->c * window / (small ? shared : 1))
                                                  : (double)(c->m * window);
    const cleat_tensor *result = result_of(s);
    const int64_t count = cleat_tensor_count(result);
    float *values = malloc((size_t)count * sizeof *values);
    bool good =
        values != NULL && bench_call(run, cleat_fill(s->context, 1, s->x), "fill") &&
        bench_call(run, cleat_fill(s->context, 1, s->w), "fill") &&
        bench_call(run, cleat_fill(s->context, 1, s->y), "fill") &&
        bench_call(run, cleat_fill(s->context, -1, *result), "fill") && run_calls(s, 1) &&
        bench_call(run, cleat_read(s->context, *result, values, (size_t)count * sizeof *values),
            "cleat_read");
    double most = 0;
    for (int64_t i = 0; i < count && good; i++) {
        most = fmax(most, (double)values[i]);
    }
    free(values);
    return good && bench_near(run, "cleat", most, want, 0, 1);
}

static bool write_random(bench_run *run, cleat_tensor t) {
    const size_t count = (size_t)cleat_tensor_count(&t);
    float *data = bench_floats(count);
    const bool good =
        data != NULL &&
        bench_call(run, cleat_write(run->context, t, data, count * sizeof *data), "cleat_write");
    free(data);
    return good;
}

static bool run_case(bench_run *run, size_t index) {
    convolution_state s = {
        .of = &cases[index], .context = run->context, .variant = run->options.variant};
    fill_shapes(&s);
    const int rank = s.of->axes + 2;
    const double flop = 2.0 * (double)count_of(&s, s.of->transposed ? 0 : 2) *
                        (double)count_of(&s, 1) / (double)s.shapes[1][0];
    peak_peer *peak = NULL;
    contender contenders[2] = {{"cleat", run_calls, &s}};
    size_t count = 1;
    bool good = bench_tensor(run, rank, s.shapes[0], NULL, &s.x) &&
                bench_tensor(run, rank, s.shapes[1], NULL, &s.w) &&
                bench_tensor(run, rank, s.shapes[2], NULL, &s.y) && check_ones(run, &s) &&
                write_random(run, s.x) && write_random(run, s.w) && write_random(run, s.y);
    if (good && bench_has_peer(run, "peak")) {
        peak = peak_peer_create(run, flop);
        good = peak != NULL && peak_peer_run(peak, 1) && peak_peer_check(run, peak);
        contenders[count++] = (contender){"peak", peak_peer_run, peak};
    }
    good = good && bench_compare(run, &unit_gflops, flop, contenders, count);
    peak_peer_destroy(peak);
    cleat_tensor_release(&s.x);
    cleat_tensor_release(&s.w);
    cleat_tensor_release(&s.y);
    return good;
}

static void case_name(size_t index, char *text, size_t size) {
    snprintf(text, size, "%s n%lld", cases[index].name, (long long)cases[index].n);
}

const bench bench_conv_axes = {"conv-axes",
    "convolutions over one and three axes, transposed ones, and their equal over two", CASES,
    case_name, run_case};
