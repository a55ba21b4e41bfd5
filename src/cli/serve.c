/* SPDX-License-Identifier: Apache-2.0 */
/* `cleat bench serve`: how many inputs a second a model answers for callers in many threads, each
 * with one input at a time, and how long they wait: one by one, and through batches. */
#include "command.h"

#include <stdio.h>

#ifdef CLEAT_HAVE_ONNX
#include "progress_bar.h"
#include "session.h"
#include <getopt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CLIENTS = 1024, MOST_BATCHES = 8, RECORDINGS = 32, WARM_RUNS = 3 };

typedef struct serve_options {
    const char *device, *model;
    input_source from;
    int clients;
    int64_t batches[MOST_BATCHES];
    int batch_count;
    double latency, seconds;
} serve_options;

/* A caller, who asks again as soon as there is an answer. */
typedef struct client {
    cleat_batch_queue *queue;
    const cleat_host_tensor *inputs;
    size_t input_count, output_count;
    double until; /* on progress_clock() */
    double *took; /* of each call, seconds */
    size_t count, capacity;
    char wrong[200]; /* "" */
} client;

static bool note_call(client *c, double seconds) {
    if (c->count == c->capacity) {
        const size_t more = 2 * c->capacity + 256;
        double *took = realloc(c->took, more * sizeof *took);
        if (took == NULL) {
            return false;
        }
        c->took = took;
        c->capacity = more;
    }
    c->took[c->count++] = seconds;
    return true;
}

static void *ask_again_and_again(void *data) {
    client *c = data;
    cleat_host_tensor *outputs = calloc(c->output_count + 1, sizeof *outputs);
    double began = progress_clock();
    while (outputs != NULL && c->wrong[0] == '\0' && began < c->until) {
        memset(outputs, 0, c->output_count * sizeof *outputs);
        const cleat_status status = cleat_batch_queue_run(
            c->queue, c->inputs, c->input_count, outputs, c->output_count, NULL);
        const double now = progress_clock();
        if (status != CLEAT_OK) {
            snprintf(c->wrong, sizeof c->wrong, "%s", cleat_error_message());
        } else if (!note_call(c, now - began)) {
            snprintf(c->wrong, sizeof c->wrong, "no memory");
        }
        for (size_t i = 0; i < c->output_count; i++) {
            cleat_host_tensor_release(&outputs[i]);
        }
        began = now;
    }
    free(outputs);
    return NULL;
}

static int by_time(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Joins what the clients noted; `all` is the caller's to free. */
static size_t join_calls(client *clients, int count, double **all) {
    size_t calls = 0, at = 0;
    for (int i = 0; i < count; i++) {
        calls += clients[i].count;
    }
    *all = malloc((calls + 1) * sizeof **all);
    for (int i = 0; *all != NULL && i < count; i++) {
        memcpy(*all + at, clients[i].took, clients[i].count * sizeof **all);
        at += clients[i].count;
    }
    if (*all != NULL) {
        qsort(*all, calls, sizeof **all, by_time);
    }
    return *all != NULL ? calls : 0;
}

/* Lets the clients ask for some time. */
static bool run_clients(
    client *clients, const serve_options *o, double *seconds, const char **wrong) {
    pthread_t threads[MOST_CLIENTS];
    int started = 0;
    const double began = progress_clock();
    for (; started < o->clients; started++) {
        clients[started].until = began + o->seconds;
        if (pthread_create(&threads[started], NULL, ask_again_and_again, &clients[started]) != 0) {
            *wrong = "no thread";
            break;
        }
    }
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        *wrong = clients[i].wrong[0] != '\0' ? clients[i].wrong : *wrong;
    }
    *seconds = progress_clock() - began;
    return *wrong == NULL;
}

/* A line of the table; *base: inputs a second of the first one. */
static void print_line(int64_t batch, size_t calls, const double *took, double seconds,
    const cleat_batch_queue_statistics *told, double *base) {
    const double rate = (double)calls / seconds;
    *base = *base > 0 ? *base : rate;
    printf("%5lld  %10.1f  %8.2f ms  %8.2f ms  %12.1f  %6.2f\n", (long long)batch, rate,
        1e3 * took[calls / 2], 1e3 * took[calls - 1 - calls / 100],
        (double)told->rows / (double)told->batches, rate / *base);
    fflush(stdout);
}

