/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is checked before its first use, kind by kind: every activation, function, loss,
 * normalisation, rule of an optimiser, random number and recurrent cell, forward and backward, with
 * kernels as they are. Each gets a verdict, and none is found wrong: a check that erred would take
 * a right kernel away.
 */
#include "harness_spoilt.h"

enum { A, B, C, D, E, TENSORS };

/* A context that checks, with tensors of one shape, all of halves. */
typedef struct scene {
    cleat_context *context;
    cleat_tensor t[TENSORS];
} scene;

static scene begin(int32_t rank, const int64_t *shape) {
    scene s = {.context = spoilt_open(CLEAT_VERIFY_ON, NULL)};
    for (int i = 0; i < TENSORS; i++) {
        test_ok(cleat_tensor_create(s.context, CLEAT_F32, rank, shape, &s.t[i]));
        test_ok(cleat_fill(s.context, 0.5, s.t[i]));
    }
    return s;
}

/* So many verdicts at least, that of the engine beside. */
static void end(scene *s, int verdicts) {
    const cleat_context_statistics told = spoilt_statistics(s->context);
    ck_assert_msg(told.variants_distrusted == 0, "%s", spoilt_heard);
    ck_assert_uint_ge(told.variants_checked, (uint64_t)verdicts);
    for (int i = 0; i < TENSORS; i++) {
        cleat_tensor_release(&s->t[i]);
    }
    cleat_context_release(s->context);
}

static const int64_t eight[] = {8};

START_TEST(activations) {
    scene s = begin(1, eight);
    int verdicts = 0;
    for (int kind = CLEAT_RELU; kind <= CLEAT_SOFT_SHRINK; kind++) {
        if (test_skips()) {
            continue;
        }
        verdicts += 2;
        const cleat_activation activation = (cleat_activation)kind;
        test_ok(cleat_activate(s.context, activation, s.t[A], s.t[B], NULL));
        test_ok(cleat_activate_backward(s.context, activation, s.t[A], s.t[C], s.t[B], NULL));
    }
    end(&s, verdicts);
}
END_TEST

START_TEST(functions) {
    scene s = begin(1, eight);
    int verdicts = 0;
    for (int kind = CLEAT_EXP; kind <= CLEAT_COS; kind++) {
        if (test_skips()) {
            continue;
        }
        verdicts += 2;
        const cleat_unary_kind function = (cleat_unary_kind)kind;
        test_ok(cleat_unary(s.context, function, s.t[A], s.t[B]));
        test_ok(cleat_unary_backward(s.context, function, s.t[A], s.t[C], s.t[B]));
    }
    end(&s, verdicts);
}
END_TEST

START_TEST(losses) {
    const cleat_loss_options each = {.reduction = CLEAT_LOSS_NONE};
    scene s = begin(1, eight);
    for (int kind = CLEAT_LOSS_SQUARED; kind <= CLEAT_LOSS_KL_DIVERGENCE; kind++) {
        const cleat_loss_kind loss = (cleat_loss_kind)kind;
        test_ok(cleat_loss(s.context, loss, s.t[A], s.t[B], s.t[C], &each));
        test_ok(cleat_loss_backward(s.context, loss, s.t[A], s.t[B], NULL, s.t[C], &each));
    }
    end(&s, 2 * (CLEAT_LOSS_KL_DIVERGENCE + 1));
}
END_TEST

/* The tensor's first elements in another shape. */
static cleat_tensor part(const scene *s, int tensor, int32_t rank, const int64_t *shape) {
    cleat_tensor x;
    test_ok(cleat_tensor_view(s->t[tensor].buffer, CLEAT_F32, rank, shape, 0, &x));
    return x;
}

START_TEST(normalizations) {
    enum { SAMPLES = 2, CHANNELS = 6, GROUPS = 3, LENGTH = 70 };
    const int64_t shape[] = {SAMPLES, CHANNELS, LENGTH}, grouped[] = {SAMPLES, GROUPS};
    scene s = begin(3, shape);
    cleat_context *c = s.context;
    const cleat_tensor x = s.t[A], y = s.t[B], dy = s.t[C];
    const cleat_tensor by_row = part(&s, D, 2, shape), of_rows = part(&s, E, 2, shape);
    const cleat_tensor by_group = part(&s, D, 2, grouped), of_groups = part(&s, E, 2, grouped);
    const cleat_tensor by_channel = part(&s, D, 1, shape + 1),
                       of_channels = part(&s, E, 1, shape + 1);
    const cleat_tensor along = part(&s, E, 1, shape + 2);
    test_ok(cleat_layer_norm(c, x, 2, y, NULL));
    test_ok(cleat_layer_norm_backward(c, x, &along, by_row, of_rows, dy, 2, &y, NULL, NULL));
    test_ok(cleat_rms_norm(c, x, 2, y, NULL));
    test_ok(cleat_rms_norm_backward(c, x, &along, of_rows, dy, 2, &y, NULL, NULL));
    test_ok(cleat_group_norm(c, x, GROUPS, y, NULL));
    test_ok(cleat_group_norm_backward(
        c, x, &by_channel, by_group, of_groups, dy, GROUPS, &y, NULL, NULL));
    test_ok(cleat_instance_norm(c, x, y, NULL));
    test_ok(cleat_instance_norm_backward(c, x, &by_channel, by_row, of_rows, dy, &y, NULL, NULL));
    test_ok(cleat_batch_norm_training(c, x, y, NULL));
    test_ok(
        cleat_batch_norm_backward(c, x, &by_channel, by_channel, of_channels, dy, &y, NULL, NULL));
    /* Where channels have one element, rows are those of the scale. */
    const int64_t single[] = {SAMPLES, CHANNELS, 1}, sample[] = {1, CHANNELS, 1};
    const cleat_tensor flat = part(&s, A, 3, single), flat_dy = part(&s, C, 3, single);
    const cleat_tensor one = part(&s, A, 3, sample), one_dy = part(&s, C, 3, sample);
    const cleat_tensor dx = part(&s, B, 3, single), one_dx = part(&s, B, 3, sample);
    test_ok(cleat_group_norm_backward(
        c, flat, &by_channel, by_group, of_groups, flat_dy, GROUPS, &dx, NULL, NULL));
    test_ok(cleat_instance_norm_backward(
        c, flat, &by_channel, by_row, of_rows, flat_dy, &dx, NULL, NULL));
    test_ok(cleat_batch_norm_backward(
        c, one, &by_channel, by_channel, of_channels, one_dy, &one_dx, NULL, NULL));
    end(&s, 13);
}
END_TEST

