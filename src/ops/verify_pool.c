/* SPDX-License-Identifier: Apache-2.0 */
#include "core/memory.h"
#include "ops/verify.h"
#include "ops/verify_trial.h"
#include <cleat/pool.h>
#include <math.h>

enum { AXES = 2, CHANNELS = 3, MANY_CHANNELS = 17 };

/* x is [2, CHANNELS, height, width]; y's extents where windows are adaptive. */
typedef struct pool_trial {
    int64_t x[AXES], out[AXES];
    cleat_pool_options options;
    bool channels_last; /* forward only: the MANY_CHANNELS of a pixel lie end to end */
} pool_trial;

static const pool_trial plane_trials[] = {
    {.x = {12, 38}, .options = {.window = {2, 2}}},
    {.x = {11, 37}, .options = {.window = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}}},
    {.x = {9, 21}, .options = {.window = {3, 3}, .stride = {1, 1}, .padding = {1, 1, 1, 1}}},
    {.x = {13, 30}, .options = {.window = {4, 5}, .stride = {3, 1}, .padding = {0, 2, 1, 3}}},
    {.x = {7, 7}, .options = {.global = true}},
    {.x = {8, 7},
        .options = {.window = {3, 2}, .stride = {2, 1}, .padding = {1, 0, 1, 1}},
        .channels_last = true},
};

static const pool_trial window_trials[] = {
    {.x = {9, 40}, .options = {.window = {3, 2}, .stride = {2, 1}, .dilation = {1, 3}}},
    {.x = {10, 44},
        .options =
            {.window = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 0, 0}, .dilation = {2, 1}}},
    {.x = {10, 35}, .options = {.window = {2, 2}, .ceil_mode = true, .dilation = {3, 1}}},
    {.x = {13, 37}, .out = {5, 7}, .options = {.adaptive = true}},
    {.x = {3, 5}, .out = {4, 7}, .options = {.adaptive = true}},
};

/* One trial as it is run: operands x, y or dy, result. */
typedef struct pool_run {
    const pool_trial *of;
    verify_pool_kind kind;
    bool backward;
    int64_t out[AXES];
    const float *x, *dy;
    double *want;
} pool_run;

static cleat_tensor with_channels_last(const cleat_tensor *x) {
    cleat_tensor y = *x;
    y.stride[1] = 1;
    y.stride[3] = x->shape[1];
    y.stride[2] = x->shape[3] * y.stride[3];
    return y;
}

static cleat_status call(const trial *t, const pool_run *r, const cleat_tensor *x) {
    const cleat_pool_options *o = &r->of->options;
    switch (r->kind) {
    case VERIFY_POOL_MAX:
        return r->backward ? cleat_max_pool_backward(t->context, x[0], x[1], x[2], o)
                           : cleat_max_pool(t->context, x[0], x[2], o);
    case VERIFY_POOL_AVERAGE:
        return r->backward ? cleat_average_pool_backward(t->context, x[1], x[2], o)
                           : cleat_average_pool(t->context, x[0], x[2], o);
    default:
        return r->backward ? cleat_lp_pool_backward(t->context, x[0], x[3], x[1], x[2], o)
                           : cleat_lp_pool(t->context, x[0], x[2], o);
    }
}

/* By way of operands 4 and 5, which have room for x and y. */
static cleat_status call_channels_last(const trial *t, const pool_run *r) {
    const cleat_tensor x = with_channels_last(&t->tensors[4]);
    const cleat_tensor y = with_channels_last(&t->tensors[5]);
    const cleat_tensor operands[] = {x, y, y, y};
    TRY(cleat_copy(t->context, t->tensors[0], x));
    TRY(call(t, r, operands));
    return cleat_copy(t->context, y, t->tensors[2]);
}

/* Element k of window o along an axis; outside of x: -1, after the last one: -2. */
static int64_t element(const pool_run *r, int axis, int64_t o, int64_t k) {
    const cleat_pool_options *p = &r->of->options;
    const int64_t extent = r->of->x[axis], out = r->out[axis];
    if (p->adaptive || p->global) {
        const int64_t first = o * extent / out, end = ((o + 1) * extent + out - 1) / out;
        return first + k < end ? first + k : -2;
    }
    const int64_t step = p->stride[axis] > 0 ? p->stride[axis] : p->window[axis];
    const int64_t dilation = p->dilation[axis] > 0 ? p->dilation[axis] : 1;
    const int64_t at = o * step - p->padding[axis] + k * dilation;
    return k >= p->window[axis] ? -2 : at >= 0 && at < extent ? at : -1;
}

typedef struct window_sums {
    double sum, squares;
    int64_t count, best;
} window_sums;

/* Calls for each element of a window of a plane of x: first to sum up, then, backward, to share. */
static void visit(const pool_run *r, int64_t plane, int64_t oh, int64_t ow, double gradient,
    bool share, window_sums *s) {
    const int64_t area = r->of->x[0] * r->of->x[1];
    for (int64_t i = 0, h = 0; (h = element(r, 0, oh, i)) != -2; i++) {
        for (int64_t j = 0, w = 0; (w = element(r, 1, ow, j)) != -2; j++) {
            const int64_t at = plane * area + h * r->of->x[1] + w;
            if (h < 0 || w < 0) {
                continue;
            }
            const double x = (double)r->x[at];
            if (!share) {
                s->best = s->best < 0 || x > (double)r->x[s->best] ? at : s->best;
                s->sum += x;
                s->squares += x * x;
                s->count++;
            } else if (r->kind == VERIFY_POOL_MAX) {
                r->want[at] += at == s->best ? gradient : 0;
            } else if (r->kind == VERIFY_POOL_AVERAGE) {
                r->want[at] += gradient / (double)s->count;
            } else if (s->squares > 0) {
                r->want[at] += gradient * x / sqrt(s->squares);
            }
        }
    }
}

