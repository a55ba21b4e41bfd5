/* SPDX-License-Identifier: Apache-2.0 */
#include "core/variant.h"

#include "core/tuning.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBLEM_TEXT_SIZE = 512 };

bool variant_always(const device_profile *profile, const void *problem) {
    (void)profile;
    (void)problem;
    return true;
}

/* The next of several names separated by blanks; false at the end. */
static bool next_name(const char **names, const char **name, size_t *length) {
    *names += strspn(*names, " ");
    *name = *names;
    *length = strcspn(*names, " ");
    *names += *length;
    return *length > 0;
}

static const variant *find_variant(const variant *variants, const char *name, size_t length) {
    for (; variants->name != NULL; variants++) {
        if (strlen(variants->name) == length && memcmp(variants->name, name, length) == 0) {
            return variants;
        }
    }
    return NULL;
}

static void list_names(const variant *variants, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (const variant *v = variants; v->name != NULL && used + 1 < size; v++) {
        int length = snprintf(text + used, size - used, "%s%s", v == variants ? "" : ", ", v->name);
        used += length > 0 ? (size_t)length : 0;
    }
}

/* $CLEAT_<OPERATION>, NULL when it is not set or empty; for a gradient, whose name ends in
 * "_backward", then that of its operation. */
static const char *forced_by_environment(const char *operation) {
    static const char gradient[] = "_BACKWARD";
    char name[64] = "CLEAT_";
    size_t length = strlen(name);
    for (; *operation != '\0' && length + 1 < sizeof name; operation++) {
        name[length++] = (char)toupper((unsigned char)*operation);
    }
    name[length] = '\0';
    const char *value = getenv(name);
    if (value == NULL && length >= sizeof gradient &&
        strcmp(name + length + 1 - sizeof gradient, gradient) == 0) {
        name[length + 1 - sizeof gradient] = '\0';
        value = getenv(name);
    }
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool is_f64_name(const char *name, size_t length) {
    static const char end[] = "_f64";
    const size_t size = sizeof end - 1;
    return length > size && memcmp(name + length - size, end, size) == 0;
}

/* A variable is there for calls of all types: whether this name in it is for another list. */
static bool is_for_others(const variant *variants, const char *name, size_t length) {
    return is_f64_name(name, length) != is_f64_name(variants->name, strlen(variants->name));
}

/* NULL as chosen where a variable's names are all for others. */
static cleat_status choose_forced(cleat_context *context, const char *operation, const char *forced,
    bool by_variable, const variant *variants, const void *problem, problem_writer write_problem,
    const variant **chosen) {
    bool concerned = !by_variable;
    const char *rest = forced;
    const char *name = NULL;
    size_t length = 0;
    char known[512];
    while (next_name(&rest, &name, &length)) {
        if (by_variable && is_for_others(variants, name, length)) {
            continue;
        }
        concerned = true;
        const variant *v = find_variant(variants, name, length);
        if (v == NULL) {
            list_names(variants, known, sizeof known);
            return status_set(CLEAT_INVALID_ARGUMENT,
                "%s: there is no variant \"%.*s\"; there is: %s", operation,
                (int)(length < 100 ? length : 100), name, known);
        }
        if (v->supports(context_profile(context), problem)) {
            *chosen = v;
            return CLEAT_OK;
        }
    }
    *chosen = NULL;
    if (!concerned) {
        return CLEAT_OK;
    }
    char asked[PROBLEM_TEXT_SIZE];
    write_problem(problem, asked, sizeof asked);
    return status_set(CLEAT_UNSUPPORTED, "%s: variant %.100s cannot do %s on %s", operation, forced,
        asked, context_profile(context)->info.name);
}

static bool entry_matches(const tuning_entry *entry, const char *operation,
    const char *device_class, const char *shape_class) {
    return strcmp(entry->operation, operation) == 0 &&
           (entry->device_class == NULL ||
               strncmp(device_class, entry->device_class, strlen(entry->device_class)) == 0) &&
           (entry->shape_class == NULL ||
               (shape_class != NULL && strcmp(entry->shape_class, shape_class) == 0));
}

static const char *tuned_order(
    const device_profile *profile, const char *operation, const char *shape_class) {
    for (const tuning_entry *entry = tuning_table; entry->variants != NULL; entry++) {
        if (entry_matches(entry, operation, profile->device_class, shape_class)) {
            return entry->variants;
        }
    }
    return "";
}

static bool is_usable(
    cleat_context *context, const char *operation, const variant *v, const void *problem) {
    return v->supports(context_profile(context), problem) &&
           !trust_is_lost(context, operation, v->name);
}

/* The first of the names that supports the problem, NULL for none. A table may name what this build
 * left out, such as a provider, and a user's file may name anything. */
static const variant *first_of(cleat_context *context, const char *operation, const char *names,
    const variant *variants, const void *problem) {
    const char *name = NULL;
    size_t length = 0;
    while (next_name(&names, &name, &length)) {
        const variant *v = find_variant(variants, name, length);
        if (v != NULL && is_usable(context, operation, v, problem)) {
            return v;
        }
    }
    return NULL;
}

const char *variant_forced(const char *operation, const char *forced) {
    return forced != NULL ? forced : forced_by_environment(operation);
}

bool variant_own_only(const char *operation, const char *forced) {
    forced = variant_forced(operation, forced);
    return forced != NULL && strcmp(forced, "own") == 0;
}

/* In the order of the tables, then of the list. */
static cleat_status choose_free(cleat_context *context, const char *operation,
    const char *shape_class, const variant *variants, const void *problem,
    problem_writer write_problem, const variant **chosen) {
    const device_profile *profile = context_profile(context);
    char own_order[TUNING_VALUE_SIZE] = "";
    tuning_find(context, operation, shape_class != NULL ? shape_class : "any", own_order);
    *chosen = first_of(context, operation, own_order, variants, problem);
    if (*chosen == NULL) {
        const char *order = tuned_order(profile, operation, shape_class);
        *chosen = first_of(context, operation, order, variants, problem);
    }
    bool lost = false;
    for (const variant *v = variants; *chosen == NULL && v->name != NULL; v++) {
        *chosen = is_usable(context, operation, v, problem) ? v : NULL;
        lost = lost || trust_is_lost(context, operation, v->name);
    }
    if (*chosen == NULL) {
        char asked[PROBLEM_TEXT_SIZE];
        write_problem(problem, asked, sizeof asked);
        return status_set(CLEAT_UNSUPPORTED, "%s: no variant can do %s on %s%s", operation, asked,
            profile->info.name,
            lost ? ", as some do not build or give wrong results there (the log tells which)" : "");
    }
    return CLEAT_OK;
}

cleat_status variant_choose(cleat_context *context, const char *operation, const char *shape_class,
    const char *forced, const variant *variants, const void *problem, problem_writer write_problem,
    trust_function check, const variant **chosen) {
    const char *checked = trust_checked(context, operation);
    if (checked != NULL) {
        return choose_forced(
            context, operation, checked, false, variants, problem, write_problem, chosen);
    }
    const bool by_variable = forced == NULL;
    if (by_variable) {
        forced = forced_by_environment(operation);
        if (forced != NULL) {
            trust_note_forced(context);
        }
    }
    if (forced != NULL && strcmp(forced, "own") != 0) {
        TRY(choose_forced(
            context, operation, forced, by_variable, variants, problem, write_problem, chosen));
        if (*chosen != NULL) {
            return CLEAT_OK;
        }
    }
    for (;;) {
        bool right = false;
        TRY(choose_free(context, operation, shape_class, variants, problem, write_problem, chosen));
        TRY(trust_check(context, operation, (*chosen)->name, check, &right));
        if (right) {
            return CLEAT_OK;
        }
    }
}

cleat_status variant_require(
    cleat_context *context, const char *operation, const char *name, trust_function check) {
    bool right = true;
    if (trust_checked(context, operation) == NULL) {
        TRY(trust_check(context, operation, name, check, &right));
    }
    REFUSE_IF(!right, CLEAT_UNSUPPORTED,
        "%s: %s does not build or gives wrong results on %s (the log tells which), and there is no "
        "other kernel for it",
        operation, name, context_profile(context)->info.name);
    return CLEAT_OK;
}
