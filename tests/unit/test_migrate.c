/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new model version: what leads and accounts keep of the one before, and what is told of it. Each reload goes the whole way: records
 * of the old version are packed, and read again with nothing but its skeleton.
 */
#include "lib/record/migrate.h"

#include "lib/lead/sla_clock.h"
#include "lib/model/skeleton.h"
#include "lib/record/account_record.h"
#include "lib/record/record.h"
#include "lib/shard/shard.h"
#include "lib/shard/shard_courier.h"
#include "tests/unit/engine_fixture.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define NOW_MS (1000 * DAY_MS)

/* --- a shard, and records of it as they were written -------------------------------------------------- */

typedef struct Stored {
    EntityKind kind;
    char id[32];
    Buffer bytes;
} Stored;

typedef struct World {
    Shard *shard;
    Model *model;
    Record record;
    Stored stored[16];
    size_t n_stored;
    /* of all versions before */
    Model *skeletons[8], *models[8];
    Migration *migrations[8];
    size_t n_before;
} World;

/* Local time is UTC, whatever the name. */
static int read_zone(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why) {
    static const char utc[] = "TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                              "\0\0\0\1\0\0\0\4\0\0\0\0\0\0UTC";
    (void)userdata, (void)arena, (void)name, (void)ret_why;
    *ret = (Str){utc, sizeof(utc)};
    return 0;
}

/* `rest` after its head. */
static Model *load_model(int version, const char *rest) {
    const ModelFiles files = {.zone = read_zone};
    char text[8192];
    int len = snprintf(text, sizeof(text), "model: m\nversion: %d\n%s", version, rest);
    ck_assert(len > 0 && (size_t)len < sizeof(text));
    Diagnostics d = DIAGNOSTICS_INIT;
    Model *model = NULL;
    ck_assert_int_eq(model_load(str_from(text), &files, &d, &model), 0);
    _cleanup_(free_null) char *rendered = diagnostics_render(&d, "model", str_from(text));
    ck_assert_msg(model != NULL, "%s", rendered);
    diagnostics_done(&d);
    return model;
}

static World *world_new(const char *text) {
    World *world = calloc(1, sizeof(*world));
    ck_assert_ptr_nonnull(world);
    world->model = load_model(1, text);
    ck_assert_int_eq(shard_new(world->model, record_sink(&world->record), &world->shard), 0);
    return world;
}

static World *world_free(World *world) {
    shard_free(world->shard);
    model_free(world->model);
    record_done(&world->record);
    for (size_t i = 0; i < world->n_stored; i++)
        buffer_done(&world->stored[i].bytes);
    for (size_t i = 0; i < world->n_before; i++) {
        migration_free(world->migrations[i]);
        model_free(world->skeletons[i]);
        model_free(world->models[i]);
    }
    return free_null(world);
}
DEFINE_CLEANUP(World *, world_free)

static EntityTable *table_of(World *world, EntityKind kind) {
    return kind == ENTITY_LEAD ? shard_leads(world->shard) : shard_accounts(world->shard);
}

static Lead *lead_in(World *world, const char *id) {
    return lead_of(entity_table_get(shard_leads(world->shard), str_from(id)));
}

static Account *account_in(World *world, const char *id) {
    return account_of(entity_table_get(shard_accounts(world->shard), str_from(id)));
}

static Str as_str(const Buffer *buffer) {
    return (Str){(const char *)buffer->data, buffer->len};
}

static Stored *store_of(World *world, const Entity *entity) {
    for (size_t i = 0; i < world->n_stored; i++)
        if (world->stored[i].kind == entity->kind && str_eq_c(entity->id, world->stored[i].id))
            return &world->stored[i];
    ck_assert_uint_lt(world->n_stored, ARRAY_SIZE(world->stored));
    Stored *stored = &world->stored[world->n_stored++];
    *stored = (Stored){.kind = entity->kind};
    (void)snprintf(stored->id, sizeof(stored->id), "%.*s", STR_FMT(entity->id));
    return stored;
}

/* All that has changed is written, in the order of change. */
static void write_changes(World *world) {
    for (EntityKind kind = ENTITY_LEAD; kind < _ENTITY_KIND_MAX; kind++)
        for (Entity *e = entity_table_dirty(table_of(world, kind)); e; e = e->dirty_next) {
            Stored *stored = store_of(world, e);
            stored->bytes.len = 0;
            ck_assert(!e->migrated);
            if (e->erased)
                continue;
            int r = kind == ENTITY_LEAD ? record_pack(lead_of(e), world->model, &stored->bytes)
                                        : account_record_pack(account_of(e), world->model, &stored->bytes);
            ck_assert_int_eq(r, 0);
        }
    shard_clean(world->shard);
}

static const Migration *migration_of(World *world, int64_t version, const Model **ret_skeleton) {
    for (size_t i = 0; i < world->n_before; i++) {
        if (world->skeletons[i]->version != version)
            continue;
        *ret_skeleton = world->skeletons[i];
        if (!world->migrations[i])
            ck_assert_int_eq(migration_new(world->skeletons[i], world->model, &world->migrations[i]), 0);
        return world->migrations[i];
    }
    ck_abort_msg("a record of an unknown version");
}

static void load_lead(World *world, const Stored *stored) {
    Lead *lead = NULL;
    Str id = str_from(stored->id);
    int r = record_unpack(as_str(&stored->bytes), id, world->model, &lead);
    if (r == RECORD_E_MODEL) {
        const Model *skeleton;
        int64_t version;
        _cleanup_(lead_free) Lead *old = NULL;
        ck_assert_int_eq(record_model_version(as_str(&stored->bytes), &version), 0);
        const Migration *migration = migration_of(world, version, &skeleton);
        ck_assert_int_eq(record_unpack(as_str(&stored->bytes), id, skeleton, &old), 0);
        r = migrate_lead(migration, old, &lead);
    }
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(shard_load(world->shard, lead), 0);
}

static void load_account(World *world, const Stored *stored) {
    Account *account = NULL;
    Str id = str_from(stored->id);
    int r = account_record_unpack(as_str(&stored->bytes), id, world->model, &account);
    if (r == RECORD_E_MODEL) {
        const Model *skeleton;
        int64_t version;
        _cleanup_(account_free) Account *old = NULL;
        ck_assert_int_eq(record_model_version(as_str(&stored->bytes), &version), 0);
        const Migration *migration = migration_of(world, version, &skeleton);
        ck_assert_int_eq(account_record_unpack(as_str(&stored->bytes), id, skeleton, &old), 0);
        r = migrate_account(migration, old, &account);
    }
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(shard_load_account(world->shard, account), 0);
}

