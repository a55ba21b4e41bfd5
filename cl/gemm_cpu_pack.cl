/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing of panels for gemm_cpu.cl, to be included after it: elements with any two steps become
 *
 *     panel[k][lane] = source[lane * lane_step + k * k_step]      k < count, lane < lanes
 *
 * where lanes is GEMM_MR for gemm_pack_a() and GEMM_NR for gemm_pack_b(). With fewer valid lanes
 * the rest repeats the last valid one: such lanes feed rows or columns past an edge, whose sums
 * nobody stores. Memory that is contiguous along lanes or along k is read by whole vectors; along k
 * that takes a square turned in registers.
 *
 * Panels lie in the address spaces GEMM_PANEL_A and GEMM_PANEL_B; sources are __global.
 */
#define TURN_ELEMENT float
#define TURN_LANES GEMM_W
#include "turn.cl"

static inline void gemm_pack_a(const __global float *source, INDEX lane_step, INDEX k_step,
    int lanes, int count, GEMM_PANEL_A float *panel) {
    KEEP_ROLLED
    for (int k = 0; k < count; ++k) {
        KEEP_ROLLED
        for (int lane = 0; lane < GEMM_MR; ++lane) {
            panel[k * GEMM_MR + lane] = source[min(lane, lanes - 1) * lane_step + k * k_step];
        }
    }
}

static inline void gemm_pack_b(const __global float *source, INDEX lane_step, INDEX k_step,
    int lanes, int count, GEMM_PANEL_B float *panel) {
    int k = 0;
    if (lane_step == 1 && lanes == GEMM_NR) {
        for (; k < count; ++k) {
            for (int v = 0; v < GEMM_NV; ++v) {
                GEMM_STORE(GEMM_LOAD(v, source + k * k_step), v, panel + k * GEMM_NR);
            }
        }
    } else if (k_step == 1 && lanes == GEMM_NR) {
        for (; k + GEMM_W <= count; k += GEMM_W) {
            for (int v = 0; v < GEMM_NV; ++v) {
                const __global float *corner = source + v * GEMM_W * lane_step + k;
                GEMM_VECTOR x[GEMM_W];
#pragma unroll
                for (int i = 0; i < GEMM_W; ++i) {
                    x[i] = GEMM_LOAD(0, corner + i * lane_step);
                }
                turn(x);
#pragma unroll
                for (int i = 0; i < GEMM_W; ++i) {
                    GEMM_STORE(x[i], v, panel + (k + i) * GEMM_NR);
                }
            }
        }
    }
    KEEP_ROLLED
    for (; k < count; ++k) {
        KEEP_ROLLED
        for (int lane = 0; lane < GEMM_NR; ++lane) {
            panel[k * GEMM_NR + lane] = source[min(lane, lanes - 1) * lane_step + k * k_step];
        }
    }
}

/* Rows of A as they are: panel[lane * row + k], lanes past the last one repeating it. */
static inline void gemm_copy_a(const __global float *source, INDEX lane_step, INDEX k_step,
    int lanes, int count, int row, GEMM_PANEL_A float *panel) {
    for (int lane = 0; lane < GEMM_MR; ++lane) {
        const __global float *p = source + min(lane, lanes - 1) * lane_step;
        int k = 0;
        if (k_step == 1) {
            for (; k + GEMM_W <= count; k += GEMM_W) {
                GEMM_STORE(GEMM_LOAD(0, p + k), 0, panel + lane * row + k);
            }
        }
        for (; k < count; ++k) {
            panel[lane * row + k] = p[k * k_step];
        }
    }
}

/*
 * Several panels at once, of `lanes` lanes that are contiguous: memory is read in its own order, all
 * panels' part of some k before the next. The first of A's lies at panels, each one behind the
 * other; B's are panel_step apart.
 */
#if GEMM_MR == 6
#define COPY_LANES(from, to)                                                                       \
    vstore4(vload4(0, from), 0, to);                                                               \
    vstore2(vload2(0, (from) + 4), 0, (to) + 4);
#elif GEMM_MR == 4 || GEMM_MR == 8 || GEMM_MR == 16
#define COPY_LANES(from, to) CAT(vstore, GEMM_MR)(CAT(vload, GEMM_MR)(0, from), 0, to);
#endif

static inline void gemm_pack_a_block(const __global float *source, INDEX k_step, int lanes,
    int count, GEMM_PANEL_A float *panels) {
    int whole = 0;
#ifdef COPY_LANES
    whole = lanes / GEMM_MR * GEMM_MR;
    int k = 0;
    for (; k + 4 <= count; k += 4) { /* whole cache lines of a panel at once */
        for (int lane = 0; lane < whole; lane += GEMM_MR) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                COPY_LANES(source + (k + i) * k_step + lane, panels + lane * count + (k + i) * GEMM_MR)
            }
        }
    }
    for (; k < count; ++k) {
        for (int lane = 0; lane < whole; lane += GEMM_MR) {
            COPY_LANES(source + k * k_step + lane, panels + lane * count + k * GEMM_MR)
        }
    }
#endif
    for (int lane = whole; lane < lanes; lane += GEMM_MR) {
        gemm_pack_a(source + lane, 1, k_step, min(lanes - lane, GEMM_MR), count,
            panels + lane * count);
    }
}

static inline void gemm_pack_b_block(const __global float *source, INDEX lane_step, INDEX k_step,
    int lanes, int count, INDEX panel_step, GEMM_PANEL_B float *panels) {
    const int whole = lane_step == 1 ? lanes / GEMM_NR : 0;
    for (int k = 0; k < count && whole > 0; ++k) {
        const __global float *row = source + k * k_step;
        for (int panel = 0; panel < whole; ++panel) {
            for (int v = 0; v < GEMM_NV; ++v) {
                GEMM_STORE(GEMM_LOAD(v, row + panel * GEMM_NR), v,
                    panels + panel * panel_step + k * GEMM_NR);
            }
        }
    }
    for (int panel = whole; panel * GEMM_NR < lanes; ++panel) {
        gemm_pack_b(source + panel * GEMM_NR * lane_step, lane_step, k_step,
            min(lanes - panel * GEMM_NR, GEMM_NR), count, panels + panel * panel_step);
    }
}
