#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* Values as texts for people. */
#include "daemon/arena_text.h"
#include "lib/value.h"

#define NUMBER_SHOWN_SIZE 32
/* Rounded to what a person compares: six digits. */
void number_show(double number, char text[static NUMBER_SHOWN_SIZE]);
/* A number, a text in quotes, true, false or null. STR_NULL when out of memory. */
Str value_show(Arena *arena, Value value);
