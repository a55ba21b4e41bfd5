/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"
#include "tune.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, ROUNDS_TO_VERIFY = 9 };

static const double too_slow = 3;        /* times the best so far: not measured on */
static const double longest_call = 0.25; /* seconds: problems above it are not measured */
static const double worth_trying = 0.97; /* of the time of what ships: put to the proof */
static const double worth_keeping = 0.98;

/* A candidate while a problem is measured. */
typedef struct candidate {
    const char *value;
    bool out;
    int64_t calls;
    double seconds[ROUNDS_TO_VERIFY];
    double score; /* sum over the problems of the logarithm of time / time of what ships */
} candidate;

static bool failed(const char *what) {
    report_failure(what);
    return false;
}

static bool set_entry(tune_run *run, const tune_choice *choice, const char *value) {
    return cleat_tuning_set(run->context, choice->family->operation, choice->name, value) ==
               CLEAT_OK ||
           failed("tuning_set");
}

/* Runs the problem `calls` times and waits; the seconds of one call. */
static bool time_calls(tune_run *run, const tune_family *family, const tune_problem *problem,
    const cleat_tensor *operands, int64_t calls, double *seconds) {
    double start = progress_clock();
    cleat_status status = CLEAT_OK;
    for (int64_t call = 0; call < calls && status == CLEAT_OK; call++) {
        status = family->run(run->context, problem, operands);
    }
    if (status != CLEAT_OK || cleat_finish(run->context) != CLEAT_OK) {
        return failed(family->operation);
    }
    *seconds = (progress_clock() - start) / (double)calls;
    return true;
}

/* Forces a variant by the operation's variable, or no longer where value is NULL. */
static void force_variant(const tune_family *family, const char *value) {
    char name[64] = "CLEAT_";
    size_t length = strlen(name);
    for (const char *at = family->operation; *at != '\0' && length + 1 < sizeof name; at++) {
        name[length++] = (char)toupper((unsigned char)*at);
    }
    name[length] = '\0';
    if (value != NULL) {
        setenv(name, value, 1);
    } else {
        unsetenv(name);
    }
}

/* Whether a variant can do the problem at all: a table's entry would pass it over in silence. One
 * that should and fails, as when the driver can't build it, is named. Also compiles it. */
static bool can_do(tune_run *run, const tune_choice *choice, const tune_problem *problem,
    const cleat_tensor *operands, const char *value) {
    force_variant(choice->family, value);
    cleat_status status = choice->family->run(run->context, problem, operands);
    status = status != CLEAT_OK ? status : cleat_finish(run->context);
    force_variant(choice->family, NULL);
    if (status != CLEAT_OK && status != CLEAT_UNSUPPORTED) {
        progress_say(&run->progress, "%-24s %-16s %s is left out: %s\n", choice->family->operation,
            choice->name, value, cleat_error_message());
    }
    return status == CLEAT_OK;
}

/* How often to call in one measurement. What has to be compiled was called before. */
static bool calibrate(tune_run *run, const tune_family *family, const tune_problem *problem,
    const cleat_tensor *operands, candidate *c, double *best) {
    double seconds = 0;
    if (!time_calls(run, family, problem, operands, 1, &seconds)) {
        return false;
    }
    c->calls = 1;
    while (seconds * (double)c->calls < run->seconds && seconds < too_slow * *best) {
        c->calls = 2 * c->calls;
        if (!time_calls(run, family, problem, operands, c->calls, &seconds)) {
            return false;
        }
    }
    c->out = seconds > too_slow * *best;
    *best = fmin(*best, seconds);
    return true;
}

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

static void free_operands(cleat_tensor *operands) {
    for (int i = 0; i < TUNE_MAX_OPERANDS; i++) {
        cleat_tensor_release(&operands[i]);
    }
}

/* Whether the problem goes by the choice's entry here, whether a call looks it up, and is quick
 * enough to be measured. */
static bool goes_by(tune_run *run, const tune_choice *choice, const tune_problem *problem,
    const cleat_tensor *operands, bool *does) {
    enum { ENTRIES = 256 }; /* all that a table can have */
    cleat_tuning_entry entries[ENTRIES];
    size_t count = 0;
    double seconds;
    *does = false;
    if (!set_entry(run, choice, TUNE_DEFAULT) ||
        !time_calls(run, choice->family, problem, operands, 1, &seconds)) {
        return false;
    }
    if (cleat_tuning_list(run->context, ENTRIES, entries, &count) != CLEAT_OK) {
        return failed("tuning_list");
    }
    for (size_t i = 0; i < count && i < ENTRIES; i++) {
        *does = *does || (entries[i].uses > 0 && strcmp(entries[i].name, choice->name) == 0 &&
                             strcmp(entries[i].operation, choice->family->operation) == 0);
    }
    if (*does && !time_calls(run, choice->family, problem, operands, 1, &seconds)) {
        return false;
    }
    *does = *does && seconds <= longest_call;
    return true;
}

/* Measures all candidates on one problem in turns and adds to their scores. candidates[0] is what
 * ships. */
