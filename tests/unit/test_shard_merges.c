/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leads of several shards that are merged into each other, while what the shards tell each other is on its way: first in, first out
 * from each to each, and in any order otherwise, as through the partitions of a topic. In the end every lead is one, or leads to one,
 * with everything that was given to any of its names, once.
 */
#include "tests/unit/cluster_fixture.h"

#define N_LEADS 8
#define N_EVENTS 200
#define TOLD_MAX 1024

static const char model_text[] = "model: m\n"
                                 "version: 1\n"
                                 "scores: { points: { decay: none } }\n"
                                 "rules: [{ id: r, on: [seen], add: { points: 1 } }]\n"
                                 "tracks:\n"
                                 "  t:\n"
                                 "    initial: cold\n"
                                 "    stages: [{ id: cold }, { id: warm }, { id: hot }]\n"
                                 "    transitions:\n"
                                 "      - { id: warms, from: [cold], to: warm, when: 'points >= 2' }\n"
                                 "      - { id: heats, from: [warm], to: hot, when: 'points >= 8' }\n"
                                 "sla: [{ id: s, start: { on: [seen] }, stop: { enter: [t.warm] }, target: 1m }]\n";

static Model *model;
static bool linked[N_LEADS][N_LEADS]; /* was one ever merged into the other, or is it the same? */
static uint64_t ordinals[N_LEADS];    /* of the last output of each */
static Uuid told[TOLD_MAX];
static size_t n_told;

static void setup(void) {
    model = fixture_model(model_text);
    n_told = 0;
    memset(ordinals, 0, sizeof(ordinals));
    for (unsigned i = 0; i < N_LEADS; i++)
        for (unsigned k = 0; k < N_LEADS; k++)
            linked[i][k] = i == k;
}

static void teardown(void) {
    model_free(model);
}

/* An event as the bytes that travel: its id, and behind a space the lead that its own is merged into, if any. */
static int apply(ClusterShard *shard, Str lead_id, Str bytes) {
    const char *space = memchr(bytes.data, ' ', bytes.len);
    size_t id_len = space ? (size_t)(space - bytes.data) : bytes.len;
    Property into = {.name = STR_LITERAL("into")};
    LeadEvent event = {.event_id = {bytes.data, id_len}, .occurred_at_ms = 1000, .lead_id = lead_id, .type = STR_LITERAL("seen")};
    if (space) {
        into.value = (Value){.type = VALUE_STRING, .string = {space + 1, bytes.len - id_len - 1}};
        event.type = STR_LITERAL("lead_merged");
        event.properties = &into;
        event.n_properties = 1;
    }
    EventResult result;
    ck_assert_int_eq(shard_event(shard->leads, &event, TIME_NONE, &result), 0);
    if (result.outcome != EVENT_ELSEWHERE) {
        ck_assert_int_eq(result.outcome, EVENT_APPLIED);
        return 0;
    }
    ShardMessage message = {.kind = MESSAGE_EVENT, .lead_id = result.lead_id, .topic = STR_LITERAL("t"), .bytes = bytes};
    return cluster_send(shard, &message);
}

static void happen(Cluster *cluster, const char *lead_id, const char *bytes) {
    ck_assert_int_eq(apply(&cluster->shards[cluster_home(str_from(lead_id))], str_from(lead_id), str_from(bytes)), 0);
}

/* Nothing is told by the id of something else, and a lead's ordinals rise, whoever tells them. */
static int note_output(void *userdata, const Output *output) {
    (void)userdata;
    uint64_t *ordinal = &ordinals[output->lead_id.data[1] - '0'];
    for (size_t i = 0; i < n_told; i++)
        ck_assert_msg(memcmp(&told[i], &output->event_id, sizeof(Uuid)) != 0, "%s of %.*s is told twice", output_type_name(output->type),
                STR_FMT(output->lead_id));
    ck_assert_uint_lt(n_told, TOLD_MAX);
    told[n_told++] = output->event_id;
    /* What takes a lead may do so when its name has come to life again: that is told late. */
    ck_assert(output->ordinal > *ordinal || output->type == OUTPUT_LEAD_RETIRED);
    *ordinal = MAX(*ordinal, output->ordinal);
    return 0;
}

