#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What the Python tests' helpers read on standard input: numbers of 8 bytes, big-endian, and strings with their length in front. */
#include <stdio.h>

#include "lib/model/model.h"

/* Says what is wrong and ends the program. */
void die(const char *what) __attribute__((noreturn));
/* False: the input is at its end. */
bool read_number(int64_t *ret);
Str read_bytes(Arena *arena, int64_t len);
/* Of a file without errors. */
Model *load_model(const char *path);