static bool measure_problem(tune_run *run, const tune_choice *choice, const tune_problem *problem,
    const cleat_tensor *operands, candidate *candidates, int count) {
    char text[96];
    double best = INFINITY, seconds = 0;
    snprintf(text, sizeof text, "%s %s", choice->family->operation, problem->text);
    for (int i = 0; i < count; i++) {
        candidate *c = &candidates[i];
        if (i > 0 && !c->out && choice->values == NULL) {
            c->out = !can_do(run, choice, problem, operands, c->value);
        }
        if (!c->out && choice->values != NULL &&
            (!set_entry(run, choice, c->value) ||
                !time_calls(run, choice->family, problem, operands, 1, &seconds))) {
            return false;
        }
        if (!c->out && (!set_entry(run, choice, c->value) ||
                           !calibrate(run, choice->family, problem, operands, c, &best))) {
            return false;
        }
        progress_step(&run->progress, 0.5 / count, text);
    }
    candidates[0].out = false;
    for (int turn = 0; turn < ROUNDS; turn++) {
        for (int i = 0; i < count; i++) {
            candidate *c = &candidates[i];
            if (!c->out && (!set_entry(run, choice, c->value) ||
                               !time_calls(run, choice->family, problem, operands, 1, &seconds) ||
                               !time_calls(run, choice->family, problem, operands, c->calls,
                                   &c->seconds[turn]))) {
                return false;
            }
        }
        progress_step(&run->progress, 0.5 / ROUNDS, text);
    }
    double shipped = median(candidates[0].seconds, ROUNDS);
    for (int i = 1; i < count; i++) {
        if (!candidates[i].out) {
            candidates[i].score += log(median(candidates[i].seconds, ROUNDS) / shipped);
        }
    }
    return true;
}

static int list_candidates(const tune_choice *choice, candidate *candidates) {
    const char *const *values =
        choice->values != NULL ? choice->values : choice->family->variants();
    int count = 0;
    candidates[count++] = (candidate){.value = TUNE_DEFAULT};
    for (; *values != NULL && count < TUNE_MAX_CANDIDATES; values++) {
        candidates[count++] = (candidate){.value = *values};
    }
    assert(*values == NULL); /* there is room for all */
    return count;
}

static int by_score(const void *left, const void *right) {
    const candidate *a = left, *b = right;
    return (a->score > b->score) - (a->score < b->score);
}

/* The value of an entry: the best number, or the variants that are better than what ships, best
 * first; "" when none is. */
static void write_value(tune_result *result, candidate *candidates, int count) {
    const double limit = log(worth_trying) * result->problem_count;
    size_t used = 0;
    qsort(candidates + 1, (size_t)count - 1, sizeof *candidates, by_score);
    for (int i = 1; i < count && (used == 0 || result->choice->values == NULL); i++) {
        const candidate *c = &candidates[i];
        if (!c->out && c->score < limit && used + strlen(c->value) + 2 < sizeof result->value) {
            used += (size_t)snprintf(result->value + used, sizeof result->value - used, "%s%s",
                used > 0 ? " " : "", c->value);
        }
    }
}

/* Measures the candidates on one problem if it goes by the entry. */
static bool find_on(tune_run *run, const tune_choice *choice, const tune_problem *problem,
    candidate *candidates, int count, tune_result *result) {
    cleat_tensor operands[TUNE_MAX_OPERANDS] = {0};
    bool does = false;
    bool good = choice->family->prepare(run->context, problem, operands) == CLEAT_OK ||
                failed(problem->text);
    good = good && goes_by(run, choice, problem, operands, &does);
    if (good && does) {
        assert(result->problem_count < TUNE_MAX_PROBLEMS);
        result->problems[result->problem_count++] = problem;
        good = measure_problem(run, choice, problem, operands, candidates, count);
    } else {
        progress_step(&run->progress, 1, choice->family->operation);
    }
    free_operands(operands);
    return good;
}

bool tune_find(tune_run *run, const tune_choice *choice, tune_result *result) {
    candidate candidates[TUNE_MAX_CANDIDATES];
    const int count = list_candidates(choice, candidates);
    bool good = true;
    *result = (tune_result){.choice = choice};
    force_variant(choice->family, NULL); /* the user's would hide all others */
    for (const tune_problem *p = choice->family->problems; good && p->text != NULL; p++) {
        good = find_on(run, choice, p, candidates, count, result);
    }
    if (good && result->problem_count > 0) {
        write_value(result, candidates, count);
    }
    return good && set_entry(run, choice, result->value[0] != '\0' ? result->value : NULL);
}

/* ---- Before and after ---- */

static bool verify_problem(tune_run *run, tune_result *result, int index) {
    const tune_choice *choice = result->choice;
    const tune_problem *problem = result->problems[index];
    candidate both[2] = {{.value = NULL}, {.value = result->value}};
    cleat_tensor operands[TUNE_MAX_OPERANDS] = {0};
    double best = INFINITY, seconds = 0;
    bool good = choice->family->prepare(run->context, problem, operands) == CLEAT_OK ||
                failed(problem->text);
    for (int i = 0; good && i < 2; i++) {
        good = set_entry(run, choice, both[i].value) &&
               calibrate(run, choice->family, problem, operands, &both[i], &best);
    }
    for (int turn = 0; good && turn < ROUNDS_TO_VERIFY; turn++) {
        for (int i = 0; good && i < 2; i++) {
            good = set_entry(run, choice, both[i].value) &&
                   time_calls(run, choice->family, problem, operands, 1, &seconds) &&
                   time_calls(run, choice->family, problem, operands, both[i].calls,
                       &both[i].seconds[turn]);
        }
        progress_step(&run->progress, 1.0 / ROUNDS_TO_VERIFY, problem->text);
    }
    if (good) {
        result->before[index] = median(both[0].seconds, ROUNDS_TO_VERIFY);
        result->after[index] = median(both[1].seconds, ROUNDS_TO_VERIFY);
    }
    free_operands(operands);
    return good;
}

bool tune_verify(tune_run *run, tune_result *result) {
    double score = 0;
    for (int i = 0; i < result->problem_count; i++) {
        if (!verify_problem(run, result, i)) {
            return false;
        }
        score += log(result->after[i] / result->before[i]);
    }
    if (score > log(worth_keeping) * result->problem_count) {
        result->value[0] = '\0';
        return set_entry(run, result->choice, NULL);
    }
    return true;
}
