/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs ONNX's backend tests (Debian's libonnx-testdata) on the default device and says what passed:
 *     onnx_backend [options] FOLDER...        a set of cases, or one case; also ONNX's light models
 *     --filter TEXT     only cases that have it in their name; several: any of them
 *     --passed FILE     only cases named there, SET/NAME a line; each must pass
 *     --share N         of these every Nth; --turn K: which ones
 *     --results FILE    a line a case: set, name, outcome, operator, milliseconds, reason, by tabs
 *     --timeout S       for a case; 120
 *     --quiet           no list of what did not pass
 * Cases run in a child process, which is started again behind one that crashed or took too long.
 */
#include "backend_case.h"
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

typedef struct test_case {
    char *path, *name; /* name: "SET/CASE" */
    bool is_done;
    verdict verdict;
    char operator[OPERATOR_SIZE];
    long milliseconds;
} test_case;

typedef struct settings {
    const char *filters[32], *passed, *results;
    char *folders[32];
    int filter_count, folder_count;
    long share, turn, timeout, child; /* child: the first case; -1: the parent */
    bool is_quiet;
} settings;

typedef struct list {
    test_case *cases;
    size_t count, capacity;
} list;

static void stop(const char *what, const char *detail) {
    fprintf(stderr, "onnx_backend: %s %s\n", what, detail);
    exit(2);
}

static void *sure(void *memory) {
    if (memory == NULL) {
        stop("no memory", "");
    }
    return memory;
}

/* ---- Which cases ---- */

static bool is_chosen(const settings *s, const char *name) {
    bool chosen = s->filter_count == 0;
    for (int i = 0; i < s->filter_count; i++) {
        chosen = chosen || strstr(name, s->filters[i]) != NULL;
    }
    return chosen;
}

static void add_case(
    const settings *s, list *l, const char *set, const char *name, const char *path) {
    char full[512];
    snprintf(full, sizeof full, "%s/%s", set, name);
    if (!is_chosen(s, full)) {
        return;
    }
    if (l->count == l->capacity) {
        l->capacity = l->capacity > 0 ? 2 * l->capacity : 256;
        l->cases = sure(realloc(l->cases, l->capacity * sizeof *l->cases));
    }
    l->cases[l->count++] = (test_case){.path = sure(strdup(path)), .name = sure(strdup(full))};
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const test_case *)a)->name, ((const test_case *)b)->name);
}

static const char *last_part(char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        path[--length] = '\0';
    }
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void add_folder(const settings *s, list *l, char *folder) {
    char path[4096];
    struct stat about;
    const char *name = last_part(folder);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (stat(path, &about) == 0) {
        add_case(s, l, "case", name, folder);
        return;
    }
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        stop("no folder", folder);
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        const bool is_there = entry->d_name[0] != '.' && stat(path, &about) == 0;
        if (is_there && (S_ISDIR(about.st_mode) || is_light_model(path))) {
            add_case(s, l, name, entry->d_name, path);
        }
    }
    closedir(entries);
}

/* Of the names in the file those whose turn it is, and that lie in one of the folders. */
static void keep_named(const settings *s, list *l) {
    char line[512];
    FILE *file = fopen(s->passed, "r");
    if (file == NULL) {
        stop("cannot read", s->passed);
    }
    list kept = {0};
    for (long place = 0; fgets(line, sizeof line, file) != NULL;) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        const test_case wanted = {.name = line};
        test_case *found =
            l->count > 0 ? bsearch(&wanted, l->cases, l->count, sizeof *l->cases, by_name) : NULL;
        if (found != NULL && (place++ + s->turn) % s->share == 0) {
            kept.cases = sure(realloc(kept.cases, (kept.count + 1) * sizeof *kept.cases));
            kept.cases[kept.count++] = *found;
        }
    }
    fclose(file);
    *l = kept;
}

static list find_cases(settings *s) {
    list l = {0};
    for (int i = 0; i < s->folder_count; i++) {
        add_folder(s, &l, s->folders[i]);
    }
    if (l.count > 0) {
        qsort(l.cases, l.count, sizeof *l.cases, by_name);
    }
    if (s->passed != NULL) {
        keep_named(s, &l);
    }
    return l;
}

/* ---- The child: a line when a case begins, one when it ends ---- */

