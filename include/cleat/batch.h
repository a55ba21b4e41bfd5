/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many callers, one model: threads hand in single inputs, a queue makes batches of them, runs the
 * model once for each batch, and gives everyone the rows that are theirs.
 *
 *     cleat_batch_queue *queue;
 *     cleat_batch_queue_create(model, &(cleat_batch_queue_options){.latency = 0.002}, &queue);
 *     ...                                             in any number of threads, at the same time:
 *     cleat_host_tensor y = {0};
 *     cleat_host_tensor x = {CLEAT_F32, 4, {1, 3, 224, 224}, sizeof image, image};
 *     cleat_batch_queue_run(queue, &x, 1, &y, 1, NULL);       returns with the result of this image
 *     cleat_host_tensor_release(&y);
 *     ...
 *     cleat_batch_queue_stop(queue, true);
 *     cleat_batch_queue_release(queue);
 *
 * The first axis of a model's inputs and outputs counts what is computed side by side: rows here.
 * What a row's result is must not depend on the other rows, but for rounding.
 */
#ifndef CLEAT_BATCH_H
#define CLEAT_BATCH_H

#include <cleat/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A tensor in host memory: row-major elements. */
typedef struct cleat_host_tensor {
    cleat_type type;
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    size_t size; /* bytes */
    void *elements;
} cleat_host_tensor;

/* Frees elements that Cleat has allocated, and leaves zeros. NULL is accepted. */
CLEAT_API void cleat_host_tensor_release(cleat_host_tensor *tensor);

typedef struct cleat_batch_queue cleat_batch_queue;

typedef struct cleat_batch_queue_options {
    /* Rows of a batch at most, up to 65536. 0: 32, or what the model's inputs fix. */
    int64_t most_rows;
    /* Seconds, up to 86400, that a call waits for others to join its batch, where none of its own
     * says so. After them its batch runs, as soon as the one before it is through; it runs earlier
     * when it is full. 0: what has come while a batch ran goes together, nobody waits otherwise. */
    double latency;
    /* Calls that wait at most, without those whose batch runs. 0: 1024. */
    size_t most_waiting;
    /* When there are so many: the next one is refused, CLEAT_QUEUE_FULL. Else it waits for room,
     * and its latency begins before. */
    bool refuse_when_full;
    /* Batches are filled up with copies of their last row, to a power of two or to most_rows, so
     * that a model meets few shapes: it keeps a recording for each
     * (cleat_model_options.recordings), and kernels may have to be built for one. */
    bool round_up;
    uint64_t reserved[12];
} cleat_batch_queue_options;

/*
 * Makes a queue, with a thread of its own, in which the model runs. The model is borrowed, and may
 * be used beside. A model whose inputs fix their first extent gets batches of exactly so many rows,
 * filled up as by round_up. Any thread. Errors: CLEAT_INVALID_ARGUMENT, CLEAT_UNSUPPORTED (no input
 * has rows, or two fix different numbers of them), CLEAT_OUT_OF_HOST_MEMORY (also for a thread),
 * CLEAT_DEVICE_LOST in a child of the process that made the context.
 */
CLEAT_API cleat_status cleat_batch_queue_create(
    cleat_model *model, const cleat_batch_queue_options *options, cleat_batch_queue **queue);

/* Stops it, as cleat_batch_queue_stop() without draining, waits until callers inside have left, and
 * frees it; the model stays. No call may begin once this has. NULL is accepted. */
CLEAT_API void cleat_batch_queue_release(cleat_batch_queue *queue);

/* What became of a call. */
typedef struct cleat_batch_info {
    uint64_t batch;    /* number of the batch, from 1 */
    int64_t rows;      /* that the model was run with, filled up */
    int64_t first_row; /* of them, where this call's begin */
    double waited;     /* seconds before the batch began */
    double ran;        /* seconds that the batch took */
    uint64_t reserved[4];
} cleat_batch_info;

typedef struct cleat_batch_run_options {
    const double *latency;  /* in the place of the queue's */
    cleat_batch_info *info; /* where to tell; only when the call succeeds */
    uint64_t reserved[6];
} cleat_batch_run_options;

/*
 * Gives the model's inputs for one row, or a few that stay together, and returns with the outputs
 * for them. Any number of threads at a time.
 *   inputs    in the model's order, read until the call returns. The first extent counts rows, the
 *             same in each; an input of rank 0 is for all rows, and calls go into one batch only
 *             where they have the same bits there. Likewise only calls of the same types and the
 *             same other extents share a batch, earliest end of latency first.
 *   outputs   elements NULL: memory is allocated, which the caller releases with
 *             cleat_host_tensor_release(). Else `size` bytes, exactly the result's, are written to
 *             `elements`; type, rank and shape are set in any case.
 * The results are the bits that cleat_model_run() gives for the whole batch. Where a batch of
 * several calls fails it is run again in halves, so that an error reaches only whom it belongs to.
 * When the call fails nothing is allocated, and given outputs may be partly written.
 * Errors: CLEAT_INVALID_ARGUMENT, CLEAT_SHAPE_MISMATCH, CLEAT_TYPE_MISMATCH (this call alone is
 * refused, at once, where the model's declarations tell), CLEAT_QUEUE_FULL, CLEAT_STOPPED,
 * CLEAT_UNSUPPORTED (an output does not have as many rows), what cleat_model_run() returns.
 */
CLEAT_API cleat_status cleat_batch_queue_run(cleat_batch_queue *queue,
    const cleat_host_tensor *inputs, size_t input_count, cleat_host_tensor *outputs,
    size_t output_count, const cleat_batch_run_options *options);

/*
 * From here on calls get CLEAT_STOPPED. Those that wait are run at once with `drain`, else get
 * CLEAT_STOPPED, too; a batch that runs ends well. Returns when no call waits or runs any more; may
 * be called again, and without `drain` while another thread drains. Any thread. Errors:
 * CLEAT_INVALID_ARGUMENT, CLEAT_DEVICE_LOST.
 */
CLEAT_API cleat_status cleat_batch_queue_stop(cleat_batch_queue *queue, bool drain);

typedef struct cleat_batch_queue_statistics {
    uint64_t calls;   /* that went into batches */
    uint64_t rows;    /* theirs */
    uint64_t filled;  /* rows that batches were filled up with */
    uint64_t batches; /* runs of the model, with those that failed */
    uint64_t failed;  /* calls in batches that got an error */
    uint64_t refused; /* calls that found the queue full */
    uint64_t waiting; /* at the moment */
    uint64_t reserved[5];
} cleat_batch_queue_statistics;

/* Any thread. CLEAT_INVALID_ARGUMENT, CLEAT_DEVICE_LOST. */
CLEAT_API cleat_status cleat_batch_queue_get_statistics(
    cleat_batch_queue *queue, cleat_batch_queue_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
