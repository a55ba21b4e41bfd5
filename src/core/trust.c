/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trust.h"
#include "core/context_state.h"
#include "core/disk_cache.h"
#include "core/embedded_kernels.h"
#include "core/hash128.h"
#include "core/memory.h"
#include <stdlib.h>
#include <string.h>

cleat_status trust_open(cleat_context *context, const cleat_context_options *options) {
    cleat_verification mode = options->verification;
    const char *variable = getenv("CLEAT_VERIFY");
    REFUSE_IF(mode < CLEAT_VERIFY_AUTO || mode > CLEAT_VERIFY_OFF, CLEAT_INVALID_ARGUMENT,
        "context_create: verification is %d, which is no cleat_verification", (int)mode);
    if (mode == CLEAT_VERIFY_AUTO && variable != NULL && variable[0] != '\0') {
        bool on = strcmp(variable, "on") == 0;
        REFUSE_IF(!on && strcmp(variable, "off") != 0, CLEAT_INVALID_ARGUMENT,
            "context_create: CLEAT_VERIFY is \"%.100s\", neither on nor off", variable);
        mode = on ? CLEAT_VERIFY_ON : CLEAT_VERIFY_OFF;
    }
    context->trust.wanted =
        mode == CLEAT_VERIFY_ON || (mode == CLEAT_VERIFY_AUTO && !context->profile.is_tested_with);
    return CLEAT_OK;
}

static const trust_entry *find(
    const trust_table *table, const char *operation, const char *variant) {
    for (size_t i = 0; i < table->count; i++) {
        const trust_entry *entry = &table->entries[i];
        if (strcmp(entry->operation, operation) == 0 && strcmp(entry->variant, variant) == 0) {
            return entry;
        }
    }
    return NULL;
}

bool trust_is_lost(cleat_context *context, const char *operation, const char *variant) {
    if (!context->trust.wanted) {
        return false;
    }
    pthread_mutex_lock(&context->mutex);
    const trust_entry *entry = find(&context->trust, operation, variant);
    bool lost = entry != NULL && !entry->right;
    pthread_mutex_unlock(&context->mutex);
    return lost;
}

/* With the mutex held. */
static bool is_checking(const trust_table *table) {
    return table->operation != NULL && pthread_equal(table->thread, pthread_self());
}

const char *trust_checked(cleat_context *context, const char *operation) {
    if (!context->trust.wanted) {
        return NULL;
    }
    pthread_mutex_lock(&context->mutex);
    const trust_table *table = &context->trust;
    bool ours = is_checking(table) && strcmp(table->operation, operation) == 0;
    const char *variant = ours ? table->variant : NULL;
    pthread_mutex_unlock(&context->mutex);
    return variant;
}

/* ---- The verdict on disk ---- */

/* Of the device, the variant, and all kernels' texts: a new one is a new question. False where none
 * is kept: no cache, or a developer's kernels. */
static bool make_key(
    cleat_context *context, const char *operation, const char *variant, text_builder *key) {
    text_builder what = {NULL, 0, 0};
    text_builder texts = {NULL, 0, 0};
    if (!disk_cache_is_open(context) || context->kernel_dir != NULL) {
        return false;
    }
    cleat_status status = text_format(&what, "verdict on %s %s", operation, variant);
    for (const embedded_kernel *k = embedded_kernels; status == CLEAT_OK && k->name != NULL; k++) {
        hash128 hash = hash128_of(k->text, k->size);
        status = text_format(&texts, "%s %016llx%016llx\n", k->name, (unsigned long long)hash.high,
            (unsigned long long)hash.low);
    }
    if (status == CLEAT_OK) {
        status = disk_cache_key(context, &what, &texts, key);
    }
    memory_free(what.text);
    memory_free(texts.text);
    return status == CLEAT_OK;
}

/* ---- Checking ---- */

static void set_checking(cleat_context *context, const char *operation, const char *variant) {
    pthread_mutex_lock(&context->mutex);
    context->trust.thread = pthread_self();
    context->trust.operation = operation;
    context->trust.variant = variant;
    pthread_mutex_unlock(&context->mutex);
}

static void add_verdict(cleat_context *context, const trust_entry *entry, bool checked) {
    pthread_mutex_lock(&context->mutex);
    trust_table *table = &context->trust;
    if (table->count < TRUST_MAX_ENTRIES) {
        table->entries[table->count++] = *entry;
    }
    context->statistics.variants_checked += checked;
    context->statistics.variants_distrusted += !entry->right;
    pthread_mutex_unlock(&context->mutex);
    if (!entry->right) {
        context_log(context,
            "%s: variant %s gives wrong results on %s (%s, driver %s); another is "
            "taken",
            entry->operation, entry->variant, context->profile.info.name,
            context->profile.info.platform, context->profile.info.driver);
    }
}

/* Runs the function unless the disk knows. A check that fails to run says nothing: the call that
 * follows will meet the failure itself. */
static void settle(cleat_context *context, trust_entry *entry, trust_function function) {
    text_builder key = {NULL, 0, 0};
    unsigned char verdict = 0;
    bool kept = make_key(context, entry->operation, entry->variant, &key);
    bool known = kept && disk_cache_load_note(context, &key, &verdict);
    bool checked = false;
    entry->right = !known || verdict == 1;
    if (!known) {
        bool right = true;
        set_checking(context, entry->operation, entry->variant);
        cleat_status status = function(context, &right);
        set_checking(context, NULL, NULL);
        checked = status == CLEAT_OK;
        entry->right = !checked || right;
    }
    if (checked && kept) {
        disk_cache_store_note(context, &key, entry->right ? 1 : 0);
    }
    memory_free(key.text);
    add_verdict(context, entry, checked);
}

/* The verdict so far; false when there is none and one is wanted. */
static bool is_settled(
    cleat_context *context, const char *operation, const char *variant, bool *right) {
    pthread_mutex_lock(&context->mutex);
    const trust_entry *entry = find(&context->trust, operation, variant);
    bool settled = entry != NULL || is_checking(&context->trust) || plan_current(context) != NULL ||
                   context->trust.count == TRUST_MAX_ENTRIES;
    *right = entry == NULL || entry->right;
    pthread_mutex_unlock(&context->mutex);
    return settled;
}

void trust_check(cleat_context *context, const char *operation, const char *variant,
    trust_function function, bool *right) {
    *right = true;
    if (!context->trust.wanted || function == NULL ||
        is_settled(context, operation, variant, right)) {
        return;
    }
    pthread_mutex_lock(&context->trust.checking);
    if (!is_settled(context, operation, variant, right)) {
        trust_entry entry = {operation, variant, true};
        settle(context, &entry, function);
        *right = entry.right;
    }
    pthread_mutex_unlock(&context->trust.checking);
}
