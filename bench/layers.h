/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network as a list of layers, each a call or two of Cleat's public functions: the forward pass,
 * for inference and for training, the gradients of the loss, and a step of an optimiser.
 * bench/network_pytorch.py computes the same lists, tests/test_layered.c has them in float64.
 */
#ifndef CLEAT_BENCH_LAYERS_H
#define CLEAT_BENCH_LAYERS_H

#include <cleat/cleat.h>

typedef enum layer_kind {
    LAYER_IMAGES, /* the first of a list, and no other; its window is the side of an image */
    LAYER_CONV,   /* no bias but with LAYER_BIAS */
    LAYER_NORM,   /* batch normalisation, of channels */
    LAYER_SUM,    /* of the results of `from` and `with` */
    LAYER_MAX,    /* max pooling */
    LAYER_MEAN,   /* of each channel */
    LAYER_DENSE   /* with a bias */
} layer_kind;

enum { LAYER_BIAS = 1, LAYER_RELU = 2, LAYERS_MAX = 64 };

/*
 * Windows are squares, and so are images and results. The result of `from` is overwritten where
 * this layer is a norm or a sum: no other layer takes it. Otherwise convolutions may share a
 * result, and the last that takes it may be a sum, as its `with`. A list goes to PyTorch as these
 * numbers.
 */
typedef struct layer {
    int32_t kind;
    int32_t from, with; /* places of earlier layers; with: of a sum */
    int32_t channels;   /* of the result: of images, convolutions and dense layers */
    int32_t window, stride, padding;
    int32_t flags;
} layer;

typedef struct layer_list {
    layer layers[LAYERS_MAX]; /* softmax cross-entropy comes behind the last, a dense one */
    int32_t count;
    bool adam;           /* trained by Adam; else by gradient descent with a momentum of 0.9 */
    float learning_rate; /* constant */
} layer_list;

/* The network of examples/fashion_mnist: 28 and 32 for its own size. The side is a multiple of 4.
 */
layer_list layers_fashion_mnist(int32_t side, int32_t width);
/* ResNet-18 (He et al. 2015) as torchvision has it: 224, 64 and 1000 for its own size. */
layer_list layers_resnet18(int32_t side, int32_t width, int32_t classes);

typedef struct layered_options {
    int64_t batch;
    cleat_type type; /* f32 or f64 */
    cleat_compute compute;
    bool trains; /* there is memory for gradients */
} layered_options;

/* One layer at work. */
typedef struct layer_state {
    int64_t shape[4];            /* of the result: batch, channels, rows, columns */
    cleat_tensor result, delta;  /* delta: the gradient of the loss for the result */
    int32_t result_in, delta_in; /* the layer whose memory they lie in */
    bool reached;                /* of the layer with the memory: delta holds a part already */
    cleat_tensor weights, bias;  /* of a norm scale and bias; buffer NULL: none */
    cleat_tensor weights_gradient, bias_gradient;
    cleat_tensor running_mean, running_variance, mean, inverse; /* of a norm */
} layer_state;

typedef struct layered {
    layer_list list;
    layered_options options;
    cleat_context *context;
    layer_state states[LAYERS_MAX];
    /*
     * All parameters end to end, weights and bias layer by layer, each from a multiple of 16
     * elements on, then all running means and variances likewise; their gradients, without the
     * latter; and what the optimiser keeps.
     */
    int64_t trained, total; /* elements of the first part, of both */
    cleat_tensor values, gradients, moments[2];
    cleat_tensor statistics;   /* memory of mean and inverse */
    cleat_tensor labels, loss; /* i32 [batch]; mean over the batch */
    int64_t steps;
} layered;

/* Extents of everything; nothing is allocated on a device. NULL: out of memory. */
layered *layered_plan(const layer_list *list, const layered_options *options);
/* What layered_begin() takes on the device with scratch memory, and the largest piece. */
double layered_bytes(const layered *net, double *largest);
/* Allocates, and draws the parameters; images (the first layer's result) and labels are the
 * caller's to write. A failed one is ended as any other. */
cleat_status layered_begin(layered *net, cleat_context *context, uint64_t seed);
void layered_end(layered *net); /* NULL is accepted */

/* The logits, [batch, classes]. */
cleat_tensor layered_logits(const layered *net);
/* With running means and variances. These three only enqueue. */
cleat_status layered_infer(layered *net);
/* Loss and gradients, with means and variances of the batch. */
cleat_status layered_differentiate(layered *net);
/* The same, and a step along the gradients. */
cleat_status layered_train(layered *net);

#endif
