/* SPDX-License-Identifier: Apache-2.0 */
/* What came out: the confusion matrix as text, and a picture of test images and curves. */
#ifndef FASHION_MNIST_REPORT_H
#define FASHION_MNIST_REPORT_H

#include "progress.h"
#include "training.h"

/* Rows are true classes, columns predicted ones. */
void report_confusion(const progress *shown, const evaluation *result);

typedef struct report {
    const char *device;
    const dataset *test;
    const evaluation *result;
    const loss_point *points; /* none when nothing was trained */
    int64_t point_count;
    const double *accuracies; /* after each epoch */
    const double *accuracy_epochs;
    int64_t epoch_count;
    double epochs; /* as far as training came */
    double images_per_second;
} report;

/* Writes a PNG; the file appears whole or not at all. */
bool report_picture(const report *r, const char *path, problem *why);

#endif
