/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const double bar_interval = 0.1; /* seconds */
static const double line_interval = 2;

double progress_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

char *format_count(int64_t value, char text[32]) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)value);
    char *out = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

char *format_time(double seconds, char text[32]) {
    long whole = seconds > 0 && seconds < 1e9 ? lround(seconds) : 0;
    if (whole >= 3600)
        snprintf(text, 32, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, 32, "%ld:%02ld", whole / 60, whole % 60);
    return text;
}

void progress_begin(progress *shown) {
    const char *term = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    *shown = (progress){.last_shown = -1e9, .last_tenth = 0};
    shown->terminal = isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
    shown->colour = shown->terminal && (no_colour == NULL || no_colour[0] == '\0');
    shown->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Asked for each time, since a window changes. */
static int terminal_width(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int width = columns != NULL ? atoi(columns) : 0;
    return width > 0 ? width : 80;
}

/* Half-character steps where the character set has the signs. */
static void print_bar(const progress *shown, double fraction, int width) {
    int halves = (int)(fraction * 2 * width);
    if (shown->colour)
        fputs("\033[36m", stdout);
    for (int i = 0; i < width; i++) {
        bool full = halves >= 2 * (i + 1), half = !full && halves >= 2 * i + 1;
        if (!full && !half && shown->colour && i == (halves + 1) / 2)
            fputs("\033[90m", stdout);
        if (!shown->utf8)
            putchar(full ? '#' : '.');
        else
            fputs(full ? "━" : half ? "╸" : shown->colour ? "━" : " ", stdout);
    }
    if (shown->colour)
        fputs("\033[0m", stdout);
}

/* The longest text that leaves room for a bar; narrow terminals get the essential part. */
static void show_bar(progress *shown, const progress_state *state) {
    char rate[32], left[32], before[64], after[160];
    format_count(llround(state->images_per_second), rate);
    format_time(state->seconds_left, left);
    double fraction = state->total > 0 ? (double)state->done / (double)state->total : 1;
    int width = terminal_width() - 1; /* the last column would wrap on some terminals */
    snprintf(before, sizeof before, "epoch %lld/%lld ", (long long)state->epoch,
        (long long)state->epochs);
    snprintf(after, sizeof after, " %3.0f %%  %s images/s  loss %.4f  %s left", 100 * fraction,
        rate, state->loss, left);
    int bar = width - (int)(strlen(before) + strlen(after));
    if (bar < 10) {
        snprintf(after, sizeof after, " %3.0f %%  %s left", 100 * fraction, left);
        bar = width - (int)(strlen(before) + strlen(after));
    }
    fputs("\r\033[K", stdout);
    if (bar >= 4) {
        fputs(before, stdout);
        print_bar(shown, fraction, bar < 60 ? bar : 60);
        fputs(after, stdout);
    } else {
        printf("%3.0f %%", 100 * fraction);
    }
    fflush(stdout);
    shown->bar_visible = true;
}

static void show_line(const progress_state *state) {
    char done[32], total[32], rate[32], left[32];
    printf("epoch %lld/%lld: %s of %s images, %s images/s, loss %.4f, %s left\n",
        (long long)state->epoch, (long long)state->epochs, format_count(state->done, done),
        format_count(state->total, total), format_count(llround(state->images_per_second), rate),
        state->loss, format_time(state->seconds_left, left));
    fflush(stdout);
}

void progress_update(progress *shown, const progress_state *state) {
    double now = progress_clock();
    if (shown->terminal) {
        if (now - shown->last_shown < bar_interval)
            return;
        show_bar(shown, state);
    } else {
        double tenth =
            floor(10 * ((double)(state->epoch - 1) + (double)state->done / (double)state->total));
        if (tenth <= shown->last_tenth || now - shown->last_shown < line_interval)
            return;
        shown->last_tenth = tenth;
        show_line(state);
    }
    shown->last_shown = now;
}

void progress_note(progress *shown, const char *text) {
    fflush(stdout);
    if (!shown->terminal)
        return;
    printf("\r\033[K%.*s", terminal_width() - 1, text);
    fflush(stdout);
    shown->bar_visible = true;
}

void progress_clear(progress *shown) {
    if (!shown->bar_visible)
        return;
    fputs("\r\033[K", stdout);
    shown->bar_visible = false;
}

const char *progress_bold(const progress *shown) {
    return shown->colour ? "\033[1m" : "";
}

const char *progress_plain(const progress *shown) {
    return shown->colour ? "\033[0m" : "";
}
