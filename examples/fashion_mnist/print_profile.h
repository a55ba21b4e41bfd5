/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FASHION_MNIST_PRINT_PROFILE_H
#define FASHION_MNIST_PRINT_PROFILE_H

#include "problem.h"

/* Prints where the device's time went, operation by operation, since the last reset. */
bool print_profile(cleat_context *context, problem *why);

#endif
