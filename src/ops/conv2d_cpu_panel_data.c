/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backward to the data on processors, as forward convolutions of stride 1 through
 * cl/conv2d_cpu_panel.cl. With a stride s there is one for each of the s * s phases of dx (with a
 * depth s * s * s): of the kernel's taps those meet row h of dx for which h + top - kh * dilation
 * is a multiple of s. The phases go to scratch memory and cl/conv2d_cpu_spread.cl puts them
 * together.
 */
#include "core/tensor_check.h"
#include "ops/conv2d_problem.h"

enum { MAX_PHASES = 16, SPREAD_ITEMS = 16 };

/* Along one axis, what the forward convolution of a phase is like. */
typedef struct phase_axis {
    int64_t extent; /* of this phase of dx */
    int64_t taps, dilation, before;
    int64_t weight_offset, weight_stride;
} phase_axis;

/* One axis of the problem. */
typedef struct data_axis {
    int64_t x, w, y;
    int64_t w_stride, stride, before, dilation;
} data_axis;

enum { DEPTH = 2, AXES };

static data_axis axis_of(const conv2d_problem *p, int axis) {
    if (axis == DEPTH) {
        const conv2d_depth *d = &p->depth;
        return (data_axis){d->x, d->w, d->y, d->w_stride, d->stride, d->before, d->dilation};
    }
    return (data_axis){p->x.shape[axis + 2], p->w.shape[axis + 2], p->y.shape[axis + 2],
        p->w.stride[axis + 2], p->stride[axis], p->padding[axis], p->dilation[axis]};
}

static phase_axis make_axis(const data_axis *d, int64_t phase) {
    phase_axis a = {.extent = ceil_div(d->x - phase, d->stride)};
    int64_t first = -1, next = -1; /* taps that meet the phase */
    for (int64_t k = 0; k < d->w && next < 0; k++) {
        if ((phase + d->before - k * d->dilation) % d->stride == 0) {
            next = first >= 0 ? k : -1;
            first = first >= 0 ? first : k;
        }
    }
    if (first < 0) {
        return a;
    }
    const int64_t apart = next >= 0 ? next - first : d->w;
    a.taps = (d->w - 1 - first) / apart + 1;
    a.dilation = next >= 0 ? apart * d->dilation / d->stride : 1;
    a.before = (a.taps - 1) * a.dilation - (phase + d->before - first * d->dilation) / d->stride;
    /* The farthest tap of w comes first. */
    a.weight_offset = (first + (a.taps - 1) * apart) * d->w_stride;
    a.weight_stride = -apart * d->w_stride;
    return a;
}

static int64_t phase_count(const conv2d_problem *p) {
    return p->depth.stride * p->stride[ROWS] * p->stride[COLUMNS];
}

/* y of a phase that is put together with others: dense, [n][c][d][h][w]. */
static void make_dense(const conv2d_problem *p, conv2d_problem *out) {
    int64_t step = 1;
    for (int axis = 3; axis >= 0; axis--) {
        if (axis == 1) {
            out->depth.y_stride = step;
            step *= out->depth.y;
        }
        out->y.stride[axis] = step;
        step *= out->y.shape[axis];
    }
    out->y.offset = 0;
    out->accumulate = false;
    out->index64 = p->index64 || cleat_tensor_count(&p->x) * p->depth.x > INT32_MAX;
}

/* The forward convolution of one phase; false if no tap meets it. y is a view of dx for stride 1,
 * else dense. */