/* All that is stored and not in memory comes back. Nothing is told by that. */
static void load_all(World *world) {
    size_t len = world->record.len;
    for (size_t i = 0; i < world->n_stored; i++) {
        const Stored *stored = &world->stored[i];
        if (stored->bytes.len == 0 || entity_table_get(table_of(world, stored->kind), str_from(stored->id)))
            continue;
        if (stored->kind == ENTITY_LEAD)
            load_lead(world, stored);
        else
            load_account(world, stored);
    }
    ck_assert_uint_eq(world->record.len, len);
}

/* A new model; the file of the one before is gone. */
static void set_model(World *world, int version, const char *text) {
    Model *before = world->model;
    Buffer bytes = {0};
    size_t i = world->n_before++;
    write_changes(world);
    ck_assert_uint_lt(i, ARRAY_SIZE(world->models));
    ck_assert_int_eq(skeleton_pack(before, &bytes), 0);
    ck_assert_int_eq(skeleton_unpack(as_str(&bytes), &world->skeletons[i]), 0);
    buffer_done(&bytes);
    world->models[i] = before;
    for (size_t k = 0; k < i; k++)
        world->migrations[k] = migration_free(world->migrations[k]);
    world->model = load_model(version, text);
    int64_t watermark_ms = shard_watermark(world->shard);
    shard_free(world->shard);
    ck_assert_int_eq(shard_new(world->model, record_sink(&world->record), &world->shard), 0);
    shard_restore_watermark(world->shard, watermark_ms);
}

static void walk(World *world) {
    for (size_t i = 0; i < world->n_stored; i++)
        ck_assert_int_eq(shard_apply_model(world->shard, world->stored[i].kind, str_from(world->stored[i].id)), 0);
}

static void reload(World *world, int version, const char *text) {
    set_model(world, version, text);
    load_all(world);
    walk(world);
}

static void apply_event(World *world, LeadEvent event) {
    EventResult result;
    ck_assert_int_eq(shard_event(world->shard, &event, event.occurred_at_ms, &result), 0);
}

static void apply(World *world, const char *lead, const char *id, const char *type, int64_t at_ms) {
    apply_event(world, fixture_event(lead, id, type, at_ms));
}

static double score_of(World *world, const char *lead, const char *score, int64_t at_ms) {
    const Model *model = world->model;
    for (unsigned i = 0; i < model->n_scores; i++)
        if (str_eq_c(model->scores[i].id, score))
            return lead_score(lead_in(world, lead), model, i, at_ms);
    ck_abort_msg("no score %s", score);
}

static void expect_score(World *world, const char *lead, const char *score, int64_t at_ms, double expected) {
    double value = score_of(world, lead, score, at_ms);
    ck_assert_msg(fabs(value - expected) < 1e-9, "%s: %.12g, expected %.12g", score, value, expected);
}

/* --- scores, counters, limits, idle rules, reasons ---------------------------------------------------- */

START_TEST(scores_keep_what_they_have) {
    _cleanup_(world_free) World *world = world_new(
            "scores: { gone: { decay: none }, same: { decay: { half_life: 1d } }, to_none: { decay: { half_life: 1d } },\n"
            "  to_half: { decay: { window: 10d } }, bound: { decay: none, max: 100 }, from_profile: { decay: none }, to_profile: { decay: none } }\n"
            "profile_rules: [ { id: p, when: 'true', add: { from_profile: 7 } } ]\n"
            "rules: [ { id: r, on: [go], add: { gone: 1, same: 8, to_none: 8, to_half: 20, bound: 90, to_profile: 3 } } ]\n");
    apply(world, "ann", "e1", "go", NOW_MS);
    apply(world, "ann", "e2", "visit", NOW_MS + DAY_MS);
    reload(world, 2,
            "scores: { to_half: { decay: { half_life: 1d } }, new: { decay: { window: 3d } }, to_none: { decay: none },\n"
            "  from_profile: { decay: none }, bound: { decay: none, max: 50 }, same: { decay: { half_life: 1d } }, to_profile: { decay: none } }\n"
            "profile_rules: [ { id: p, when: 'true', add: { to_profile: 5 } } ]\n"
            "rules: [ { id: r, on: [go], add: { to_half: 1, new: 9, to_none: 1, bound: 1, same: 1, from_profile: 1 } } ]\n");
    int64_t at_ms = NOW_MS + DAY_MS;
    expect_score(world, "ann", "same", at_ms, 4);
    expect_score(world, "ann", "same", at_ms + DAY_MS, 2);
    expect_score(world, "ann", "to_none", at_ms + DAY_MS, 4);
    expect_score(world, "ann", "to_half", at_ms + DAY_MS, 10);
    expect_score(world, "ann", "bound", at_ms, 90);
    expect_score(world, "ann", "new", at_ms, 0);
    expect_score(world, "ann", "from_profile", at_ms, 0);
    expect_score(world, "ann", "to_profile", at_ms, 5);
    apply(world, "ann", "e3", "go", at_ms);
    expect_score(world, "ann", "bound", at_ms, 90); /* the new cap acts on awards */
    expect_score(world, "ann", "new", at_ms, 9);
    ck_assert_int_eq(lead_in(world, "ann")->clock_ms, at_ms);
}
END_TEST

START_TEST(counters_limits_and_idle_times_go_by_id) {
    _cleanup_(world_free) World *world = world_new(
            "scores: { s: { decay: none } }\n"
            "counters: { gone: { on: [go], window: 9d }, visits: { on: [go], window: 9d } }\n"
            "rules: [ { id: other, on: [go], add: { s: 1 }, limit: { times: 9, per: 1d } },\n"
            "         { id: once, on: [go], add: { s: 10 }, limit: { times: 1, per: 30d } } ]\n"
            "idle_rules: [ { id: x, after: 90d, reset_on: [x], add: { s: 1 } }, { id: quiet, after: 30d, reset_on: [go], add: { s: -5 } } ]\n");
    for (int i = 0; i < 5; i++)
        apply(world, "ann", (const char *[]){"e1", "e2", "e3", "e4", "e5"}[i], "go", NOW_MS + i * HOUR_MS);
    expect_score(world, "ann", "s", NOW_MS + DAY_MS, 15);
    reload(world, 2,
            "scores: { s: { decay: none } }\n"
            "counters: { visits: { on: [go], window: 9d, keep: 3 } }\n"
            "rules: [ { id: once, on: [go], add: { s: 10 }, limit: { times: 1, per: 30d } }, { id: new, on: [go], add: { s: 1 } } ]\n"
            "idle_rules: [ { id: quiet, after: 20d, reset_on: [go], add: { s: -5 } } ]\n");
    Lead *lead = lead_in(world, "ann");
    ck_assert_uint_eq(lead->counters[0].n, 3);
    ck_assert_int_eq(lead->counters[0].at_ms[0], NOW_MS + 2 * HOUR_MS);
    ck_assert_int_eq(lead->next_internal_ms, NOW_MS + 4 * HOUR_MS + 20 * DAY_MS);
    apply(world, "ann", "e6", "go", NOW_MS + DAY_MS);
    expect_score(world, "ann", "s", NOW_MS + DAY_MS, 16); /* `once` has given its points already */
    /* `other` is gone from the reasons, `once` has its new number */
    ck_assert_uint_eq(lead->n_awards, 2);
    ck_assert_uint_eq(lead_award(lead, 0)->rule, 0);
    ck_assert_double_eq(lead_award(lead, 0)->points, 10);
    ck_assert_uint_eq(lead_award(lead, 1)->rule, 1);
}
END_TEST

