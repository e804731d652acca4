/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any byte string is either refused or the one packed form of a model's skeleton: packing what was read gives the same bytes again. And
 * a lead of what was read can be had, packed, read and migrated to a small model, and back to it.
 */
#include <stdlib.h>

#include "lib/model/skeleton.h"
#include "lib/record/migrate.h"
#include "lib/record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ids as the corpus has them. */
static Stage stages[] = {{.id = STR_LITERAL("a")}, {.id = STR_LITERAL("b")}};
static Track tracks[] = {{.id = STR_LITERAL("t"), .stages = stages, .n_stages = 2}};
static Score scores[] = {{.id = STR_LITERAL("e")}, {.id = STR_LITERAL("l"), .decay = {DECAY_WINDOW, 64}}};
static SlaPolicy policies[] = {{.id = STR_LITERAL("p"), .target_ms = 5}};
static const Model model = {
        .version = 3,
        .scores = scores,
        .n_scores = ARRAY_SIZE(scores),
        .tracks = tracks,
        .n_tracks = ARRAY_SIZE(tracks),
        .policies = policies,
        .n_policies = ARRAY_SIZE(policies),
        .account_tracks = tracks,
        .n_account_tracks = ARRAY_SIZE(tracks),
};

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

/* As a lead that has just begun; with open clocks. */
static Lead *make_lead(const Model *m) {
    Lead *lead = NULL;
    require(lead_new(m, STR_LITERAL("lead-1"), &lead) == 0);
    lead_begin(lead, m, 1000);
    for (unsigned i = 0; i < m->n_policies; i++)
        lead->clocks[i] = (SlaClock){.phase = SLA_PHASE_OPEN, .epoch = 1, .started_at_ms = 900, .due_at_ms = 2000,
                .calendar = (unsigned)m->n_calendars};
    return lead;
}

static void require_packable(const Lead *lead, const Model *m) {
    _cleanup_(lead_free) Lead *back = NULL;
    Buffer packed = {0};
    require(record_pack(lead, m, &packed) == 0);
    require(record_unpack((Str){(const char *)packed.data, packed.len}, STR_LITERAL("lead-1"), m, &back) == 0);
    buffer_done(&packed);
}

static void migrate(const Model *from, const Model *to) {
    _cleanup_(migration_free) Migration *migration = NULL;
    _cleanup_(lead_free) Lead *lead = make_lead(from), *migrated = NULL;
    require_packable(lead, from);
    require(migration_new(from, to, &migration) == 0);
    require(migrate_lead(migration, lead, &migrated) == 0);
    require_packable(migrated, to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_(model_free) Model *skeleton = NULL;
    Str bytes = {(const char *)data, size};
    int r = skeleton_unpack(bytes, &skeleton);
    require(r >= 0);
    require((r == 0) == (skeleton != NULL));
    if (r)
        return 0;

    Buffer packed = {0};
    require(skeleton_pack(skeleton, &packed) == 0);
    require(str_eq((Str){(const char *)packed.data, packed.len}, bytes));
    buffer_done(&packed);
    migrate(skeleton, &model);
    migrate(&model, skeleton);
    return 0;
}
