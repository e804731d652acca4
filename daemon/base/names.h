#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names
 *
 * Texts that occur again and again, kept once and known by number. There is a limit to how many: the input
 * decides which there are. What comes beyond it is counted under one name, "(others)", the number `n_max`.
 */
#include "lib/base/util.h"

typedef struct Names Names;

MUST_CHECK int names_new(size_t n_max, Names **ret);
Names *names_free(Names *names);
DEFINE_CLEANUP(Names *, names_free)

/* The text's number, a new one if it has none. 0 or -ENOMEM. */
MUST_CHECK int names_put(Names *names, Str text, unsigned *ret);
/* Borrowed until names_free(). */
Str names_text(const Names *names, unsigned number);
/* One more than the greatest number given out, "(others)" included if it has been. */
size_t names_count(const Names *names);
