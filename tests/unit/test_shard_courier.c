/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shards that tell each other through queues: first in, first out from each to each, and in any order otherwise, as through the
 * partitions of a topic. Whatever is overtaken by what: in the end every lead is where it went last, with all that it was given.
 */
#include "lib/record/record.h"
#include "tests/unit/cluster_fixture.h"

#define N_LEADS 7
#define N_ACCOUNTS 6

static const char model_text[] = "model: m\n"
                                 "version: 1\n"
                                 "scores: { points: { decay: none } }\n"
                                 "rules: [{ id: r, add: { points: 1 } }]\n"
                                 "accounts:\n"
                                 "  scores: { sum: { from: points, decay: none } }\n"
                                 "  tracks: { t: { initial: a, stages: [{ id: a }] } }\n";

static Model *model;

static void setup(void) {
    model = fixture_model(model_text);
}

static void teardown(void) {
    model_free(model);
}

static Cluster *new_cluster(uint64_t seed) {
    Cluster *cluster;
    ck_assert_int_eq(cluster_new(model, seed, NULL, (OutputSink){.output = cluster_drop_output}, &cluster), 0);
    return cluster;
}

/* A lead's entry in an account; NULL: it is no member. */
static const Member *member_of(Cluster *cluster, unsigned account, unsigned lead) {
    char account_id[8], lead_id[8];
    (void)snprintf(account_id, sizeof(account_id), "a%u", account);
    (void)snprintf(lead_id, sizeof(lead_id), "l%u", lead);
    const Account *a = account_of(
            entity_table_get(shard_accounts(cluster->shards[cluster_home(str_from(account_id))].accounts), str_from(account_id)));
    if (a)
        ck_assert_uint_eq(a->n_departures, 0);
    return a ? account_find(a, str_from(lead_id)) : NULL;
}

/* Where the leads are, -1: nowhere, and how often each was there. */
typedef struct Leads {
    int present[N_LEADS], given[N_LEADS];
} Leads;

/* One of the leads is there, or somewhere else from now on. */
static void happen(Cluster *cluster, int n, bool moves, Leads *leads) {
    char event_id[16], lead_id[8], account_id[8];
    unsigned lead = cluster_pick(cluster, N_LEADS), account = cluster_pick(cluster, N_ACCOUNTS);
    (void)snprintf(event_id, sizeof(event_id), "e%d", n);
    (void)snprintf(lead_id, sizeof(lead_id), "l%u", lead);
    (void)snprintf(account_id, sizeof(account_id), "a%u", account);
    LeadEvent event = fixture_event(lead_id, event_id, "seen", 1000 + n);
    if (moves) {
        event.account_id = str_from(account_id);
        leads->present[lead] = (int)account;
    }
    leads->given[lead] += leads->present[lead] >= 0;
    EventResult result;
    ck_assert_int_eq(shard_event(cluster->shards[CLUSTER_STRAY].leads, &event, TIME_NONE, &result), 0);
    ck_assert_int_eq(result.outcome, EVENT_APPLIED);
}

static Cluster *new_story(uint64_t seed, Leads *leads) {
    for (unsigned i = 0; i < N_LEADS; i++) {
        leads->present[i] = -1;
        leads->given[i] = 0;
    }
    return new_cluster(seed);
}

START_TEST(leads_end_where_they_went_last_with_all_they_were_given) {
    Leads leads;
    _cleanup_(cluster_free) Cluster *cluster = new_story((uint64_t)_i * 7919 + 1, &leads);
    for (int n = 0; n < 400; n++) {
        happen(cluster, n, cluster_pick(cluster, 3) == 0, &leads);
        ck_assert_int_eq(cluster_deliver_some(cluster, cluster_pick(cluster, 4)), 0);
    }
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    for (unsigned lead = 0; lead < N_LEADS; lead++)
        for (unsigned account = 0; account < N_ACCOUNTS; account++) {
            const Member *member = member_of(cluster, account, lead);
            ck_assert(!member == ((int)account != leads.present[lead]));
            if (member)
                ck_assert_int_eq(member->n_awaited, 0);
            if (member)
                ck_assert_double_eq(member->scores[0].value, leads.given[lead]);
        }
}
END_TEST

