/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* madvise() */
#include "core/large_pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void large_pages_ask(void *start, size_t bytes) {
#ifdef MADV_HUGEPAGE
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t before = (page - (uintptr_t)start % page) % page;
    if (bytes > before) {
        (void)madvise((char *)start + before, (bytes - before) / page * page, MADV_HUGEPAGE);
    }
#else
    (void)start;
    (void)bytes;
#endif
}
