/* SPDX-License-Identifier: Apache-2.0 */
#include "training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES_A_PART = 8, FORWARD_ROWS = 256 };

static const double pi = 3.14159265358979323846;

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* ---- Making ---- */

static bool make_device_memory(training *run, problem *why) {
    cleat_context *context = run->context;
    int64_t part = run->part, trained = larger(run->train->count, 1);
    const char *doing = "allocating device memory";
    return problem_check(why, network_create(context, &run->net), doing) &&
           problem_check(why,
               cleat_tensor_create(context, CLEAT_F32, 4,
                   (int64_t[]){part, 1, IMAGE_SIDE, IMAGE_SIDE}, &run->images),
               doing) &&
           problem_check(
               why, cleat_tensor_create(context, CLEAT_I32, 1, &part, &run->labels), doing) &&
           problem_check(
               why, cleat_tensor_create(context, CLEAT_F32, 1, &trained, &run->losses), doing) &&
           problem_check(
               why, cleat_tensor_create(context, CLEAT_F32, 0, NULL, &run->mean_loss), doing) &&
           problem_check(why,
               cleat_tensor_create(
                   context, CLEAT_F32, 2, (int64_t[]){run->test->count, CLASS_COUNT}, &run->logits),
               doing);
}

static bool make_host_memory(training *run, problem *why) {
    size_t part = (size_t)run->part, test = (size_t)run->test->count;
    size_t trained = (size_t)run->train->count;
    size_t parts = (trained + part - 1) / part;
    run->host_images = malloc(part * IMAGE_PIXELS * sizeof *run->host_images);
    run->host_labels = malloc(part * sizeof *run->host_labels);
    run->host_logits = malloc(test * CLASS_COUNT * sizeof *run->host_logits);
    run->order = malloc((trained + 1) * sizeof *run->order);
    run->points = malloc((parts * (size_t)run->epochs + 1) * sizeof *run->points);
    run->result.predicted = calloc(test, 1);
    if (run->host_images == NULL || run->host_labels == NULL || run->host_logits == NULL ||
        run->order == NULL || run->points == NULL || run->result.predicted == NULL)
        return problem_set(why, "no memory for the images of %lld batches", (long long)part);
    for (size_t i = 0; i < trained; i++)
        run->order[i] = (int32_t)i;
    return true;
}

bool training_begin(training *run, problem *why) {
    int64_t trained = run->train->count;
    run->batch = larger(1, smaller(run->batch, larger(trained, FORWARD_ROWS)));
    run->part = smaller(BATCHES_A_PART * run->batch, larger(trained, run->test->count));
    run->steps_total = (trained + run->batch - 1) / run->batch * run->epochs;
    run->shuffle_state = run->seed;
    if (make_host_memory(run, why) && make_device_memory(run, why))
        return true;
    training_end(run);
    return false;
}

void training_end(training *run) {
    cleat_tensor *tensors[5] = {
        &run->images, &run->labels, &run->losses, &run->mean_loss, &run->logits};
    for (int i = 0; i < 5; i++)
        cleat_tensor_release(tensors[i]);
    network_destroy(run->net);
    run->net = NULL;
    free(run->host_images);
    free(run->host_labels);
    free(run->host_logits);
    free(run->order);
    free(run->points);
    free(run->result.predicted);
}

/* ---- Parts: what is written to the device at once ---- */

static void gather(training *run, const dataset *set, const int32_t *order, int64_t first) {
    if (first < set->count)
        dataset_gather(set, order, first, smaller(run->part, set->count - first), run->host_images,
            run->host_labels);
}

/* Images first .. first + count - 1 of the part on the device, and a piece of `whole`. */
static cleat_status take(
    const training *run, int64_t first, int64_t count, cleat_tensor *images, cleat_tensor *labels) {
    cleat_status status = cleat_slice(run->images, 0, first, count, 1, images);
    return status == CLEAT_OK ? cleat_slice(run->labels, 0, first, count, 1, labels) : status;
}

