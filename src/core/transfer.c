/* SPDX-License-Identifier: Apache-2.0 */
#include "core/transfer.h"
#include "core/context_state.h"
#include "core/queue_command.h"
#include "core/tensor_check.h"
#include <stdlib.h>
#include <string.h>

static cleat_status check_host_data(
    const char *operation, const cleat_tensor *x, const void *data, size_t size) {
    char text[SHAPE_TEXT_SIZE];
    size_t wanted = (size_t)cleat_tensor_count(x) * cleat_type_size(x->type);
    REFUSE_IF(size != wanted, CLEAT_INVALID_ARGUMENT,
        "%s: %zu bytes of host memory, but x, %s %s, has %zu", operation, size,
        cleat_type_name(x->type), shape_text(x->rank, x->shape, text), wanted);
    REFUSE_IF(data == NULL && size > 0, CLEAT_INVALID_ARGUMENT, "%s: data is NULL", operation);
    return CLEAT_OK;
}

/* With the mutex held: whether a command of so many bytes is only planned; then it is counted, and
 * the mutex given back. */
static bool is_planned(cleat_context *context, double bytes) {
    plan *p = plan_current(context);
    if (p == NULL) {
        return false;
    }
    plan_count(p, 0, bytes);
    pthread_mutex_unlock(&context->mutex);
    return true;
}

/* The end of a transfer to or from host memory: takes it into the profile, gives the mutex back and
 * waits, so that other threads go on meanwhile. */
static cleat_status finish_move(cleat_context *context, measure *m, const char *operation,
    const char *call, cl_int error, cl_event event, size_t size) {
    cleat_status status = status_from_cl(error, call);
    if (status == CLEAT_OK) {
        if (m->event_wanted && clRetainEvent(event) == CL_SUCCESS) {
            m->event = event;
        }
        status = measure_end(context, m, operation, call, 0, (double)size);
    }
    pthread_mutex_unlock(&context->mutex);
    if (error == CL_SUCCESS) {
        /* Whatever happened meanwhile: the host memory is in use until then. */
        error = clWaitForEvents(1, &event);
        if (error != CL_SUCCESS) {
            clFinish(context->queue); /* it may be so still */
        }
        clReleaseEvent(event);
        status = status == CLEAT_OK ? status_from_cl(error, call) : status;
    }
    return status == CLEAT_OK ? CLEAT_OK : status_prefix(status, operation);
}

static cleat_status write_bytes(
    cleat_context *context, cl_mem memory, size_t offset, const void *data, size_t size) {
    cl_event event = NULL;
    pthread_mutex_lock(&context->mutex);
    if (is_planned(context, (double)size)) {
        return CLEAT_OK;
    }
    measure m = measure_begin(context);
    cl_int error =
        clEnqueueWriteBuffer(context->queue, memory, CL_FALSE, offset, size, data, 0, NULL, &event);
    recording *r = recording_current(context);
    if (r != NULL) {
        recording_add_write(r, memory, offset, data, size);
    }
    return finish_move(context, &m, "write", "clEnqueueWriteBuffer", error, event, size);
}

static cleat_status read_bytes(
    cleat_context *context, cl_mem memory, size_t offset, void *data, size_t size) {
    cl_event event = NULL;
    pthread_mutex_lock(&context->mutex);
    if (is_planned(context, (double)size)) {
        return CLEAT_OK;
    }
    measure m = measure_begin(context);
    cl_int error =
        clEnqueueReadBuffer(context->queue, memory, CL_FALSE, offset, size, data, 0, NULL, &event);
    recording_spoil(recording_current(context));
    return finish_move(context, &m, "read", "clEnqueueReadBuffer", error, event, size);
}

static size_t byte_offset(const cleat_tensor *x) {
    return (size_t)x->offset * cleat_type_size(x->type);
}

/* The same shape without gaps, from offset 0, for a stand-in in scratch memory. */
static cleat_tensor packed_like(const cleat_tensor *x) {
    cleat_tensor packed = *x;
    packed.offset = 0;
    int64_t stride = 1;
    for (int32_t i = x->rank - 1; i >= 0; i--) {
        packed.stride[i] = stride;
        stride *= x->shape[i];
    }
    return packed;
}