/* All that the leads say comes before any entry, as after a large batch. */
START_TEST(entries_come_to_rest_where_more_leads_leave_than_are_remembered) {
    Leads leads;
    _cleanup_(cluster_free) Cluster *cluster = new_story((uint64_t)_i * 7919 + 1, &leads);
    for (int n = 0; n < 1200; n++)
        happen(cluster, n, cluster_pick(cluster, 2) == 0, &leads);
    for (unsigned to = 0; to < CLUSTER_SHARDS; to++)
        for (bool any = true; any;)
            ck_assert_int_eq(cluster_deliver(cluster, CLUSTER_STRAY, to, &any), 0);
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    for (unsigned lead = 0; lead < N_LEADS; lead++) {
        double all = 0;
        for (unsigned account = 0; account < N_ACCOUNTS; account++) {
            const Member *member = member_of(cluster, account, lead);
            all += member ? member->scores[0].value : 0;
        }
        ck_assert_double_eq(all, leads.given[lead]); /* some of it where it was before */
    }
}
END_TEST

static EventResult tell(Cluster *cluster, const char *lead_id, const char *event_id, const char *type, const char *into) {
    LeadEvent event = fixture_event(lead_id, event_id, type, 1000);
    Property property = {STR_LITERAL("into"), {.type = VALUE_STRING, .string = into ? str_from(into) : STR_NULL}};
    EventResult result;
    if (into) {
        event.properties = &property;
        event.n_properties = 1;
    }
    ck_assert_int_eq(shard_event(cluster->shards[cluster_home(str_from(lead_id))].leads, &event, TIME_NONE, &result), 0);
    return result;
}

/* Both are of one shard, where each leads to the other until the messages have come. */
START_TEST(leads_merged_into_each_other_at_once_are_one_in_the_end) {
    _cleanup_(cluster_free) Cluster *cluster = new_cluster(1);
    ck_assert_uint_eq(cluster_home(STR_LITERAL("l1")), cluster_home(STR_LITERAL("l4")));
    ck_assert_int_eq(tell(cluster, "l1", "e1", "seen", NULL).outcome, EVENT_APPLIED);
    ck_assert_int_eq(tell(cluster, "l4", "e2", "seen", NULL).outcome, EVENT_APPLIED);
    ck_assert_int_eq(tell(cluster, "l1", "e3", "lead_merged", "l4").outcome, EVENT_APPLIED);
    EventResult elsewhere = tell(cluster, "l1", "e4", "seen", NULL);
    ck_assert(elsewhere.outcome == EVENT_ELSEWHERE && str_eq_c(elsewhere.lead_id, "l4"));
    ck_assert_int_eq(tell(cluster, "l4", "e5", "lead_merged", "l1").outcome, EVENT_APPLIED);
    elsewhere = tell(cluster, "l1", "e6", "seen", NULL);
    ck_assert(elsewhere.outcome == EVENT_ELSEWHERE && str_eq_c(elsewhere.lead_id, "l4"));
    elsewhere = tell(cluster, "l4", "e7", "seen", NULL);
    ck_assert(elsewhere.outcome == EVENT_ELSEWHERE && str_eq_c(elsewhere.lead_id, "l1"));
    bool accepts;
    LeadEvent event = fixture_event("l4", "e8", "seen", 1000);
    ck_assert_int_eq(shard_accepts(cluster->shards[cluster_home(STR_LITERAL("l4"))].leads, &event, &accepts), 0);
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    ck_assert_int_eq(tell(cluster, "l1", "e9", "seen", NULL).outcome, EVENT_APPLIED);
    elsewhere = tell(cluster, "l4", "e10", "seen", NULL);
    ck_assert(elsewhere.outcome == EVENT_ELSEWHERE && str_eq_c(elsewhere.lead_id, "l1"));
}
END_TEST

/* Something that gives a point, in an account. */
static void be_seen(Cluster *cluster, const char *lead_id, const char *event_id, const char *account_id) {
    LeadEvent event = fixture_event(lead_id, event_id, "seen", 1000);
    event.account_id = str_from(account_id);
    EventResult result;
    ck_assert_int_eq(shard_event(cluster->shards[cluster_home(str_from(lead_id))].leads, &event, TIME_NONE, &result), 0);
    ck_assert_int_eq(result.outcome, EVENT_APPLIED);
}

/* One of the accounts' scores: what the member brings, -1: it is none. */
static double brought(Cluster *cluster, unsigned account, unsigned lead) {
    const Member *member = member_of(cluster, account, lead);
    return member ? member->scores[0].value : -1;
}

