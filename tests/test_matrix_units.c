/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which lane of a matrix unit has which element: the macros of cl/unit_*.cl, compiled as C, against
 * the layouts as the makers' documents state them, written down here once more, element by element
 * and without a look at the macros. Each element is there once (twice where a unit wants copies),
 * and the maps of the other direction, by which units are emulated, lead back. What is made of
 * them: test_matmul_units.c
 */
#include "harness.h"

enum { MOST_LANES = 64, MOST_REGISTERS = 8, MOST_EXTENT = 16 };

/* Row and column of an element of A [M, K], B [K, N] or C [M, N]. */
typedef struct place {
    int row, column;
} place;

typedef struct source {
    int lane, r;
} source;

/* By operand: A, B, C. */
typedef struct unit_maps {
    int lanes, pack, extent[3], registers[3], held[3];
    place place[3][MOST_LANES][MOST_REGISTERS]; /* of a register's first element */
    source source[3][MOST_EXTENT][MOST_EXTENT];
} unit_maps;

#include "../cl/unit_names.cl"
#define UNIT_HAS_INSTRUCTION 0

#define MATRIX_UNIT UNIT_IS_NVIDIA
#define UNIT_MODE UNIT_TF32
#define MAPS_NAME nvidia_tf32
#include "../cl/unit_nvidia.cl"
#include "units/maps.h"

#define MATRIX_UNIT UNIT_IS_NVIDIA
#define UNIT_MODE UNIT_F16
#define MAPS_NAME nvidia_f16
#include "../cl/unit_nvidia.cl"
#include "units/maps.h"

#define MATRIX_UNIT UNIT_IS_AMD_MFMA
#define UNIT_MODE UNIT_F32
#define MAPS_NAME mfma_f32
#include "../cl/unit_amd_mfma.cl"
#include "units/maps.h"

#define MATRIX_UNIT UNIT_IS_AMD_MFMA
#define UNIT_MODE UNIT_BF16
#define MAPS_NAME mfma_bf16
#include "../cl/unit_amd_mfma.cl"
#include "units/maps.h"

#define MATRIX_UNIT UNIT_IS_AMD_WMMA
#define UNIT_MODE UNIT_F16
#define MAPS_NAME wmma_f16
#include "../cl/unit_amd_wmma.cl"
#include "units/maps.h"

#define MATRIX_UNIT UNIT_IS_INTEL
#define UNIT_MODE UNIT_F16
#define MAPS_NAME intel_f16
#include "../cl/unit_intel.cl"
#include "units/maps.h"

#define MATRIX_UNIT UNIT_IS_INTEL_16
#define UNIT_MODE UNIT_BF16
#define MAPS_NAME intel_16_bf16
#include "../cl/unit_intel.cl"
#include "units/maps.h"

#define MATRIX_UNIT UNIT_IS_INTEL_16
#define UNIT_MODE UNIT_TF32
#define MAPS_NAME intel_16_tf32
#include "../cl/unit_intel.cl"
#include "units/maps.h"

/* ---- The documents: element number `i` of a lane's fragment of A (0), B (1) or C (2) ---- */

/* PTX ISA 8.x, 9.7.14.5.8, "Matrix Fragments for mma.m16n8k8", .tf32: with groupID = laneid >> 2
 * and threadID_in_group = laneid % 4. C as for all others. */
static place ptx_m16n8k8(int operand, int laneid, int i) {
    const int group = laneid >> 2, thread = laneid % 4;
    switch (operand) {
    case 0:
        return (place){
            i == 0 || i == 2 ? group : group + 8, i == 0 || i == 1 ? thread : thread + 4};
    case 1:
        return (place){i == 0 ? thread : thread + 4, group};
    default:
        return (place){i < 2 ? group : group + 8, thread * 2 + (i & 0x1)};
    }
}

/* The same, "Matrix Fragments for mma.m16n8k16 with floating point type", .f16 and .bf16. */
static place ptx_m16n8k16(int operand, int laneid, int i) {
    const int group = laneid >> 2, thread = laneid % 4;
    switch (operand) {
    case 0:
        return (place){(i >= 0 && i < 2) || (i >= 4 && i < 6) ? group : group + 8,
            i < 4 ? thread * 2 + (i & 0x1) : thread * 2 + (i & 0x1) + 8};
    case 1:
        return (place){i < 2 ? thread * 2 + (i & 0x1) : thread * 2 + (i & 0x1) + 8, group};
    default:
        return (place){i < 2 ? group : group + 8, thread * 2 + (i & 0x1)};
    }
}

