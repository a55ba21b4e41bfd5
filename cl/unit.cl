/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix units: instructions by which the work-items ("lanes") of a sub-group multiply small matrices
 * together, C [M, N] += A [M, K] B [K, N], sums in f32. Which lane holds what, its fragment, is a
 * maker's matter; a unit file (unit_nvidia.cl, ...) tells it by macros of integers alone, which
 * tests/test_matrix_units.c compiles as C and compares with tables of its own:
 *   UNIT_LANES, UNIT_M, UNIT_N, UNIT_K
 *   UNIT_A_REGISTERS, UNIT_B_REGISTERS, UNIT_C_REGISTERS   of each lane, 32 bits each
 *   UNIT_A_HELD, UNIT_B_HELD                               elements in one, neighbours along k
 *   UNIT_A_ROW(lane, r), UNIT_A_K(lane, r)                 register r of A: its row and first term;
 *   UNIT_B_COLUMN, UNIT_B_K, UNIT_C_ROW, UNIT_C_COLUMN     likewise of B and C
 *   UNIT_A_LANE(row, k), UNIT_A_REGISTER(row, k), ...      the same the other way round
 * and, where UNIT_HAS_INSTRUCTION, unit_multiply(c, a, b) on arrays of registers; what it may define
 * beside that is told where this file does without.
 *
 * Macros, defined by the host (core/matrix_unit.c):
 *   MATRIX_UNIT            one of UNIT_IS_...
 *   UNIT_MODE       how operands are taken, UNIT_F32, ...: words of one f32, one tf32 or two f16 or
 *                   bf16 (UNIT_PACK elements). In mode TF32X3 words are f32, which UNIT_MULTIPLY_3
 *                   splits into two tf32 each: a b = A B + A b' + a' B, all but 2^-21 of it
 *   UNIT_EMULATED   1: the lanes hand each other their fragments through local memory, by the maps
 *                   of the other direction, and multiply themselves: for tests, on any device. Every
 *                   work-item of the group must then come to each UNIT_MULTIPLY.
 * A kernel that multiplies declares UNIT_EXCHANGE(items) at its start. Include after common.cl.
 */
#include "unit_names.cl"

#define UNIT_HAS_INSTRUCTION (!UNIT_EMULATED)

/* Arrays of registers are such once loops over them are unrolled; emulated, they need not be. */
#if UNIT_EMULATED
#define UNIT_UNROLLED
#if defined(__clang__) && !defined(__SPIR__) && !defined(__SPIR64__)
#define UNIT_APART __attribute__((noinline))
#endif
#else
#define UNIT_UNROLLED _Pragma("unroll")
#endif

/* A kernel's body is compiled several times by drivers for processors: what has no barrier stays apart. Not
 * what writes an array of the caller's, which PoCL then takes for one that work-items share. */
#ifndef UNIT_APART
#define UNIT_APART
#endif

#define UNIT_SPREAD_8(c, sums)                                                                     \
    c[0] = sums.s0;                                                                                \
    c[1] = sums.s1;                                                                                \
    c[2] = sums.s2;                                                                                \
    c[3] = sums.s3;                                                                                \
    c[4] = sums.s4;                                                                                \
    c[5] = sums.s5;                                                                                \
    c[6] = sums.s6;                                                                                \
    c[7] = sums.s7;

/* A tile's lines (rows of A, columns of B) are UNIT_LINE words along k. Quads of a line are permuted by
 * the line's number, so that the same word of eight lines lies in as many banks; on Intel's, whose
 * work-items have no registers for so many addresses, lines are UNIT_PITCH apart instead. */
#define UNIT_LINE 16
#if MATRIX_UNIT == UNIT_IS_INTEL || MATRIX_UNIT == UNIT_IS_INTEL_16
#define UNIT_PITCH 20
#define UNIT_AT(line, word) ((line)*UNIT_PITCH + (word))
#else
#define UNIT_PITCH UNIT_LINE
#define UNIT_AT(line, word) ((line)*UNIT_PITCH + ((word) ^ (line) / 2 % 4 * 4))
#endif

