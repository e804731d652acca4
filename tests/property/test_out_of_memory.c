/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out: whatever the library does is done again and again, each time with another one of its allocations failing. That
 * is said (-ENOMEM), nothing is lost or freed twice, and all that was being made can be let go of. Of random models and stories, the
 * same in each run.
 */
#include "lib/explain/explain.h"
#include "lib/model/skeleton.h"
#include "lib/record/account_record.h"
#include "lib/record/record.h"
#include "tests/property/failing_allocator.h"
#include "tests/property/random_story.h"
#include "tests/unit/cluster_fixture.h"

#define SEEDS_MAX 4
/* Each allocation makes for a run from the beginning on. */
#define EVENTS_MAX 45

/* What a random model becomes in a later version: most is gone, with the stages that most leads and accounts are in. */
static const char small_text[] =
        "model: random\n"
        "version: 5\n"
        "scores: { b: { decay: { linear: 3d } } }\n"
        "rules: [ { id: r0, on: [view], add: { b: 1 } } ]\n"
        "tracks: { life: { initial: lead, stages: [ { id: lead }, { id: fresh } ], transitions: [ { id: t, from: [lead], to: fresh, when: 'b > 0' } ] } }\n"
        "sla: [ { id: speed, start: { on: [ask] }, stop: { on: [sales_touch] }, target: 1d } ]\n"
        "accounts:\n"
        "  scores: { heat: { from: b, decay: { window: 1d } } }\n"
        "  tracks: { buying: { initial: fresh, stages: [ { id: fresh } ] } }\n";

/* As above, with mistakes of many kinds. */
static const char wrong_text[] =
        "model: random model\n"
        "version: 0\n"
        "scores: { b: { decay: { linear: 3x } }, b: { decay: none }, c: { deccay: none } }\n"
        "rules: [ { id: r0, on: [view, view], add: { d: 1 } }, { id: r0, on: [], when: 'event.x = 1 or', add: { b: 'b + ' } } ]\n"
        "tracks: { life: { initial: leed, stages: [ { id: lead }, { id: fresh } ], transitions: [ { id: t, from: [], to: frsh, when: 'c * c > 0' } ] } }\n"
        "calendars: { c: { zone: Test/Zone, hours: { mon-fri: ['9-17'] }, holidays: h.ics } }\n"
        "sla: [ { id: speed, start: { on: [lead_merged] }, target: 1d, warn: [50%, 0%], calendar: [ { when: 'b > 1', calendar: d } ] } ]\n"
        "carry: { profile: [profile.x], event: [''] }\n"
        "accounts: { scores: { heat: { from: x } }, tracks: { buying: { initial: fresh } } }\n";

/* Everything that is at hand while memory runs out, made before. */
typedef struct Trial {
    RandomModel m, next;
    Model *small;
    Story story;
    Shard *shard; /* where the story was told */
    Cluster *cluster;
} Trial;

static Trial trial;

/* Frees all that it makes. 0 or -ENOMEM. */
typedef int (*Attempt)(void);

static void fail_each_allocation(Attempt attempt) {
    for (size_t nth = 1;; nth++) {
        size_t n_before = allocator_count();
        allocator_fail(nth);
        int r = attempt();
        bool failed = allocator_relent();
        size_t n_after = allocator_count();
        if (r != (failed ? -ENOMEM : 0))
            ck_abort_msg("allocation %zu %s, and the answer is %d", nth, failed ? "failed" : "was not needed", r);
        if (n_after != n_before)
            ck_abort_msg("after allocation %zu failed there are %zu pieces of memory, and were %zu", nth, n_after, n_before);
        if (!failed)
            return;
    }
}

/* --- models ------------------------------------------------------------------------------------------ */

/* 0: all that is to be told of it was told. */
static int load(const char *text, Model **ret) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    int r = model_load(str_from(text), &random_model_files, &d, ret);
    return r == 0 && d.n_items < d.n_errors + d.n_warnings ? -ENOMEM : r;
}

static int load_model(void) {
    _cleanup_(model_free) Model *model = NULL;
    int r = load(trial.m.text, &model);
    REQUIRE((r == 0) == (model != NULL));
    return r;
}

