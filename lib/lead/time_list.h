#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instants in Order
 *
 * When something happened, the latest times only: the matching events of a counter, the awards of a rule with a limit.
 */
#include "lib/base/util.h"

typedef struct TimeList {
    int64_t *at_ms; /* ascending; the same instant may stand in it several times. Owned */
    uint32_t n, n_alloc;
} TimeList;

void time_list_done(TimeList *list);
/* Adds an instant; of more than n_max the earliest goes, which may be this one. 0 or -ENOMEM. */
MUST_CHECK int time_list_add(TimeList *list, int64_t at_ms, uint32_t n_max);
/* Those of `other` too, n_max in all. 0 or -ENOMEM. */
MUST_CHECK int time_list_merge(TimeList *list, const TimeList *other, uint32_t n_max);
/* How many lie in (after_ms, until_ms]. */
uint32_t time_list_count(const TimeList *list, int64_t after_ms, int64_t until_ms);
/* The first one after after_ms; TIME_NEVER if there is none. */
int64_t time_list_next(const TimeList *list, int64_t after_ms);
/* Bytes on the heap. */
size_t time_list_memory(const TimeList *list);
