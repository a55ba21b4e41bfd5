/* SPDX-License-Identifier: Apache-2.0 */
#include "tune.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 30 };

double tune_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void tune_progress_begin(tune_progress *progress, double whole) {
    const char *terminal = getenv("TERM");
    *progress = (tune_progress){.whole = whole > 0 ? whole : 1};
    progress->terminal = isatty(STDOUT_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static void clear_line(const tune_progress *progress) {
    if (progress->terminal) {
        printf("\r\033[K");
    }
}

static void show_bar(const tune_progress *progress, const char *text) {
    double part = progress->done / progress->whole;
    part = part < 1 ? part : 1;
    char bar[BAR_WIDTH + 1];
    for (int i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < (int)(part * BAR_WIDTH) ? '#' : '.';
    }
    bar[BAR_WIDTH] = '\0';
    printf("\r\033[K%s %3.0f %%  %.40s", bar, 100 * part, text);
    fflush(stdout);
}

void tune_progress_step(tune_progress *progress, double part, const char *text) {
    progress->done += part;
    double now = tune_clock();
    if (progress->terminal && now - progress->last_shown > 0.1) {
        progress->last_shown = now;
        show_bar(progress, text);
    }
}

void tune_say(tune_progress *progress, const char *format, ...) {
    clear_line(progress);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
    progress->last_shown = 0;
}

void tune_progress_end(tune_progress *progress) {
    clear_line(progress);
    fflush(stdout);
}
