/* SPDX-License-Identifier: Apache-2.0 */
/* How far the command is: a bar at the bottom of a terminal; elsewhere nothing but the lines. */
#ifndef CLEAT_CLI_PROGRESS_BAR_H
#define CLEAT_CLI_PROGRESS_BAR_H

#include <stdbool.h>

typedef struct progress {
    bool terminal;
    double done, whole; /* in whatever the caller counts */
    double last_shown;
} progress;

/* Seconds of a clock that only goes forward. */
double progress_clock(void);

void progress_begin(progress *p, double whole);
/* `part` more is done; `text` says at what. */
void progress_step(progress *p, double part, const char *text);
/* Makes room for a line that is to be printed where the bar was. */
void progress_clear(progress *p);
/* A line above the bar, as printf. */
void progress_say(progress *p, const char *format, ...);
void progress_end(progress *p);

/* Whether stdout is a terminal that knows colours, and $NO_COLOR is not set (no-color.org). */
bool progress_has_colours(void);

#endif
