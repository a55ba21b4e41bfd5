/* SPDX-License-Identifier: Apache-2.0 */
/* Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): grey images of 28 x 28 pixels in ten classes. */
#ifndef FASHION_MNIST_DATASET_H
#define FASHION_MNIST_DATASET_H

#include "problem.h"

#include <stdint.h>

enum { IMAGE_SIDE = 28, IMAGE_PIXELS = IMAGE_SIDE * IMAGE_SIDE, CLASS_COUNT = 10 };

#define DATASET_DEFAULT_FOLDER "/usr/share/datasets/fashion-mnist"

extern const char *const class_names[CLASS_COUNT];

typedef struct dataset {
    int64_t count;
    unsigned char *images; /* [count][28][28], 0 (background) .. 255 */
    unsigned char *labels; /* [count], each below CLASS_COUNT */
} dataset;

/*
 * Reads FOLDER/NAME-images-idx3-ubyte.gz and FOLDER/NAME-labels-idx1-ubyte.gz (or the same without
 * .gz) and checks that they belong together. Keeps the first `limit` images, all when it is 0.
 * dataset_free() releases it.
 */
bool dataset_load(const char *folder, const char *name, int64_t limit, dataset *set, problem *why);

void dataset_free(dataset *set);

/*
 * One batch as the network takes it: image order[i] (or i when order is NULL), scaled to mean 0 and
 * deviation 1 over the training set, to images[i * IMAGE_PIXELS], its label to labels[i].
 */
void dataset_gather(const dataset *set, const int32_t *order, int64_t first, int64_t count,
    float *images, int32_t *labels);

/* Puts order[0 .. count-1] into a random order (Fisher & Yates); *state is the generator's. */
void dataset_shuffle(int32_t *order, int64_t count, uint64_t *state);

#endif
