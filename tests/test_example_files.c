/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file readers and writers of the example: each damaged or foreign file is refused with a
 * message that names the file and the fault, and what was to be read into is left alone.
 */
#include "harness.h"

#include "fashion_mnist/dataset.h"
#include "fashion_mnist/idx.h"
#include "fashion_mnist/safetensors.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* ---- A folder of files to break ---- */

static char folder[64];

static void make_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/cleat-files-%s%s%s", "XX", "XX", "XX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

/* "FOLDER/NAME"; the text holds until the fourth call from now. */
static const char *path_of(const char *name) {
    static char paths[4][160];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static int count_files(void) {
    DIR *directory = opendir(folder);
    ck_assert_ptr_nonnull(directory);
    int count = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

static void remove_folder(void) {
    DIR *directory = opendir(folder);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            char path[400];
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            remove(path);
        }
    }
    closedir(directory);
    rmdir(folder);
}

static void put_file(const char *name, const void *bytes, size_t size) {
    FILE *file = fopen(path_of(name), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void put_gzip(const char *name, const void *bytes, size_t size) {
    gzFile file = gzopen(path_of(name), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, bytes, (unsigned)size), (int)size);
    ck_assert_int_eq(gzclose(file), Z_OK);
}

static unsigned char *get_file(const char *name, size_t *size) {
    FILE *file = fopen(path_of(name), "rb");
    ck_assert_ptr_nonnull(file);
    unsigned char *bytes = test_alloc(1 << 20, 1);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void has_part(const problem *why, const char *part, const char *name) {
    ck_assert_msg(strstr(why->text, part) != NULL, "message \"%s\" lacks \"%s\"", why->text, part);
    ck_assert_msg(strstr(why->text, name) != NULL, "message \"%s\" lacks \"%s\"", why->text, name);
}

/* ---- IDX ---- */

/* 2 x 2 x 3 elements. */
static const unsigned char small_idx[] = {
    0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255};

static void idx_refused(const char *name, int32_t rank, const char *part) {
    idx_array array = {.rank = 77};
    problem why = {""};
    ck_assert_msg(!idx_read(path_of(name), rank, &array, &why), "%s is accepted", name);
    has_part(&why, part, name);
    ck_assert_int_eq(array.rank, 77);
    ck_assert_ptr_null(array.data);
}

static void idx_accepted(const char *name) {
    idx_array array = {0};
    problem why = {""};
    ck_assert_msg(idx_read(path_of(name), 3, &array, &why), "%s", why.text);
    ck_assert_int_eq(array.shape[0], 2);
    ck_assert_int_eq(array.shape[1], 2);
    ck_assert_int_eq(array.shape[2], 3);
    ck_assert_mem_eq(array.data, small_idx + 16, 12);
    idx_free(&array);
    ck_assert_ptr_null(array.data);
}

START_TEST(idx_round_trip) {
    make_folder();
    put_file("plain", small_idx, sizeof small_idx);
    put_gzip("gzip", small_idx, sizeof small_idx);
    idx_accepted("plain");
    idx_accepted("gzip");
    remove_folder();
}
END_TEST

START_TEST(idx_wrong_headers) {
    static const struct {
        unsigned char bytes[16];
        const char *part;
    } cases[] = {
        {{0x89, 'P', 'N', 'G'}, "not an IDX file"},
        {{0, 1, 8, 3}, "not an IDX file"},
        {{0, 0, 13, 3}, "type 0d"},
        {{0, 0, 8, 1, 0, 0, 0, 1}, "rank 1, expected rank 3"},
        {{0, 0, 8, 0}, "rank 0, expected rank 3"},
        {{0, 0, 8, 255}, "rank 255, expected rank 3"},
        {{0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, "1 GiB"},
        {{0, 0, 8, 3, 0, 1, 0, 0, 0, 0, 64, 0, 0, 0, 0, 2}, "1 GiB"},
        {{0, 0, 8, 3, 0, 0, 255, 255, 0, 0, 0, 28, 0, 0, 0, 28}, "truncated"},
    };
    make_folder();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_file("header", cases[i].bytes, sizeof cases[i].bytes);
        idx_refused("header", 3, cases[i].part);
    }
    remove_folder();
}
END_TEST

START_TEST(idx_wrong_length) {
    make_folder();
    for (size_t size = 0; size < sizeof small_idx; size++) {
        put_file("short", small_idx, size);
        idx_refused("short", 3, "truncated");
        put_gzip("short.gz", small_idx, size);
        idx_refused("short.gz", 3, "truncated");
    }
    unsigned char longer[sizeof small_idx + 1] = {0};
    memcpy(longer, small_idx, sizeof small_idx);
    put_file("long", longer, sizeof longer);
    idx_refused("long", 3, "longer than its header says");
    idx_refused("absent", 3, "No such file");
    remove_folder();
}
END_TEST

/* A gzip stream cut anywhere, or with a wrong checksum. */
START_TEST(idx_damaged_gzip) {
    make_folder();
    put_gzip("whole.gz", small_idx, sizeof small_idx);
    size_t size;
    unsigned char *bytes = get_file("whole.gz", &size);
    for (size_t cut = 2; cut < size; cut++) {
        put_file("cut.gz", bytes, cut);
        idx_refused("cut.gz", 3, "cut.gz: ");
    }
    bytes[size - 6] ^= 1;
    put_file("checksum.gz", bytes, size);
    idx_refused("checksum.gz", 3, "damaged");
    free(bytes);
    remove_folder();
}
END_TEST

/* ---- The data set ---- */

static void put_dataset(uint32_t images, uint32_t side, uint32_t labels, unsigned char label) {
    size_t image_size = 16 + (size_t)images * side * side, label_size = 8 + (size_t)labels;
    unsigned char *bytes = test_alloc((int64_t)(image_size + label_size), 1);
    unsigned char image_header[16] = {0, 0, 8, 3, 0, 0, 0, (unsigned char)images, 0, 0, 0,
        (unsigned char)side, 0, 0, 0, (unsigned char)side};
    unsigned char label_header[8] = {0, 0, 8, 1, 0, 0, 0, (unsigned char)labels};
    memcpy(bytes, image_header, sizeof image_header);
    for (size_t i = 16; i < image_size; i++) {
        bytes[i] = (unsigned char)(i * 7);
    }
    put_gzip("train-images-idx3-ubyte.gz", bytes, image_size);
    memcpy(bytes, label_header, sizeof label_header);
    memset(bytes + 8, label, labels);
    put_gzip("train-labels-idx1-ubyte.gz", bytes, label_size);
    free(bytes);
}

static void dataset_refused(const char *part) {
    dataset set = {0};
    problem why = {""};
    ck_assert(!dataset_load(folder, "train", 0, &set, &why));
    has_part(&why, part, folder);
    ck_assert_ptr_null(set.images);
}

START_TEST(dataset_checks) {
    make_folder();
    dataset_refused("apt install dataset-fashion-mnist");
    put_dataset(3, 28, 2, 0);
    dataset_refused("3 images, but 2 labels");
    put_dataset(3, 27, 3, 0);
    dataset_refused("27 x 27 pixels, expected 28 x 28");
    put_dataset(3, 28, 3, 10);
    dataset_refused("label 0 is 10");
    put_dataset(0, 28, 0, 0);
    dataset_refused("holds no images");
    remove_folder();
}
END_TEST

START_TEST(dataset_gathers) {
    make_folder();
    put_dataset(5, 28, 5, 9);
    dataset set = {0};
    problem why = {""};
    ck_assert_msg(dataset_load(folder, "train", 4, &set, &why), "%s", why.text);
    ck_assert_int_eq(set.count, 4);
    float images[2 * IMAGE_PIXELS];
    int32_t labels[2] = {-1, -1}, order[4] = {3, 1, 2, 0};
    dataset_gather(&set, order, 1, 2, images, labels);
    for (int i = 0; i < 2 * IMAGE_PIXELS; i++) {
        double pixel = set.images[IMAGE_PIXELS + i];
        ck_assert_double_eq_tol((double)images[i], (pixel / 255 - 0.2860) / 0.3530, 1e-5);
    }
    ck_assert_int_eq(labels[0], 9);
    ck_assert_int_eq(labels[1], 9);
    dataset_free(&set);
    remove_folder();
}
END_TEST

START_TEST(shuffle_permutes) {
    enum { COUNT = 1000 };
    int32_t first[COUNT], second[COUNT], seen[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) {
        first[i] = second[i] = i;
    }
    uint64_t state = 5, again = 5, other = 6;
    dataset_shuffle(first, COUNT, &state);
    dataset_shuffle(second, COUNT, &again);
    ck_assert_mem_eq(first, second, sizeof first);
    dataset_shuffle(second, COUNT, &other);
    ck_assert_mem_ne(first, second, sizeof first);
    int moved = 0;
    for (int i = 0; i < COUNT; i++) {
        seen[first[i]]++;
        moved += first[i] != i;
    }
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(seen[i], 1);
    }
    ck_assert_int_gt(moved, COUNT / 2);
    dataset_shuffle(first, 1, &state);
    dataset_shuffle(first, 0, &state);
}
END_TEST

/* ---- Safetensors ---- */

enum { VALUE_COUNT = 6 };

/* What the tests expect in a file: a [2,2] and b [2], with room to read into. */
typedef struct pair {
    float a[4], b[2];
    safetensors_entry entries[2];
} pair;

static void make_pair(pair *p, float start) {
    *p = (pair){.a = {start, start + 1, start + 2, start + 3}, .b = {-start, -0.0F}};
    p->entries[0] = (safetensors_entry){"a", 2, {2, 2}, p->a};
    p->entries[1] = (safetensors_entry){"b", 1, {2}, p->b};
}

/* A file with this header and `data_size` bytes behind it, the first ones being 1.0f, 2.0f, ... */
static void put_safetensors(const char *header, size_t data_size) {
    unsigned char bytes[4096] = {0};
    size_t length = strlen(header);
    ck_assert_uint_le(8 + length + data_size, sizeof bytes);
    bytes[0] = (unsigned char)length;
    bytes[1] = (unsigned char)(length >> 8);
    memcpy(bytes + 8, header, length);
    static const unsigned char floats[24] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40, 0,
        0, 0x80, 0x40, 0, 0, 0xa0, 0x40, 0, 0, 0xc0, 0x40};
    memcpy(bytes + 8 + length, floats, data_size < 24 ? data_size : 24);
    put_file("file", bytes, 8 + length + data_size);
}