/* Of AMD's matrix instruction calculator, --register-layout: A[i][k] of v_mfma_f32_16x16x4f32 is
 * v0{i + 16 k}, B[k][j] v0{j + 16 k}, D[i][j] v(i % 4){j + 16 (i / 4)}. */
static place mfma_16x16x4(int operand, int lane, int v) {
    static const int fours[] = {0, 4, 8, 12};
    const int low = lane & 15, high = lane >> 4;
    return operand == 0   ? (place){low, high}
           : operand == 1 ? (place){high, low}
                          : (place){fours[high] + v, low};
}

/* v_mfma_f32_16x16x16f16 and ..._bf16_1k: A[i][k] is half k % 4 of v[1:0]{i + 16 (k / 4)}, B[k][j]
 * likewise. */
static place mfma_16x16x16(int operand, int lane, int half) {
    static const int fours[] = {0, 4, 8, 12};
    const int low = lane & 15, high = lane >> 4;
    return operand == 0   ? (place){low, fours[high] + half}
           : operand == 1 ? (place){fours[high] + half, low}
                          : (place){fours[high] + half, low};
}

/* v_wmma_f32_16x16x16_f16: A[i][k] is half k of v[7:0] in lanes i and i + 16, B[k][j] in j and j +
 * 16; D[i][j] is v(i / 2){j + 16 (i % 2)}. */
static place wmma_16x16x16(int operand, int lane, int i) {
    const int low = lane < 16 ? lane : lane - 16;
    return operand == 0   ? (place){low, i}
           : operand == 1 ? (place){i, low}
                          : (place){i + i + (lane < 16 ? 0 : 1), low};
}

/* cl_intel_subgroup_matrix_multiply_accumulate, sub-groups of 8: int8 a, int8 b, float8 acc, M = 8,
 * K = 16. */
static place dpas_8(int operand, int item, int i) {
    const int component = operand == 2 ? i : i >> 1, half = operand == 2 ? 0 : i & 1;
    return operand == 0   ? (place){component, 2 * item + half}
           : operand == 1 ? (place){2 * component + half, item}
                          : (place){component, item};
}

/* The same for sub-groups of 16: short8 a, int8 b, float8 acc. */
static place dpas_16(int operand, int item, int i) {
    return operand == 0 ? (place){i, item} : dpas_8(operand, item, i);
}

/* cl_intel_subgroup_matrix_multiply_accumulate_tf32: float4 a, float8 b, float8 acc, K = 8. */
static place dpas_tf32(int operand, int item, int i) {
    return operand == 0 ? (place){item < 8 ? 2 * i : 2 * i + 1, item < 8 ? item : item - 8}
                        : (place){i, item};
}

/* ---- Comparisons ---- */

static const struct {
    const char *name;
    void (*maps)(unit_maps *);
    place (*document)(int operand, int lane, int element);
    int lanes, extent[3], elements[3], copies; /* as documented; copies of A's and B's elements */
} units[] = {
    {"mma m16n8k8 tf32", nvidia_tf32, ptx_m16n8k8, 32, {16, 8, 8}, {4, 2, 4}, 1},
    {"mma m16n8k16", nvidia_f16, ptx_m16n8k16, 32, {16, 8, 16}, {8, 4, 4}, 1},
    {"mfma 16x16x4 f32", mfma_f32, mfma_16x16x4, 64, {16, 16, 4}, {1, 1, 4}, 1},
    {"mfma 16x16x16", mfma_bf16, mfma_16x16x16, 64, {16, 16, 16}, {4, 4, 4}, 1},
    {"wmma 16x16x16", wmma_f16, wmma_16x16x16, 32, {16, 16, 16}, {16, 16, 8}, 2},
    {"dpas of 8", intel_f16, dpas_8, 8, {8, 8, 16}, {16, 16, 8}, 1},
    {"dpas of 16", intel_16_bf16, dpas_16, 16, {8, 16, 16}, {8, 16, 8}, 1},
    {"dpas tf32", intel_16_tf32, dpas_tf32, 16, {8, 16, 8}, {4, 8, 8}, 1},
};

/* Rows and columns of an operand. */
static void shape_of(const unit_maps *m, int operand, int shape[2]) {
    shape[0] = operand == 1 ? m->extent[2] : m->extent[0];
    shape[1] = operand == 0 ? m->extent[2] : m->extent[1];
}