START_TEST(facts_stay) {
    _cleanup_(world_free) World *world = world_new("scores: { s: { decay: none } }\nsegments: [ { id: web, when: 'last_source == \"web\"' } ]\n");
    const Property profile[] = {{STR_LITERAL("a"), value_long(1)}, {STR_LITERAL("b"), value_string(STR_LITERAL("x"))}};
    LeadEvent event = fixture_event("ann", "e1", "profile_updated", NOW_MS);
    event.source = STR_LITERAL("web");
    event.account_id = STR_LITERAL("acme");
    event.properties = profile;
    event.n_properties = 2;
    apply_event(world, event);
    const Property into = {STR_LITERAL("into"), value_string(STR_LITERAL("ann"))};
    apply(world, "bea", "e1", "visit", NOW_MS + 1);
    event = fixture_event("bea", "e2", "lead_merged", NOW_MS + 2);
    event.properties = &into;
    event.n_properties = 1;
    apply_event(world, event);
    uint64_t ordinal = lead_in(world, "ann")->ordinal;
    reload(world, 2, "scores: { t: { decay: none } }\nsegments: [ { id: x, when: 'false' }, { id: b, when: 'profile.b == \"x\"' } ]\n"
                     "routes: [ { id: r, when: 'segment == \"b\"' } ]\n");
    Lead *lead = lead_in(world, "ann");
    ck_assert(str_eq_c(lead->account_id, "acme") && str_eq_c(lead->first_source, "web") && str_eq_c(lead->last_source, "web"));
    ck_assert_int_eq(lead->first_source_at_ms, NOW_MS);
    ck_assert_int_eq(lead->latest_activity_ms, NOW_MS + 1);
    ck_assert_uint_eq(lead->ordinal, ordinal);
    ck_assert_uint_eq(lead->n_profile, 2);
    ck_assert(lead_has_seen(lead, event_key(event_id_of(STR_LITERAL("e1")))));
    ck_assert_uint_eq(lead->n_aliases, 1);
    ck_assert_uint_eq(lead->segment, 1);
    ck_assert_int_eq(lead->route, 0);
    /* its other name has no version */
    ck_assert(str_eq_c(lead_in(world, "bea")->merged_into, "ann"));
    apply(world, "bea", "e9", "visit", NOW_MS + DAY_MS);
    ck_assert_int_eq(lead->clock_ms, NOW_MS + DAY_MS);
}
END_TEST

/* --- tracks ------------------------------------------------------------------------------------------ */

#define SCORED "scores: { s: { decay: { half_life: 7d } } }\nrules: [ { id: r, on: [go], add: { s: 64 } } ]\n"

START_TEST(stage_that_is_gone_is_left_for_the_initial_one) {
    _cleanup_(world_free) World *world = world_new(
            "tracks: { t: { initial: a, stages: [ { id: a }, { id: b }, { id: c } ], transitions: [ { id: ab, from: [a], to: b, on: [go] },\n"
            "  { id: bc, from: [b], to: c, on: [win] } ] } }\n");
    apply(world, "ann", "e1", "go", NOW_MS);
    apply(world, "bea", "e1", "go", NOW_MS);
    apply(world, "bea", "e2", "win", NOW_MS + 1000);
    record_expect(&world->record, "ann t a>b @86400000000 event\nbea t a>b @86400000000 event\nbea t b>c @86400001000 event\n");
    uint64_t ordinal = lead_in(world, "ann")->ordinal;
    apply(world, "cid", "e1", "visit", NOW_MS + HOUR_MS); /* the watermark */
    reload(world, 2,
            "tracks: { new: { initial: y, stages: [ { id: x }, { id: y } ], transitions: [ { id: n, from: [y], to: x, on: [go] } ] },\n"
            "  t: { initial: a, stages: [ { id: c }, { id: renamed }, { id: a } ], transitions: [ { id: bc, from: [renamed, a], to: c, on: [win] },\n"
            "  { id: cr, from: [c], to: renamed, on: [lose] } ] } }\n");
    record_expect(&world->record, "ann t b>a @86403600000 model\n");
    const Lead *ann = lead_in(world, "ann"), *bea = lead_in(world, "bea");
    ck_assert_uint_eq(ann->ordinal, ordinal + 1);
    ck_assert_uint_eq(ann->tracks[1].stage, 2);
    ck_assert_uint_eq(ann->tracks[1].sequence, 2);
    ck_assert_int_eq(ann->tracks[1].stages[2].entered_at_ms, NOW_MS + HOUR_MS);
    ck_assert_int_eq(ann->tracks[1].stages[2].left_at_ms, NOW_MS);
    ck_assert_uint_eq(ann->tracks[1].stages[2].entries, 2);
    ck_assert_int_eq(ann->clock_ms, NOW_MS + HOUR_MS);
    ck_assert_ptr_null(ann->lost);
    /* bea stays where she is, and her clock too; the new track is entered there */
    ck_assert_uint_eq(bea->tracks[1].stage, 0);
    ck_assert_uint_eq(bea->tracks[1].sequence, 2);
    ck_assert_int_eq(bea->tracks[1].stages[0].entered_at_ms, NOW_MS + 1000);
    ck_assert_int_eq(bea->clock_ms, NOW_MS + 1000);
    ck_assert_uint_eq(bea->tracks[0].stage, 1);
    ck_assert_int_eq(bea->tracks[0].stages[1].entered_at_ms, NOW_MS + 1000);
    ck_assert_uint_eq(bea->tracks[0].sequence, 0);
    apply(world, "bea", "e3", "go", NOW_MS + DAY_MS);
    record_expect(&world->record, "bea new y>x @86486400000 event\n");
}
END_TEST

