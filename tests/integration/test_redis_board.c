/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what the daemon's view has written, against a real Redis, which SCORED_TEST_REDIS names
 * (unix:/path); skipped without it. Database 8 of that server is emptied by every test.
 */
#include <hiredis/hiredis.h>
#include <math.h>
#include <stdio.h>

#include "daemon/io/kafka/kafka_client.h"
#include "daemon/io/redis/shard_tag.h"
#include "daemon/top/top.h"
#include "daemon/view/view_fields.h"
#include "lib/record/record.h"
#include "tests/unit/suite.h"

#define DATABASE 8
#define N_SHARDS 4
#define LINEAGE "0123456789abcdef0123456789abcdef"
#define NOW_MS INT64_C(1767225600000)
#define SKIPPED 77

static const char model_text[] =
        "model: t\n"
        "version: 7\n"
        "scores:\n"
        "  slow: { decay: { half_life: 1000s } }\n"
        "  quick: { decay: { half_life: 10s } }\n"
        "derived: { quick_only: 'quick', total: 'slow + quick' }\n"
        "rules: [{ id: asked, on: [asked], add: { slow: 1, quick: 1 } }]\n"
        "sla: [{ id: call, start: { on: [asked] }, stop: { on: [called] }, target: 10s }]\n";

static Config config;
static Model *model, *other_model;
static redisContext *admin;
static RedisView *view;
static RedisBoard *board;
static ViewFieldsBuffer *buffer;
static Top top;
static char text[REDIS_TEXT_SIZE];
static int64_t bno[N_SHARDS];

static Model *load_model(const char *source) {
    Model *loaded = NULL;
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    ck_assert_int_eq(model_load(str_from(source), NULL, &diagnostics, &loaded), 0);
    ck_assert_ptr_nonnull(loaded);
    diagnostics_done(&diagnostics);
    return loaded;
}

static void setup(void) {
    const char *boards[VIEW_BOARDS_MAX];
    config = (Config){
            .redis_address = getenv("SCORED_TEST_REDIS"),
            .redis_database = DATABASE,
            .redis_prefix = "t",
            .redis_hashes = true,
            .instance = "test",
            .partitioner = "murmur2_random",
    };
    admin = redisConnectUnix(config.redis_address + strlen("unix:"));
    ck_assert(admin && !admin->err);
    freeReplyObject(redisCommand(admin, "SELECT %d", DATABASE));
    freeReplyObject(redisCommand(admin, "FLUSHDB"));
    model = load_model(model_text);
    ViewBoards of_leads = {.names = {boards}, .n = {view_fields_boards(model, ENTITY_LEAD, boards)}};
    ck_assert_int_eq(redis_view_new(&config, &of_leads, text, &view), 0);
    ck_assert_int_eq(redis_view_set_shards(view, N_SHARDS, text), 0);
    ck_assert_int_eq(redis_board_new(&config, text, &board), 0);
    ck_assert_int_eq(view_fields_new(true, &buffer), 0);
    ck_assert(top_init(&top, &config, model, NULL));
    memset(bno, 0, sizeof(bno));
}

static void teardown(void) {
    top_deinit(&top);
    buffer = view_fields_free(buffer);
    board = redis_board_free(board);
    view = redis_view_free(view);
    model = model_free(model);
    other_model = model_free(other_model);
    redisFree(admin);
}

/* What the daemon writes at its start. */
static void write_info(void) {
    const ViewField *made;
    size_t n;
    ViewField fields[VIEW_INFO_FIELDS_MAX + 1];
    ck_assert_int_eq(view_fields_info(buffer, model, &made, &n), 0);
    memcpy(fields, made, n * sizeof(*made));
    fields[n++] = (ViewField){STR_LITERAL("shards"), STR_LITERAL("4")};
    ck_assert_int_eq(redis_view_set_info(view, fields, n, text), 0);
}

/* Writes a lead as a batch of its own. */
static void write_lead(const Lead *lead) {
    Buffer record = {0};
    ViewWrite write;
    int32_t shard = kafka_partition_of(&config, lead->lead_id, N_SHARDS);
    ck_assert_int_eq(record_pack(lead, model, &record), 0);
    ck_assert_int_eq(view_fields_make(buffer, model, lead, &write), 0);
    write.record = (Str){(const char *)record.data, record.len};
    ViewBatch batch = {
            .shard = shard,
            .lineage = LINEAGE,
            .from_bno = bno[shard],
            .to_bno = bno[shard] + 1,
            .next_offset = 10 * bno[shard],
            .watermark_ms = NOW_MS,
            .now_ms = NOW_MS,
            .writes = &write,
            .n_writes = 1,
    };
    bno[shard]++;
    int r = redis_view_apply(view, &batch, text);
    ck_assert_msg(r == 0, "%s", text);
    buffer_done(&record);
}

