/* SPDX-License-Identifier: Apache-2.0 */
/* What an RNN, LSTM or GRU node tells, and its run on the host. */
#ifndef CLEAT_GRAPH_RECURRENT_SHAPE_H
#define CLEAT_GRAPH_RECURRENT_SHAPE_H

#include "graph/run.h"
#include <cleat/activation.h>
#include <cleat/recurrent.h>

typedef enum recurrent_kind { KIND_RNN, KIND_LSTM, KIND_GRU } recurrent_kind;

typedef struct cell_function {
    double (*function)(double x, double alpha, double beta);
    double alpha, beta;
    cleat_activation activation; /* the same on the device; none where it has parameters */
} cell_function;

typedef struct recurrent_shape {
    recurrent_kind kind;
    int gates; /* 1, 4, 3 */
    cleat_recurrent_direction direction;
    int64_t directions, steps, batch, inputs, hidden;
    bool batch_first; /* layout 1 */
    bool is_usual;    /* the usual functions, no clipping, no coupled gates */
    bool linear_before_reset, couples_gates;
    double clip; /* 0: none */
    cell_function functions[6];
    int64_t y[4], state[3]; /* shapes of the outputs */
} recurrent_shape;

cleat_status recurrent_read(const call *c, recurrent_shape *s);
/* Of each sequence; the steps where the node does not tell. */
cleat_status recurrent_lengths(call *c, const recurrent_shape *s, int64_t **lengths);
cleat_status recurrent_host(call *c);

#endif