/* Waits for the part before, which is in use until then. */
static cleat_status write_part(training *run, int64_t count) {
    cleat_tensor images, labels;
    cleat_status status = take(run, 0, count, &images, &labels);
    if (status == CLEAT_OK)
        status = cleat_write(run->context, images, run->host_images,
            (size_t)count * IMAGE_PIXELS * sizeof *run->host_images);
    if (status == CLEAT_OK)
        status = cleat_write(
            run->context, labels, run->host_labels, (size_t)count * sizeof *run->host_labels);
    return status;
}

/* ---- Training ---- */

/* Half a cosine from the highest rate to 0 (Loshchilov & Hutter 2017, without restarts). */
static float current_rate(const training *run) {
    double done = (double)run->steps_done / (double)run->steps_total;
    return (float)(0.5 * run->learning_rate * (1 + cos(pi * done)));
}

/* Enqueues all steps of a part that begins with image `first` of the epoch. */
static cleat_status train_part(training *run, int64_t first, int64_t count) {
    for (int64_t done = 0; done < count; done += run->batch) {
        int64_t rows = smaller(run->batch, count - done);
        cleat_tensor images, labels, losses;
        cleat_status status = take(run, done, rows, &images, &labels);
        if (status == CLEAT_OK)
            status = cleat_slice(run->losses, 0, first + done, rows, 1, &losses);
        if (status == CLEAT_OK)
            status = network_train(run->net, images, labels, losses, current_rate(run));
        if (status != CLEAT_OK)
            return status;
        run->steps_done++;
    }
    return cleat_flush(run->context);
}

/* Mean loss of these images of the epoch; waits until they have been trained. */
static cleat_status read_loss(training *run, int64_t first, int64_t count, float *mean) {
    cleat_tensor losses;
    cleat_status status = cleat_slice(run->losses, 0, first, count, 1, &losses);
    if (status == CLEAT_OK)
        status =
            cleat_reduce(run->context, CLEAT_REDUCE_MEAN, losses, 0, NULL, run->mean_loss, NULL);
    return status == CLEAT_OK ? cleat_read(run->context, run->mean_loss, mean, sizeof *mean)
                              : status;
}

static void show(training *run, int64_t epoch, const epoch_result *result) {
    if (run->shown == NULL)
        return;
    double seconds = run->train_seconds + result->train_seconds;
    double rate = (run->images_done + (double)result->images) / seconds;
    double rest =
        (double)run->train->count * (double)(run->epochs - epoch + 1) - (double)result->images;
    double test = run->test_seconds > 0 ? run->test_seconds : (double)run->test->count / (2 * rate);
    progress_state state = {.epoch = epoch,
        .epochs = run->epochs,
        .done = result->images,
        .total = run->train->count,
        .images_per_second = (double)result->images / result->train_seconds,
        .loss = result->loss,
        .seconds_left = rest / rate + test * (double)(run->epochs - epoch + 1)};
    progress_update(run->shown, &state);
}

/* One part: the device trains with it while the host gathers the next. */
static bool advance(
    training *run, int64_t epoch, int64_t count, epoch_result *result, problem *why) {
    int64_t first = result->images;
    float loss = 0;
    cleat_status status = write_part(run, count);
    if (status == CLEAT_OK)
        status = train_part(run, first, count);
    gather(run, run->train, run->order, first + count);
    if (status == CLEAT_OK)
        status = read_loss(run, first, count, &loss);
    if (!problem_check(why, status, "training"))
        return false;
    double before = (double)first, now = (double)(first + count);
    result->loss = (result->loss * before + (double)loss * (double)count) / now;
    result->images = first + count;
    run->points[run->point_count++] =
        (loss_point){(double)(epoch - 1) + now / (double)run->train->count, loss};
    return true;
}

