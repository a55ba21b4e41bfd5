/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_VERSION_H
#define CLEAT_VERSION_H

#include <cleat/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Semantic versioning; CMake reads the version of the project from these three lines. */
#define CLEAT_VERSION_MAJOR 0
#define CLEAT_VERSION_MINOR 1
#define CLEAT_VERSION_PATCH 0

/* Version of the library in use at run time, as "major.minor.patch". Static storage; any thread. */
CLEAT_API const char *cleat_version(void);

#ifdef __cplusplus
}
#endif

#endif