cleat_status cleat_write(cleat_context *context, cleat_tensor x, const void *data, size_t size) {
    TRY(check_context("write", context));
    TRY(check_output("write", "x", context, &x, 0));
    TRY(check_host_data("write", &x, data, size));
    if (size == 0) {
        return CLEAT_OK;
    }
    if (cleat_tensor_is_contiguous(&x)) {
        return write_bytes(context, x.buffer->memory, byte_offset(&x), data, size);
    }
    void *scratch = NULL;
    cleat_tensor packed = packed_like(&x);
    TRY(scratch_acquire(context, size, &scratch));
    cleat_status status = write_bytes(context, scratch, 0, data, size);
    if (status == CLEAT_OK) {
        status = transfer_elements(context, "write", &packed, scratch, &x, NULL);
    }
    scratch_release(context, scratch);
    return status;
}

cleat_status cleat_read(cleat_context *context, cleat_tensor x, void *data, size_t size) {
    TRY(check_context("read", context));
    TRY(check_tensor("read", "x", context, &x, 0));
    TRY(check_host_data("read", &x, data, size));
    if (size == 0) {
        return CLEAT_OK;
    }
    if (cleat_tensor_is_contiguous(&x)) {
        return read_bytes(context, x.buffer->memory, byte_offset(&x), data, size);
    }
    void *scratch = NULL;
    cleat_tensor packed = packed_like(&x);
    TRY(scratch_acquire(context, size, &scratch));
    cleat_status status = transfer_elements(context, "read", &x, NULL, &packed, scratch);
    if (status == CLEAT_OK) {
        status = read_bytes(context, scratch, 0, data, size);
    }
    scratch_release(context, scratch);
    return status;
}

static launch_argument memory_argument(cl_mem memory) {
    launch_argument a = {.kind = ARGUMENT_MEMORY, .size = sizeof memory};
    a.value.memory = memory;
    return a;
}

/* Runs a command on the device alone, for which there is nothing to wait, unless it is planned. */
static cleat_status run_command(cleat_context *context, const command *c) {
    pthread_mutex_lock(&context->mutex);
    if (is_planned(context, c->bytes)) {
        return CLEAT_OK;
    }
    cleat_status status = command_run(context, c);
    pthread_mutex_unlock(&context->mutex);
    return status;
}

/* Bytes in one piece on both sides: the driver's own copy. */
static cleat_status copy_bytes(cleat_context *context, const char *operation, cl_mem from,
    size_t from_offset, cl_mem to, size_t to_offset, size_t size) {
    const launch_argument both[2] = {memory_argument(to), memory_argument(from)};
    return run_command(context, &(command){.kind = COMMAND_COPY,
                                    .operation = operation,
                                    .name = "clEnqueueCopyBuffer",
                                    .bytes = 2.0 * (double)size,
                                    .argument_count = 2,
                                    .arguments = both,
                                    .offset = to_offset,
                                    .from_offset = from_offset,
                                    .size = size});
}

enum {
    CPU_CHUNK = 4096,   /* elements a work-item copies on a CPU */
    CPU_FILL = 1 << 20, /* bytes from which a kernel fills faster than the driver on a CPU */
    TILE_BYTES = 64,    /* a line of memory; a tile is as many elements square */
    BLOCK_ROWS = 4,     /* lines of x in a block */
    BLOCK_COLUMNS = 32, /* and of y, at most: each row of a block is another page */
    BLOCKS_A_UNIT = 4,  /* at least, where columns are left to share */
    TURNED_GROUP = 256, /* work-items that turn a square on a GPU */
    TURNED_SIDE = 32,   /* elements of its side */
    FEW_MOST = 4,       /* elements that transfer_few brings together */
    FEW_WIDTH = 1024,   /* rows of a piece of its, at most */
    FEW_LANES = 8       /* and what it takes at a time */
};

static void swap_axes(cleat_tensor *x, int32_t i, int32_t k) {
    int64_t shape = x->shape[i];
    int64_t stride = x->stride[i];
    x->shape[i] = x->shape[k];
    x->stride[i] = x->stride[k];
    x->shape[k] = shape;
    x->stride[k] = stride;
}

/* The axis along which the elements lie closest; axes of stride 0 do not count. */
static int32_t closest_axis(const cleat_tensor *x) {
    int32_t best = -1;
    for (int32_t i = x->rank - 1; i >= 0; i--) {
        if (x->stride[i] != 0 && (best < 0 || llabs(x->stride[i]) < llabs(x->stride[best]))) {
            best = i;
        }
    }
    return best;
}

