/* SPDX-License-Identifier: Apache-2.0 */
/* How a test program gets at the layer of layer.h, and what it asks of it again and again. */
#ifndef CLEAT_TESTS_FAULTS_LAYER_CONTROL_H
#define CLEAT_TESTS_FAULTS_LAYER_CONTROL_H

#include "layer.h"

#include <cleat/cleat.h>

/* The layer, at work; NULL, and the reason is printed once, where the loader has no layers. The
 * first call comes before anything that uses OpenCL. */
fault_layer *layer_open(void);

/* The same, once, whatever the number of calls, and the library's memory comes from a heap some of
 * whose allocations are armed like calls. To be called before the library has any. */
fault_layer *layer_open_with_heap(void);

/* From now on call number n (1: the next one) of any entry point fails with this code; `lasting`:
 * and all that follow. */
void layer_arm(int n, int32_t code, bool lasting);
/* The same of calls of one entry point. */
void layer_arm_entry(layer_entry entry, int n, int32_t code, bool lasting);
/* From now on none fails; what happened stands until the next layer_arm(). */
void layer_disarm(void);
/* Whether a call has failed since layer_arm(). */
bool layer_has_failed(void);

/* "clBuildProgram", ..., "an allocation", "nothing" */
const char *layer_entry_name(int entry);
/* Which call failed first since layer_arm(). */
const char *layer_failed_name(void);

/* The status that a call of the library's gives which `entry` failed with this code. */
cleat_status layer_status(int entry, int32_t code);

/* Makes the thread's error message one that no fault leaves. */
void layer_clear_message(void);
/* Whether there has been a failure with a message since. */
bool layer_has_message(void);

/* Switches everything off; references held, of all kinds. */
void layer_reset(void);
int layer_alive(void);

#endif