static const char settle_1[] = SCORED
        "tracks: { t: { initial: a, stages: [ { id: a }, { id: hot } ], transitions: [ { id: heat, from: [a], to: hot, when: 's >= 100' },\n"
        "  { id: cool, from: [hot], to: a, when: 's < 16' } ] } }\n"
        "sla: [ { id: p, start: { enter: [t.hot] }, stop: { on: [sales_touch] }, target: 1h } ]\n";
static const char settle_2[] = SCORED
        "tracks: { t: { initial: a, stages: [ { id: a }, { id: hot } ], transitions: [ { id: heat, from: [a], to: hot, when: 's >= 30' },\n"
        "  { id: cool, from: [hot], to: a, when: 's < 16' } ] } }\n"
        "sla: [ { id: p, start: { enter: [t.hot] }, stop: { on: [sales_touch] }, target: 1h } ]\n";

START_TEST(tracks_settle_at_the_watermark) {
    _cleanup_(world_free) World *world = world_new(settle_1);
    apply(world, "ann", "e1", "go", NOW_MS);               /* 32 at the reload */
    apply(world, "bea", "e1", "go", NOW_MS - 7 * DAY_MS); /* 16 */
    apply(world, "cid", "e1", "visit", NOW_MS + 7 * DAY_MS);
    reload(world, 2, settle_2);
    record_expect(&world->record, "ann t a>hot @87004800000 model\n");
    ck_assert_int_eq(lead_in(world, "ann")->clock_ms, NOW_MS + 7 * DAY_MS);
    ck_assert_int_eq(lead_in(world, "bea")->clock_ms, NOW_MS - 7 * DAY_MS);
    /* the stage was entered then, so its clock is due an hour later; and from there on time goes on as ever */
    ck_assert_int_eq(shard_advance(world->shard, NOW_MS + 30 * DAY_MS), 0);
    record_expect(&world->record, "ann p#1 breached @87008400000\nann t hot>a @87609600001 time\n");
}
END_TEST

/* What would have come about by time alone between the lead's clock and the watermark is not made up for. */
START_TEST(nothing_is_dated_to_before_the_model) {
    _cleanup_(world_free) World *world = world_new(SCORED
            "idle_rules: [ { id: quiet, after: 30d, every: 30d, reset_on: [go], add: { s: -1 } } ]\n");
    apply(world, "ann", "e1", "go", NOW_MS);
    apply(world, "cid", "e1", "visit", NOW_MS + 10 * DAY_MS);
    reload(world, 2, SCORED
            "idle_rules: [ { id: quiet, after: 1d, every: 3d, reset_on: [go], add: { s: -1 } } ]\n"
            "tracks: { t: { initial: a, stages: [ { id: a }, { id: b }, { id: c } ], transitions: [ { id: ab, from: [a], to: b, when: 's < 60' },\n"
            "  { id: ac, from: [b], to: c, when: 'age(t) >= 1d' } ] } }\n");
    record_expect(&world->record, "ann t a>b @87264000000 model\ncid t a>b @87264000000 model\n");
    const Lead *ann = lead_in(world, "ann");
    ck_assert_int_eq(ann->clock_ms, NOW_MS + 10 * DAY_MS);
    ck_assert_uint_eq(ann->n_awards, 1);
    ck_assert_int_eq(ann->next_internal_ms, NOW_MS + 11 * DAY_MS); /* of the series 1, 4, 7, 10 and of age alike */
    ck_assert_int_eq(shard_advance(world->shard, NOW_MS + 11 * DAY_MS), 0);
    record_expect(&world->record, "ann t b>c @87350400000 time\ncid t b>c @87350400000 time\n");
    ck_assert_uint_eq(ann->n_awards, 1); /* 13 is next */
}
END_TEST

START_TEST(one_that_is_touched_is_settled_first) {
    _cleanup_(world_free) World *world = world_new(settle_1);
    apply(world, "ann", "e1", "go", NOW_MS);
    apply(world, "bea", "e1", "go", NOW_MS);
    apply(world, "bea", "e2", "go", NOW_MS);
    record_expect(&world->record, "bea t a>hot @86400000000 event\n");
    set_model(world, 2, settle_2);
    load_all(world);
    /* by an event, which sees the stage: it stops the clock that has just started */
    apply(world, "ann", "e2", "sales_touch", NOW_MS + MINUTE_MS);
    record_expect(&world->record, "ann t a>hot @86400000000 model\nann p#1 met @86400060000\n");
    /* by a moment */
    ck_assert_int_eq(shard_advance(world->shard, NOW_MS + 2 * HOUR_MS), 0);
    record_expect(&world->record, "bea p#1 breached @86403600000\n");
    ck_assert(!lead_in(world, "bea")->entity.migrated);
    walk(world);
    record_expect(&world->record, "");
    /* of a duplicate, too */
    reload(world, 3, settle_1);
    set_model(world, 4, settle_2);
    load_all(world);
    shard_clean(world->shard);
    LeadEvent again = fixture_event("ann", "e1", "go", NOW_MS + 3 * HOUR_MS);
    bool accepted;
    /* but not before its turn: an event that waits for a later batch must leave nothing in this one */
    ck_assert_int_eq(shard_accepts(world->shard, &again, &accepted), 0);
    ck_assert(accepted && lead_in(world, "ann")->entity.migrated);
    ck_assert_ptr_null(entity_table_dirty(shard_leads(world->shard)));
    EventResult result;
    ck_assert_int_eq(shard_event(world->shard, &again, TIME_NONE, &result), 0);
    ck_assert(result.outcome == EVENT_DUPLICATE && !lead_in(world, "ann")->entity.migrated);
    ck_assert_int_eq(shard_accepts(world->shard, &again, &accepted), 0);
    ck_assert(!accepted);
}
END_TEST

/* --- SLA clocks -------------------------------------------------------------------------------------- */

#define POLICY(times) "sla: [ { id: p, start: { on: [go] }, stop: { on: [sales_touch] }, " times " } ]\n"

