/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* settings first: the first of two with the same name counts. */
static char **make_environment(const char *const *settings) {
    size_t count = 1;
    for (char **e = environ; *e != NULL; e++) {
        count++;
    }
    for (const char *const *s = settings; s != NULL && *s != NULL; s++) {
        count++;
    }
    char **made = calloc(count, sizeof *made);
    size_t used = 0;
    for (const char *const *s = settings; made != NULL && s != NULL && *s != NULL; s++) {
        made[used++] = (char *)(uintptr_t)*s;
    }
    for (char **e = environ; made != NULL && *e != NULL; e++) {
        bool replaced = false;
        for (const char *const *s = settings; s != NULL && *s != NULL && !replaced; s++) {
            replaced = strncmp(*s, *e, strcspn(*s, "=") + 1) == 0;
        }
        if (!replaced) {
            made[used++] = *e;
        }
    }
    return made;
}

static void close_all(int *ends, int count) {
    for (int i = 0; i < count; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
}

/* Two pipes that no child inherits: ends[0] <- ends[1] to the child, ends[2] <- ends[3] back. */
static bool make_pipes(int *ends) {
    if (pipe(ends) != 0) {
        return false;
    }
    if (pipe(ends + 2) != 0) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) != 0) {
            return false;
        }
    }
    return true;
}

static bool spawn(child *started, const char *const *arguments, char **environment, int *ends) {
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
        if (error == 0) {
            error = posix_spawn_file_actions_adddup2(&actions, ends[3], STDOUT_FILENO);
        }
        if (error == 0) {
            error = posix_spawnp(&started->pid, arguments[0], &actions, NULL,
                (char *const *)(uintptr_t)arguments, environment);
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    errno = error;
    return error == 0;
}

bool child_start(child *started, const char *const *arguments, const char *const *settings) {
    int ends[4] = {-1, -1, -1, -1};
    *started = (child){0};
    signal(SIGPIPE, SIG_IGN); /* a child that has died makes a write fail, no more */
    char **environment = make_environment(settings);
    bool good =
        environment != NULL && make_pipes(ends) && spawn(started, arguments, environment, ends);
    int reason = errno;
    free(environment);
    if (good) {
        close(ends[0]);
        close(ends[3]);
        started->to = fdopen(ends[1], "wb");
        started->from = fdopen(ends[2], "rb");
        return started->to != NULL && started->from != NULL;
    }
    close_all(ends, 4);
    errno = reason;
    return false;
}

int child_end(child *ended) {
    int status = 0;
    if (ended->to != NULL) {
        fclose(ended->to);
    }
    if (ended->from != NULL) {
        fclose(ended->from);
    }
    if (ended->pid > 0) {
        while (waitpid(ended->pid, &status, 0) < 0 && errno == EINTR) {}
    }
    *ended = (child){0};
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