static void safetensors_refused(const char *part) {
    pair read, before;
    make_pair(&read, 100);
    make_pair(&before, 100);
    problem why = {""};
    ck_assert_msg(!safetensors_read(path_of("file"), 2, read.entries, &why), "accepted: %s", part);
    has_part(&why, part, "/file");
    ck_assert_mem_eq(read.a, before.a, sizeof read.a);
    ck_assert_mem_eq(read.b, before.b, sizeof read.b);
}

START_TEST(safetensors_round_trip) {
    make_folder();
    pair written, read;
    make_pair(&written, 3);
    make_pair(&read, 100);
    written.a[1] = NAN;
    written.a[2] = INFINITY;
    written.a[3] = 1e-42F;
    problem why = {""};
    ck_assert_msg(safetensors_write(path_of("file"), 2, written.entries, &why), "%s", why.text);
    ck_assert_msg(safetensors_read(path_of("file"), 2, read.entries, &why), "%s", why.text);
    ck_assert_mem_eq(read.a, written.a, sizeof read.a);
    ck_assert_mem_eq(read.b, written.b, sizeof read.b);
    ck_assert_int_eq(count_files(), 1);
    size_t size;
    unsigned char *bytes = get_file("file", &size);
    ck_assert_uint_eq(bytes[0] % 8, 0);
    ck_assert_uint_eq(size, 8 + bytes[0] + VALUE_COUNT * sizeof(float));
    free(bytes);
    remove_folder();
}
END_TEST

