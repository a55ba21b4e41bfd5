/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_onednn.h"

#include <stdio.h>
#include <stdlib.h>
#ifdef BENCH_HAVE_ONEDNN
#include <dnnl.h>
#include <omp.h>

enum { SOURCE, WEIGHTS, RESULT, OPERANDS }; /* places: x, weights, y */

struct onednn_convolution {
    convolution problem;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t plain[OPERANDS], used[OPERANDS]; /* used[i] is plain[i] if the layouts agree */
    dnnl_exec_arg_t arguments[OPERANDS];
};

static bool available(const bench_run *run) {
    return run->device.type == CLEAT_DEVICE_CPU;
}

static void version(char *text, size_t size) {
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, size, "%d.%d.%d", v->major, v->minor, v->patch);
}

/* Each operand's shape in oneDNN's order, weights with a leading axis of groups if there are. */
static int operand_shape(const convolution *p, int operand, dnnl_dims_t dims) {
    if (operand != WEIGHTS) {
        const bool source = operand == SOURCE;
        dims[0] = p->n;
        dims[1] = source ? p->c : p->m;
        dims[2] = source ? p->h : p->oh;
        dims[3] = source ? p->w : p->ow;
        return 4;
    }
    int rank = 0;
    if (p->groups > 1) {
        dims[rank++] = p->groups;
    }
    dims[rank++] = p->m / p->groups;
    dims[rank++] = p->c / p->groups;
    dims[rank++] = p->k;
    dims[rank++] = p->k;
    return rank;
}

static bool describe(const convolution *p, int operand, bool any, dnnl_memory_desc_t *description) {
    dnnl_dims_t dims;
    const int rank = operand_shape(p, operand, dims);
    const dnnl_format_tag_t plain = rank == 5 ? dnnl_goihw : dnnl_nchw;
    return dnnl_memory_desc_init_by_tag(description, rank, dims, dnnl_f32,
               any ? dnnl_format_tag_any : plain) == dnnl_success;
}

/* The primitive's description. The algorithm is direct, as PyTorch asks for. */
static dnnl_primitive_desc_t describe_primitive(const onednn_convolution *s, bool any) {
    const convolution *p = &s->problem;
    const bool forward = p->direction == CLEAT_CONV2D_FORWARD;
    dnnl_memory_desc_t d[OPERANDS];
    for (int i = 0; i < OPERANDS; i++) {
        if (!describe(p, i, any, &d[i])) {
            return NULL;
        }
    }
    const dnnl_dims_t strides = {p->stride, p->stride}, before = {p->padding, p->padding};
    const dnnl_dims_t after = {(p->oh - 1) * p->stride + p->k - p->h - p->padding,
        (p->ow - 1) * p->stride + p->k - p->w - p->padding};
    dnnl_convolution_desc_t operation;
    dnnl_primitive_desc_t hint = NULL, description = NULL;
    dnnl_status_t status = dnnl_convolution_forward_desc_init(&operation,
        forward ? dnnl_forward_inference : dnnl_forward_training, dnnl_convolution_direct,
        &d[SOURCE], &d[WEIGHTS], NULL, &d[RESULT], strides, before, after);
    if (status != dnnl_success ||
        dnnl_primitive_desc_create(&hint, &operation, NULL, s->engine, NULL) != dnnl_success ||
        forward) {
        return hint;
    }
    if (p->direction == CLEAT_CONV2D_BACKWARD_DATA) {
        status = dnnl_convolution_backward_data_desc_init(&operation, dnnl_convolution_direct,
            &d[SOURCE], &d[WEIGHTS], &d[RESULT], strides, before, after);
    } else {
        status = dnnl_convolution_backward_weights_desc_init(&operation, dnnl_convolution_direct,
            &d[SOURCE], &d[WEIGHTS], NULL, &d[RESULT], strides, before, after);
    }
    if (status == dnnl_success) {
        /* leaves description NULL where it fails */
        dnnl_primitive_desc_create(&description, &operation, NULL, s->engine, hint);
    }
    dnnl_primitive_desc_destroy(hint);
    return description;
}

