/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_pieces.h"
#include <stdio.h>
#include <stdlib.h>

static unsigned long long number(piece *p) {
    unsigned long long value = 0;
    for (int shift = 0; p->at < p->end && shift < 64; shift += 7) {
        value |= (unsigned long long)(*p->at & 0x7f) << shift;
        if (*p->at++ < 0x80) {
            break;
        }
    }
    return value;
}

bool next_piece(piece *p, unsigned *field, piece *inside) {
    while (p->at < p->end) {
        const unsigned long long tag = number(p);
        unsigned long long size = 0;
        switch (tag & 7) {
        case 0:
            number(p);
            break;
        case 1:
            size = 8;
            break;
        case 5:
            size = 4;
            break;
        default:
            size = number(p);
            break;
        }
        if (size > (unsigned long long)(p->end - p->at)) {
            return false;
        }
        *inside = (piece){p->at, p->at + size};
        p->at += size;
        *field = (unsigned)(tag >> 3);
        if ((tag & 7) == 2) {
            return true;
        }
    }
    return false;
}

piece read_pieces(const char *path, unsigned char **bytes) {
    const size_t most = (size_t)1 << 20; /* of these files hardly one is larger */
    size_t size = 0;
    FILE *file = fopen(path, "rb");
    *bytes = file != NULL ? malloc(most) : NULL;
    if (*bytes != NULL) {
        size = fread(*bytes, 1, most, file);
    }
    if (file != NULL) {
        fclose(file);
    }
    return (piece){*bytes, *bytes != NULL ? *bytes + size : NULL};
}