START_TEST(merged_lead_leaves_its_account) {
    _cleanup_(cluster_free) Cluster *cluster = new_cluster(1);
    be_seen(cluster, "l1", "e1", "a0");
    be_seen(cluster, "l2", "e2", "a1");
    be_seen(cluster, "l3", "e3", "a1");
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    ck_assert(brought(cluster, 0, 1) == 1 && brought(cluster, 1, 2) == 1 && brought(cluster, 1, 3) == 1);
    ck_assert_int_eq(tell(cluster, "l1", "e4", "lead_merged", "l2").outcome, EVENT_APPLIED);
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    ck_assert(brought(cluster, 0, 1) == -1 && brought(cluster, 1, 2) == 1);
    /* in the same account it becomes part of the other's entry */
    ck_assert_int_eq(tell(cluster, "l3", "e5", "lead_merged", "l2").outcome, EVENT_APPLIED);
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    ck_assert(brought(cluster, 1, 3) == -1 && brought(cluster, 1, 2) == 2);
}
END_TEST

/* Each name is known in a shard of its own. */
START_TEST(names_of_a_forgotten_lead_are_forgotten_everywhere) {
    _cleanup_(cluster_free) Cluster *cluster = new_cluster(1);
    be_seen(cluster, "l0", "e1", "a0");
    be_seen(cluster, "l1", "e2", "a0");
    be_seen(cluster, "l2", "e3", "a0");
    ck_assert_int_eq(tell(cluster, "l0", "e4", "lead_merged", "l1").outcome, EVENT_APPLIED);
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    ck_assert_int_eq(tell(cluster, "l1", "e5", "lead_merged", "l2").outcome, EVENT_APPLIED);
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    ck_assert_int_eq(tell(cluster, "l0", "e6", "seen", NULL).outcome, EVENT_ELSEWHERE);
    ck_assert_int_eq(tell(cluster, "l2", "e7", "lead_forgotten", NULL).outcome, EVENT_APPLIED);
    ck_assert_int_eq(cluster_deliver_all(cluster), 0);
    for (unsigned i = 0; i < CLUSTER_SHARDS; i++) {
        shard_clean(cluster->shards[i].leads);
        ck_assert_uint_eq(entity_table_count(shard_leads(cluster->shards[i].leads)), 0);
        ck_assert(brought(cluster, 0, i) == -1);
    }
    ck_assert_int_eq(tell(cluster, "l0", "e8", "seen", NULL).outcome, EVENT_APPLIED); /* one that never was */
}
END_TEST

START_TEST(messages_that_cannot_be_done_change_nothing) {
    _cleanup_(cluster_free) Cluster *cluster = new_cluster(1);
    _cleanup_(lead_free) Lead *lead = NULL;
    Buffer ours = {0}, theirs = {0};
    Model newer = *model;
    newer.version = 7;
    ck_assert_int_eq(lead_new(model, STR_LITERAL("l1"), &lead), 0);
    lead_begin(lead, model, 1000);
    ck_assert_int_eq(record_pack(lead, model, &ours), 0);
    ck_assert_int_eq(record_pack(lead, &newer, &theirs), 0);
    Str record = {(const char *)ours.data, ours.len}, newer_record = {(const char *)theirs.data, theirs.len};

    TouchAward award = {.score = 1, .points = 1, .occurred_at_ms = 1000};
    Touch touch = {.lead_id = STR_LITERAL("l1"), .account_id = STR_LITERAL("a1"), .at_ms = 1000, .committee_at_ms = TIME_NONE, .gave_points = true};
    Touch unknown_score = touch;
    unknown_score.awards = &award;
    unknown_score.n_awards = 1;
    LeadEvent event = fixture_event("l1", "e1", "lead_merged", 1000);
    const struct {
        ShardMessage message;
        int expected;
    } rows[] = {
            {{.kind = MESSAGE_TOUCH, .touch = &touch, .model_version = 7}, COURIER_E_MODEL},
            {{.kind = MESSAGE_TOUCH, .touch = &unknown_score, .model_version = 1}, COURIER_E_CORRUPT},
            {{.kind = MESSAGE_ENTRY, .bytes = STR_LITERAL("\1\2"), .model_version = 1}, COURIER_E_CORRUPT},
            {{.kind = MESSAGE_ENTRY, .bytes = STR_LITERAL("\1\2"), .model_version = 7}, COURIER_E_MODEL},
            {{.kind = MESSAGE_MERGE, .bytes = newer_record}, COURIER_E_MODEL},
            {{.kind = MESSAGE_MERGE, .bytes = {record.data, record.len - 1}}, COURIER_E_CORRUPT},
            {{.kind = MESSAGE_MERGE, .bytes = STR_LITERAL("")}, COURIER_E_CORRUPT},
            {{.kind = MESSAGE_UNNAME}, 0},
            {{.kind = MESSAGE_LEAVE}, 0},
            {{.kind = MESSAGE_ENTRY, .bytes = STR_LITERAL(""), .model_version = 1}, 0},
            {{.kind = MESSAGE_TOUCH, .touch = &touch, .model_version = 1}, 0},
            {{.kind = MESSAGE_MERGE, .bytes = record}, 0},
    };
    ClusterShard *shard = &cluster->shards[1];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ShardMessage message = rows[i].message;
        message.at_ms = 1000;
        message.lead_id = STR_LITERAL("l1");
        message.account_id = STR_LITERAL("a1");
        message.way.into = STR_LITERAL("l4");
        message.event = &event;
        int64_t version;
        ck_assert_int_eq(courier_check(shard->courier, &message, &version), rows[i].expected);
        if (rows[i].expected == COURIER_E_MODEL)
            ck_assert_int_eq(version, 7);
        ck_assert_int_eq(courier_apply(shard->courier, &message), rows[i].expected);
        if (rows[i].expected)
            ck_assert(!entity_table_dirty(shard_accounts(shard->accounts)) && !entity_table_dirty(shard_leads(shard->leads)));
    }
    ck_assert_ptr_nonnull(entity_table_get(shard_leads(shard->leads), STR_LITERAL("l4")));
    buffer_done(&ours);
    buffer_done(&theirs);
}
END_TEST