/* Brings the first `count` axes in the order of the memory of x (leader 0) or y (1). */
static void sort_axes(cleat_tensor pair[2], int32_t count, int leader) {
    const int64_t *stride = pair[leader].stride;
    for (int32_t end = 1; end < count; end++) {
        for (int32_t axis = end; axis > 0 && llabs(stride[axis - 1]) < llabs(stride[axis]);
             axis--) {
            swap_axes(&pair[0], axis - 1, axis);
            swap_axes(&pair[1], axis - 1, axis);
        }
    }
}

/* Brings the axis where y is closest to the end. Where x is closest along another one, that comes
 * before it; whether these are two long axes, so that the copy turns a matrix. Else runs are
 * copied, long ones in the order of x: what is written need not be waited for. The order of axes
 * does not matter to a copy. */
static bool order_axes(cleat_tensor pair[2], int64_t tile) {
    int32_t last = pair[0].rank - 1;
    sort_axes(pair, last + 1, 1);
    int32_t x_axis = closest_axis(&pair[0]);
    if (x_axis < 0 || x_axis == last || pair[0].stride[last] == 0) {
        if (x_axis == last && pair[0].shape[last] >= tile) {
            sort_axes(pair, last, 0);
        }
        return false;
    }
    swap_axes(&pair[0], x_axis, last - 1);
    swap_axes(&pair[1], x_axis, last - 1);
    return pair[0].shape[last] >= tile / 2 && pair[0].shape[last - 1] >= tile / 2;
}

const char *transfer_element(size_t size) {
    return size == 1 ? "uchar" : size == 2 ? "ushort" : size == 4 ? "uint" : "ulong";
}

uint64_t transfer_bits(const void *value, size_t size) {
    const unsigned char byte = *(const unsigned char *)value;
    uint16_t half = byte;
    uint32_t word = byte;
    uint64_t bits = byte;
    if (size == 2) {
        memcpy(&half, value, size);
        bits = half;
    } else if (size == 4) {
        memcpy(&word, value, size);
        bits = word;
    } else if (size == 8) {
        memcpy(&bits, value, size);
    }
    return bits;
}

/* Whether transfer_few takes this copy on a processor. */
static bool brings_few_together(const cleat_tensor *x, const cleat_tensor *y, size_t element) {
    const int32_t last = y->rank - 1;
    return last > 0 && element == 4 && y->shape[last] >= 2 && y->shape[last] <= FEW_MOST &&
           y->stride[last] == 1 && y->stride[last - 1] == y->shape[last] &&
           x->stride[last - 1] == 1 && y->shape[last - 1] >= FEW_LANES;
}

/* The macros, with the index type; the axes are filled up to `rank`. */
static void add_macros(launch *l, const cleat_tensor *x, const cleat_tensor *y, int32_t rank,
    bool tiled, bool few, bool vectors) {
    size_t element = cleat_type_size(x->type);
    int64_t tile = TILE_BYTES / (int64_t)element;
    int32_t last = y->rank - 1;
    launch_macro(l, "RANK", rank);
    launch_macro(l, "INNER", rank - 1);
    launch_macro(l, "OUTER", rank - 2);
    launch_macro(l, "TILE", tile);
    launch_macro(l, "ROWS", BLOCK_ROWS * tile);
    launch_macro(l, "COLUMNS", BLOCK_COLUMNS * tile);
    launch_macro(
        l, "UNIT", vectors && x->stride[tiled ? last - 1 : last] == 1 && y->stride[last] == 1);
    launch_macro(l, "FEW", few ? y->shape[last] : 0);
    launch_macro_text(l, "ELEMENT", transfer_element(element));
    launch_use_index64(l, tensor_needs_index64(x) || tensor_needs_index64(y) ||
                              cleat_tensor_count(y) >= INT32_MAX - CPU_CHUNK);
}

/* How many blocks cover the last two axes, times the rest. */
static int64_t blocks_of(const cleat_tensor *y, int64_t height, int64_t width) {
    int64_t rows = y->shape[y->rank - 2];
    int64_t columns = y->shape[y->rank - 1];
    return cleat_tensor_count(y) / rows / columns * ceil_div(rows, height) *
           ceil_div(columns, width);
}

