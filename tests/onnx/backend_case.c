/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_case.h"
#include "backend_pieces.h"
#include "backend_value.h"
#include <cleat/onnx.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* As ONNX's own runner of these tests has them. */
static const double RELATIVE = 1e-3, ABSOLUTE = 1e-7;

enum { MOST_TENSORS = 64, PATH_SIZE = 4096 };

typedef struct data_set {
    size_t input_count, output_count;
    cleat_tensor inputs[MOST_TENSORS], outputs[MOST_TENSORS];
    cleat_onnx_tensor wanted[MOST_TENSORS];
} data_set;

verdict fail(const char *format, const char *detail) {
    verdict v = {.outcome = FAILED};
    snprintf(v.reason, sizeof v.reason, format, detail);
    for (char *c = v.reason; *c != '\0'; c++) {
        *c = *c == '\n' || *c == '\t' ? ' ' : *c;
    }
    return v;
}

verdict from_status(cleat_status status) {
    verdict v = fail("%s", cleat_error_message());
    v.outcome = status == CLEAT_OK ? PASSED : status == CLEAT_UNSUPPORTED ? UNSUPPORTED : FAILED;
    if (status == CLEAT_OK) {
        v.reason[0] = '\0';
    }
    return v;
}

/* ---- Comparing ---- */

static bool is_floating(cleat_type type) {
    return type == CLEAT_F32 || type == CLEAT_F64 || type == CLEAT_F16 || type == CLEAT_BF16;
}

static double element(const cleat_onnx_tensor *x, size_t i) {
    float value = 0;
    switch (x->type) {
    case CLEAT_F64:
        return ((const double *)x->elements)[i];
    case CLEAT_F16:
        cleat_f16_to_f32((const uint16_t *)x->elements + i, 1, &value);
        return (double)value;
    case CLEAT_BF16:
        cleat_bf16_to_f32((const uint16_t *)x->elements + i, 1, &value);
        return (double)value;
    default:
        return (double)((const float *)x->elements)[i];
    }
}

static bool is_near(double got, double wanted) {
    if (isnan(got) || isnan(wanted)) {
        return isnan(got) && isnan(wanted);
    }
    if (isinf(got) || isinf(wanted)) {
        return isinf(got) && isinf(wanted) && signbit(got) == signbit(wanted);
    }
    return fabs(got - wanted) <= ABSOLUTE + RELATIVE * fabs(wanted);
}

static void print_shape(
    int32_t rank, const int64_t *shape, cleat_type type, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "%s [", cleat_type_name(type));
    for (int32_t i = 0; i < rank && used < size; i++) {
        used += (size_t)snprintf(
            text + used, size - used, "%s%lld", i > 0 ? ", " : "", (long long)shape[i]);
    }
    if (used < size) {
        snprintf(text + used, size - used, "]");
    }
}

static verdict compare_elements(
    size_t index, const cleat_onnx_tensor *got, const cleat_onnx_tensor *wanted) {
    char text[200];
    const size_t size = cleat_type_size(wanted->type), count = wanted->size / size;
    for (size_t i = 0; i < count; i++) {
        const bool same = is_floating(wanted->type)
                              ? is_near(element(got, i), element(wanted, i))
                              : memcmp((const char *)got->elements + i * size,
                                    (const char *)wanted->elements + i * size, size) == 0;
        if (!same) {
            const bool real = is_floating(wanted->type);
            snprintf(text, sizeof text, "output %zu, element %zu of %zu: %.9g, expected %.9g",
                index, i, count,
                real ? element(got, i) : (double)((const uint8_t *)got->elements)[i * size],
                real ? element(wanted, i) : (double)((const uint8_t *)wanted->elements)[i * size]);
            return fail("%s", text);
        }
    }
    return (verdict){.outcome = PASSED};
}

verdict compare_output(
    cleat_context *context, size_t index, const cleat_tensor *y, const cleat_onnx_tensor *wanted) {
    char is[200], should[200], text[450];
    print_shape(y->rank, y->shape, y->type, is, sizeof is);
    print_shape(wanted->rank, wanted->shape, wanted->type, should, sizeof should);
    if (strcmp(is, should) != 0) {
        snprintf(text, sizeof text, "output %zu is %s, expected %s", index, is, should);
        return fail("%s", text);
    }
    cleat_onnx_tensor got = {.type = y->type, .size = wanted->size};
    got.elements = malloc(got.size > 0 ? got.size : 1);
    if (got.elements == NULL) {
        return fail("%s", "no memory");
    }
    verdict v = from_status(cleat_read(context, *y, got.elements, got.size));
    if (v.outcome == PASSED) {
        v = compare_elements(index, &got, wanted);
    }
    free(got.elements);
    return v;
}

