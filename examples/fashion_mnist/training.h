/* SPDX-License-Identifier: Apache-2.0 */
/* Feeding a data set through the network: training by epochs, and evaluation. */
#ifndef FASHION_MNIST_TRAINING_H
#define FASHION_MNIST_TRAINING_H

#include "dataset.h"
#include "network.h"
#include "problem.h"
#include "progress.h"

#include <signal.h>

/* A point of the loss curve: mean loss of the images since the point before. */
typedef struct loss_point {
    double epoch; /* 1.5: in the middle of the second */
    double loss;
} loss_point;

/* What one epoch gave. */
typedef struct epoch_result {
    double loss, accuracy; /* mean over the epoch; of all test images */
    double train_seconds, test_seconds;
    int64_t images; /* trained with */
} epoch_result;

/* What is known about the test images after an evaluation. */
typedef struct evaluation {
    unsigned char *predicted;                    /* [count] */
    int64_t confusion[CLASS_COUNT][CLASS_COUNT]; /* [true class][predicted class] */
    int64_t right;
} evaluation;

typedef struct training {
    cleat_context *context;
    const dataset *train, *test; /* train may be empty when there is only evaluation */
    int64_t batch, epochs;
    float learning_rate; /* the highest: it falls to 0 along half a cosine */
    uint64_t seed;
    const volatile sig_atomic_t *stop; /* not 0: end soon */
    progress *shown;                   /* NULL: nothing is shown */

    network *net;
    int64_t part;         /* images written to the device at once: several batches */
    float *host_images;   /* [part][28][28]: the next part is gathered here while the device */
    int32_t *host_labels; /* [part]          works on the one before */
    cleat_tensor images, labels; /* the same on the device */
    cleat_tensor losses;         /* [training images] of this epoch, in the order of training */
    cleat_tensor mean_loss;
    cleat_tensor logits; /* [test images][10] */
    float *host_logits;
    int32_t *order; /* of the training images in this epoch */
    uint64_t shuffle_state;

    int64_t steps_done, steps_total;
    double images_done, train_seconds; /* of all epochs, for the rate */
    double test_seconds;               /* of the last evaluation; 0 before the first */
    loss_point *points;
    int64_t point_count;
    evaluation result; /* of the last evaluation */
} training;

/* Fields above the first blank line are set by the caller. Allocates everything that is needed. */
bool training_begin(training *run, problem *why);
void training_end(training *run);

/* Runs each kernel, with all batch sizes to come, so that compiling is not counted as training. */
bool training_prepare(training *run, problem *why);

/* Trains for one epoch (1 .. epochs); ends early when *stop is set. *result lacks the accuracy. */
bool training_epoch(training *run, int64_t epoch, epoch_result *result, problem *why);

/* Classifies the test images; fills in run->result. */
bool training_evaluate(training *run, problem *why);

#endif
