/* SPDX-License-Identifier: Apache-2.0 */
/* A 128-bit hash against accidents, not against an adversary. */
#ifndef CLEAT_CORE_HASH128_H
#define CLEAT_CORE_HASH128_H

#include <stddef.h>
#include <stdint.h>

typedef struct hash128 {
    uint64_t low, high;
} hash128;

/* MurmurHash3 x64 128 (Austin Appleby, public domain), seed 0. */
hash128 hash128_of(const void *data, size_t size);

#endif
