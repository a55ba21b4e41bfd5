/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <cleat/cleat.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: cleat devices [--device D] [--json]\n"
    "       cleat doctor [--device D]\n"
    "       cleat selftest [--device D] [--only TEXT] [--profile]\n"
    "       cleat tune [--device D] [--operation O] [--file F] [--seconds S] [--dry-run] [--show]\n"
    "       cleat bench [BENCH | all] [--case TEXT] [--json F] [options; --help tells them]\n"
    "       cleat bench model MODEL... [--batch N,...] [--peers] [options]\n"
    "       cleat bench serve MODEL [--device D] [--clients N] [--batch B,...] [--latency MS]\n"
    "                 [--seconds S] [--input [NAME=]F.npy]...\n"
    "       cleat run MODEL [--device D] [--input [NAME=]F]... [--output [NAME=]F.npy]...\n"
    "                 [--top K [--labels F]] [--random] [--repeat N] [--mean A[,B,C]] [--std "
    "A[,B,C]]\n"
    "                 [--scale S] [--layout nchw|nhwc] [--channels rgb|bgr|gray] [--size HxW]\n"
    "                 [--resize stretch|crop]\n"
    "       cleat inspect MODEL [--device D] [--nodes [--input [NAME=]F]...]\n"
    "       cleat cache [--folder F] [--clear]\n"
    "       cleat --version | --help\n"
    "\n"
    "devices   lists the OpenCL devices, best first, and tells which one is "
    "chosen and why\n"
    "doctor    looks at all that a computation needs here and says what to install or set\n"
    "selftest  runs every operation on the device and compares with plain code on the host, half "
    "a\n"
    "          minute: can this device be trusted? Those whose names hold TEXT, or all\n"
    "tune      measures on the device what operations can choose from, a minute or two; what is\n"
    "          better than what ships is stored in F (else $CLEAT_TUNING_FILE, else\n"
    "          $XDG_CONFIG_HOME/cleat/tuning, else ~/.config/cleat/tuning) and used from then on\n"
    "bench     measures products, convolutions, attention and what memory bounds on the device,\n"
    "          all of it in some six minutes, or one BENCH; --list tells them, --json keeps the "
    "rows\n"
    "          serve: inputs a second and waiting times of a model asked by N callers at once, "
    "one\n"
    "          by one and in batches of up to B, for which an input waits MS at most\n"
    "run       runs a model from an ONNX file; inputs and outputs are NumPy's files, inputs also "
    "PNG\n"
    "          and JPEG, of whose bytes p (p S - mean) / std is taken, S being 1/255; --random "
    "draws\n"
    "          what is not given; --top K tells the K largest of each row, with the lines of F as\n"
    "          names; --repeat N the median time of N more runs\n"
    "inspect   tells what goes into such a model and comes out of it, and what it takes; --nodes\n"
    "          each node with what it makes, its parameters, FLOP, bytes and time\n"
    "cache     tells where built kernels are kept (F, else $CLEAT_CACHE_DIR, else\n"
    "          $XDG_CACHE_HOME/cleat, else ~/.cache/cleat) and how much it is, or removes them\n"
    "\n"
    "D is an index (0:1), a type (gpu, cpu, accelerator) or part of a name; "
    "without it\n"
    "$CLEAT_DEVICE decides, else the best device is taken.\n"
    "Exit status: 0 good, 1 something failed, 2 wrong usage.\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {{"bench", command_bench}, {"cache", command_cache}, {"devices", command_devices},
    {"doctor", command_doctor}, {"inspect", command_inspect}, {"run", command_run},
    {"selftest", command_selftest}, {"tune", command_tune}};

int report_failure(const char *what) {
    fprintf(stderr, "cleat: %s: %s\n", what, cleat_error_message());
    return EXIT_BAD;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (strcmp(name, "--version") == 0) {
        printf("cleat %s\n", cleat_version());
        return EXIT_GOOD;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        fputs(usage, stdout);
        return EXIT_GOOD;
    }
    if (argc > 1) {
        fprintf(stderr, "cleat: no command \"%s\"\n", name);
    }
    fputs(usage, stderr);
    return EXIT_USAGE;
}