START_TEST(bytes_that_are_no_message_are_refused) {
    static const char *const rows[] = {"", "\x01", "\x01\x07\x02", "\x01\x01\x02", "\x01\x01\x02\x01", "\x02\x01\x02"};
    _cleanup_(arena_free) Arena *arena = NULL;
    ck_assert_int_eq(arena_new(&arena), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ShardMessage message = {.from_shard = 0xad};
        ck_assert_int_gt(shard_message_unpack(str_from(rows[i]), arena, &message), 0);
        ck_assert_int_eq(message.from_shard, 0xad);
    }
}
END_TEST

/* As only a mistake, or a later version, would send them. */
START_TEST(messages_that_contradict_themselves_are_refused) {
    TouchAward later_award = {.points = 1, .occurred_at_ms = 1001}, no_score = {.score = MODEL_ACCOUNT_SCORES_MAX, .occurred_at_ms = 1000};
    Touch touch = {.committee_at_ms = TIME_NONE}, later_committee = {.committee_at_ms = 1001};
    Touch later = {.committee_at_ms = TIME_NONE, .awards = &later_award, .n_awards = 1};
    Touch scoreless = {.committee_at_ms = TIME_NONE, .awards = &no_score, .n_awards = 1};
    const struct {
        ShardMessage message;
        int expected;
    } rows[] = {
            {{.kind = MESSAGE_TOUCH, .touch = &touch}, 0},
            {{.kind = MESSAGE_TOUCH, .touch = &later_committee}, SHARD_MESSAGE_E_CORRUPT},
            {{.kind = MESSAGE_TOUCH, .touch = &later}, SHARD_MESSAGE_E_CORRUPT},
            {{.kind = MESSAGE_TOUCH, .touch = &scoreless}, SHARD_MESSAGE_E_CORRUPT},
            {{.kind = MESSAGE_LEAVE, .to_account_id = STR_LITERAL("a1")}, SHARD_MESSAGE_E_CORRUPT}, /* as whose? */
            {{.kind = MESSAGE_LEAVE, .to_lead_id = STR_LITERAL("l2")}, SHARD_MESSAGE_E_CORRUPT},
            {{.kind = MESSAGE_ENTRY, .n_more = ACCOUNT_DEPARTURES_MAX + 1}, SHARD_MESSAGE_E_CORRUPT},
            {{.kind = MESSAGE_MERGE, .way.into = STR_LITERAL("l2")}, SHARD_MESSAGE_E_CORRUPT}, /* no event says so */
            {{.kind = MESSAGE_EVENT, .partition = -1}, 0},
            {{.kind = MESSAGE_EVENT, .partition = -2}, SHARD_MESSAGE_E_CORRUPT},
            {{.kind = MESSAGE_EVENT, .offset = -1}, SHARD_MESSAGE_E_CORRUPT},
            {{.kind = _MESSAGE_KIND_MAX}, SHARD_MESSAGE_E_FORMAT},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(arena_free) Arena *arena = NULL;
        Buffer bytes = {0};
        ShardMessage message = rows[i].message, back = {.from_shard = 0xad};
        message.at_ms = 1000;
        message.account_id = STR_LITERAL("a0");
        message.lead_id = STR_LITERAL("l1");
        ck_assert_int_eq(arena_new(&arena), 0);
        ck_assert_int_eq(shard_message_pack(&message, model, &bytes), 0);
        ck_assert_int_eq(shard_message_unpack((Str){(const char *)bytes.data, bytes.len}, arena, &back), rows[i].expected);
        ck_assert(rows[i].expected == 0 || back.from_shard == 0xad);
        buffer_done(&bytes);
    }
}
END_TEST

