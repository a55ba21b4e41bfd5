/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's allocators: everything passes through them, and each allocation may fail. */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "harness.h"

#include <cleat/opencl.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- Host memory ---- */

/* A caller's allocator: counts, marks its pieces, and fails at one of them. */
typedef struct counted_heap {
    atomic_llong asked, alive;
    long long fails_at; /* that many-th request fails; 0: none */
    atomic_int foreign; /* pieces given back that are not from here */
} counted_heap;

typedef struct piece {
    uint64_t mark;
    max_align_t content[];
} piece;

static const uint64_t piece_mark = UINT64_C(0x636c656174686561);

static void *heap_resize(void *data, void *memory, size_t size) {
    counted_heap *heap = data;
    piece *old = memory != NULL ? (piece *)((char *)memory - offsetof(piece, content)) : NULL;
    if (old != NULL && old->mark != piece_mark) {
        atomic_fetch_add(&heap->foreign, 1);
        return NULL;
    }
    if (atomic_fetch_add(&heap->asked, 1) + 1 == heap->fails_at || size == 0) {
        return NULL;
    }
    piece *made = realloc(old, offsetof(piece, content) + size);
    if (made == NULL) {
        return NULL;
    }
    if (old == NULL) {
        memset(made->content, 0xA5, size);
        atomic_fetch_add(&heap->alive, 1);
    }
    made->mark = piece_mark;
    return made->content;
}

static void *heap_allocate(void *data, size_t size) {
    return heap_resize(data, NULL, size);
}

static void heap_release(void *data, void *memory) {
    counted_heap *heap = data;
    piece *old = (piece *)((char *)memory - offsetof(piece, content));
    if (memory == NULL || old->mark != piece_mark) {
        atomic_fetch_add(&heap->foreign, 1);
        return;
    }
    old->mark = 0;
    atomic_fetch_sub(&heap->alive, 1);
    free(old);
}

static cleat_host_allocator functions_of(counted_heap *heap) {
    return (cleat_host_allocator){heap_allocate, heap_resize, heap_release, heap, {0}};
}

/* Forwards nothing: after a failure the rest is passed over, and all is given back. */
#define STEP(call) (status = status == CLEAT_OK ? (call) : status)

enum { SIDE = 6, X = 0, W, Y, PADDED, JOINED, NORM, TENSORS };

static const int64_t shapes[TENSORS][4] = {{1, 1, SIDE, SIDE}, {1, 1, 3, 3}, {1, 1, SIDE, SIDE},
    {1, 1, SIDE + 2, SIDE + 2}, {2, 1, SIDE, SIDE}, {1, 1, 1, 1}};

/* Operations that take host memory of their own. */
static cleat_status operate(cleat_context *context, cleat_tensor *t, cleat_packed **packed) {
    cleat_status status = CLEAT_OK;
    const float values[SIDE * SIDE] = {3, 4};
    float norm = 0;
    const int64_t around[4] = {0, 0, 1, 1};
    const cleat_pad_options reflect = {.mode = CLEAT_PAD_REFLECT};
    const cleat_conv2d_options same = {.padding = {1, 1, 1, 1}};
    for (int i = 0; i < TENSORS; i++) {
        STEP(cleat_tensor_create(context, CLEAT_F32, 4, shapes[i], &t[i]));
    }
    STEP(cleat_write(context, t[X], values, sizeof values));
    STEP(cleat_fill(context, 1, t[W]));
    STEP(cleat_plan_begin(context));
    if (status == CLEAT_OK) {
        status = cleat_matmul(context, t[X], t[X], t[Y], NULL);
        const cleat_status ended = cleat_plan_end(context, NULL);
        status = status == CLEAT_OK ? ended : status;
    }
    STEP(cleat_matmul_pack(context, t[X], packed));
    STEP(cleat_conv2d(context, t[X], t[W], t[Y], &same));
    STEP(cleat_conv2d_backward_data(context, t[Y], t[W], t[X], &same));
    STEP(cleat_write(context, t[X], values, sizeof values));
    STEP(cleat_pad(context, t[X], around, around, t[PADDED], &reflect));
    STEP(cleat_pad_backward(context, t[PADDED], around, around, t[Y], &reflect));
    STEP(cleat_concat(context, 2, (cleat_tensor[]){t[X], t[X]}, 0, t[JOINED]));
    STEP(cleat_reshape(t[NORM], 0, NULL, &t[NORM]));
    STEP(cleat_clip_gradient_norm(context, 1, &t[JOINED], 1, &t[NORM]));
    STEP(cleat_read(context, t[NORM], &norm, sizeof norm));
    if (status == CLEAT_OK && fabs((double)norm - sqrt(50)) > 1e-5) {
        ck_abort_msg("norm %g, not %g", (double)norm, sqrt(50));
    }
    return status;
}

