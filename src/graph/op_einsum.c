/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Einsum. Axes are named by letters; those of an ellipsis by digits, '0' the last one. On the
 * device operands are joined one after the other: what is in neither the result nor a later operand
 * is summed over, the rest is a batched product of matrices.
 */
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/matmul.h>
#include <cleat/reduce.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MOST_OPERANDS = 8 };

typedef struct einsum {
    size_t count;
    char names[MOST_OPERANDS][CLEAT_MAX_RANK + 1]; /* of each operand's axes */
    char result[CLEAT_MAX_RANK + 1];
    int64_t extent[128]; /* by name; 0: not there */
    bool is_there[128];
} einsum;

/* ---- The equation ---- */

/* One operand, up to a comma, an arrow or the end; `rank` -1: of the result, `dots` axes. */
static cleat_status parse_term(
    const call *c, const char **text, int32_t rank, int32_t *dots, char *names) {
    const char *letters[2] = {*text, NULL}; /* before and behind an ellipsis */
    int32_t count[2] = {0, 0}, part = 0;
    char found[2][CLEAT_MAX_RANK];
    const char *at = letters[0];
    for (; *at != '\0' && *at != ',' && *at != '-'; at++) {
        if (strncmp(at, "...", 3) == 0 && part == 0) {
            part = 1;
            at += 2;
        } else if (isalpha((unsigned char)*at) && count[0] + count[1] < CLEAT_MAX_RANK) {
            found[part][count[part]++] = *at;
        } else if (*at != ' ') {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "equation: \"%.40s\"", at);
        }
    }
    *text = at;
    const int32_t named = count[0] + count[1];
    if (rank >= 0) {
        *dots = rank - named;
        if (*dots < 0 || (*dots > 0 && part == 0)) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH,
                "equation: %d axes named of an operand of rank %d", (int)named, (int)rank);
        }
    }
    const int32_t between = part == 1 ? *dots : 0;
    if (named + between > CLEAT_MAX_RANK) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "equation: a result of rank %d, at most %d",
            (int)(named + between), CLEAT_MAX_RANK);
    }
    memcpy(names, found[0], (size_t)count[0]);
    for (int32_t i = 0; i < between; i++) {
        names[count[0] + i] = (char)('0' + between - 1 - i);
    }
    memcpy(names + count[0] + between, found[1], (size_t)count[1]);
    names[named + between] = '\0';
    return CLEAT_OK;
}

/* Without an arrow: the ellipsis, and what is named once, in alphabetical order. */
static cleat_status implicit_result(const call *c, einsum *e, int32_t dots) {
    size_t count = 0;
    for (int32_t i = dots; i > 0; i--) {
        e->result[count++] = (char)('0' + i - 1);
    }
    for (char name = 'A'; name <= 'z'; name++) {
        int times = 0;
        for (size_t i = 0; i < e->count; i++) {
            for (const char *at = e->names[i]; *at != '\0'; at++) {
                times += *at == name;
            }
        }
        if (times == 1 && isalpha((unsigned char)name)) {
            if (count == CLEAT_MAX_RANK) {
                return call_refuse(c, CLEAT_UNSUPPORTED, "equation: too many axes in the result");
            }
            e->result[count++] = name;
        }
    }
    e->result[count] = '\0';
    return CLEAT_OK;
}

static cleat_status take_extents(const call *c, einsum *e, size_t operand, const run_value *v) {
    for (int32_t i = 0; i < v->rank; i++) {
        const unsigned char name = (unsigned char)e->names[operand][i];
        int64_t *extent = &e->extent[name];
        const int64_t other = v->shape[i];
        if (e->is_there[name] && *extent != other && *extent != 1 && other != 1) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "axis %c has extents %lld and %lld",
                (char)name, (long long)*extent, (long long)other);
        }
        *extent = e->is_there[name] && *extent != 1 ? *extent : other;
        e->is_there[name] = true;
    }
    return CLEAT_OK;
}

static cleat_status check_result(const call *c, const einsum *e) {
    for (const char *at = e->result; *at != '\0'; at++) {
        if (!e->is_there[(unsigned char)*at] || strchr(at + 1, *at) != NULL) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "equation: axis %c of the result", *at);
        }
    }
    return CLEAT_OK;
}

static cleat_status einsum_read(const call *c, einsum *e) {
    const char *text = attribute_text(c->node, "equation", "");
    const run_value *v;
    int32_t dots, most_dots = 0;
    memset(e, 0, sizeof *e);
    e->count = c->input_count;
    for (size_t i = 0; i < e->count; i++) {
        TRY(call_input(c, i, &v));
        TRY(parse_term(c, &text, v->rank, &dots, e->names[i]));
        TRY(take_extents(c, e, i, v));
        most_dots = dots > most_dots ? dots : most_dots;
        if (i + 1 < e->count && *text++ != ',') {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "equation: no operand %zu", i + 1);
        }
    }
    if (*text == '\0') {
        TRY(implicit_result(c, e, most_dots));
    } else if (strncmp(text, "->", 2) == 0) {
        text += 2;
        TRY(parse_term(c, &text, -1, &most_dots, e->result));
    }
    if (*text != '\0') {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "equation: \"%.40s\" is left", text);
    }
    return check_result(c, e);
}

