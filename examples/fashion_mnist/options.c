/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "dataset.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_EPOCHS = 4, DEFAULT_BATCH = 128 };

void options_help(void) {
    printf(
        "Trains a small convolutional network on Fashion-MNIST, on any OpenCL device.\n"
        "\n"
        "Usage: fashion_mnist [options]\n"
        "\n"
        "  --data DIR       folder of the data set (default %s)\n"
        "  --device CHOICE  \"0:1\", \"gpu\", \"cpu\" or part of a name (default $CLEAT_DEVICE,\n"
        "                   else the best device)\n"
        "  --epochs N       times to go through the training images (default %d)\n"
        "  --batch N        images a step (default %d)\n"
        "  --seed N         of the initial weights and the order of the images (default 1);\n"
        "                   one seed gives the same weights each time on one device\n"
        "  --limit N        use only the first N training and N test images\n"
        "  --save FILE      write the weights, as safetensors\n"
        "  --load FILE      read weights and classify the test images, without training\n"
        "  --report FILE    picture of what came out (default fashion-mnist.png)\n"
        "  --profile        print where the device's time went\n"
        "  --help           this text\n"
        "\n"
        "Ctrl-C ends the training and finishes with what there is (exit status 130); a second\n"
        "one quits at once. Exit status: 0 success, 1 failure, 2 wrong usage.\n",
        DATASET_DEFAULT_FOLDER, DEFAULT_EPOCHS, DEFAULT_BATCH);
}

static bool wrong(const char *option, const char *value, const char *expected) {
    fprintf(stderr, "fashion_mnist: --%s %s: expected %s\n", option, value, expected);
    return false;
}

/* A decimal number from 1 to 2^31 - 1. */
static bool parse_count(const char *option, const char *value, int64_t *result) {
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || number < 1 || number > INT32_MAX)
        return wrong(option, value, "a number from 1 to 2147483647");
    *result = number;
    return true;
}

static bool parse_seed(const char *value, uint64_t *result) {
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0)
        return wrong("seed", value, "a number from 0 to 18446744073709551615");
    *result = number;
    return true;
}

static const struct option known[] = {{"data", required_argument, NULL, 'd'},
    {"device", required_argument, NULL, 'D'}, {"epochs", required_argument, NULL, 'e'},
    {"batch", required_argument, NULL, 'b'}, {"seed", required_argument, NULL, 's'},
    {"limit", required_argument, NULL, 'n'}, {"save", required_argument, NULL, 'S'},
    {"load", required_argument, NULL, 'L'}, {"report", required_argument, NULL, 'r'},
    {"profile", no_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {0}};

static bool take(int option, options *chosen) {
    switch (option) {
    case 'd':
        chosen->data = optarg;
        return true;
    case 'D':
        chosen->device = optarg;
        return true;
    case 'e':
        return parse_count("epochs", optarg, &chosen->epochs);
    case 'b':
        return parse_count("batch", optarg, &chosen->batch);
    case 's':
        return parse_seed(optarg, &chosen->seed);
    case 'n':
        return parse_count("limit", optarg, &chosen->limit);
    case 'S':
        chosen->save = optarg;
        return true;
    case 'L':
        chosen->load = optarg;
        return true;
    case 'r':
        chosen->report = optarg;
        return true;
    case 'p':
        chosen->profile = true;
        return true;
    case 'h':
        chosen->help = true;
        return true;
    default: /* getopt_long has told what is wrong */
        return false;
    }
}

static bool parse(int count, char **arguments, options *chosen) {
    *chosen = (options){.data = DATASET_DEFAULT_FOLDER,
        .epochs = DEFAULT_EPOCHS,
        .batch = DEFAULT_BATCH,
        .seed = 1,
        .report = "fashion-mnist.png"};
    int option = 0;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1)
        if (!take(option, chosen))
            return false;
    if (optind < count) {
        fprintf(stderr, "fashion_mnist: unexpected argument %s\n", arguments[optind]);
        return false;
    }
    if (chosen->load != NULL && chosen->save != NULL) {
        fprintf(stderr, "fashion_mnist: --load does not train, so there is nothing to --save\n");
        return false;
    }
    return true;
}

bool options_parse(int count, char **arguments, options *chosen) {
    if (parse(count, arguments, chosen))
        return true;
    fprintf(stderr, "Try 'fashion_mnist --help'.\n");
    return false;
}
