/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as texts and back, as ONNX's Cast has them, whatever the program's locale is. */
#ifndef CLEAT_GRAPH_TEXT_CAST_H
#define CLEAT_GRAPH_TEXT_CAST_H

#include "graph/run.h"

/* The elements of x as numbers of y's type. A text is a decimal number, "INF", "+INF", "-INF" or
 * "NaN" in letters of either case; one that is none is refused. Integers by their lower bits; where
 * the text has a fraction it is cut off, and what is out of range becomes the nearest end. */
cleat_status texts_to_numbers(const call *c, const array *x, array *y);

/* And back, bool as 0 and 1: of floating-point types, without an exponent, the fewest digits behind
 * the point with which the text reads as the same number. */
cleat_status numbers_to_texts(const array *x, array *y);

#endif
