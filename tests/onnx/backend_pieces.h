/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of protobuf, field by field: what is looked at of a case without the library. */
#ifndef BACKEND_PIECES_H
#define BACKEND_PIECES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct piece {
    const unsigned char *at, *end;
} piece;

/* The next field that has a length, and its number; false at the end. */
bool next_piece(piece *p, unsigned *field, piece *inside);

/* Up to a megabyte of a file; free() `*bytes`, NULL where there is none. */
piece read_pieces(const char *path, unsigned char **bytes);

#endif