/* A context's life; what failed first. */
static cleat_status live(const cleat_context_options *options) {
    cleat_context *context = NULL;
    cleat_tensor t[TENSORS] = {{0}};
    cleat_packed *packed = NULL;
    cleat_device_info devices[8];
    size_t count;
    cleat_status status = cleat_devices(8, devices, &count);
    STEP(cleat_context_create(options, &context));
    if (status == CLEAT_OK) {
        status = operate(context, t, &packed);
    }
    for (int i = 0; i < TENSORS; i++) {
        cleat_tensor_release(&t[i]);
    }
    cleat_packed_release(packed);
    cleat_context_release(context);
    return status;
}

START_TEST(host_memory_comes_from_the_caller) {
    counted_heap heap = {0};
    const cleat_host_allocator own = functions_of(&heap);
    test_ok(cleat_set_host_allocator(&own));
    test_ok(live(NULL));
    ck_assert_int_gt(heap.asked, 20);
    ck_assert_int_eq(heap.alive, 0);
    ck_assert_int_eq(heap.foreign, 0);
    ck_assert_uint_eq(cleat_host_allocations(), 0);
    const long long asked = heap.asked;
    test_ok(cleat_set_host_allocator(NULL));
    test_ok(live(NULL));
    ck_assert_int_eq(heap.asked, asked);
}
END_TEST

/* Fails one allocation after the other. What the library can do without, as an entry of the disk
 * cache, it may go without; else the call says that there is no memory. */
START_TEST(each_allocation_of_host_memory_may_fail) {
    counted_heap heap = {0};
    const cleat_host_allocator own = functions_of(&heap);
    test_ok(cleat_set_host_allocator(&own));
    test_ok(live(NULL));
    const long long all = heap.asked, step = test_is_short() ? 3 : 1;
    int failures = 0;
    for (long long n = 1; n <= all; n += step) {
        heap.asked = 0;
        heap.fails_at = n;
        const cleat_status status = live(NULL);
        failures += status != CLEAT_OK;
        if (status != CLEAT_OK && (status != CLEAT_OUT_OF_HOST_MEMORY ||
                                      strstr(cleat_error_message(), "host memory") == NULL)) {
            ck_abort_msg("allocation %lld of %lld: %s", n, all, cleat_error_message());
        }
        if (heap.alive != 0 || heap.foreign != 0 || cleat_host_allocations() != 0) {
            ck_abort_msg("allocation %lld of %lld: %lld pieces lost, %d foreign (%s)", n, all,
                heap.alive, heap.foreign, cleat_status_name(status));
        }
    }
    ck_assert_int_gt(failures, all / step / 3);
    heap.fails_at = 0;
    test_ok(live(NULL));
    test_ok(cleat_set_host_allocator(NULL));
}
END_TEST

/* Each allocation of a short life fails in turn: that is told, where it cannot be done without. */
static void fail_each(cleat_status (*life)(void)) {
    counted_heap heap = {0};
    const cleat_host_allocator own = functions_of(&heap);
    int failures = 0;
    test_ok(cleat_set_host_allocator(&own));
    do {
        heap.asked = 0;
        heap.fails_at++;
        ck_assert_int_lt(heap.fails_at, 200);
        const cleat_status status = life();
        failures += status != CLEAT_OK;
        ck_assert_msg(status == CLEAT_OK || (status == CLEAT_OUT_OF_HOST_MEMORY &&
                                                strstr(cleat_error_message(), "host memory")),
            "allocation %lld: %s: %s", heap.fails_at, cleat_status_name(status),
            cleat_error_message());
        ck_assert_int_eq(heap.alive, 0);
        ck_assert_int_eq(heap.foreign, 0);
    } while (heap.asked >= heap.fails_at);
    ck_assert_int_ge(failures, 4);
    test_ok(cleat_set_host_allocator(NULL));
}

static char temporary[64];

static void make_temporary(void) {
    strcpy(temporary, "/tmp/cleat-test-memory-XXXXXX");
    const int file = mkstemp(temporary);
    ck_assert_int_ge(file, 0);
    close(file);
}