/* Tiles that are copied as they lie (below) have, of an operand whose elements lie together across k,
 * UNIT_LINE * UNIT_PACK lines instead, one for each term, of `pitch` words, a multiple of 32. Quads are
 * permuted so that a fragment's words, four neighbouring terms of eight elements, or quads of eight
 * terms, are in as many banks. */
#define UNIT_ACROSS_RUN (8 / UNIT_PACK)
#define UNIT_ACROSS_AT(term, word, pitch)                                                          \
    ((term) * (pitch) + ((word) & ~31) +                                                           \
        (((word) & (32 - UNIT_ACROSS_RUN)) ^ ((term) % (4 * UNIT_PACK) * UNIT_ACROSS_RUN)) +       \
        ((word) & (UNIT_ACROSS_RUN - 1)))

#if MATRIX_UNIT == UNIT_IS_NVIDIA
#include "unit_nvidia.cl"
#elif MATRIX_UNIT == UNIT_IS_AMD_MFMA
#include "unit_amd_mfma.cl"
#elif MATRIX_UNIT == UNIT_IS_AMD_WMMA
#include "unit_amd_wmma.cl"
#else
#include "unit_intel.cl"
#endif

/* Of an array of registers that a unit takes as a vector. */
#define UNIT_ALIGNED __attribute__((aligned(32)))

/* The size of sub-groups, where a kernel has to ask for it. */
#ifndef UNIT_SUB_GROUP
#define UNIT_SUB_GROUP
#endif

/* ---- Words: each rounding is to the nearest, NaN stays NaN, what is too large becomes infinite ---- */

#define UNIT_EXPONENT 0x7f800000u
#define UNIT_TF32_BITS 0xffffe000u

/* Of two numbers as near the one further from zero, as NVIDIA's instruction has it. The 13 lowest
 * bits are zero; of a unit file's unit_tf32() they may be anything. */
static inline uint unit_nearest_tf32(const float x) {
    const uint bits = as_uint(x), size = bits & 0x7fffffffu;
    return size > UNIT_EXPONENT    ? 0x7fc00000u
           : size == UNIT_EXPONENT ? bits
                                   : (bits + 0x1000u) & UNIT_TF32_BITS;
}

