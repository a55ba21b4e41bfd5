/* SPDX-License-Identifier: Apache-2.0 */
/* What a person sees while it runs: a bar on a terminal, plain lines elsewhere. */
#ifndef FASHION_MNIST_PROGRESS_H
#define FASHION_MNIST_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct progress {
    bool terminal, colour, utf8;
    double last_shown; /* seconds, of progress_clock() */
    double last_tenth; /* plain lines come with each tenth of an epoch at most */
    bool bar_visible;
} progress;

typedef struct progress_state {
    int64_t epoch, epochs; /* epoch counts from 1 */
    int64_t done, total;   /* images of this epoch */
    double images_per_second;
    double loss;         /* mean over the epoch so far */
    double seconds_left; /* of the whole run */
} progress_state;

/* Looks at standard output (terminal or not, character set) and at $NO_COLOR, $TERM. */
void progress_begin(progress *shown);

/* Shows the state, unless it did so too short a time ago. */
void progress_update(progress *shown, const progress_state *state);

/* Shows what goes on in place of the bar; on a terminal only. */
void progress_note(progress *shown, const char *text);

/* Removes bar or note, so that an ordinary line can be printed. */
void progress_clear(progress *shown);

/* Escape sequences on a terminal, "" elsewhere. */
const char *progress_bold(const progress *shown);
const char *progress_plain(const progress *shown);

/* Seconds of a clock that only goes forward. */
double progress_clock(void);

/* "12,345", at most 31 characters. Returns text. */
char *format_count(int64_t value, char text[32]);

/* "1:05" or "2:03:09". Returns text. */
char *format_time(double seconds, char text[32]);

#endif
