/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y[offset + i] = value for i < count, on processors: y lies in one piece.
 *
 * Work-groups of one item, 1-D: item i does elements i * chunk to (i + 1) * chunk - 1.
 *
 *   -DELEMENT=uchar|uint|ulong   by size; `value` is its bits, the low ones
 */
#include "common.cl"

kernel void fill(global ELEMENT *y, const INDEX count, const INDEX chunk, const INDEX offset,
    const ulong value) {
    const ELEMENT element = (ELEMENT)value;
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(first + chunk, count);
    for (INDEX i = first; i < end; i++) {
        y[offset + i] = element;
    }
}
