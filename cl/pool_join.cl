/* SPDX-License-Identifier: Apache-2.0 */
/* What a window of pooling makes of two elements, and of none: AVERAGE 1 their sum, 0 the largest. */
#if AVERAGE
#define JOIN(a, b) ((a) + (b))
#define NOTHING 0.0f
#else
#define JOIN(a, b) MAX_NAN(a, b)
#define NOTHING (-INFINITY)
#endif
