/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread enqueues on a context, kept so that it can be enqueued again without checks, choice
 * of kernels or allocation: a graph's run whose shapes repeat.
 *
 * While a recording is open its thread's commands run as always. Kernels, copies and fills are kept
 * with their arguments, what is written from the host with its bytes. What depends on more than
 * that (reading to the host, a provider's work such as CLBlast's, a call that is refused room)
 * makes a recording one that cannot be replayed. Scratch memory that is borrowed meanwhile stays
 * the recorder's: the context's pool would lend it to other threads, whose calls a replay must not
 * come between; trimming the context leaves it alone. Memory objects are retained; buffers that
 * are named again each time are the caller's to keep, and where the user's allocator gets memory
 * back meanwhile, which it could give to somebody else, there is no replay either.
 *
 * Replays count in profile and statistics like other commands. A context has one open recording.
 */
#ifndef CLEAT_CORE_RECORDING_H
#define CLEAT_CORE_RECORDING_H

#include "core/queue_command.h"
#include "core/scratch_pool.h"

/* Scratch memory of recordings whose replays never run at the same time. */
typedef struct recorder recorder;
typedef struct recording recording;

cleat_status recorder_create(cleat_context *context, recorder **made);
/* After its recordings; NULL is accepted. */
void recorder_free(recorder *r);

/* Opens one for this thread; *made is NULL where another is open on the context, or a plan of this
 * thread's. */
cleat_status recording_begin(recorder *with, recording **made);
/* Closes it, and tells whether it can be replayed. `buffers` are those that a replay may name
 * others for; they are not retained. */
bool recording_end(recording *r, size_t count, cleat_buffer *const *buffers);
/* Enqueues everything again, in order, with no other thread's work between; buffers[i], of at least
 * the size, in the place of the i-th of recording_end(). */
cleat_status recording_replay(recording *r, cleat_buffer *const *buffers);
/* How many commands it has. */
size_t recording_length(const recording *r);
void recording_free(recording *r); /* NULL is accepted */

/* Whether two buffers are of one memory object, and whether they may have bytes in common. */
bool buffers_are_same(const cleat_buffer *a, const cleat_buffer *b);
bool buffers_share_memory(const cleat_buffer *a, const cleat_buffer *b);

/* ---- For the files of core, with the context's mutex held ---- */

/* The calling thread's, NULL for none. */
recording *recording_current(const cleat_context *context);
void recording_add(recording *r, const command *c);
/* What was written to memory from the host. */
void recording_add_write(
    recording *r, void *cl_mem_object, size_t offset, const void *data, size_t size);
void recording_spoil(recording *r); /* it cannot be replayed; NULL is accepted */
scratch_pool *recording_scratch(recording *r);

#endif
