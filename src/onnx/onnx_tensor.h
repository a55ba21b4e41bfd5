/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of a file: what they are first, their elements when there is a place for them. */
#ifndef CLEAT_ONNX_ONNX_TENSOR_H
#define CLEAT_ONNX_ONNX_TENSOR_H

#include "onnx/onnx_source.h"
#include "onnx_subset.pb-c.h"
#include <cleat/tensor.h>

typedef struct tensor_reader {
    Onnx__Tensor *fields; /* without raw_data */
    const char *name;     /* "" where there is none; of `fields` */
    source *from;
    range raw; /* raw_data, where it has any */
    bool has_raw, is_external;
    source external;
    uint64_t external_at;
    cleat_type type;
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    int64_t count; /* elements */
    size_t size;   /* bytes; of texts, with their characters */
} tensor_reader;

/* ONNX's number of a type of elements as Cleat's; CLEAT_UNSUPPORTED with its name where Cleat has
 * none. */
cleat_status element_type(int32_t number, cleat_type *type);

/* `folder`: of files that hold elements; NULL: there may be none. tensor_close() it also after a
 * failure, when t->name may help to say which it was. As many elements as the shape has are there.
 */
cleat_status tensor_open(source *s, range r, const char *folder, tensor_reader *t);
/* Writes t->size bytes: of texts a char * each, and behind them what these point to. */
cleat_status tensor_fill(tensor_reader *t, void *elements);
void tensor_close(tensor_reader *t);

/* Opens a file of elements in a folder: the location is relative and stays below, no part of it is
 * a symbolic link. */
cleat_status external_open(const char *folder, const char *location, source *s);

#endif
