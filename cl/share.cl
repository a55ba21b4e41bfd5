/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasks of this work-group, where groups are of one item: declares `first` and `end`, the one behind
 * the last, of `total` in all; as many as `unit` at a time stay together. Include after common.cl.
 */
#define SHARE(total, unit, first, end)                                                             \
    const INDEX share_blocks = (INDEX)get_num_groups(0) * (unit);                                  \
    const INDEX share_size = ((total) + share_blocks - 1) / share_blocks * (unit);                 \
    const INDEX first = (INDEX)get_group_id(0) * share_size;                                       \
    const INDEX end = min(first + share_size, total);
