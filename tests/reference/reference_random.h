/* SPDX-License-Identifier: Apache-2.0 */
/* Philox4x32-10 as the paper writes it (Salmon et al., SC 2011), and numbers made from it. */
#ifndef CLEAT_TESTS_REFERENCE_RANDOM_H
#define CLEAT_TESTS_REFERENCE_RANDOM_H

#include <stdint.h>

/* Ten rounds on a counter of four words with a key of two. */
void reference_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t word[4]);

/* Word of element i: word i % 4 of the block with counter (i / 4, stream), low words first. */
uint32_t reference_random_word(uint64_t seed, uint64_t stream, uint64_t i);

/* Element i in [0, 1), exact; and of the standard normal distribution. */
double reference_random_uniform(uint64_t seed, uint64_t stream, uint64_t i);
double reference_random_normal(uint64_t seed, uint64_t stream, uint64_t i);

#endif
