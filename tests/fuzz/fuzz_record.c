/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any byte string is either refused or the one packed form of a lead: packing what was read gives the same
 * bytes again. There are two models, which the version in the record chooses between: a small one, and one that has each
 * thing that a record refers to.
 */
#include <stdlib.h>

#include "lib/record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Stage stages[6];
static Track tracks[] = {{.stages = stages, .n_stages = 6}, {.stages = stages, .n_stages = 2, .initial = 1}};
static Score scores[2];
static SlaLevel levels[3];
static SlaPolicy policies[] = {{.warnings = levels, .n_warnings = 2, .escalations = levels, .n_escalations = 3}, {.n_warnings = 0}};
static NamedCalendar calendars[2];
static const Model small_model = {
        .version = 3,
        .scores = scores,
        .n_scores = ARRAY_SIZE(scores),
        .tracks = tracks,
        .n_tracks = ARRAY_SIZE(tracks),
        .policies = policies,
        .n_policies = ARRAY_SIZE(policies),
        .n_segments = 2,
        .n_routes = 2,
        .n_rules = 10,
        .calendars = calendars,
        .n_calendars = ARRAY_SIZE(calendars),
};
static Score decaying_scores[] = {
        {.decay = {.kind = DECAY_NONE}},
        {.decay = {DECAY_HALF_LIFE, 86400000}},
        {.decay = {DECAY_LINEAR, 127}},
        {.decay = {DECAY_WINDOW, 2592000000}},
};
static Counter counters[] = {{.keep = 3}, {.keep = MODEL_COUNTER_KEEP_MAX}};
static Limit limits[1];
static IdleRule idle_rules[2];
static const Model full_model = {
        .version = 4,
        .scores = decaying_scores,
        .n_scores = ARRAY_SIZE(decaying_scores),
        .tracks = tracks,
        .n_tracks = ARRAY_SIZE(tracks),
        .policies = policies,
        .n_policies = ARRAY_SIZE(policies),
        .n_segments = 2,
        .n_routes = 2,
        .n_rules = 10,
        .counters = counters,
        .n_counters = ARRAY_SIZE(counters),
        .limits = limits,
        .n_limits = ARRAY_SIZE(limits),
        .idle_rules = idle_rules,
        .n_idle_rules = ARRAY_SIZE(idle_rules),
        .calendars = calendars,
        .n_calendars = ARRAY_SIZE(calendars),
};

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str bytes = {(const char *)data, size};
    const Model *model = &small_model;
    _cleanup_(lead_free) Lead *lead = NULL;
    int r = record_unpack(bytes, STR_LITERAL("lead-1"), model, &lead);
    if (r == RECORD_E_MODEL) {
        model = &full_model;
        r = record_unpack(bytes, STR_LITERAL("lead-1"), model, &lead);
    }
    require(r >= 0);
    require((r == 0) == (lead != NULL));
    if (r)
        return 0;

    Buffer packed = {0};
    require(record_pack(lead, model, &packed) == 0);
    require(str_eq((Str){(const char *)packed.data, packed.len}, bytes));

    _cleanup_(lead_free) Lead *again = NULL;
    require(record_unpack((Str){(const char *)packed.data, packed.len}, STR_LITERAL("lead-1"), model,
                    &again) == 0);
    buffer_done(&packed);
    return 0;
}
