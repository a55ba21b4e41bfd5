/* SPDX-License-Identifier: Apache-2.0 */
#include "core/matrix_unit.h"

#include "core/context_state.h"
#include <string.h>

#define MODE(mode) (1u << (mode))
#define MODES_16 (MODE(MATRIX_F16) | MODE(MATRIX_BF16))
#define MODES_TF32 (MODE(MATRIX_TF32) | MODE(MATRIX_TF32X3))

/* In the order in which they are tried. */
static const matrix_unit units[] = {
    {"nvidia", "gpu_nvidia", 1, 32, 16, 8, 10, MODES_TF32 | MODES_16, true},
    {"amd_mfma", "gpu_amd", 2, 64, 16, 16, 8, MODE(MATRIX_F32) | MODES_16, false},
    {"amd_wmma", "gpu_amd", 3, 32, 16, 16, 24, MODES_16, false},
    {"intel", "gpu_intel", 4, 8, 8, 8, 24, MODES_16, false},
    {"intel_16", "gpu_intel", 5, 16, 8, 16, 24, MODES_TF32 | MODES_16, false},
};
enum { UNITS = sizeof units / sizeof units[0] };

/* What their verdicts are called, by mode; three of tf32 take no other instruction than one. */
static const char *const probe_names[UNITS][MATRIX_BF16 + 1] = {
    {NULL, "nvidia tf32", "nvidia tf32", "nvidia f16", "nvidia bf16"},
    {"amd_mfma f32", NULL, NULL, "amd_mfma f16", "amd_mfma bf16"},
    {NULL, NULL, NULL, "amd_wmma f16", "amd_wmma bf16"},
    {NULL, NULL, NULL, "intel f16", "intel bf16"},
    {NULL, "intel_16 tf32", "intel_16 tf32", "intel_16 f16", "intel_16 bf16"},
};

/* The same of copies into local memory. */
static const char *const copies_names[UNITS][MATRIX_BF16 + 1] = {
    {NULL, "nvidia tf32 copies", "nvidia tf32 copies", "nvidia f16 copies", "nvidia bf16 copies"},
};