/* An archive is filled, stored, and read again. */
static cleat_status live_with_archive(void) {
    static const char name[] = "0123456789abcdef0123456789abcdef";
    char found[sizeof name];
    cleat_cache_archive *archive = NULL;
    cleat_status status = cleat_cache_archive_open(NULL, &archive);
    if (status != CLEAT_OK) {
        return status;
    }
    cleat_cache_store store = cleat_cache_archive_store(archive);
    const bool kept = store.store(store.data, name, name, sizeof name);
    status = kept ? cleat_cache_archive_save(archive, temporary) : CLEAT_OUT_OF_HOST_MEMORY;
    cleat_cache_archive_close(archive);
    STEP(cleat_cache_archive_open(temporary, &archive));
    if (status == CLEAT_OK) {
        store = cleat_cache_archive_store(archive);
        ck_assert_uint_eq(store.load(store.data, name, found, sizeof found), sizeof name);
        ck_assert_str_eq(found, name);
        cleat_cache_archive_close(archive);
    }
    return status;
}

START_TEST(archives_without_memory) {
    make_temporary();
    fail_each(live_with_archive);
    unlink(temporary);
}
END_TEST

/* A context that looks into a folder of kernels, and whose tuning table is stored and read. */
static cleat_status live_with_table(void) {
    const cleat_context_options options = {.cache = CLEAT_CACHE_OFF, .tuning_file = temporary};
    cleat_context *context = NULL;
    cleat_status status = cleat_context_create(&options, &context);
    STEP(cleat_tuning_set(context, "matmul", "small", "plain"));
    STEP(cleat_tuning_save(context, NULL));
    STEP(cleat_tuning_load(context, NULL));
    cleat_context_release(context);
    return status;
}

START_TEST(contexts_without_memory) {
    make_temporary();
    FILE *table = fopen(temporary, "w");
    ck_assert_ptr_nonnull(table);
    fputs("cleat-tuning 1\ndevice another\nmatmul small plain\n", table);
    ck_assert_int_eq(fclose(table), 0);
    ck_assert_int_eq(setenv("CLEAT_KERNEL_DIR", "/nowhere", 1), 0);
    fail_each(live_with_table);
    unsetenv("CLEAT_KERNEL_DIR");
    unlink(temporary);
}
END_TEST

START_TEST(host_allocators_that_do_not_fit) {
    counted_heap heap = {0};
    cleat_host_allocator own[3] = {functions_of(&heap), functions_of(&heap), functions_of(&heap)};
    cleat_context *context;
    own[0].allocate = NULL;
    own[1].resize = NULL;
    own[2].release = NULL;
    for (int i = 0; i < 3; i++) {
        test_refused(cleat_set_host_allocator(&own[i]), CLEAT_INVALID_ARGUMENT,
            "set_host_allocator: 1 of the three functions are NULL");
    }
    test_ok(cleat_context_create(NULL, &context));
    own[0] = functions_of(&heap);
    test_refused(cleat_set_host_allocator(&own[0]), CLEAT_INVALID_ARGUMENT, "memory are in use");
    test_refused(cleat_set_host_allocator(NULL), CLEAT_INVALID_ARGUMENT, "memory are in use");
    cleat_context_release(context);
    ck_assert_int_eq(heap.asked, 0);
}
END_TEST

/* ---- Device memory ---- */

enum { BLOCKS = 64, BLOCK = 1 << 16 };

/* A caller's pool: sub-buffers of one buffer, each of whole blocks, marked while they are lent. */
typedef struct device_pool {
    cl_mem whole;
    bool taken[BLOCKS];
    cl_mem start[BLOCKS]; /* the sub-buffer that starts at a block */
    size_t size[BLOCKS];  /* what it was asked for */
    int lent, asked, wrong;
    int limit; /* of pieces lent at a time */
} device_pool;

static void *pool_allocate(void *data, void *cl_context_object, size_t size) {
    device_pool *pool = data;
    cl_int error = CL_SUCCESS;
    const size_t blocks = (size + BLOCK - 1) / BLOCK;
    pool->asked++;
    if (pool->whole == NULL) {
        pool->whole = clCreateBuffer(
            cl_context_object, CL_MEM_READ_WRITE, (size_t)BLOCKS * BLOCK, NULL, &error);
    }
    if (error != CL_SUCCESS || pool->lent >= pool->limit) {
        return NULL;
    }
    for (size_t first = 0, run = 0, i = 0; i < BLOCKS; i++) {
        run = pool->taken[i] ? 0 : run + 1;
        first = i + 1 - run;
        if (run == blocks) {
            const cl_buffer_region region = {first * BLOCK, blocks * BLOCK};
            pool->start[first] = clCreateSubBuffer(
                pool->whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &error);
            memset(pool->taken + first, 1, blocks);
            pool->size[first] = size;
            pool->lent++;
            return pool->start[first];
        }
    }
    return NULL;
}