/* Rank 0, an empty tensor, and a file written elsewhere: other order, blanks, metadata. */
START_TEST(safetensors_foreign) {
    make_folder();
    pair read;
    make_pair(&read, 100);
    problem why = {""};
    put_safetensors("{ \"b\":{\"data_offsets\":[0,8],\"shape\":[2],\"dtype\":\"F32\"},\n"
                    "\"__metadata__\":{\"x\":\"y\"},"
                    "\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[8,24]} }   ",
        24);
    ck_assert_msg(safetensors_read(path_of("file"), 2, read.entries, &why), "%s", why.text);
    ck_assert(read.b[0] == 1 && read.b[1] == 2 && read.a[0] == 3 && read.a[3] == 6);
    /* The halves of 1, 2 and 3: as bf16 0, 1, 0, 2; as f16 0 and 2.125. */
    put_safetensors("{\"a\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]},"
                    "\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[8,12]}}",
        12);
    ck_assert_msg(safetensors_read(path_of("file"), 2, read.entries, &why), "%s", why.text);
    ck_assert(read.a[0] == 0 && read.a[1] == 1 && read.a[2] == 0 && read.a[3] == 2);
    ck_assert(read.b[0] == 0 && read.b[1] == 2.125F);
    float scalar = 7, none = 8, back = 0;
    safetensors_entry odd[2] = {{"scalar", 0, {0}, &scalar}, {"none", 2, {0, 5}, &none}};
    ck_assert_msg(safetensors_write(path_of("odd"), 2, odd, &why), "%s", why.text);
    odd[0].data = &back;
    ck_assert_msg(safetensors_read(path_of("odd"), 2, odd, &why), "%s", why.text);
    ck_assert(back == 7 && none == 8);
    remove_folder();
}
END_TEST

