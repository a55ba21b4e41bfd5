/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that appear whole or not at all: written under another name beside their place, then
 * renamed. A file of that name that was there stays until then.
 */
#ifndef FASHION_MNIST_OUTPUT_H
#define FASHION_MNIST_OUTPUT_H

#include "problem.h"

#include <stdio.h>

typedef struct output {
    FILE *file; /* write here */
    char path[4096], temporary[4160];
} output;

bool output_open(output *out, const char *path, problem *why);

/* Flushes to the disk and renames; on failure removes the temporary file. */
bool output_commit(output *out, problem *why);

/* Gives up: closes and removes the temporary file. */
void output_abandon(output *out);

#endif
