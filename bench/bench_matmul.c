/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products: square ones large and small, odd shapes, and matrix by vector. */
#include "peer_blas.h"
#include "peer_copy.h"
#include "peer_peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct shape {
    int64_t batch, m, n, k;
    bool a_transposed, b_transposed;
} shape;

static const shape large[] = {{1, 512, 512, 512, 0, 0}, {1, 768, 768, 768, 0, 0},
    {1, 1024, 1024, 1024, 0, 0}, {1, 1536, 1536, 1536, 0, 0}, {1, 2048, 2048, 2048, 0, 0},
    {1, 3072, 3072, 3072, 0, 0}, {1, 4096, 4096, 4096, 0, 0}};
static const shape small[] = {{1, 64, 64, 64, 0, 0}, {1, 128, 128, 128, 0, 0},
    {1, 192, 192, 192, 0, 0}, {1, 256, 256, 256, 0, 0}, {1, 384, 384, 384, 0, 0}};
static const shape odd[] = {{1, 1000, 1000, 1000, 0, 0}, {1, 1000, 1000, 1000, 1, 0},
    {1, 1000, 1000, 1000, 0, 1}, {1, 1000, 1000, 1000, 1, 1}, {1, 1023, 1023, 1023, 0, 0},
    {1, 1025, 1025, 1025, 0, 0}, {1, 1024, 1024, 1024, 1, 0}, {1, 1024, 1024, 1024, 0, 1},
    {1, 1024, 1024, 1024, 1, 1}, {1, 37, 513, 4099, 0, 0}, {1, 32, 1024, 4096, 0, 0},
    {1, 4096, 1024, 32, 0, 0}, {1, 4096, 32, 4096, 0, 0}, {64, 128, 128, 128, 0, 0}};
static const shape vectors[] = {{1, 4096, 1, 4096, 0, 0}, {1, 4096, 1, 4096, 1, 0},
    {1, 1024, 1, 4096, 0, 0}, {1, 4096, 1, 1024, 1, 0}};

/* "64 x (128x128x128)", m, n, k; a T marks an operand stored transposed. */
static void shape_name(const shape *s, char *text, size_t size) {
    char batch[32] = "";
    if (s->batch > 1) {
        snprintf(batch, sizeof batch, "%lld x ", (long long)s->batch);
    }
    snprintf(text, size, "%s%lldx%lldx%lld%s%s", batch, (long long)s->m, (long long)s->n,
        (long long)s->k, s->a_transposed ? " aT" : "", s->b_transposed ? " bT" : "");
}

typedef struct cleat_product {
    device_product device;
    cleat_tensor a, b; /* views as cleat_matmul takes them */
    const char *variant;
} cleat_product;

static bool cleat_run(void *state, int64_t calls) {
    const cleat_product *p = state;
    cleat_matmul_options options = {.variant = p->variant};
    for (int64_t call = 0; call < calls; call++) {
        if (cleat_matmul(p->device.context, p->a, p->b, p->device.c, &options) != CLEAT_OK) {
            fprintf(stderr, "cleat-bench: %s\n", cleat_error_message());
            return false;
        }
    }
    return cleat_finish(p->device.context) == CLEAT_OK;
}

/* Some elements of c against sums in float64. */
static bool check_product(const bench_run *run, const char *who, const product *p) {
    bool good = true;
    for (int64_t probe = 0; probe < 64 && good; probe++) {
        int64_t place = bench_probe(probe, p->batch * p->m * p->n);
        int64_t i = place / (p->m * p->n), row = place / p->n % p->m, column = place % p->n;
        const float *a = p->a + i * p->m * p->k, *b = p->b + i * p->k * p->n;
        double sum = 0, magnitude = 0;
        for (int64_t q = 0; q < p->k; q++) {
            double term = (double)a[p->a_transposed ? q * p->m + row : row * p->k + q] *
                          (double)b[p->b_transposed ? column * p->k + q : q * p->n + column];
            sum += term;
            magnitude += fabs(term);
        }
        good = bench_near(run, who, (double)p->c[place], sum, magnitude, (double)p->k);
    }
    return good;
}

static bool check_contenders(
    bench_run *run, const contender *contenders, size_t count, cleat_product *p) {
    product *host = &p->device.shape;
    size_t bytes = (size_t)(host->batch * host->m * host->n) * sizeof(float);
    bool good = true;
    for (size_t i = 0; i < count && good; i++) {
        bool on_device = contenders[i].run != openblas_run;
        good = bench_call(run, cleat_fill(run->context, 1e30, p->device.c), "fill");
        good = good && contenders[i].run(contenders[i].state, 1);
        if (good && on_device) {
            good = bench_call(
                run, cleat_read(run->context, p->device.c, host->c, bytes), "cleat_read");
        }
        good = good && check_product(run, contenders[i].name, host);
    }
    return good;
}

