/* SPDX-License-Identifier: Apache-2.0 */
#include "results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef BENCH_HAVE_JANSSON
#include <jansson.h>
#endif

bool results_add(bench_results *results, const bench_row *added) {
    if (results->count == results->capacity) {
        size_t capacity = results->capacity == 0 ? 64 : 2 * results->capacity;
        bench_row *rows = realloc(results->rows, capacity * sizeof *rows);
        if (rows == NULL) {
            return false;
        }
        results->rows = rows;
        results->capacity = capacity;
    }
    results->rows[results->count++] = *added;
    return true;
}

bool results_skip(bench_results *results, const bench_skip *skipped) {
    bench_skip *skips = realloc(results->skips, (results->skip_count + 1) * sizeof *skips);
    if (skips == NULL) {
        return false;
    }
    results->skips = skips;
    results->skips[results->skip_count++] = *skipped;
    return true;
}

void results_free(bench_results *results) {
    free(results->rows);
    free(results->skips);
    *results = (bench_results){0};
}

void results_show_head(const char *name, const char *summary) {
    printf("\n%s: %s\n", name, summary);
}

static double spread(figure f) {
    return f.median > 0 ? 50 * (f.high - f.low) / f.median : 0;
}

void results_show_row(const bench_row *shown) {
    printf("  %-40s %9.4g %-8s +-%3.0f %%", shown->name, shown->cleat.median, shown->unit->name,
        spread(shown->cleat));
    if (shown->peer != NULL) {
        printf("   %-12s %9.4g +-%3.0f %%   ratio %.3f", shown->peer, shown->peer_figure.median,
            spread(shown->peer_figure), shown->ratio);
    }
    printf("\n");
    fflush(stdout);
}

static bool same_group(const bench_row *a, const bench_row *b) {
    return strcmp(a->bench, b->bench) == 0 && a->peer != NULL && b->peer != NULL &&
           strcmp(a->peer, b->peer) == 0;
}

void results_show_means(const bench_results *results) {
    bool any = false;
    for (size_t i = 0; i < results->count; i++) {
        const bench_row *first = &results->rows[i];
        bool seen = first->peer == NULL;
        for (size_t j = 0; j < i && !seen; j++) {
            seen = same_group(first, &results->rows[j]);
        }
        if (seen) {
            continue;
        }
        double logarithms = 0, least = INFINITY;
        size_t count = 0;
        for (size_t j = i; j < results->count; j++) {
            if (same_group(first, &results->rows[j])) {
                logarithms += log(results->rows[j].ratio);
                least = fmin(least, results->rows[j].ratio);
                count++;
            }
        }
        if (!any) {
            printf("\nGeometric means of the ratios (more is better)\n");
            any = true;
        }
        printf("  %-16s %-14s %.3f   least %.3f   %zu cases\n", first->bench, first->peer,
            exp(logarithms / (double)count), least, count);
    }
}

#ifdef BENCH_HAVE_JANSSON
static json_t *figure_json(figure f) {
    return json_pack("[f, f, f]", f.low, f.median, f.high);
}

static json_t *row_json(const bench_row *r) {
    json_t *object = json_pack("{s:s, s:s, s:s, s:f, s:o}", "bench", r->bench, "case", r->name,
        "unit", r->unit->name, "cleat", r->cleat.median, "cleat_quartiles", figure_json(r->cleat));
    if (r->peer != NULL) {
        json_object_set_new(object, "peer", json_string(r->peer));
        json_object_set_new(object, "peer_value", json_real(r->peer_figure.median));
        json_object_set_new(object, "peer_quartiles", figure_json(r->peer_figure));
        json_object_set_new(object, "ratio", json_real(r->ratio));
    }
    return object;
}

static json_t *skips_json(const bench_results *results) {
    json_t *list = json_array();
    for (size_t i = 0; i < results->skip_count; i++) {
        const bench_skip *s = &results->skips[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "bench", s->bench, "case", s->name, "why", s->why));
    }
    return list;
}

bool results_write_json(const bench_run *run, const char *file) {
    json_t *machine = json_object(), *rows = json_array();
    for (const machine_fact *fact = machine_facts(run); fact->name != NULL; fact++) {
        json_object_set_new(machine, fact->name, json_string(fact->text));
    }
    for (size_t i = 0; i < run->results->count; i++) {
        json_array_append_new(rows, row_json(&run->results->rows[i]));
    }
    json_t *root = json_pack("{s:o, s:o}", "machine", machine, "rows", rows);
    if (run->results->skip_count > 0) {
        json_object_set_new(root, "skipped", skips_json(run->results));
    }
    bool good =
        root != NULL && json_dump_file(root, file, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0;
    json_decref(root);
    return good || bench_fail(run, "%s could not be written", file);
}
#else
bool results_write_json(const bench_run *run, const char *file) {
    return bench_fail(run, "%s not written: built without jansson (Debian: libjansson-dev)", file);
}
#endif