static bool make_phase(const conv2d_problem *p, int64_t phase, conv2d_problem *out) {
    const int64_t in_plane = p->stride[ROWS] * p->stride[COLUMNS];
    const int64_t phases[AXES] = {
        phase % in_plane / p->stride[COLUMNS], phase % p->stride[COLUMNS], phase / in_plane};
    bool there = true;
    *out = *p;
    out->direction = CLEAT_CONV2D_FORWARD;
    out->x = p->y;
    out->y = p->x;
    out->depth.x = p->depth.y;
    out->depth.x_stride = p->depth.y_stride;
    out->depth.y_stride = p->depth.x_stride;
    out->depth.stride = 1;
    out->group_channels = p->group_outputs;
    out->group_outputs = p->group_channels;
    out->w.shape[0] = p->w.shape[1];
    out->w.shape[1] = p->group_outputs;
    out->w.stride[0] = p->w.stride[1];
    out->w.stride[1] = p->w.stride[0];
    for (int axis = 0; axis < AXES; axis++) {
        const data_axis d = axis_of(p, axis);
        const phase_axis a = make_axis(&d, phases[axis]);
        there = there && a.taps > 0 && a.extent > 0;
        out->w.offset += a.weight_offset;
        if (axis == DEPTH) {
            out->depth.y = a.extent;
            out->depth.w = a.taps;
            out->depth.w_stride = a.weight_stride;
            out->depth.dilation = a.dilation;
            out->depth.before = a.before;
            continue;
        }
        out->w.shape[axis + 2] = a.taps;
        out->w.stride[axis + 2] = a.weight_stride;
        out->y.shape[axis + 2] = a.extent;
        out->stride[axis] = 1;
        out->dilation[axis] = a.dilation;
        out->padding[axis] = a.before;
        out->padding[axis + 2] =
            a.extent + (a.taps - 1) * a.dilation - a.before - p->y.shape[axis + 2];
    }
    if (phase_count(p) > 1) {
        make_dense(p, out);
    }
    if (p->deep) {
        *out = conv2d_over_images(out);
    }
    return there;
}

bool conv2d_cpu_panel_data_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    const bool few = p->depth.stride <= MAX_PHASES && p->stride[ROWS] <= MAX_PHASES &&
                     p->stride[COLUMNS] <= MAX_PHASES;
    const int64_t phases = few ? phase_count(p) : MAX_PHASES + 1;
    if (!conv2d_is_int_sized(p) || (p->groups != 1 && !p->deep) || phases > MAX_PHASES) {
        return false;
    }
    const bool finishes = p->bias || p->activation.form != 0;
    for (int64_t i = 0; i < phases; i++) {
        conv2d_problem phase;
        const bool present = make_phase(p, i, &phase);
        /* Cells that no tap meets become 0 when the phases are put together. */
        if (present ? !conv2d_cpu_panel_supports(profile, &phase) : finishes) {
            return false;
        }
    }
    return true;
}

static launch spread_launch(
    const conv2d_problem *p, void *phases, int32_t present, int64_t threads) {
    launch l = launch_begin(p->operation, "conv2d_cpu_spread", "conv2d_cpu_spread");
    const int64_t planes = p->x.shape[0] * p->x.shape[1] * p->depth.x;
    const int64_t item_planes = ceil_div(planes, SPREAD_ITEMS * threads);
    launch_use_index64(&l, p->index64 || cleat_tensor_count(&p->x) * p->depth.x > INT32_MAX);
    launch_memory(&l, phases);
    launch_tensor(&l, &p->x);
    conv2d_launch_layout(&l, &p->x);
    launch_index(&l, p->depth.x_stride);
    const int64_t numbers[] = {p->x.shape[0], p->x.shape[1], p->depth.x, p->x.shape[2],
        p->x.shape[3], p->depth.stride, p->stride[ROWS], p->stride[COLUMNS], present, item_planes,
        p->accumulate};
    launch_ints(&l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_size_1d(&l, (size_t)ceil_div(planes, item_planes), 1);
    l.bytes = 8.0 * (double)cleat_tensor_count(&p->x) * (double)p->depth.x;
    return l;
}

static cleat_status run_phases(cleat_context *context, const conv2d_problem *p, void *scratch) {
    conv2d_part parts[MAX_PHASES];
    int count = 0;
    int32_t present = 0;
    int64_t offset = 0;
    for (int i = 0; i < phase_count(p); i++) {
        conv2d_part *part = &parts[count];
        if (make_phase(p, i, &part->problem)) {
            part->w_group = p->group_outputs * p->w.stride[0];
            part->problem.y.offset = offset;
            part->y_memory = scratch;
            offset += cleat_tensor_count(&part->problem.y);
            present |= 1 << i;
            count++;
        }
    }
    const launch spread =
        spread_launch(p, scratch, present, max_of(context_profile(context)->compute_units, 1));
    return conv2d_cpu_panel_parts(context, parts, count, &spread);
}

cleat_status conv2d_cpu_panel_backward_data(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    if (phase_count(p) == 1) {
        conv2d_part part = {.w_group = p->group_outputs * p->w.stride[0]};
        make_phase(p, 0, &part.problem);
        return conv2d_cpu_panel_parts(context, &part, 1, NULL);
    }
    void *scratch;
    TRY(scratch_acquire(context, (size_t)(cleat_tensor_count(&p->x) * p->depth.x) * 4, &scratch));
    const cleat_status status = run_phases(context, p, scratch);
    scratch_release(context, scratch);
    return status;
}