static int load_wrong_model(void) {
    _cleanup_(model_free) Model *model = NULL;
    int r = load(wrong_text, &model);
    REQUIRE(!model);
    return r;
}

static Diagnostics diagnostics;

static int render_diagnostics(void) {
    _cleanup_(free_null) char *text = diagnostics_render(&diagnostics, "model.yaml", str_from(wrong_text));
    return text ? 0 : -ENOMEM;
}

static int pack_skeleton(void) {
    _cleanup_(model_free) Model *skeleton = NULL;
    Buffer bytes = {0};
    int r = skeleton_pack(trial.m.model, &bytes);
    if (r == 0)
        r = skeleton_unpack((Str){(const char *)bytes.data, bytes.len}, &skeleton);
    buffer_done(&bytes);
    return r;
}

/* --- stories ----------------------------------------------------------------------------------------- */

static int new_shard(const Model *model, Shard **ret) {
    return shard_new(model, (OutputSink){.output = cluster_drop_output}, ret);
}

static int tell(Shard *shard) {
    EventResult result;
    int r = 0;
    for (size_t i = 0; i < trial.story.n && r == 0; i++)
        r = shard_event(shard, &trial.story.events[i].event, trial.story.events[i].watermark_ms, &result);
    return r;
}

static int tell_story(void) {
    _cleanup_(shard_free) Shard *shard = NULL;
    int r = new_shard(trial.m.model, &shard);
    if (r == 0)
        r = tell(shard);
    return r == 0 ? shard_advance(shard, trial.story.end_ms) : r;
}

/* Where messages carry events, they carry their numbers. */
static int apply_in_cluster(ClusterShard *shard, Str lead_id, Str bytes) {
    char number[24];
    (void)snprintf(number, sizeof(number), "%.*s", STR_FMT(bytes));
    LeadEvent event = trial.story.events[atoi(number)].event;
    EventResult result;
    event.lead_id = lead_id;
    int r = shard_event(shard->leads, &event, TIME_NONE, &result);
    if (r != 0 || result.outcome != EVENT_ELSEWHERE)
        return r;
    ShardMessage message = {.kind = MESSAGE_EVENT, .lead_id = result.lead_id, .topic = STR_LITERAL("t"), .bytes = bytes};
    return cluster_send(shard, &message);
}

static int tell_in(Cluster *cluster) {
    int r = 0;
    for (size_t i = 0; i < trial.story.n && r == 0; i++) {
        Str lead_id = trial.story.events[i].event.lead_id;
        char number[24];
        (void)snprintf(number, sizeof(number), "%zu", i);
        r = apply_in_cluster(&cluster->shards[cluster_home(lead_id)], lead_id, str_from(number));
        if (r == 0)
            r = cluster_deliver_some(cluster, cluster_pick(cluster, 3));
    }
    return r == 0 ? cluster_deliver_all(cluster) : r;
}

static int tell_cluster(void) {
    _cleanup_(cluster_free) Cluster *cluster = NULL;
    int r = cluster_new(trial.m.model, 1, apply_in_cluster, (OutputSink){.output = cluster_drop_output}, &cluster);
    return r == 0 ? tell_in(cluster) : r;
}

/* --- records ----------------------------------------------------------------------------------------- */

static int pack(const Entity *entity, Buffer *ret) {
    return entity->kind == ENTITY_LEAD ? record_pack(lead_of((Entity *)entity), trial.m.model, ret)
                                       : account_record_pack(account_of((Entity *)entity), trial.m.model, ret);
}

static int64_t next_moment(const Entity *entity) {
    return entity->kind == ENTITY_LEAD ? lead_next_moment(lead_of((Entity *)entity)) : account_of((Entity *)entity)->next_internal_ms;
}

