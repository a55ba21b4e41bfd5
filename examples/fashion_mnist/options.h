/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef FASHION_MNIST_OPTIONS_H
#define FASHION_MNIST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct options {
    const char *data, *device, *save, *load, *report; /* device, save, load may be NULL */
    int64_t epochs, batch, limit;                     /* limit: 0 for all images */
    uint64_t seed;
    bool profile, help;
} options;

/* Defaults, then what the command line says. False when that is wrong, after telling so. */
bool options_parse(int count, char **arguments, options *chosen);

void options_help(void);

#endif