/* ---- On the device ---- */

typedef struct factor {
    cleat_tensor x; /* each name once, in full extent */
    char names[CLEAT_MAX_RANK + 1];
} factor;

static bool has(const char *names, char name) {
    return strchr(names, name) != NULL;
}

/* An axis named twice is a diagonal; an extent of 1 is stretched. */
static cleat_status factor_of(call *c, const einsum *e, size_t operand, factor *f) {
    cleat_tensor x;
    TRY(call_tensor(c, operand, &x));
    f->x = x;
    f->x.rank = 0;
    f->names[0] = '\0';
    for (int32_t i = 0; i < x.rank; i++) {
        const char name = e->names[operand][i];
        const int64_t stride = x.shape[i] == 1 ? 0 : x.stride[i];
        char *found = strchr(f->names, name);
        if (found != NULL) {
            f->x.stride[found - f->names] += stride;
            continue;
        }
        f->x.shape[f->x.rank] = e->extent[(unsigned char)name];
        f->x.stride[f->x.rank] = stride;
        f->names[f->x.rank++] = name;
        f->names[f->x.rank] = '\0';
    }
    return CLEAT_OK;
}

/* Sums over the axes that `kept` does not name. */
static cleat_status sum_out(call *c, const char *kept, factor *f) {
    int32_t axes[CLEAT_MAX_RANK], count = 0, rank = 0;
    factor left = {.x = f->x};
    for (int32_t i = 0; i < f->x.rank; i++) {
        if (!has(kept, f->names[i])) {
            axes[count++] = i;
        } else {
            left.x.shape[rank] = f->x.shape[i];
            left.names[rank++] = f->names[i];
        }
    }
    if (count == 0) {
        return CLEAT_OK;
    }
    TRY(call_scratch(c, f->x.type, rank, left.x.shape, &left.x));
    TRY(cleat_reduce(c->context, CLEAT_REDUCE_SUM, f->x, count, axes, left.x, NULL));
    *f = left;
    return CLEAT_OK;
}

/* The axes in this order, joined to three. */
static cleat_status as_matrices(call *c, const factor *f, const char *const names[3],
    const int64_t *shape, cleat_tensor *matrices) {
    int32_t order[CLEAT_MAX_RANK] = {0}, rank = 0;
    cleat_tensor x, copy;
    for (int part = 0; part < 3; part++) {
        for (const char *at = names[part]; *at != '\0'; at++) {
            order[rank++] = (int32_t)(strchr(f->names, *at) - f->names);
        }
    }
    TRY(cleat_permute(f->x, order, &x));
    cleat_status status = cleat_reshape(x, 3, shape, matrices);
    if (status == CLEAT_UNSUPPORTED) {
        TRY(call_scratch(c, x.type, x.rank, x.shape, &copy));
        TRY(cleat_copy(c->context, x, copy));
        status = cleat_reshape(copy, 3, shape, matrices);
    }
    return status;
}

static int64_t extents_of(const einsum *e, const char *names) {
    int64_t count = 1;
    for (; *names != '\0'; names++) {
        count *= e->extent[(unsigned char)*names];
    }
    return count;
}

static void append(char *names, char name) {
    const size_t count = strlen(names);
    names[count] = name;
    names[count + 1] = '\0';
}

/* a := a b, with the axes that `kept` names. */
static cleat_status join(call *c, const einsum *e, const char *kept, factor *a, factor *b) {
    char batch[CLEAT_MAX_RANK + 1] = "", sums[CLEAT_MAX_RANK + 1] = "";
    char rows[CLEAT_MAX_RANK + 1] = "", columns[CLEAT_MAX_RANK + 1] = "";
    char of_a[128], of_b[128];
    snprintf(of_a, sizeof of_a, "%.110s%s", kept, b->names); /* 62 names at most */
    snprintf(of_b, sizeof of_b, "%.110s%s", kept, a->names);
    TRY(sum_out(c, of_a, a));
    TRY(sum_out(c, of_b, b));
    for (const char *at = a->names; *at != '\0'; at++) {
        append(!has(b->names, *at) ? rows : has(kept, *at) ? batch : sums, *at);
    }
    for (const char *at = b->names; *at != '\0'; at++) {
        if (!has(a->names, *at)) {
            append(columns, *at);
        }
    }
    if (strlen(batch) + strlen(rows) + strlen(columns) > CLEAT_MAX_RANK) {
        return CLEAT_UNSUPPORTED;
    }
    const int64_t n = extents_of(e, batch), m = extents_of(e, rows), k = extents_of(e, sums);
    const int64_t l = extents_of(e, columns);
    cleat_tensor x, w, y;
    factor product = {.names = ""};
    TRY(as_matrices(c, a, (const char *[]){batch, rows, sums}, (int64_t[]){n, m, k}, &x));
    TRY(as_matrices(c, b, (const char *[]){batch, sums, columns}, (int64_t[]){n, k, l}, &w));
    int64_t shape[CLEAT_MAX_RANK];
    int32_t rank = 0;
    for (int part = 0; part < 3; part++) {
        const char *at = part == 0 ? batch : part == 1 ? rows : columns;
        for (; *at != '\0'; at++) {
            append(product.names, *at);
            shape[rank++] = e->extent[(unsigned char)*at];
        }
    }
    TRY(call_scratch(c, x.type, rank, shape, &product.x));
    TRY(cleat_reshape(product.x, 3, (int64_t[]){n, m, l}, &y));
    TRY(cleat_matmul(c->context, x, w, y, NULL));
    *a = product;
    return CLEAT_OK;
}

