/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a batch queue is made of. A call is an item on its caller's stack; items that can share a
 * batch wait in one group, earliest deadline first. The queue's thread takes a batch out of a group
 * under the mutex and runs it without (batch_run.c); nobody else looks at these items meanwhile.
 */
#ifndef CLEAT_GRAPH_BATCH_ITEMS_H
#define CLEAT_GRAPH_BATCH_ITEMS_H

#include "core/process_mark.h"
#include "graph/graph_program.h"
#include <cleat/batch.h>

enum { BATCH_MESSAGE = 1024, BATCH_LONGEST_LATENCY = 86400 /* seconds */ };

typedef struct batch_item {
    struct batch_item *next; /* in its group */
    const cleat_host_tensor *inputs;
    cleat_host_tensor *outputs;
    const bool *is_given; /* of each output: the memory is the caller's */
    int64_t rows;
    double began, deadline; /* on clock_seconds() */
    pthread_cond_t done;
    bool is_done;
    cleat_status status;
    cleat_batch_info info;
    char message[BATCH_MESSAGE]; /* of a failure */
} batch_item;

typedef struct batch_group {
    struct batch_group *next;
    batch_item *first;
    int64_t rows; /* of all its items */
} batch_group;

typedef enum batch_state { BATCH_OPEN, BATCH_DRAINING, BATCH_STOPPED } batch_state;

/* Memory that grows. */
typedef struct batch_room {
    void *elements;
    size_t size;
} batch_room;

struct cleat_batch_queue {
    cleat_model *model; /* borrowed */
    size_t input_count, output_count;
    int64_t most_rows;
    double latency;
    size_t most_waiting;
    bool refuse_when_full, round_up, is_fixed;
    process_mark mark;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below, down to the statistics */
    pthread_cond_t work;   /* for the queue's thread: an item, or a stop */
    pthread_cond_t room;   /* for callers: a place, or a stop */
    pthread_cond_t left; /* for who stops: the thread has ended; for who releases: nobody inside */
    batch_state state;
    bool has_ended;
    batch_group *groups;
    size_t waiting, inside;
    cleat_batch_queue_statistics told;
    /* Of the queue's thread alone: */
    batch_item **taken;
    size_t taken_count;
    uint64_t batches;
    uint64_t filled;
    cleat_buffer **buffers; /* of inputs, as large as was needed so far */
    cleat_tensor *inputs, *outputs;
    batch_room staging;
};

/* A queue of this process. */
cleat_status batch_check_queue(const char *operation, const cleat_batch_queue *queue);

/* Runs the items that are taken; each has its status afterwards. */
void batch_run(cleat_batch_queue *queue);
/* What that keeps between batches. */
void batch_run_free(cleat_batch_queue *queue);
/* Frees what an item that failed was given. */
void batch_item_fail(
    const cleat_batch_queue *queue, batch_item *item, cleat_status status, const char *message);

#endif
