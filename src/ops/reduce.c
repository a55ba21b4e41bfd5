/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/reduce_check.h"
#include "ops/reduce_engine.h"
#include "ops/types.h"

/* Values of REDUCE_VALUE in cl/reduce.cl */
enum { VALUE_ELEMENT, VALUE_EQUAL, VALUE_MAGNITUDE, VALUE_SQUARE };

/* How the engine does each kind. */
static const struct {
    reduce_what what;
    int64_t value;
} plans[] = {
    [CLEAT_REDUCE_SUM] = {REDUCE_SUM, VALUE_ELEMENT},
    [CLEAT_REDUCE_MEAN] = {REDUCE_SUM, VALUE_ELEMENT},
    [CLEAT_REDUCE_MAX] = {REDUCE_MAX, VALUE_ELEMENT},
    [CLEAT_REDUCE_MIN] = {REDUCE_MAX, VALUE_ELEMENT},
    [CLEAT_REDUCE_PRODUCT] = {REDUCE_PRODUCT, VALUE_ELEMENT},
    [CLEAT_REDUCE_L1] = {REDUCE_SUM, VALUE_MAGNITUDE},
    [CLEAT_REDUCE_L2] = {REDUCE_SUM, VALUE_SQUARE},
    [CLEAT_REDUCE_LOG_SUM_EXP] = {REDUCE_LOG_SUM, VALUE_ELEMENT},
    [CLEAT_REDUCE_VARIANCE] = {REDUCE_MOMENTS, VALUE_ELEMENT},
};

/* The smallest is the greatest of the negative ones, negated. */
static void set_sign(reduce_pass *pass, bool smallest) {
    pass->p0 = smallest ? -1 : 1;
    pass->divisor = pass->p0;
}

cleat_status cleat_reduce(cleat_context *context, cleat_reduction_kind kind, cleat_tensor x,
    int32_t axis_count, const int32_t *axes, cleat_tensor y, const cleat_reduce_options *options) {
    const char *operation = "reduce";
    cleat_type type;
    reduce_pass pass = {.operation = operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .divisor = 1};
    TRY(check_context(operation, context));
    TRY(check_reduction(operation, kind));
    TRY(check_float_tensor(operation, "x", context, &x, &type));
    TRY(check_output(operation, "y", context, &y, type));
    TRY(check_axes(operation, axis_count, axes, x.rank, pass.reduced));
    TRY(check_reduced_shape(operation, &x, pass.reduced, "y", &y, &pass.output));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, false));
    pass.inputs[0] = x;
    pass.real64 = type == CLEAT_F64;
    pass.what = plans[kind].what;
    pass.macros[0] = (kernel_macro){"REDUCE_VALUE", NULL, plans[kind].value};
    pass.root = kind == CLEAT_REDUCE_L2 ? ROOT_SQUARE : ROOT_NONE;
    if (pass.what == REDUCE_SUM && plans[kind].value == VALUE_ELEMENT) {
        pass.accumulate = options != NULL && options->accumulate;
        pass.divisor = kind == CLEAT_REDUCE_MEAN ? reduced_count(&x, pass.reduced) : 1;
    } else if (kind == CLEAT_REDUCE_VARIANCE) {
        TRY(check_correction(operation, &x, pass.reduced, options, &pass.divisor));
    }
    if (pass.what == REDUCE_MAX) {
        set_sign(&pass, kind == CLEAT_REDUCE_MIN);
    }
    return reduce_run(context, &pass);
}

/* A tensor of x's extents whose "offset" is an element's index along the reduced axes, or -1 - it.
 */
static cleat_tensor index_tensor(const cleat_tensor *x, const bool *reduced, bool last) {
    cleat_tensor out = *x;
    int64_t stride = last ? -1 : 1;
    out.buffer = NULL;
    out.offset = last ? -1 : 0;
    for (int32_t axis = x->rank - 1; axis >= 0; axis--) {
        out.stride[axis] = reduced[axis] ? stride : 0;
        stride *= reduced[axis] ? x->shape[axis] : 1;
    }
    return out;
}

static cleat_status arg(cleat_context *context, const char *operation, bool smallest,
    cleat_tensor x, int32_t axis_count, const int32_t *axes, cleat_tensor y,
    const cleat_arg_options *options) {
    reduce_pass pass = {.operation = operation,
        .family = "reduce",
        .input_count = 2,
        .macro_count = 1,
        .what = REDUCE_PLACE,
        .real64 = x.type == CLEAT_F64,
        .wide = y.type == CLEAT_I64};
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, "x", context, &x, &type));
    TRY(check_output(operation, "y", context, &y, pass.wide ? CLEAT_I64 : CLEAT_I32));
    TRY(check_axes(operation, axis_count, axes, x.rank, pass.reduced));
    TRY(check_reduced_shape(operation, &x, pass.reduced, "y", &y, &pass.output));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, false));
    if (cleat_tensor_count(&y) == 0) {
        return CLEAT_OK;
    }
    const double count = reduced_count(&x, pass.reduced);
    REFUSE_IF(count == 0, CLEAT_INVALID_ARGUMENT,
        "%s: there is no element to choose from along the axes", operation);
    REFUSE_IF(count >= (double)INT32_MAX, CLEAT_UNSUPPORTED,
        "%s: %.0f elements behind a result, at most 2^31 - 2 can be told apart", operation, count);
    set_sign(&pass, smallest);
    pass.inputs[0] = x;
    pass.inputs[1] = index_tensor(&x, pass.reduced, options != NULL && options->select_last);
    pass.macros[0] = (kernel_macro){"REDUCE_VALUE", NULL, VALUE_ELEMENT};
    return reduce_run(context, &pass);
}

cleat_status cleat_argmax(cleat_context *context, cleat_tensor x, int32_t axis_count,
    const int32_t *axes, cleat_tensor y, const cleat_arg_options *options) {
    return arg(context, "argmax", false, x, axis_count, axes, y, options);
}

cleat_status cleat_argmin(cleat_context *context, cleat_tensor x, int32_t axis_count,
    const int32_t *axes, cleat_tensor y, const cleat_arg_options *options) {
    return arg(context, "argmin", true, x, axis_count, axes, y, options);
}