static Cluster *new_cluster(uint64_t seed) {
    Cluster *cluster;
    ck_assert_int_eq(cluster_new(model, seed, apply, (OutputSink){.output = note_output}, &cluster), 0);
    return cluster;
}

/* NULL: nothing is known of the name. */
static const Lead *lead_at(const Cluster *cluster, Str lead_id) {
    return lead_of(entity_table_get(shard_leads(cluster->shards[cluster_home(lead_id)].leads), lead_id));
}

/* The lead that a name leads to. */
static const Lead *survivor_of(const Cluster *cluster, Str lead_id) {
    const Lead *lead = lead_at(cluster, lead_id);
    for (unsigned i = 0; lead && lead->merged_into.data; i++) {
        ck_assert_uint_lt(i, N_LEADS); /* else they lead in a circle */
        lead = lead_at(cluster, lead->merged_into);
    }
    return lead;
}

static double points_of(const Lead *lead) {
    return lead_score(lead, model, 0, lead->clock_ms);
}

static void link_leads(unsigned a, unsigned b) {
    for (unsigned i = 0; i < N_LEADS; i++)
        for (unsigned k = 0; k < N_LEADS; k++)
            if (linked[i][a] && linked[b][k])
                linked[i][k] = linked[k][i] = true;
}

START_TEST(shard_does_not_follow_leads_in_a_circle) {
    _cleanup_(cluster_free) Cluster *cluster = new_cluster(1);
    happen(cluster, "l0", "a");
    happen(cluster, "l3", "b"); /* in the same shard */
    happen(cluster, "l0", "c l3");
    happen(cluster, "l3", "d l0");
    happen(cluster, "l0", "e");
    happen(cluster, "l3", "f");
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    ck_assert_ptr_eq(survivor_of(cluster, STR_LITERAL("l3")), survivor_of(cluster, STR_LITERAL("l0")));
    ck_assert_double_eq(points_of(survivor_of(cluster, STR_LITERAL("l0"))), 4);
    ck_assert_uint_eq(ordinals[3], 1); /* LeadRetired */
}
END_TEST

START_TEST(merged_leads_become_one_whatever_overtakes_what) {
    _cleanup_(cluster_free) Cluster *cluster = new_cluster((uint64_t)_i * 7919 + 1);
    unsigned n_given[N_LEADS] = {0};
    for (int n = 0; n < N_EVENTS; n++) {
        char lead_id[8], bytes[32];
        unsigned lead = cluster_pick(cluster, N_LEADS), into = cluster_pick(cluster, N_LEADS);
        bool merges = cluster_pick(cluster, 12) == 0;
        (void)snprintf(lead_id, sizeof(lead_id), "l%u", lead);
        (void)snprintf(bytes, sizeof(bytes), merges ? "e%d l%u" : "e%d", n, into);
        if (merges)
            link_leads(lead, into);
        else
            n_given[lead]++;
        happen(cluster, lead_id, bytes);
        ck_assert_int_eq(cluster_deliver_some(cluster, cluster_pick(cluster, 4)), 0);
    }
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    for (unsigned i = 0; i < N_LEADS; i++) {
        char id[8];
        double n_all = 0;
        (void)snprintf(id, sizeof(id), "l%u", i);
        const Lead *lead = survivor_of(cluster, str_from(id));
        for (unsigned k = 0; k < N_LEADS; k++) {
            char other[8];
            (void)snprintf(other, sizeof(other), "l%u", k);
            n_all += linked[i][k] ? n_given[k] : 0;
            if (linked[i][k])
                ck_assert_msg(survivor_of(cluster, str_from(other)) == lead, "%s and %s are not one", id, other);
        }
        ck_assert_double_eq(lead ? points_of(lead) : 0, n_all);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("shard merges");
    TCase *merges = tcase_create("merges");
    tcase_add_checked_fixture(merges, setup, teardown);
    tcase_add_test(merges, shard_does_not_follow_leads_in_a_circle);
    tcase_add_loop_test(merges, merged_leads_become_one_whatever_overtakes_what, 0, 100);
    suite_add_tcase(suite, merges);
    return suite_run(suite);
}