/* Columns of a block: fewer, where that gives all threads something to do. */
static int64_t block_width(const device_profile *profile, const cleat_tensor *y, int64_t tile) {
    int64_t columns = y->shape[y->rank - 1];
    return piece_width(columns, blocks_of(y, BLOCK_ROWS * tile, columns), BLOCK_COLUMNS * tile,
        BLOCK_ROWS * tile, (int64_t)profile->compute_units * BLOCKS_A_UNIT);
}

/* Whether a group of a GPU's can turn a square in local memory. */
static bool has_room_to_turn(const device_profile *profile, size_t element) {
    return !profile->is_cpu && profile->max_work_group_size >= TURNED_GROUP &&
           profile->max_work_item_sizes[0] >= TURNED_GROUP &&
           profile->local_memory >= TURNED_SIDE * (TURNED_SIDE + 1) * element;
}

/* Of what the axes are cut into, and which kernel takes such pieces: pieces of `width` elements of
 * the last axis by `local` work-items. */
typedef struct copy_plan {
    const char *kernel;
    int64_t width, share, parts, items;
    size_t local;
} copy_plan;

static copy_plan cut_copy(const device_profile *profile, const cleat_tensor *y, bool turns,
    bool few, int64_t tile, size_t element) {
    const int64_t count = cleat_tensor_count(y);
    copy_plan c = {
        .kernel = "transfer_strided", .width = 1, .share = 1, .parts = count, .local = 64};
    if (few) {
        const int64_t rows = y->shape[y->rank - 2], row = y->shape[y->rank - 1];
        c.kernel = "transfer_few";
        c.width = rows < FEW_WIDTH ? rows : FEW_WIDTH;
        c.parts = blocks_of(y, c.width, row);
        c.share = ceil_div(CPU_CHUNK, c.width * row);
        c.items = ceil_div(c.parts, c.share);
        c.local = 1;
    } else if (turns && profile->is_cpu) {
        c.kernel = "transfer_tiled";
        c.width = block_width(profile, y, tile);
        c.parts = blocks_of(y, BLOCK_ROWS * tile, c.width);
        c.items = c.parts;
        c.local = 1;
    } else if (turns && has_room_to_turn(profile, element)) {
        c.kernel = "transfer_turned";
        c.parts = blocks_of(y, TURNED_SIDE, TURNED_SIDE);
        c.items = c.parts * TURNED_GROUP;
        c.local = TURNED_GROUP;
    } else {
        c.width = profile->is_cpu ? CPU_CHUNK : 1;
        c.items = ceil_div(count, c.width);
        c.local = profile->is_cpu ? 1 : 64;
    }
    return c;
}

static launch plan_copy(
    cleat_context *context, const char *operation, cleat_tensor pair[2], cl_mem from, cl_mem to) {
    const cleat_tensor *x = &pair[0];
    const cleat_tensor *y = &pair[1];
    const device_profile *profile = context_profile(context);
    const bool is_cpu = profile->is_cpu;
    const size_t element = cleat_type_size(x->type);
    const int64_t tile = is_cpu ? TILE_BYTES / (int64_t)element : TURNED_SIDE;
    const bool turns = order_axes(pair, tile);
    const bool few = is_cpu && !turns && brings_few_together(x, y, element);
    const copy_plan c = cut_copy(profile, y, turns, few, tile, element);
    const int32_t rank = y->rank <= 2 ? 2 : y->rank <= 4 ? 4 : CLEAT_MAX_RANK;
    launch l = launch_begin(operation, "transfer", c.kernel);
    add_macros(&l, x, y, rank, turns && is_cpu, few, is_cpu);
    launch_memory(&l, from);
    launch_memory(&l, to);
    l.bytes = 2.0 * (double)cleat_tensor_count(y) * (double)element;
    launch_numbers_begin(&l);
    launch_index(&l, c.parts);
    launch_index(&l, c.width);
    launch_index(&l, c.share);
    launch_index(&l, x->offset);
    launch_index(&l, y->offset);
    for (int32_t i = y->rank - rank; i < y->rank; i++) {
        launch_index(&l, i < 0 ? 1 : y->shape[i]);
        launch_index(&l, i < 0 ? 0 : x->stride[i]);
        launch_index(&l, i < 0 ? 0 : y->stride[i]);
    }
    launch_int(&l, profile_is_past_caches(profile, l.bytes));
    launch_numbers_end(&l);
    launch_size_1d(&l, (size_t)c.items, c.local);
    return l;
}

