/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every bench shares. A bench is a list of cases; a case makes its operands, checks the
 * results of everyone who takes part, and hands them to bench_compare(), which measures them in
 * turns and files the rows. bench_X.c defines benches, peer_X.c what is compared with;
 * cleat_bench.c lists the benches of cleat-bench, src/cli/bench.c those of `cleat bench`.
 *
 * Functions that can fail return false after bench_fail() has said why on stderr.
 */
#ifndef CLEAT_BENCH_H
#define CLEAT_BENCH_H

#include <cleat/cleat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bench_options {
    const char *device;  /* as in cleat_context_options */
    const char *filter;  /* only cases whose name contains this; NULL: all */
    const char *variant; /* forces Cleat's variant of matmul or conv2d; NULL: its own choice */
    bool peers;
    int repetitions; /* 7 or more */
    double seconds;  /* what one repetition of one contender lasts at least */
} bench_options;

/* Shows how far a run is. */
typedef struct bench_progress {
    void (*begin)(void *state, size_t cases);
    void (*step)(void *state, const char *text); /* the next case begins */
    void (*clear)(void *state);                  /* a line is about to be printed */
    void *state;
} bench_progress;

typedef struct bench_run {
    bench_options options;
    cleat_context *context;
    cleat_device_info device;
    int threads; /* of the device, when it is a CPU; every peer gets as many */
    const char *bench_name;
    char case_name[96];
    struct bench_results *results;
    const char *program;            /* its name, before messages */
    const bench_progress *progress; /* NULL: none is shown */
} bench_run;

typedef struct bench {
    const char *name;
    const char *summary;
    size_t count;
    void (*case_name)(size_t index, char *text, size_t size);
    bool (*run)(bench_run *run, size_t index);
} bench;

/* ---- Units ---- */
typedef struct bench_unit {
    const char *name;
    double scale;      /* value = amount * scale / seconds; for times, seconds * scale / amount */
    bool less_is_more; /* a time: the ratio is peer / cleat */
} bench_unit;
extern const bench_unit unit_gflops, unit_gbytes, unit_images, unit_microseconds, unit_milliseconds;
extern const bench_unit unit_roundings; /* of errors, in the place of seconds */
extern const bench_unit unit_mebibytes; /* of memory, likewise */

/* ---- Measuring ---- */

/* One side of a comparison. */
typedef struct contender {
    const char *name; /* "cleat" or the peer's */
    /* Does the work `calls` times back to back, then waits for all of it. */
    bool (*run)(void *state, int64_t calls);
    void *state;
} contender;

enum { CONTENDERS_MAX = 6 };

typedef struct figure {
    double median, low, high; /* of the repetitions; low and high are the quartiles */
} figure;

double seconds_now(void);
void bench_sleep(double seconds);

/* Seconds of one call of each contender: calibrated to last options.seconds, then measured in turns
 * options.repetitions times, after an untimed call each, on a CPU with a pause so that the others'
 * threads stop spinning. */
bool bench_measure(bench_run *run, const contender *contenders, size_t count, figure *figures);

/* Measures contenders[0], Cleat, and the others, its peers, and files a row for each peer (one
 * without a peer, when there is none). `amount` is the work of one call in the unit's measure:
 * FLOP, bytes, images, operations. */
bool bench_compare(bench_run *run, const bench_unit *unit, double amount,
    const contender *contenders, size_t count);

/* Files a row from figures in seconds a call measured in another way; against NULL: none. */
bool bench_file(bench_run *run, const bench_unit *unit, double amount, figure cleat,
    const char *against, figure peer_figure);

/* Figure of `count` measured values, which it sorts. */
figure bench_figure(double *seconds, int count);

/* ---- Data ---- */

/* Uniform in [-1, 1), the same for the same seed. */
void bench_random(float *data, size_t count, uint32_t seed);
float *bench_floats(size_t count); /* random; free() it. NULL after bench_fail() */
/* A row-major f32 tensor holding `data` (NULL: not written). */
bool bench_tensor(
    bench_run *run, int32_t rank, const int64_t *shape, const float *data, cleat_tensor *tensor);
/* Whether status is CLEAT_OK; else says what failed and why. */
bool bench_call(bench_run *run, cleat_status status, const char *what);
bool bench_fail(const bench_run *run, const char *format, ...);
/* Whether so many bytes of operands, the largest of them in one piece, fit on the device; says so
 * otherwise, and files the case as skipped. */
bool bench_fits(bench_run *run, double largest, double total);
/* Makes room for a line of output. */
void bench_clear_line(const bench_run *run);
/* The place, among `count`, of element `number` of those that are checked. */
int64_t bench_probe(int64_t number, int64_t count);
/* How far a sum of so many products, sum |a||b| = magnitude, may be off: what
 * include/cleat/compute.h allows the mode, k g being 4 sqrt(k) g, and the rounding to an element of
 * this type. */
double bench_allowed(
    cleat_type type, cleat_compute compute, double terms, double magnitude, double want);
/* |got - want| <= allowed for one value; says so otherwise. */
bool bench_within(const bench_run *run, const char *who, double got, double want, double allowed);
/* The same by bench_allowed(), of f32 in strict mode. */
bool bench_near(
    const bench_run *run, const char *who, double got, double want, double magnitude, double terms);

/* ---- Peers; each is there or not, as built ---- */
typedef struct peer {
    const char *name;
    bool (*available)(const bench_run *run); /* built in and usable on this device */
    void (*version)(char *text, size_t size);
} peer;
extern const peer *const bench_peers[]; /* ends with NULL */
/* True when peers are wanted and this one is available. */
bool bench_has_peer(const bench_run *run, const char *name);

#endif