static void pool_release(void *data, void *memory, size_t size) {
    device_pool *pool = data;
    for (size_t i = 0; i < BLOCKS; i++) {
        if (memory != NULL && pool->start[i] == memory) {
            pool->wrong += pool->size[i] != size;
            memset(pool->taken + i, 0, (size + BLOCK - 1) / BLOCK);
            pool->start[i] = NULL;
            pool->lent--;
            clReleaseMemObject(memory);
            return;
        }
    }
    pool->wrong++;
}

static cleat_context *make_pool(device_pool *pool, cleat_device_allocator *own) {
    cleat_context *context = NULL;
    *pool = (device_pool){.limit = BLOCKS};
    *own = (cleat_device_allocator){pool_allocate, pool_release, pool, {0}};
    const cleat_context_options options = {.device_allocator = own, .profiling = true};
    test_ok(cleat_context_create(&options, &context));
    /* The memory with which event times are tried came from here, and is back. */
    ck_assert_int_eq(pool->asked, 1);
    ck_assert_int_eq(pool->lent, 0);
    return context;
}

static void free_pool(device_pool *pool) {
    ck_assert_int_eq(pool->lent, 0);
    ck_assert_int_eq(pool->wrong, 0);
    if (pool->whole != NULL) {
        clReleaseMemObject(pool->whole);
    }
}

START_TEST(device_memory_comes_from_the_caller) {
    device_pool pool;
    cleat_device_allocator own;
    cleat_context *context = make_pool(&pool, &own);
    cleat_tensor t[TENSORS] = {{0}};
    cleat_packed *packed = NULL;
    cleat_context_statistics statistics;
    test_ok(operate(context, t, &packed));
    ck_assert_int_ge(pool.lent, TENSORS);
    for (int i = 0; i < TENSORS; i++) {
        cl_mem root = NULL;
        ck_assert_int_eq(clGetMemObjectInfo(cleat_buffer_cl_mem(t[i].buffer),
                             CL_MEM_ASSOCIATED_MEMOBJECT, sizeof root, &root, NULL),
            CL_SUCCESS);
        ck_assert_ptr_eq(root, pool.whole);
        /* Its size is what was asked for, not that of the blocks. */
        ck_assert_uint_eq(cleat_buffer_size(t[i].buffer),
            4 * (size_t)(shapes[i][0] * shapes[i][1] * shapes[i][2] * shapes[i][3]));
        cleat_tensor_release(&t[i]);
    }
    cleat_packed_release(packed);
    test_ok(cleat_context_trim(context));
    test_ok(cleat_context_get_statistics(context, &statistics));
    ck_assert_uint_eq(statistics.buffer_bytes + statistics.scratch_bytes, 0);
    ck_assert_int_eq(pool.lent, 0);
    cleat_context_release(context);
    free_pool(&pool);
}
END_TEST

/* Scratch memory that nobody uses goes back before the caller's pool is called empty. */
START_TEST(device_memory_runs_out) {
    device_pool pool;
    cleat_device_allocator own;
    cleat_context *context = make_pool(&pool, &own);
    cleat_tensor x, y, z;
    float values[4 * SIDE];
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){4, SIDE}, &x));
    test_ok(cleat_fill(context, 1, x));
    test_ok(cleat_read(context, cleat_transpose(x), values, sizeof values));
    ck_assert_int_eq(pool.lent, 2);
    pool.limit = 2;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){8}, &y));
    ck_assert_int_eq(pool.lent, 2);
    test_refused(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){8}, &z),
        CLEAT_OUT_OF_DEVICE_MEMORY, "tensor_create: the caller's allocator has no 0.0 MiB");
    test_refused(cleat_read(context, cleat_transpose(x), values, sizeof values),
        CLEAT_OUT_OF_DEVICE_MEMORY, "the caller's allocator has no");
    cleat_tensor_release(&y);
    test_ok(cleat_read(context, cleat_transpose(x), values, sizeof values));
    ck_assert(values[4 * SIDE - 1] == 1);
    cleat_tensor_release(&x);
    cleat_context_release(context);
    free_pool(&pool);
}
END_TEST

/* An allocator that gives what it must not. */
typedef struct wrong_memory {
    cl_context foreign; /* NULL: the right one */
    bool image;
    size_t missing;     /* bytes */
    cl_mem_flags flags; /* 0: CL_MEM_READ_WRITE */
    int lent;
} wrong_memory;

