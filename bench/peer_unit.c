/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_unit.h"
#include "peer_kernel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Units as cl/unit_names.cl numbers them: lanes, fragments of C, terms of one instruction. */
static const struct {
    const char *name; /* in $CLEAT_PROFILE */
    int number, lanes, rows, columns, terms_32, terms_16;
} units[] = {{"nvidia", 1, 32, 16, 8, 8, 16}, {"amd_mfma", 2, 64, 16, 16, 4, 16},
    {"amd_wmma", 3, 32, 16, 16, 0, 16}, {"intel", 4, 8, 8, 8, 0, 16},
    {"intel_16", 5, 16, 8, 16, 8, 16}};
enum { UNITS = sizeof units / sizeof *units };

/* Independent sums of a sub-group; emulated, where time is not the point, one, for two rounds. */
enum { CHAINS = 8, SUB_GROUPS_PER_UNIT = 64, ROUNDS_MOST = 1 << 18 };

/*
 * Chains begin apart, lest the compiler take them for one, and end at what they begin with plus
 * rounds * UNIT_K / 1024. Which maker's instruction the compiler knows it says itself.
 */
static const char source[] =
    "#if MATRIX_UNIT == 1 && !UNIT_EMULATED && !defined(__NV_CL_C_VERSION)\n"
    "#error \"another maker's\"\n"
    "#endif\n"
    "#include \"common.cl\"\n"
    "#include \"unit.cl\"\n"
    "#define WORD(x) (UNIT_PACK == 1 ? as_uint(x) : unit_pair(x, x))\n"
    "__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) UNIT_SUB_GROUP void peak_unit(\n"
    "    __global float *y, int rounds, float a_number, float b_number) {\n"
    "    UNIT_EXCHANGE(LOCAL)\n"
    "    uint a[UNIT_A_REGISTERS] UNIT_ALIGNED, b[UNIT_B_REGISTERS] UNIT_ALIGNED;\n"
    "    float c[CHAINS][UNIT_C_REGISTERS] UNIT_ALIGNED;\n"
    "    UNIT_UNROLLED for (int r = 0; r < UNIT_A_REGISTERS; ++r) a[r] = WORD(a_number);\n"
    "    UNIT_UNROLLED for (int r = 0; r < UNIT_B_REGISTERS; ++r) b[r] = WORD(b_number);\n"
    "    UNIT_UNROLLED for (int i = 0; i < CHAINS; ++i) {\n"
    "        UNIT_UNROLLED for (int r = 0; r < UNIT_C_REGISTERS; ++r) c[i][r] = (float)i;\n"
    "    }\n"
    "    for (int round = 0; round < rounds; ++round) {\n"
    "        UNIT_UNROLLED for (int i = 0; i < CHAINS; ++i) {\n"
    "            UNIT_MULTIPLY(c[i], a, b)\n"
    "        }\n"
    "    }\n"
    "    float most = 0.0f;\n"
    "    UNIT_UNROLLED for (int i = 0; i < CHAINS; ++i) {\n"
    "        UNIT_UNROLLED for (int r = 0; r < UNIT_C_REGISTERS; ++r) most = fmax(most, c[i][r]);\n"
    "    }\n"
    "    y[get_global_id(0)] = most;\n"
    "}\n";

struct unit_peer {
    peer_kernel kernel;
    cleat_buffer *y;
    float wanted;
};

/* The unit that $CLEAT_PROFILE has emulated, or -1. */
static int emulated_unit(void) {
    const char *profile = getenv("CLEAT_PROFILE");
    for (int i = 0; i < UNITS && profile != NULL; i++) {
        if (strncmp(profile, "gpu:", 4) == 0 && strcmp(profile + 4, units[i].name) == 0) {
            return i;
        }
    }
    return -1;
}

bool unit_peer_is_emulated(void) {
    return emulated_unit() >= 0;
}

