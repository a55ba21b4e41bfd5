/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_random.h"

#include <math.h>

void reference_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t word[4]) {
    uint32_t x[4] = {counter[0], counter[1], counter[2], counter[3]};
    for (uint32_t round = 0; round < 10; round++) {
        uint64_t first = UINT64_C(0xD2511F53) * x[0];
        uint64_t second = UINT64_C(0xCD9E8D57) * x[2];
        uint32_t key0 = key[0] + round * UINT32_C(0x9E3779B9);
        uint32_t key1 = key[1] + round * UINT32_C(0xBB67AE85);
        x[0] = (uint32_t)(second >> 32) ^ x[1] ^ key0;
        x[1] = (uint32_t)second;
        x[2] = (uint32_t)(first >> 32) ^ x[3] ^ key1;
        x[3] = (uint32_t)first;
    }
    for (int i = 0; i < 4; i++) {
        word[i] = x[i];
    }
}

uint32_t reference_random_word(uint64_t seed, uint64_t stream, uint64_t i) {
    const uint32_t counter[4] = {
        (uint32_t)(i / 4), (uint32_t)(i / 4 >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t word[4];
    reference_philox(counter, key, word);
    return word[i % 4];
}

double reference_random_uniform(uint64_t seed, uint64_t stream, uint64_t i) {
    return (reference_random_word(seed, stream, i) >> 8) * 0x1p-24;
}

double reference_random_normal(uint64_t seed, uint64_t stream, uint64_t i) {
    const double pi = 3.14159265358979323846;
    uint32_t radius_word = reference_random_word(seed, stream, i / 2 * 2);
    /* The one rounding that the definition has. */
    double u1 = (double)(float)((float)radius_word * 0x1p-32 + 0x1p-33);
    double u2 = reference_random_uniform(seed, stream, i / 2 * 2 + 1);
    double radius = sqrt(-2 * log(u1));
    return i % 2 == 0 ? radius * cos(2 * pi * u2) : radius * sin(2 * pi * u2);
}
