/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions: the layers of known networks forward, and those of one of them backward. */
#include "peer_cudnn.h"
#include "peer_onednn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Squares: input channels and extent, output channels, window; padding keeps the extent. */
typedef struct layer {
    int64_t c, h, m, k, stride, groups;
} layer;

static const layer resnet50[] = {{3, 224, 64, 7, 2, 1},
    /* 56 x 56 */
    {64, 56, 64, 1, 1, 1}, {64, 56, 64, 3, 1, 1}, {64, 56, 256, 1, 1, 1}, {256, 56, 64, 1, 1, 1},
    /* to 28 x 28 */
    {256, 56, 128, 1, 1, 1}, {128, 56, 128, 3, 2, 1}, {256, 56, 512, 1, 2, 1},
    {128, 28, 512, 1, 1, 1}, {512, 28, 128, 1, 1, 1}, {128, 28, 128, 3, 1, 1},
    /* to 14 x 14 */
    {512, 28, 256, 1, 1, 1}, {256, 28, 256, 3, 2, 1}, {512, 28, 1024, 1, 2, 1},
    {256, 14, 1024, 1, 1, 1}, {1024, 14, 256, 1, 1, 1}, {256, 14, 256, 3, 1, 1},
    /* to 7 x 7 */
    {1024, 14, 512, 1, 1, 1}, {512, 14, 512, 3, 2, 1}, {1024, 14, 2048, 1, 2, 1},
    {512, 7, 2048, 1, 1, 1}, {2048, 7, 512, 1, 1, 1}, {512, 7, 512, 3, 1, 1}};
/* Those of them that Winograd's algorithm may compute, where it is allowed. */
static const layer winograd[] = {{64, 56, 64, 3, 1, 1}, {128, 28, 128, 3, 1, 1},
    {256, 14, 256, 3, 1, 1}, {512, 7, 512, 3, 1, 1}};
static const layer vgg16[] = {{3, 224, 64, 3, 1, 1}, {64, 224, 64, 3, 1, 1},
    {64, 112, 128, 3, 1, 1}, {128, 112, 128, 3, 1, 1}, {128, 56, 256, 3, 1, 1},
    {256, 56, 256, 3, 1, 1}, {256, 28, 512, 3, 1, 1}, {512, 28, 512, 3, 1, 1},
    {512, 14, 512, 3, 1, 1}};
static const layer mobilenet_v2[] = {{3, 224, 32, 3, 2, 1},
    /* depthwise */
    {32, 112, 32, 3, 1, 32}, {96, 112, 96, 3, 2, 96}, {144, 56, 144, 3, 1, 144},
    {144, 56, 144, 3, 2, 144}, {192, 28, 192, 3, 1, 192}, {192, 28, 192, 3, 2, 192},
    {384, 14, 384, 3, 1, 384}, {576, 14, 576, 3, 1, 576}, {576, 14, 576, 3, 2, 576},
    {960, 7, 960, 3, 1, 960},
    /* pointwise */
    {32, 112, 16, 1, 1, 1}, {16, 112, 96, 1, 1, 1}, {96, 56, 24, 1, 1, 1}, {24, 56, 144, 1, 1, 1},
    {144, 56, 24, 1, 1, 1}, {144, 28, 32, 1, 1, 1}, {32, 28, 192, 1, 1, 1}, {192, 28, 32, 1, 1, 1},
    {192, 14, 64, 1, 1, 1}, {64, 14, 384, 1, 1, 1}, {384, 14, 64, 1, 1, 1}, {384, 14, 96, 1, 1, 1},
    {96, 14, 576, 1, 1, 1}, {576, 14, 96, 1, 1, 1}, {576, 7, 160, 1, 1, 1}, {160, 7, 960, 1, 1, 1},
    {960, 7, 160, 1, 1, 1}, {960, 7, 320, 1, 1, 1}, {320, 7, 1280, 1, 1, 1}};

/* A list of layers, each in one direction at one batch size, and how exact they are to be. */
typedef struct suite {
    const char *name;
    const layer *layers;
    size_t count;
    int64_t n;
    cleat_conv2d_direction direction;
    cleat_compute compute;
} suite;

enum {
    RESNET50 = sizeof resnet50 / sizeof *resnet50,
    WINOGRAD = sizeof winograd / sizeof *winograd,
    VGG16 = sizeof vgg16 / sizeof *vgg16,
    MOBILENET_V2 = sizeof mobilenet_v2 / sizeof *mobilenet_v2
};

