#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* Values as texts for people. */
#include "daemon/base/arena_text.h"
#include "lib/condition/condition_part.h"

#define NUMBER_SHOWN_SIZE 32
/* Rounded to what a person compares: six digits. */
void number_show(double number, char text[static NUMBER_SHOWN_SIZE]);
/* A number, a text in quotes, true, false or null. STR_NULL when out of memory. */
Str value_show(Arena *arena, Value value);
/*
 * The part of a condition with what its sides are worth in their place: "43.2 >= 60". STR_NULL when that adds nothing to its text, or
 * when out of memory.
 */
Str part_show_values(Arena *arena, const ConditionPart *part);