/* What the call gives; y's value too where the gradient of powers needs it. */
static void find_wanted(const pool_run *r, int64_t planes, float *y) {
    for (int64_t i = 0; i < planes * r->out[0] * r->out[1]; i++) {
        const int64_t plane = i / (r->out[0] * r->out[1]);
        const int64_t oh = i / r->out[1] % r->out[0], ow = i % r->out[1];
        window_sums s = {.best = -1};
        visit(r, plane, oh, ow, 0, false, &s);
        const double value = s.count == 0                     ? 0
                             : r->kind == VERIFY_POOL_MAX     ? (double)r->x[s.best]
                             : r->kind == VERIFY_POOL_AVERAGE ? s.sum / (double)s.count
                                                              : sqrt(s.squares);
        y[i] = (float)value;
        if (r->backward) {
            visit(r, plane, oh, ow, (double)r->dy[i], true, &s);
        } else {
            r->want[i] = value;
        }
    }
}

static cleat_status try_pool(cleat_context *context, const pool_trial *of, verify_pool_kind kind,
    bool backward, bool *right) {
    const int64_t channels = of->channels_last ? MANY_CHANNELS : CHANNELS;
    const int64_t x[] = {2, channels, of->x[0], of->x[1]};
    int64_t y[] = {2, channels, of->out[0], of->out[1]};
    if (!of->options.adaptive) {
        TRY(cleat_pool_shape(4, x, &of->options, y));
    }
    trial t = trial_begin(context);
    trial_add(&t, 4, x);
    trial_add(&t, 4, y);
    trial_add(&t, 4, backward ? x : y);
    trial_add(&t, 4, y);
    trial_add(&t, 4, x);
    trial_add(&t, 4, y);
    if (trial_going(&t, t.status)) {
        const size_t bytes = (size_t)cleat_tensor_count(&t.tensors[3]) * sizeof(float);
        pool_run r = {.of = of,
            .kind = kind,
            .backward = backward,
            .out = {y[2], y[3]},
            .x = t.data[0],
            .dy = t.data[1],
            .want = trial_zeros(cleat_tensor_count(&t.tensors[2]))};
        if (r.want != NULL) {
            find_wanted(&r, x[0] * x[1], t.data[3]);
        }
        if (trial_going(&t, cleat_write(context, t.tensors[3], t.data[3], bytes)) &&
            trial_going(
                &t, of->channels_last ? call_channels_last(&t, &r) : call(&t, &r, t.tensors))) {
            trial_compare(&t, 2, r.want, kind == VERIFY_POOL_MAX ? 0 : 0x1p-16);
        } else {
            memory_free(r.want);
        }
    }
    return trial_end(&t, right);
}

static cleat_status verify_trials(cleat_context *context, const pool_trial *trials, size_t count,
    verify_pool_kind kind, bool backward, bool *right) {
    for (size_t i = 0; i < count; i++) {
        if (!backward || !trials[i].channels_last) {
            TRY(try_pool(context, &trials[i], kind, backward, right));
        }
    }
    return CLEAT_OK;
}

static cleat_status planes(
    cleat_context *context, verify_pool_kind kind, bool backward, bool *right) {
    return verify_trials(
        context, plane_trials, sizeof plane_trials / sizeof *plane_trials, kind, backward, right);
}

static cleat_status windows(
    cleat_context *context, verify_pool_kind kind, bool backward, bool *right) {
    return verify_trials(context, window_trials, sizeof window_trials / sizeof *window_trials, kind,
        backward, right);
}

static cleat_status plane_max(cleat_context *context, bool *right) {
    return planes(context, VERIFY_POOL_MAX, false, right);
}

static cleat_status plane_max_backward(cleat_context *context, bool *right) {
    return planes(context, VERIFY_POOL_MAX, true, right);
}

static cleat_status plane_average(cleat_context *context, bool *right) {
    return planes(context, VERIFY_POOL_AVERAGE, false, right);
}

static cleat_status plane_average_backward(cleat_context *context, bool *right) {
    return planes(context, VERIFY_POOL_AVERAGE, true, right);
}

static cleat_status window_max(cleat_context *context, bool *right) {
    return windows(context, VERIFY_POOL_MAX, false, right);
}

static cleat_status window_max_backward(cleat_context *context, bool *right) {
    return windows(context, VERIFY_POOL_MAX, true, right);
}

static cleat_status window_average(cleat_context *context, bool *right) {
    return windows(context, VERIFY_POOL_AVERAGE, false, right);
}

static cleat_status window_average_backward(cleat_context *context, bool *right) {
    return windows(context, VERIFY_POOL_AVERAGE, true, right);
}

static cleat_status window_power(cleat_context *context, bool *right) {
    return windows(context, VERIFY_POOL_POWER, false, right);
}

static cleat_status window_power_backward(cleat_context *context, bool *right) {
    return windows(context, VERIFY_POOL_POWER, true, right);
}

const trust_function verify_pool_plane[VERIFY_POOL_KINDS][2] = {
    {plane_max, plane_max_backward}, {plane_average, plane_average_backward}};

const trust_function verify_pool_window[VERIFY_POOL_KINDS][2] = {{window_max, window_max_backward},
    {window_average, window_average_backward}, {window_power, window_power_backward}};