static const suite forward[] = {
    {"resnet", resnet50, RESNET50, 1, CLEAT_CONV2D_FORWARD, CLEAT_COMPUTE_STRICT},
    {"resnet", resnet50, RESNET50, 8, CLEAT_CONV2D_FORWARD, CLEAT_COMPUTE_STRICT},
    {"vgg", vgg16, VGG16, 1, CLEAT_CONV2D_FORWARD, CLEAT_COMPUTE_STRICT},
    {"mobilenet", mobilenet_v2, MOBILENET_V2, 1, CLEAT_CONV2D_FORWARD, CLEAT_COMPUTE_STRICT}};
static const suite card[] = {
    {"resnet", resnet50, RESNET50, 32, CLEAT_CONV2D_FORWARD, CLEAT_COMPUTE_STRICT},
    {"winograd", winograd, WINOGRAD, 32, CLEAT_CONV2D_FORWARD, CLEAT_COMPUTE_STRICT},
    {"tf32", resnet50, RESNET50, 32, CLEAT_CONV2D_FORWARD, CLEAT_COMPUTE_TF32},
    {"resnet", resnet50, RESNET50, 128, CLEAT_CONV2D_FORWARD, CLEAT_COMPUTE_STRICT},
    {"winograd", winograd, WINOGRAD, 128, CLEAT_CONV2D_FORWARD, CLEAT_COMPUTE_STRICT},
    {"tf32", resnet50, RESNET50, 128, CLEAT_CONV2D_FORWARD, CLEAT_COMPUTE_TF32}};
static const suite backward[] = {
    {"data", resnet50, RESNET50, 8, CLEAT_CONV2D_BACKWARD_DATA, CLEAT_COMPUTE_STRICT},
    {"weights", resnet50, RESNET50, 8, CLEAT_CONV2D_BACKWARD_WEIGHTS, CLEAT_COMPUTE_STRICT}};

/* The suite that holds case `index` of a list, and its place there. */
static const suite *find_suite(const suite *suites, size_t *index) {
    while (*index >= suites->count) {
        *index -= suites->count;
        suites++;
    }
    return suites;
}

/* "resnet 64x56x56 256 1x1 n8": input, output channels, window, stride, batch. */
static void layer_name(const suite *suites, size_t index, char *text, size_t size) {
    const suite *s = find_suite(suites, &index);
    const layer *l = &s->layers[index];
    char outputs[24] = "depthwise";
    if (l->groups == 1) {
        snprintf(outputs, sizeof outputs, "%lld", (long long)l->m);
    }
    snprintf(text, size, "%s %lldx%lldx%lld %s %lldx%lld%s n%lld", s->name, (long long)l->c,
        (long long)l->h, (long long)l->h, outputs, (long long)l->k, (long long)l->k,
        l->stride == 2 ? " s2" : "", (long long)s->n);
}

typedef struct cleat_convolution {
    device_convolution device;
    cleat_packed *packed; /* weights, or NULL */
    const char *variant;
    bool winograd; /* allowed */
    cleat_compute compute;
} cleat_convolution;

static bool cleat_run(void *state, int64_t calls) {
    const cleat_convolution *s = state;
    const device_convolution *d = &s->device;
    const convolution *p = d->shape;
    const cleat_conv2d_options options = {.stride = {p->stride, p->stride},
        .padding = {p->padding, p->padding, p->padding, p->padding},
        .groups = p->groups,
        .variant = s->variant,
        .packed_w = s->packed,
        .winograd = s->winograd,
        .compute = s->compute};
    for (int64_t call = 0; call < calls; call++) {
        cleat_status status;
        if (p->direction == CLEAT_CONV2D_FORWARD) {
            status = cleat_conv2d(d->context, d->x, d->weights, d->y, &options);
        } else if (p->direction == CLEAT_CONV2D_BACKWARD_DATA) {
            status = cleat_conv2d_backward_data(d->context, d->y, d->weights, d->x, &options);
        } else {
            status = cleat_conv2d_backward_weights(d->context, d->x, d->y, d->weights, &options);
        }
        if (status != CLEAT_OK) {
            fprintf(stderr, "cleat-bench: %s\n", cleat_error_message());
            return false;
        }
    }
    return cleat_finish(d->context) == CLEAT_OK;
}

/* ---- Checking ---- */

typedef struct terms {
    double sum, magnitude, count;
} terms;

static void add_term(terms *t, float a, float b) {
    t->sum += (double)a * (double)b;
    t->magnitude += fabs((double)a * (double)b);
    t->count++;
}

