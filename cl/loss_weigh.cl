/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the mean of a weighed cross-entropy is divided by (loss_weight.cl), in parts: partials[i] = sum of
 * the weights of the labels of samples i * chunk, ..., 0 for ignored ones, 1 for labels that are no class.
 * Work-item i makes partials[i]; those behind the last sample write nothing.
 * Macro: WEIGHED, 1.
 */
#include "common.cl"
#include "loss_weight.cl"

/* Sums are formed of so many at a time. */
#define BLOCK 64

kernel void cross_entropy_weigh(const global int *labels, global REAL *partials,
    const global REAL *weight_data, INDEX labels_offset, INDEX labels_stride, INDEX weight_offset,
    INDEX weight_stride, INDEX samples, INDEX classes, int ignores, int ignored, INDEX chunk) {
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= samples) {
        return;
    }
    const INDEX last = first + min(chunk, samples - first);
    REAL total = 0.0f;
    for (INDEX begin = first; begin < last; begin += BLOCK) {
        const INDEX end = min(begin + BLOCK, last);
        REAL part = 0.0f;
        for (INDEX n = begin; n < end; n++) {
            const int label = labels[labels_offset + n * labels_stride];
            const bool known = label >= 0 && label < classes;
            const REAL weight = known ? WEIGHT_OF(label) : 1.0f;
            part += IS_IGNORED(label) ? 0.0f : weight;
        }
        total += part;
    }
    partials[get_global_id(0)] = total;
}
