/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training networks that are graphs (graph.h): parameters that a model keeps, gradients, and
 * optimisers, all of them parts of the graph, so that a run of the model is a whole training step
 * and is repeated like any other.
 *
 *     cleat_graph_input(graph, "x", CLEAT_F32, 2, (int64_t[]){-1, 784});
 *     cleat_graph_input(graph, "labels", CLEAT_I32, 1, (int64_t[]){-1});
 *     cleat_graph_input(graph, "rate", CLEAT_F32, 0, NULL);
 *     cleat_graph_parameter(graph, "w", CLEAT_F32, 2, (int64_t[]){784, 10}, weights);
 *     ... a node "MatMul" of x and w, a node "SoftmaxCrossEntropyLoss" that gives "loss" ...
 *     cleat_graph_output(graph, "loss");
 *     cleat_graph_train(graph, "loss", "rate", NULL);
 *     cleat_model_create(context, graph, NULL, &model);
 *     for (each batch)
 *         cleat_model_run(model, (cleat_tensor[]){x, labels, rate}, 3, &loss, 1);
 *     cleat_model_parameter(model, "w", &w);
 *
 * docs/training.md has a whole program, and lists the operators that have gradients.
 */
#ifndef CLEAT_TRAINING_H
#define CLEAT_TRAINING_H

#include <cleat/graph.h>
#include <cleat/optimizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A value that the model keeps on the device from run to run: nodes read it like any other, and
 * only cleat_graph_assign(), cleat_graph_update() and the caller (cleat_model_parameter()) change
 * it. It begins as `elements`, row-major, copied; NULL: zeros. Unlike a constant it is not folded,
 * packed or fused into others. Of the outermost graph alone (CLEAT_INVALID_ARGUMENT of
 * cleat_model_create() otherwise).
 */
CLEAT_API cleat_status cleat_graph_parameter(cleat_graph *graph, const char *name, cleat_type type,
    int32_t rank, const int64_t *shape, const void *elements);

/*
 * Adds nodes that compute gradients[i], a new value of the type and shape of values[i]: how the sum
 * of the elements of `of` depends on it. What `of` depends on must be in the graph already. Values
 * are parameters, inputs, constants, or what nodes write. Errors: CLEAT_UNSUPPORTED, naming the
 * node, for an operator on the way that has no gradient; CLEAT_INVALID_ARGUMENT for a value that is
 * not there, that `of` does not depend on, a new name that is taken, or a cycle. After a failure
 * the graph may hold some of the nodes and is good for cleat_graph_release() alone; so it is with
 * the functions below. What operators refuse about shapes and types is found by runs.
 */
CLEAT_API cleat_status cleat_graph_gradients(cleat_graph *graph, const char *of, size_t count,
    const char *const *values, const char *const *gradients);

/*
 * At the end of each run the parameter becomes `value`, of its type and shape: running statistics
 * of a BatchNormalization, say. All such changes and updates come after all other nodes, in the
 * order of the calls; so what nodes compute is made of the parameters before, and a parameter that
 * is an output is given as it is after the run. Each parameter is changed by one call at most.
 */
CLEAT_API cleat_status cleat_graph_assign(
    cleat_graph *graph, const char *parameter, const char *value);

typedef enum cleat_optimizer {
    CLEAT_OPTIMIZER_ADAM = 0, /* cleat_adam_step() */
    CLEAT_OPTIMIZER_ADAMW,    /* cleat_adamw_step() */
    CLEAT_OPTIMIZER_SGD       /* cleat_sgd_step() */
} cleat_optimizer;

typedef struct cleat_train_options {
    cleat_optimizer optimizer;
    cleat_adam_options adam; /* of Adam and AdamW */
    cleat_sgd_options sgd;
    uint64_t reserved[8];
} cleat_train_options;

/*
 * At the end of each run the optimiser makes a step with each parameter, f32 or f64, in place.
 * gradients[i] is a value of its type and shape; `rate` one element of type f32, an input or a
 * constant. What the optimiser remembers are parameters too, which begin as zeros: of parameter w
 * "w.m" and "w.v" (Adam), "w.velocity" (SGD with momentum), and for each call of Adam "P.step",
 * f32, P being its first parameter: the number of steps so far. The rate is not looked at, so a
 * negative one climbs. Numbers of Adam that depend on the step are what cleat_adam_step() takes,
 * or, on a device without f64, within some units of their last place. Errors as above, and
 * CLEAT_INVALID_ARGUMENT for options that cleat_adam_step() and cleat_sgd_step() refuse.
 */
CLEAT_API cleat_status cleat_graph_update(cleat_graph *graph, size_t count,
    const char *const *parameters, const char *const *gradients, const char *rate,
    const cleat_train_options *options);

/* cleat_graph_gradients() and cleat_graph_update() of all parameters that `loss` depends on; with
 * none it is refused. */
CLEAT_API cleat_status cleat_graph_train(
    cleat_graph *graph, const char *loss, const char *rate, const cleat_train_options *options);

/*
 * A model's parameter where it lies on the device, row-major: to read after runs, or to write to
 * between them; its buffer is the model's, and good as long as the model. Another model of the same
 * context may have it as an input, and so be run with what this one learns.
 * CLEAT_INVALID_ARGUMENT where there is none of the name.
 */
CLEAT_API cleat_status cleat_model_parameter(
    const cleat_model *model, const char *name, cleat_tensor *parameter);

#ifdef __cplusplus
}
#endif

#endif