static cleat_status einsum_device(call *c) {
    einsum e;
    factor a, b;
    cleat_tensor y, x;
    int64_t shape[CLEAT_MAX_RANK];
    int32_t order[CLEAT_MAX_RANK] = {0}, rank = 0;
    TRY(einsum_read(c, &e));
    TRY(call_same_types(c, 0, c->input_count));
    TRY(factor_of(c, &e, 0, &a));
    for (size_t i = 1; i < e.count; i++) {
        char kept[128];
        size_t count = strlen(e.result);
        memcpy(kept, e.result, count + 1);
        for (size_t later = i + 1; later < e.count; later++) {
            memcpy(kept + count, e.names[later], strlen(e.names[later]) + 1);
            count += strlen(e.names[later]);
        }
        TRY(factor_of(c, &e, i, &b));
        TRY(join(c, &e, kept, &a, &b));
    }
    TRY(sum_out(c, e.result, &a));
    for (const char *at = e.result; *at != '\0'; at++) {
        const char *found = strchr(a.names, *at);
        if (found == NULL) {
            return CLEAT_UNSUPPORTED;
        }
        order[rank] = (int32_t)(found - a.names);
        shape[rank++] = e.extent[(unsigned char)*at];
    }
    TRY(cleat_permute(a.x, order, &x));
    TRY(call_output(c, 0, a.x.type, rank, shape, &y));
    return cleat_copy(c->context, x, y);
}

/* ---- On the host: a loop over all axes ---- */

typedef struct loop {
    int32_t rank; /* the result's axes, then those summed over */
    int64_t shape[128];
    int64_t stride[MOST_OPERANDS][128];
} loop;

static void loop_axis(const einsum *e, const call *c, char name, loop *l) {
    l->shape[l->rank] = e->extent[(unsigned char)name];
    for (size_t i = 0; i < e->count; i++) {
        const run_value *v = c->inputs[i];
        int64_t stride[CLEAT_MAX_RANK], total = 0;
        row_major_strides(v->rank, v->shape, stride);
        for (int32_t k = 0; k < v->rank; k++) {
            total += e->names[i][k] == name && v->shape[k] != 1 ? stride[k] : 0;
        }
        l->stride[i][l->rank] = total;
    }
    l->rank++;
}

static cleat_status einsum_host(call *c) {
    einsum e;
    loop l = {.rank = 0};
    const array *x[MOST_OPERANDS];
    array *y;
    TRY(einsum_read(c, &e));
    for (size_t i = 0; i < e.count; i++) {
        TRY(call_array(c, i, &x[i]));
        if (x[i]->type != x[0]->type) {
            return call_refuse(c, CLEAT_TYPE_MISMATCH, "operands of types %s and %s",
                cleat_type_name(x[0]->type), cleat_type_name(x[i]->type));
        }
    }
    for (const char *at = e.result; *at != '\0'; at++) {
        loop_axis(&e, c, *at, &l);
    }
    const int32_t rank = l.rank;
    for (int name = 0; name < 128; name++) {
        if (e.is_there[name] && (name == 0 || !has(e.result, (char)name))) {
            loop_axis(&e, c, (char)name, &l);
        }
    }
    TRY(call_output_array(c, 0, x[0]->type, rank, l.shape, &y));
    const bool is_empty = shape_count(l.rank, l.shape) == 0;
    int64_t index[128] = {0};
    for (int64_t i = 0; i < y->count; i++, index_next(rank, l.shape, index)) {
        double sum = 0;
        uint64_t integer = 0;
        do {
            double product = 1;
            uint64_t whole = 1;
            for (size_t k = 0; !is_empty && k < e.count; k++) {
                const int64_t at = index_offset(l.rank, index, l.stride[k]);
                product *= array_real(x[k], at);
                whole *= type_is_floating(y->type) ? 1 : array_bits(x[k], at);
            }
            sum += is_empty ? 0 : product;
            integer += is_empty ? 0 : whole;
        } while (index_next(l.rank - rank, l.shape + rank, index + rank));
        if (type_is_floating(y->type)) {
            array_set_real(y, i, sum);
        } else {
            array_set_integer(y, i, (int64_t)integer);
        }
    }
    return CLEAT_OK;
}

const operator_entry operators_einsum[] = {
    {"Einsum", einsum_host, einsum_device, 1, MOST_OPERANDS, false},
    {NULL, NULL, NULL, 0, 0, false},
};
