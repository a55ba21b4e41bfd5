/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of ONNX's backend tests: a folder with model.onnx and test_data_set_N/{input,output}_M.pb. Or
 * one of its light models, MODEL.onnx beside MODEL_output_0.pb, whose input is i / n at element i
 * of n.
 */
#ifndef BACKEND_CASE_H
#define BACKEND_CASE_H

#include <cleat/cleat.h>

enum { REASON_SIZE = 600, OPERATOR_SIZE = 64 };

typedef enum outcome {
    PASSED,
    UNSUPPORTED, /* the library said CLEAT_UNSUPPORTED */
    FAILED       /* anything else */
} outcome;

typedef struct verdict {
    outcome outcome;
    char reason[REASON_SIZE]; /* on one line; "" where it passed */
} verdict;

bool is_light_model(const char *path);

/* Runs the light model, or all data sets of the case in this folder. */
verdict run_case(cleat_context *context, const char *path);

/* The type of the model's nodes, "several" where they differ, "?" where the file tells none. */
void operator_of_case(const char *case_path, char name[OPERATOR_SIZE]);

#endif
