/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx/onnx_tensor.h"
#include <string.h>

/* TensorProto.DataType. */
enum {
    TYPE_FLOAT = 1,
    TYPE_UINT8,
    TYPE_INT8,
    TYPE_UINT16,
    TYPE_INT16,
    TYPE_INT32,
    TYPE_INT64,
    TYPE_STRING,
    TYPE_BOOL,
    TYPE_FLOAT16,
    TYPE_DOUBLE,
    TYPE_UINT32,
    TYPE_UINT64,
    TYPE_COMPLEX64,
    TYPE_COMPLEX128,
    TYPE_BFLOAT16,
    RAW_DATA = 9 /* the field's number */
};

static const struct {
    const char *name;
    cleat_type type; /* 0: Cleat has no such type */
} types[] = {
    {"no type", 0},
    [TYPE_FLOAT] = {"float", CLEAT_F32},
    [TYPE_UINT8] = {"uint8", CLEAT_U8},
    [TYPE_INT8] = {"int8", CLEAT_I8},
    [TYPE_UINT16] = {"uint16", CLEAT_U16},
    [TYPE_INT16] = {"int16", CLEAT_I16},
    [TYPE_INT32] = {"int32", CLEAT_I32},
    [TYPE_INT64] = {"int64", CLEAT_I64},
    [TYPE_STRING] = {"string", CLEAT_TEXT},
    [TYPE_BOOL] = {"bool", CLEAT_BOOL},
    [TYPE_FLOAT16] = {"float16", CLEAT_F16},
    [TYPE_DOUBLE] = {"double", CLEAT_F64},
    [TYPE_UINT32] = {"uint32", CLEAT_U32},
    [TYPE_UINT64] = {"uint64", CLEAT_U64},
    [TYPE_COMPLEX64] = {"complex64", 0},
    [TYPE_COMPLEX128] = {"complex128", 0},
    [TYPE_BFLOAT16] = {"bfloat16", CLEAT_BF16},
    {"float8e4m3fn", 0},
    {"float8e4m3fnuz", 0},
    {"float8e5m2", 0},
    {"float8e5m2fnuz", 0},
    {"uint4", 0},
    {"int4", 0},
    {"float4e2m1", 0},
};

cleat_status element_type(int32_t number, cleat_type *type) {
    const size_t count = sizeof types / sizeof types[0];
    REFUSE_IF(number <= 0, CLEAT_INVALID_ARGUMENT, "no type of elements (%d)", number);
    REFUSE_IF(
        (size_t)number >= count, CLEAT_UNSUPPORTED, "elements of the unknown type %d", number);
    REFUSE_IF(
        (int)types[number].type == 0, CLEAT_UNSUPPORTED, "elements of type %s", types[number].name);
    *type = types[number].type;
    return CLEAT_OK;
}

/* ---- Opening ---- */

/* Unpacks all but raw_data, whose place is noted. */
static cleat_status read_fields(source *s, range r, tensor_reader *t) {
    field f;
    bool found;
    uint64_t raw = 0;
    size_t size = 0;
    for (range rest = r;;) {
        TRY(field_next(s, &rest, &f, &found));
        if (!found) {
            break;
        }
        if (f.number == RAW_DATA && f.form == FIELD_BYTES) {
            t->raw = f.bytes;
            t->has_raw = true;
            raw += f.whole.end - f.whole.begin;
        }
    }
    void *bytes;
    TRY(allocate(r.end - r.begin - raw, 1, &bytes));
    cleat_status status = CLEAT_OK;
    for (range rest = r; status == CLEAT_OK;) {
        status = field_next(s, &rest, &f, &found);
        if (status != CLEAT_OK || !found) {
            break;
        }
        if (f.number != RAW_DATA || f.form != FIELD_BYTES) {
            const size_t part = (size_t)(f.whole.end - f.whole.begin);
            status = source_read(s, f.whole.begin, part, (uint8_t *)bytes + size);
            size += part;
        }
    }
    if (status == CLEAT_OK) {
        status = unpack_message(&onnx__tensor__descriptor, bytes, size, (void **)&t->fields);
    }
    cleat_host_release(bytes);
    return status;
}