/* ---- Running ---- */

static bool is_there(const char *path) {
    struct stat about;
    return stat(path, &about) == 0;
}

/* NumPy, which these files were made with, has no bf16: they say u16 instead. */
static void mend_type(cleat_onnx_tensor *tensor, cleat_type wanted) {
    if (tensor->type == CLEAT_U16 && wanted == CLEAT_BF16) {
        tensor->type = CLEAT_BF16;
    }
}

static cleat_status load_input(cleat_context *context, const cleat_model *model, size_t index,
    const char *path, cleat_tensor *x) {
    cleat_onnx_tensor tensor = {0};
    cleat_value_info info;
    cleat_status status = cleat_onnx_tensor_load(path, &tensor);
    if (status == CLEAT_OK && cleat_model_input_info(model, index, &info) == CLEAT_OK) {
        mend_type(&tensor, info.type);
    }
    if (status == CLEAT_OK) {
        status = cleat_tensor_create(context, tensor.type, tensor.rank, tensor.shape, x);
    }
    if (status == CLEAT_OK) {
        status = cleat_write(context, *x, tensor.elements, tensor.size);
    }
    cleat_onnx_tensor_release(&tensor);
    return status;
}

static cleat_status load_set(
    cleat_context *context, const cleat_model *model, const char *folder, data_set *set) {
    char path[PATH_SIZE];
    for (;; set->input_count++) {
        snprintf(path, sizeof path, "%s/input_%zu.pb", folder, set->input_count);
        if (set->input_count == MOST_TENSORS || !is_there(path)) {
            break;
        }
        cleat_status status =
            load_input(context, model, set->input_count, path, &set->inputs[set->input_count]);
        if (status != CLEAT_OK) {
            return status;
        }
    }
    for (;; set->output_count++) {
        snprintf(path, sizeof path, "%s/output_%zu.pb", folder, set->output_count);
        if (set->output_count == MOST_TENSORS || !is_there(path)) {
            return CLEAT_OK;
        }
        cleat_status status = cleat_onnx_tensor_load(path, &set->wanted[set->output_count]);
        if (status != CLEAT_OK) {
            return status;
        }
    }
}

/* Light models have one input, of which nothing is told but how to make it. */
static cleat_status make_input(cleat_context *context, const cleat_model *model, data_set *set) {
    cleat_value_info info;
    cleat_status status = cleat_model_input_info(model, 0, &info);
    for (int32_t i = 0; status == CLEAT_OK && i < info.rank; i++) {
        info.shape[i] = info.shape[i] < 0 ? 1 : info.shape[i];
    }
    if (status == CLEAT_OK) {
        status = cleat_tensor_create(
            context, CLEAT_F32, info.rank < 0 ? 0 : info.rank, info.shape, &set->inputs[0]);
    }
    if (status != CLEAT_OK) {
        return status;
    }
    const int64_t count = cleat_tensor_count(&set->inputs[0]);
    float *elements = malloc((size_t)count * sizeof *elements);
    if (elements == NULL) {
        return CLEAT_OUT_OF_HOST_MEMORY;
    }
    for (int64_t i = 0; i < count; i++) {
        elements[i] = (float)((double)i / (double)count);
    }
    status = cleat_write(context, set->inputs[0], elements, (size_t)count * sizeof *elements);
    set->input_count = 1;
    free(elements);
    return status;
}

static cleat_status load_light(
    cleat_context *context, const cleat_model *model, const char *path, data_set *set) {
    char output[PATH_SIZE];
    snprintf(
        output, sizeof output, "%.*s_output_0.pb", (int)(strlen(path) - strlen(".onnx")), path);
    cleat_status status = make_input(context, model, set);
    if (status == CLEAT_OK) {
        status = cleat_onnx_tensor_load(output, &set->wanted[0]);
        set->output_count = status == CLEAT_OK;
    }
    return status;
}

