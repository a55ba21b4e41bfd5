/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results in vectors that are larger than the caches:
 *     STREAM(W, v, p)  STORE(W, v, p) to global memory past the caches; p a multiple of W elements
 *     IS_STREAMABLE(W, p)  whether it is
 * Include after vector.cl; a second time is harmless.
 */
#ifndef STREAM_CL
#define STREAM_CL

#define IS_STREAMABLE(W, p) (((size_t)(p) & (W * sizeof(REAL) - 1)) == 0)
#ifdef STORE_PAST
#define STREAM(W, v, p) STORE_PAST(v, (__global FLOATS(W) *)(p))
#else
#define STREAM(W, v, p) STORE(W, v, p)
#endif

#endif