START_TEST(open_clock_goes_on_under_its_old_times) {
    _cleanup_(world_free) World *world = world_new(POLICY("target: 2h, warn: [50%], escalate: [3h]"));
    apply(world, "ann", "e1", "go", NOW_MS);
    reload(world, 2, "sla: [ { id: first, start: { on: [x] }, target: 1m }, { id: p, start: { on: [go] }, stop: { on: [sales_touch] }, target: 10m, warn: [20%, 50%] } ]\n");
    ck_assert_ptr_nonnull(lead_in(world, "ann")->clocks[1].times);
    ck_assert_int_eq(shard_advance(world->shard, NOW_MS + HOUR_MS + 1), 0);
    record_expect(&world->record, "ann p#1 warning 50% @86403600000\n");
    /* across its own record, and a version that changes nothing */
    reload(world, 3, POLICY("target: 10m, warn: [20%, 50%]"));
    ck_assert_ptr_nonnull(lead_in(world, "ann")->clocks[0].times);
    ck_assert_int_eq(shard_advance(world->shard, NOW_MS + 5 * HOUR_MS), 0);
    record_expect(&world->record, "ann p#1 breached @86407200000\nann p#1 escalated 3h @86410800000\n");
    /* one that starts afterwards goes by the new */
    apply(world, "ann", "e2", "sales_touch", NOW_MS + 6 * HOUR_MS);
    apply(world, "ann", "e3", "go", NOW_MS + 7 * HOUR_MS);
    ck_assert_ptr_null(lead_in(world, "ann")->clocks[0].times);
    ck_assert_int_eq(shard_advance(world->shard, NOW_MS + 8 * HOUR_MS), 0);
    record_expect(&world->record, "ann p#1 late @86421600000\nann p#2 warning 20% @86425320000\nann p#2 warning 50% @86425500000\n"
                                  "ann p#2 breached @86425800000\n");
}
END_TEST

START_TEST(clock_whose_policy_says_the_old_again_has_no_times_of_its_own) {
    _cleanup_(world_free) World *world = world_new(POLICY("target: 2h, warn: [50%]"));
    apply(world, "ann", "e1", "go", NOW_MS);
    reload(world, 2, POLICY("target: 2h, warn: ['50.0%']"));
    ck_assert_ptr_nonnull(lead_in(world, "ann")->clocks[0].times);
    reload(world, 3, POLICY("target: 2h, warn: [50%]"));
    ck_assert_ptr_null(lead_in(world, "ann")->clocks[0].times);
    ck_assert_int_eq(shard_advance(world->shard, NOW_MS + HOUR_MS + 1), 0);
    record_expect(&world->record, "ann p#1 warning 50% @86403600000\n");
}
END_TEST

START_TEST(clock_of_a_policy_that_is_gone_vanishes) {
    _cleanup_(world_free) World *world = world_new(POLICY("target: 2h"));
    apply(world, "ann", "e1", "go", NOW_MS);
    reload(world, 2, "sla: [ { id: q, start: { on: [go] }, target: 1h } ]\n");
    ck_assert_int_eq(lead_in(world, "ann")->clocks[0].phase, SLA_PHASE_NONE);
    ck_assert_int_eq(lead_in(world, "ann")->next_sla_ms, TIME_NEVER);
    ck_assert_int_eq(shard_advance(world->shard, NOW_MS + DAY_MS), 0);
    record_expect(&world->record, "");
}
END_TEST

/* A verdict that can be revised still can be, for as long as was said when the clock started. */
START_TEST(late_verdict_is_revised_under_the_old_times) {
    _cleanup_(world_free) World *world = world_new(POLICY("target: 1h, revise: 5h"));
    apply(world, "ann", "e1", "go", NOW_MS);
    apply(world, "ann", "e2", "sales_touch", NOW_MS + 2 * HOUR_MS);
    record_expect(&world->record, "ann p#1 breached @86403600000\nann p#1 late @86407200000\n");
    reload(world, 2, POLICY("target: 10m, revise: 0ms"));
    apply(world, "ann", "e3", "sales_touch", NOW_MS + HOUR_MS);
    record_expect(&world->record, "ann p#1 retracted @86403600000\n");
}
END_TEST

#define CALENDARS "calendars: { other: { zone: UTC, hours: { mon-sun: [\"00:00-24:00\"] } }, day: { zone: UTC, hours: { mon-sun: [\"10:00-12:00\"] } } }\n"

START_TEST(calendar_goes_by_id) {
    _cleanup_(world_free) World *world = world_new(
            "calendars: { day: { zone: UTC, hours: { mon-sun: [\"10:00-12:00\"] } } }\n" POLICY("target: 3h, calendar: day"));
    apply(world, "ann", "e1", "go", NOW_MS + 11 * HOUR_MS);
    reload(world, 2, CALENDARS POLICY("target: 3h, calendar: other"));
    const SlaClock *clock = &lead_in(world, "ann")->clocks[0];
    ck_assert_uint_eq(clock->calendar, 2);
    ck_assert_int_eq(clock->due_at_ms, NOW_MS + DAY_MS + 12 * HOUR_MS);
    ck_assert_ptr_null(clock->times);
}
END_TEST

/* What is left is counted round the clock: the due instant stays, and the other levels keep their distance from it. */
START_TEST(clock_without_its_calendar_goes_round_the_clock) {
    _cleanup_(world_free) World *world = world_new(CALENDARS POLICY("target: 3h, warn: [50%], escalate: [5h], calendar: day"));
    int64_t start_ms = NOW_MS + 11 * HOUR_MS, due_ms = NOW_MS + DAY_MS + 12 * HOUR_MS;
    apply(world, "ann", "e1", "go", start_ms);
    reload(world, 2, POLICY("target: 3h, warn: [50%], escalate: [5h]"));
    SlaClock *clock = &lead_in(world, "ann")->clocks[0];
    ck_assert_uint_eq(clock->calendar, 0);
    ck_assert_int_eq(clock->due_at_ms, due_ms);
    ck_assert_int_eq(shard_advance(world->shard, due_ms + DAY_MS), 0);
    record_expect(&world->record, "ann p#1 warning 50% @86524200000\nann p#1 breached @86529600000\nann p#1 escalated 5h @86536800000\n");
    SlaTerms terms = sla_terms(clock, world->model, 0);
    ck_assert_int_eq(sla_clock_elapsed(clock, terms, due_ms), 3 * HOUR_MS);
    ck_assert_int_eq(sla_clock_elapsed(clock, terms, start_ms), 0);
    write_changes(world); /* and it packs */
}
END_TEST

#define PAUSED(calendar) "tracks: { t: { initial: a, stages: [ { id: a }, { id: z } ], transitions: [ { id: az, from: [a], to: z, on: [hold] }, { id: za, from: [z], to: a, on: [resume] } ] } }\n" \
        POLICY("target: 4h, warn: [25%], pause: { enter: [t.z] }" calendar)