static bool make_tensors(bench_run *run, const shape *s, cleat_product *p) {
    product *host = &p->device.shape;
    int64_t a_shape[3] = {s->batch, s->a_transposed ? s->k : s->m, s->a_transposed ? s->m : s->k};
    int64_t b_shape[3] = {s->batch, s->b_transposed ? s->n : s->k, s->b_transposed ? s->k : s->n};
    int64_t c_shape[3] = {s->batch, s->m, s->n};
    int32_t skip = s->batch == 1 ? 1 : 0;
    if (!bench_tensor(run, 3 - skip, a_shape + skip, host->a, &p->device.a) ||
        !bench_tensor(run, 3 - skip, b_shape + skip, host->b, &p->device.b) ||
        !bench_tensor(run, 3 - skip, c_shape + skip, NULL, &p->device.c)) {
        return false;
    }
    p->a = s->a_transposed ? cleat_transpose(p->device.a) : p->device.a;
    p->b = s->b_transposed ? cleat_transpose(p->device.b) : p->device.b;
    return true;
}

/* What bounds a case, as contenders: for a vector the reading of the matrix, else, where arithmetic
 * is the whole of it, the peak. */
typedef struct bounds {
    copy_peer *copy;
    peak_peer *peak;
} bounds;

static bool add_bounds(
    bench_run *run, const shape *s, bounds *b, contender *contenders, size_t *count) {
    double terms = (double)s->batch * (double)s->m * (double)s->n * (double)s->k;
    if (s->n == 1 && bench_has_peer(run, "copy")) {
        b->copy = copy_peer_create(run, 4 * terms, 0);
        contenders[(*count)++] = (contender){"copy", copy_peer_run, b->copy};
        return b->copy != NULL && copy_peer_run(b->copy, 1) && copy_peer_check(run, b->copy);
    }
    if (s->m == s->n && s->n == s->k && s->m >= 2048 && bench_has_peer(run, "peak")) {
        b->peak = peak_peer_create(run, 2 * terms);
        contenders[(*count)++] = (contender){"peak", peak_peer_run, b->peak};
        return b->peak != NULL && peak_peer_run(b->peak, 1) && peak_peer_check(run, b->peak);
    }
    return true;
}

/* CLBlast on a processor takes minutes for more. */
static const double clblast_terms = 0x1p31;

/* What the row says: FLOP/s, for a vector the bytes of the matrix, read once. */
static bool run_shape(bench_run *run, const shape *s) {
    double terms = (double)s->batch * (double)s->m * (double)s->n * (double)s->k;
    float *a = bench_floats((size_t)(s->batch * s->m * s->k));
    float *b = bench_floats((size_t)(s->batch * s->k * s->n));
    float *c = bench_floats((size_t)(s->batch * s->m * s->n));
    cleat_product p = {
        .device = {{s->batch, s->m, s->n, s->k, s->a_transposed, s->b_transposed, a, b, c},
            .context = run->context},
        .variant = run->options.variant};
    bool good = a != NULL && b != NULL && c != NULL && make_tensors(run, s, &p);
    bounds limits = {0};
    contender contenders[4] = {{"cleat", cleat_run, &p}};
    size_t count = 1;
    if (bench_has_peer(run, "openblas")) {
        openblas_threads(run->threads);
        contenders[count++] = (contender){"openblas", openblas_run, &p.device.shape};
    }
    if (bench_has_peer(run, "clblast") && terms <= clblast_terms) {
        contenders[count++] = (contender){"clblast", clblast_run, &p.device};
    }
    good = good && check_contenders(run, contenders, count, &p);
    good = good && add_bounds(run, s, &limits, contenders, &count);
    good = good && (s->n == 1 ? bench_compare(run, &unit_gbytes, 4 * terms, contenders, count)
                              : bench_compare(run, &unit_gflops, 2 * terms, contenders, count));
    copy_peer_destroy(limits.copy);
    peak_peer_destroy(limits.peak);
    cleat_tensor_release(&p.device.a);
    cleat_tensor_release(&p.device.b);
    cleat_tensor_release(&p.device.c);
    free(a);
    free(b);
    free(c);
    return good;
}

static void large_name(size_t index, char *text, size_t size) {
    shape_name(&large[index], text, size);
}
static bool large_run(bench_run *run, size_t index) {
    return run_shape(run, &large[index]);
}
const bench bench_matmul = {
    "matmul", "square products", sizeof large / sizeof large[0], large_name, large_run};

static void small_name(size_t index, char *text, size_t size) {
    shape_name(&small[index], text, size);
}
static bool small_run(bench_run *run, size_t index) {
    return run_shape(run, &small[index]);
}
const bench bench_matmul_small = {"matmul-small", "small square products, calls pipelined",
    sizeof small / sizeof small[0], small_name, small_run};

static void odd_name(size_t index, char *text, size_t size) {
    shape_name(&odd[index], text, size);
}
static bool odd_run(bench_run *run, size_t index) {
    return run_shape(run, &odd[index]);
}
const bench bench_matmul_odd = {"matmul-odd", "odd, transposed, tall, flat and batched products",
    sizeof odd / sizeof odd[0], odd_name, odd_run};

static void vectors_name(size_t index, char *text, size_t size) {
    shape_name(&vectors[index], text, size);
}
static bool vectors_run(bench_run *run, size_t index) {
    return run_shape(run, &vectors[index]);
}
const bench bench_matvec = {"matvec", "matrix by vector; bytes of the matrix, read once",
    sizeof vectors / sizeof vectors[0], vectors_name, vectors_run};
