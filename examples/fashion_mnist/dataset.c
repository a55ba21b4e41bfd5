/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset.h"

#include "idx.h"

#include <stdio.h>
#include <unistd.h>

const char *const class_names[CLASS_COUNT] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"};

/* Of the training pixels, as fractions of 255. */
static const float pixel_mean = 0.2860F;
static const float pixel_deviation = 0.3530F;

/* Finds FOLDER/NAME.gz or FOLDER/NAME and reads it. */
static bool read_part(
    const char *folder, const char *name, int32_t rank, idx_array *array, problem *why) {
    char path[4096];
    const char *endings[2] = {".gz", ""};
    for (int i = 0; i < 2; i++) {
        int length = snprintf(path, sizeof path, "%s/%s%s", folder, name, endings[i]);
        if (length < 0 || (size_t)length >= sizeof path)
            return problem_set(why, "the name of the data folder is too long");
        if (access(path, F_OK) == 0)
            return idx_read(path, rank, array, why);
    }
    return problem_set(why,
        "no file %s.gz in %s: install the data (Debian: apt install dataset-fashion-mnist), or "
        "name the folder that has it with --data",
        name, folder);
}

static bool check(const idx_array *images, const idx_array *labels, const char *folder,
    const char *name, problem *why) {
    if (images->shape[1] != IMAGE_SIDE || images->shape[2] != IMAGE_SIDE)
        return problem_set(why, "%s/%s: images of %lld x %lld pixels, expected %d x %d", folder,
            name, (long long)images->shape[1], (long long)images->shape[2], IMAGE_SIDE, IMAGE_SIDE);
    if (images->shape[0] != labels->shape[0])
        return problem_set(why, "%s/%s: %lld images, but %lld labels", folder, name,
            (long long)images->shape[0], (long long)labels->shape[0]);
    if (images->shape[0] == 0)
        return problem_set(why, "%s/%s: holds no images", folder, name);
    for (int64_t i = 0; i < labels->shape[0]; i++)
        if (labels->data[i] >= CLASS_COUNT)
            return problem_set(why, "%s/%s: label %lld is %d, but there are %d classes", folder,
                name, (long long)i, labels->data[i], CLASS_COUNT);
    return true;
}

bool dataset_load(const char *folder, const char *name, int64_t limit, dataset *set, problem *why) {
    char images_name[64], labels_name[64];
    snprintf(images_name, sizeof images_name, "%s-images-idx3-ubyte", name);
    snprintf(labels_name, sizeof labels_name, "%s-labels-idx1-ubyte", name);
    idx_array images = {0}, labels = {0};
    if (!read_part(folder, images_name, 3, &images, why) ||
        !read_part(folder, labels_name, 1, &labels, why) ||
        !check(&images, &labels, folder, name, why)) {
        idx_free(&images);
        idx_free(&labels);
        return false;
    }
    set->count = limit > 0 && limit < images.shape[0] ? limit : images.shape[0];
    set->images = images.data;
    set->labels = labels.data;
    return true;
}

void dataset_free(dataset *set) {
    idx_array images = {.data = set->images}, labels = {.data = set->labels};
    idx_free(&images);
    idx_free(&labels);
    *set = (dataset){0};
}

void dataset_gather(const dataset *set, const int32_t *order, int64_t first, int64_t count,
    float *images, int32_t *labels) {
    float scaled[256];
    for (int value = 0; value < 256; value++)
        scaled[value] = ((float)value / 255.0F - pixel_mean) / pixel_deviation;
    for (int64_t i = 0; i < count; i++) {
        int64_t image = order != NULL ? order[first + i] : first + i;
        const unsigned char *pixels = set->images + image * IMAGE_PIXELS;
        for (int64_t pixel = 0; pixel < IMAGE_PIXELS; pixel++)
            images[i * IMAGE_PIXELS + pixel] = scaled[pixels[pixel]];
        labels[i] = set->labels[image];
    }
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void dataset_shuffle(int32_t *order, int64_t count, uint64_t *state) {
    for (int64_t i = count - 1; i > 0; i--) {
        uint64_t choices = (uint64_t)i + 1;
        uint64_t limit = UINT64_MAX - UINT64_MAX % choices; /* beyond it, choices would be uneven */
        uint64_t number = next_random(state);
        while (number >= limit)
            number = next_random(state);
        int64_t j = (int64_t)(number % choices);
        int32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}