static int measure(const session *s, const serve_options *o, const cleat_host_tensor *inputs,
    int64_t batch, double *base) {
    const cleat_batch_queue_options options = {
        .most_rows = batch, .latency = batch > 1 ? o->latency : 0, .round_up = true};
    cleat_batch_queue *queue = NULL;
    cleat_batch_queue_statistics told;
    client *clients = calloc((size_t)o->clients, sizeof *clients);
    double *took = NULL, seconds = 0;
    const char *wrong = clients == NULL ? "no memory" : NULL;
    if (wrong == NULL && cleat_batch_queue_create(s->model, &options, &queue) != CLEAT_OK) {
        wrong = cleat_error_message();
    }
    for (int i = 0; wrong == NULL && i < o->clients; i++) {
        clients[i] = (client){.queue = queue,
            .inputs = inputs,
            .input_count = s->input_count,
            .output_count = s->output_count};
    }
    if (wrong == NULL && run_clients(clients, o, &seconds, &wrong)) {
        const size_t calls = join_calls(clients, o->clients, &took);
        if (calls == 0 || cleat_batch_queue_get_statistics(queue, &told) != CLEAT_OK) {
            wrong = "nothing was measured";
        } else {
            print_line(batch, calls, took, seconds, &told, base);
        }
    }
    if (wrong != NULL) {
        fprintf(stderr, "cleat bench serve: %s\n", wrong);
    }
    for (int i = 0; clients != NULL && i < o->clients; i++) {
        free(clients[i].took);
    }
    free(took);
    free(clients);
    cleat_batch_queue_release(queue);
    return wrong == NULL ? EXIT_GOOD : EXIT_BAD;
}

/* One input of `rows` rows, all like the first, on the device. */
static cleat_status repeat_rows(
    const session *s, const cleat_host_tensor *x, int64_t rows, cleat_tensor *out) {
    int64_t shape[CLEAT_MAX_RANK];
    cleat_tensor one = {.buffer = NULL};
    memcpy(shape, x->shape, sizeof shape);
    cleat_status status = cleat_tensor_create(s->context, x->type, x->rank, shape, &one);
    if (status == CLEAT_OK && x->size > 0) {
        status = cleat_write(s->context, one, x->elements, x->size);
    }
    if (x->rank > 0) {
        shape[0] = rows;
    }
    if (status == CLEAT_OK) {
        status = cleat_tensor_create(s->context, x->type, x->rank, shape, out);
    }
    if (status == CLEAT_OK) {
        status = cleat_copy(s->context, one, *out);
    }
    cleat_tensor_release(&one);
    return status;
}

/* Runs the model with each number of rows that batches are filled up to, so that kernels are built
 * and runs recorded before anything is measured. */
static int warm_up(const session *s, const cleat_host_tensor *inputs, int64_t rows) {
    cleat_tensor *in = calloc(s->input_count + 1, sizeof *in);
    cleat_tensor *out = calloc(s->output_count + 1, sizeof *out);
    cleat_status status = in != NULL && out != NULL
                              ? CLEAT_OK
                              : cleat_error_set(CLEAT_OUT_OF_HOST_MEMORY, "no memory");
    for (size_t i = 0; status == CLEAT_OK && i < s->input_count; i++) {
        status = repeat_rows(s, &inputs[i], rows, &in[i]);
    }
    for (int i = 0; status == CLEAT_OK && i < WARM_RUNS; i++) {
        status = session_run_once(s, in, out);
    }
    session_free_tensors(in, s->input_count);
    free(out);
    status = status == CLEAT_OK ? cleat_finish(s->context) : status;
    return status == CLEAT_OK ? EXIT_GOOD : report_failure("a run of the model");
}

/* How many rows the model's inputs fix; 0: none. */
static int64_t fixed_rows(const session *s) {
    for (size_t i = 0; i < s->input_count; i++) {
        const cleat_value_info info = session_info(s, i, true);
        if (info.rank > 0 && info.shape[0] > 0) {
            return info.shape[0];
        }
    }
    return 0;
}

