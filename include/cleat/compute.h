/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_COMPUTE_H
#define CLEAT_COMPUTE_H

/*
 * How exactly products of f32 numbers are to be computed. All but the first are permissions to use
 * the matrix units of a graphics card, at the cost of accuracy: where a device has none for it, or
 * a call is computed in another way, the result is as exact as in CLEAT_COMPUTE_STRICT, and where
 * it has,
 *
 *     |error| <= (e + k g) * sum of |a||b|        of a sum of k products, before the epilogue
 *
 *     mode                     e        operands are
 *     CLEAT_COMPUTE_STRICT     0        f32, sums too: g = 2^-24
 *     CLEAT_COMPUTE_TF32       2^-10    rounded to 11 significant bits, ties away from zero
 *     CLEAT_COMPUTE_TF32X3     2^-21    split in two such: a b is A B + A b' + a' B, without a' b'
 *     CLEAT_COMPUTE_F16        2^-10    rounded to f16, ties to even
 *     CLEAT_COMPUTE_BF16       2^-7     rounded to bf16 (8 significant bits), ties to even
 *
 * (e but for terms in its square.) Products are exact, sums are f32, of an order and with roundings
 * that are the device's own: some cut off instead of rounding, so that g is 2^-23. The same call
 * gives the same bits each time.
 *
 * Operands that are f16 or bf16 themselves are not rounded: e = 0, whatever the mode.
 *
 * Magnitudes: TF32 and BF16 have f32's exponents. F16 makes infinities of 65520 and above, and
 * below 2^-14 keeps multiples of 2^-24, which AMD's units take for zero. TF32X3 is as exact as told
 * for operands of at least 2^-102, and an infinite operand may give NaN where an infinity is due.
 */
typedef enum cleat_compute {
    CLEAT_COMPUTE_STRICT,
    CLEAT_COMPUTE_TF32,
    CLEAT_COMPUTE_TF32X3,
    CLEAT_COMPUTE_F16,
    CLEAT_COMPUTE_BF16
} cleat_compute;

#endif
