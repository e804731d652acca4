/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine/sla_times.h"

#include <stdalign.h>

/* More than the loader lets pass: 100 years, and that many times the greatest part of a target. */
#define AFTER_MS_MAX EVENT_TIME_MS_MAX
/* The least that a level takes: length, text and time. */
#define LEVEL_BYTES_MIN 3

SlaTimes sla_times_of(const SlaPolicy *policy) {
    return (SlaTimes){
        .target_ms = policy->target_ms,
        .revise_ms = policy->revise_ms,
        .warnings = policy->warnings,
        .n_warnings = policy->n_warnings,
        .escalations = policy->escalations,
        .n_escalations = policy->n_escalations,
    };
}

static bool levels_equal(const SlaLevel *a, size_t n_a, const SlaLevel *b, size_t n_b) {
    bool equal = n_a == n_b;
    for (size_t i = 0; i < n_a && equal; i++)
        equal = a[i].after_ms == b[i].after_ms && str_eq(a[i].text, b[i].text);
    return equal;
}

bool sla_times_equal(const SlaTimes *a, const SlaTimes *b) {
    return a->target_ms == b->target_ms && a->revise_ms == b->revise_ms &&
           levels_equal(a->warnings, a->n_warnings, b->warnings, b->n_warnings) &&
           levels_equal(a->escalations, a->n_escalations, b->escalations, b->n_escalations);
}

/* --- copies ------------------------------------------------------------------------------------------ */

static size_t texts_size(const SlaLevel *levels, size_t n) {
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += levels[i].text.len;
    return size;
}

size_t sla_times_memory(const SlaTimes *times) {
    return sizeof(*times) + (times->n_warnings + times->n_escalations) * sizeof(SlaLevel) +
           texts_size(times->warnings, times->n_warnings) + texts_size(times->escalations, times->n_escalations);
}

static void copy_levels(SlaLevel *to, const SlaLevel *from, size_t n, char **texts) {
    for (size_t i = 0; i < n; i++) {
        to[i] = (SlaLevel){.text = {*texts, from[i].text.len}, .after_ms = from[i].after_ms};
        if (from[i].text.len)
            memcpy(*texts, from[i].text.data, from[i].text.len);
        *texts += from[i].text.len;
    }
}

int sla_times_dup(const SlaTimes *times, SlaTimes **ret) {
    static_assert(sizeof(SlaTimes) % alignof(SlaLevel) == 0, "levels follow the times");
    SlaTimes *copy = malloc(sla_times_memory(times));
    if (!copy)
        return -ENOMEM;
    SlaLevel *levels = (SlaLevel *)(void *)(copy + 1);
    char *texts = (char *)(levels + times->n_warnings + times->n_escalations);
    *copy = *times;
    copy->warnings = levels;
    copy->escalations = levels + times->n_warnings;
    copy_levels(levels, times->warnings, times->n_warnings, &texts);
    copy_levels(levels + times->n_warnings, times->escalations, times->n_escalations, &texts);
    *ret = copy;
    return 0;
}

/* --- bytes ------------------------------------------------------------------------------------------- */

static void put_levels(Packer *p, const SlaLevel *levels, size_t n) {
    pack_number(p, n);
    for (size_t i = 0; i < n; i++) {
        pack_str(p, levels[i].text);
        pack_number(p, (uint64_t)levels[i].after_ms);
    }
}

void pack_sla_times(Packer *p, const SlaTimes *times) {
    pack_number(p, (uint64_t)times->target_ms);
    pack_number(p, (uint64_t)times->revise_ms);
    put_levels(p, times->warnings, times->n_warnings);
    put_levels(p, times->escalations, times->n_escalations);
}

static size_t get_levels(Unpacker *u, SlaLevel levels[static MODEL_LEVELS_MAX]) {
    size_t n = unpack_count(u, MODEL_LEVELS_MAX, LEVEL_BYTES_MIN);
    for (size_t i = 0; i < n && !u->corrupt; i++) {
        levels[i].text = unpack_str(u, MODEL_LEVEL_LEN_MAX);
        levels[i].after_ms = (int64_t)unpack_number_up_to(u, AFTER_MS_MAX);
        if (levels[i].text.len == 0)
            u->corrupt = true;
    }
    return n;
}

SlaTimes unpack_sla_times(Unpacker *u, SlaTimesBuffer *buffer) {
    SlaTimes times = {.warnings = buffer->warnings, .escalations = buffer->escalations};
    times.target_ms = (int64_t)unpack_number_up_to(u, AFTER_MS_MAX);
    times.revise_ms = (int64_t)unpack_number_up_to(u, AFTER_MS_MAX);
    times.n_warnings = get_levels(u, buffer->warnings);
    times.n_escalations = get_levels(u, buffer->escalations);
    return times;
}