/* Where output (oh, ow) reads its channel of x through window place (kh, kw); -1: padding. */
static int64_t input_place(const convolution *p, int64_t oh, int64_t ow, int64_t kh, int64_t kw) {
    const int64_t h = oh * p->stride - p->padding + kh, w = ow * p->stride - p->padding + kw;
    return h < 0 || h >= p->h || w < 0 || w >= p->w ? -1 : h * p->w + w;
}

static terms sum_forward(const convolution *p, int64_t place) {
    const int64_t ow = place % p->ow, oh = place / p->ow % p->oh;
    const int64_t m = place / (p->ow * p->oh) % p->m, n = place / (p->ow * p->oh * p->m);
    const int64_t channels = p->c / p->groups, group = m / (p->m / p->groups);
    terms t = {0};
    for (int64_t i = 0; i < channels * p->k * p->k; i++) {
        const int64_t c = i / (p->k * p->k);
        const int64_t at = input_place(p, oh, ow, i / p->k % p->k, i % p->k);
        if (at >= 0) {
            add_term(&t, p->x[(n * p->c + group * channels + c) * p->h * p->w + at],
                p->weights[m * channels * p->k * p->k + i]);
        }
    }
    return t;
}

/* Without groups, as all layers of the backward benches. */
static terms sum_data(const convolution *p, int64_t place) {
    const int64_t w = place % p->w, h = place / p->w % p->h;
    const int64_t c = place / (p->w * p->h) % p->c, n = place / (p->w * p->h * p->c);
    terms t = {0};
    for (int64_t kh = 0; kh < p->k; kh++) {
        for (int64_t kw = 0; kw < p->k; kw++) {
            const int64_t row = h + p->padding - kh, column = w + p->padding - kw;
            const int64_t oh = row / p->stride, ow = column / p->stride;
            if (row < 0 || column < 0 || row % p->stride || column % p->stride || oh >= p->oh ||
                ow >= p->ow) {
                continue;
            }
            for (int64_t m = 0; m < p->m; m++) {
                add_term(&t, p->y[((n * p->m + m) * p->oh + oh) * p->ow + ow],
                    p->weights[((m * p->c + c) * p->k + kh) * p->k + kw]);
            }
        }
    }
    return t;
}

static terms sum_weights(const convolution *p, int64_t place) {
    const int64_t kw = place % p->k, kh = place / p->k % p->k;
    const int64_t c = place / (p->k * p->k) % p->c, m = place / (p->k * p->k * p->c);
    terms t = {0};
    for (int64_t i = 0; i < p->n * p->oh * p->ow; i++) {
        const int64_t n = i / (p->oh * p->ow), pixel = i % (p->oh * p->ow);
        const int64_t at = input_place(p, pixel / p->ow, pixel % p->ow, kh, kw);
        if (at >= 0) {
            add_term(&t, p->x[(n * p->c + c) * p->h * p->w + at],
                p->y[(n * p->m + m) * p->oh * p->ow + pixel]);
        }
    }
    return t;
}

static terms (*const sums[])(const convolution *p, int64_t place) = {
    sum_forward, sum_data, sum_weights};

typedef struct result_array {
    float *host;
    cleat_tensor *device;
    size_t count;
} result_array;

static result_array result_of(device_convolution *d) {
    const convolution *p = d->shape;
    switch (p->direction) {
    case CLEAT_CONV2D_BACKWARD_DATA:
        return (result_array){p->x, &d->x, (size_t)(p->n * p->c * p->h * p->w)};
    case CLEAT_CONV2D_BACKWARD_WEIGHTS:
        return (result_array){
            p->weights, &d->weights, (size_t)(p->m * p->c / p->groups * p->k * p->k)};
    default:
        return (result_array){p->y, &d->y, (size_t)(p->n * p->m * p->oh * p->ow)};
    }
}

/* Runs one contender and compares some of its elements with sums in float64. */
static bool check_contender(
    bench_run *run, const contender *c, device_convolution *d, cleat_compute compute) {
    const result_array result = result_of(d);
    for (size_t i = 0; i < result.count; i++) {
        result.host[i] = 1e30F;
    }
    bool good = bench_call(run, cleat_fill(run->context, 1e30, *result.device), "fill") &&
                c->run(c->state, 1);
    if (c->run == onednn_run) {
        good = good && onednn_read(c->state);
    } else {
        good = good && bench_call(run,
                           cleat_read(run->context, *result.device, result.host,
                               result.count * sizeof(float)),
                           "cleat_read");
    }
    for (int64_t probe = 0; probe < 64 && good; probe++) {
        const int64_t place = bench_probe(probe, (int64_t)result.count);
        const terms t = sums[d->shape->direction](d->shape, place);
        good = bench_within(run, c->name, (double)result.host[place], t.sum,
            bench_allowed(CLEAT_F32, compute, t.count, t.magnitude, t.sum));
    }
    return good;
}

