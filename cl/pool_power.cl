/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What L-p pooling adds up, and what it makes of the sum; W: a width, 1 or VECTOR_WIDTH:
 *     LP_VALUE(W, v, power)   |v|^power
 *     LP_ROOT(W, sum, root)   sum^root, root = 1 / power
 * Macros: LP=0: the elements and the sum itself; 1, 2: that power; 3: any. Include after vector.cl.
 */
#if LP == 3
#include "element.cl"
#define MATH_WIDTH 1
#include "math.cl"
#define MATH_WIDTH 1
#include "math_power.cl"
#ifdef VECTOR_WIDTH
#define MATH_WIDTH VECTOR_WIDTH
#include "math.cl"
#define MATH_WIDTH VECTOR_WIDTH
#include "math_power.cl"
#endif
#define POWER_FUNCTION(W)                                                                          \
    KEEP_APART static FLOATS(W) __attribute__((overloadable)) lp_power(FLOATS(W) v, REAL p) {     \
        return CAT(math_power_, W)(fabs(v), (FLOATS(W))(p));                                       \
    }
POWER_FUNCTION(1)
#ifdef VECTOR_WIDTH
POWER_FUNCTION(VECTOR_WIDTH)
#endif
#define LP_VALUE(W, v, power) lp_power(v, power)
#define LP_ROOT(W, sum, root) lp_power(sum, root)
#elif LP == 2
#define LP_VALUE(W, v, power) ((v) * (v))
#define LP_ROOT(W, sum, root) sqrt(sum)
#elif LP == 1
#define LP_VALUE(W, v, power) fabs(v)
#define LP_ROOT(W, sum, root) (sum)
#else
#define LP_VALUE(W, v, power) (v)
#define LP_ROOT(W, sum, root) (sum)
#endif
