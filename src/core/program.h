/* SPDX-License-Identifier: Apache-2.0 */
/* From the files of cl/ to a built cl_program. */
#ifndef CLEAT_CORE_PROGRAM_H
#define CLEAT_CORE_PROGRAM_H

#include "core/launch.h"
#include "core/opencl_calls.h"
#include "core/source.h"

/* Builds family + macros for the context's device: from the disk cache if it is there. Else it goes
 * there, or *unstored, which the caller frees, becomes the key under which it shall later. Call
 * with the build mutex held, by this thread or for it, and without the context's mutex. */
cleat_status program_build(
    cleat_context *context, const launch *l, cl_program *program, text_builder *unstored);

#endif