bool training_epoch(training *run, int64_t epoch, epoch_result *result, problem *why) {
    *result = (epoch_result){0};
    double start = progress_clock();
    dataset_shuffle(run->order, run->train->count, &run->shuffle_state);
    gather(run, run->train, run->order, 0);
    while (result->images < run->train->count && *run->stop == 0) {
        int64_t count = smaller(run->part, run->train->count - result->images);
        if (!advance(run, epoch, count, result, why))
            return false;
        result->train_seconds = progress_clock() - start;
        show(run, epoch, result);
    }
    run->train_seconds += result->train_seconds;
    run->images_done += (double)result->images;
    return true;
}

/* ---- Evaluation ---- */

static cleat_status classify_part(training *run, int64_t first, int64_t count) {
    cleat_status status = write_part(run, count);
    for (int64_t done = 0; done < count && status == CLEAT_OK; done += FORWARD_ROWS) {
        int64_t rows = smaller(FORWARD_ROWS, count - done);
        cleat_tensor images, labels, logits;
        status = take(run, done, rows, &images, &labels);
        if (status == CLEAT_OK)
            status = cleat_slice(run->logits, 0, first + done, rows, 1, &logits);
        if (status == CLEAT_OK)
            status = network_forward(run->net, images, logits);
    }
    return status == CLEAT_OK ? cleat_flush(run->context) : status;
}

/* The class with the largest logit, for each test image. */
static void count_classes(training *run) {
    evaluation *result = &run->result;
    memset(result->confusion, 0, sizeof result->confusion);
    result->right = 0;
    for (int64_t i = 0; i < run->test->count; i++) {
        const float *logits = run->host_logits + i * CLASS_COUNT;
        int best = 0;
        for (int other = 1; other < CLASS_COUNT; other++)
            if (logits[other] > logits[best])
                best = other;
        int label = run->test->labels[i];
        result->predicted[i] = (unsigned char)best;
        result->confusion[label][best]++;
        result->right += best == label;
    }
}

bool training_evaluate(training *run, problem *why) {
    double start = progress_clock();
    int64_t total = run->test->count;
    cleat_status status = CLEAT_OK;
    gather(run, run->test, NULL, 0);
    for (int64_t first = 0; first < total && status == CLEAT_OK; first += run->part) {
        status = classify_part(run, first, smaller(run->part, total - first));
        gather(run, run->test, NULL, first + run->part);
    }
    if (status == CLEAT_OK)
        status = cleat_read(run->context, run->logits, run->host_logits,
            (size_t)total * CLASS_COUNT * sizeof *run->host_logits);
    if (!problem_check(why, status, "classifying the test images"))
        return false;
    count_classes(run);
    run->test_seconds = progress_clock() - start;
    return true;
}

/* ---- Before the first epoch ---- */

/* One step with a whole batch, one with what the last batch of an epoch has. */
static cleat_status try_training(training *run) {
    int64_t batch = smaller(run->batch, run->train->count), rest = run->train->count % run->batch;
    gather(run, run->train, NULL, 0);
    cleat_status status = write_part(run, batch);
    if (status == CLEAT_OK)
        status = train_part(run, 0, batch);
    if (status == CLEAT_OK && rest > 0)
        status = train_part(run, 0, rest);
    float loss;
    if (status == CLEAT_OK)
        status = read_loss(run, 0, batch, &loss);
    run->steps_done = 0;
    return status;
}

static cleat_status try_evaluation(training *run) {
    int64_t count = smaller(run->part, run->test->count), rest = run->test->count % run->part;
    gather(run, run->test, NULL, 0);
    cleat_status status = classify_part(run, 0, count);
    if (status == CLEAT_OK && rest > 0)
        status = classify_part(run, 0, rest);
    return status;
}

bool training_prepare(training *run, problem *why) {
    cleat_status status = try_training(run);
    if (status == CLEAT_OK)
        status = try_evaluation(run);
    if (status == CLEAT_OK)
        status = network_initialise(run->net, run->seed);
    if (status == CLEAT_OK)
        status = cleat_finish(run->context);
    return problem_check(why, status, "preparing the kernels");
}
