/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/lead/time_list.h"

#define ALLOC_MIN 4

void time_list_done(TimeList *list) {
    free(list->at_ms);
    *list = (TimeList){0};
}

size_t time_list_memory(const TimeList *list) {
    return list->n_alloc * sizeof(*list->at_ms);
}

static int reserve(TimeList *list) {
    if (list->n < list->n_alloc)
        return 0;
    uint32_t n = MAX(list->n_alloc * 2, (uint32_t)ALLOC_MIN);
    int64_t *bigger = realloc(list->at_ms, n * sizeof(*bigger));
    if (!bigger)
        return -ENOMEM;
    list->at_ms = bigger;
    list->n_alloc = n;
    return 0;
}

int time_list_add(TimeList *list, int64_t at_ms, uint32_t n_max) {
    uint32_t i = list->n;
    while (i > 0 && list->at_ms[i - 1] > at_ms)
        i--;
    if (list->n >= n_max) {
        /* the places up to i move one down, over the earliest */
        if (i == 0)
            return 0;
        memmove(list->at_ms, list->at_ms + 1, (i - 1) * sizeof(*list->at_ms));
        list->at_ms[i - 1] = at_ms;
        return 0;
    }
    int r = reserve(list);
    if (r < 0)
        return r;
    memmove(list->at_ms + i + 1, list->at_ms + i, (list->n - i) * sizeof(*list->at_ms));
    list->at_ms[i] = at_ms;
    list->n++;
    return 0;
}

int time_list_merge(TimeList *list, const TimeList *other, uint32_t n_max) {
    int r = 0;
    for (uint32_t i = 0; i < other->n && r == 0; i++)
        r = time_list_add(list, other->at_ms[i], n_max);
    return r;
}

/* How many are at or before at_ms. */
static uint32_t count_until(const TimeList *list, int64_t at_ms) {
    uint32_t low = 0, high = list->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->at_ms[middle] <= at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t time_list_count(const TimeList *list, int64_t after_ms, int64_t until_ms) {
    return after_ms < until_ms ? count_until(list, until_ms) - count_until(list, after_ms) : 0;
}

int64_t time_list_next(const TimeList *list, int64_t after_ms) {
    uint32_t i = count_until(list, after_ms);
    return i < list->n ? list->at_ms[i] : TIME_NEVER;
}
