/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool output_open(output *out, const char *path, problem *why) {
    if (strlen(path) >= sizeof out->path)
        return problem_set(why, "the file name is too long: %.60s...", path);
    struct stat present;
    if (stat(path, &present) == 0 && !S_ISREG(present.st_mode)) /* never rename over /dev/null */
        return problem_set(why, "%s: cannot be written: not a regular file", path);
    snprintf(out->path, sizeof out->path, "%s", path);
    snprintf(out->temporary, sizeof out->temporary, "%s.%ld.tmp", path, (long)getpid());
    int descriptor = open(out->temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (descriptor < 0)
        return problem_set(why, "%s: cannot be written: %s", path, strerror(errno));
    out->file = fdopen(descriptor, "wb");
    if (out->file == NULL) {
        problem_set(why, "%s: cannot be written: %s", path, strerror(errno));
        close(descriptor);
        unlink(out->temporary);
        return false;
    }
    return true;
}

bool output_commit(output *out, problem *why) {
    bool written = !ferror(out->file) && fflush(out->file) == 0 && fsync(fileno(out->file)) == 0;
    int reason = errno;
    if (fclose(out->file) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && rename(out->temporary, out->path) == 0)
        return true;
    if (written)
        reason = errno;
    unlink(out->temporary);
    return problem_set(why, "%s: cannot be written: %s", out->path, strerror(reason));
}

void output_abandon(output *out) {
    fclose(out->file);
    unlink(out->temporary);
}
