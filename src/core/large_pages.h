/* SPDX-License-Identifier: Apache-2.0 */
/* Memory in pages of some MiB instead of some KiB, where the system hands such out on request. */
#ifndef CLEAT_CORE_LARGE_PAGES_H
#define CLEAT_CORE_LARGE_PAGES_H

#include <stddef.h>

/* From this many bytes on it is worth asking. */
enum { LARGE_PAGES_LEAST = 4 << 20 };

/* Asks for large pages for what of memory that nobody has touched yet; it goes on as it was where
 * there are none. */
void large_pages_ask(void *start, size_t bytes);

#endif
