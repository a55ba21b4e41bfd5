/* SPDX-License-Identifier: Apache-2.0 */
/*
 * or_lanes_W(v), W = 2, 4, 8 or 16: the bits that any lane of an int vector has, by halves. Of a
 * comparison, whether any lane is true: compilers make one test of this, of any() a lane after the other.
 */
#ifndef OR_LANES_CL
#define OR_LANES_CL
static inline int or_lanes_2(int2 v) {
    return v.lo | v.hi;
}

static inline int or_lanes_4(int4 v) {
    return or_lanes_2(v.lo | v.hi);
}

static inline int or_lanes_8(int8 v) {
    return or_lanes_4(v.lo | v.hi);
}

static inline int or_lanes_16(int16 v) {
    return or_lanes_8(v.lo | v.hi);
}
#endif
