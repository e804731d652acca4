#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal Figures
 *
 * Numbers as text, as printf() of the C locale has them and many times faster: what is written for each lead of each batch. No NUL behind.
 */
#include "lib/base/util.h"

/* More than the longest has, INT64_MIN. */
#define DECIMAL_SIZE 32

/* As "%" PRId64; how many bytes that is. */
size_t decimal_print(int64_t value, char ret[static DECIMAL_SIZE]);
/* A number and six decimals of it, as millionths, without the zeros at their end. */
size_t decimal_print_millionths(int64_t millionths, char ret[static DECIMAL_SIZE]);
/* A double from 1 to below 2^53, as "%.17g"; 0 for any other. */
size_t decimal_print_double(double value, char ret[static DECIMAL_SIZE]);