/* Under a model that `migration` leads from, or, if there is none, the story's. */
static int load_lead(Shard *shard, Str bytes, Str id, const Migration *migration) {
    _cleanup_(lead_free) Lead *lead = NULL, *migrated = NULL;
    int r = record_unpack(bytes, id, migration ? migration_from(migration) : trial.m.model, &lead);
    if (r == 0 && migration && lead->merged_into.data)
        return 0; /* as it is, under any */
    if (r == 0 && migration)
        r = migrate_lead(migration, lead, &migrated);
    if (r == 0)
        r = shard_load(shard, migrated ? migrated : lead);
    if (r == 0 && migrated)
        migrated = NULL;
    else if (r == 0)
        lead = NULL;
    return r;
}

static int load_account(Shard *shard, Str bytes, Str id, const Migration *migration) {
    _cleanup_(account_free) Account *account = NULL, *migrated = NULL;
    int r = account_record_unpack(bytes, id, migration ? migration_from(migration) : trial.m.model, &account);
    if (r == 0 && migration)
        r = migrate_account(migration, account, &migrated);
    if (r == 0)
        r = shard_load_account(shard, migrated ? migrated : account);
    if (r == 0 && migrated)
        migrated = NULL;
    else if (r == 0)
        account = NULL;
    return r;
}

/* By way of a record. */
static int carry_over(Shard *shard, const Entity *entity, const Migration *migration) {
    Buffer bytes = {0};
    int r = shard_add_cold(shard, entity->kind, entity->id, next_moment(entity));
    if (r == 0)
        r = pack(entity, &bytes);
    Str record = {(const char *)bytes.data, bytes.len};
    if (r == 0)
        r = entity->kind == ENTITY_LEAD ? load_lead(shard, record, entity->id, migration)
                                        : load_account(shard, record, entity->id, migration);
    if (r == 0 && migration)
        r = shard_apply_model(shard, entity->kind, entity->id);
    buffer_done(&bytes);
    return r;
}

static int carry_table_over(Shard *shard, EntityTable *table, const Migration *migration) {
    size_t iterator = 0;
    int r = 0;
    for (Entity *entity; r == 0 && (entity = entity_table_next(table, &iterator));)
        r = carry_over(shard, entity, migration);
    return r;
}

static int carry_all_over(const Model *model, const Migration *migration) {
    _cleanup_(shard_free) Shard *shard = NULL;
    int r = new_shard(model, &shard);
    if (r == 0)
        r = carry_table_over(shard, shard_leads(trial.shard), migration);
    if (r == 0)
        r = carry_table_over(shard, shard_accounts(trial.shard), migration);
    if (r != 0)
        return r;
    shard_clean(shard);
    return shard_trim(shard, 0, 0, TIME_NEVER);
}

static int go_on_from_records(void) {
    return carry_all_over(trial.m.model, NULL);
}

static int migrate_to(const Model *to) {
    _cleanup_(migration_free) Migration *migration = NULL;
    int r = migration_new(trial.m.model, to, &migration);
    return r == 0 ? carry_all_over(to, migration) : r;
}

static int migrate(void) {
    return migrate_to(trial.next.model);
}

static int migrate_to_less(void) {
    return migrate_to(trial.small);
}

/* All that was sent between shards comes to one of the next version. */
static int take_messages_of(Cluster *cluster, const ClusterQueue *queue) {
    int r = 0;
    for (size_t i = 0; i < queue->n && r == 0; i++) {
        _cleanup_(arena_free) Arena *arena = NULL;
        ShardMessage message;
        int64_t version;
        r = arena_new(&arena);
        if (r == 0)
            r = shard_message_unpack((Str){(const char *)queue->messages[i].data, queue->messages[i].len}, arena, &message);
        if (r != 0 || message.kind == MESSAGE_EVENT)
            continue;
        r = courier_check(cluster->shards[0].courier, &message, &version);
        if (r == 0)
            r = courier_apply(cluster->shards[0].courier, &message);
    }
    return r;
}

static int take_messages_of_another_version(void) {
    _cleanup_(migration_free) Migration *migration = NULL;
    _cleanup_(cluster_free) Cluster *cluster = NULL;
    int r = migration_new(trial.m.model, trial.next.model, &migration);
    if (r == 0)
        r = cluster_new(trial.next.model, 1, apply_in_cluster, (OutputSink){.output = cluster_drop_output}, &cluster);
    if (r == 0)
        r = courier_add_migration(cluster->shards[0].courier, migration);
    for (unsigned from = 0; from <= CLUSTER_SHARDS; from++)
        for (unsigned to = 0; to < CLUSTER_SHARDS && r == 0; to++)
            r = take_messages_of(cluster, &trial.cluster->queues[from][to]);
    return r;
}

