/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleat (OpenCL Embeddable Accelerated Tensors): neural-network maths on any OpenCL device.
 *
 * This header brings in the whole public interface that needs no OpenCL types. Programs that hand
 * Cleat their own OpenCL objects, or borrow Cleat's, include <cleat/opencl.h> as well.
 *
 * Conventions of every operation:
 *  - Operands are arguments, inputs first, then outputs; choices are fields of an options struct,
 *    last. NULL options mean all defaults, and zero in a field means that field's default.
 *  - A call checks everything first. A call that is refused, or lacks memory or a kernel, enqueues
 *    nothing, leaves its outputs as they were and the context usable; cleat_error_message() tells
 *    why. Where the driver fails a later part of a call, the parts before it have been enqueued.
 *  - A call that succeeds has enqueued its work and returns without waiting for it, but for the
 *    first use of a variant where variants are checked (cleat_verification in <cleat/context.h>),
 *    which waits for all that is enqueued. Work runs in the order of the calls. cleat_read() waits
 *    for what it reads; cleat_finish() for all.
 *  - Outputs must not overlap inputs unless the operation says so, nor themselves (a broadcast view
 *    is no output). Any strides are accepted unless the operation says otherwise.
 *  - A context may be shared by threads. Zero-size tensors are legal everywhere.
 */
#ifndef CLEAT_CLEAT_H
#define CLEAT_CLEAT_H

#include <cleat/activation.h>
#include <cleat/attention.h>
#include <cleat/batch.h>
#include <cleat/cache.h>
#include <cleat/compare.h>
#include <cleat/compute.h>
#include <cleat/context.h>
#include <cleat/conv.h>
#include <cleat/elementwise.h>
#include <cleat/graph.h>
#include <cleat/index.h>
#include <cleat/inspect.h>
#include <cleat/layout.h>
#include <cleat/loss.h>
#include <cleat/matmul.h>
#include <cleat/memory.h>
#include <cleat/normalization.h>
#include <cleat/optimizer.h>
#include <cleat/packed.h>
#include <cleat/plan.h>
#include <cleat/pool.h>
#include <cleat/profile.h>
#include <cleat/random.h>
#include <cleat/recurrent.h>
#include <cleat/reduce.h>
#include <cleat/resize.h>
#include <cleat/rotary.h>
#include <cleat/schedule.h>
#include <cleat/softmax.h>
#include <cleat/status.h>
#include <cleat/tensor.h>
#include <cleat/training.h>
#include <cleat/tuning.h>
#include <cleat/unary.h>
#include <cleat/version.h>

#endif
