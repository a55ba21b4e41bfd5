/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trust.h"
#include "core/context_state.h"
#include "core/disk_cache.h"
#include "core/embedded_kernels.h"
#include "core/hash128.h"
#include "core/memory.h"
#include <cleat/version.h>
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

/* The check that the calling thread is at; NULL: none. With the mutex held. */
static trust_frame *own_frame(const trust_table *table) {
    const bool ours = table->frame != NULL && pthread_equal(table->thread, pthread_self());
    return ours ? table->frame : NULL;
}

const char *trust_checked(cleat_context *context, const char *operation) {
    if (!context->trust.wanted) {
        return NULL;
    }
    pthread_mutex_lock(&context->mutex);
    const trust_frame *frame = own_frame(&context->trust);
    while (frame != NULL && strcmp(frame->operation, operation) != 0) {
        frame = frame->outer;
    }
    const char *variant = frame != NULL ? frame->variant : NULL;
    pthread_mutex_unlock(&context->mutex);
    return variant;
}

const char *trust_subject(cleat_context *context) {
    if (!context->trust.wanted) {
        return "";
    }
    pthread_mutex_lock(&context->mutex);
    const trust_frame *frame = own_frame(&context->trust);
    const char *operation = frame != NULL ? frame->operation : "";
    pthread_mutex_unlock(&context->mutex);
    return operation;
}

const char *trust_subject_variant(cleat_context *context) {
    pthread_mutex_lock(&context->mutex);
    const trust_frame *frame = own_frame(&context->trust);
    const char *variant = frame != NULL ? frame->variant : "";
    pthread_mutex_unlock(&context->mutex);
    return variant;
}

void trust_note_run(cleat_context *context) {
    pthread_mutex_lock(&context->mutex);
    trust_frame *frame = own_frame(&context->trust);
    if (frame != NULL) {
        frame->has_run = true;
    }
    pthread_mutex_unlock(&context->mutex);
}

void trust_note_forced(cleat_context *context) {
    if (!context->trust.wanted) {
        return;
    }
    pthread_mutex_lock(&context->mutex);
    for (trust_frame *frame = own_frame(&context->trust); frame != NULL; frame = frame->outer) {
        frame->is_forced = true;
    }
    pthread_mutex_unlock(&context->mutex);
}

/* ---- The verdict on disk ---- */

/* Of the device, the variant, and all kernels' texts: a new one is a new question, and so is a new
 * version. False where none is kept: no cache, or a developer's kernels. */
