/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hints about memory, for arrays larger than the caches:
 *     STREAM(W, v, p)  STORE(W, v, p) to global memory past the caches; p a multiple of W floats
 *     IS_STREAMABLE(W, p)  whether it is
 *     PREFETCH(p)      p will be read soon; it may lie outside of every buffer
 * Include after vector.cl; a second time is harmless.
 */
#ifndef STREAM_CL
#define STREAM_CL

#define IS_STREAMABLE(W, p) (((size_t)(p) & (W * sizeof(float) - 1)) == 0)
#define STREAM(W, v, p) STORE(W, v, p)
#define PREFETCH(p)

#ifdef __has_builtin
#if __has_builtin(__builtin_nontemporal_store)
#undef STREAM
#define STREAM(W, v, p) __builtin_nontemporal_store(v, (__global FLOATS(W) *)(p))
#endif
#if DEVICE_IS_CPU && __has_builtin(__builtin_prefetch)
#undef PREFETCH
#define PREFETCH(p) __builtin_prefetch((const void *)(size_t)(p))
#endif
#endif

#endif
