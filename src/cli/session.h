/* SPDX-License-Identifier: Apache-2.0 */
/* A model from an ONNX file on a device, and what goes into it: for `cleat run`, `cleat inspect`
 * and `cleat bench serve`. Functions that fail say why on stderr; those that return int return an
 * exit status. */
#ifndef CLEAT_CLI_SESSION_H
#define CLEAT_CLI_SESSION_H

#include "image.h"
#include <cleat/cleat.h>

enum { MOST_FILES = 64 };

/* NAME=FILE of the command line, or FILE for the only one. */
typedef struct named_file {
    const char *name; /* NULL: the only one */
    size_t length;
    const char *file;
} named_file;

typedef struct named_files {
    named_file files[MOST_FILES];
    int count;
} named_files;

/* False when there are too many. */
bool add_file(named_files *list, char *text);
/* The file for this name, one of so many; NULL where none was given. */
const char *file_for(const named_files *list, const char *name, size_t values);

/* Where a model's inputs come from. */
typedef struct input_source {
    named_files files;
    bool random;         /* what has no file is drawn */
    bool zeros;          /* with `random`, where nothing can be drawn: zeros */
    image_options image; /* for files that are images */
} input_source;

typedef struct session {
    cleat_context *context;
    cleat_model *model;
    size_t input_count, output_count;
    npy_array *inputs; /* once read_inputs() was called */
} session;

typedef struct session_options {
    const char *device, *path; /* device: NULL: the best */
    bool profiling;
    cleat_model_options model;
} session_options;

/* Whatever the result, session_close() is to be called. */
int session_open(session *s, const session_options *o);
void session_close(session *s);

cleat_value_info session_info(const session *s, size_t index, bool is_input);
/* "input    x  f32 [?, 3]" */
void print_value(const char *what, const cleat_value_info *info);
void print_values(const session *s);

/* All inputs from their files, or drawn; `command`: for messages. */
int read_inputs(session *s, const input_source *from, const char *command);
/* These inputs on the device, for session_free_tensors(); NULL: failed. */
cleat_tensor *session_upload(const session *s);
/* A run whose outputs are released. */
cleat_status session_run_once(const session *s, const cleat_tensor *in, cleat_tensor *out);
/* Releases tensors, and frees their list; NULL is accepted. */
void session_free_tensors(cleat_tensor *tensors, size_t count);

#endif
