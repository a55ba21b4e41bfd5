/* SPDX-License-Identifier: Apache-2.0 */
#include <cleat/version.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *cleat_version(void) {
    return TEXT(CLEAT_VERSION_MAJOR) "." TEXT(CLEAT_VERSION_MINOR) "." TEXT(CLEAT_VERSION_PATCH);
}
