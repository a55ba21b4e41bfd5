/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/text.h"
#include "core/memory.h"
#include <string.h>

static void text_release(shared_text *t) {
    if (t != NULL && atomic_fetch_sub(&t->references, 1) == 1) {
        memory_free(t);
    }
}

const char *array_text(const array *x, int64_t i) {
    const shared_text *t = ((shared_text *const *)x->elements)[i];
    return t != NULL ? t->characters : "";
}

cleat_status array_set_text(
    const char *what, array *x, int64_t i, const char *characters, size_t length) {
    shared_text **place = (shared_text **)x->elements + i;
    shared_text *made = NULL;
    if (length > 0) {
        made = length < SIZE_MAX / 2 ? memory_allocate(sizeof *made + length + 1) : NULL;
        REFUSE_IF(made == NULL, CLEAT_OUT_OF_HOST_MEMORY,
            "%s: no host memory for a text of %zu bytes", what, length);
        atomic_init(&made->references, 1);
        memcpy(made->characters, characters, length);
        made->characters[length] = '\0';
    }
    text_release(*place);
    *place = made;
    return CLEAT_OK;
}

cleat_status array_set_texts(const char *what, array *x, const char *const *texts) {
    for (int64_t i = 0; i < x->count; i++) {
        REFUSE_IF(
            texts[i] == NULL, CLEAT_INVALID_ARGUMENT, "%s: text %lld is NULL", what, (long long)i);
        TRY(array_set_text(what, x, i, texts[i], strlen(texts[i])));
    }
    return CLEAT_OK;
}

void texts_move(const array *x, int64_t i, array *y, int64_t k, int64_t count) {
    shared_text *const *from = (shared_text *const *)x->elements + i;
    shared_text **to = (shared_text **)y->elements + k;
    for (int64_t n = 0; n < count; n++) {
        if (from[n] != NULL) {
            atomic_fetch_add(&from[n]->references, 1);
        }
        text_release(to[n]);
        to[n] = from[n];
    }
}

void texts_clear(array *x) {
    shared_text **texts = x->elements;
    for (int64_t i = 0; x->type == CLEAT_TEXT && i < x->count; i++) {
        text_release(texts[i]);
        texts[i] = NULL;
    }
}
