/* SPDX-License-Identifier: Apache-2.0 */
/* PNG and JPEG files as inputs of models. */
#ifndef CLEAT_CLI_IMAGE_H
#define CLEAT_CLI_IMAGE_H

#include "npy.h"
#include <cleat/graph.h>

enum { IMAGE_WHY = 240 };

/* What the command line says of images. An element is (p scale - mean) / deviation of its channel,
 * p being 0 .. 255. */
typedef struct image_options {
    float mean[3], deviation[3]; /* zeros: 0 and 1 */
    float scale;                 /* 0: 1/255, for integers 1 */
    bool is_nhwc;                /* channels last; else before rows and columns */
    enum { CHANNELS_AS_MODEL = 0, CHANNELS_RGB, CHANNELS_BGR, CHANNELS_GRAY } channels;
    int64_t height, width; /* 0: the model's, or where it leaves them open the image's */
    bool is_cropped;       /* in the middle, to the shape of the result; else stretched */
} image_options;

/* False where the text does not fit the option of that letter (run_model.c), or it is none of
 * these. */
bool image_take_option(image_options *o, int letter, const char *text);

/* Whether the file begins as a PNG or JPEG file does. */
bool image_is_one(const char *path);

/* The image as this input of a model. False: `why` says what is wrong. Else free() the elements. */
bool image_load(const char *path, const image_options *o, const cleat_value_info *info,
    npy_array *array, char why[IMAGE_WHY]);

/* Pixels in rows, red, green and blue; free() them. What is transparent is on white. */
typedef struct pixels {
    int64_t height, width;
    unsigned char *rgb;
} pixels;

/* By the libraries that there are (image_decode.c). */
bool image_decode(const char *path, pixels *p, char why[IMAGE_WHY]);

#endif