static int serve(const session *s, const serve_options *o) {
    cleat_device_info device;
    cleat_host_tensor inputs[MOST_FILES];
    double base = 0;
    int result = EXIT_GOOD;
    if (s->input_count > MOST_FILES) {
        fprintf(stderr, "cleat bench serve: more than %d inputs\n", MOST_FILES);
        return EXIT_BAD;
    }
    for (size_t i = 0; i < s->input_count; i++) {
        const npy_array *a = &s->inputs[i];
        inputs[i] = (cleat_host_tensor){
            .type = a->type, .rank = a->rank, .size = a->size, .elements = a->elements};
        memcpy(inputs[i].shape, a->shape, sizeof a->shape);
    }
    if (cleat_context_device(s->context, &device) != CLEAT_OK) {
        return report_failure("no device");
    }
    printf("%s on %s: %d callers, each with one input at a time, for %g s; latency %g ms\n",
        o->model, device.name, o->clients, o->seconds, 1e3 * o->latency);
    const int64_t fixed = fixed_rows(s);
    const int64_t largest = fixed > 0 ? fixed : o->batches[o->batch_count - 1];
    for (int64_t rows = fixed > 0 ? fixed : 1; result == EXIT_GOOD; rows *= 2) {
        result = warm_up(s, inputs, rows < largest ? rows : largest);
        if (rows >= largest) {
            break;
        }
    }
    printf("batch    inputs/s          p50          p99  rows a batch  ratio\n");
    if (fixed > 0) {
        printf("(its inputs are for %lld rows)\n", (long long)fixed);
        return result == EXIT_GOOD ? measure(s, o, inputs, fixed, &base) : result;
    }
    for (int i = 0; result == EXIT_GOOD && i < o->batch_count; i++) {
        result = measure(s, o, inputs, o->batches[i], &base);
    }
    return result;
}

/* "8,32": ascending, behind 1. */
static bool parse_batches(const char *text, serve_options *o) {
    o->batches[0] = 1;
    o->batch_count = 1;
    while (*text != '\0' && o->batch_count < MOST_BATCHES) {
        char *end;
        const long long batch = strtoll(text, &end, 10);
        if (end == text || batch < o->batches[o->batch_count - 1] || batch > 65536) {
            return false;
        }
        if (batch > 1) {
            o->batches[o->batch_count++] = batch;
        }
        text = *end == ',' ? end + 1 : end;
        if (*end != ',' && *end != '\0') {
            return false;
        }
    }
    return *text == '\0';
}

static bool parse_options(int argc, char **argv, serve_options *o) {
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
        {"input", required_argument, NULL, 'i'}, {"clients", required_argument, NULL, 'c'},
        {"batch", required_argument, NULL, 'b'}, {"latency", required_argument, NULL, 'l'},
        {"seconds", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    int option;
    bool good = parse_batches("8,32", o);
    while ((option = getopt_long(argc, argv, "d:i:c:b:l:s:", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            o->device = optarg;
            break;
        case 'i':
            good = add_file(&o->from.files, optarg) && good;
            break;
        case 'c':
            o->clients = atoi(optarg);
            good = o->clients > 0 && o->clients <= MOST_CLIENTS && good;
            break;
        case 'b':
            good = parse_batches(optarg, o) && good;
            break;
        case 'l':
            o->latency = 1e-3 * atof(optarg);
            good = o->latency >= 0 && o->latency <= 60 && good;
            break;
        case 's':
            o->seconds = atof(optarg);
            good = o->seconds > 0 && o->seconds <= 3600 && good;
            break;
        default:
            return false;
        }
    }
    o->model = optind < argc ? argv[optind] : NULL;
    if (optind + 1 != argc || !good) {
        fprintf(stderr,
            "cleat bench serve: one MODEL, 1 to %d clients, sizes of batches that ascend, and "
            "times are expected\n",
            MOST_CLIENTS);
        return false;
    }
    return true;
}

int command_serve(int argc, char **argv) {
    serve_options o = {.clients = 32, .latency = 0.002, .seconds = 3, .from = {.random = true}};
    session s = {.context = NULL};
    if (!parse_options(argc, argv, &o)) {
        return EXIT_USAGE;
    }
    int result = session_open(
        &s, &(session_options){
                .device = o.device, .path = o.model, .model = {.recordings = RECORDINGS}});
    if (result == EXIT_GOOD) {
        result = read_inputs(&s, &o.from, "bench serve");
    }
    if (result == EXIT_GOOD) {
        result = serve(&s, &o);
    }
    session_close(&s);
    return result;
}

#endif