START_TEST(rules_of_optimisers) {
    scene s = begin(1, eight);
    cleat_context *c = s.context;
    const cleat_tensor x = s.t[A], gradient = s.t[B], first = s.t[C], second = s.t[D];
    const cleat_sgd_options momentum = {.momentum = 0.5F};
    test_ok(cleat_sgd_step(c, x, gradient, &first, 0.1F, &momentum));
    test_ok(cleat_adam_step(c, x, gradient, first, second, 1, 0.1F, NULL));
    test_ok(cleat_adamw_step(c, x, gradient, first, second, 1, 0.1F, NULL));
    test_ok(cleat_rmsprop_step(c, x, gradient, second, NULL, NULL, 0.1F, NULL));
    test_ok(cleat_adagrad_step(c, x, gradient, second, 1, 0.1F, NULL));
    test_ok(cleat_lion_step(c, x, gradient, first, 0.1F, NULL));
    end(&s, 6);
}
END_TEST

START_TEST(random_numbers) {
    scene s = begin(1, eight);
    test_ok(cleat_random_uniform(s.context, 1, 2, 0, 1, s.t[A]));
    test_ok(cleat_random_normal(s.context, 1, 2, 0, 1, s.t[A]));
    test_ok(cleat_dropout(s.context, 1, 2, 0.25F, s.t[A], s.t[B]));
    test_ok(cleat_dropout_backward(s.context, 1, 2, 0.25F, s.t[C], s.t[B]));
    end(&s, 4);
}
END_TEST

/* LSTM, GRU, and GRU with the reset behind the product. */
START_TEST(cells) {
    enum { X, Y, W, R, RESERVE, DX, DW, DR, OPERANDS, INPUTS = 2, HIDDEN = 35 };
    const bool is_lstm = _i == 0;
    const int64_t rows = (is_lstm ? 4 : 3) * HIDDEN, parts = (is_lstm ? 5 : 4) * HIDDEN;
    const int64_t shapes[OPERANDS][4] = {{1, 1, INPUTS}, {1, 1, 1, HIDDEN}, {1, rows, INPUTS},
        {1, rows, HIDDEN}, {1, 1, 1, parts}, {1, 1, INPUTS}, {1, rows, INPUTS}, {1, rows, HIDDEN}};
    cleat_tensor t[OPERANDS];
    scene s = begin(1, eight);
    for (int i = 0; i < OPERANDS; i++) {
        const int32_t rank = i == Y || i == RESERVE ? 4 : 3;
        test_ok(cleat_tensor_create(s.context, CLEAT_F32, rank, shapes[i], &t[i]));
        test_ok(cleat_fill(s.context, 0.5, t[i]));
    }
    const cleat_recurrent_options options = {
        .reserve = &t[RESERVE], .linear_before_reset = _i == 2};
    test_ok((is_lstm ? cleat_lstm : cleat_gru)(s.context, t[X], t[W], t[R], t[Y], &options));
    test_ok((is_lstm ? cleat_lstm_backward : cleat_gru_backward)(
        s.context, t[X], t[W], t[R], t[Y], t[Y], t[DX], t[DW], t[DR], &options, NULL));
    for (int i = 0; i < OPERANDS; i++) {
        cleat_tensor_release(&t[i]);
    }
    end(&s, 2);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("verify_kinds");
    test_add_case(suite, "activations", activations);
    test_add_case(suite, "functions", functions);
    test_add_case(suite, "losses", losses);
    test_add_case(suite, "normalizations", normalizations);
    test_add_case(suite, "optimisers", rules_of_optimisers);
    test_add_case(suite, "random", random_numbers);
    test_add_loop(suite, "cells", cells, 3);
    return suite;
}
