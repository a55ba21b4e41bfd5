/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training and inference of whole networks as a graphics card is measured by them, against PyTorch
 * with the same weights, on the same card: the network of examples/fashion_mnist and ResNet-18
 * (layers.h). One call is a pass or a step with one batch of random images, which lie on the device
 * on both sides. Batch normalisation is an operation of its own in inference too.
 *
 * Before they are measured both must agree: about the logits, and about the gradients and the
 * losses of the first steps.
 */
#include "layers.h"
#include "peer_pytorch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static layer_list fashion_mnist(void) {
    return layers_fashion_mnist(28, 32);
}

static layer_list resnet18(void) {
    return layers_resnet18(224, 64, 1000);
}

/* Small enough for a processor without much memory; on a card, what launches take. */
static layer_list tiny_resnet18(void) {
    return layers_resnet18(32, 8, 10);
}

static const struct {
    const char *name;
    layer_list (*make)(void);
    int64_t batch;
    cleat_compute compute;
} cases[] = {{"fashion-mnist", fashion_mnist, 128, CLEAT_COMPUTE_STRICT},
    {"tf32 fashion-mnist", fashion_mnist, 128, CLEAT_COMPUTE_TF32},
    {"tiny resnet-18", tiny_resnet18, 8, CLEAT_COMPUTE_STRICT},
    {"resnet-18", resnet18, 32, CLEAT_COMPUTE_STRICT},
    {"resnet-18", resnet18, 128, CLEAT_COMPUTE_STRICT},
    {"tf32 resnet-18", resnet18, 32, CLEAT_COMPUTE_TF32},
    {"tf32 resnet-18", resnet18, 128, CLEAT_COMPUTE_TF32}};
enum { CASES = sizeof cases / sizeof *cases, STEPS = 3 };

typedef struct network_run {
    bench_run *run;
    layered *net;
    pytorch *peer; /* NULL: takes no part */
} network_run;

/* ---- Both sides ---- */

static bool cleat_infers(void *state, int64_t calls) {
    network_run *r = state;
    bool good = true;
    for (int64_t call = 0; call < calls && good; call++) {
        good = bench_call(r->run, layered_infer(r->net), "inference");
    }
    return good && bench_call(r->run, cleat_finish(r->run->context), "inference");
}

static bool cleat_trains(void *state, int64_t calls) {
    network_run *r = state;
    bool good = true;
    for (int64_t call = 0; call < calls && good; call++) {
        good = bench_call(r->run, layered_train(r->net), "training");
    }
    return good && bench_call(r->run, cleat_finish(r->run->context), "training");
}

static bool pytorch_infers(void *state, int64_t calls) {
    return pytorch_ask(((network_run *)state)->peer, "infer", calls, NULL, 0);
}

static bool pytorch_trains(void *state, int64_t calls) {
    return pytorch_ask(((network_run *)state)->peer, "train", calls, NULL, 0);
}

/* ---- The same network on both ---- */

static bool send_network(network_run *r) {
    const layer_list *list = &r->net->list;
    const size_t bytes = (size_t)list->count * sizeof *list->layers;
    return r->peer == NULL || pytorch_ask(r->peer, "layers", list->count, list->layers, bytes);
}

/* Random ones; a label is made of its number. */
static bool write_images(network_run *r) {
    const cleat_tensor images = r->net->states[0].result;
    const int64_t batch = r->net->options.batch, classes = layered_logits(r->net).shape[1];
    const size_t count = (size_t)cleat_tensor_count(&images), bytes = count * sizeof(float);
    float *pixels = bench_floats(count);
    int32_t labels[128];
    for (int64_t i = 0; i < batch; i++) {
        labels[i] = (int32_t)bench_probe(i, classes);
    }
    const size_t label_bytes = (size_t)batch * sizeof *labels;
    const bool good =
        pixels != NULL &&
        bench_call(r->run, cleat_write(r->run->context, images, pixels, bytes), "images") &&
        bench_call(
            r->run, cleat_write(r->run->context, r->net->labels, labels, label_bytes), "labels") &&
        (r->peer == NULL || (pytorch_ask(r->peer, "images", batch, pixels, bytes) &&
                                pytorch_ask(r->peer, "labels", batch, labels, label_bytes)));
    free(pixels);
    return good;
}

