/* SPDX-License-Identifier: Apache-2.0 */
/* `cleat cache`: the folder of built kernels. */
#include "command.h"

#include <cleat/cleat.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

static int show_folder(const char *folder) {
    cleat_cache_folder info;
    if (cleat_cache_folder_info(folder, &info) != CLEAT_OK) {
        return report_failure("no cache");
    }
    if (info.path[0] == '\0') {
        fprintf(stderr, "cleat: no cache: CLEAT_CACHE_DIR, XDG_CACHE_HOME and HOME are not set\n");
        return EXIT_BAD;
    }
    printf("folder   %s%s%s\n", info.path, info.exists ? "" : " (not there yet)",
        info.writable ? "" : " (cannot be written to)");
    printf("entries  %" PRIu64 "\n", info.entries);
    printf("size     %.1f MiB, of at most %.0f MiB unless a program says otherwise\n",
        (double)info.bytes / 1048576.0, (double)CLEAT_CACHE_DEFAULT_LIMIT / 1048576.0);
    return info.writable ? EXIT_GOOD : EXIT_BAD;
}

static int clear_folder(const char *folder) {
    uint64_t removed = 0;
    cleat_status status = cleat_cache_folder_clear(folder, &removed);
    printf("%" PRIu64 " entries removed\n", removed);
    return status == CLEAT_OK ? EXIT_GOOD : report_failure("not cleared");
}

int command_cache(int argc, char **argv) {
    static const struct option options[] = {{"folder", required_argument, NULL, 'f'},
        {"clear", no_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    const char *folder = NULL;
    bool clear = false;
    int option;
    while ((option = getopt_long(argc, argv, "f:c", options, NULL)) != -1) {
        switch (option) {
        case 'f':
            folder = optarg;
            break;
        case 'c':
            clear = true;
            break;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "cleat cache: \"%s\" is not understood\n", argv[optind]);
        return EXIT_USAGE;
    }
    return clear ? clear_folder(folder) : show_folder(folder);
}
