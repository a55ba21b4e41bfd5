/* SPDX-License-Identifier: Apache-2.0 */
/* PNG files by libpng, JPEG files by libjpeg-turbo, each where it was there. */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef CLEAT_HAVE_PNG
#include <png.h>
#endif
#ifdef CLEAT_HAVE_JPEG
#include <turbojpeg.h>
#endif

enum { MOST_PIXELS = 1 << 26, MOST_FILE = 1 << 28, SIGNATURE = 8 };

static const unsigned char png_signature[SIGNATURE] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
static const unsigned char jpeg_signature[3] = {0xFF, 0xD8, 0xFF};

static bool fail(char why[IMAGE_WHY], const char *text) {
    snprintf(why, IMAGE_WHY, "%s", text);
    return false;
}

/* The first bytes; zeros where there are fewer. */
static void read_signature(const char *path, unsigned char signature[SIGNATURE]) {
    FILE *file = fopen(path, "rb");
    memset(signature, 0, SIGNATURE);
    if (file != NULL) {
        if (fread(signature, 1, SIGNATURE, file) < SIGNATURE) {
            memset(signature, 0, SIGNATURE);
        }
        fclose(file);
    }
}

static bool is_png(const unsigned char signature[SIGNATURE]) {
    return memcmp(signature, png_signature, SIGNATURE) == 0;
}

static bool is_jpeg(const unsigned char signature[SIGNATURE]) {
    return memcmp(signature, jpeg_signature, sizeof jpeg_signature) == 0;
}

bool image_is_one(const char *path) {
    unsigned char signature[SIGNATURE];
    read_signature(path, signature);
    return is_png(signature) || is_jpeg(signature);
}

#if defined(CLEAT_HAVE_PNG) || defined(CLEAT_HAVE_JPEG)
/* Room for the pixels, whose extents are those of a file. */
static bool make_room(int64_t height, int64_t width, pixels *p, char why[IMAGE_WHY]) {
    if (height < 1 || width < 1 || height > MOST_PIXELS / width) {
        return fail(why, "more pixels than 64 Mi");
    }
    *p = (pixels){height, width, malloc((size_t)height * (size_t)width * 3)};
    return p->rgb != NULL || fail(why, "no memory");
}
#endif

#ifdef CLEAT_HAVE_PNG
static bool decode_png(const char *path, pixels *p, char why[IMAGE_WHY]) {
    const png_color white = {255, 255, 255};
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_file(&image, path)) {
        return fail(why, image.message);
    }
    image.format = PNG_FORMAT_RGB;
    bool good = make_room(image.height, image.width, p, why);
    if (good && !png_image_finish_read(&image, &white, p->rgb, 0, NULL)) {
        good = fail(why, image.message);
        free(p->rgb);
    }
    png_image_free(&image);
    return good;
}
#else
static bool decode_png(const char *path, pixels *p, char why[IMAGE_WHY]) {
    (void)path;
    (void)p;
    return fail(why, "this cleat was built without libpng");
}
#endif

#ifdef CLEAT_HAVE_JPEG
static unsigned char *read_file(const char *path, size_t *size, char why[IMAGE_WHY]) {
    FILE *file = fopen(path, "rb");
    long end = -1;
    unsigned char *bytes = NULL;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        end = ftell(file);
    }
    if (end < 0 || end > MOST_FILE || fseek(file, 0, SEEK_SET) != 0) {
        fail(why, "it cannot be read, or is larger than 256 MiB");
    } else if ((bytes = malloc((size_t)end + 1)) == NULL) {
        fail(why, "no memory");
    } else if (fread(bytes, 1, (size_t)end, file) != (size_t)end) {
        free(bytes);
        bytes = NULL;
        fail(why, "it cannot be read");
    }
    if (file != NULL) {
        fclose(file);
    }
    *size = bytes != NULL ? (size_t)end : 0;
    return bytes;
}

/* A warning, as of a file that was cut short, is a failure. */
static bool decode_jpeg(const char *path, pixels *p, char why[IMAGE_WHY]) {
    size_t size;
    int width, height, sampling, colours;
    unsigned char *bytes = read_file(path, &size, why);
    tjhandle decoder = bytes != NULL ? tjInitDecompress() : NULL;
    bool good = decoder != NULL;
    if (good && tjDecompressHeader3(decoder, bytes, (unsigned long)size, &width, &height, &sampling,
                    &colours) != 0) {
        good = fail(why, tjGetErrorStr2(decoder));
    }
    good = good && make_room(height, width, p, why);
    if (good && tjDecompress2(decoder, bytes, (unsigned long)size, p->rgb, width, 0, height,
                    TJPF_RGB, TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING) != 0) {
        good = fail(why, tjGetErrorStr2(decoder));
        free(p->rgb);
    }
    if (decoder != NULL) {
        tjDestroy(decoder);
    } else if (bytes != NULL) {
        fail(why, "no memory");
    }
    free(bytes);
    return good;
}
#else
static bool decode_jpeg(const char *path, pixels *p, char why[IMAGE_WHY]) {
    (void)path;
    (void)p;
    return fail(why, "this cleat was built without libturbojpeg");
}
#endif

bool image_decode(const char *path, pixels *p, char why[IMAGE_WHY]) {
    unsigned char signature[SIGNATURE];
    read_signature(path, signature);
    return is_png(signature)    ? decode_png(path, p, why)
           : is_jpeg(signature) ? decode_jpeg(path, p, why)
                                : fail(why, "neither a PNG nor a JPEG file");
}
