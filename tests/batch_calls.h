/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of batch queues, for test_batch_queue*.c: a model whose every row shows where it went, and
 * callers in threads. Functions that run in threads use no Check, which knows one thread. */
#ifndef CLEAT_TESTS_BATCH_CALLS_H
#define CLEAT_TESTS_BATCH_CALLS_H

#include "harness.h"

#include <pthread.h>

enum { BATCH_IN = 37, BATCH_OUT = 19, BATCH_MOST_OWN = 3, BATCH_CALLERS = 12, BATCH_MOST = 500 };

double batch_now(void);
void batch_nap(double seconds); /* below 1 */

/* A node of one or two inputs, named as its output; b may be NULL. */
void batch_node(cleat_graph *graph, const char *type, const char *a, const char *b, const char *y);
/* The graph's model, which lets go of the graph. */
cleat_model *batch_ready(cleat_graph *graph);
/* product = x w + k for any number of rows of x, -1, or `rows`, k being one number; and its tanh.
 */
cleat_graph *batch_product_graph(int64_t rows);
cleat_model *batch_product(int64_t rows);
cleat_batch_queue *batch_queue(cleat_model *model, cleat_batch_queue_options options);

/* A call of that model and what it gave. */
typedef struct batch_call {
    int64_t rows;
    float x[BATCH_MOST_OWN * BATCH_IN], k;
    float product[BATCH_MOST_OWN * BATCH_OUT], curved[BATCH_MOST_OWN * BATCH_OUT];
    cleat_batch_info info;
    cleat_status status;
    char message[200];
    double took; /* seconds */
} batch_call;

/* Draws 1 .. most_own rows. */
void batch_draw(batch_call *c, int64_t most_own);
/* latency NULL: the queue's. */
void batch_make(cleat_batch_queue *queue, batch_call *c, const double *latency);
/* All calls that were made of a queue have succeeded; the model, run by hand on each batch as it
 * was put together, gives the same bits. */
void batch_check(cleat_model *model, batch_call *calls, int count);

/* Threads that make their calls one after the other. */
typedef struct batch_caller {
    cleat_batch_queue *queue;
    batch_call *calls;
    int count;
} batch_caller;
void batch_begin(pthread_t *threads, batch_caller *callers, int count);
void batch_end(pthread_t *threads, int count);
/* Returns when so many calls wait. */
void batch_wait_until_waiting(cleat_batch_queue *queue, uint64_t count);

#endif
