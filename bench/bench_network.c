/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training and inference of the network of examples/fashion_mnist, by the example's own parts,
 * against PyTorch with the same weights, data, order and batches. One call goes through all images
 * once. What reading and preparing the images on the host takes is in it on both sides.
 */
#include "peer_pytorch.h"

#include <fashion_mnist/training.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 1024, BATCH = 128, STEPS = IMAGES / BATCH };
static const float learning_rate = 2e-3F; /* as fashion_mnist_pytorch.py has it */

/* Everything of one case. */
typedef struct network_state {
    bench_run *run;
    dataset train, test;
    training trained;
    bool begun;
    volatile sig_atomic_t stop;
    float *logits, *pixels; /* [IMAGES][CLASS_COUNT], [IMAGES][28][28] */
    int32_t *labels;
    pytorch peer;
    bool has_peer;
} network_state;

/* ---- Cleat's side ---- */

static bool cleat_trains(void *state, int64_t calls) {
    network_state *s = state;
    problem why = {""};
    bool good = true;
    for (int64_t call = 0; call < calls && good; call++) {
        epoch_result result;
        good = training_epoch(&s->trained, 1, &result, &why);
        s->trained.point_count = 0; /* room for one epoch's */
        s->trained.steps_done = 0;
    }
    return good || bench_fail(s->run, "%s", why.text);
}

/* Batches from host memory to logits in host memory. */
static cleat_status infer(network_state *s) {
    cleat_status status = CLEAT_OK;
    for (int64_t first = 0; first < IMAGES && status == CLEAT_OK; first += BATCH) {
        cleat_tensor images = {0}, logits = {0};
        status = cleat_slice(s->trained.images, 0, first, BATCH, 1, &images);
        if (status == CLEAT_OK) {
            status = cleat_slice(s->trained.logits, 0, first, BATCH, 1, &logits);
        }
        if (status == CLEAT_OK) {
            status = cleat_write(s->run->context, images, s->pixels + first * IMAGE_PIXELS,
                (size_t)BATCH * IMAGE_PIXELS * sizeof *s->pixels);
        }
        if (status == CLEAT_OK) {
            status = network_forward(s->trained.net, images, logits);
        }
    }
    return status == CLEAT_OK ? cleat_read(s->run->context, s->trained.logits, s->logits,
                                    (size_t)IMAGES * CLASS_COUNT * sizeof *s->logits)
                              : status;
}

static bool cleat_infers(void *state, int64_t calls) {
    network_state *s = state;
    bool good = true;
    for (int64_t call = 0; call < calls && good; call++) {
        good = bench_call(s->run, infer(s), "inference");
    }
    return good;
}

/* ---- PyTorch's ---- */

static bool pytorch_trains(void *state, int64_t calls) {
    network_state *s = state;
    return pytorch_ask(&s->peer, "train", calls, NULL, 0);
}

static bool pytorch_infers(void *state, int64_t calls) {
    network_state *s = state;
    return pytorch_ask(&s->peer, "infer", calls, NULL, 0);
}

/* Gives it the weights that Cleat has now. */
static bool send_weights(network_state *s) {
    float *all = malloc((size_t)network_size() * sizeof *all);
    int64_t used = 0;
    bool good = all != NULL;
    for (int i = 0; i < PARAMETER_COUNT && good; i++) {
        cleat_tensor parameter = network_parameter(s->trained.net, i);
        int64_t count = cleat_tensor_count(&parameter);
        good = bench_call(s->run,
            cleat_read(s->run->context, parameter, all + used, (size_t)count * sizeof *all),
            "reading the weights");
        used += count;
    }
    good = good && pytorch_ask(&s->peer, "weights", 0, all, (size_t)used * sizeof *all);
    free(all);
    return good;
}

/* ---- Agreement ---- */

static bool agree(
    network_state *s, const char *what, int64_t index, double mine, double theirs, double allowed) {
    return fabs(mine - theirs) <= allowed || bench_fail(s->run, "%s %lld: %.7g, PyTorch has %.7g",
                                                 what, (long long)index, mine, theirs);
}

/*
 * Both train for one pass from the same weights; the mean loss of each step must agree. The first
 * one has only its own rounding; the ones after that of Adam too, whose first steps are
 * learning_rate * sign(gradient), whatever the gradient's size.
 */