#define A_FINE "\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"
#define B(type, shape, offsets)                                                                    \
    "{" A_FINE ",\"b\":{\"dtype\":" type ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

START_TEST(safetensors_wrong_headers) {
    static const struct {
        const char *header, *part;
        size_t data_size;
    } cases[] = {
        {"", "not JSON", 24},
        {"{", "not JSON", 24},
        {"[1, 2]", "not a JSON object", 24},
        {"{\"b\":1,\"b\":2}", "not JSON: duplicate", 24},
        {"{}", "has no tensor \"a\"", 0},
        {"{\"a\":3,\"b\":4}", "\"a\" has type unknown", 24},
        {"{" A_FINE "}", "has no tensor \"b\"", 16},
        {B("\"F64\"", "[2]", "[16,24]"), "type F64, expected F32, F16 or BF16", 24},
        {B("\"F16\"", "[2]", "[16,24]"), "has 8 bytes, its shape needs 4", 24},
        {B("5", "[2]", "[16,24]"), "type unknown", 24},
        {B("\"F32\"", "[3]", "[16,24]"), "\"b\" has shape [3], expected [2]", 24},
        {B("\"F32\"", "[2,1]", "[16,24]"), "shape [2,1]", 24},
        {B("\"F32\"", "[2.0]", "[16,24]"), "shape [2.0]", 24},
        {B("\"F32\"", "[-2]", "[16,24]"), "shape [-2]", 24},
        {B("\"F32\"", "[9223372036854775807]", "[16,24]"), "shape [9223372036854775807]", 24},
        {B("\"F32\"", "[99999999999999999999]", "[16,24]"), "not JSON", 24},
        {B("\"F32\"", "\"x\"", "[16,24]"), "shape \"x\"", 24},
        {B("\"F32\"", "[2]", "[24,16]"), "bytes 24 to 16 of 24", 24},
        {B("\"F32\"", "[2]", "[16,25]"), "bytes 16 to 25 of 24", 24},
        {B("\"F32\"", "[2]", "[-8,0]"), "bytes -8 to 0", 24},
        {B("\"F32\"", "[2]", "[16,9223372036854775807]"), "to 9223372036854775807 of 24", 24},
        {B("\"F32\"", "[2]", "[16]"), "must be two integers", 24},
        {B("\"F32\"", "[2]", "[16,24.0]"), "must be two integers", 24},
        {B("\"F32\"", "[2]", "null"), "must be two integers", 24},
        {B("\"F32\"", "[2]", "[16,20]"), "has 4 bytes, its shape needs 8", 24},
        {B("\"F32\"", "[2]", "[8,16]"), "overlap", 24},
        {B("\"F32\"", "[2]", "[20,28]"), "28 bytes of data, its tensors have 24", 28},
        {B("\"F32\"", "[2]", "[16,24]"), "25 bytes of data, its tensors have 24", 25},
        {"{" A_FINE ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]},"
         "\"c\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
            "holds 3 tensors, the network has 2", 24},
    };
    make_folder();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_safetensors(cases[i].header, cases[i].data_size);
        safetensors_refused(cases[i].part);
    }
    remove_folder();
}
END_TEST

