/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hash128.h"

static const uint64_t c1 = UINT64_C(0x87c37b91114253d5);
static const uint64_t c2 = UINT64_C(0x4cf5ad432745937f);

static uint64_t rotate(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

/* `count` bytes, at most 8, lowest first. */
static uint64_t load(const unsigned char *bytes, size_t count) {
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static uint64_t mix_low(uint64_t k) {
    return rotate(k * c1, 31) * c2;
}

static uint64_t mix_high(uint64_t k) {
    return rotate(k * c2, 33) * c1;
}

static uint64_t finish(uint64_t k) {
    k ^= k >> 33;
    k *= UINT64_C(0xff51afd7ed558ccd);
    k ^= k >> 33;
    k *= UINT64_C(0xc4ceb9fe1a85ec53);
    return k ^ k >> 33;
}

hash128 hash128_of(const void *data, size_t size) {
    const unsigned char *bytes = data;
    uint64_t h1 = 0;
    uint64_t h2 = 0;
    size_t left = size;
    for (; left >= 16; left -= 16, bytes += 16) {
        h1 ^= mix_low(load(bytes, 8));
        h1 = (rotate(h1, 27) + h2) * 5 + 0x52dce729;
        h2 ^= mix_high(load(bytes + 8, 8));
        h2 = (rotate(h2, 31) + h1) * 5 + 0x38495ab5;
    }
    if (left > 8) {
        h2 ^= mix_high(load(bytes + 8, left - 8));
    }
    h1 ^= mix_low(load(bytes, left < 8 ? left : 8));
    h1 ^= size;
    h2 ^= size;
    h1 += h2;
    h2 += h1;
    h1 = finish(h1);
    h2 = finish(h2);
    h1 += h2;
    h2 += h1;
    return (hash128){h1, h2};
}