/* False where the compiler does not know the instruction. */
static bool build(bench_run *run, int i, unit_mode mode, bool emulated, peer_kernel *built) {
    static const int numbers[] = {1, 1, 3, 4}; /* UNIT_TF32, ..., of cl/unit_names.cl */
    cl_context context = cleat_context_cl_context(run->context);
    cl_device_id device = cleat_context_cl_device(run->context);
    const char *folder = getenv("CLEAT_KERNEL_DIR"), *text = source;
    char options[512];
    cl_int error = CL_SUCCESS;
    snprintf(options, sizeof options,
        "-cl-std=CL1.2 -I %.300s -DDEVICE_IS_CPU=0 -DDEVICE_HAS_FMA=1 -DDEVICE_FLOAT_WIDTH=1 "
        "-DMATRIX_UNIT=%d -DUNIT_MODE=%d -DUNIT_EMULATED=%d -DLOCAL=%d -DCHAINS=%d",
        folder != NULL ? folder : BENCH_KERNELS, units[i].number, numbers[mode], emulated,
        2 * units[i].lanes, emulated ? 1 : CHAINS);
    *built = (peer_kernel){.context = run->context, .peer = "peak"};
    built->program = clCreateProgramWithSource(context, 1, &text, NULL, &error);
    if (error == CL_SUCCESS) {
        error = clBuildProgram(built->program, 1, &device, options, NULL, NULL);
    }
    if (error == CL_SUCCESS) {
        built->kernel = clCreateKernel(built->program, "peak_unit", &error);
    }
    if (error != CL_SUCCESS) {
        peer_kernel_destroy(built);
        *built = (peer_kernel){0};
    }
    return error == CL_SUCCESS;
}

static bool set_arguments(bench_run *run, cl_int rounds, unit_peer *unit) {
    cl_kernel kernel = unit->kernel.kernel;
    const float a = 0x1p-5F, b = 0x1p-5F; /* arguments, so that nothing is known beforehand */
    if (!bench_call(run,
            cleat_buffer_create(run->context, unit->kernel.items * sizeof(float), &unit->y),
            "buffer")) {
        return false;
    }
    cl_mem y = cleat_buffer_cl_mem(unit->y);
    bool good = clSetKernelArg(kernel, 0, sizeof y, &y) == CL_SUCCESS &&
                clSetKernelArg(kernel, 1, sizeof rounds, &rounds) == CL_SUCCESS &&
                clSetKernelArg(kernel, 2, sizeof a, &a) == CL_SUCCESS &&
                clSetKernelArg(kernel, 3, sizeof b, &b) == CL_SUCCESS;
    return good || bench_fail(run, "peak: arguments refused");
}

/* Whether one run gave what it should. */
static bool is_right(const bench_run *run, unit_peer *unit) {
    cl_command_queue queue = cleat_context_cl_queue(run->context);
    float got = 0;
    return peer_kernel_run(&unit->kernel, 1) &&
           clEnqueueReadBuffer(queue, cleat_buffer_cl_mem(unit->y), CL_TRUE, 0, sizeof got, &got, 0,
               NULL, NULL) == CL_SUCCESS &&
           fabsf(got - unit->wanted) <= 1e-3F * unit->wanted;
}

/* Of unit i; NULL where it is not there, or the work would take more rounds than sums can hold. */
static unit_peer *try_unit(bench_run *run, int i, unit_mode mode, bool emulated, double flop) {
    const int terms = mode <= UNIT_PEER_TF32X3 ? units[i].terms_32 : units[i].terms_16;
    const int chains = emulated ? 1 : CHAINS;
    const double groups = (double)run->device.compute_units * SUB_GROUPS_PER_UNIT;
    const double round_flop = 2.0 * groups * chains * units[i].rows * units[i].columns * terms;
    const double work = mode == UNIT_PEER_TF32X3 ? 3 * flop : flop;
    const double rounds = emulated ? 2 : fmax(round(work / round_flop), 1);
    unit_peer *unit = terms > 0 && rounds <= ROUNDS_MOST ? calloc(1, sizeof *unit) : NULL;
    if (unit == NULL || !build(run, i, mode, emulated, &unit->kernel)) {
        free(unit);
        return NULL;
    }
    unit->kernel.local = (size_t)(2 * units[i].lanes);
    unit->kernel.items = (size_t)groups * (size_t)units[i].lanes;
    unit->wanted = (float)(chains - 1 + rounds * terms / 1024);
    if (!set_arguments(run, (cl_int)rounds, unit) || !is_right(run, unit)) {
        unit_peer_destroy(unit);
        return NULL;
    }
    return unit;
}

unit_peer *unit_peer_create(bench_run *run, unit_mode mode, double flop) {
    const int emulated = emulated_unit();
    if (emulated >= 0) {
        return try_unit(run, emulated, mode, true, flop);
    }
    unit_peer *made = NULL;
    for (int i = 0; run->device.type == CLEAT_DEVICE_GPU && made == NULL && i < UNITS; i++) {
        made = try_unit(run, i, mode, false, flop);
    }
    return made;
}

void unit_peer_destroy(unit_peer *unit) {
    if (unit == NULL) {
        return;
    }
    peer_kernel_destroy(&unit->kernel);
    cleat_buffer_release(unit->y);
    free(unit);
}

bool unit_peer_run(void *state, int64_t calls) {
    unit_peer *unit = state;
    return peer_kernel_run(&unit->kernel, calls);
}