static Lead *make_lead(const char *id, double slow, double quick) {
    Lead *lead = NULL;
    ck_assert_int_eq(lead_new(model, str_from(id), &lead), 0);
    lead_begin(lead, model, NOW_MS);
    lead->scores[0] = (ScoreState){slow, NOW_MS};
    lead->scores[1] = (ScoreState){quick, NOW_MS};
    lead->next_internal_ms = lead->next_sla_ms = TIME_NEVER;
    return lead;
}

static void write_scores(const char *id, double slow, double quick) {
    _cleanup_(lead_free) Lead *lead = make_lead(id, slow, quick);
    write_lead(lead);
}

static void write_clock(const char *id, int64_t due_at_ms, bool breached, int64_t next_sla_ms) {
    _cleanup_(lead_free) Lead *lead = make_lead(id, 0, 0);
    lead->clocks[0] = (SlaClock){
            .phase = SLA_PHASE_OPEN,
            .epoch = 1,
            .started_at_ms = NOW_MS - 1000,
            .due_at_ms = due_at_ms,
            .breached = breached,
    };
    lead->next_sla_ms = next_sla_ms;
    write_lead(lead);
}

static void refresh(int64_t now_ms) {
    ck_assert_int_eq(top_refresh(&top, board, true, now_ms), 0);
}

#define assert_lead(i, id) ck_assert(str_eq_c(top.leads[i].lead->lead_id, (id)))

START_TEST(empty_redis_is_told) {
    refresh(NOW_MS);
    ck_assert_str_eq(top.status, "no daemon has written to Redis yet (no key t:info)");
    write_info();
    refresh(NOW_MS);
    ck_assert_str_eq(top.status, "");
    ck_assert_uint_eq(top.n_leads, 0);
}
END_TEST

/* By what they are worth now, and not by what they were when they were written. */
START_TEST(hottest_leads_of_all_shards_are_found) {
    char id[32];
    write_info();
    for (unsigned i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "quick-%u", i);
        write_scores(id, 0, 100 + i);
        snprintf(id, sizeof(id), "slow-%u", i);
        write_scores(id, 10 + i, 0);
    }
    top.n_leads_wanted = 3;
    refresh(NOW_MS);
    ck_assert_str_eq(top.status, "");
    ck_assert_uint_eq(top.n_leads, 3);
    assert_lead(0, "quick-39");
    assert_lead(2, "quick-37");
    ck_assert(!top.leads_left_out);
    /* After ten half-lives the quick ones are next to nothing, but still above the slow ones on the board. */
    top.n_leads_wanted = 12;
    refresh(NOW_MS + 100000);
    ck_assert_uint_eq(top.n_leads, 12);
    assert_lead(0, "slow-39");
    assert_lead(11, "slow-28");
    ck_assert_double_eq_tol(top.leads[0].value, 49 * exp2(-0.1), 1e-9);
}
END_TEST

START_TEST(board_of_one_half_life_is_read_no_further_than_needed) {
    char id[32];
    write_info();
    top_deinit(&top);
    ck_assert(top_init(&top, &config, model, "quick_only"));
    for (unsigned i = 0; i < 60; i++) {
        snprintf(id, sizeof(id), "lead-%u", i);
        write_scores(id, 0, 100 + i);
    }
    top.n_leads_wanted = 2;
    refresh(NOW_MS + 10000);
    ck_assert_uint_eq(top.n_leads, 2);
    ck_assert(!top.leads_left_out);
    assert_lead(0, "lead-59");
    ck_assert_double_eq_tol(top.leads[0].value, 79.5, 1e-9);
}
END_TEST

START_TEST(points_that_fade_are_noticed) {
    write_info();
    write_scores("lead", 0, 80);
    refresh(NOW_MS);
    ck_assert_int_eq(top.counts.decays, 0);
    refresh(NOW_MS + 1000);
    ck_assert_int_eq(top.counts.decays, 1);
}
END_TEST