/* A tensor's elements; free() them. NULL after bench_fail(). */
static float *read_all(network_run *r, cleat_tensor from) {
    const size_t count = (size_t)cleat_tensor_count(&from);
    float *read = malloc(count * sizeof *read);
    if (read == NULL) {
        bench_fail(r->run, "out of memory");
        return NULL;
    }
    if (!bench_call(
            r->run, cleat_read(r->run->context, from, read, count * sizeof *read), "cleat_read")) {
        free(read);
        return NULL;
    }
    return read;
}

/* Gives PyTorch the weights that Cleat has, and an optimiser that starts anew. */
static bool send_weights(network_run *r) {
    const layered *net = r->net;
    const float rate = net->list.learning_rate;
    if (r->peer == NULL) {
        return true;
    }
    float *values = read_all(r, net->values);
    const bool good =
        values != NULL &&
        pytorch_ask(r->peer, "weights", net->total, values, (size_t)net->total * sizeof *values) &&
        pytorch_ask(r->peer, net->list.adam ? "adam" : "sgd", 1, &rate, sizeof rate) &&
        pytorch_ask(r->peer, "tf32", net->options.compute == CLEAT_COMPUTE_TF32, NULL, 0);
    free(values);
    return good;
}

/* ---- Agreement ---- */

/*
 * How far results may differ, as a part of their norm. Logits are off by some e, roundings of as
 * many layers. About as large a part of the relus then takes the other side, and each such element
 * of a gradient comes or goes as a whole: by sqrt(e) a layer, growing with the layers. (Measured on
 * processors, ResNet-18 n32: e = 5e-7, gradients 6e-3; Winograd's algorithm and TF32 have 1e-5 and
 * 1e-3.) That the gradients are exact is what tests/test_layered.c shows; this finds a device or a
 * kernel that goes wrong at full size. Steps along such gradients make losses differ.
 */
typedef struct tolerance {
    double logits, gradients, first_loss, losses;
} tolerance;

static tolerance allowed_for(const network_run *r) {
    return r->net->options.compute == CLEAT_COMPUTE_STRICT ? (tolerance){1e-4, 0.05, 1e-5, 1e-2}
                                                           : (tolerance){1e-2, 0.5, 1e-2, 5e-2};
}

/* Whether the norm of the difference is at most a part `allowed` of theirs. */
static bool agree(const network_run *r, const char *what, int64_t place, const float *mine,
    const float *theirs, int64_t count, double allowed) {
    double difference = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        difference += pow((double)mine[i] - (double)theirs[i], 2);
        size += pow((double)theirs[i], 2);
    }
    return sqrt(difference) <= allowed * sqrt(size) ||
           bench_fail(r->run, "%s of %lld are off by %.2g of PyTorch's, %.2g is allowed", what,
               (long long)place, sqrt(difference / size), allowed);
}

static bool same_count(const network_run *r, int64_t wanted) {
    return r->peer->reply_count == wanted ||
           bench_fail(r->run, "PyTorch gives %lld numbers, %lld are wanted",
               (long long)r->peer->reply_count, (long long)wanted);
}

static bool same_logits(network_run *r) {
    const cleat_tensor logits = layered_logits(r->net);
    const int64_t count = cleat_tensor_count(&logits);
    float *mine = cleat_infers(r, 1) ? read_all(r, logits) : NULL;
    const bool good =
        mine != NULL && pytorch_ask(r->peer, "logits", 1, NULL, 0) && same_count(r, count) &&
        agree(r, "logits", r->net->list.count, mine, r->peer->reply, count, allowed_for(r).logits);
    free(mine);
    return good;
}