/* ---- One case ---- */

/* [n, h, w, c] in memory, [n, c, h, w] to the eye. */
static bool channels_last_tensor(
    bench_run *run, const int64_t *shape, const float *data, cleat_tensor *tensor) {
    const int64_t pixels[] = {shape[0], shape[2], shape[3], shape[1]};
    const int32_t axes[] = {0, 3, 1, 2};
    const size_t bytes = (size_t)(shape[0] * shape[1] * shape[2] * shape[3]) * sizeof *data;
    return bench_call(run, cleat_tensor_create(run->context, CLEAT_F32, 4, pixels, tensor),
               "cleat_tensor_create") &&
           bench_call(run, cleat_permute(*tensor, axes, tensor), "cleat_permute") &&
           bench_call(run, cleat_write(run->context, *tensor, data, bytes), "cleat_write");
}

static bool make_tensors(bench_run *run, cleat_convolution *own, bool channels_last) {
    device_convolution *d = &own->device;
    const convolution *p = d->shape;
    const int64_t x[] = {p->n, p->c, p->h, p->w}, y[] = {p->n, p->m, p->oh, p->ow};
    const int64_t weights[] = {p->m, p->c / p->groups, p->k, p->k};
    if (!bench_tensor(run, 4, weights, p->weights, &d->weights)) {
        return false;
    }
    if (channels_last) {
        return channels_last_tensor(run, x, p->x, &d->x) &&
               channels_last_tensor(run, y, p->y, &d->y) &&
               bench_call(run, cleat_conv2d_pack(run->context, d->weights, p->groups, &own->packed),
                   "cleat_conv2d_pack");
    }
    return bench_tensor(run, 4, x, p->x, &d->x) && bench_tensor(run, 4, y, p->y, &d->y);
}

static void release_tensors(cleat_convolution *own) {
    cleat_packed_release(own->packed);
    own->packed = NULL;
    cleat_tensor_release(&own->device.x);
    cleat_tensor_release(&own->device.weights);
    cleat_tensor_release(&own->device.y);
}

/* CLBlast on a processor takes up to a second for what others do in 10 ms: there it runs where it
 * is quick. */
static bool clblast_fits(const bench_run *run, const cleat_convolution *own, double flop) {
    const convolution *p = own->device.shape;
    return p->direction == CLEAT_CONV2D_FORWARD && p->groups == 1 &&
           own->compute == CLEAT_COMPUTE_STRICT &&
           (flop < 3e8 || run->device.type == CLEAT_DEVICE_GPU);
}

/* Adds cuDNN, which has operands of its own. */
static bool add_cudnn(
    bench_run *run, const cleat_convolution *own, contender *contenders, size_t *count) {
    const convolution *p = own->device.shape;
    if (p->direction != CLEAT_CONV2D_FORWARD || p->groups != 1 || !bench_has_peer(run, "cudnn")) {
        return true;
    }
    contenders[(*count)++] = own->compute == CLEAT_COMPUTE_STRICT
                                 ? (contender){"cudnn", cudnn_run, NULL}
                                 : (contender){"cudnn-tf32", cudnn_tf32_run, NULL};
    return cudnn_select(run, p);
}

/* Cleat in one layout against the peers in theirs; NULL: not this one. */
static bool compare_with(bench_run *run, cleat_convolution *own, bool channels_last,
    const peer *const peers[2], bool clblast) {
    device_convolution *d = &own->device;
    const convolution *p = d->shape;
    const double flop =
        2.0 * (double)(p->n * p->m * p->oh * p->ow) * (double)(p->c / p->groups * p->k * p->k);
    contender contenders[CONTENDERS_MAX] = {{"cleat", cleat_run, own}};
    onednn_convolution *states[2] = {NULL, NULL};
    size_t count = 1;
    bool good = make_tensors(run, own, channels_last);
    for (int i = 0; i < 2 && good; i++) {
        if (peers[i] != NULL && bench_has_peer(run, peers[i]->name)) {
            states[i] = onednn_create(run, p, peers[i] == &onednn_own_peer);
            good = states[i] != NULL;
            contenders[count++] = (contender){peers[i]->name, onednn_run, states[i]};
        }
    }
    if (clblast && bench_has_peer(run, "clblast") && clblast_fits(run, own, flop)) {
        contenders[count++] = (contender){"clblast", clblast_convolution_run, d};
    }
    for (size_t i = 0; i < count && good; i++) {
        good = check_contender(run, &contenders[i], d,
            contenders[i].run == cleat_run ? own->compute : CLEAT_COMPUTE_STRICT);
    }
    good = good && (channels_last || add_cudnn(run, own, contenders, &count));
    good = good && bench_compare(run, &unit_gflops, flop, contenders, count);
    onednn_destroy(states[0]);
    onednn_destroy(states[1]);
    release_tensors(own);
    return good;
}