/* Nobody knows how long it has run: as long as what it told last says. */
START_TEST(paused_clock_without_its_calendar_has_run_for_what_it_told) {
    _cleanup_(world_free) World *world = world_new(CALENDARS PAUSED(", calendar: day"));
    apply(world, "ann", "e1", "go", NOW_MS + 10 * HOUR_MS);
    apply(world, "ann", "e2", "hold", NOW_MS + 11 * HOUR_MS + 30 * MINUTE_MS);
    ck_assert_int_eq(lead_in(world, "ann")->clocks[0].due_at_ms, TIME_NEVER);
    reload(world, 2, PAUSED(""));
    record_expect(&world->record, "ann p#1 warning 25% @86439600000\nann t a>z @86441400000 event\n");
    ck_assert_int_eq(lead_in(world, "ann")->clocks[0].due_at_ms, TIME_NEVER);
    apply(world, "ann", "e3", "resume", NOW_MS + DAY_MS);
    ck_assert_int_eq(lead_in(world, "ann")->clocks[0].due_at_ms, NOW_MS + DAY_MS + 3 * HOUR_MS);
    write_changes(world);
}
END_TEST

/* A stage that pauses by the new version only does so from now on. */
START_TEST(new_pause_begins_now) {
    _cleanup_(world_free) World *world = world_new(
            "tracks: { t: { initial: a, stages: [ { id: a }, { id: z } ], transitions: [ { id: az, from: [a], to: z, on: [hold] }, { id: za, from: [z], to: a, on: [resume] } ] } }\n"
            POLICY("target: 4h, warn: [25%]"));
    apply(world, "ann", "e1", "go", NOW_MS);
    apply(world, "ann", "e2", "hold", NOW_MS + MINUTE_MS);
    ck_assert_int_eq(shard_advance(world->shard, NOW_MS + 2 * HOUR_MS), 0);
    reload(world, 2, PAUSED(""));
    SlaClock *clock = &lead_in(world, "ann")->clocks[0];
    ck_assert_uint_eq(clock->n_pauses, 1);
    ck_assert_int_eq(clock->pauses[0].from_ms, NOW_MS + 2 * HOUR_MS);
    ck_assert_int_eq(lead_in(world, "ann")->next_sla_ms, TIME_NEVER);
    apply(world, "ann", "e3", "resume", NOW_MS + 10 * HOUR_MS);
    ck_assert_int_eq(clock->due_at_ms, NOW_MS + 12 * HOUR_MS);
}
END_TEST

/* --- accounts ---------------------------------------------------------------------------------------- */

#define LEADS "scores: { s: { decay: none }, u: { decay: none } }\nrules: [ { id: r, on: [go], add: { s: 16, u: 5 } } ]\n"

static void apply_for(World *world, const char *lead, const char *account, const char *id, int64_t at_ms) {
    LeadEvent event = fixture_event(lead, id, "go", at_ms);
    event.account_id = str_from(account);
    apply_event(world, event);
}

START_TEST(account_keeps_members_scores_and_stages) {
    _cleanup_(world_free) World *world = world_new(LEADS
            "accounts: { scores: { gone: { from: u, decay: none }, same: { from: s, decay: { half_life: 1d } }, to_none: { from: s, decay: { half_life: 1d } } },\n"
            "  committee: { window: 30d, on: [go] },\n"
            "  tracks: { b: { initial: quiet, stages: [ { id: quiet }, { id: busy }, { id: won } ], transitions: [ { id: w, from: [quiet], to: busy, when: 'same >= 20' },\n"
            "    { id: v, from: [busy], to: won, when: 'same >= 2000' } ] } } }\n");
    apply_for(world, "ann", "acme", "e1", NOW_MS - DAY_MS);
    apply_for(world, "bea", "acme", "e1", NOW_MS);
    apply_for(world, "cid", "bolt", "e1", NOW_MS);
    record_expect(&world->record, "acme b quiet>busy @86400000000 event\n");
    reload(world, 2, LEADS
            "accounts: { scores: { to_none: { from: s, decay: none }, new: { from: u, decay: none }, same: { from: s, decay: { half_life: 1d }, per_lead_max: 1 } },\n"
            "  committee: { window: 30d, on: [go] },\n"
            "  tracks: { n: { initial: x, stages: [ { id: x }, { id: y } ], transitions: [ { id: xy, from: [x], to: y, when: 'to_none >= 30' } ] },\n"
            "    b: { initial: quiet, stages: [ { id: won }, { id: quiet } ], transitions: [ { id: w, from: [quiet], to: won, when: 'same < 10' } ] } } }\n");
    const Account *acme = account_in(world, "acme");
    ck_assert_uint_eq(acme->n_members, 2);
    ck_assert_uint_eq(account_committee(acme, world->model, NOW_MS), 2);
    ck_assert_double_eq_tol(account_score(acme, world->model, 2, NOW_MS), 24, 1e-9);
    ck_assert_double_eq_tol(account_score(acme, world->model, 0, NOW_MS), 32, 1e-9); /* each at the member's activity */
    ck_assert_double_eq_tol(account_score(acme, world->model, 1, NOW_MS), 0, 1e-9);
    record_expect(&world->record, "acme b busy>quiet @86400000000 model\nacme n x>y @86400000000 model\n");
    /* and on from there, also through a lead's event before the walk */
    ck_assert_int_eq(shard_advance(world->shard, NOW_MS + DAY_MS), 0);
    record_expect(&world->record, "bolt b quiet>won @86458585413 time\n");
    reload(world, 3, LEADS "accounts: { tracks: { b: { initial: quiet, stages: [ { id: quiet } ] } } }\n");
    record_expect(&world->record, "bolt b won>quiet @86486400000 model\n");
    ck_assert_uint_eq(account_in(world, "acme")->tracks[0].sequence, 2);
}
END_TEST

START_TEST(touched_account_is_settled_first) {
    static const char before[] = LEADS
            "accounts: { scores: { e: { from: s, decay: none } },\n"
            "  tracks: { b: { initial: quiet, stages: [ { id: quiet }, { id: busy } ], transitions: [ { id: w, from: [quiet], to: busy, when: 'e >= 40' } ] } } }\n";
    static const char after[] = LEADS
            "accounts: { scores: { e: { from: s, decay: none } },\n"
            "  tracks: { b: { initial: quiet, stages: [ { id: quiet }, { id: busy } ], transitions: [ { id: w, from: [quiet], to: busy, when: 'e >= 16' } ] } } }\n";
    _cleanup_(world_free) World *world = world_new(before);
    apply_for(world, "ann", "acme", "e1", NOW_MS);
    apply_for(world, "bea", "bolt", "e1", NOW_MS);
    set_model(world, 2, after);
    load_all(world);
    apply_for(world, "ann", "bolt", "e2", NOW_MS + HOUR_MS); /* leaves one account for the other; both come first */
    record_expect(&world->record, "acme b quiet>busy @86403600000 model\nbolt b quiet>busy @86403600000 model\n");
    walk(world);
    record_expect(&world->record, "");
}
END_TEST

