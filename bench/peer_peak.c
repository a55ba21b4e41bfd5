/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_peak.h"
#include "peer_kernel.h"

#include <math.h>
#include <stdlib.h>

/* Twelve chains cover a latency of four cycles at two a cycle, and eight, and fit into 16 registers
 * with the two factors. Their fixed point is 2, reached exactly. */
enum { CHAINS = 12, GPU_ITEMS = 64 * 1024 };

static const char source[] =
    "#define STEP(v) v = fma(v, half_, one_);\n"
    "#define ALL(F) F(a) F(b) F(c) F(d) F(e) F(f) F(g) F(h) F(i) F(j) F(k) F(l)\n"
    "#define BEGIN(v) VECTOR v = (VECTOR)(seed++);\n"
    "#define ADD(v) sum += v;\n"
    "__kernel void peak(__global VECTOR *y, int rounds, float half_number, float one_number) {\n"
    "    float seed = 1.5f;\n"
    "    VECTOR half_ = (VECTOR)(half_number), one_ = (VECTOR)(one_number), sum = (VECTOR)(0.0f);\n"
    "    ALL(BEGIN)\n"
    "    for (int round = 0; round < rounds; round++) {\n"
    "        ALL(STEP) ALL(STEP) ALL(STEP) ALL(STEP)\n"
    "    }\n"
    "    ALL(ADD)\n"
    "    y[get_global_id(0)] = sum;\n"
    "}\n";
enum { STEPS = 4 };

struct peak_peer {
    peer_kernel kernel;
    cleat_buffer *y;
};

static bool set_arguments(bench_run *run, cl_int rounds, peak_peer *peak) {
    cl_kernel kernel = peak->kernel.kernel;
    cl_mem y = cleat_buffer_cl_mem(peak->y);
    const float half = 0.5F, one = 1; /* arguments, so that nothing is known beforehand */
    bool good = clSetKernelArg(kernel, 0, sizeof y, &y) == CL_SUCCESS &&
                clSetKernelArg(kernel, 1, sizeof rounds, &rounds) == CL_SUCCESS &&
                clSetKernelArg(kernel, 2, sizeof half, &half) == CL_SUCCESS &&
                clSetKernelArg(kernel, 3, sizeof one, &one) == CL_SUCCESS;
    return good || bench_fail(run, "peak: arguments refused");
}

peak_peer *peak_peer_create(bench_run *run, double flop) {
    peak_peer *peak = calloc(1, sizeof *peak);
    if (peak == NULL) {
        bench_fail(run, "out of memory");
        return NULL;
    }
    const bool is_cpu = run->device.type == CLEAT_DEVICE_CPU;
    const uint32_t native = run->device.native_float_width;
    const int width = !is_cpu ? 1 : native == 16 || native == 8 ? (int)native : 4;
    peak->kernel.peer = "peak";
    peak->kernel.items = is_cpu ? (size_t)(KERNEL_GROUPS_PER_THREAD * run->threads) : GPU_ITEMS;
    peak->kernel.local = is_cpu ? 1 : KERNEL_GPU_LOCAL;
    const double round_flop = 2.0 * CHAINS * STEPS * width * (double)peak->kernel.items;
    const double rounds = fmax(round(flop / round_flop), 64); /* the fixed point needs some */
    if (rounds > 1e9) {
        bench_fail(run, "peak: %g operations are too many", flop);
    }
    if (rounds > 1e9 || !peer_kernel_build(run, source, "peak", width, &peak->kernel) ||
        !bench_call(run,
            cleat_buffer_create(
                run->context, peak->kernel.items * (size_t)width * sizeof(float), &peak->y),
            "buffer") ||
        !set_arguments(run, (cl_int)rounds, peak)) {
        peak_peer_destroy(peak);
        return NULL;
    }
    return peak;
}

void peak_peer_destroy(peak_peer *peak) {
    if (peak == NULL) {
        return;
    }
    peer_kernel_destroy(&peak->kernel);
    cleat_buffer_release(peak->y);
    free(peak);
}

bool peak_peer_run(void *state, int64_t calls) {
    peak_peer *peak = state;
    return peer_kernel_run(&peak->kernel, calls);
}

bool peak_peer_check(bench_run *run, peak_peer *peak) {
    cl_command_queue queue = cleat_context_cl_queue(run->context);
    float got = 0;
    cl_int error = clEnqueueReadBuffer(
        queue, cleat_buffer_cl_mem(peak->y), CL_TRUE, 0, sizeof got, &got, 0, NULL, NULL);
    return error == CL_SUCCESS && bench_near(run, "peak", (double)got, 2.0 * CHAINS, 0, 1);
}