/* --- explanations ------------------------------------------------------------------------------------ */

static int explain_table(EntityTable *table) {
    size_t iterator = 0;
    int r = 0;
    for (Entity *entity; r == 0 && (entity = entity_table_next(table, &iterator));) {
        _cleanup_(arena_free) Arena *arena = NULL;
        Explanation explanation;
        r = arena_new(&arena);
        if (r != 0 || (entity->kind == ENTITY_LEAD && lead_of(entity)->merged_into.data))
            continue;
        r = entity->kind == ENTITY_LEAD
                    ? explain_lead(arena, trial.m.model, lead_of(entity), lead_of(entity)->clock_ms, &explanation)
                    : explain_account(arena, trial.m.model, account_of(entity), account_of(entity)->clock_ms, &explanation);
    }
    return r;
}

static int explain(void) {
    int r = explain_table(shard_leads(trial.shard));
    return r == 0 ? explain_table(shard_accounts(trial.shard)) : r;
}

/* --- tests ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    Attempt attempt;
    int n_seeds; /* as there is time */
} attempts[] = {{"model", load_model, 1}, {"wrong model", load_wrong_model, 1}, {"diagnostics", render_diagnostics, 1},
        {"skeleton", pack_skeleton, SEEDS_MAX}, {"story", tell_story, 2}, {"cluster", tell_cluster, 2}, {"records", go_on_from_records, SEEDS_MAX},
        {"migration", migrate, SEEDS_MAX}, {"migration to less", migrate_to_less, SEEDS_MAX},
        {"messages of another version", take_messages_of_another_version, SEEDS_MAX}, {"explanation", explain, SEEDS_MAX}};

static void trial_init(uint64_t seed) {
    uint64_t random = seed * 1000003;
    trial.m = random_model(&random, (RandomModelOptions){0});
    trial.next = random_model(&random, (RandomModelOptions){.version = 4, .unit_ms = trial.m.unit_ms});
    trial.small = fixture_model(small_text);
    trial.story = random_story(&random, &trial.m, (StoryOptions){0});
    trial.story.n = MIN(trial.story.n, (size_t)EVENTS_MAX);
    REQUIRE(new_shard(trial.m.model, &trial.shard) == 0);
    REQUIRE(tell(trial.shard) == 0);
    shard_clean(trial.shard);
    REQUIRE(cluster_new(trial.m.model, 1, apply_in_cluster, (OutputSink){.output = cluster_drop_output}, &trial.cluster) == 0);
    REQUIRE(tell_in(trial.cluster) == 0);
    Model *none = NULL;
    diagnostics = DIAGNOSTICS_INIT;
    REQUIRE(model_load(str_from(wrong_text), &random_model_files, &diagnostics, &none) == 0);
}

static void trial_done(void) {
    diagnostics_done(&diagnostics);
    cluster_free(trial.cluster);
    shard_free(trial.shard);
    story_done(&trial.story);
    model_free(trial.small);
    random_model_done(&trial.next);
    random_model_done(&trial.m);
}

START_TEST(memory_that_runs_out_is_told_and_nothing_lost) {
    trial_init((uint64_t)_i % SEEDS_MAX + 1);
    fail_each_allocation(attempts[_i / SEEDS_MAX].attempt);
    trial_done();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("out of memory");
    for (int i = 0; i < (int)ARRAY_SIZE(attempts); i++) {
        TCase *tcase = tcase_create(attempts[i].name);
        tcase_set_timeout(tcase, 0);
        tcase_add_loop_test(tcase, memory_that_runs_out_is_told_and_nothing_lost, i * SEEDS_MAX, i * SEEDS_MAX + attempts[i].n_seeds);
        suite_add_tcase(suite, tcase);
    }
    return suite_run(suite);
}