/* Cut anywhere, it is refused; with any bit of its header flipped, it is refused or read, and
 * nothing else happens (the sanitizers look on). */
START_TEST(safetensors_damaged) {
    make_folder();
    pair written, read;
    make_pair(&written, 3);
    problem why = {""};
    ck_assert_msg(safetensors_write(path_of("whole"), 2, written.entries, &why), "%s", why.text);
    size_t size;
    unsigned char *bytes = get_file("whole", &size);
    for (size_t cut = 0; cut < size; cut++) {
        put_file("file", bytes, cut);
        safetensors_refused("/file: ");
    }
    for (size_t bit = 0; bit < 8 * (size - VALUE_COUNT * sizeof(float)); bit++) {
        bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
        put_file("file", bytes, size);
        make_pair(&read, 100);
        why.text[0] = '\0';
        if (!safetensors_read(path_of("file"), 2, read.entries, &why)) {
            has_part(&why, "/file: ", "");
        }
        bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    memset(bytes, 0xff, 8);
    put_file("file", bytes, size);
    safetensors_refused("claims a header of 18446744073709551615 bytes");
    free(bytes);
    remove_folder();
}
END_TEST

START_TEST(files_appear_whole) {
    make_folder();
    pair written;
    make_pair(&written, 3);
    problem why = {""};
    ck_assert(!safetensors_write(path_of("absent/file"), 2, written.entries, &why));
    has_part(&why, "No such file", "absent/file");
    ck_assert(!safetensors_write(folder, 2, written.entries, &why));
    has_part(&why, "not a regular file", folder);
    ck_assert(!safetensors_write("/dev/null", 2, written.entries, &why));
    has_part(&why, "not a regular file", "/dev/null");
    put_file("file", "old", 3);
    ck_assert_msg(safetensors_write(path_of("file"), 2, written.entries, &why), "%s", why.text);
    struct stat status;
    ck_assert_int_eq(stat(path_of("file"), &status), 0);
    ck_assert_int_gt(status.st_size, 24);
    ck_assert_int_eq(count_files(), 1);
    remove_folder();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("example files");
    TCase *idx = test_case(suite, "idx");
    tcase_add_test(idx, idx_round_trip);
    tcase_add_test(idx, idx_wrong_headers);
    tcase_add_test(idx, idx_wrong_length);
    tcase_add_test(idx, idx_damaged_gzip);
    TCase *data = test_case(suite, "dataset");
    tcase_add_test(data, dataset_checks);
    tcase_add_test(data, dataset_gathers);
    tcase_add_test(data, shuffle_permutes);
    TCase *weights = test_case(suite, "safetensors");
    tcase_add_test(weights, safetensors_round_trip);
    tcase_add_test(weights, safetensors_foreign);
    tcase_add_test(weights, safetensors_wrong_headers);
    tcase_add_test(weights, safetensors_damaged);
    tcase_add_test(weights, files_appear_whole);
    return suite;
}