static bool same_losses(network_state *s) {
    float losses[IMAGES];
    if (!send_weights(s) || !cleat_trains(s, 1) ||
        !pytorch_ask(&s->peer, "order", 0, s->trained.order, IMAGES * sizeof(int32_t)) ||
        !pytorch_ask(&s->peer, "train", 1, NULL, 0) ||
        !bench_call(s->run, cleat_read(s->run->context, s->trained.losses, losses, sizeof losses),
            "losses")) {
        return false;
    }
    bool good = s->peer.reply_count == STEPS || bench_fail(s->run, "PyTorch gave no losses");
    for (int64_t step = 0; step < STEPS && good; step++) {
        double mean = 0, theirs = (double)s->peer.reply[step];
        for (int64_t i = 0; i < BATCH; i++) {
            mean += (double)losses[step * BATCH + i] / BATCH;
        }
        good = agree(s, "loss of step", step, mean, theirs, step == 0 ? 1e-5 : 0.01 * theirs);
    }
    return good;
}

static bool same_logits(network_state *s) {
    if (!send_weights(s) || !cleat_infers(s, 1) || !pytorch_ask(&s->peer, "infer", 1, NULL, 0)) {
        return false;
    }
    bool good = s->peer.reply_count == (int64_t)IMAGES * CLASS_COUNT ||
                bench_fail(s->run, "PyTorch gave no logits");
    for (int64_t i = 0; i < (int64_t)IMAGES * CLASS_COUNT && good; i++) {
        double theirs = (double)s->peer.reply[i];
        good = agree(s, "logit", i, (double)s->logits[i], theirs, 1e-4 * (1 + fabs(theirs)));
    }
    return good;
}

/* ---- The cases ---- */

static bool begin(network_state *s) {
    problem why = {""};
    s->logits = malloc((size_t)IMAGES * CLASS_COUNT * sizeof *s->logits);
    s->pixels = malloc((size_t)IMAGES * IMAGE_PIXELS * sizeof *s->pixels);
    s->labels = malloc((size_t)IMAGES * sizeof *s->labels);
    if (s->logits == NULL || s->pixels == NULL || s->labels == NULL) {
        return bench_fail(s->run, "out of memory");
    }
    if (!dataset_load(DATASET_DEFAULT_FOLDER, "train", IMAGES, &s->train, &why) ||
        !dataset_load(DATASET_DEFAULT_FOLDER, "t10k", IMAGES, &s->test, &why)) {
        return bench_fail(s->run, "%s", why.text);
    }
    dataset_gather(&s->test, NULL, 0, IMAGES, s->pixels, s->labels);
    s->trained = (training){.context = s->run->context,
        .train = &s->train,
        .test = &s->test,
        .batch = BATCH,
        .epochs = 1,
        .learning_rate = learning_rate,
        .seed = 1,
        .stop = &s->stop};
    s->begun = training_begin(&s->trained, &why);
    s->trained.steps_total = INT64_MAX; /* the learning rate stays where it starts */
    return (s->begun && training_prepare(&s->trained, &why)) || bench_fail(s->run, "%s", why.text);
}

static void end(network_state *s) {
    if (s->has_peer) {
        pytorch_end(&s->peer);
    }
    if (s->begun) {
        training_end(&s->trained);
    }
    dataset_free(&s->train);
    dataset_free(&s->test);
    free(s->logits);
    free(s->pixels);
    free(s->labels);
}

static bool start_pytorch(network_state *s) {
    char images[16], batch[16];
    const char *const options[] = {
        "--data", DATASET_DEFAULT_FOLDER, "--images", images, "--batch", batch, NULL};
    snprintf(images, sizeof images, "%d", IMAGES);
    snprintf(batch, sizeof batch, "%d", BATCH);
    s->has_peer = true;
    return pytorch_start(s->run, "fashion_mnist_pytorch.py", options, &s->peer) ||
           bench_fail(s->run, "PyTorch could not be started: %s", s->peer.about);
}

static bool run_network(bench_run *run, bool trains) {
    network_state s = {.run = run};
    contender contenders[2] = {{"cleat", trains ? cleat_trains : cleat_infers, &s},
        {"pytorch", trains ? pytorch_trains : pytorch_infers, &s}};
    bool good = begin(&s);
    if (good && bench_has_peer(run, "pytorch")) {
        good = start_pytorch(&s) && (trains ? same_losses(&s) : same_logits(&s));
    }
    good = good && bench_compare(run, &unit_images, IMAGES, contenders, s.has_peer ? 2 : 1);
    end(&s);
    return good;
}

static void case_name(size_t index, char *text, size_t size) {
    (void)index;
    snprintf(text, size, "fashion-mnist batch %d", BATCH);
}

static bool train_run(bench_run *run, size_t index) {
    (void)index;
    return run_network(run, true);
}
const bench bench_train = {"train", "training a convolutional network", 1, case_name, train_run};

static bool infer_run(bench_run *run, size_t index) {
    (void)index;
    return run_network(run, false);
}
const bench bench_infer = {"infer", "inference by the same network", 1, case_name, infer_run};