/* --- between shards ---------------------------------------------------------------------------------- */

/* Messages on their way. */
typedef struct Mail {
    Model *model; /* that they were sent under */
    Buffer bytes[8];
    size_t n;
} Mail;

static int post(void *userdata, const ShardMessage *message) {
    Mail *mail = userdata;
    ck_assert_uint_lt(mail->n, ARRAY_SIZE(mail->bytes));
    return shard_message_pack(message, mail->model, &mail->bytes[mail->n++]);
}

/* What every message on its way comes to, in order; `expected` of the last. */
static void deliver(Courier *courier, Mail *mail, int expected) {
    size_t n = mail->n;
    mail->n = 0;
    Mail sent = *mail;
    memset(mail->bytes, 0, sizeof(mail->bytes));
    for (size_t i = 0; i < n; i++) {
        _cleanup_(arena_free) Arena *arena = NULL;
        ShardMessage message;
        ck_assert_int_eq(arena_new(&arena), 0);
        ck_assert_int_eq(shard_message_unpack(as_str(&sent.bytes[i]), arena, &message), 0);
        ck_assert_int_eq(courier_apply(courier, &message), i + 1 < n ? 0 : expected);
        buffer_done(&sent.bytes[i]);
    }
}

START_TEST(messages_of_the_version_before_are_understood) {
    static const char before[] = LEADS "accounts: { scores: { gone: { from: u, decay: none, per_lead_max: 99 }, e: { from: s, decay: none, per_lead_max: 99 } } }\n";
    static const char after[] = "scores: { u: { decay: none }, s: { decay: none } }\nrules: [ { id: r, on: [go], add: { s: 16, u: 5 } } ]\n"
                                "accounts: { scores: { e: { from: s, decay: none, per_lead_max: 99 }, new: { from: u, decay: none, per_lead_max: 99 } } }\n";
    _cleanup_(world_free) World *leads = world_new(before), *accounts = world_new(before);
    _cleanup_(courier_free) Courier *courier = NULL;
    Mail mail = {.model = leads->model};
    ck_assert_int_eq(courier_new(leads->model, leads->shard, accounts->shard, (MessageSink){post, &mail}, &courier), 0);
    /* an entry is on its way from one account to another, with a touch there; and a lead to the one that it becomes */
    apply_for(leads, "ann", "acme", "e1", NOW_MS);
    deliver(courier, &mail, 0);
    apply_for(leads, "ann", "bolt", "e2", NOW_MS + 1);
    ck_assert_uint_eq(mail.n, 2);
    const Property into = {STR_LITERAL("into"), value_string(STR_LITERAL("cid"))};
    apply(leads, "bea", "e1", "go", NOW_MS);
    LeadEvent merge = fixture_event("bea", "e2", "lead_merged", NOW_MS + 2);
    merge.properties = &into;
    merge.n_properties = 1;
    apply_event(leads, merge);
    ck_assert_uint_eq(mail.n, 3);

    reload(leads, 2, after);
    reload(accounts, 2, after);
    courier_free(courier);
    ck_assert_int_eq(courier_new(accounts->model, leads->shard, accounts->shard, (MessageSink){post, &mail}, &courier), 0);
    mail.model = accounts->model;
    const Model *skeleton;
    const Migration *migration = migration_of(accounts, 1, &skeleton);
    ck_assert_int_eq(courier_add_migration(courier, migration), 0);
    deliver(courier, &mail, 0);
    ck_assert_uint_eq(mail.n, 1); /* the entry, which goes on by the new numbers */
    deliver(courier, &mail, 0);
    const Account *bolt = account_in(accounts, "bolt");
    ck_assert_double_eq_tol(account_score(bolt, accounts->model, 0, NOW_MS + 2), 32, 1e-9);
    ck_assert_double_eq_tol(account_score(bolt, accounts->model, 1, NOW_MS + 2), 0, 1e-9);
    expect_score(leads, "cid", "s", NOW_MS + 2, 16);
    expect_score(leads, "cid", "u", NOW_MS + 2, 5);

    /* one of a version that is not known here */
    const Touch touch = {.at_ms = NOW_MS, .committee_at_ms = TIME_NONE};
    const ShardMessage message = {.kind = MESSAGE_TOUCH, .at_ms = NOW_MS, .account_id = STR_LITERAL("new"), .lead_id = STR_LITERAL("ann"),
            .touch = &touch, .model_version = 3};
    ck_assert_int_eq(courier_apply(courier, &message), COURIER_E_MODEL);
    ck_assert_ptr_null(account_in(accounts, "new"));
}
END_TEST

/* --- all together ------------------------------------------------------------------------------------ */

