/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included first by every kernel file. Defined for every build by the library:
 *   DEVICE_IS_CPU       1 on processors where one work-item should do a whole tile's work
 *   DEVICE_HAS_FMA      1 where fma() is an instruction
 *   DEVICE_FLOAT_WIDTH  floats in the device's native vector register: 4, 8 or 16 (1..4 on GPUs)
 * and per kernel INDEX, the type of indices: int, or long for tensors past 2^31 elements; and
 * REAL_IS_DOUBLE 1 where a family that is written in terms of REAL computes in double:
 *   REAL, REAL2           float or double, and two of them
 *   REAL_BITS             the integer of its size
 *   REAL_CONSTANT(c)      a literal, written without a suffix, of that type. One with an `f` does where
 *                         it is exact: a vector of doubles takes it.
 */
#ifndef INDEX
#define INDEX int
#endif
#if REAL_IS_DOUBLE
#define REAL double
#define REAL2 double2
#define REAL_BITS long
#define REAL_CONSTANT(c) c
#else
#define REAL float
#define REAL2 float2
#define REAL_BITS int
#define REAL_CONSTANT(c) c##f
#endif

/* The same expression gives the same bits whatever the compiler thinks of contraction. */
#pragma OPENCL FP_CONTRACT OFF

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)

/* a * b + c in one instruction where there is one; two roundings where there is none. */
#if DEVICE_HAS_FMA
#define FMA(a, b, c) fma((a), (b), (c))
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

/*
 * Hints about memory on processors, nothing where they can't be given (SPIR's consumers need not
 * know them). ASK_LINE asks for a line of memory that will soon be read (0) or written (1), ASK_LINE_FAR
 * for one that will be read a good while later, into the second-level cache; either may lie outside
 * of every buffer. STORE_PAST(value, place), defined where there is such a thing, stores past the
 * caches, so that a line that is written as a whole need not be read before.
 */
#ifdef __has_builtin
#if DEVICE_IS_CPU && !defined(__SPIR__) && !defined(__SPIR32__) && !defined(__SPIR64__)
#if __has_builtin(__builtin_prefetch)
#define ASK_LINE(place, write) __builtin_prefetch((const void *)(size_t)(place), write)
#define ASK_LINE_FAR(place) __builtin_prefetch((const void *)(size_t)(place), 0, 2)
#endif
#endif
#if __has_builtin(__builtin_nontemporal_store)
#define STORE_PAST(value, place) __builtin_nontemporal_store(value, place)
#endif
#endif
#ifndef ASK_LINE
#define ASK_LINE(place, write)
#define ASK_LINE_FAR(place)
#endif

/* Before a loop of few rounds: else the compiler makes several copies of it, and the first call
 * waits for them. */
#ifdef __clang__
#define KEEP_ROLLED _Pragma("clang loop vectorize(disable) unroll(disable)")
#else
#define KEEP_ROLLED
#endif

/* Before a loop over an array in registers, whose elements then have literal numbers; drivers for
 * processors have no use for that, and take long over it. */
#if DEVICE_IS_CPU
#define UNROLLED
#else
#define UNROLLED _Pragma("unroll")
#endif

/* Before a function that should stay one. PoCL puts a kernel's body into three functions and compiles
 * each, so a long body is a function of its own, to which the kernel hands its arguments and its
 * place: get_global_id() and its like belong into the kernel. */
#if DEVICE_IS_CPU && defined(__clang__) && !defined(__SPIR__) && !defined(__SPIR32__) &&           \
    !defined(__SPIR64__)
#define KEEP_APART __attribute__((noinline))
#define APART_RESTRICT restrict
/* Of an index that moves on in a loop, beside more pointers than there are registers: else the
 * compiler moves each pointer instead, and keeps them all in memory. */
#define KEEP_INDEX(index) __asm__("" : "+r"(index))
/* Loads before it stay before it. */
#define KEEP_ORDER __asm__ volatile("" ::: "memory")
/* The same, and `vector`, of eight floats at most, is in its register by then. */
#ifdef __AVX__
#define KEEP_SUM(vector) __asm__ volatile("" : "+v"(vector)::"memory")
#else /* it may not fit one: $CLEAT_PROFILE asks for any width */
#define KEEP_SUM(vector) KEEP_ORDER
#endif
#else
#define KEEP_APART
/* Where such a function is inlined, restrict would turn into calls that oclgrind does not know. */
#define APART_RESTRICT
#define KEEP_INDEX(index)
#define KEEP_ORDER
#define KEEP_SUM(vector)
#endif
