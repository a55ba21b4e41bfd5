/* SPDX-License-Identifier: Apache-2.0 */
/* Cases whose inputs or outputs are sequences, optional values or texts. */
#ifndef BACKEND_VALUE_H
#define BACKEND_VALUE_H

#include "backend_case.h"
#include <cleat/onnx.h>

enum { MOST_VALUES = 64 };

typedef enum value_form { FORM_TENSOR, FORM_TEXTS, FORM_SEQUENCE, FORM_OPTIONAL } value_form;

/* What the graph of the model's file says of its inputs and outputs. */
typedef struct value_forms {
    size_t input_count, output_count;
    value_form inputs[MOST_VALUES], outputs[MOST_VALUES];
} value_forms;

void read_forms(const char *path, value_forms *forms);
/* Whether not all of them are tensors of numbers. */
bool has_values(const value_forms *forms);

/* Runs the data set in this folder. */
verdict run_values(
    cleat_context *context, cleat_model *model, const char *path, const value_forms *forms);

/* Of backend_case.c */
verdict fail(const char *format, const char *detail);
verdict from_status(cleat_status status);
verdict compare_output(
    cleat_context *context, size_t index, const cleat_tensor *y, const cleat_onnx_tensor *wanted);

#endif
