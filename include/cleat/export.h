/* SPDX-License-Identifier: Apache-2.0 */
/* Linkage of the public functions. Nothing here is for users. */
#ifndef CLEAT_EXPORT_H
#define CLEAT_EXPORT_H

#if defined(_WIN32) && defined(CLEAT_SHARED)
#ifdef CLEAT_BUILDING
#define CLEAT_API __declspec(dllexport)
#else
#define CLEAT_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define CLEAT_API __attribute__((visibility("default")))
#else
#define CLEAT_API
#endif

#endif