static cleat_status read_shape(tensor_reader *t) {
    const Onnx__Tensor *fields = t->fields;
    TRY(element_type(fields->data_type, &t->type));
    REFUSE_IF(fields->has_segment, CLEAT_UNSUPPORTED, "a tensor in segments");
    REFUSE_IF(fields->n_dims > CLEAT_MAX_RANK, CLEAT_UNSUPPORTED, "rank %zu, above %d",
        fields->n_dims, CLEAT_MAX_RANK);
    t->rank = (int32_t)fields->n_dims;
    int64_t bytes =
        t->type == CLEAT_TEXT ? (int64_t)sizeof(char *) : (int64_t)cleat_type_size(t->type);
    bool is_empty = false;
    t->count = 1;
    for (int32_t i = 0; i < t->rank; i++) {
        const int64_t extent = fields->dims[i];
        REFUSE_IF(
            extent < 0, CLEAT_INVALID_ARGUMENT, "extent %lld of axis %d", (long long)extent, i);
        t->shape[i] = extent;
        is_empty = is_empty || extent == 0;
    }
    for (int32_t i = 0; i < t->rank; i++) {
        REFUSE_IF(!is_empty && t->shape[i] > (INT64_MAX >> 1) / bytes, CLEAT_SIZE_OVERFLOW,
            "too many elements");
        bytes *= is_empty ? 1 : t->shape[i];
        t->count *= is_empty ? 1 : t->shape[i];
    }
    t->count = is_empty ? 0 : t->count;
    t->size = is_empty ? 0 : (size_t)bytes;
    REFUSE_IF((uint64_t)bytes > SIZE_MAX / 2, CLEAT_SIZE_OVERFLOW, "too many elements");
    return CLEAT_OK;
}

/* A number in decimal digits and nothing else. */
static cleat_status read_decimal(const char *key, const char *text, uint64_t *number) {
    *number = 0;
    bool is_good = text[0] != '\0';
    for (; is_good && *text != '\0'; text++) {
        is_good = *text >= '0' && *text <= '9' && *number < (UINT64_MAX >> 1) / 10;
        *number = 10 * *number + (uint64_t)(*text - '0');
    }
    REFUSE_IF(!is_good, CLEAT_INVALID_ARGUMENT, "external data: %s is no number", key);
    return CLEAT_OK;
}

static cleat_status open_external(const char *folder, tensor_reader *t) {
    const char *location = "";
    uint64_t length = t->size;
    for (size_t i = 0; i < t->fields->n_external_data; i++) {
        const Onnx__Entry *entry = t->fields->external_data[i];
        const char *key = entry->key != NULL ? entry->key : "";
        const char *value = entry->value != NULL ? entry->value : "";
        if (strcmp(key, "location") == 0) {
            location = value;
        } else if (strcmp(key, "offset") == 0) {
            TRY(read_decimal(key, value, &t->external_at));
        } else if (strcmp(key, "length") == 0) {
            TRY(read_decimal(key, value, &length));
        }
    }
    TRY(external_open(folder, location, &t->external));
    REFUSE_IF(length != t->size, CLEAT_INVALID_ARGUMENT,
        "external data %s: %llu bytes for elements of %zu", location, (unsigned long long)length,
        t->size);
    REFUSE_IF(t->external_at > t->external.size || length > t->external.size - t->external_at,
        CLEAT_INVALID_ARGUMENT, "external data %s: %llu bytes from byte %llu on, of %llu", location,
        (unsigned long long)length, (unsigned long long)t->external_at,
        (unsigned long long)t->external.size);
    return CLEAT_OK;
}

/* How many elements the field of the type holds. */
static size_t typed_count(const tensor_reader *t) {
    switch (t->type) {
    case CLEAT_F32:
        return t->fields->n_float_data;
    case CLEAT_F64:
        return t->fields->n_double_data;
    case CLEAT_I64:
        return t->fields->n_int64_data;
    case CLEAT_U32:
    case CLEAT_U64:
        return t->fields->n_uint64_data;
    case CLEAT_TEXT:
        return t->fields->n_string_data;
    default:
        return t->fields->n_int32_data;
    }
}

/* Texts are in a field of their own; what they take beside their pointers. */
static cleat_status measure_texts(tensor_reader *t) {
    REFUSE_IF(t->is_external || t->has_raw, CLEAT_INVALID_ARGUMENT, "texts as raw bytes");
    for (size_t i = 0; i < t->fields->n_string_data; i++) {
        const ProtobufCBinaryData *text = &t->fields->string_data[i];
        REFUSE_IF(text->len > 0 && memchr(text->data, 0, text->len) != NULL, CLEAT_UNSUPPORTED,
            "element %zu: a text with a byte of zero", i);
        t->size += text->len + 1;
    }
    return CLEAT_OK;
}

cleat_status tensor_open(source *s, range r, const char *folder, tensor_reader *t) {
    memset(t, 0, sizeof *t);
    t->name = "";
    t->from = s;
    t->external.file = -1;
    TRY(read_fields(s, r, t));
    t->name = t->fields->name != NULL ? t->fields->name : "";
    TRY(read_shape(t));
    t->is_external = t->fields->data_location == 1;
    if (t->type == CLEAT_TEXT) {
        TRY(measure_texts(t));
    }
    if (t->is_external) {
        return open_external(folder, t);
    }
    REFUSE_IF(t->has_raw && t->raw.end - t->raw.begin != t->size, CLEAT_INVALID_ARGUMENT,
        "%llu bytes of elements, where the shape has %zu",
        (unsigned long long)(t->raw.end - t->raw.begin), t->size);
    REFUSE_IF(!t->has_raw && typed_count(t) != (uint64_t)t->count, CLEAT_INVALID_ARGUMENT,
        "%zu elements, where the shape has %lld", typed_count(t), (long long)t->count);
    return CLEAT_OK;
}