const matrix_unit *matrix_unit_named(const char *name) {
    for (int i = 0; i < UNITS; i++) {
        if (strcmp(units[i].name, name) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

const char *matrix_unit_names(void) {
    return "nvidia, amd_mfma, amd_wmma, intel, intel_16";
}

size_t matrix_unit_exchange(const device_profile *profile, const matrix_unit *unit) {
    return profile->emulated_unit != NULL ? 4 * (size_t)unit->registers : 0;
}

void matrix_unit_macros(
    const device_profile *profile, const matrix_unit *unit, matrix_mode mode, launch *l) {
    launch_macro(l, "MATRIX_UNIT", unit->number);
    launch_macro(l, "UNIT_MODE", mode);
    launch_macro(l, "UNIT_EMULATED", profile->emulated_unit != NULL);
}

/* ---- The probes: cl/unit_probe.cl, cl/unit_copies.cl ---- */

enum { PROBE_SUB_GROUPS = 2, PROBE_MOST = 256, PROBE_RIGHT = 42 };
enum { COPIES_ITEMS = 256, COPIES_SIDE = 64, COPIES_TILES = 5, COPIES_OPERANDS = 4 };

/* The first `count` words of *answers are what the work-items say. */
static cleat_status read_answers(
    cleat_context *context, cleat_tensor answers, int64_t count, bool *right) {
    int32_t values[PROBE_MOST] = {0};
    answers.shape[0] = count;
    TRY(cleat_read(context, answers, values, (size_t)count * sizeof values[0]));
    for (int64_t i = 0; i < count; i++) {
        *right = *right && values[i] == PROBE_RIGHT;
    }
    trust_note_run(context);
    return CLEAT_OK;
}

static cleat_status run_probe(cleat_context *context, const matrix_unit *unit, matrix_mode mode,
    const cleat_tensor *answers, bool *right) {
    launch l = launch_begin("matrix_unit", "unit_probe", "unit_probe");
    matrix_unit_macros(&context->profile, unit, mode, &l);
    launch_tensor(&l, answers);
    const size_t items = (size_t)answers->shape[0];
    launch_size_1d(&l, items, items);
    TRY(launch_all(context, &l, 1));
    return read_answers(context, *answers, answers->shape[0], right);
}

/* Behind the answers of the two groups lie their operands. */
static cleat_status run_copies_probe(cleat_context *context, const matrix_unit *unit,
    matrix_mode mode, const cleat_tensor *answers, bool *right) {
    launch launches[2] = {launch_begin("matrix_unit", "unit_copies", "unit_copies_fill"),
        launch_begin("matrix_unit", "unit_copies", "unit_copies_probe")};
    for (int i = 0; i < 2; i++) {
        matrix_unit_macros(&context->profile, unit, mode, &launches[i]);
        launch_tensor(&launches[i], answers);
    }
    launch_size_1d(&launches[0], (size_t)answers->shape[0] - COPIES_ITEMS, COPIES_SIDE);
    launch_size_1d(&launches[1], COPIES_ITEMS, COPIES_ITEMS / 2);
    TRY(launch_all(context, launches, 2));
    return read_answers(context, *answers, COPIES_ITEMS, right);
}

static cleat_status probe_mode(
    cleat_context *context, const matrix_unit *unit, matrix_mode mode, bool copies, bool *right) {
    const int64_t operands = COPIES_OPERANDS * COPIES_SIDE * COPIES_TILES * MATRIX_LINE;
    const int64_t words = copies ? COPIES_ITEMS + operands : PROBE_SUB_GROUPS * unit->lanes;
    cleat_tensor answers;
    TRY(cleat_tensor_create(context, CLEAT_I32, 1, &words, &answers));
    const cleat_status status = copies ? run_copies_probe(context, unit, mode, &answers, right)
                                       : run_probe(context, unit, mode, &answers, right);
    cleat_tensor_release(&answers);
    return status;
}

/* What trust_probe() calls back. */
static cleat_status probe(cleat_context *context, bool *right) {
    const char *name = trust_subject_variant(context);
    for (int i = 0; i < UNITS; i++) {
        for (int mode = MATRIX_F32; mode <= MATRIX_BF16; mode++) {
            const char *names[] = {probe_names[i][mode], copies_names[i][mode]};
            for (int kind = 0; kind < 2; kind++) {
                if (names[kind] != NULL && strcmp(names[kind], name) == 0) {
                    return probe_mode(context, &units[i], (matrix_mode)mode, kind == 1, right);
                }
            }
        }
    }
    *right = false;
    return CLEAT_OK;
}

/* An emulated unit works wherever kernels do: it is probed only where variants are checked too. */
static bool is_believed(const cleat_context *context) {
    return context->profile.emulated_unit != NULL && !context->trust.wanted;
}

const matrix_unit *matrix_unit_find(cleat_context *context, matrix_mode mode) {
    const device_profile *profile = &context->profile;
    for (int i = 0; i < UNITS; i++) {
        const bool candidate = profile->emulated_unit != NULL
                                   ? strcmp(profile->emulated_unit, units[i].name) == 0
                                   : strcmp(profile->device_class, units[i].device_class) == 0;
        if (candidate && (units[i].modes & MODE(mode)) != 0 &&
            (is_believed(context) ||
                trust_probe(context, "matrix_unit", probe_names[i][mode], probe))) {
            return &units[i];
        }
    }
    return NULL;
}

bool matrix_unit_copies(cleat_context *context, const matrix_unit *unit, matrix_mode mode) {
    const char *name = copies_names[unit - units][mode];
    return name != NULL &&
           (is_believed(context) || trust_probe(context, "matrix_unit", name, probe));
}
