/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaders of matmul's kernels for GPUs: operands as matmul_batch.cl has them, quads as gemm_gpu.cl asks
 * for. Include after matmul_batch.cl and before the core.
 *
 * Each operand is read the way in which it is contiguous; a branch, not a kernel of its own. But with
 * MATMUL_WHOLE the host defines GEMM_A_ALONG_K and GEMM_B_ALONG_K itself, and promises that each quad is
 * contiguous that way, at a multiple of 16 bytes, and inside or outside as a whole. With UNITS_STAGES
 * (gemm_stages.cl) it defines them too, and promises that runs of 16 bytes begin at a multiple of that.
 */
#if !MATMUL_WHOLE && !UNITS_STAGES
#define GEMM_A_ALONG_K (a_column == 1 && a_row != 1)
#define GEMM_B_ALONG_K (b_row == 1 && b_column != 1)
#endif

#ifdef UNIT_APART
#define LOAD_APART UNIT_APART
#else
#define LOAD_APART
#endif

/* Elements as they lie in memory, four of them as a kernel takes them: with MATMUL_HALF (matmul_batch.cl)
 * 16 bits each. MATMUL_QUADS_STAY: as they are, else as floats. */
#if MATMUL_HALF
#define MATMUL_ELEMENT ushort
#define MATMUL_QUAD ushort4
#else
#define MATMUL_ELEMENT float
#define MATMUL_QUAD float4
#endif
#if MATMUL_HALF && !MATMUL_QUADS_STAY
HALF_FUNCTIONS(MATMUL_HALF, 4)
#define MATMUL_TAKE(quad) HALF_FLOATS(MATMUL_HALF, 4, quad)
#else
#define MATMUL_TAKE(quad) (quad)
#endif

/* Whether each quad of an operand, which starts at a multiple of 4 along the axis of step 1 and anywhere
 * along the other, lies at a multiple of its size: then it is one access. */
static inline bool quads_are_aligned(const __global MATMUL_ELEMENT *first, const INDEX other_step) {
    return ((size_t)first & (sizeof(MATMUL_QUAD) - 1)) == 0 && other_step % 4 == 0;
}

/* p[0], p[step], ...: `valid` of them, the others 0. */
static inline MATMUL_QUAD load_quad(const __global MATMUL_ELEMENT *p, const INDEX step,
    const INDEX valid, const bool aligned) {
#if MATMUL_WHOLE
    return *(const __global MATMUL_QUAD *)p;
#else
    if (step == 1 && valid >= 4) {
        return aligned ? *(const __global MATMUL_QUAD *)p : vload4(0, p);
    }
    MATMUL_QUAD x = (MATMUL_QUAD)(0);
    x.s0 = valid > 0 ? p[0] : 0;
    x.s1 = valid > 1 ? p[step] : 0;
    x.s2 = valid > 2 ? p[2 * step] : 0;
    x.s3 = valid > 3 ? p[3 * step] : 0;
    return x;
#endif
}

/* Lane and k within an operand of `lanes` lanes, whose lane 0 and term 0 lie at p. */
static inline LOAD_APART MATMUL_QUAD load_operand(const __global MATMUL_ELEMENT *p, const INDEX lane,
    const INDEX lanes, const INDEX lane_step, const INDEX k, const INDEX k_end, const INDEX k_step,
    const int along_k, const bool aligned) {
    if (lane >= lanes || k >= k_end) {
        return (MATMUL_QUAD)(0);
    }
    return load_quad(p + lane * lane_step + k * k_step, along_k ? k_step : lane_step,
        along_k ? k_end - k : lanes - lane, aligned);
}

/* The loaders of a kernel that has MATMUL_NUMBERS and MATMUL_BEGIN, first_row, first_column and `to`, after
 * MATMUL_LOADERS. */
#define MATMUL_LOADERS                                                                             \
    const __global MATMUL_ELEMENT *const a_first = (const __global MATMUL_ELEMENT *)a_base + a;    \
    const __global MATMUL_ELEMENT *const b_first = (const __global MATMUL_ELEMENT *)b_base + b;    \
    const bool a_aligned = quads_are_aligned(a_first, GEMM_A_ALONG_K ? a_row : a_column);          \
    const bool b_aligned = quads_are_aligned(b_first, GEMM_B_ALONG_K ? b_column : b_row);
#define MATMUL_LOAD_A(r, at)                                                                       \
    MATMUL_TAKE(load_operand(                                                                      \
        a_first, first_row + (r), m, a_row, at, to, a_column, GEMM_A_ALONG_K, a_aligned))
#define MATMUL_LOAD_B(c, at)                                                                       \
    MATMUL_TAKE(load_operand(                                                                      \
        b_first, first_column + (c), n, b_column, at, to, b_row, GEMM_B_ALONG_K, b_aligned))

/* The same for gemm_stages.cl: MATMUL_COPY_A(into, r, at). */
#if UNITS_STAGES
static inline int bytes_inside(
    const INDEX lane, const INDEX lanes, const INDEX k, const INDEX k_end, const int along_k) {
    const INDEX inside = along_k ? k_end - k : lanes - lane;
    const INDEX most = 16 / (INDEX)sizeof(MATMUL_ELEMENT);
    return lane < lanes && k < k_end ? (int)(min(inside, most) * (INDEX)sizeof(MATMUL_ELEMENT)) : 0;
}
#define MATMUL_COPY(into, first, lane, lanes, lane_step, k, k_end, k_step, along_k)                  \
    {                                                                                              \
        const INDEX copied_lane = (lane), copied_k = (k);                                          \
        const int bytes = bytes_inside(copied_lane, lanes, copied_k, k_end, along_k);              \
        const INDEX copied = copied_lane * (lane_step) + copied_k * (k_step);                      \
        UNIT_COPY(into, (first) + (bytes > 0 ? copied : 0), bytes)                                   \
    }
#define MATMUL_COPY_A(into, r, at)                                                                 \
    MATMUL_COPY(into, a_first, first_row + (r), m, a_row, at, to, a_column, GEMM_A_ALONG_K)
#define MATMUL_COPY_B(into, c, at)                                                                 \
    MATMUL_COPY(into, b_first, first_column + (c), n, b_column, at, to, b_row, GEMM_B_ALONG_K)
#endif

/* What becomes of the sum of element (i, j), j inside. */
#if MATMUL_SPLIT
#define MATMUL_STORE(sum, i, j) partial[(i)*n + (j)] = (sum);
#else
#define MATMUL_STORE(sum, i, j) MATMUL_FINISH(sum, i, j)
#endif