static bool make_key(
    cleat_context *context, const char *operation, const char *variant, text_builder *key) {
    text_builder what = {NULL, 0, 0};
    text_builder texts = {NULL, 0, 0};
    if (!disk_cache_is_open(context) || context->kernel_dir != NULL) {
        return false;
    }
    cleat_status status = text_format(&what, "verdict of %d.%d.%d on %s %s as %s of %d",
        CLEAT_VERSION_MAJOR, CLEAT_VERSION_MINOR, CLEAT_VERSION_PATCH, operation, variant,
        context->profile.device_class, context->profile.float_width);
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

/* Room for one verdict more, of this check and of those within it that went before. */
static cleat_status make_room(cleat_context *context) {
    trust_table *table = &context->trust;
    pthread_mutex_lock(&context->mutex);
    trust_entry *entries =
        memory_grow(table->entries, table->count, &table->capacity, sizeof *entries);
    table->entries = entries != NULL ? entries : table->entries;
    pthread_mutex_unlock(&context->mutex);
    REFUSE_IF(entries == NULL, CLEAT_OUT_OF_HOST_MEMORY, "no host memory for a verdict");
    return CLEAT_OK;
}

static void set_frame(cleat_context *context, trust_frame *frame) {
    pthread_mutex_lock(&context->mutex);
    context->trust.thread = pthread_self();
    context->trust.frame = frame;
    pthread_mutex_unlock(&context->mutex);
}

/* With room made for it. */
static void add_entry(trust_table *table, const trust_entry *entry) {
    table->entries[table->count++] = *entry;
}

/* `fault` is what is wrong with it, where something is. */
static cleat_status add_verdict(
    cleat_context *context, const trust_entry *entry, bool checked, const char *fault) {
    TRY(make_room(context));
    pthread_mutex_lock(&context->mutex);
    add_entry(&context->trust, entry);
    context->statistics.variants_checked += checked;
    context->statistics.variants_distrusted += !entry->right;
    pthread_mutex_unlock(&context->mutex);
    if (!entry->right) {
        context_log(context, "%s: variant %s %s on %s (%s, driver %s); it is not used",
            entry->operation, entry->variant, fault, context->profile.info.name,
            context->profile.info.platform, context->profile.info.driver);
    }
    return CLEAT_OK;
}

/* Whether a check that failed, with nothing found wrong before, may run through the next time. */
static bool is_passing(cleat_status status, bool right) {
    return status == CLEAT_OUT_OF_HOST_MEMORY || status == CLEAT_OUT_OF_DEVICE_MEMORY ||
           (right && (status == CLEAT_OPENCL_ERROR || status == CLEAT_DEVICE_LOST));
}

/* Runs the function unless the disk knows, or nothing may be compiled: then what was shipped was
 * chosen by whoever shipped it. A variant that cannot be built is as good as a wrong
 * one, but the next driver may do it. Another failure to run says nothing beyond what was found
 * before it: the call that follows will meet it itself. */
static cleat_status settle(
    cleat_context *context, trust_frame *frame, trust_function function, bool *right) {
    text_builder key = {NULL, 0, 0};
    unsigned char verdict = 0;
    bool kept = make_key(context, frame->operation, frame->variant, &key);
    bool known = kept && disk_cache_load_note(context, &key, &verdict);
    cleat_status status = CLEAT_OK;
    *right = !known || verdict == 1;
    const bool wanted = !known && !context->never_compiles;
    if (wanted) {
        bool found = true;
        set_frame(context, frame);
        status = function(context, &found);
        set_frame(context, frame->outer);
        *right = found && status != CLEAT_BUILD_FAILED;
    }
    const bool checked = wanted && status == CLEAT_OK && frame->has_run;
    if (checked && kept && !frame->is_forced) {
        disk_cache_store_note(context, &key, *right ? 1 : 0);
    }
    memory_free(key.text);
    if (is_passing(status, *right)) {
        *right = true; /* no verdict: the next call asks again */
        return CLEAT_OK;
    }
    return add_verdict(context, &(trust_entry){frame->operation, frame->variant, *right}, checked,
        status == CLEAT_BUILD_FAILED ? "cannot be built" : "gives wrong results");
}

/* The same for a probe. No answer is kept where another driver, or more memory, may give one. */
static cleat_status settle_probe(
    cleat_context *context, trust_frame *frame, trust_function function, bool *right) {
    text_builder key = {NULL, 0, 0};
    unsigned char verdict = 0;
    bool kept = make_key(context, frame->operation, frame->variant, &key);
    const bool remembered = kept && disk_cache_load_note(context, &key, &verdict);
    bool known = remembered;
    cleat_status status = CLEAT_OK;
    *right = known && verdict == 1;
    if (!known) {
        bool found = true;
        set_frame(context, frame);
        status = function(context, &found);
        set_frame(context, frame->outer);
        *right = found && status == CLEAT_OK;
        known = status == CLEAT_OK || status == CLEAT_BUILD_FAILED;
        if (known && kept) {
            disk_cache_store_note(context, &key, *right ? 1 : 0);
        }
    }
    memory_free(key.text);
    if (!known && status != CLEAT_UNSUPPORTED) {
        return status;
    }
    TRY(make_room(context));
    pthread_mutex_lock(&context->mutex);
    add_entry(&context->trust, &(trust_entry){frame->operation, frame->variant, *right});
    pthread_mutex_unlock(&context->mutex);
    context_log(context, "%s: %s: %s", frame->operation, frame->variant,
        *right                         ? "there is one"
        : remembered                   ? "none, as was found before"
        : status == CLEAT_BUILD_FAILED ? "none: its probe does not build"
        : status == CLEAT_UNSUPPORTED  ? "none: its probe is not in the cache"
                                       : "none: its probe's results are wrong");
    return CLEAT_OK;
}

/* The verdict so far; false when there is none and one is wanted. */
static bool is_settled(cleat_context *context, const trust_frame *frame, bool *right) {
    pthread_mutex_lock(&context->mutex);
    const trust_entry *entry = find(&context->trust, frame->operation, frame->variant);
    bool settled = entry != NULL || plan_current(context) != NULL;
    *right = entry == NULL || entry->right;
    pthread_mutex_unlock(&context->mutex);
    return settled;
}

/* Settles it unless another thread has meanwhile. */
static cleat_status settle_once(
    cleat_context *context, trust_frame *frame, trust_function function, bool *right) {
    pthread_mutex_lock(&context->mutex);
    frame->outer = own_frame(&context->trust);
    pthread_mutex_unlock(&context->mutex);
    if (frame->outer == NULL) { /* else this thread holds it */
        pthread_mutex_lock(&context->trust.checking);
    }
    cleat_status status = CLEAT_OK;
    if (!is_settled(context, frame, right)) {
        status = frame->is_probe ? settle_probe(context, frame, function, right)
                                 : settle(context, frame, function, right);
    }
    if (frame->outer == NULL) {
        pthread_mutex_unlock(&context->trust.checking);
    }
    return status;
}

cleat_status trust_check(cleat_context *context, const char *operation, const char *variant,
    trust_function function, bool *right) {
    trust_frame frame = {.operation = operation, .variant = variant};
    *right = true;
    if (!context->trust.wanted || function == NULL || is_settled(context, &frame, right)) {
        return CLEAT_OK;
    }
    const cleat_status status = settle_once(context, &frame, function, right);
    return status == CLEAT_OK ? CLEAT_OK : status_prefix(status, operation);
}

bool trust_probe(
    cleat_context *context, const char *operation, const char *variant, trust_function function) {
    trust_frame frame = {.operation = operation, .variant = variant, .is_probe = true};
    bool right = false;
    plan *suspended = plan_suspend(context);
    if (!is_settled(context, &frame, &right) &&
        settle_once(context, &frame, function, &right) != CLEAT_OK) {
        right = false;
    }
    plan_resume(context, suspended);
    return right;
}

void trust_close(cleat_context *context) {
    memory_free(context->trust.entries);
}