/* Forward, each peer meets Cleat in the layout that is its own kind: plain ones in NCHW, oneDNN's
 * own choice with the channels last and the weights packed beforehand, as its weights are. */
static bool compare(bench_run *run, cleat_convolution *own) {
    const peer *const all[] = {&onednn_nchw_peer, &onednn_own_peer};
    if (own->device.shape->direction != CLEAT_CONV2D_FORWARD) {
        return compare_with(run, own, false, all, false);
    }
    const peer *const plain[] = {&onednn_nchw_peer, NULL}, *const chosen[] = {
                                                               &onednn_own_peer, NULL};
    return compare_with(run, own, false, plain, true) &&
           (!bench_has_peer(run, onednn_own_peer.name) ||
               compare_with(run, own, true, chosen, false));
}

/* cuDNN's operands lie beside Cleat's. */
static bool fits(bench_run *run, const convolution *p) {
    const double x = 4.0 * (double)(p->n * p->c * p->h * p->w);
    const double y = 4.0 * (double)(p->n * p->m * p->oh * p->ow);
    const double weights = 4.0 * (double)(p->m * p->c / p->groups * p->k * p->k);
    const double sides = bench_has_peer(run, "cudnn") ? 2 : 1;
    return bench_fits(run, fmax(x, fmax(y, weights)), sides * (x + y + weights));
}

static bool run_layer(bench_run *run, const suite *suites, size_t index) {
    const suite *s = find_suite(suites, &index);
    const layer *l = &s->layers[index];
    const int64_t padding = l->k / 2, out = (l->h + 2 * padding - l->k) / l->stride + 1;
    convolution p = {s->direction, s->n, l->c, l->h, l->h, l->m, l->k, l->stride, padding,
        l->groups, out, out, NULL, NULL, NULL};
    if (!fits(run, &p)) {
        return true;
    }
    p.x = bench_floats((size_t)(p.n * p.c * p.h * p.w));
    p.weights = bench_floats((size_t)(p.m * p.c / p.groups * p.k * p.k));
    p.y = bench_floats((size_t)(p.n * p.m * p.oh * p.ow));
    cleat_convolution own = {.device = {.shape = &p, .context = run->context},
        .variant = run->options.variant,
        .winograd = s->layers == winograd,
        .compute = s->compute};
    /* Half the time a repetition: there are more than a hundred cases. */
    const double seconds = run->options.seconds;
    run->options.seconds = seconds / 2;
    bool good = p.x != NULL && p.weights != NULL && p.y != NULL && compare(run, &own);
    run->options.seconds = seconds;
    free(p.x);
    free(p.weights);
    free(p.y);
    return good;
}

static void forward_name(size_t index, char *text, size_t size) {
    layer_name(forward, index, text, size);
}
static bool forward_run(bench_run *run, size_t index) {
    return run_layer(run, forward, index);
}
const bench bench_conv = {"conv", "convolution layers of known networks",
    2 * RESNET50 + VGG16 + MOBILENET_V2, forward_name, forward_run};

static void backward_name(size_t index, char *text, size_t size) {
    layer_name(backward, index, text, size);
}
static bool backward_run(bench_run *run, size_t index) {
    return run_layer(run, backward, index);
}
const bench bench_conv_backward = {"conv-backward",
    "the layers of ResNet-50, gradients of the data and of the weights", 2 * RESNET50,
    backward_name, backward_run};

static void card_name(size_t index, char *text, size_t size) {
    layer_name(card, index, text, size);
}
static bool card_run(bench_run *run, size_t index) {
    return run_layer(run, card, index);
}
const bench bench_gpu_conv = {"gpu-conv",
    "the layers of ResNet-50 in batches of 32 and 128; Winograd's algorithm, TF32 allowed",
    2 * (2 * RESNET50 + WINOGRAD), card_name, card_run};
