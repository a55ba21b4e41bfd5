/* SPDX-License-Identifier: Apache-2.0 */
/* The tile of this group: devices start groups along dimension 0 first, and go so through bands of
 * `band` rows of tiles, each column of a band before the next. Groups at work at one time then share
 * their operands, which stay in the second-level cache; along whole rows each would read columns of its
 * own. Any way each tile is computed once, by the same sums. */
typedef struct gemm_place {
    INDEX row, column; /* counted in tiles */
} gemm_place;

static inline gemm_place gemm_tile(const INDEX band) {
    const INDEX across = (INDEX)get_num_groups(0), down = (INDEX)get_num_groups(1);
    const INDEX first = (INDEX)get_group_id(1) / band * band;
    const INDEX rows = min(band, down - first);
    const INDEX place = ((INDEX)get_group_id(1) - first) * across + (INDEX)get_group_id(0);
    return (gemm_place){first + place % rows, place / rows};
}
