/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backward to the data on processors, as forward convolutions of stride 1 through
 * cl/conv2d_cpu_panel.cl. With a stride s there is one for each of the s * s phases of dx: of the
 * kernel's taps those meet row h of dx for which h + top - kh * dilation is a multiple of s. The
 * phases go to scratch memory and cl/conv2d_cpu_spread.cl puts them together.
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

static phase_axis make_axis(const conv2d_problem *p, int axis, int64_t phase) {
    const int64_t stride = p->stride[axis], dilation = p->dilation[axis];
    const int64_t taps = p->w.shape[axis + 2];
    phase_axis a = {.extent = ceil_div(p->x.shape[axis + 2] - phase, stride)};
    int64_t first = -1, next = -1; /* taps that meet the phase */
    for (int64_t k = 0; k < taps && next < 0; k++) {
        if ((phase + p->padding[axis] - k * dilation) % stride == 0) {
            next = first >= 0 ? k : -1;
            first = first >= 0 ? first : k;
        }
    }
    if (first < 0) {
        return a;
    }
    const int64_t apart = next >= 0 ? next - first : taps;
    a.taps = (taps - 1 - first) / apart + 1;
    a.dilation = next >= 0 ? apart * dilation / stride : 1;
    a.before = (a.taps - 1) * a.dilation - (phase + p->padding[axis] - first * dilation) / stride;
    /* The farthest tap of w comes first. */
    a.weight_offset = (first + (a.taps - 1) * apart) * p->w.stride[axis + 2];
    a.weight_stride = -apart * p->w.stride[axis + 2];
    return a;
}

/* The forward convolution of one phase; false if no tap meets it. y is a view of dx for stride 1,
 * else dense. */
static bool make_phase(const conv2d_problem *p, int64_t phase, conv2d_problem *out) {
    const phase_axis axes[2] = {make_axis(p, ROWS, phase / p->stride[COLUMNS]),
        make_axis(p, COLUMNS, phase % p->stride[COLUMNS])};
    *out = *p;
    out->x = p->y;
    out->y = p->x;
    out->group_channels = p->group_outputs;
    out->group_outputs = p->group_channels;
    for (int i = 0; i < 2; i++) {
        out->w.shape[i] = p->w.shape[1 - i];
        out->w.stride[i] = p->w.stride[1 - i];
    }
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        const phase_axis *a = &axes[axis];
        out->w.shape[axis + 2] = a->taps;
        out->w.stride[axis + 2] = a->weight_stride;
        out->w.offset += a->weight_offset;
        out->y.shape[axis + 2] = a->extent;
        out->stride[axis] = 1;
        out->dilation[axis] = a->dilation;
        out->padding[axis] = a->before;
        out->padding[axis + 2] =
            a->extent + (a->taps - 1) * a->dilation - a->before - p->y.shape[axis + 2];
    }
    if (p->stride[ROWS] * p->stride[COLUMNS] > 1) {
        int64_t step = 1;
        for (int axis = 3; axis >= 0; axis--) {
            out->y.stride[axis] = step;
            step *= out->y.shape[axis];
        }
        out->y.offset = 0;
        out->accumulate = false;
        out->index64 = p->index64 || cleat_tensor_count(&p->x) > INT32_MAX;
    }
    return axes[ROWS].taps > 0 && axes[COLUMNS].taps > 0 && axes[ROWS].extent > 0 &&
           axes[COLUMNS].extent > 0;
}

bool conv2d_cpu_panel_data_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    const int64_t phases = p->stride[ROWS] * p->stride[COLUMNS];
    if (!conv2d_is_int_sized(p) || p->groups != 1 || phases > MAX_PHASES) {
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
    const int64_t planes = p->x.shape[0] * p->x.shape[1];
    const int64_t item_planes = ceil_div(planes, SPREAD_ITEMS * threads);
    launch_use_index64(&l, p->index64 || cleat_tensor_count(&p->x) > INT32_MAX);
    launch_memory(&l, phases);
    launch_tensor(&l, &p->x);
    conv2d_launch_layout(&l, &p->x);
    const int64_t numbers[] = {p->x.shape[0], p->x.shape[1], p->x.shape[2], p->x.shape[3],
        p->stride[ROWS], p->stride[COLUMNS], present, item_planes, p->accumulate};
    launch_ints(&l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_size_1d(&l, (size_t)ceil_div(planes, item_planes), 1);
    l.bytes = 8.0 * (double)cleat_tensor_count(&p->x);
    return l;
}

static cleat_status run_phases(cleat_context *context, const conv2d_problem *p, void *scratch) {
    conv2d_part parts[MAX_PHASES];
    int count = 0;
    int32_t present = 0;
    int64_t offset = 0;
    for (int i = 0; i < p->stride[ROWS] * p->stride[COLUMNS]; i++) {
        conv2d_part *part = &parts[count];
        if (make_phase(p, i, &part->problem)) {
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
    if (p->stride[ROWS] * p->stride[COLUMNS] == 1) {
        conv2d_part part = {.y_memory = NULL};
        make_phase(p, 0, &part.problem);
        return conv2d_cpu_panel_parts(context, &part, 1, NULL);
    }
    void *scratch;
    TRY(scratch_acquire(context, (size_t)cleat_tensor_count(&p->x) * 4, &scratch));
    const cleat_status status = run_phases(context, p, scratch);
    scratch_release(context, scratch);
    return status;
}
