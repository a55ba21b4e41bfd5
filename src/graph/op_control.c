/* SPDX-License-Identifier: Apache-2.0 */
/*
 * If, Loop, Scan: graphs within a node. What they read of the graphs around they find by
 * themselves (graph_program.h). A condition that is on the device is waited for.
 */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include "graph/value_lists.h"
#include <string.h>

/* One element, of any integer type or bool. */
static cleat_status number_of(call *c, run_value *v, const char *what, int64_t *number) {
    if (v->kind != VALUE_TENSOR) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "%s is no tensor", what);
    }
    TRY(call_to_host(c, v));
    if (v->host->count != 1 || type_is_floating(v->type)) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "%s has %lld elements of type %s, expected one",
            what, (long long)v->host->count, cleat_type_name(v->type));
    }
    *number = array_integer(v->host, 0);
    return CLEAT_OK;
}

static cleat_status run_if(call *c) {
    int64_t holds = 0;
    TRY(number_of(c, c->inputs[0], "the condition", &holds));
    return call_graph(
        c, holds != 0 ? "then_branch" : "else_branch", 0, NULL, c->output_count, c->outputs);
}

/* ---- Bodies that run again and again ---- */

/*
 * A body of a Loop (led by the round's number and the condition, and by the condition behind it) or
 * of a Scan (nothing leads): values that it hands on to itself follow, then what it collects.
 */
typedef struct repeated_body {
    call *c;
    size_t lead_in, lead_out, carried, given, collected; /* given: to a round of a Scan */
    run_value *in, *out;                                 /* of a round */
    value_list *lists;                                   /* of what is collected */
} repeated_body;

static size_t body_inputs(const repeated_body *b) {
    return b->lead_in + b->carried + b->given;
}

static size_t body_outputs(const repeated_body *b) {
    return b->lead_out + b->carried + b->collected;
}

/* Finds out how much the body collects, and makes the lists. */
static cleat_status open_body(repeated_body *b) {
    call *c = b->c;
    size_t inputs = 0, outputs = 0;
    void *memory;
    TRY(call_graph_counts(c, "body", &inputs, &outputs));
    if (inputs != body_inputs(b) || outputs < b->lead_out + b->carried ||
        c->output_count > outputs - b->lead_out) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT,
            "the body has %zu inputs and %zu outputs, expected %zu and %zu or more", inputs,
            outputs, body_inputs(b), b->lead_out + b->carried);
    }
    b->collected = outputs - b->lead_out - b->carried;
    TRY(call_memory(c, (int64_t)inputs + 1, sizeof *b->in, &memory));
    b->in = memory;
    TRY(call_memory(c, (int64_t)outputs + 1, sizeof *b->out, &memory));
    b->out = memory;
    TRY(call_memory(c, (int64_t)b->collected + 1, sizeof *b->lists, &memory));
    b->lists = memory;
    return CLEAT_OK;
}

static void close_body(repeated_body *b) {
    for (size_t i = 0; b->in != NULL && i < body_inputs(b); i++) {
        value_clear(&b->in[i]);
    }
    for (size_t i = 0; b->out != NULL && i < body_outputs(b); i++) {
        value_clear(&b->out[i]);
    }
    for (size_t i = 0; b->lists != NULL && i < b->collected; i++) {
        value_list_clear(&b->lists[i]);
    }
}

/* `to` gives up what it had. */
static void move_value(run_value *from, run_value *to) {
    value_clear(to);
    *to = *from;
    *from = (run_value){.kind = VALUE_NONE};
}

/* A copy of a node's input, which may be left out. */
static cleat_status copy_input(const call *c, size_t input, run_value *to) {
    return call_has(c, input) ? value_copy(c->inputs[input], to) : CLEAT_OK;
}

/* Runs the body once; what it hands on goes to its inputs, what it collects to the lists. */
static cleat_status run_round(repeated_body *b) {
    TRY(call_graph(b->c, "body", body_inputs(b), b->in, body_outputs(b), b->out));
    for (size_t i = 0; i < b->carried; i++) {
        move_value(&b->out[b->lead_out + i], &b->in[b->lead_in + i]);
    }
    for (size_t i = 0; i < b->collected; i++) {
        run_value *item = &b->out[b->lead_out + b->carried + i];
        if (call_wants(b->c, b->carried + i)) {
            TRY(value_list_append(&b->lists[i], item));
        }
        value_clear(item);
    }
    return CLEAT_OK;
}