/* The message as it arrives. */
static ShardMessage travel(const ShardMessage *message, Buffer *bytes, Arena *arena) {
    ShardMessage back;
    bytes->len = 0;
    ck_assert_int_eq(shard_message_pack(message, NULL, bytes), 0);
    ck_assert_int_eq(shard_message_unpack((Str){(const char *)bytes->data, bytes->len}, arena, &back), 0);
    return back;
}

START_TEST(event_arrives_with_where_it_stood) {
    _cleanup_(arena_free) Arena *arena = NULL;
    Buffer bytes = {0};
    ck_assert_int_eq(arena_new(&arena), 0);
    ShardMessage event = {.kind = MESSAGE_EVENT, .lead_id = STR_LITERAL("lead"), .topic = STR_LITERAL("crm"), .partition = 11,
            .offset = INT64_MAX, .bytes = STR_LITERAL("as it came")};
    ShardMessage back = travel(&event, &bytes, arena);
    ck_assert(back.kind == MESSAGE_EVENT && back.partition == 11 && back.offset == INT64_MAX);
    ck_assert(str_eq_c(back.lead_id, "lead") && str_eq_c(back.topic, "crm") && str_eq_c(back.bytes, "as it came"));
    buffer_done(&bytes);

    /* format 1, which is in internal topics, did not tell the partition */
    const char old[] = "\x01\x05\x00\x04lead\x03" "crm\x07\x02xy";
    ck_assert_int_eq(shard_message_unpack((Str){old, sizeof(old) - 1}, arena, &back), 0);
    ck_assert(back.kind == MESSAGE_EVENT && back.partition == -1 && back.offset == 7 && str_eq_c(back.bytes, "xy"));
}
END_TEST

START_TEST(progress_arrives_at_all_shards) {
    _cleanup_(arena_free) Arena *arena = NULL;
    Buffer bytes = {0};
    ck_assert_int_eq(arena_new(&arena), 0);
    ShardMessage progress = {.kind = MESSAGE_PROGRESS, .from_shard = 3, .topic = STR_LITERAL("crm"), .at_ms = 1767225600000};
    for (int i = 0; i < 2; i++) {
        progress.at_end = i;
        ShardMessage back = travel(&progress, &bytes, arena);
        ck_assert(back.kind == MESSAGE_PROGRESS && back.from_shard == 3 && back.at_ms == 1767225600000 && back.at_end == (i == 1));
        ck_assert(str_eq_c(back.topic, "crm"));
        ck_assert(str_is_null(shard_message_target(&back)));
    }
    buffer_done(&bytes);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("shard courier");
    TCase *moves = tcase_create("moves");
    tcase_add_checked_fixture(moves, setup, teardown);
    tcase_add_loop_test(moves, leads_end_where_they_went_last_with_all_they_were_given, 0, 60);
    tcase_add_loop_test(moves, entries_come_to_rest_where_more_leads_leave_than_are_remembered, 0, 20);
    tcase_add_test(moves, leads_merged_into_each_other_at_once_are_one_in_the_end);
    tcase_add_test(moves, merged_lead_leaves_its_account);
    tcase_add_test(moves, names_of_a_forgotten_lead_are_forgotten_everywhere);
    tcase_add_test(moves, messages_that_cannot_be_done_change_nothing);
    tcase_add_test(moves, event_arrives_with_where_it_stood);
    tcase_add_test(moves, progress_arrives_at_all_shards);
    tcase_add_test(moves, bytes_that_are_no_message_are_refused);
    tcase_add_test(moves, messages_that_contradict_themselves_are_refused);
    suite_add_tcase(suite, moves);
    return suite_run(suite);
}