void transfer_plan(cleat_context *context, const char *operation, const cleat_tensor *x,
    void *x_memory, const cleat_tensor *y, void *y_memory, launch *l) {
    cleat_tensor pair[2] = {*x, *y};
    tensors_collapse(pair, 2);
    *l = plan_copy(context, operation, pair, x_memory != NULL ? x_memory : x->buffer->memory,
        y_memory != NULL ? y_memory : y->buffer->memory);
}

cleat_status transfer_elements(cleat_context *context, const char *operation, const cleat_tensor *x,
    void *x_memory, const cleat_tensor *y, void *y_memory) {
    cleat_tensor pair[2] = {*x, *y};
    cl_mem from = x_memory != NULL ? x_memory : x->buffer->memory;
    cl_mem to = y_memory != NULL ? y_memory : y->buffer->memory;
    tensors_collapse(pair, 2);
    if (pair[0].shape[0] == 0) {
        return CLEAT_OK;
    }
    if (cleat_tensor_is_contiguous(&pair[0]) && cleat_tensor_is_contiguous(&pair[1])) {
        size_t bytes = (size_t)cleat_tensor_count(x) * cleat_type_size(x->type);
        return copy_bytes(context, operation, from, byte_offset(x), to, byte_offset(y), bytes);
    }
    launch l = plan_copy(context, operation, pair, from, to);
    return launch_all(context, &l, 1);
}

static cleat_status fill_bytes(cleat_context *context, const char *operation, cl_mem memory,
    const void *value, size_t value_size, size_t offset, size_t size) {
    const launch_argument to = memory_argument(memory);
    command c = {.kind = COMMAND_FILL,
        .operation = operation,
        .name = "clEnqueueFillBuffer",
        .bytes = (double)size,
        .argument_count = 1,
        .arguments = &to,
        .offset = offset,
        .size = size,
        .value_size = value_size};
    memcpy(&c.value, value, value_size);
    return run_command(context, &c);
}

/* y, rank 1 and in one piece, by all threads of a processor: PoCL's own fill is one thread's. */
static cleat_status launch_fill(
    cleat_context *context, const char *operation, const void *value, const cleat_tensor *y) {
    size_t size = cleat_type_size(y->type);
    launch l = launch_begin(operation, "fill", "fill");
    launch_macro_text(&l, "ELEMENT", transfer_element(size));
    launch_use_index64(&l, tensor_needs_index64(y) || y->shape[0] >= INT32_MAX - CPU_CHUNK);
    launch_tensor(&l, y);
    launch_index(&l, y->shape[0]);
    launch_index(&l, CPU_CHUNK);
    launch_index(&l, y->offset);
    launch_ulong(&l, transfer_bits(value, size));
    launch_size_1d(&l, (size_t)ceil_div(y->shape[0], CPU_CHUNK), 1);
    l.bytes = (double)y->shape[0] * (double)size;
    return launch_all(context, &l, 1);
}

cleat_status transfer_fill(cleat_context *context, const char *operation, const void *value,
    size_t size, const cleat_tensor *y) {
    cleat_tensor flat = *y;
    tensors_collapse(&flat, 1);
    if (flat.shape[0] == 0) {
        return CLEAT_OK;
    }
    if (cleat_tensor_is_contiguous(&flat)) {
        size_t bytes = (size_t)flat.shape[0] * size;
        if (context_profile(context)->is_cpu && bytes >= CPU_FILL) {
            return launch_fill(context, operation, value, &flat);
        }
        return fill_bytes(
            context, operation, y->buffer->memory, value, size, byte_offset(&flat), bytes);
    }
    /* One element in scratch memory, broadcast. */
    void *scratch = NULL;
    cleat_tensor one = flat;
    one.offset = 0;
    for (int32_t i = 0; i < one.rank; i++) {
        one.stride[i] = 0;
    }
    TRY(scratch_acquire(context, size, &scratch));
    cleat_status status = fill_bytes(context, operation, scratch, value, size, 0, size);
    if (status == CLEAT_OK) {
        status = transfer_elements(context, operation, &one, scratch, &flat, NULL);
    }
    scratch_release(context, scratch);
    return status;
}