START_TEST(open_clocks_are_found_soonest_first) {
    write_info();
    write_clock("later", NOW_MS + 9000, false, NOW_MS + 9000);
    write_clock("sooner", NOW_MS + 4000, false, NOW_MS + 4000);
    write_clock("forgotten", NOW_MS - 50000, true, TIME_NEVER);
    write_scores("none", 5, 5);
    refresh(NOW_MS);
    ck_assert_uint_eq(top.n_clocks, 2);
    ck_assert(str_eq_c(top.clocks[0].lead->lead_id, "sooner"));
    ck_assert(str_eq_c(top.clocks[1].lead->lead_id, "later"));
    /* One that has no moment to come is found because it was in the news. */
    Output news = {.type = OUTPUT_SLA_EVENT, .lead_id = STR_LITERAL("forgotten")};
    (void)top_note_output(&top, &news, -1);
    refresh(NOW_MS);
    ck_assert_uint_eq(top.n_clocks, 3);
    ck_assert(str_eq_c(top.clocks[0].lead->lead_id, "forgotten"));
    ck_assert(top.clocks[0].clock->breached);
}
END_TEST

START_TEST(other_version_of_the_model_is_told) {
    char source[sizeof(model_text)];
    write_info();
    write_scores("lead", 50, 50);
    strcpy(source, model_text);
    *strchr(source, '7') = '8';
    other_model = load_model(source);
    top_deinit(&top);
    ck_assert(top_init(&top, &config, other_model, NULL));
    refresh(NOW_MS);
    ck_assert_uint_eq(top.n_leads, 0);
    ck_assert(str_starts_with(str_from(top.status), "leads are of another version of the model than 8"));
}
END_TEST

START_TEST(broken_record_is_counted_and_passed) {
    char tag[SHARD_TAG_SIZE];
    write_info();
    write_scores("good", 50, 50);
    write_scores("bad", 60, 60);
    shard_tag(kafka_partition_of(&config, STR_LITERAL("bad"), N_SHARDS), N_SHARDS, tag);
    freeReplyObject(redisCommand(admin, "SET t:{%s}:record:bad xyz", tag));
    refresh(NOW_MS);
    ck_assert_uint_eq(top.n_leads, 1);
    assert_lead(0, "good");
    ck_assert_int_ge(top.counts.broken, 1);
}
END_TEST

static BoardRecord ask(EntityKind kind, const char *id) {
    BoardRecord record;
    BoardInfo info;
    int32_t shard = kafka_partition_of(&config, str_from(id), N_SHARDS);
    ck_assert_int_eq(redis_board_info(board, "", text, &info), 0);
    int r = redis_board_record(board, kind, shard, str_from(id), text, &record);
    ck_assert_msg(r == 0, "%s", text);
    return record;
}

START_TEST(one_lead_is_found_with_its_shard) {
    BoardInfo info;
    write_info();
    write_scores("lead-1", 10, 20);
    ck_assert_int_eq(redis_board_info(board, "", text, &info), 0);
    ck_assert(str_eq_c(info.model, "t") && str_is_null(info.partitioner));
    BoardRecord record = ask(ENTITY_LEAD, "lead-1");
    _cleanup_(lead_free) Lead *lead = NULL;
    ck_assert_int_eq(record_unpack(record.value, STR_LITERAL("lead-1"), model, &lead), 0);
    ck_assert_int_eq(record.watermark_ms, NOW_MS);
    ck_assert(!record.is_rebuilding);
    ck_assert(str_is_null(ask(ENTITY_LEAD, "nobody").value));
    ck_assert(str_is_null(ask(ENTITY_ACCOUNT, "lead-1").value));
}
END_TEST

START_TEST(shards_are_told_as_they_stand) {
    BoardShard shards[N_SHARDS];
    BoardInfo info;
    int32_t written = kafka_partition_of(&config, STR_LITERAL("lead-1"), N_SHARDS), other = (written + 1) % N_SHARDS;
    char keys[_BOARD_KEY_MAX][BOARD_KEY_SIZE];
    write_info();
    write_scores("lead-1", 10, 20);
    ck_assert_int_eq(redis_board_info(board, "", text, &info), 0);
    redis_board_keys(board, ENTITY_LEAD, other, STR_LITERAL("x"), keys);
    freeReplyObject(redisCommand(admin, "HSET %s mode rebuilding bno 7 watermark x", keys[BOARD_KEY_META]));
    ck_assert_int_eq(redis_board_shards(board, N_SHARDS, text, shards), 0);
    ck_assert(shards[written].is_there && !shards[written].is_rebuilding);
    ck_assert_int_eq(shards[written].bno, 1);
    ck_assert_int_eq(shards[written].watermark_ms, NOW_MS);
    ck_assert_int_eq(shards[written].updated_at_ms, NOW_MS);
    ck_assert(shards[other].is_there && shards[other].is_rebuilding);
    ck_assert_int_eq(shards[other].bno, 7);
    ck_assert_int_eq(shards[other].watermark_ms, TIME_NONE);
    ck_assert(!shards[(written + 2) % N_SHARDS].is_there);
    ck_assert_int_eq(redis_board_shards(board, 0, text, shards), 0);
    freeReplyObject(redisCommand(admin, "DEL %s", keys[BOARD_KEY_META]));
    freeReplyObject(redisCommand(admin, "SET %s x", keys[BOARD_KEY_META]));
    ck_assert_int_eq(redis_board_shards(board, N_SHARDS, text, shards), VIEW_E_REFUSED);
}
END_TEST

