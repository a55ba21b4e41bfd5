/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/array.h"
#include "core/half.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/text.h"
#include <math.h>
#include <string.h>

cleat_status array_create(
    const char *what, cleat_type type, int32_t rank, const int64_t *shape, array **made) {
    cleat_tensor layout;
    int64_t bytes = 0;
    char text[SHAPE_TEXT_SIZE];
    TRY(tensor_row_major(what, type == CLEAT_TEXT ? CLEAT_U64 : type, rank, shape, &layout));
    const int64_t count = cleat_tensor_count(&layout);
    REFUSE_IF(!checked_mul(count, (int64_t)array_element_size(type), &bytes) ||
                  (uint64_t)bytes > SIZE_MAX / 2,
        CLEAT_SIZE_OVERFLOW, "%s: %s of %s has too many bytes", what, shape_text(rank, shape, text),
        cleat_type_name(type));
    array *x = memory_allocate_zeroed(1, sizeof *x);
    void *elements = type == CLEAT_TEXT ? memory_allocate_zeroed((size_t)bytes, 1)
                                        : memory_allocate((size_t)bytes);
    if (x == NULL || elements == NULL) {
        memory_free(x);
        memory_free(elements);
        return status_set(CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory for %s of %s", what,
            shape_text(rank, shape, text), cleat_type_name(type));
    }
    atomic_init(&x->references, 1);
    x->type = type;
    x->rank = rank;
    memcpy(x->shape, layout.shape, sizeof x->shape);
    x->count = count;
    x->elements = elements;
    *made = x;
    return CLEAT_OK;
}

cleat_status array_copy_elements(const char *what, array *x, const void *elements) {
    if (x->type == CLEAT_TEXT) {
        return array_set_texts(what, x, elements);
    }
    if (x->count > 0) {
        memcpy(x->elements, elements, array_size(x));
    }
    return CLEAT_OK;
}

void array_retain(array *x) {
    if (x != NULL) {
        atomic_fetch_add(&x->references, 1);
    }
}

void array_release(array *x) {
    if (x != NULL && atomic_fetch_sub(&x->references, 1) == 1) {
        texts_clear(x);
        memory_free(x->elements);
        memory_free(x);
    }
}

size_t array_element_size(cleat_type type) {
    return type == CLEAT_TEXT ? sizeof(shared_text *) : cleat_type_size(type);
}

size_t array_size(const array *x) {
    return (size_t)x->count * array_element_size(x->type);
}

/* The nearest i64; NaN is 0. */
static int64_t whole(double value) {
    if (isnan(value)) {
        return 0;
    }
    return value >= 9223372036854775807.0    ? INT64_MAX
           : value <= -9223372036854775808.0 ? INT64_MIN
                                             : (int64_t)value;
}

int64_t array_integer(const array *x, int64_t i) {
    switch (x->type) {
    case CLEAT_I8:
        return ((const int8_t *)x->elements)[i];
    case CLEAT_I16:
        return ((const int16_t *)x->elements)[i];
    case CLEAT_I32:
        return ((const int32_t *)x->elements)[i];
    case CLEAT_I64:
        return ((const int64_t *)x->elements)[i];
    case CLEAT_U8:
    case CLEAT_BOOL:
        return ((const uint8_t *)x->elements)[i];
    case CLEAT_U16:
        return ((const uint16_t *)x->elements)[i];
    case CLEAT_U32:
        return ((const uint32_t *)x->elements)[i];
    case CLEAT_U64: {
        const uint64_t value = ((const uint64_t *)x->elements)[i];
        return value > INT64_MAX ? INT64_MAX : (int64_t)value;
    }
    case CLEAT_F32:
    case CLEAT_F64:
    case CLEAT_F16:
    case CLEAT_BF16:
        return whole(array_real(x, i));
    case CLEAT_TEXT:
        break;
    }
    return 0;
}

double array_real(const array *x, int64_t i) {
    float value = 0;
    switch (x->type) {
    case CLEAT_F32:
        return (double)((const float *)x->elements)[i];
    case CLEAT_F64:
        return ((const double *)x->elements)[i];
    case CLEAT_F16:
        cleat_f16_to_f32((const uint16_t *)x->elements + i, 1, &value);
        return (double)value;
    case CLEAT_BF16:
        cleat_bf16_to_f32((const uint16_t *)x->elements + i, 1, &value);
        return (double)value;
    case CLEAT_U64:
        return (double)((const uint64_t *)x->elements)[i];
    default:
        return (double)array_integer(x, i);
    }
}

void array_set_integer(array *x, int64_t i, int64_t value) {
    switch (x->type) {
    case CLEAT_I8:
    case CLEAT_U8:
        ((uint8_t *)x->elements)[i] = (uint8_t)value;
        break;
    case CLEAT_BOOL:
        ((uint8_t *)x->elements)[i] = value != 0;
        break;
    case CLEAT_I16:
    case CLEAT_U16:
        ((uint16_t *)x->elements)[i] = (uint16_t)value;
        break;
    case CLEAT_I32:
    case CLEAT_U32:
        ((uint32_t *)x->elements)[i] = (uint32_t)value;
        break;
    case CLEAT_I64:
    case CLEAT_U64:
        ((uint64_t *)x->elements)[i] = (uint64_t)value;
        break;
    case CLEAT_F32:
        ((float *)x->elements)[i] = (float)value;
        break;
    case CLEAT_F64:
    case CLEAT_F16:
    case CLEAT_BF16:
        array_set_real(x, i, (double)value);
        break;
    case CLEAT_TEXT:
        break;
    }
}

void array_set_real(array *x, int64_t i, double value) {
    switch (x->type) {
    case CLEAT_F32:
        ((float *)x->elements)[i] = (float)value;
        break;
    case CLEAT_F64:
        ((double *)x->elements)[i] = value;
        break;
    case CLEAT_F16:
    case CLEAT_BF16:
        ((uint16_t *)x->elements)[i] = half_from_double(value, x->type);
        break;
    case CLEAT_BOOL:
        ((uint8_t *)x->elements)[i] = isnan(value) || value < 0 || value > 0;
        break;
    case CLEAT_U64:
        ((uint64_t *)x->elements)[i] = value >= 18446744073709551615.0  ? UINT64_MAX
                                       : value >= 9223372036854775808.0 ? (uint64_t)value
                                                                        : (uint64_t)whole(value);
        break;
    default:
        array_set_integer(x, i, whole(value));
        break;
    }
}