/* Those of one parameter, whose view of the gradients tells where they lie in both. */
static bool same_gradient(
    const network_run *r, int64_t place, const cleat_tensor *view, const float *mine) {
    return view->buffer == NULL ||
           agree(r, "gradients of layer", place, mine + view->offset, r->peer->reply + view->offset,
               cleat_tensor_count(view), allowed_for(r).gradients);
}

static bool same_gradients(network_run *r) {
    layered *net = r->net;
    float *mine = bench_call(r->run, layered_differentiate(net), "gradients")
                      ? read_all(r, net->gradients)
                      : NULL;
    bool good = mine != NULL && pytorch_ask(r->peer, "gradients", 1, NULL, 0) &&
                same_count(r, net->trained);
    for (int32_t at = 0; at < net->list.count && good; at++) {
        good = same_gradient(r, at, &net->states[at].weights_gradient, mine) &&
               same_gradient(r, at, &net->states[at].bias_gradient, mine);
    }
    free(mine);
    return good;
}

static bool same_losses(network_run *r) {
    for (int step = 0; step < STEPS; step++) {
        float *mine = cleat_trains(r, 1) ? read_all(r, r->net->loss) : NULL;
        const bool good = mine != NULL && pytorch_ask(r->peer, "losses", 1, NULL, 0) &&
                          same_count(r, 1) &&
                          agree(r, "losses", step, mine, r->peer->reply, 1,
                              step == 0 ? allowed_for(r).first_loss : allowed_for(r).losses);
        free(mine);
        if (!good) {
            return false;
        }
    }
    return true;
}

/* ---- The cases ---- */

/* PyTorch keeps as much beside it. */
static bool fits(bench_run *run, const layered *net) {
    double largest = 0;
    const double bytes = layered_bytes(net, &largest);
    return bench_fits(run, largest, (bench_has_peer(run, "pytorch") ? 2 : 1) * bytes);
}

static bool run_case(bench_run *run, size_t index, bool trains) {
    const layer_list list = cases[index].make();
    const layered_options options = {.batch = cases[index].batch,
        .type = CLEAT_F32,
        .compute = cases[index].compute,
        .trains = trains};
    network_run r = {.run = run, .net = layered_plan(&list, &options)};
    if (r.net == NULL) {
        return bench_fail(run, "out of memory");
    }
    if (!fits(run, r.net)) {
        layered_end(r.net);
        return true;
    }
    const contender contenders[] = {{"cleat", trains ? cleat_trains : cleat_infers, &r},
        {"pytorch", trains ? pytorch_trains : pytorch_infers, &r}};
    r.peer = bench_has_peer(run, "pytorch") ? pytorch_networks(run) : NULL;
    bool good = bench_call(run, layered_begin(r.net, run->context, 1), "the network") &&
                send_network(&r) && write_images(&r) && send_weights(&r);
    if (good && r.peer != NULL) {
        good = trains ? same_gradients(&r) && same_losses(&r) : same_logits(&r);
    }
    good = good && bench_compare(run, &unit_images, (double)options.batch, contenders,
                       r.peer != NULL ? 2 : 1);
    layered_end(r.net);
    return good;
}

static void case_name(size_t index, char *text, size_t size) {
    snprintf(text, size, "%s n%lld", cases[index].name, (long long)cases[index].batch);
}

static bool train_run(bench_run *run, size_t index) {
    return run_case(run, index, true);
}
const bench bench_gpu_train = {"gpu-train",
    "training steps of whole networks, images on the device", CASES, case_name, train_run};

static bool infer_run(bench_run *run, size_t index) {
    return run_case(run, index, false);
}
const bench bench_gpu_infer = {
    "gpu-infer", "inference by the same networks", CASES, case_name, infer_run};
