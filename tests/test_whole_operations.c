/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of tests/faults with elements of i8, i16, u16 and u32 in place of f32: it moves,
 * compares, chooses or converts them, or refuses the type in plain words and writes nothing. Which
 * do is told here.
 */
#include "faults/fault_operations.h"
#include "harness.h"

static const char *const accept[] = {"compare", "where", "cast", "copy", "fill", "concat", "pad",
    "tile", "depth_to_space", "space_to_depth", "gather", "gather_elements", "embedding", "one_hot",
    NULL};

static bool accepts(const char *name) {
    const char *const *at = accept;
    while (*at != NULL && strcmp(name, *at) != 0) {
        at++;
    }
    return *at != NULL;
}

/* The operands of f32 become such, where they are; false if there are none. */
static bool retype(operation_run *run, cleat_type type) {
    bool has_any = false;
    for (int k = 0; k < run->count; k++) {
        cleat_tensor *t = &run->tensors[k];
        if (t->type == CLEAT_F32) {
            t->offset *= (int64_t)(sizeof(float) / cleat_type_size(type));
            t->type = type;
            has_any = true;
        }
    }
    return has_any;
}

static void run_operation(const operation *what, cleat_type type, bool is_tried) {
    operation_run run = operation_open(test_context(), what);
    if (retype(&run, type) && (is_tried || !accepts(what->name))) {
        operation_reset(&run);
        const cleat_status status = operation_call(&run);
        const bool says = strstr(cleat_error_message(), cleat_type_name(type)) != NULL;
        operation_fetch(&run);
        if (accepts(what->name)
                ? status != CLEAT_OK
                : !(status == CLEAT_TYPE_MISMATCH && says && operation_is_unchanged(&run))) {
            ck_abort_msg("%s of %s: %s, %s", what->name, cleat_type_name(type),
                cleat_status_name(status), cleat_error_message());
        }
    }
    operation_close(&run);
}

/* _i is a list's number. What is accepted is tried with u16, for which kernels are compiled;
 * results are compared in the operations' own tests. */
START_TEST(every_operation) {
    static const cleat_type types[] = {CLEAT_I8, CLEAT_I16, CLEAT_U16, CLEAT_U32};
    for (const operation *o = operation_lists[_i]; o->name != NULL; o++) {
        for (int t = 0; t < 4 && strcmp(o->name, "training") != 0; t++) {
            run_operation(o, types[t], types[t] == CLEAT_U16);
        }
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("whole_operations");
    int lists = 0;
    while (operation_lists[lists] != NULL) {
        lists++;
    }
    test_add_loop(suite, "operations", every_operation, lists);
    return suite;
}