/* A register's elements lie along k: down the columns of B, else along rows. */
static place element_of(const unit_maps *m, int operand, int lane, int element) {
    const int held = m->held[operand];
    place p = m->place[operand][lane][element / held];
    p.row += operand == 1 ? element % held : 0;
    p.column += operand == 0 ? element % held : 0;
    return p;
}

static void check_operand(const unit_maps *m, size_t unit, int operand) {
    int shape[2], seen[MOST_EXTENT][MOST_EXTENT] = {{0}};
    const int elements = units[unit].elements[operand], held = m->held[operand];
    shape_of(m, operand, shape);
    ck_assert_int_eq(m->registers[operand] * held, elements);
    for (int lane = 0; lane < m->lanes; lane++) {
        for (int i = 0; i < elements; i++) {
            const place want = units[unit].document(operand, lane, i);
            const place got = element_of(m, operand, lane, i);
            if (got.row != want.row || got.column != want.column || want.row >= shape[0] ||
                want.column >= shape[1]) {
                ck_abort_msg("%s, operand %c, lane %d, element %d is (%d, %d), not (%d, %d)",
                    units[unit].name, "ABC"[operand], lane, i, got.row, got.column, want.row,
                    want.column);
            }
            seen[want.row][want.column]++;
        }
    }
    for (int i = 0; i < shape[0] * shape[1]; i++) {
        const int row = i / shape[1], column = i % shape[1];
        const int copies = operand == 2 ? 1 : units[unit].copies;
        const source s = m->source[operand][row][column];
        const int at = (operand == 0 ? column : operand == 1 ? row : 0) % held;
        const place back = units[unit].document(operand, s.lane, s.r * held + at);
        if (seen[row][column] != copies || back.row != row || back.column != column) {
            ck_abort_msg("%s, operand %c: (%d, %d) is there %d times, and said to be (%d, %d)",
                units[unit].name, "ABC"[operand], row, column, seen[row][column], back.row,
                back.column);
        }
    }
}

START_TEST(maps_are_the_documents) {
    static unit_maps m;
    memset(&m, 0, sizeof m);
    units[_i].maps(&m);
    ck_assert_int_eq(m.lanes, units[_i].lanes);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(m.extent[i], units[_i].extent[i]);
    }
    for (int operand = 0; operand < 3; operand++) {
        check_operand(&m, (size_t)_i, operand);
    }
}
END_TEST

/* PTX ISA, "ldmatrix", .m8n8: thread 8 q + i has the address of row i of matrix q, and thread t
 * receives of each matrix, in register q, the 32 bits at row t / 4 from element 2 (t % 4) of 16
 * bits on. */
START_TEST(loads_of_matrices) {
    static unit_maps m;
    memset(&m, 0, sizeof m);
    nvidia_tf32(&m);
    for (int i = 0; i < 32 * 4; i++) {
        const int t = i % 32, q = i / 32, giver = 8 * q + t / 4;
        const place a = m.place[0][t][q], b = m.place[1][t][q % 2];
        ck_assert(UNIT_A_GIVES_ROW(giver) == a.row && UNIT_A_GIVES_WORD(giver) + t % 4 == a.column);
        ck_assert(q >= 2 || (UNIT_B_GIVES_COLUMN(giver) == b.column &&
                                UNIT_B_GIVES_WORD(giver) + t % 4 == b.row));
    }
}
END_TEST

/* The same with .trans: thread t receives what lies at row 2 (t % 4), and below it, of column t /
 * 4: a row is eight elements of 16 bits of one term. */
START_TEST(loads_across) {
    static unit_maps m;
    memset(&m, 0, sizeof m);
    nvidia_f16(&m);
    for (int i = 0; i < 32 * 4; i++) {
        const int t = i % 32, q = i / 32, column = t / 4;
        for (int below = 0; below < 2; below++) {
            const int giver = 8 * q + 2 * (t % 4) + below;
            const place a = m.place[0][t][q], b = m.place[1][t][q % 2];
            ck_assert_int_eq(UNIT_A_GIVES_ELEMENT(giver) + column, a.row);
            ck_assert_int_eq(UNIT_A_GIVES_TERM(giver), a.column + below);
            ck_assert(q >= 2 || (UNIT_B_GIVES_TERM(giver) == b.row + below && column == b.column));
        }
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("matrix_units");
    test_add_loop(suite, "maps", maps_are_the_documents, (int)(sizeof units / sizeof *units));
    test_add_case(suite, "loads", loads_of_matrices);
    test_add_case(suite, "across", loads_across);
    return suite;
}