/* Three times: the second run with inputs of the same shapes is recorded, the third repeats it. */
static verdict run_model(cleat_context *context, cleat_model *model, data_set *set) {
    verdict v = {.outcome = PASSED};
    for (int run = 0; run < 3 && v.outcome == PASSED; run++) {
        for (size_t i = 0; i < set->output_count; i++) {
            cleat_tensor_release(&set->outputs[i]);
        }
        v = from_status(
            cleat_model_run(model, set->inputs, set->input_count, set->outputs, set->output_count));
        for (size_t i = 0; i < set->output_count && v.outcome == PASSED; i++) {
            mend_type(&set->wanted[i], set->outputs[i].type);
            v = compare_output(context, i, &set->outputs[i], &set->wanted[i]);
        }
    }
    return v;
}

static verdict run_set(cleat_context *context, cleat_model *model, const char *path) {
    data_set *set = calloc(1, sizeof *set);
    if (set == NULL) {
        return fail("%s", "no memory");
    }
    verdict v = from_status(is_light_model(path) ? load_light(context, model, path, set)
                                                 : load_set(context, model, path, set));
    if (v.outcome == PASSED && set->output_count == 0) {
        v = fail("%s: no outputs to compare with", path);
    }
    if (v.outcome == PASSED) {
        v = run_model(context, model, set);
    }
    for (size_t i = 0; i < MOST_TENSORS; i++) {
        cleat_tensor_release(&set->inputs[i]);
        cleat_tensor_release(&set->outputs[i]);
        cleat_onnx_tensor_release(&set->wanted[i]);
    }
    free(set);
    return v;
}

bool is_light_model(const char *path) {
    const size_t length = strlen(path), end = strlen(".onnx");
    struct stat about;
    return length > end && strcmp(path + length - end, ".onnx") == 0 && stat(path, &about) == 0 &&
           S_ISREG(about.st_mode);
}

static void model_of_case(const char *path, char model[PATH_SIZE]) {
    snprintf(model, PATH_SIZE, is_light_model(path) ? "%s" : "%s/model.onnx", path);
}

verdict run_case(cleat_context *context, const char *path) {
    char part[PATH_SIZE];
    cleat_model *model = NULL;
    model_of_case(path, part);
    if (!is_there(part)) {
        return fail("%.500s: no such file", part);
    }
    value_forms forms;
    read_forms(part, &forms);
    verdict v = from_status(cleat_model_load_onnx(context, part, NULL, &model));
    if (v.outcome == PASSED && is_light_model(path)) {
        v = run_set(context, model, path);
    }
    for (int i = 0; v.outcome == PASSED && !is_light_model(path); i++) {
        snprintf(part, sizeof part, "%s/test_data_set_%d", path, i);
        if (!is_there(part)) {
            v = i > 0 ? v : fail("%s: no data sets", path);
            break;
        }
        v = has_values(&forms) ? run_values(context, model, part, &forms)
                               : run_set(context, model, part);
    }
    cleat_model_release(model);
    cleat_finish(context);
    return v;
}

/* ---- The operator, straight from the file's bytes ---- */

static void look_at_node(piece node, char name[OPERATOR_SIZE]) {
    unsigned field;
    for (piece part; next_piece(&node, &field, &part);) {
        const size_t size = (size_t)(part.end - part.at);
        if (field == 4 && size < OPERATOR_SIZE) {
            char type[OPERATOR_SIZE] = {0};
            memcpy(type, part.at, size);
            const bool is_other = strcmp(name, "?") != 0 && strcmp(name, type) != 0;
            snprintf(name, OPERATOR_SIZE, "%s", is_other ? "several" : type);
        }
    }
}

void operator_of_case(const char *case_path, char name[OPERATOR_SIZE]) {
    char path[PATH_SIZE];
    unsigned field;
    snprintf(name, OPERATOR_SIZE, "?");
    model_of_case(case_path, path);
    unsigned char *bytes;
    piece model = read_pieces(path, &bytes), graph, node;
    while (bytes != NULL && next_piece(&model, &field, &graph)) {
        while (field == 7 && next_piece(&graph, &field, &node)) {
            if (field == 1) {
                look_at_node(node, name);
            }
            field = 7;
        }
    }
    free(bytes);
}
