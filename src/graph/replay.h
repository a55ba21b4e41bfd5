/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings of a model's runs, by the types, shapes and strides of its inputs. A first run with
 * new ones goes node by node, and the lifetimes of its memory are noted; a second one has its
 * memory laid out (memory_plan.h) and is recorded (core/recording.h); from the third on it is
 * replayed. The inputs' buffers, and those of outputs that nothing else refers to, are put in the
 * place of the recorded ones, so that nothing is copied. Runs that look at results on the host, or
 * draw random numbers, are never recorded.
 */
#ifndef CLEAT_GRAPH_REPLAY_H
#define CLEAT_GRAPH_REPLAY_H

#include "core/recording.h"
#include "graph/graph_program.h"

typedef struct replay replay;
typedef struct replay_cache replay_cache;

/* At most `bound` of them, 0: none. */
cleat_status replay_cache_create(cleat_model *model, size_t bound, replay_cache **made);
void replay_cache_free(replay_cache *cache); /* NULL is accepted */

/* What is kept for these inputs, made where there is nothing yet; NULL where nothing is to be, as
 * while a plan is open. Inputs have been checked. */
cleat_status replay_find(replay_cache *cache, const cleat_tensor *inputs, replay **found);
bool replay_is_ready(const replay *r);

/* Repeats the run: outputs as of cleat_model_run(), left alone on failure. */
cleat_status replay_run(replay *r, const cleat_tensor *inputs, cleat_tensor *outputs);

/* Around a run of the program that is not repeated. */
void replay_before(replay *r);
void replay_after(
    replay *r, const cleat_tensor *inputs, const run_value *outputs, bool is_repeatable);

typedef struct replay_statistics {
    size_t recordings, launches; /* launches: of the run last repeated or recorded */
    size_t planned_bytes;        /* arenas and outputs, of the same */
    size_t wanted_bytes;         /* the sum of its values' */
} replay_statistics;

replay_statistics replay_statistics_of(const replay_cache *cache);

#endif