static bool wants_collected(const repeated_body *b) {
    bool wants = false;
    for (size_t i = 0; i < b->collected; i++) {
        wants = wants || call_wants(b->c, b->carried + i);
    }
    return wants;
}

/* What nothing was collected of is empty, but has a type and a shape: those that the body, run on
 * what its inputs are, would have given. What it hands on is left as it was. */
static cleat_status collect_nothing(repeated_body *b) {
    call *c = b->c;
    if (!wants_collected(b)) {
        return CLEAT_OK;
    }
    TRY(call_graph(c, "body", body_inputs(b), b->in, body_outputs(b), b->out));
    for (size_t i = 0; i < b->collected; i++) {
        run_value *item = &b->out[b->lead_out + b->carried + i];
        int64_t shape[CLEAT_MAX_RANK] = {0};
        if (!call_wants(c, b->carried + i)) {
            continue;
        }
        if (item->kind != VALUE_TENSOR || item->rank == CLEAT_MAX_RANK) {
            return call_refuse(c, CLEAT_UNSUPPORTED, "output %zu of the body cannot be collected",
                b->lead_out + b->carried + i);
        }
        memcpy(shape + 1, item->shape, (size_t)item->rank * sizeof *shape);
        TRY(call_new_array(c, item->type, item->rank + 1, shape, &c->outputs[b->carried + i]));
    }
    return CLEAT_OK;
}

/* The node's outputs that the body handed on. */
static void give_carried(repeated_body *b) {
    for (size_t i = 0; i < b->carried && i < b->c->output_count; i++) {
        move_value(&b->in[b->lead_in + i], &b->c->outputs[i]);
    }
}

/* ---- Loop ---- */

typedef struct rounds {
    int64_t most; /* -1: no limit */
    bool has_condition;
    int64_t holds;
} rounds;

static cleat_status begin_loop(repeated_body *b, rounds *r) {
    call *c = b->c;
    *r = (rounds){.most = -1, .holds = 1, .has_condition = call_has(c, 1)};
    if (call_has(c, 0)) {
        TRY(number_of(c, c->inputs[0], "the number of rounds", &r->most));
        r->most = r->most < 0 ? 0 : r->most;
    }
    if (r->has_condition) {
        TRY(number_of(c, c->inputs[1], "the condition", &r->holds));
        TRY(value_copy(c->inputs[1], &b->in[1]));
    } else {
        TRY(value_scalar(c, CLEAT_BOOL, 1, &b->in[1]));
    }
    if (r->most < 0 && !r->has_condition) {
        return call_refuse(
            c, CLEAT_UNSUPPORTED, "neither a number of rounds nor a condition ends it");
    }
    for (size_t i = 0; i < b->carried; i++) {
        TRY(copy_input(c, 2 + i, &b->in[2 + i]));
    }
    return CLEAT_OK;
}

static cleat_status loop_rounds(repeated_body *b) {
    call *c = b->c;
    rounds r;
    int64_t round = 0;
    TRY(begin_loop(b, &r));
    for (; r.holds != 0 && (r.most < 0 || round < r.most); round++) {
        value_clear(&b->in[0]);
        TRY(value_scalar(c, CLEAT_I64, round, &b->in[0]));
        TRY(run_round(b));
        if (r.has_condition) { /* without, what the body says of it does not count */
            TRY(number_of(c, &b->out[0], "the body's condition", &r.holds));
        }
        move_value(&b->out[0], &b->in[1]);
    }
    if (round == 0) {
        TRY(value_scalar(c, CLEAT_I64, 0, &b->in[0]));
        TRY(collect_nothing(b));
    }
    give_carried(b);
    for (size_t i = 0; i < b->collected && round > 0; i++) {
        value_list *list = &b->lists[i];
        if (list->count > 0) {
            TRY(values_join(c, list->items, list->count, 0, true, &c->outputs[b->carried + i]));
        }
    }
    return CLEAT_OK;
}

static cleat_status run_loop(call *c) {
    repeated_body b = {.c = c,
        .lead_in = 2,
        .lead_out = 1,
        .carried = c->input_count > 2 ? c->input_count - 2 : 0};
    cleat_status status = open_body(&b);
    if (status == CLEAT_OK) {
        status = loop_rounds(&b);
    }
    close_body(&b);
    return status;
}

/* ---- Scan ---- */

/* Number i of a list among the attributes, 0 where it is not there. */
static int64_t listed(const call *c, const char *name, size_t i) {
    size_t count = 0;
    const int64_t *numbers = attribute_ints(c->node, name, &count);
    return i < count ? numbers[i] : 0;
}

