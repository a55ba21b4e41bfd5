/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reads files and texts from outside: the tuning table, archives of built kernels, the
 * example's readers of data and weights, CLEAT_DEVICE and the variables that name variants. The
 * first byte tells which; the rest is the file, or the text. Whatever stands there, the reader
 * takes it or refuses it with a message; memory errors are the sanitizers' to find.
 */
#include "fashion_mnist/idx.h"
#include "fashion_mnist/safetensors.h"
#include "fuzz_demand.h"
#include <cleat/cleat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char *file_name(void) {
    static char name[64];
    if (name[0] == '\0') {
        snprintf(name, sizeof name, "/tmp/cleat-fuzz-%ld", (long)getpid());
    }
    return name;
}

static void write_file(const char *before, const unsigned char *data, size_t size) {
    FILE *file = fopen(file_name(), "wb");
    if (file == NULL) {
        abort();
    }
    fputs(before, file);
    fwrite(data, 1, size, file);
    if (fclose(file) != 0) {
        abort();
    }
}

static cleat_context *any_context(void) {
    static cleat_context *context;
    const cleat_context_options options = {.tuning_file = "none"};
    if (context == NULL) {
        demand(cleat_context_create(&options, &context) == CLEAT_OK, "no context");
    }
    return context;
}

/* The lines of the device in use, taken from a file that the library wrote. */
static const char *own_lines(void) {
    static char text[1024];
    if (text[0] == '\0') {
        demand(cleat_tuning_set(any_context(), "matmul", "small", "plain") == CLEAT_OK &&
                   cleat_tuning_save(any_context(), file_name()) == CLEAT_OK,
            "no table saved");
        FILE *file = fopen(file_name(), "rb");
        const size_t got = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
        demand(got > 0, "no table read");
        fclose(file);
    }
    return text;
}

static void read_table(const unsigned char *data, size_t size, bool with_own) {
    write_file(with_own ? own_lines() : "", data, size);
    const cleat_status status = cleat_tuning_load(any_context(), file_name());
    demand(
        status == CLEAT_OK || cleat_error_message()[0] != '\0', "a table refused without a word");
    size_t count = 0;
    demand(cleat_tuning_list(any_context(), 0, NULL, &count) == CLEAT_OK && count <= 256,
        "more entries than a table holds");
    cleat_tuning_entry entries[256];
    demand(cleat_tuning_list(any_context(), 256, entries, &count) == CLEAT_OK, "no list");
    for (size_t i = 0; i < count; i++) {
        demand(strlen(entries[i].operation) > 0 && strlen(entries[i].value) > 0, "an empty entry");
    }
}

static void read_archive(const unsigned char *data, size_t size) {
    write_file("", data, size);
    cleat_cache_archive *archive = NULL;
    const cleat_status status = cleat_cache_archive_open(file_name(), &archive);
    demand((status == CLEAT_OK) == (archive != NULL), "an archive without a status");
    if (status == CLEAT_OK) {
        demand(cleat_cache_archive_save(archive, file_name()) == CLEAT_OK, "not saved");
    }
    cleat_cache_archive_close(archive);
}

static void read_images(const unsigned char *data, size_t size) {
    write_file("", data, size);
    for (int32_t rank = 1; rank <= 3; rank += 2) {
        idx_array array = {0};
        problem why = {0};
        if (idx_read(file_name(), rank, &array, &why)) {
            unsigned sum = 0;
            int64_t count = 1;
            for (int32_t i = 0; i < array.rank; i++) {
                count *= array.shape[i];
            }
            for (int64_t i = 0; i < count; i++) {
                sum += array.data[i];
            }
            demand(sum != 1U << 31, "cannot be");
            idx_free(&array);
        } else {
            demand(why.text[0] != '\0', "data refused without a word");
        }
    }
}

/* Two tensors are wanted; what they hold stays as it is where the file is refused. */
static void read_weights(const unsigned char *data, size_t size) {
    float first[6], second = 7;
    for (int i = 0; i < 6; i++) {
        first[i] = 7;
    }
    const safetensors_entry wanted[] = {{"a", 2, {2, 3}, first}, {"b", 1, {1}, &second}};
    problem why = {0};
    write_file("", data, size);
    if (!safetensors_read(file_name(), 2, wanted, &why)) {
        demand(why.text[0] != '\0', "weights refused without a word");
        demand(second == 7 && first[0] == 7 && first[5] == 7, "weights refused, and written");
    }
}

static void choose(const char *variable, const unsigned char *data, size_t size) {
    char text[256];
    const size_t length = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, length);
    text[length] = '\0';
    setenv(variable, text, 1);
    cleat_tensor x;
    cleat_context *context = NULL;
    const int64_t shape[2] = {2, 2};
    if (strcmp(variable, "CLEAT_DEVICE") == 0) {
        if (cleat_context_create(NULL, &context) == CLEAT_OK) {
            cleat_context_release(context);
        } else {
            demand(cleat_error_message()[0] != '\0', "a device refused without a word");
        }
    } else if (cleat_tensor_create(any_context(), CLEAT_F32, 2, shape, &x) == CLEAT_OK) {
        if (cleat_reduce(any_context(), CLEAT_REDUCE_SUM, x, 0, NULL, x, NULL) != CLEAT_OK) {
            demand(cleat_error_message()[0] != '\0', "a variant refused without a word");
        }
        cleat_tensor_release(&x);
    }
    unsetenv(variable);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 7) {
    case 0:
    case 1:
        read_table(data + 1, size - 1, data[0] % 7 == 1);
        break;
    case 2:
        read_archive(data + 1, size - 1);
        break;
    case 3:
        read_images(data + 1, size - 1);
        break;
    case 4:
        read_weights(data + 1, size - 1);
        break;
    default:
        choose(data[0] % 7 == 5 ? "CLEAT_DEVICE" : "CLEAT_REDUCE", data + 1, size - 1);
        break;
    }
    remove(file_name());
    return 0;
}
