/* SPDX-License-Identifier: Apache-2.0 */
#include "harness_spoilt.h"

#include <dirent.h>
#include <unistd.h>

char spoilt_heard[16384];

static char folder[64]; /* "" for none */

static void hear(void *data, const char *message) {
    (void)data;
    strncat(spoilt_heard, message, sizeof spoilt_heard - strlen(spoilt_heard) - 1);
    strncat(spoilt_heard, "\n", sizeof spoilt_heard - strlen(spoilt_heard) - 1);
}

cleat_context *spoilt_open(cleat_verification verification, const char *cache_dir) {
    cleat_context *context = NULL;
    const cleat_context_options options = {.verification = verification,
        .cache = cache_dir != NULL ? CLEAT_CACHE_ON : CLEAT_CACHE_OFF,
        .cache_dir = cache_dir,
        .log = hear};
    spoilt_heard[0] = '\0';
    if (folder[0] != '\0' && cache_dir == NULL) {
        ck_assert_int_eq(setenv("CLEAT_KERNEL_DIR", folder, 1), 0);
    }
    test_ok(cleat_context_create(&options, &context));
    unsetenv("CLEAT_KERNEL_DIR");
    return context;
}

const char *spoilt_begin(void) {
    strcpy(folder, "/tmp/cleat-test-verify-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    return folder;
}

void spoilt_end(void) {
    struct dirent **names = NULL;
    int count = scandir(folder, &names, NULL, NULL);
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            ck_assert_int_eq(unlink(path), 0);
        }
        free(names[i]);
    }
    free(names);
    ck_assert_int_eq(rmdir(folder), 0);
    folder[0] = '\0';
}

/* The whole file, with an end; free() it. */
static char *read_text(const char *path) {
    FILE *from = fopen(path, "r");
    if (from == NULL) {
        return NULL;
    }
    fseek(from, 0, SEEK_END);
    const long size = ftell(from);
    rewind(from);
    char *text = test_alloc(size + 1, 1);
    ck_assert_int_eq((long)fread(text, 1, (size_t)size, from), size);
    fclose(from);
    return text;
}

void spoilt_replace(const char *name, const char *right, const char *wrong) {
    char here[512], source[512];
    int spoilt = 0;
    snprintf(here, sizeof here, "%s/%s", folder, name);
    snprintf(source, sizeof source, "%s/%s", CLEAT_TEST_KERNELS, name);
    char *text = read_text(here);
    text = text != NULL ? text : read_text(source);
    ck_assert_msg(text != NULL, "no %s", source);
    FILE *to = fopen(here, "w");
    ck_assert_ptr_nonnull(to);
    const char *rest = text;
    for (const char *at = strstr(rest, right); at != NULL; at = strstr(rest, right)) {
        fprintf(to, "%.*s%s", (int)(at - rest), rest, wrong);
        rest = at + strlen(right);
        spoilt++;
    }
    fputs(rest, to);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_msg(spoilt > 0, "%s has no \"%s\"", name, right);
    free(text);
}

cleat_context_statistics spoilt_statistics(cleat_context *context) {
    cleat_context_statistics statistics;
    test_ok(cleat_context_get_statistics(context, &statistics));
    return statistics;
}

void spoilt_expect_counts(cleat_context *context, uint64_t checked, uint64_t distrusted) {
    cleat_context_statistics s = spoilt_statistics(context);
    ck_assert_msg(s.variants_checked == checked && s.variants_distrusted == distrusted,
        "%d checked, %d distrusted, wanted %d and %d; log: %s", (int)s.variants_checked,
        (int)s.variants_distrusted, (int)checked, (int)distrusted, spoilt_heard);
}