enum { MOST_SOURCES = 64 };

/* What goes through the rounds: the values that are given a part of, at one place of the batch. */
typedef struct scanning {
    repeated_body *body;
    const char *directions; /* the attribute's name */
    run_value *states;      /* first values of what is handed on */
    run_value *sources;     /* what parts are given of, b->given of them */
    int32_t axes[MOST_SOURCES];
    int64_t length;
} scanning;

/* The axes of the sources, and their length along them. */
static cleat_status measure_sources(scanning *s) {
    call *c = s->body->c;
    for (size_t i = 0; i < s->body->given; i++) {
        const run_value *x = &s->sources[i];
        if (x->kind != VALUE_TENSOR) {
            return call_refuse(c, CLEAT_TYPE_MISMATCH, "scan input %zu is no tensor", i);
        }
        TRY(call_axis(c, listed(c, "scan_input_axes", i), x->rank, &s->axes[i]));
        const int64_t extent = x->shape[s->axes[i]];
        if (i > 0 && extent != s->length) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH,
                "scan input %zu has %lld parts, the first %lld", i, (long long)extent,
                (long long)s->length);
        }
        s->length = extent;
    }
    return CLEAT_OK;
}

/* The round's parts, zeros where there is no round. */
static cleat_status take_parts(scanning *s, int64_t round) {
    repeated_body *b = s->body;
    for (size_t i = 0; i < b->given; i++) {
        run_value *x = &s->sources[i], *part = &b->in[b->carried + i];
        const int64_t at = listed(b->c, s->directions, i) == 0 ? round : s->length - 1 - round;
        value_clear(part);
        if (s->length > 0) {
            TRY(value_part(b->c, x, s->axes[i], at, 1, true, part));
            continue;
        }
        int64_t shape[CLEAT_MAX_RANK] = {0};
        for (int32_t k = 0; k + 1 < x->rank; k++) {
            shape[k] = x->shape[k < s->axes[i] ? k : k + 1];
        }
        TRY(value_zeros(b->c, x->type, x->rank - 1, shape, part));
    }
    return CLEAT_OK;
}

static void turn_round(value_list *list) {
    for (size_t i = 0; i < list->count / 2; i++) {
        const run_value first = list->items[i];
        list->items[i] = list->items[list->count - 1 - i];
        list->items[list->count - 1 - i] = first;
    }
}

/* All rounds, `length` of them; the body's inputs have the last values handed on then. */
static cleat_status scan_rounds(scanning *s, int64_t length) {
    repeated_body *b = s->body;
    for (size_t i = 0; i < b->carried; i++) {
        move_value(&s->states[i], &b->in[i]);
    }
    for (int64_t round = 0; round < length; round++) {
        TRY(take_parts(s, round));
        TRY(run_round(b));
    }
    return CLEAT_OK;
}

static cleat_status scan_once(scanning *s) {
    repeated_body *b = s->body;
    call *c = b->c;
    for (size_t i = 0; i < b->carried + b->given; i++) {
        TRY(copy_input(c, i, i < b->carried ? &s->states[i] : &s->sources[i - b->carried]));
    }
    TRY(measure_sources(s));
    TRY(scan_rounds(s, s->length));
    if (s->length == 0) {
        TRY(take_parts(s, 0));
        TRY(collect_nothing(b));
    }
    give_carried(b);
    for (size_t i = 0; i < b->collected; i++) {
        value_list *list = &b->lists[i];
        if (list->count > 0) {
            if (listed(c, "scan_output_directions", i) != 0) {
                turn_round(list);
            }
            TRY(values_join(c, list->items, list->count, listed(c, "scan_output_axes", i), true,
                &c->outputs[b->carried + i]));
        }
    }
    return CLEAT_OK;
}

/* ---- Scan of opset 8: for each place of a batch, with lengths of their own ---- */

/* How long the sequence at this place of the batch is. */
static cleat_status length_at(const scanning *s, int64_t place, int64_t *length) {
    call *c = s->body->c;
    const array *lengths;
    *length = s->length;
    if (!call_has(c, 0)) {
        return CLEAT_OK;
    }
    TRY(call_array(c, 0, &lengths));
    *length = place < lengths->count && !type_is_floating(lengths->type)
                  ? array_integer(lengths, place)
                  : -1;
    if (*length < 0 || *length > s->length) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT,
            "sequence_lens has no length within 0 .. %lld for place %lld of the batch",
            (long long)s->length, (long long)place);
    }
    return CLEAT_OK;
}

