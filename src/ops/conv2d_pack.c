/* SPDX-License-Identifier: Apache-2.0 */
/* Weights as panels, for one call or, packed by the user, for many. */
#include "core/packed.h"
#include "core/tensor_check.h"
#include "ops/conv2d_cpu_channels_last.h"
#include "ops/conv2d_gpu_winograd.h"

enum { PACK_CHANNELS = 16 /* that a work-item packs at once */ };

bool weight_panels_plan(
    const device_profile *profile, const cleat_tensor *w, int64_t groups, weight_panels *panels) {
    const int64_t width = profile_vector_width(profile);
    const bool depthwise = groups > 1 && w->shape[0] == groups && w->shape[1] == 1;
    *panels = (weight_panels){.width = width,
        .groups = depthwise ? 1 : groups,
        .outputs = depthwise ? groups : w->shape[0] / groups,
        .channels = w->shape[1],
        .taps = w->shape[2] * w->shape[3]};
    panels->vectors = ceil_div(panels->outputs, width);
    panels->panel_floats = panels->taps * panels->channels * width;
    panels->group_floats = panels->vectors * panels->panel_floats;
    return panels->outputs >= width && panels->panel_floats > 0 && panels->taps <= 1024;
}

bool conv2d_is_channels_last(const conv2d_problem *p) {
    return !p->accumulate && (p->x.shape[1] == 1 || p->x.stride[1] == 1) &&
           (p->y.shape[1] == 1 || p->y.stride[1] == 1);
}

/* Panels in scratch memory, or in the buffer of those that are kept. */
static void launch_panels(launch *l, void *scratch, cleat_buffer *kept) {
    const cleat_tensor panels = {.buffer = kept};
    if (scratch != NULL) {
        launch_memory(l, scratch);
    } else {
        launch_tensor(l, &panels);
    }
}

static launch pack_launch(const cleat_tensor *w, const weight_panels *panels, bool index64,
    void *scratch, cleat_buffer *kept) {
    launch l =
        launch_begin("conv2d", "conv2d_cpu_channels_last_pack", "conv2d_cpu_channels_last_pack");
    launch_use_index64(&l, index64);
    launch_macro(&l, "VECTOR", panels->width);
    launch_tensor(&l, w);
    launch_panels(&l, scratch, kept);
    launch_numbers_begin(&l);
    const int64_t places[] = {w->offset, panels->outputs * w->stride[0], w->stride[0], w->stride[1],
        w->stride[2], w->stride[3]};
    launch_indices(&l, places, sizeof places / sizeof places[0]);
    const int64_t numbers[] = {
        panels->channels, panels->outputs, w->shape[2], w->shape[3], PACK_CHANNELS};
    launch_ints(&l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_numbers_end(&l);
    const int64_t items =
        panels->groups * panels->vectors * ceil_div(panels->channels, PACK_CHANNELS);
    launch_size_1d(&l, (size_t)items, 1);
    l.bytes = 8.0 * (double)(panels->groups * panels->group_floats);
    return l;
}

static bool needs_index64(const cleat_tensor *w, const weight_panels *panels) {
    return tensor_needs_index64(w) || panels->groups * panels->group_floats > INT32_MAX;
}

static size_t panel_bytes(const weight_panels *panels) {
    return (size_t)(panels->groups * panels->group_floats) * sizeof(float);
}

cleat_status conv2d_run_on_panels(cleat_context *context, const conv2d_problem *p,
    const weight_panels *panels, const char *family, panels_reader reader, const void *plan) {
    const bool index64 = p->index64 || needs_index64(&p->w, panels);
    void *scratch = NULL;
    launch launches[2];
    int count = 0;
    if (p->packed_w == NULL) {
        TRY(scratch_acquire(context, panel_bytes(panels), &scratch));
        launches[count++] = pack_launch(&p->w, panels, index64, scratch, NULL);
    }
    launch *work = &launches[count++];
    *work = launch_begin(p->operation, family, family);
    launch_use_index64(work, index64);
    launch_tensor(work, &p->x);
    launch_tensor(work, &p->y);
    launch_panels(work, scratch, p->packed_w != NULL ? p->packed_w->panels : NULL);
    reader(work, p, panels, plan);
    work->flop = conv2d_flop(p);
    work->bytes = conv2d_bytes(p);
    const cleat_status status = launch_all(context, launches, count);
    scratch_release(context, scratch);
    return status;
}

/* ---- For many calls ---- */

static cleat_status pack(cleat_context *context, const cleat_packed *packed) {
    weight_panels panels;
    weight_panels_plan(context_profile(context), &packed->operand, packed->layout[0], &panels);
    launch l = pack_launch(
        &packed->operand, &panels, needs_index64(&packed->operand, &panels), NULL, packed->panels);
    return launch_all(context, &l, 1);
}

/* On processors panels; on other devices, if `winograd`, windows transformed; else the view alone.
 */
static cleat_status pack_for(const char *operation, cleat_context *context, cleat_tensor w,
    int64_t groups, bool winograd, cleat_packed **packed) {
    TRY(check_context(operation, context));
    REFUSE_IF(packed == NULL, CLEAT_INVALID_ARGUMENT, "%s: packed is NULL", operation);
    TRY(check_tensor(operation, "w", context, &w, CLEAT_F32));
    TRY(check_rank(operation, "w", &w, 4));
    groups = groups == 0 ? 1 : groups;
    REFUSE_IF(
        groups < 0, CLEAT_INVALID_ARGUMENT, "%s: groups is %lld", operation, (long long)groups);
    REFUSE_IF(w.shape[0] % groups != 0, CLEAT_SHAPE_MISMATCH,
        "%s: weight has %lld output channels, not a multiple of %lld groups", operation,
        (long long)w.shape[0], (long long)groups);
    const device_profile *profile = context_profile(context);
    const double count =
        (double)w.shape[0] * (double)w.shape[1] * (double)w.shape[2] * (double)w.shape[3];
    REFUSE_IF(count > 0x1p58, CLEAT_SIZE_OVERFLOW, "%s: panels are too many bytes", operation);
    size_t bytes = 0;
    if (winograd && conv2d_winograd_packs(profile, &w, groups, &bytes)) {
        const int64_t layout[PACKED_LAYOUT_VALUES] = {groups, true};
        return packed_create("conv2d", context, &w, bytes, layout, conv2d_winograd_pack, packed);
    }
    const int64_t layout[PACKED_LAYOUT_VALUES] = {groups};
    weight_panels panels;
    const bool packs = profile->is_cpu && weight_panels_plan(profile, &w, groups, &panels);
    return packed_create(
        "conv2d", context, &w, packs ? panel_bytes(&panels) : 0, layout, pack, packed);
}

cleat_status cleat_conv2d_pack(
    cleat_context *context, cleat_tensor w, int64_t groups, cleat_packed **packed) {
    return pack_for("conv2d_pack", context, w, groups, false, packed);
}

cleat_status cleat_conv2d_pack_winograd(
    cleat_context *context, cleat_tensor w, int64_t groups, cleat_packed **packed) {
    return pack_for("conv2d_pack_winograd", context, w, groups, true, packed);
}