/* Versions that mean the same and number it otherwise. */
static const char *const same[] = {
        "scores: { a: { decay: { half_life: 3d }, max: 100 }, b: { decay: { linear: 9d }, max: 100 }, c: { decay: { window: 9d } } }\n"
        "counters: { n: { on: [go], window: 4d, keep: 5 }, m: { on: [visit], window: 4d } }\n"
        "rules: [ { id: r, on: [go], add: { a: 30, b: 9 }, limit: { times: 2, per: 1d } }, { id: q, on: [visit], add: { b: 20, c: 6 } } ]\n"
        "idle_rules: [ { id: i, after: 2d, every: 1d, reset_on: [go], add: { a: -7 } } ]\n"
        "tracks: { t: { initial: x, stages: [ { id: x }, { id: y }, { id: z } ], transitions: [ { id: xy, from: [x, z], to: y, when: 'a + b >= 60', cooldown: 1h },\n"
        "  { id: yx, from: [y], to: x, when: 'a + b < 20 and n < 5' }, { id: yz, from: [x, y], to: z, on_sla: [p.breached] } ] } }\n"
        "sla: [ { id: p, start: { enter: [t.y] }, stop: { on: [sales_touch] }, pause: { enter: [t.x] }, target: 7h, warn: [50%, 80%] },\n"
        "  { id: o, start: { on: [go] }, stop: { on: [sales_touch] }, target: 1d, escalate: [2d] } ]\n"
        "accounts: { scores: { e: { from: a, decay: { half_life: 2d } }, f: { from: b, decay: { linear: 9d } } }, committee: { window: 2d, on: [go] },\n"
        "  tracks: { t: { initial: q, stages: [ { id: q }, { id: w } ], transitions: [ { id: wake, from: [q], to: w, when: 'e + f >= 30 and committee >= 1' },\n"
        "    { id: rest, from: [w], to: q, when: 'e + f < 15 or committee < 1' } ] } } }\n",
        "scores: { c: { decay: { window: 9d } }, b: { decay: { linear: 9d }, max: 100 }, unused: { decay: none }, a: { decay: { half_life: 3d }, max: 100 } }\n"
        "counters: { x: { on: [y], window: 1d }, m: { on: [visit], window: 4d }, n: { on: [go], window: 4d, keep: 5 } }\n"
        "rules: [ { id: never, on: [never], add: { a: 1 }, limit: { times: 1, per: 1d } }, { id: r, on: [go], add: { a: 30, b: 9 }, limit: { times: 2, per: 1d } },\n"
        "  { id: q, on: [visit], add: { b: 20, c: 6 } } ]\n"
        "idle_rules: [ { id: j, after: 2d, reset_on: [never], add: { a: -7 } }, { id: i, after: 2d, every: 1d, reset_on: [go], add: { a: -7 } } ]\n"
        "tracks: { still: { initial: s, stages: [ { id: s } ] }, t: { initial: x, stages: [ { id: z }, { id: y }, { id: x } ], transitions: [ { id: xy, from: [x, z], to: y, when: 'a + b >= 60', cooldown: 1h },\n"
        "  { id: yx, from: [y], to: x, when: 'a + b < 20 and n < 5' }, { id: yz, from: [x, y], to: z, on_sla: [p.breached] } ] } }\n"
        "sla: [ { id: never, start: { on: [never] }, target: 1h }, { id: p, start: { enter: [t.y] }, stop: { on: [sales_touch] }, pause: { enter: [t.x] }, target: 7h, warn: [50%, 80%] },\n"
        "  { id: o, start: { on: [go] }, stop: { on: [sales_touch] }, target: 1d, escalate: [2d] } ]\n"
        "accounts: { scores: { f: { from: b, decay: { linear: 9d } }, n: { from: c, decay: none }, e: { from: a, decay: { half_life: 2d } } }, committee: { window: 2d, on: [go] },\n"
        "  tracks: { s: { initial: s, stages: [ { id: s } ] }, t: { initial: q, stages: [ { id: w }, { id: q } ], transitions: [ { id: wake, from: [q], to: w, when: 'e + f >= 30 and committee >= 1' },\n"
        "    { id: rest, from: [w], to: q, when: 'e + f < 15 or committee < 1' } ] } } }\n",
};

/* Shows where they part; all of both would be too much to show. */
static void expect_same_lines(const char *got, const char *expected) {
    size_t i = 0, line = 0;
    for (; got[i] == expected[i] && got[i]; i++)
        if (got[i] == '\n')
            line = i + 1;
    ck_assert_msg(got[i] == expected[i], "got\n%.500s\nexpected\n%.500s", got + line, expected + line);
}

/* A reload that changes nothing changes no output, whenever it comes and however far the walk gets. */
START_TEST(reload_of_the_same_changes_no_output) {
    enum { N = 200, RELOADS = 6 };
    static const char *const ids[] = {"ann", "bea", "cid"};
    static const char *const types[] = {"go", "visit", "go", "sales_touch", "visit", "hm"};
    _cleanup_(world_free) World *plain = world_new(same[0]), *reloaded = world_new(same[0]);
    uint64_t random = (uint64_t)_i + 1;
    int64_t at_ms = NOW_MS;
    for (int i = 0; i < N; i++) {
        char event_id[16];
        const char *id = ids[random_below(&random, ARRAY_SIZE(ids))];
        const char *type = types[random_below(&random, ARRAY_SIZE(types))];
        (void)snprintf(event_id, sizeof(event_id), "e%d", i);
        at_ms += (int64_t)random_below(&random, 12 * (uint64_t)HOUR_MS);
        if (i % (N / RELOADS) == N / RELOADS - 1) {
            int version = i / (N / RELOADS) + 2;
            set_model(reloaded, version, same[(version - 1) % 2]);
            if (random_below(&random, 2))
                load_all(reloaded);
            if (random_below(&random, 2))
                walk(reloaded);
        }
        load_all(reloaded);
        LeadEvent event = fixture_event(id, event_id, type, at_ms);
        event.account_id = random_below(&random, 9) ? STR_LITERAL("acme") : STR_LITERAL("bolt");
        apply_event(plain, event);
        apply_event(reloaded, event);
        write_changes(reloaded);
    }
    ck_assert_uint_gt(plain->record.len, 1000);
    ck_assert_ptr_nonnull(strstr(plain->record.text, "acme t"));
    expect_same_lines(reloaded->record.text, plain->record.text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("migrate");
    TCase *tcase = tcase_create("migrate");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, scores_keep_what_they_have);
    tcase_add_test(tcase, counters_limits_and_idle_times_go_by_id);
    tcase_add_test(tcase, facts_stay);
    tcase_add_test(tcase, stage_that_is_gone_is_left_for_the_initial_one);
    tcase_add_test(tcase, tracks_settle_at_the_watermark);
    tcase_add_test(tcase, nothing_is_dated_to_before_the_model);
    tcase_add_test(tcase, one_that_is_touched_is_settled_first);
    tcase_add_test(tcase, open_clock_goes_on_under_its_old_times);
    tcase_add_test(tcase, clock_whose_policy_says_the_old_again_has_no_times_of_its_own);
    tcase_add_test(tcase, clock_of_a_policy_that_is_gone_vanishes);
    tcase_add_test(tcase, late_verdict_is_revised_under_the_old_times);
    tcase_add_test(tcase, calendar_goes_by_id);
    tcase_add_test(tcase, clock_without_its_calendar_goes_round_the_clock);
    tcase_add_test(tcase, paused_clock_without_its_calendar_has_run_for_what_it_told);
    tcase_add_test(tcase, new_pause_begins_now);
    tcase_add_test(tcase, account_keeps_members_scores_and_stages);
    tcase_add_test(tcase, touched_account_is_settled_first);
    tcase_add_test(tcase, messages_of_the_version_before_are_understood);
    tcase_add_loop_test(tcase, reload_of_the_same_changes_no_output, 0, 20);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
