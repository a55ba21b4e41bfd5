/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of operands that are repeated along an axis (stride 0): each variant gives the bits
 * that it gives with copies of them. */
#include "harness.h"

enum { SAMPLES = 2, GROUPS = 2, CHANNELS = 4, OUTPUTS = 6, SIDE = 7, TAPS = 3, SMALL = 4 };

typedef struct operands {
    int32_t rank;
    test_tensor x, w, y; /* y stands for dy too */
} operands;

/* x [N, C, (D,) H, W], of stride 2 with padding 1. */
static operands make(int32_t rank) {
    int64_t x[5] = {SAMPLES, CHANNELS}, w[5] = {OUTPUTS, CHANNELS / GROUPS},
            y[5] = {SAMPLES, OUTPUTS};
    for (int32_t i = 2; i < rank; i++) {
        x[i] = SIDE;
        w[i] = TAPS;
        y[i] = SMALL;
    }
    return (operands){rank, test_input(rank, x, TEST_REAL, TEST_ROW_MAJOR),
        test_input(rank, w, TEST_REAL, TEST_ROW_MAJOR),
        test_input(rank, y, TEST_REAL, TEST_ROW_MAJOR)};
}

static cleat_status call(const operands *o, cleat_conv2d_direction direction, const cleat_tensor *x,
    const cleat_tensor *w, const cleat_tensor *y, const char *variant) {
    const cleat_conv2d_options two = {
        .stride = {2, 2}, .padding = {1, 1, 1, 1}, .groups = GROUPS, .variant = variant};
    const cleat_conv3d_options three = {
        .stride = {2, 2, 2}, .padding = {1, 1, 1, 1, 1, 1}, .groups = GROUPS, .variant = variant};
    cleat_context *context = test_context();
    switch (direction) {
    case CLEAT_CONV2D_FORWARD:
        return o->rank == 4 ? cleat_conv2d(context, *x, *w, *y, &two)
                            : cleat_conv3d(context, *x, *w, *y, &three);
    case CLEAT_CONV2D_BACKWARD_DATA:
        return o->rank == 4 ? cleat_conv2d_backward_data(context, *y, *w, *x, &two)
                            : cleat_conv3d_backward_data(context, *y, *w, *x, &three);
    default:
        return o->rank == 4 ? cleat_conv2d_backward_weights(context, *x, *y, *w, &two)
                            : cleat_conv3d_backward_weights(context, *x, *y, *w, &three);
    }
}

/* The first of an axis in the place of all. */
static cleat_tensor repeated(const test_tensor *t, int32_t axis) {
    cleat_tensor view = t->view;
    view.stride[axis] = 0;
    return view;
}

/* Operand `which` (0 x, 1 w, 2 y) repeated along its first or second axis, and a copy of that. */
static void check(
    operands *o, cleat_conv2d_direction direction, int which, int32_t axis, const char *variant) {
    test_tensor *all[] = {&o->x, &o->w, &o->y};
    static const int outputs[] = {2, 0, 1};
    const int output = outputs[direction];
    const test_tensor *model = all[output];
    test_tensor copy = test_output(o->rank, all[which]->view.shape, TEST_ROW_MAJOR);
    const cleat_tensor view = repeated(all[which], axis);
    test_ok(cleat_copy(test_context(), view, copy.view));
    test_tensor results[2];
    for (int side = 0; side < 2; side++) {
        results[side] = test_output(o->rank, model->view.shape, TEST_ROW_MAJOR);
        cleat_tensor used[] = {o->x.view, o->w.view, o->y.view};
        used[which] = side == 0 ? view : copy.view;
        used[output] = results[side].view;
        const cleat_status status = call(o, direction, &used[0], &used[1], &used[2], variant);
        if (status == CLEAT_UNSUPPORTED) {
            test_free(&copy);
            test_free(&results[0]);
            return;
        }
        test_ok(status);
        test_fetch(&results[side]);
    }
    char what[96];
    snprintf(what, sizeof what, "%s, direction %d, operand %d repeated along axis %d", variant,
        (int)direction, which, (int)axis);
    test_same_bits(&results[0], &results[1], what);
    test_free(&copy);
    test_free(&results[0]);
    test_free(&results[1]);
}

START_TEST(repeated_operands) {
    static const int inputs[][2] = {{0, 1}, {1, 2}, {0, 2}};
    operands o = make(_i < 3 ? 4 : 5);
    const cleat_conv2d_direction direction = (cleat_conv2d_direction)(_i % 3);
    const char *const *variants =
        o.rank == 4 ? cleat_conv2d_variants(direction) : cleat_conv3d_variants(direction);
    for (int v = 0; variants[v] != NULL; v++) {
        if (test_wants(variants[v])) {
            for (int side = 0; side < 2; side++) {
                check(&o, direction, inputs[direction][side], 0, variants[v]);
                check(&o, direction, inputs[direction][side], 1, variants[v]);
            }
        }
    }
    test_free(&o.x);
    test_free(&o.w);
    test_free(&o.y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("conv_views");
    test_add_loop(suite, "repeated_operands", repeated_operands, 6);
    return suite;
}