static int run_as_child(const settings *s, const list *l) {
    cleat_context *context = NULL;
    if (cleat_context_create(NULL, &context) != CLEAT_OK) {
        stop("no context:", cleat_error_message());
    }
    for (size_t i = (size_t)s->child; i < l->count; i++) {
        struct timespec begin, end;
        printf("begin %zu\n", i);
        fflush(stdout);
        clock_gettime(CLOCK_MONOTONIC, &begin);
        const verdict v = run_case(context, l->cases[i].path);
        clock_gettime(CLOCK_MONOTONIC, &end);
        const long ms =
            (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
        printf("end %zu %d %ld %s\n", i, (int)v.outcome, ms, v.reason);
        fflush(stdout);
    }
    cleat_context_release(context);
    return 0;
}

/* ---- The parent ---- */

typedef struct child {
    pid_t pid;
    int from;
    char text[8192];
    size_t used;
    long running; /* the case, -1: none */
} child;

static void start_child(char **arguments, int count, size_t first, child *c) {
    char number[32];
    char **own = sure(calloc((size_t)count + 3, sizeof *own));
    int ends[2];
    snprintf(number, sizeof number, "%zu", first);
    memcpy(own, arguments, (size_t)count * sizeof *own);
    own[count] = "--child";
    own[count + 1] = number;
    if (pipe(ends) != 0) {
        stop("no pipe", "");
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    if (posix_spawn(&c->pid, "/proc/self/exe", &actions, NULL, own, environ) != 0) {
        stop("cannot start", arguments[0]);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    free(own);
    c->from = ends[0];
    c->used = 0;
    c->running = -1;
}

static void take_line(list *l, child *c, const char *line) {
    size_t index;
    int came_out, read = 0;
    long ms;
    if (sscanf(line, "begin %zu", &index) == 1 && index < l->count) {
        c->running = (long)index;
    } else if (sscanf(line, "end %zu %d %ld %n", &index, &came_out, &ms, &read) == 3 &&
               index < l->count) {
        test_case *t = &l->cases[index];
        t->verdict.outcome = (outcome)came_out;
        snprintf(t->verdict.reason, sizeof t->verdict.reason, "%s", line + read);
        t->milliseconds = ms;
        t->is_done = true;
        c->running = -1;
    }
}

/* Until the child has nothing more to say; false when a case took too long. */
static bool listen_to(list *l, child *c, long timeout) {
    for (;;) {
        struct pollfd from = {.fd = c->from, .events = POLLIN};
        if (poll(&from, 1, (int)timeout * 1000) == 0) {
            return false;
        }
        const ssize_t got = read(c->from, c->text + c->used, sizeof c->text - 1 - c->used);
        if (got <= 0) {
            return true;
        }
        c->used += (size_t)got;
        c->text[c->used] = '\0';
        char *line = c->text;
        for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            take_line(l, c, line);
        }
        c->used = strlen(line);
        memmove(c->text, line, c->used + 1);
        if (c->used == sizeof c->text - 1) {
            c->used = 0;
        }
    }
}

static void run_all(const settings *s, list *l, char **arguments, int count) {
    for (size_t next = 0; next < l->count;) {
        child c;
        int how = 0;
        start_child(arguments, count, next, &c);
        const bool is_in_time = listen_to(l, &c, s->timeout);
        if (!is_in_time) {
            kill(c.pid, SIGKILL);
        }
        waitpid(c.pid, &how, 0);
        close(c.from);
        while (next < l->count && l->cases[next].is_done) {
            next++;
        }
        if (next < l->count) {
            test_case *t = &l->cases[next++];
            if (c.running < 0 && is_in_time) {
                stop("the child went before", t->name);
            }
            t->is_done = true;
            t->verdict.outcome = FAILED;
            snprintf(t->verdict.reason, sizeof t->verdict.reason, "%s (%d)",
                is_in_time ? "CRASHED, by signal or status" : "took too long",
                WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
        }
    }
}

/* ---- What came of it ---- */

static void write_results(const settings *s, const list *l) {
    static const char *const words[] = {"passed", "unsupported", "failed"};
    FILE *file = fopen(s->results, "w");
    if (file == NULL) {
        stop("cannot write", s->results);
    }
    for (size_t i = 0; i < l->count; i++) {
        const test_case *t = &l->cases[i];
        const char *slash = strchr(t->name, '/');
        fprintf(file, "%.*s\t%s\t%s\t%s\t%ld\t%s\n", (int)(slash - t->name), t->name, slash + 1,
            words[t->verdict.outcome], t->operator, t->milliseconds, t->verdict.reason);
    }
    if (fclose(file) != 0) {
        stop("cannot write", s->results);
    }
}

static int by_operator(const void *a, const void *b) {
    const test_case *x = a, *y = b;
    const int order = strcmp(x->operator, y->operator);
    return order != 0 ? order : strcmp(x->name, y->name);
}

/* A line for each run of cases that `same` holds for. */
static void print_counts(
    const list *l, bool (*same)(const test_case *, const test_case *), bool by_set, bool all) {
    for (size_t i = 0; i < l->count;) {
        size_t counts[3] = {0}, k = i;
        for (; k < l->count && same(&l->cases[i], &l->cases[k]); k++) {
            counts[l->cases[k].verdict.outcome]++;
        }
        const test_case *t = &l->cases[i];
        if (all || counts[PASSED] < k - i) {
            printf("%.*s: passed %zu of %zu, unsupported %zu, failed %zu\n",
                by_set ? (int)(strchr(t->name, '/') - t->name) : OPERATOR_SIZE,
                by_set ? t->name : t->operator, counts[PASSED], k - i, counts[UNSUPPORTED],
                counts[FAILED]);
        }
        i = k;
    }
}

static bool same_set(const test_case *a, const test_case *b) {
    const size_t length = (size_t)(strchr(a->name, '/') - a->name) + 1;
    return strncmp(a->name, b->name, length) == 0;
}

static bool same_operator(const test_case *a, const test_case *b) {
    return strcmp(a->operator, b->operator) == 0;
}

static int report(const settings *s, list *l) {
    size_t others = 0;
    for (size_t i = 0; i < l->count; i++) {
        test_case *t = &l->cases[i];
        operator_of_case(t->path, t->operator);
        others += t->verdict.outcome != PASSED;
        if (t->verdict.outcome != PASSED && !s->is_quiet) {
            printf("%s %s: %s\n", t->verdict.outcome == FAILED ? "FAILED" : "unsupported", t->name,
                t->verdict.reason);
        }
    }
    if (s->results != NULL) {
        write_results(s, l);
    }
    if (s->passed == NULL && l->count > 0) {
        qsort(l->cases, l->count, sizeof *l->cases, by_operator);
        printf("\nBy operator:\n");
        print_counts(l, same_operator, false, true);
        qsort(l->cases, l->count, sizeof *l->cases, by_name);
        printf("\n");
    }
    print_counts(l, same_set, true, true);
    return s->passed != NULL && (others > 0 || l->count == 0) ? 1 : 0;
}

static bool read_option(settings *s, const char *name, const char *value) {
    if (strcmp(name, "--filter") == 0 && s->filter_count < 32) {
        s->filters[s->filter_count++] = value;
    } else if (strcmp(name, "--passed") == 0) {
        s->passed = value;
    } else if (strcmp(name, "--results") == 0) {
        s->results = value;
    } else if (strcmp(name, "--share") == 0) {
        s->share = strtol(value, NULL, 10);
    } else if (strcmp(name, "--turn") == 0) {
        s->turn = strtol(value, NULL, 10);
    } else if (strcmp(name, "--timeout") == 0) {
        s->timeout = strtol(value, NULL, 10);
    } else if (strcmp(name, "--child") == 0) {
        s->child = strtol(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

int main(int count, char **arguments) {
    settings s = {.share = 1, .timeout = 120, .child = -1};
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--quiet") == 0) {
            s.is_quiet = true;
        } else if (arguments[i][0] == '-') {
            if (i + 1 == count || !read_option(&s, arguments[i], arguments[i + 1])) {
                stop("what is", arguments[i]);
            }
            i++;
        } else if (s.folder_count < 32) {
            s.folders[s.folder_count++] = sure(strdup(arguments[i]));
        }
    }
    if (s.folder_count == 0 || s.share < 1 || s.turn < 0 || s.timeout < 1) {
        stop(
            "usage: onnx_backend [--filter TEXT] [--results FILE] FOLDER...; see the source's head",
            "");
    }
    list l = find_cases(&s);
    if (s.child >= 0) {
        return run_as_child(&s, &l);
    }
    run_all(&s, &l, arguments, count);
    return report(&s, &l);
}
