/* SPDX-License-Identifier: Apache-2.0 */
#include "problem.h"

#include <stdarg.h>
#include <stdio.h>

bool problem_set(problem *why, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    return false;
}

bool problem_check(problem *why, cleat_status status, const char *doing) {
    if (status == CLEAT_OK)
        return true;
    const char *reason = cleat_error_message();
    return problem_set(
        why, "%s: %s", doing, reason[0] != '\0' ? reason : cleat_status_text(status));
}