/* By direction, what each place is for the primitive. */
static const int argument_names[3][OPERANDS] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
    {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
    {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};
static const int result_places[3] = {RESULT, SOURCE, WEIGHTS};

static bool reorder(onednn_convolution *s, dnnl_memory_t from, dnnl_memory_t to) {
    const dnnl_memory_desc_t *from_layout, *to_layout;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    bool good = dnnl_memory_get_memory_desc(from, &from_layout) == dnnl_success &&
                dnnl_memory_get_memory_desc(to, &to_layout) == dnnl_success &&
                dnnl_reorder_primitive_desc_create(&description, from_layout, s->engine, to_layout,
                    s->engine, NULL) == dnnl_success &&
                dnnl_primitive_create(&primitive, description) == dnnl_success &&
                dnnl_primitive_execute(primitive, s->stream, 2, arguments) == dnnl_success &&
                dnnl_stream_wait(s->stream) == dnnl_success;
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(description);
    return good;
}

static bool make_operand(
    onednn_convolution *s, dnnl_primitive_desc_t description, int place, void *plain) {
    const int name = argument_names[s->problem.direction][place];
    dnnl_memory_desc_t plain_layout;
    const dnnl_memory_desc_t *layout =
        dnnl_primitive_desc_query_md(description, dnnl_query_exec_arg_md, name);
    if (layout == NULL || !describe(&s->problem, place, false, &plain_layout) ||
        dnnl_memory_create(&s->plain[place], &plain_layout, s->engine, plain) != dnnl_success) {
        return false;
    }
    s->used[place] = s->plain[place];
    bool good = true;
    if (!dnnl_memory_desc_equal(layout, &plain_layout)) {
        s->used[place] = NULL;
        good = dnnl_memory_create(&s->used[place], layout, s->engine, DNNL_MEMORY_ALLOCATE) ==
                   dnnl_success &&
               (place == result_places[s->problem.direction] ||
                   reorder(s, s->plain[place], s->used[place]));
    }
    s->arguments[place] = (dnnl_exec_arg_t){name, s->used[place]};
    return good;
}

onednn_convolution *onednn_create(bench_run *run, const convolution *problem, bool own_layout) {
    onednn_convolution *s = calloc(1, sizeof *s);
    if (s == NULL) {
        bench_fail(run, "out of memory");
        return NULL;
    }
    s->problem = *problem;
    omp_set_num_threads(run->threads);
    dnnl_primitive_desc_t description = NULL;
    void *data[OPERANDS] = {problem->x, problem->weights, problem->y};
    bool good =
        dnnl_engine_create(&s->engine, dnnl_cpu, 0) == dnnl_success &&
        dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags) == dnnl_success &&
        (description = describe_primitive(s, own_layout)) != NULL &&
        dnnl_primitive_create(&s->primitive, description) == dnnl_success;
    for (int place = 0; place < OPERANDS && good; place++) {
        good = make_operand(s, description, place, data[place]);
    }
    dnnl_primitive_desc_destroy(description);
    if (!good) {
        bench_fail(run, "oneDNN can't make this convolution");
        onednn_destroy(s);
        return NULL;
    }
    return s;
}

void onednn_destroy(onednn_convolution *s) {
    if (s == NULL) {
        return;
    }
    for (int place = 0; place < OPERANDS; place++) {
        if (s->used[place] != s->plain[place]) {
            dnnl_memory_destroy(s->used[place]);
        }
        dnnl_memory_destroy(s->plain[place]);
    }
    dnnl_primitive_destroy(s->primitive);
    dnnl_stream_destroy(s->stream);
    dnnl_engine_destroy(s->engine);
    free(s);
}

bool onednn_run(void *state, int64_t calls) {
    const onednn_convolution *s = state;
    for (int64_t call = 0; call < calls; call++) {
        if (dnnl_primitive_execute(s->primitive, s->stream, OPERANDS, s->arguments) !=
            dnnl_success) {
            fprintf(stderr, "cleat-bench: oneDNN can't run a convolution\n");
            return false;
        }
    }
    return dnnl_stream_wait(s->stream) == dnnl_success;
}

bool onednn_read(onednn_convolution *s) {
    const int place = result_places[s->problem.direction];
    return s->used[place] == s->plain[place] || reorder(s, s->used[place], s->plain[place]);
}
#else
static bool available(const bench_run *run) {
    (void)run;
    return false;
}
static void version(char *text, size_t size) {
    snprintf(text, size, "not built in");
}
onednn_convolution *onednn_create(bench_run *run, const convolution *problem, bool own_layout) {
    (void)run, (void)problem, (void)own_layout;
    return NULL;
}
void onednn_destroy(onednn_convolution *state) {
    (void)state;
}
bool onednn_run(void *state, int64_t calls) {
    (void)state, (void)calls;
    return false;
}
bool onednn_read(onednn_convolution *state) {
    (void)state;
    return false;
}
#endif

const peer onednn_nchw_peer = {"onednn-nchw", available, version};
const peer onednn_own_peer = {"onednn-own", available, version};