/* Of two numbers as near the even one, here and in the next. */
static inline uint unit_nearest_f16(const float x) {
    const uint bits = as_uint(x), size = bits & 0x7fffffffu, sign = bits >> 16 & 0x8000u;
    if (size >= 0x477ff000u) { /* 65520 */
        return sign | (size > UNIT_EXPONENT ? 0x7e00u : 0x7c00u);
    }
    if (size < 0x38800000u) { /* below 2^-14, in units of 2^-24: those of the last place of 0.5 */
        return sign | (as_uint(as_float(size) + 0.5f) - 0x3f000000u);
    }
    return sign | (size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13;
}

static inline uint unit_nearest_bf16(const float x) {
    const uint bits = as_uint(x);
    return (bits & 0x7fffffffu) > UNIT_EXPONENT ? bits >> 16 | 0x40u
                                                : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

/* UNIT_CONVERTS: the unit file has these two itself. */
#ifndef UNIT_CONVERTS
static inline uint unit_tf32(const float x) {
    return unit_nearest_tf32(x);
}

/* A word of two elements, of which the first lies in the lower half. */
static inline UNIT_APART uint unit_pair(const float first, const float second) {
#if UNIT_MODE == UNIT_BF16
    return unit_nearest_bf16(first) | unit_nearest_bf16(second) << 16;
#elif UNIT_HAS_INSTRUCTION && defined(cl_khr_fp16)
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
    return as_uint((half2)((half)first, (half)second));
#else
    return unit_nearest_f16(first) | unit_nearest_f16(second) << 16;
#endif
}
#endif

/* A word of one element. */
static inline UNIT_APART uint unit_single(const float x) {
#if UNIT_MODE == UNIT_TF32
    return unit_tf32(x);
#else
    return as_uint(x);
#endif
}

/* ---- Fragments from local memory ---- */

/* The fragment of a tile that begins at this line and word. UNIT_LOADS: the unit file has its own. */
#define UNIT_READ(held, tile, line, word, k)                                                       \
    ((held) == UNIT_PACK                                                                           \
            ? (tile)[UNIT_AT(line, (word) + (k) / UNIT_PACK)]                                      \
            : (uint)((const __local ushort *)(tile))                                               \
                [2 * UNIT_AT(line, (word) + (k) / UNIT_PACK) + (k) % UNIT_PACK])
/* One register, or two or four whose words are neighbours (UNIT_A_BY, UNIT_B_BY). */
#define UNIT_READ_1(x, r, held, tile, line, word, k) x[r] = UNIT_READ(held, tile, line, word, k);
#define UNIT_READ_2(x, r, held, tile, line, word, k)                                               \
    const uint2 read =                                                                             \
        *(const __local uint2 *)((tile) + UNIT_AT(line, (word) + (k) / UNIT_PACK));                \
    x[r] = read.s0;                                                                                \
    x[(r) + 1] = read.s1;
#define UNIT_READ_4(x, r, held, tile, line, word, k)                                               \
    *(uint4 *)(x + (r)) =                                                                          \
        *(const __local uint4 *)((tile) + UNIT_AT(line, (word) + (k) / UNIT_PACK));
#ifndef UNIT_A_BY
#define UNIT_A_BY 1
#endif
#ifndef UNIT_B_BY
#define UNIT_B_BY 1
#endif
#ifndef UNIT_LOADS
static inline void unit_load_a(
    uint *a, const __local uint *tile, const int line, const int word, const int lane) {
    UNIT_UNROLLED for (int r = 0; r < UNIT_A_REGISTERS; r += UNIT_A_BY) {
        CAT(UNIT_READ_, UNIT_A_BY)
        (a, r, UNIT_A_HELD, tile, line + UNIT_A_ROW(lane, r), word, UNIT_A_K(lane, r))
    }
}

static inline void unit_load_b(
    uint *b, const __local uint *tile, const int line, const int word, const int lane) {
    UNIT_UNROLLED for (int r = 0; r < UNIT_B_REGISTERS; r += UNIT_B_BY) {
        CAT(UNIT_READ_, UNIT_B_BY)
        (b, r, UNIT_B_HELD, tile, line + UNIT_B_COLUMN(lane, r), word, UNIT_B_K(lane, r))
    }
}
#endif

/* The same from lines across k: its first element, and the word along k as above. UNIT_LOADS_ACROSS: the
 * unit file has its own. */
#if UNIT_COPIES && !defined(UNIT_LOADS_ACROSS)
#if UNIT_PACK == 1
/* A lane has four places, by where its eight elements begin, and all else is the same for all lanes:
 * UNIT_KEEP, of a unit file, keeps the compiler from working each address out anew. */
#ifndef UNIT_KEEP
#define UNIT_KEEP(place)
#endif
static inline uint unit_read_across(
    const __local uint *tile, const int term, const int line, const int pitch) {
    int place = UNIT_ACROSS_AT(term & 3, line & 31, pitch);
    UNIT_KEEP(place)
    return tile[place + (term & ~3) * pitch + (line & ~31)];
}
#else
#define UNIT_HALF_ACROSS(tile, term, line, pitch)                                                  \
    (uint)((const __local ushort *)(tile))[2 * UNIT_ACROSS_AT(term, (line) / 2, pitch) + (line) % 2]
static inline uint unit_read_across(
    const __local uint *tile, const int term, const int line, const int pitch) {
    return UNIT_HALF_ACROSS(tile, term, line, pitch) |
           UNIT_HALF_ACROSS(tile, term + 1, line, pitch) << 16;
}
#endif
static inline void unit_load_a_across(uint *a, const __local uint *tile, const int pitch,
    const int line, const int word, const int lane) {
    UNIT_UNROLLED for (int r = 0; r < UNIT_A_REGISTERS; ++r) {
        a[r] = unit_read_across(
            tile, word * UNIT_PACK + UNIT_A_K(lane, r), line + UNIT_A_ROW(lane, r), pitch);
    }
}

static inline void unit_load_b_across(uint *b, const __local uint *tile, const int pitch,
    const int line, const int word, const int lane) {
    UNIT_UNROLLED for (int r = 0; r < UNIT_B_REGISTERS; ++r) {
        b[r] = unit_read_across(
            tile, word * UNIT_PACK + UNIT_B_K(lane, r), line + UNIT_B_COLUMN(lane, r), pitch);
    }
}
#endif

/* ---- Copies from global into local memory that go on while the lanes compute ---- */

/*
 * UNIT_COPIES of a unit file: there are such. Of 16 bytes each, both ends at a multiple of that.
 *   UNIT_COPIES_BEGIN(most)        where a kernel begins: at most so many of an item are on their way
 *   UNIT_COPY(to, from, bytes)     begins one: `bytes` bytes, then zeros; of 0 nothing is read
 *   UNIT_COPIES_GROUP              those begun since the last group are one, also if there are none
 *   UNIT_COPIES_WAIT(groups)       until no more than the last so many of the item's groups are on
 *                                  their way; other items see the rest after a barrier
 * Emulated, a copy lands as late as it may, when it is waited for: what is read too early is not
 * there, whichever item copies it.
 */
#if UNIT_COPIES && UNIT_EMULATED
enum { UNIT_GROUPS = 8 };
#define UNIT_COPIES_BEGIN(most)                                                                    \
    enum { UNIT_COPIES_MOST = (most) };                                                            \
    uint4 unit_copied[UNIT_COPIES_MOST];                                                           \
    __local uint4 *unit_copied_to[UNIT_COPIES_MOST];                                               \
    int unit_copies_begun = 0, unit_copies_landed = 0, unit_groups = 0;                            \
    int unit_groups_end[UNIT_GROUPS] = {0};
#define UNIT_COPY(to, from, bytes)                                                                 \
    unit_copied[unit_copies_begun % UNIT_COPIES_MOST] =                                            \
        unit_part_of_quad((const __global ushort *)(from), bytes);                                 \
    unit_copied_to[unit_copies_begun % UNIT_COPIES_MOST] = (__local uint4 *)(to);                  \
    ++unit_copies_begun;
#define UNIT_COPIES_GROUP unit_groups_end[unit_groups++ % UNIT_GROUPS] = unit_copies_begun;
#define UNIT_COPIES_WAIT(groups)                                                                   \
    for (; unit_copies_landed <                                                                    \
           unit_groups_end[(unit_groups + UNIT_GROUPS - 1 - (groups)) % UNIT_GROUPS];              \
         ++unit_copies_landed) {                                                                   \
        *unit_copied_to[unit_copies_landed % UNIT_COPIES_MOST] =                                   \
            unit_copied[unit_copies_landed % UNIT_COPIES_MOST];                                    \
    }

static inline UNIT_APART uint4 unit_part_of_quad(const __global ushort *from, const int bytes) {
    uint words[4];
    for (int i = 0; i < 4; ++i) {
        words[i] = (4 * i < bytes ? (uint)from[2 * i] : 0u) |
                   (4 * i + 2 < bytes ? (uint)from[2 * i + 1] : 0u) << 16;
    }
    return (uint4)(words[0], words[1], words[2], words[3]);
}
#endif

/* ---- Products ---- */

#if UNIT_HAS_INSTRUCTION
#define UNIT_EXCHANGE(items)
#define UNIT_MULTIPLY(c, a, b) unit_multiply(c, a, b);
#else
#define UNIT_REGISTERS (UNIT_A_REGISTERS + UNIT_B_REGISTERS + UNIT_C_REGISTERS)
#define UNIT_EXCHANGE(items)                                                                       \
    __local uint unit_exchanged[(items)*UNIT_REGISTERS];                                           \
    __local uint *const unit_exchange =                                                            \
        unit_exchanged + (int)get_local_id(0) / UNIT_LANES * UNIT_LANES * UNIT_REGISTERS;
#define UNIT_MULTIPLY(c, a, b)                                                                     \
    unit_emulate(c, a, b, unit_exchange, (int)get_local_id(0) % UNIT_LANES);

/* What the instruction takes for element number `at` of a word: of tf32 it does not see the last 13
 * bits. */
static inline float unit_element(const uint word, const int at) {
#if UNIT_MODE == UNIT_F32
    return as_float(word);
#elif UNIT_PACK == 1
    return as_float(word & UNIT_TF32_BITS);
#else
    const uint bits = at == 0 ? word & 0xffffu : word >> 16;
#if UNIT_MODE == UNIT_BF16
    return as_float(bits << 16);
#else
    const uint sign = (bits & 0x8000u) << 16, exponent = bits & 0x7c00u, rest = bits & 0x3ffu;
    return exponent == 0         ? ((float)rest * 0x1p-24f) * (sign != 0 ? -1.0f : 1.0f)
           : exponent == 0x7c00u ? as_float(sign | UNIT_EXPONENT | rest << 13)
                                 : as_float(sign | ((exponent | rest) << 13) + 0x38000000u);
#endif
#endif
}

/* The elements of C that this lane does for all, onto what lies there. */
static inline UNIT_APART void unit_emulated_sums(const __local uint *all_a,
    const __local uint *all_b, __local uint *all_c, const int lane) {
    for (int i = lane; i < UNIT_M * UNIT_N; i += UNIT_LANES) {
        const int row = i / UNIT_N, column = i % UNIT_N;
        const int at =
            UNIT_C_LANE(row, column) * UNIT_C_REGISTERS + UNIT_C_REGISTER(row, column);
        float sum = as_float(all_c[at]);
        for (int k = 0; k < UNIT_K; ++k) {
            const uint x = all_a[UNIT_A_LANE(row, k) * UNIT_A_REGISTERS + UNIT_A_REGISTER(row, k)];
            const uint y =
                all_b[UNIT_B_LANE(k, column) * UNIT_B_REGISTERS + UNIT_B_REGISTER(k, column)];
            sum = FMA(unit_element(x, k % UNIT_A_HELD), unit_element(y, k % UNIT_B_HELD), sum);
        }
        all_c[at] = as_uint(sum);
    }
}

static inline UNIT_APART void unit_give(
    const uint *registers, const int count, __local uint *all, const int lane) {
    for (int r = 0; r < count; ++r) {
        all[lane * count + r] = registers[r];
    }
}

static inline void unit_emulate(
    float *c, const uint *a, const uint *b, __local uint *exchange, const int lane) {
    __local uint *const all_a = exchange;
    __local uint *const all_b = all_a + UNIT_LANES * UNIT_A_REGISTERS;
    __local uint *const all_c = all_b + UNIT_LANES * UNIT_B_REGISTERS;
    unit_give(a, UNIT_A_REGISTERS, all_a, lane);
    unit_give(b, UNIT_B_REGISTERS, all_b, lane);
    unit_give((const uint *)c, UNIT_C_REGISTERS, all_c, lane);
    barrier(CLK_LOCAL_MEM_FENCE);
    unit_emulated_sums(all_a, all_b, all_c, lane);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < UNIT_C_REGISTERS; ++r) {
        c[r] = as_float(all_c[lane * UNIT_C_REGISTERS + r]);
    }
}
#endif

/* Splits f32 words into tf32 in place and what these leave out, in tf32 too: with both, all but 2^-23
 * of a number. What would be rounded to infinity is cut off, and infinity leaves nothing out. */
static inline void unit_split(uint *words, uint *rest, const int count) {
    UNIT_UNROLLED for (int r = 0; r < count; ++r) {
        const float x = as_float(words[r]);
        const uint nearest = unit_tf32(x);
        const bool too_large = (nearest & UNIT_EXPONENT) == UNIT_EXPONENT &&
                               (words[r] & UNIT_EXPONENT) != UNIT_EXPONENT;
        const uint large = (too_large ? words[r] : nearest) & UNIT_TF32_BITS;
        rest[r] =
            (large & UNIT_EXPONENT) == UNIT_EXPONENT ? 0u : unit_tf32(x - as_float(large));
        words[r] = large;
    }
}
