/* SPDX-License-Identifier: Apache-2.0 */
#include "progress_bar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 30 };

double progress_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Whether stdout is one that moves its cursor back. */
static bool is_terminal(void) {
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

void progress_begin(progress *p, double whole) {
    *p = (progress){.whole = whole > 0 ? whole : 1, .terminal = is_terminal()};
}

void progress_clear(progress *p) {
    if (p->terminal) {
        printf("\r\033[K");
        p->last_shown = 0;
    }
}

bool progress_has_colours(void) {
    const char *unwanted = getenv("NO_COLOR");
    return is_terminal() && (unwanted == NULL || unwanted[0] == '\0');
}

static void show_bar(const progress *p, const char *text) {
    double part = p->done / p->whole;
    part = part < 1 ? part : 1;
    char bar[BAR_WIDTH + 1];
    for (int i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < (int)(part * BAR_WIDTH) ? '#' : '.';
    }
    bar[BAR_WIDTH] = '\0';
    printf("\r\033[K%s %3.0f %%  %.40s", bar, 100 * part, text);
    fflush(stdout);
}

void progress_step(progress *p, double part, const char *text) {
    p->done += part;
    double now = progress_clock();
    if (p->terminal && now - p->last_shown > 0.1) {
        p->last_shown = now;
        show_bar(p, text);
    }
}

void progress_say(progress *p, const char *format, ...) {
    progress_clear(p);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
    p->last_shown = 0;
}

void progress_end(progress *p) {
    progress_clear(p);
    fflush(stdout);
}