START_TEST(keys_are_those_that_are_read) {
    char keys[_BOARD_KEY_MAX][BOARD_KEY_SIZE];
    int32_t shard = kafka_partition_of(&config, STR_LITERAL("acme"), N_SHARDS);
    write_info();
    ck_assert(str_is_null(ask(ENTITY_ACCOUNT, "acme").value));
    redis_board_keys(board, ENTITY_ACCOUNT, shard, STR_LITERAL("acme"), keys);
    ck_assert_ptr_nonnull(strstr(keys[BOARD_KEY_FIELDS], "}:account:acme"));
    freeReplyObject(redisCommand(admin, "SET %s packed", keys[BOARD_KEY_RECORD]));
    freeReplyObject(redisCommand(admin, "HSET %s mode rebuilding", keys[BOARD_KEY_META]));
    BoardRecord record = ask(ENTITY_ACCOUNT, "acme");
    ck_assert(str_eq_c(record.value, "packed") && record.is_rebuilding);
    ck_assert_int_eq(record.watermark_ms, TIME_NONE);
}
END_TEST

START_TEST(what_is_not_ours_is_told) {
    write_info();
    freeReplyObject(redisCommand(admin, "HSET t:info shards many"));
    refresh(NOW_MS);
    ck_assert_str_eq(top.status, "the keys t:* hold what scored has not written there");
    freeReplyObject(redisCommand(admin, "SET t:info x"));
    freeReplyObject(redisCommand(admin, "DEL t:info"));
    freeReplyObject(redisCommand(admin, "SET t:info x"));
    refresh(NOW_MS);
    ck_assert_ptr_nonnull(strstr(top.status, "WRONGTYPE"));
}
END_TEST

START_TEST(redis_that_is_away_is_told_and_comes_back) {
    Config nowhere = config;
    nowhere.redis_address = "unix:/nonexistent/redis.sock";
    RedisBoard *away = NULL;
    ck_assert_int_eq(redis_board_new(&nowhere, text, &away), 0);
    ck_assert_int_eq(top_refresh(&top, away, true, NOW_MS), 0);
    ck_assert_str_ne(top.status, "");
    redis_board_free(away);

    write_info();
    refresh(NOW_MS);
    freeReplyObject(redisCommand(admin, "CLIENT KILL TYPE normal SKIPME yes"));
    refresh(NOW_MS);
    refresh(NOW_MS);
    ck_assert_str_eq(top.status, "");
}
END_TEST

int main(void) {
    if (!getenv("SCORED_TEST_REDIS")) {
        puts("1..0 # SKIP SCORED_TEST_REDIS is not set to the address of a Redis on a Unix socket");
        return SKIPPED;
    }
    Suite *suite = suite_create("redis_board");
    TCase *tcase = tcase_create("board");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, empty_redis_is_told);
    tcase_add_test(tcase, hottest_leads_of_all_shards_are_found);
    tcase_add_test(tcase, board_of_one_half_life_is_read_no_further_than_needed);
    tcase_add_test(tcase, points_that_fade_are_noticed);
    tcase_add_test(tcase, open_clocks_are_found_soonest_first);
    tcase_add_test(tcase, other_version_of_the_model_is_told);
    tcase_add_test(tcase, broken_record_is_counted_and_passed);
    tcase_add_test(tcase, one_lead_is_found_with_its_shard);
    tcase_add_test(tcase, shards_are_told_as_they_stand);
    tcase_add_test(tcase, keys_are_those_that_are_read);
    tcase_add_test(tcase, what_is_not_ours_is_told);
    tcase_add_test(tcase, redis_that_is_away_is_told_and_comes_back);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
