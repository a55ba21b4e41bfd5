/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVIDIA's matrix unit: mma.sync of m16n8k8 for tf32, m16n8k16 for f16 and bf16, from sm_80 on, by
 * inline PTX; what a unit file holds is told in unit.cl. Counted in words of 32 bits the fragments of
 * all three are the same. Source: NVIDIA, Parallel Thread Execution ISA, "Matrix Fragments for
 * mma.m16n8k8" and "mma.m16n8k16": with g = lane / 4 and t = lane % 4, of A words (g, t), (g + 8, t),
 * (g, t + 4), (g + 8, t + 4), of B words t and t + 4 of column g, of C elements (g, 2 t), (g, 2 t + 1),
 * (g + 8, 2 t), (g + 8, 2 t + 1).
 */
#define UNIT_LANES 32
#define UNIT_M 16
#define UNIT_N 8
#define UNIT_K (8 * UNIT_PACK)
#define UNIT_A_REGISTERS 4
#define UNIT_B_REGISTERS 2
#define UNIT_C_REGISTERS 4
#define UNIT_A_HELD UNIT_PACK
#define UNIT_B_HELD UNIT_PACK

#define UNIT_A_ROW(lane, r) ((lane) / 4 + (r) % 2 * 8)
#define UNIT_A_K(lane, r) (((lane) % 4 + (r) / 2 * 4) * UNIT_PACK)
#define UNIT_B_COLUMN(lane, r) ((lane) / 4)
#define UNIT_B_K(lane, r) (((lane) % 4 + (r)*4) * UNIT_PACK)
#define UNIT_C_ROW(lane, r) ((lane) / 4 + (r) / 2 * 8)
#define UNIT_C_COLUMN(lane, r) ((lane) % 4 * 2 + (r) % 2)

#define UNIT_A_LANE(row, k) ((row) % 8 * 4 + (k) / UNIT_PACK % 4)
#define UNIT_A_REGISTER(row, k) ((row) / 8 + (k) / UNIT_PACK / 4 * 2)
#define UNIT_B_LANE(k, column) ((column)*4 + (k) / UNIT_PACK % 4)
#define UNIT_B_REGISTER(k, column) ((k) / UNIT_PACK / 4)
#define UNIT_C_LANE(row, column) ((row) % 8 * 4 + (column) / 2)
#define UNIT_C_REGISTER(row, column) ((row) / 8 * 2 + (column) % 2)

/* By ldmatrix, four or two matrices of eight rows of four words: lanes 8 i .. 8 i + 7 name the rows of
 * matrix number i, of which each lane then receives word lane % 4 of row lane / 4. (Same source,
 * "ldmatrix".) */
#define UNIT_A_GIVES_ROW(lane) ((lane) % 16)
#define UNIT_A_GIVES_WORD(lane) ((lane) / 16 * 4)
#define UNIT_B_GIVES_COLUMN(lane) ((lane) % 8)
#define UNIT_B_GIVES_WORD(lane) ((lane) / 8 % 2 * 4)
/* The same by ldmatrix.trans from lines across k (UNIT_ACROSS_AT of unit.cl): a matrix's rows are eight
 * terms of eight elements of 16 bits, and each lane receives element lane / 4 of rows 2 (lane % 4) and
 * 2 (lane % 4) + 1. */
#define UNIT_A_GIVES_TERM(lane) ((lane) / 16 * 8 + (lane) % 8)
#define UNIT_A_GIVES_ELEMENT(lane) ((lane) / 8 % 2 * 8)
#define UNIT_B_GIVES_TERM(lane) ((lane) % 16)

/* Copies that go on while the lanes compute, as unit.cl tells. */
#define UNIT_COPIES 1

#if UNIT_HAS_INSTRUCTION
#if defined(__SPIR__) || defined(__SPIR64__)
#error "no inline PTX through SPIR-V"
#endif
#if UNIT_MODE == UNIT_TF32 || UNIT_MODE == UNIT_TF32X3
#define UNIT_MMA "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
#elif UNIT_MODE == UNIT_F16
#define UNIT_MMA "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
#elif UNIT_MODE == UNIT_BF16
#define UNIT_MMA "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
#endif

static inline void unit_multiply(float *c, const uint *a, const uint *b) {
    __asm__ volatile(UNIT_MMA "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* The same roundings as the integer arithmetic of unit.cl, in one instruction each. */
#define UNIT_CONVERTS 1
static inline uint unit_tf32(const float x) {
    uint bits;
    __asm__("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

static inline uint unit_pair(const float first, const float second) {
    uint bits;
#if UNIT_MODE == UNIT_BF16
    __asm__("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(second), "f"(first));
#else
    __asm__("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(second), "f"(first));
#endif
    return bits;
}

#define UNIT_LOADS 1
static inline void unit_load_a(
    uint *a, const __local uint *tile, const int line, const int word, const int lane) {
    const __local uint *from =
        tile + UNIT_AT(line + UNIT_A_GIVES_ROW(lane), word + UNIT_A_GIVES_WORD(lane));
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
                     : "r"((uint)(size_t)from)
                     : "memory");
}

static inline void unit_load_b(
    uint *b, const __local uint *tile, const int line, const int word, const int lane) {
    const __local uint *from =
        tile + UNIT_AT(line + UNIT_B_GIVES_COLUMN(lane), word + UNIT_B_GIVES_WORD(lane));
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                     : "=r"(b[0]), "=r"(b[1])
                     : "r"((uint)(size_t)from)
                     : "memory");
}

#if UNIT_PACK == 1
#define UNIT_KEEP(place) __asm__("" : "+r"(place));
#else
#define UNIT_LOADS_ACROSS 1
static inline void unit_load_a_across(uint *a, const __local uint *tile, const int pitch,
    const int line, const int word, const int lane) {
    const __local uint *from =
        tile + UNIT_ACROSS_AT(2 * word + UNIT_A_GIVES_TERM(lane),
                   (line + UNIT_A_GIVES_ELEMENT(lane)) / 2, pitch);
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
                     : "r"((uint)(size_t)from)
                     : "memory");
}

static inline void unit_load_b_across(uint *b, const __local uint *tile, const int pitch,
    const int line, const int word, const int lane) {
    const __local uint *from =
        tile + UNIT_ACROSS_AT(2 * word + UNIT_B_GIVES_TERM(lane), line / 2, pitch);
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                     : "=r"(b[0]), "=r"(b[1])
                     : "r"((uint)(size_t)from)
                     : "memory");
}
#endif

/* cp.async past the first-level cache, 16 bytes; those that are not taken become zeros. (Same source,
 * "cp.async", "cp.async.commit_group", "cp.async.wait_group".) */
#define UNIT_COPIES_BEGIN(most)
#define UNIT_COPY(to, from, bytes)                                                                 \
    __asm__ volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"                               \
                     :                                                                             \
                     : "r"((uint)(size_t)(to)), "l"((ulong)(size_t)(from)), "r"(bytes)             \
                     : "memory");
#define UNIT_COPIES_GROUP __asm__ volatile("cp.async.commit_group;" : : : "memory");
#define UNIT_COPIES_WAIT(groups)                                                                   \
    __asm__ volatile("cp.async.wait_group %0;" : : "n"(groups) : "memory");
#endif