static void *wrong_allocate(void *data, void *cl_context_object, size_t size) {
    wrong_memory *wrong = data;
    cl_int error = CL_SUCCESS;
    cl_context place = wrong->foreign != NULL ? wrong->foreign : cl_context_object;
    const cl_image_format format = {CL_RGBA, CL_FLOAT};
    const cl_image_desc desc = {
        .image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = size / 16 + 1, .image_height = 1};
    cl_mem made = wrong->image
                      ? clCreateImage(place, CL_MEM_READ_WRITE, &format, &desc, NULL, &error)
                      : clCreateBuffer(place, wrong->flags, size - wrong->missing, NULL, &error);
    wrong->lent += made != NULL;
    return made;
}

static void wrong_release(void *data, void *memory, size_t size) {
    (void)size;
    ((wrong_memory *)data)->lent--;
    clReleaseMemObject(memory);
}

START_TEST(device_memory_that_does_not_fit) {
    cl_device_id device = cleat_context_cl_device(test_context());
    cl_bool has_images = CL_FALSE;
    cl_int error = CL_SUCCESS;
    wrong_memory wrong = {0};
    cleat_device_allocator own = {wrong_allocate, wrong_release, &wrong, {0}};
    const cleat_context_options options = {.device_allocator = &own};
    cleat_context *context;
    cleat_tensor x;
    const int64_t shape[1] = {100};
    test_ok(cleat_context_create(&options, &context));
    wrong.missing = 1;
    test_refused(cleat_tensor_create(context, CLEAT_F32, 1, shape, &x), CLEAT_INVALID_ARGUMENT,
        "the caller's allocator gave 399 bytes, asked for 400");
    wrong.missing = 0;
    wrong.foreign = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    test_refused(cleat_tensor_create(context, CLEAT_F32, 1, shape, &x), CLEAT_INVALID_ARGUMENT,
        "the caller's allocator gave memory of another cl_context");
    clReleaseContext(wrong.foreign);
    wrong.foreign = NULL;
    clGetDeviceInfo(device, CL_DEVICE_IMAGE_SUPPORT, sizeof has_images, &has_images, NULL);
    if (has_images) {
        wrong.image = true;
        test_refused(cleat_tensor_create(context, CLEAT_F32, 1, shape, &x), CLEAT_INVALID_ARGUMENT,
            "the caller's allocator gave no buffer");
        wrong.image = false;
    }
    wrong.flags = CL_MEM_READ_ONLY;
    test_refused(cleat_tensor_create(context, CLEAT_F32, 1, shape, &x), CLEAT_INVALID_ARGUMENT,
        "the caller's allocator gave memory that kernels may only read");
    wrong.flags = CL_MEM_WRITE_ONLY;
    test_refused(cleat_tensor_create(context, CLEAT_F32, 1, shape, &x), CLEAT_INVALID_ARGUMENT,
        "the caller's allocator gave memory that kernels may only write");
    wrong.flags = CL_MEM_HOST_NO_ACCESS;
    test_refused(cleat_tensor_create(context, CLEAT_F32, 1, shape, &x), CLEAT_INVALID_ARGUMENT,
        "the caller's allocator gave memory that the host may not read and write");
    wrong.flags = 0;
    ck_assert_int_eq(wrong.lent, 0);
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, shape, &x));
    ck_assert_int_eq(wrong.lent, 1);
    cleat_tensor_release(&x);
    ck_assert_int_eq(wrong.lent, 0);
    cleat_context_release(context);
    own.allocate = NULL;
    test_refused(cleat_context_create(&options, &context), CLEAT_INVALID_ARGUMENT,
        "context_create: device_allocator->allocate is NULL");
    own = (cleat_device_allocator){wrong_allocate, NULL, &wrong, {0}};
    test_refused(cleat_context_create(&options, &context), CLEAT_INVALID_ARGUMENT,
        "context_create: device_allocator->release is NULL");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("memory");
    TCase *host = test_case(suite, "host"); /* first: test_context() would hold memory */
    tcase_add_test(host, host_memory_comes_from_the_caller);
    tcase_add_test(host, each_allocation_of_host_memory_may_fail);
    tcase_add_test(host, host_allocators_that_do_not_fit);
    test_add_case(suite, "archives", archives_without_memory);
    test_add_case(suite, "tables", contexts_without_memory);
    TCase *device = test_case(suite, "device");
    tcase_add_test(device, device_memory_comes_from_the_caller);
    tcase_add_test(device, device_memory_runs_out);
    tcase_add_test(device, device_memory_that_does_not_fit);
    return suite;
}