/* What was collected of one place, filled up with zeros, becomes an item of `together`. */
static cleat_status end_place(scanning *s, value_list *together) {
    repeated_body *b = s->body;
    call *c = b->c;
    for (size_t i = 0; i < b->carried; i++) {
        TRY(value_list_append(&together[i], &b->in[i]));
    }
    for (size_t i = 0; i < b->collected; i++) {
        value_list *list = &b->lists[i];
        run_value joined = {.kind = VALUE_NONE};
        if (!call_wants(c, b->carried + i)) {
            continue;
        }
        if (list->count == 0) {
            return call_refuse(c, CLEAT_UNSUPPORTED, "a sequence of length 0");
        }
        while (list->count < (size_t)s->length) {
            const run_value *first = &list->items[0];
            run_value zeros;
            TRY(value_zeros(c, first->type, first->rank, first->shape, &zeros));
            const cleat_status status = value_list_append(list, &zeros);
            value_clear(&zeros);
            TRY(status);
        }
        TRY(values_join(c, list->items, list->count, 0, true, &joined));
        value_list_clear(list);
        const cleat_status status = value_list_append(&together[b->carried + i], &joined);
        value_clear(&joined);
        TRY(status);
    }
    return CLEAT_OK;
}

static cleat_status scan_place(scanning *s, int64_t place, value_list *together) {
    repeated_body *b = s->body;
    call *c = b->c;
    int64_t length = 0;
    for (size_t i = 0; i < b->carried + b->given; i++) {
        run_value *to = i < b->carried ? &s->states[i] : &s->sources[i - b->carried];
        const run_value *x;
        TRY(call_input(c, 1 + i, &x));
        if (x->rank == 0 || place >= x->shape[0]) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "input %zu has no place %lld of a batch",
                1 + i, (long long)place);
        }
        value_clear(to);
        TRY(value_part(c, c->inputs[1 + i], 0, place, 1, true, to));
    }
    TRY(measure_sources(s));
    TRY(length_at(s, place, &length));
    TRY(scan_rounds(s, length));
    return end_place(s, together);
}

static cleat_status scan_places(scanning *s, value_list *together) {
    call *c = s->body->c;
    const run_value *x;
    TRY(call_input(c, c->input_count - 1, &x));
    if (x->rank < 2 || x->shape[0] == 0) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "no batch of sequences");
    }
    for (int64_t place = 0; place < x->shape[0]; place++) {
        TRY(scan_place(s, place, together));
    }
    for (size_t i = 0; i < c->output_count; i++) {
        if (together[i].count > 0) {
            TRY(values_join(c, together[i].items, together[i].count, 0, true, &c->outputs[i]));
        }
    }
    return CLEAT_OK;
}

static cleat_status scan_batch(scanning *s) {
    call *c = s->body->c;
    const size_t lists = body_outputs(s->body);
    void *memory;
    TRY(call_memory(c, (int64_t)lists + 1, sizeof(value_list), &memory));
    value_list *together = memory;
    const cleat_status status = scan_places(s, together);
    for (size_t i = 0; i < lists; i++) {
        value_list_clear(&together[i]);
    }
    return status;
}

static cleat_status run_scan(call *c) {
    const bool is_batch = c->opset < 9;
    const size_t inputs = c->input_count - (is_batch ? 1 : 0);
    const int64_t given = attribute_int(c->node, "num_scan_inputs", 0);
    void *memory;
    if (given < 1 || given > MOST_SOURCES || (uint64_t)given > inputs) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "%lld scan inputs, 1 to %d of %zu expected",
            (long long)given, MOST_SOURCES, inputs);
    }
    repeated_body b = {.c = c, .carried = inputs - (size_t)given, .given = (size_t)given};
    scanning s = {.body = &b, .directions = is_batch ? "directions" : "scan_input_directions"};
    TRY(call_memory(c, (int64_t)inputs + 1, sizeof *s.states, &memory));
    s.states = memory;
    s.sources = s.states + b.carried;
    cleat_status status = open_body(&b);
    if (status == CLEAT_OK) {
        status = is_batch ? scan_batch(&s) : scan_once(&s);
    }
    for (size_t i = 0; i < inputs; i++) {
        value_clear(&s.states[i]);
    }
    close_body(&b);
    return status;
}

const operator_entry operators_control[] = {
    {"If", run_if, NULL, 1, 1, false},
    {"Loop", run_loop, NULL, 0, SIZE_MAX, false},
    {"Scan", run_scan, NULL, 0, SIZE_MAX, false},
    {NULL, NULL, NULL, 0, 0, false},
};
