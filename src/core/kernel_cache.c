/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kernel_cache.h"
#include "core/context_state.h"
#include "core/disk_cache.h"
#include "core/memory.h"
#include "core/program.h"
#include <string.h>
#include <unistd.h>

struct cached_program {
    cached_program *next;
    cl_program program;
    const char *family;
    int macro_count;
    kernel_macro *macros;
    text_builder unstored; /* key of what the disk cache does not have yet; empty: none */
};

/* FNV-1a, over a text with its end. */
static uint64_t hash_text(uint64_t hash, const char *text) {
    do {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    } while (*text++ != '\0');
    return hash;
}

/* Without the macros' names: those of a family with so many macros are nearly always the same ones,
 * and this runs in every call. */
static uint64_t hash_launch(const launch *l) {
    uint64_t hash = hash_text(UINT64_C(0xcbf29ce484222325), l->kernel);
    hash = hash_text(hash, l->family);
    for (int i = 0; i < l->macro_count; i++) {
        if (l->macros[i].text != NULL) {
            hash = hash_text(hash, l->macros[i].text);
        }
        hash = (hash ^ (uint64_t)l->macros[i].value) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash ^ hash >> 29;
}

/* String literals often are the same object. */
static bool same_text(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_macros(const kernel_macro *a, const kernel_macro *b, int count) {
    for (int i = 0; i < count; i++) {
        if (a[i].value != b[i].value || !same_text(a[i].name, b[i].name) ||
            !same_text(a[i].text, b[i].text)) {
            return false;
        }
    }
    return true;
}

static bool same_program(const cached_program *program, const launch *l) {
    return program->macro_count == l->macro_count && same_text(program->family, l->family) &&
           same_macros(program->macros, l->macros, l->macro_count);
}

bool kernel_cache_same(const launch *a, const launch *b) {
    return a->macro_count == b->macro_count && same_text(a->kernel, b->kernel) &&
           same_text(a->family, b->family) && same_macros(a->macros, b->macros, a->macro_count);
}

static cached_kernel *find(const kernel_cache *cache, const launch *l, uint64_t hash) {
    cached_kernel *kernel = cache->buckets[hash % KERNEL_CACHE_BUCKETS];
    while (kernel != NULL && !(kernel->hash == hash && same_text(kernel->name, l->kernel) &&
                                 same_program(kernel->program, l))) {
        kernel = kernel->next;
    }
    return kernel;
}

cached_kernel *kernel_cache_find(const kernel_cache *cache, const launch *l) {
    return find(cache, l, hash_launch(l));
}

static void free_program(cached_program *program, bool driver_alive) {
    if (program == NULL) {
        return;
    }
    if (program->program != NULL && driver_alive) {
        clReleaseProgram(program->program);
    }
    memory_free(program->unstored.text);
    memory_free(program->macros);
    memory_free(program);
}

static void free_kernel(cached_kernel *kernel, bool driver_alive) {
    if (kernel != NULL) {
        if (kernel->kernel != NULL && driver_alive) {
            clReleaseKernel(kernel->kernel);
        }
        memory_free(kernel->arguments);
        memory_free(kernel);
    }
}

static cached_program *new_program(const launch *l) {
    cached_program *program = memory_allocate_zeroed(1, sizeof *program);
    if (program == NULL) {
        return NULL;
    }
    program->macro_count = l->macro_count;
    program->family = l->family;
    program->macros = memory_allocate_zeroed((size_t)l->macro_count + 1, sizeof *program->macros);
    if (program->macros == NULL) {
        free_program(program, true);
        return NULL;
    }
    memcpy(program->macros, l->macros, (size_t)l->macro_count * sizeof *program->macros);
    return program;
}

/* Finds the program among those built, or builds it. Only builders touch the list of programs, and
 * they hold the build mutex. */
static cleat_status get_program(cleat_context *context, const launch *l, cached_program **result) {
    cached_program **end = &context->kernels.programs;
    for (; *end != NULL; end = &(*end)->next) {
        if (same_program(*end, l)) {
            *result = *end;
            return CLEAT_OK;
        }
    }
    cached_program *program = new_program(l);
    REFUSE_IF(program == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", l->operation);
    cleat_status status = program_build(context, l, &program->program, &program->unstored);
    if (status != CLEAT_OK) {
        free_program(program, true);
        return status;
    }
    *end = program;
    *result = program;
    return CLEAT_OK;
}

static cleat_status create_kernel(cleat_context *context, const launch *l, cached_kernel *kernel) {
    cl_int error = CL_SUCCESS;
    kernel->kernel = clCreateKernel(kernel->program->program, l->kernel, &error);
    REFUSE_IF(error == CL_INVALID_KERNEL_NAME, CLEAT_BUILD_FAILED, "%s: %s.cl has no kernel %s",
        l->operation, l->family, l->kernel);
    TRY(status_from_cl(error, "clCreateKernel"));
    TRY_CL(clGetKernelInfo(kernel->kernel, CL_KERNEL_NUM_ARGS, sizeof kernel->argument_count,
        &kernel->argument_count, NULL));
    kernel->arguments =
        memory_allocate_zeroed((size_t)kernel->argument_count + 1, sizeof *kernel->arguments);
    REFUSE_IF(
        kernel->arguments == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", l->operation);
    TRY_CL(clGetKernelWorkGroupInfo(kernel->kernel, context->device, CL_KERNEL_WORK_GROUP_SIZE,
        sizeof kernel->max_work_group_size, &kernel->max_work_group_size, NULL));
    if (!context->profile.kernel_limits_are_real) {
        kernel->max_work_group_size = context->profile.max_work_group_size;
    }
    return CLEAT_OK;
}

static cleat_status add_kernel(
    cleat_context *context, const launch *l, uint64_t hash, cached_kernel **result) {
    cached_program *program = NULL;
    TRY(get_program(context, l, &program));
    cached_kernel *kernel = memory_allocate_zeroed(1, sizeof *kernel);
    REFUSE_IF(kernel == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", l->operation);
    kernel->hash = hash;
    kernel->program = program;
    kernel->name = l->kernel;
    cleat_status status = create_kernel(context, l, kernel);
    if (status != CLEAT_OK) {
        free_kernel(kernel, true);
        return status;
    }
    cached_kernel **bucket = &context->kernels.buckets[hash % KERNEL_CACHE_BUCKETS];
    pthread_mutex_lock(&context->mutex);
    kernel->next = *bucket;
    *bucket = kernel;
    pthread_mutex_unlock(&context->mutex);
    *result = kernel;
    return CLEAT_OK;
}

cleat_status kernel_cache_build(cleat_context *context, const launch *l, cached_kernel **kernel) {
    TRY(launch_fits(l));
    uint64_t hash = hash_launch(l);
    cleat_status status = CLEAT_OK;
    pthread_mutex_lock(&context->build_mutex);
    /* Only builders write, and this is the one: reading needs no more than the build mutex. */
    *kernel = find(&context->kernels, l, hash);
    if (*kernel == NULL) {
        status = add_kernel(context, l, hash, kernel);
    }
    pthread_mutex_unlock(&context->build_mutex);
    return status;
}

/* ---- Many at once ---- */

/* A program to build, and what came of it. */
typedef struct build_job {
    const launch *l;
    cached_program *program;
    cleat_status status;
    char *message; /* of a failure: each thread has its own */
} build_job;

typedef struct build_crew {
    cleat_context *context;
    build_job *jobs;
    size_t count;
    atomic_size_t next;
} build_crew;

static void *build_jobs(void *data) {
    build_crew *crew = data;
    for (;;) {
        size_t i = atomic_fetch_add(&crew->next, 1);
        if (i >= crew->count) {
            return NULL;
        }
        build_job *job = &crew->jobs[i];
        job->status =
            program_build(crew->context, job->l, &job->program->program, &job->program->unstored);
        if (job->status != CLEAT_OK) {
            job->message = memory_copy_text(cleat_error_message());
        }
    }
}

/* This thread works too, so that it goes on where no other can be had. */
static void run_crew(build_crew *crew) {
    enum { MOST_THREADS = 16 };
    pthread_t threads[MOST_THREADS];
    size_t started = 0;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted = processors > 1 ? (size_t)processors - 1 : 0;
    wanted = wanted < MOST_THREADS ? wanted : MOST_THREADS;
    wanted = wanted < crew->count ? wanted : crew->count - 1;
    while (started < wanted && pthread_create(&threads[started], NULL, build_jobs, crew) == 0) {
        started++;
    }
    build_jobs(crew);
    while (started > 0) {
        pthread_join(threads[--started], NULL);
    }
}

static bool has_job(const build_crew *crew, const launch *l) {
    bool found = false;
    for (size_t i = 0; i < crew->count && !found; i++) {
        found = same_program(crew->jobs[i].program, l);
    }
    for (cached_program *p = crew->context->kernels.programs; p != NULL && !found; p = p->next) {
        found = same_program(p, l);
    }
    return found;
}

/* A job for each program that is not there; false when there is no memory. */
static bool list_jobs(build_crew *crew, const launch *launches, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!has_job(crew, &launches[i])) {
            cached_program *program = new_program(&launches[i]);
            if (program == NULL) {
                return false;
            }
            crew->jobs[crew->count++] = (build_job){.l = &launches[i], .program = program};
        }
    }
    return true;
}

/* Adds what was built to the context's programs; the first failure, its message the thread's. */
static cleat_status take_programs(build_crew *crew) {
    cleat_status status = CLEAT_OK;
    cached_program **end = &crew->context->kernels.programs;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    for (size_t i = 0; i < crew->count; i++) {
        build_job *job = &crew->jobs[i];
        if (job->status == CLEAT_OK && job->program->program != NULL) {
            *end = job->program;
            end = &job->program->next;
            continue;
        }
        free_program(job->program, true);
        if (status == CLEAT_OK && job->status != CLEAT_OK) {
            status = status_set(job->status, "%s", job->message != NULL ? job->message : "");
        }
        memory_free(job->message);
    }
    return status;
}

/* The kernels of programs that are there; what could not be built has its failure already. */
static cleat_status add_kernels(cleat_context *context, launch *launches, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = hash_launch(&launches[i]);
        launches[i].built = find(&context->kernels, &launches[i], hash);
        if (launches[i].built == NULL) {
            TRY(add_kernel(context, &launches[i], hash, &launches[i].built));
        }
    }
    return CLEAT_OK;
}

cleat_status kernel_cache_build_all(cleat_context *context, launch *launches, size_t count) {
    if (count == 0) {
        return CLEAT_OK;
    }
    build_crew crew = {
        .context = context, .jobs = memory_allocate_zeroed(count, sizeof *crew.jobs)};
    REFUSE_IF(crew.jobs == NULL, CLEAT_OUT_OF_HOST_MEMORY, "plan_end: no host memory");
    pthread_mutex_lock(&context->build_mutex);
    bool listed = list_jobs(&crew, launches, count);
    if (listed && crew.count > 0) {
        run_crew(&crew);
    }
    cleat_status status = take_programs(&crew);
    if (status == CLEAT_OK) {
        status = listed ? add_kernels(context, launches, count)
                        : status_set(CLEAT_OUT_OF_HOST_MEMORY, "plan_end: no host memory");
    }
    pthread_mutex_unlock(&context->build_mutex);
    memory_free(crew.jobs);
    return status;
}

/* On PoCL each takes 0.3 s: one in any case, so that processes which come and go get there too, and
 * more for as long as nobody will mind who waited for the rest. */
void kernel_cache_store(cleat_context *context) {
    const double most = 1, share = 0.1;
    double now = clock_seconds();
    double allowed = share * (now - context->created);
    double end = now + (allowed < most ? allowed : most);
    for (cached_program *p = context->kernels.programs; p != NULL; p = p->next) {
        if (p->unstored.length > 0) {
            disk_cache_store(context, &p->unstored, p->program);
            if (clock_seconds() >= end) {
                return;
            }
        }
    }
}

void kernel_cache_clear(kernel_cache *cache, bool driver_alive) {
    for (int i = 0; i < KERNEL_CACHE_BUCKETS; i++) {
        while (cache->buckets[i] != NULL) {
            cached_kernel *next = cache->buckets[i]->next;
            free_kernel(cache->buckets[i], driver_alive);
            cache->buckets[i] = next;
        }
    }
    while (cache->programs != NULL) {
        cached_program *next = cache->programs->next;
        free_program(cache->programs, driver_alive);
        cache->programs = next;
    }
}
