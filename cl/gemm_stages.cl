/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of gemm_units.cl that brings operands into local memory, for units with UNIT_COPIES: elements
 * are copied as they lie, 16 bytes at a time, past the registers, while the sub-groups multiply tiles that
 * came before. What has to be rounded or split is so where fragments are read.
 *
 * Of an operand along k a tile is what gemm_units.cl says; of one across k it has a line for each term
 * (UNIT_ACROSS_AT of unit.cl). GEMM_A_ALONG_K and GEMM_B_ALONG_K are 0 or 1, or expressions that are the
 * same for all items. Words are those of the mode: f32 for tf32, or two elements of its 16 bits.
 *
 * UNITS_RUN wants, instead of loaders,
 *     MY_A(into, r, k)   UNIT_COPY(into, from, bytes) of the 16 bytes that begin at (r, k) and go along k,
 *                      or across with r; and MY_B(into, c, k)
 * with `bytes` counting those inside of the operand and of the terms to sum, so that terms past the last
 * become 0, and `from` an address that is a multiple of 16 even if there are none.
 *
 * Who writes and reads which tile when. Tile number t of a run lies in stage t % UNITS_STAGES. Each item
 * makes one group of its copies of each tile, in order, an empty one past the last tile, so that in turn t
 * of the loop
 *   1. UNITS_STAGES - 1 + t groups were made; once no more than UNITS_STAGES - 2 of them are on their way
 *      the item's own copies of tiles 0 .. t have landed, and it alone is sure to see them;
 *   2. after the barrier tile t is there as a whole, for everyone, and nobody reads tile t - 1 any more: what
 *      an item read before the barrier it has read;
 *   3. so the stage of tile t - 1 is free. It is that of tile t + UNITS_STAGES - 1, whose copies begin only
 *      now: begun before the barrier they could land on words that a slower sub-group has yet to read.
 * One barrier a turn serves both. At the end all groups left are empty; the last barrier keeps sums
 * (UNITS_FINISH) from being written over what others still read of the last tile.
 *
 * With UNITS_A_COPIED A alone is copied so, along k, into the two tiles of gemm_units.cl: that of the next
 * turn begins after the barrier that ends the last one, when nobody reads the tile any more that it goes to, and
 * is waited for before the barrier that ends this one.
 */
#define UNITS_TERMS (UNIT_LINE * UNIT_PACK)
#define UNITS_ACROSS_PITCH (UNITS_TILE / UNIT_PACK) /* words of a line across k */

/* An item's quads of a tile: neighbours copy neighbouring quads of a line. */
#define UNITS_COPIES (UNITS_TILE * UNIT_LINE / 4 / UNITS_ITEMS)
#define UNITS_COPY(tile, along_k, COPY, k_from)                                                    \
    UNIT_UNROLLED for (int quad = 0; quad < UNITS_COPIES; ++quad) {                                \
        const int q = units_item + quad * UNITS_ITEMS;                                             \
        if (along_k) {                                                                             \
            const int line = q / (UNIT_LINE / 4), word = q % (UNIT_LINE / 4) * 4;                  \
            COPY((tile) + UNIT_AT(line, word), line, (k_from) + word * UNIT_PACK)                  \
        } else {                                                                                   \
            const int term = q / (UNITS_ACROSS_PITCH / 4), word = q % (UNITS_ACROSS_PITCH / 4) * 4; \
            COPY((tile) + UNIT_ACROSS_AT(term, word, UNITS_ACROSS_PITCH), word * UNIT_PACK,        \
                (k_from) + term)                                                                   \
        }                                                                                          \
    }

/* What fragments of operands that were copied still want. */
#if UNIT_MODE == UNIT_TF32
#define UNITS_ROUND(words, count)                                                                  \
    UNIT_UNROLLED for (int r = 0; r < (count); ++r) {                                              \
        words[r] = unit_tf32(as_float(words[r]));                                                  \
    }
#else
#define UNITS_ROUND(words, count)
#endif

#if UNITS_STAGES
#define UNITS_LOAD(operand, along_k, count, words, tile, line, word)                               \
    if (along_k) {                                                                                 \
        unit_load_##operand(words, tile, line, word, units_lane);                                  \
    } else {                                                                                       \
        unit_load_##operand##_across(words, tile, UNITS_ACROSS_PITCH, line, word, units_lane);     \
    }                                                                                              \
    UNITS_ROUND(words, count)
#define UNITS_LOAD_A(words, tile, line, word)                                                      \
    UNITS_LOAD(a, GEMM_A_ALONG_K, UNIT_A_REGISTERS, words, tile, line, word)
#define UNITS_LOAD_B(words, tile, line, word)                                                      \
    UNITS_LOAD(b, GEMM_B_ALONG_K, UNIT_B_REGISTERS, words, tile, line, word)

#define UNITS_COPY_BOTH(stage, COPY_A, COPY_B, k, k_end)                                           \
    if ((k) < (k_end)) {                                                                           \
        UNITS_COPY(UNITS_A(stage), GEMM_A_ALONG_K, COPY_A, k)                                      \
        UNITS_COPY(UNITS_B(stage), GEMM_B_ALONG_K, COPY_B, k)                                      \
    }                                                                                              \
    UNIT_COPIES_GROUP

#define UNITS_RUN(from, to, COPY_A, COPY_B)                                                        \
    {                                                                                              \
        UNIT_COPIES_BEGIN(2 * UNITS_COPIES * UNITS_STAGES)                                         \
        UNIT_UNROLLED for (int ahead = 0; ahead < UNITS_STAGES - 1; ++ahead) {                     \
            UNITS_COPY_BOTH(ahead, COPY_A, COPY_B, (from) + ahead * UNITS_TERMS, to)               \
        }                                                                                          \
        int stage = 0, freed = UNITS_STAGES - 1;                                                   \
        for (INDEX units_k = (from); units_k < (to); units_k += UNITS_TERMS) {                     \
            const INDEX next_k = units_k + (UNITS_STAGES - 1) * UNITS_TERMS;                       \
            UNIT_COPIES_WAIT(UNITS_STAGES - 2)                                                     \
            barrier(CLK_LOCAL_MEM_FENCE);                                                          \
            UNITS_COPY_BOTH(freed, COPY_A, COPY_B, next_k, to)                                     \
            UNITS_FRAGMENTS                                                                        \
            UNIT_UNROLLED for (int at = 0; at < UNITS_PRODUCTS; ++at) {                            \
                UNITS_PRODUCT(stage, at)                                                           \
            }                                                                                      \
            freed = stage;                                                                         \
            stage = stage + 1 < UNITS_STAGES ? stage + 1 : 0;                                      \
        }                                                                                          \
        UNIT_COPIES_WAIT(0)                                                                        \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
    }
#endif