void tensor_close(tensor_reader *t) {
    release_message(t->fields);
    t->fields = NULL;
    t->name = "";
    source_close(&t->external);
}

/* ---- Elements ---- */

/* raw_data is in the order of small machines. */
static void swap_bytes(uint8_t *bytes, size_t count, size_t size) {
    const uint16_t one = 1;
    if (*(const uint8_t *)&one == 1) {
        return;
    }
    for (size_t i = 0; i < count; i++, bytes += size) {
        for (size_t k = 0; k < size / 2; k++) {
            const uint8_t kept = bytes[k];
            bytes[k] = bytes[size - 1 - k];
            bytes[size - 1 - k] = kept;
        }
    }
}

/* int32_data holds numbers of up to 32 bits, 16-bit floating-point ones by their bits. */
static cleat_status fill_small(const tensor_reader *t, void *elements) {
    const size_t size = cleat_type_size(t->type);
    const bool is_signed = t->type == CLEAT_I8 || t->type == CLEAT_I16 || t->type == CLEAT_I32;
    const int64_t most = size == 4 ? INT32_MAX : (int64_t)1 << (8 * size - (is_signed ? 1 : 0));
    for (size_t i = 0; i < t->fields->n_int32_data; i++) {
        const int32_t value = t->fields->int32_data[i];
        REFUSE_IF(size < 4 && (value >= most || value < (is_signed ? -most : 0)),
            CLEAT_INVALID_ARGUMENT, "element %zu is %d, no %s", i, value, cleat_type_name(t->type));
        switch (size) {
        case 1:
            ((uint8_t *)elements)[i] = (uint8_t)value;
            break;
        case 2:
            ((uint16_t *)elements)[i] = (uint16_t)value;
            break;
        default:
            ((int32_t *)elements)[i] = value;
            break;
        }
    }
    return CLEAT_OK;
}

static void fill_texts(const tensor_reader *t, void *elements) {
    char *end = (char *)elements + (size_t)t->count * sizeof(char *);
    for (size_t i = 0; i < t->fields->n_string_data; i++) {
        const ProtobufCBinaryData *text = &t->fields->string_data[i];
        ((char **)elements)[i] = end;
        if (text->len > 0) {
            memcpy(end, text->data, text->len);
        }
        end[text->len] = '\0';
        end += text->len + 1;
    }
}

static cleat_status fill_typed(const tensor_reader *t, void *elements) {
    const Onnx__Tensor *fields = t->fields;
    if (t->size == 0) {
        return CLEAT_OK;
    }
    switch (t->type) {
    case CLEAT_F32:
        memcpy(elements, fields->float_data, t->size);
        return CLEAT_OK;
    case CLEAT_F64:
        memcpy(elements, fields->double_data, t->size);
        return CLEAT_OK;
    case CLEAT_TEXT:
        fill_texts(t, elements);
        return CLEAT_OK;
    case CLEAT_I64:
        memcpy(elements, fields->int64_data, t->size);
        return CLEAT_OK;
    case CLEAT_U64:
        memcpy(elements, fields->uint64_data, t->size);
        return CLEAT_OK;
    case CLEAT_U32:
        for (size_t i = 0; i < fields->n_uint64_data; i++) {
            REFUSE_IF(fields->uint64_data[i] > UINT32_MAX, CLEAT_INVALID_ARGUMENT,
                "element %zu is no u32", i);
            ((uint32_t *)elements)[i] = (uint32_t)fields->uint64_data[i];
        }
        return CLEAT_OK;
    default:
        return fill_small(t, elements);
    }
}

cleat_status tensor_fill(tensor_reader *t, void *elements) {
    if (t->is_external) {
        TRY(source_read(&t->external, t->external_at, t->size, elements));
    } else if (t->has_raw) {
        TRY(source_read(t->from, t->raw.begin, t->size, elements));
    } else {
        TRY(fill_typed(t, elements));
    }
    if (t->is_external || t->has_raw) {
        swap_bytes(elements, (size_t)t->count, cleat_type_size(t->type));
    }
    for (int64_t i = 0; t->type == CLEAT_BOOL && i < t->count; i++) {
        uint8_t *element = (uint8_t *)elements + i;
        *element = *element != 0;
    }
    return CLEAT_OK;
}
