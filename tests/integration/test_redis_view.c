/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view against a real Redis, which SCORED_TEST_REDIS names (unix:/path); skipped without it. Database 9
 * of that server is emptied by every test.
 */
#include <hiredis/hiredis.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/io/redis/redis_view.h"
#include "daemon/io/redis/shard_tag.h"
#include "tests/unit/suite.h"

#define DATABASE 9
#define N_SHARDS 4
#define SHARD 1
#define LINEAGE "0123456789abcdef0123456789abcdef"
#define OTHER_LINEAGE "fedcba9876543210fedcba9876543210"
#define NOW_MS INT64_C(1767225600000)
#define SKIPPED 77

static const char *const rank_names[] = {"total", "intent"}, *const account_rank_names[] = {"intent"};
static const ViewBoards boards = {.names = {rank_names, account_rank_names}, .n = {2, 1}};
static const ViewField some_fields[] = {
        {STR_LITERAL("clock"), STR_LITERAL("1767225600000")},
        {STR_LITERAL("stage:lifecycle"), STR_LITERAL("mql")},
};

static Config config;
static char text[REDIS_TEXT_SIZE];
static redisContext *admin;
static RedisView *view;
static char base[64]; /* what the shard's keys begin with */

/* ---- asking Redis directly ---- */

static redisContext *connect_admin(void) {
    redisContext *c = redisConnectUnix(config.redis_address + strlen("unix:"));
    ck_assert(c && !c->err);
    freeReplyObject(redisCommand(c, "SELECT %d", DATABASE));
    return c;
}

/* The reply as text: nil is "(nil)", an array its elements with commas between them. */
static const char *print_reply(const redisReply *reply) {
    static char texts[4][2000];
    static unsigned next;
    char *out = texts[next++ % 4];
    out[0] = '\0';
    if (reply->type == REDIS_REPLY_INTEGER)
        snprintf(out, sizeof(texts[0]), "%lld", reply->integer);
    else if (reply->type == REDIS_REPLY_NIL)
        return "(nil)";
    else if (reply->type != REDIS_REPLY_ARRAY)
        snprintf(out, sizeof(texts[0]), "%s", reply->str);
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const char *element = print_reply(reply->element[i]);
        size_t len = strlen(out);
        snprintf(out + len, sizeof(texts[0]) - len, "%s%s", i ? "," : "", element);
    }
    return out;
}

#define ask(...)                                                                                             \
    ({                                                                                                       \
        redisReply *_reply = redisCommand(admin, __VA_ARGS__);                                               \
        ck_assert_ptr_nonnull(_reply);                                                                       \
        const char *_text = print_reply(_reply);                                                             \
        freeReplyObject(_reply);                                                                             \
        _text;                                                                                               \
    })

static const char *meta_field(const char *name) {
    return ask("HGET %smeta %s", base, name);
}

/* ---- fixture ---- */

static RedisView *new_view(void) {
    RedisView *v = NULL;
    ck_assert_int_eq(redis_view_new(&config, &boards, text, &v), 0);
    ck_assert_int_eq(redis_view_set_shards(v, N_SHARDS, text), 0);
    return v;
}

static void setup(void) {
    config = (Config){
            .redis_address = getenv("SCORED_TEST_REDIS"),
            .redis_database = DATABASE,
            .redis_prefix = "t*[x]",
            .redis_hashes = true,
            .instance = "test",
    };
    char tag[SHARD_TAG_SIZE];
    shard_tag(SHARD, N_SHARDS, tag);
    snprintf(base, sizeof(base), "%s:{%s}:", config.redis_prefix, tag);
    admin = connect_admin();
    freeReplyObject(redisCommand(admin, "FLUSHDB"));
    view = new_view();
}

static void teardown(void) {
    view = redis_view_free(view);
    redisFree(admin);
}

/* ---- batches ---- */

static ViewWrite write_of(const char *id, const char *record, int64_t moment_ms) {
    return (ViewWrite){
            .id = str_from(id),
            .record = str_from(record),
            .moment_ms = moment_ms,
            .fields = some_fields,
            .n_fields = ARRAY_SIZE(some_fields),
    };
}

static ViewWrite account_of(const char *id, const char *record, int64_t moment_ms) {
    ViewWrite write = write_of(id, record, moment_ms);
    write.kind = ENTITY_ACCOUNT;
    return write;
}

static ViewBatch batch_of(int64_t from_bno, int64_t to_bno, const ViewWrite *writes, size_t n) {
    return (ViewBatch){
            .shard = SHARD,
            .lineage = LINEAGE,
            .from_bno = from_bno,
            .to_bno = to_bno,
            .next_offset = to_bno * 10,
            .watermark_ms = NOW_MS - 1000,
            .now_ms = NOW_MS,
            .writes = writes,
            .n_writes = n,
    };
}

static int apply(RedisView *v, int64_t from_bno, int64_t to_bno, const ViewWrite *writes, size_t n) {
    ViewBatch batch = batch_of(from_bno, to_bno, writes, n);
    return redis_view_apply(v, &batch, text);
}

static int apply_one(int64_t from_bno, int64_t to_bno, const char *id, const char *record) {
    ViewWrite write = write_of(id, record, TIME_NEVER);
    return apply(view, from_bno, to_bno, &write, 1);
}

static int catch_up(RedisView *v, int64_t expect_next, int64_t next_offset, int64_t to_bno,
        const ViewWrite *writes, size_t n) {
    return redis_view_catch_up(v, SHARD, LINEAGE, expect_next, next_offset, to_bno,
            to_bno ? NOW_MS : TIME_NONE, NOW_MS, writes, n, text);
}

/* Many writes, whose texts live in `memory`. */
typedef struct Many {
    size_t n;
    ViewWrite *writes;
    char (*memory)[2][32];
} Many;

static Many make_many(size_t n, const char *value) {
    Many many = {n, calloc(n, sizeof(ViewWrite)), calloc(n, sizeof(char[2][32]))};
    for (size_t i = 0; i < n; i++) {
        snprintf(many.memory[i][0], 32, "lead-%06zu", i);
        snprintf(many.memory[i][1], 32, "%s-%zu", value, i);
        many.writes[i] = write_of(many.memory[i][0], many.memory[i][1], NOW_MS + (int64_t)i);
    }
    return many;
}

/* Every other one is an account's, with the id of the lead before it. */
static void mix(Many *many) {
    for (size_t i = 1; i < many->n; i += 2) {
        many->writes[i].kind = ENTITY_ACCOUNT;
        many->writes[i].id = many->writes[i - 1].id;
    }
}

static void free_many(Many *many) {
    free(many->writes);
    free(many->memory);
}

static int fetch(RedisView *v, int64_t min_bno, int64_t max_bno, EntityKind kind, const Str *ids, size_t n,
        Str *values) {
    return redis_view_fetch(v, SHARD, LINEAGE, min_bno, max_bno, kind, ids, n, text, values);
}

/* At batch `bno`. */
static int read_moments(RedisView *v, int64_t bno, EntityKind kind, int64_t from_ms, size_t max,
        ViewMoment *ret, size_t *ret_n) {
    return redis_view_moments(v, SHARD, LINEAGE, bno, bno, kind, from_ms, max, text, ret, ret_n);
}

static void assert_records_of(const Many *many, EntityKind kind, const char *value) {
    Str *ids = calloc(many->n, sizeof(*ids)), *values = calloc(many->n, sizeof(*values));
    size_t n = 0;
    for (size_t i = 0; i < many->n; i++)
        if (many->writes[i].kind == kind)
            ids[n++] = many->writes[i].id;
    ck_assert_int_eq(fetch(view, 0, INT64_MAX, kind, ids, n, values), 0);
    n = 0;
    for (size_t i = 0; i < many->n; i++) {
        char expected[40];
        if (many->writes[i].kind != kind)
            continue;
        snprintf(expected, sizeof(expected), "%s-%zu", value, i);
        ck_assert_msg(str_eq_c(values[n], expected), "record %zu: %.*s", i, STR_FMT(values[n]));
        n++;
    }
    free(ids);
    free(values);
}

static void assert_all_records(const Many *many, const char *value) {
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++)
        assert_records_of(many, kind, value);
}

/* ---- applying ---- */

START_TEST(first_batch_makes_a_live_shard) {
    ViewMeta meta;
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), 0);
    ck_assert_int_eq(meta.mode, VIEW_ABSENT);

    ViewRank ranks[] = {{0, 12.25}, {1, -INFINITY}};
    ViewWrite write = write_of("lead-1", "packed\r\n", NOW_MS + 5);
    write.ranks = ranks;
    write.n_ranks = 2;
    ck_assert_int_eq(apply(view, 0, 1, &write, 1), 0);

    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), 0);
    ck_assert_int_eq(meta.mode, VIEW_LIVE);
    ck_assert_str_eq(meta.lineage, LINEAGE);
    ck_assert_int_eq(meta.bno, 1);
    ck_assert_int_eq(meta.next_offset, 10);
    ck_assert_int_eq(meta.watermark_ms, NOW_MS - 1000);
    ck_assert_int_eq(meta.updated_at_ms, NOW_MS);
    ck_assert(!meta.is_torn);
    ck_assert_str_eq(meta_field("applying"), "(nil)");
    ck_assert_str_eq(meta_field("boards"), "total\nintent\naccount-rank:intent\n");

    ck_assert_str_eq(ask("GET %srecord:lead-1", base), "packed\r\n");
    ck_assert_str_eq(ask("HGET %slead:lead-1 stage:lifecycle", base), "mql");
    ck_assert_str_eq(ask("OBJECT ENCODING %slead:lead-1", base), "listpack");
    ck_assert_str_eq(ask("ZSCORE %smoments lead-1", base), "1767225600005");
    ck_assert_str_eq(ask("ZSCORE %srank:total lead-1", base), "12.25");
    ck_assert_str_eq(ask("EXISTS %srank:intent", base), "0");
}
END_TEST

START_TEST(same_batch_again_is_success) {
    ck_assert_int_eq(apply_one(0, 1, "a", "1"), 0);
    ck_assert_int_eq(apply_one(0, 1, "a", "never written"), 0);
    ck_assert_str_eq(ask("GET %srecord:a", base), "1");
}
END_TEST

START_TEST(batch_without_writes_moves_the_shard) {
    ck_assert_int_eq(apply(view, 0, 1, NULL, 0), 0);
    ck_assert_int_eq(apply(view, 1, 2, NULL, 0), 0);
    ck_assert_str_eq(meta_field("bno"), "2");
}
END_TEST

/* What a batch meets, and what comes of it. The shard stands at batch 9, in the second row at 10. */
static const struct {
    const char *lineage;
    int64_t at_bno, from_bno, to_bno;
    int expected;
} condition_rows[] = {
        {LINEAGE, 9, 9, 10, 0},
        {LINEAGE, 10, 9, 10, 0},
        {LINEAGE, 9, 9, 12, 0},
        {LINEAGE, 9, 7, 12,
                0}, /* a part of it was applied before: the rest has the same leads' later values */
        {LINEAGE, 9, 10, 11, VIEW_E_BEHIND},
        {LINEAGE, 10, 9, 11, 0},
        {LINEAGE, 9, 1, 8, VIEW_E_AHEAD},
        {LINEAGE, 9, 0, 1, VIEW_E_AHEAD},
        {LINEAGE, 9, 100, 101, VIEW_E_BEHIND},
        {OTHER_LINEAGE, 9, 9, 10, VIEW_E_LINEAGE},
        {OTHER_LINEAGE, 9, 0, 1, VIEW_E_LINEAGE},
        /* beyond the integers that doubles tell apart */
        {LINEAGE, INT64_C(9007199254740993), INT64_C(9007199254740992), INT64_C(9007199254740994), 0},
        {LINEAGE, INT64_C(9007199254740992), INT64_C(9007199254740993), INT64_C(9007199254740994),
                VIEW_E_BEHIND},
};

START_TEST(batch_needs_its_predecessor) {
    int64_t at = condition_rows[_i].at_bno;
    ck_assert_int_eq(apply_one(0, at, "a", "before"), 0);
    ViewWrite write = write_of("a", "after", TIME_NEVER);
    ViewBatch batch = batch_of(condition_rows[_i].from_bno, condition_rows[_i].to_bno, &write, 1);
    batch.lineage = condition_rows[_i].lineage;
    int expected = condition_rows[_i].expected;
    ck_assert_int_eq(redis_view_apply(view, &batch, text), expected);

    ViewMeta meta;
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), 0);
    ck_assert_int_eq(meta.bno, expected ? at : condition_rows[_i].to_bno);
    bool is_written = expected == 0 && at != condition_rows[_i].to_bno;
    ck_assert_str_eq(ask("GET %srecord:a", base), is_written ? "after" : "before");
}
END_TEST

START_TEST(later_batch_without_meta_is_behind) {
    ck_assert_int_eq(apply_one(1, 2, "a", "1"), VIEW_E_BEHIND);
    ck_assert_str_eq(ask("DBSIZE"), "0");
}
END_TEST

START_TEST(large_batch_is_applied_whole) {
    Many many = make_many(20000, "v");
    ck_assert_int_eq(apply(view, 0, 1, many.writes, many.n), 0);
    ck_assert_str_eq(ask("ZCARD %smoments", base), "20000");
    ck_assert_str_eq(meta_field("bno"), "1");
    ck_assert_str_eq(meta_field("applying"), "(nil)");
    assert_all_records(&many, "v");
    free_many(&many);
}
END_TEST

START_TEST(records_of_any_size_and_content_are_kept) {
    size_t len = RECORD_BYTES_MAX;
    char *large = malloc(len);
    for (size_t i = 0; i < len; i++)
        large[i] = (char)(i * 7);
    ViewWrite writes[3] = {
            write_of("a", "", TIME_NEVER), write_of("b", "", TIME_NEVER), write_of("\xff{}\n\"", "x", 7)};
    writes[0].record = writes[1].record = (Str){large, len};
    writes[1].record.len = 0;
    ck_assert_int_eq(apply(view, 0, 1, writes, 3), 0);

    Str ids[] = {str_from("a"), str_from("b"), str_from("\xff{}\n\""), str_from("none")}, values[4];
    ck_assert_int_eq(fetch(view, 1, 1, ENTITY_LEAD, ids, 4, values), 0);
    ck_assert(str_eq(values[0], writes[0].record));
    ck_assert(!str_is_null(values[1]) && values[1].len == 0);
    ck_assert(str_eq_c(values[2], "x"));
    ck_assert(str_is_null(values[3]));
    free(large);
}
END_TEST

START_TEST(hash_has_only_the_latest_fields) {
    ViewField fields[] = {{STR_LITERAL("sla:accept"), STR_LITERAL("1/2/0")}};
    ViewWrite write = write_of("a", "1", TIME_NEVER);
    ck_assert_int_eq(apply(view, 0, 1, &write, 1), 0);
    write.fields = fields;
    write.n_fields = 1;
    ck_assert_int_eq(apply(view, 1, 2, &write, 1), 0);
    ck_assert_str_eq(ask("HGETALL %slead:a", base), "sla:accept,1/2/0");
    write.n_fields = 0;
    ck_assert_int_eq(apply(view, 2, 3, &write, 1), 0);
    ck_assert_str_eq(ask("EXISTS %slead:a", base), "0");
}
END_TEST

START_TEST(of_several_writes_of_a_lead_the_last_counts) {
    ViewWrite writes[] = {
            write_of("a", "1", 100),
            write_of("b", NULL, TIME_NEVER),
            write_of("c", "1", 5),
            write_of("a", NULL, TIME_NEVER),
            write_of("b", "2", 50),
            write_of("c", "2", TIME_NEVER),
            write_of("a", "3", 300),
            write_of("b", NULL, TIME_NEVER),
    };
    writes[2].n_fields = 2;
    writes[5].n_fields = 1;
    ck_assert_int_eq(apply(view, 0, 1, writes, ARRAY_SIZE(writes)), 0);
    ck_assert_str_eq(ask("MGET %srecord:a %srecord:b %srecord:c", base, base, base), "3,(nil),2");
    ck_assert_str_eq(ask("ZRANGE %smoments 0 -1 WITHSCORES", base), "a,300");
    ck_assert_str_eq(ask("HLEN %slead:c", base), "1");
    ck_assert_str_eq(ask("EXISTS %slead:b", base), "0");
}
END_TEST

START_TEST(ranks_are_kept_exactly_or_taken_off) {
    double score = 40.906891 + (double)NOW_MS / 604800000.0;
    ViewRank ranks[] = {{1, score}, {0, 3}};
    ViewWrite write = write_of("a", "1", TIME_NEVER);
    write.ranks = ranks;
    write.n_ranks = 2;
    ck_assert_int_eq(apply(view, 0, 1, &write, 1), 0);
    ck_assert(strtod(ask("ZSCORE %srank:intent a", base), NULL) == score);
    ck_assert_str_eq(ask("ZSCORE %srank:total a", base), "3");

    ranks[0].score = -INFINITY;
    write.n_ranks = 1; /* the other one stays as it was */
    ck_assert_int_eq(apply(view, 1, 2, &write, 1), 0);
    ck_assert_str_eq(ask("ZSCORE %srank:intent a", base), "(nil)");
    ck_assert_str_eq(ask("ZSCORE %srank:total a", base), "3");
    ranks[0] = (ViewRank){0, NAN};
    ck_assert_int_eq(apply(view, 2, 3, &write, 1), 0);
    ck_assert_str_eq(ask("ZSCORE %srank:total a", base), "(nil)");
}
END_TEST

/* The kind whose boards the later model has. */
START_TEST(boards_of_an_earlier_model_go) {
    static const char *const later_names[] = {"intent", "fresh"};
    ViewRank ranks[] = {{0, 5}, {1, 6}}, account_rank = {0, 7};
    ViewWrite writes[] = {write_of("a", "1", TIME_NEVER), account_of("a", "1", TIME_NEVER)};
    writes[0].ranks = ranks;
    writes[0].n_ranks = 2;
    writes[1].ranks = &account_rank;
    writes[1].n_ranks = 1;
    ck_assert_int_eq(apply(view, 0, 1, writes, 2), 0);

    ViewBoards later_boards = {0};
    later_boards.names[_i] = later_names;
    later_boards.n[_i] = 2;
    RedisView *later = NULL;
    ck_assert_int_eq(redis_view_new(&config, &later_boards, text, &later), 0);
    ck_assert_int_eq(redis_view_set_shards(later, N_SHARDS, text), 0);
    ck_assert_int_eq(apply(later, 1, 2, NULL, 0), 0);
    ck_assert_str_eq(ask("EXISTS %srank:total", base), "0");
    ck_assert_str_eq(ask("ZSCORE %srank:intent a", base), _i == ENTITY_LEAD ? "6" : "(nil)");
    ck_assert_str_eq(ask("ZSCORE %saccount-rank:intent a", base), _i == ENTITY_ACCOUNT ? "7" : "(nil)");
    redis_view_free(later);
}
END_TEST

/* ---- accounts ---- */

/* The ids are the same: only the kind tells them apart. */
static const ViewField account_fields[] = {{STR_LITERAL("members"), STR_LITERAL("3")}};
static const ViewRank lead_ranks[] = {{0, 1}, {1, 2}}, account_ranks[] = {{0, 3}};

static void make_pair(ViewWrite pair[static 2], const char *lead_record, const char *account_record) {
    pair[0] = write_of("acme", lead_record, NOW_MS + 1);
    pair[0].ranks = lead_ranks;
    pair[0].n_ranks = 2;
    pair[1] = account_of("acme", account_record, NOW_MS + 2);
    pair[1].fields = account_fields;
    pair[1].n_fields = 1;
    pair[1].ranks = account_ranks;
    pair[1].n_ranks = 1;
}

/* `record`: null if it must be nowhere. */
static void assert_lead_is(const char *record) {
    ck_assert_str_eq(ask("GET %srecord:acme", base), record ? record : "(nil)");
    ck_assert_str_eq(ask("HLEN %slead:acme", base), record ? "2" : "0");
    ck_assert_str_eq(ask("HGET %slead:acme stage:lifecycle", base), record ? "mql" : "(nil)");
    ck_assert_str_eq(ask("ZSCORE %smoments acme", base), record ? "1767225600001" : "(nil)");
    ck_assert_str_eq(ask("ZSCORE %srank:total acme", base), record ? "1" : "(nil)");
    ck_assert_str_eq(ask("ZSCORE %srank:intent acme", base), record ? "2" : "(nil)");
}

static void assert_account_is(const char *record) {
    ck_assert_str_eq(ask("GET %saccount-record:acme", base), record ? record : "(nil)");
    ck_assert_str_eq(ask("HGETALL %saccount:acme", base), record ? "members,3" : "");
    ck_assert_str_eq(ask("ZSCORE %saccount-moments acme", base), record ? "1767225600002" : "(nil)");
    ck_assert_str_eq(ask("ZSCORE %saccount-rank:intent acme", base), record ? "3" : "(nil)");
}

/* ---- without hashes ---- */

static Config lean_config;

static RedisView *new_lean_view(void) {
    RedisView *v = NULL;
    lean_config = config;
    lean_config.redis_hashes = false;
    ck_assert_int_eq(redis_view_new(&lean_config, &boards, text, &v), 0);
    ck_assert_int_eq(redis_view_set_shards(v, N_SHARDS, text), 0);
    return v;
}

static ViewHashes hashes_found(void) {
    ViewMeta meta;
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), 0);
    return meta.hashes;
}

START_TEST(without_hashes_all_else_is_written) {
    RedisView *lean = new_lean_view();
    ViewWrite pair[2];
    make_pair(pair, "lead's", "account's");
    ck_assert_int_eq(apply(lean, 0, 1, pair, 2), 0);
    ck_assert_str_eq(ask("GET %srecord:acme", base), "lead's");
    ck_assert_str_eq(ask("GET %saccount-record:acme", base), "account's");
    ck_assert_str_eq(ask("ZSCORE %smoments acme", base), "1767225600001");
    ck_assert_str_eq(ask("ZSCORE %srank:intent acme", base), "2");
    ck_assert_str_eq(ask("ZSCORE %saccount-rank:intent acme", base), "3");
    ck_assert_str_eq(ask("EXISTS %slead:acme %saccount:acme", base, base), "0");
    ck_assert_int_eq(hashes_found(), VIEW_HASHES_NONE);

    pair[0].record = pair[1].record = STR_NULL;
    ck_assert_int_eq(apply(lean, 1, 2, pair, 2), 0);
    ck_assert_str_eq(ask("DBSIZE"), "1"); /* the meta */
    redis_view_free(lean);
}
END_TEST

/* _i: it was begun without them. */
START_TEST(hashes_are_there_of_all_or_of_none) {
    RedisView *lean = new_lean_view(), *first = _i ? lean : view, *second = _i ? view : lean;
    ck_assert_int_eq(hashes_found(), VIEW_HASHES_ALL);
    ViewWrite write = write_of("a", "1", TIME_NEVER);
    ck_assert_int_eq(apply(first, 0, 1, &write, 1), 0);
    ck_assert_int_eq(hashes_found(), _i ? VIEW_HASHES_NONE : VIEW_HASHES_ALL);
    write.record = STR_LITERAL("2");
    ck_assert_int_eq(apply(second, 1, 2, &write, 1), VIEW_E_AHEAD);
    ck_assert_ptr_nonnull(strstr(text, _i ? "without hashes; expected live at batch 1 of" : "with hashes; expected live at batch 1 of"));
    ck_assert_int_eq(catch_up(second, 10, 11, 2, &write, 1), VIEW_E_AHEAD);
    ck_assert_str_eq(ask("GET %srecord:a", base), "1");
    ck_assert_int_eq(apply(first, 1, 2, &write, 1), 0);

    ck_assert_int_eq(redis_view_drop(view, SHARD, LINEAGE, NOW_MS, text), 0);
    ck_assert_int_eq(catch_up(lean, 0, 20, 2, &write, 1), VIEW_E_AHEAD);
    ck_assert_int_eq(redis_view_drop(second, SHARD, LINEAGE, NOW_MS, text), 0);
    ck_assert_int_eq(hashes_found(), _i ? VIEW_HASHES_ALL : VIEW_HASHES_NONE);
    ck_assert_int_eq(catch_up(second, 0, 20, 2, &write, 1), 0);
    ck_assert_str_eq(ask("EXISTS %slead:a", base), _i ? "1" : "0");
    redis_view_free(lean);
}
END_TEST

/* It puts its own list of boards in place of the one that it finds. */
START_TEST(a_program_that_knows_of_hashes_only_leaves_a_trace) {
    RedisView *lean = new_lean_view();
    ViewWrite write = write_of("a", "1", TIME_NEVER);
    ck_assert_int_eq(apply(lean, 0, 1, &write, 1), 0);
    (void)ask("HSET %smeta boards total", base);
    ck_assert_int_eq(hashes_found(), VIEW_HASHES_SOME);
    ck_assert_int_eq(apply(lean, 1, 2, &write, 1), VIEW_E_AHEAD);
    ck_assert_int_eq(apply(view, 1, 2, &write, 1), VIEW_E_AHEAD);
    redis_view_free(lean);
}
END_TEST

START_TEST(lead_and_account_of_one_id_are_two) {
    ViewWrite pair[2];
    make_pair(pair, "lead's", "account's");
    ck_assert_int_eq(apply(view, 0, 1, pair, 2), 0);
    assert_lead_is("lead's");
    assert_account_is("account's");
    /* meta; record, hash, moments and boards of both */
    ck_assert_str_eq(ask("DBSIZE"), "10");

    Str id = STR_LITERAL("acme"), value;
    ck_assert_int_eq(fetch(view, 1, 1, ENTITY_LEAD, &id, 1, &value), 0);
    ck_assert(str_eq_c(value, "lead's"));
    ck_assert_int_eq(fetch(view, 1, 1, ENTITY_ACCOUNT, &id, 1, &value), 0);
    ck_assert(str_eq_c(value, "account's"));
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++) {
        ViewMoment moments[4];
        size_t n;
        ck_assert_int_eq(read_moments(view, 1, kind, TIME_NONE, 4, moments, &n), 0);
        ck_assert_uint_eq(n, 1);
        ck_assert(str_eq_c(moments[0].id, "acme"));
        ck_assert_int_eq(moments[0].moment_ms, NOW_MS + (kind == ENTITY_LEAD ? 1 : 2));
    }
}
END_TEST

/* A call that has to do with one kind does nothing to the other. */
START_TEST(each_kind_is_written_and_erased_alone) {
    ViewWrite pair[2], other[2];
    EntityKind kind = (EntityKind)_i;
    make_pair(pair, "lead's", "account's");
    ck_assert_int_eq(apply(view, 0, 1, &pair[kind], 1), 0);
    assert_lead_is(kind == ENTITY_LEAD ? "lead's" : NULL);
    assert_account_is(kind == ENTITY_ACCOUNT ? "account's" : NULL);
    ck_assert_str_eq(ask("DBSIZE"), kind == ENTITY_LEAD ? "6" : "5");

    ck_assert_int_eq(apply(view, 1, 2, pair, 2), 0);
    make_pair(other, NULL, NULL);
    ck_assert_int_eq(apply(view, 2, 3, &other[kind], 1), 0);
    assert_lead_is(kind == ENTITY_LEAD ? NULL : "lead's");
    assert_account_is(kind == ENTITY_ACCOUNT ? NULL : "account's");

    other[kind] = pair[kind];
    ck_assert_int_eq(apply(view, 3, 4, other, 2), 0);
    assert_lead_is(kind == ENTITY_LEAD ? "lead's" : NULL);
    assert_account_is(kind == ENTITY_ACCOUNT ? "account's" : NULL);
}
END_TEST

START_TEST(of_several_writes_of_an_account_the_last_counts) {
    ViewWrite first[2], last[2], writes[6];
    make_pair(first, "1", "2");
    make_pair(last, "3", "4");
    ViewWrite sequence[] = {first[1], first[0], last[1], account_of("acme", NULL, 5), last[0], last[1]};
    memcpy(writes, sequence, sizeof(writes));
    ck_assert_int_eq(apply(view, 0, 1, writes, 6), 0);
    assert_lead_is("3");
    assert_account_is("4");
    ck_assert_int_eq(apply(view, 1, 2, writes, 4), 0);
    assert_lead_is("1");
    assert_account_is(NULL);
}
END_TEST

START_TEST(large_batch_of_both_kinds_is_applied_whole) {
    Many many = make_many(5000, "v");
    mix(&many);
    ck_assert_int_eq(apply(view, 0, 1, many.writes, many.n), 0);
    ck_assert_str_eq(ask("ZCARD %smoments", base), "2500");
    ck_assert_str_eq(ask("ZCARD %saccount-moments", base), "2500");
    ck_assert_str_eq(meta_field("applying"), "(nil)");
    assert_all_records(&many, "v");
    free_many(&many);
}
END_TEST

START_TEST(accounts_are_dropped_and_caught_up_with_the_leads) {
    ViewWrite pair[2], later[2];
    make_pair(pair, "1", "2");
    make_pair(later, "3", "4");
    ck_assert_int_eq(apply(view, 0, 5, pair, 2), 0);
    ck_assert_int_eq(redis_view_drop(view, SHARD, LINEAGE, NOW_MS, text), 0);
    ck_assert_str_eq(ask("DBSIZE"), "1");

    Str id = STR_LITERAL("acme"), value;
    ck_assert_int_eq(catch_up(view, 0, 50, 0, pair, 2), 0);
    ck_assert_int_eq(fetch(view, 0, 99, ENTITY_ACCOUNT, &id, 1, &value), VIEW_E_BEHIND);
    ck_assert_int_eq(catch_up(view, 50, 90, 5, &later[1], 1), 0);
    assert_lead_is("1");
    assert_account_is("4");
    ck_assert_int_eq(fetch(view, 5, 5, ENTITY_ACCOUNT, &id, 1, &value), 0);
    ck_assert(str_eq_c(value, "4"));
}
END_TEST

/* ---- erasing ---- */

static bool reply_contains(const redisReply *reply, const char *needle) {
    if (reply->str && memmem(reply->str, (size_t)reply->len, needle, strlen(needle)))
        return true;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        if (reply_contains(reply->element[i], needle))
            return true;
    return false;
}

/* Is it in the name or the value of any key? */
static bool database_contains(const char *needle) {
    bool found = false;
    redisReply *keys = redisCommand(admin, "KEYS *");
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        redisReply *type = redisCommand(admin, "TYPE %b", key->str, (size_t)key->len);
        const char *command = strcmp(type->str, "hash") == 0   ? "HGETALL %b"
                              : strcmp(type->str, "zset") == 0 ? "ZRANGE %b 0 -1"
                                                               : "GET %b";
        redisReply *value = redisCommand(admin, command, key->str, (size_t)key->len);
        found = found || reply_contains(key, needle) || reply_contains(value, needle);
        freeReplyObject(type);
        freeReplyObject(value);
    }
    freeReplyObject(keys);
    return found;
}

START_TEST(erased_lead_leaves_no_trace) {
    ViewRank ranks[] = {{0, 1}, {1, 2}};
    ViewField fields[] = {{STR_LITERAL("account"), STR_LITERAL("of erase-me")}};
    ViewWrite writes[] = {write_of("erase-me", "erase-me's", 5), write_of("keep-me", "keep-me's", 6)};
    writes[0].ranks = writes[1].ranks = ranks;
    writes[0].n_ranks = writes[1].n_ranks = 2;
    writes[0].fields = fields;
    writes[0].n_fields = 1;
    ck_assert_int_eq(apply(view, 0, 1, writes, 2), 0);
    ck_assert(database_contains("erase-me"));

    ViewWrite erasure = {.id = STR_LITERAL("erase-me"), .record = STR_NULL, .moment_ms = 5};
    ck_assert_int_eq(apply(view, 1, 2, &erasure, 1), 0);
    ck_assert(!database_contains("erase-me"));
    ck_assert(database_contains("keep-me"));
    ck_assert_str_eq(ask("ZSCORE %srank:intent keep-me", base), "2");
}
END_TEST

/* ---- catching up ---- */

START_TEST(rebuild_goes_by_chunks_to_the_footer) {
    ViewWrite a = write_of("a", "1", 100), b = write_of("b", "2", 200);
    ViewMeta meta;
    ck_assert_int_eq(redis_view_drop(view, SHARD, LINEAGE, NOW_MS, text), 0);
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), 0);
    ck_assert_int_eq(meta.mode, VIEW_REBUILDING);
    ck_assert_int_eq(meta.bno, 0);
    ck_assert_int_eq(meta.next_offset, 0);
    ck_assert_int_eq(meta.watermark_ms, TIME_NONE);

    ck_assert_int_eq(catch_up(view, 0, 50, 0, &a, 1), 0);
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), 0);
    ck_assert_int_eq(meta.mode, VIEW_REBUILDING);
    ck_assert_int_eq(meta.next_offset, 50);
    Str id = STR_LITERAL("a"), value;
    ck_assert_int_eq(fetch(view, 0, 99, ENTITY_LEAD, &id, 1, &value), VIEW_E_BEHIND);
    ck_assert_int_eq(apply_one(4, 5, "a", "not now"), VIEW_E_BEHIND);

    ck_assert_int_eq(catch_up(view, 50, 90, 5, &b, 1), 0);
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), 0);
    ck_assert_int_eq(meta.mode, VIEW_LIVE);
    ck_assert_int_eq(meta.bno, 5);
    ck_assert_int_eq(meta.watermark_ms, NOW_MS);
    ck_assert_str_eq(ask("MGET %srecord:a %srecord:b", base, base), "1,2");
    ck_assert_int_eq(apply_one(5, 6, "a", "3"), 0);
}
END_TEST

START_TEST(live_shard_is_caught_up_from_where_it_stands) {
    ck_assert_int_eq(apply_one(0, 3, "a", "1"), 0);
    ViewWrite writes[] = {write_of("a", "2", 5), write_of("b", NULL, TIME_NEVER), write_of("a", "3", 6)};
    ck_assert_int_eq(catch_up(view, 30, 34, 0, writes, 2), 0);
    ck_assert_str_eq(meta_field("mode"), "rebuilding");
    ck_assert_str_eq(meta_field("bno"), "3");
    ck_assert_str_eq(meta_field("watermark"), "1767225599000");
    ck_assert_int_eq(catch_up(view, 34, 40, 7, writes, 3), 0);
    ck_assert_str_eq(meta_field("mode"), "live");
    ck_assert_str_eq(meta_field("bno"), "7");
    ck_assert_str_eq(ask("GET %srecord:a", base), "3");
}
END_TEST

START_TEST(large_chunk_is_applied_whole) {
    Many many = make_many(3000, "v");
    ck_assert_int_eq(redis_view_drop(view, SHARD, LINEAGE, NOW_MS, text), 0);
    ck_assert_int_eq(catch_up(view, 0, 5000, 1, many.writes, many.n), 0);
    assert_all_records(&many, "v");
    free_many(&many);
}
END_TEST

/* The shard is rebuilding, at next offset 50, batch 5. */
static const struct {
    const char *lineage;
    int64_t expect_next, next_offset, to_bno;
    int expected;
} chunk_rows[] = {
        {LINEAGE, 50, 60, 0, 0},
        {LINEAGE, 50, 60, 6, 0},
        {LINEAGE, 50, 50, 5, 0},            /* the footer was the last record of the chunk before */
        {LINEAGE, 40, 50, 0, 0},            /* was applied before */
        {LINEAGE, 40, 50, 5, VIEW_E_AHEAD}, /* but that did not make it live */
        {LINEAGE, 40, 60, 0, VIEW_E_AHEAD},
        {LINEAGE, 51, 60, 0, VIEW_E_AHEAD},
        {LINEAGE, 0, 60, 6, VIEW_E_AHEAD},
        {LINEAGE, 50, 60, 4, VIEW_E_AHEAD},
        {OTHER_LINEAGE, 50, 60, 6, VIEW_E_LINEAGE},
};

START_TEST(chunk_needs_the_stored_offset) {
    ck_assert_int_eq(apply_one(0, 5, "a", "before"), 0);
    ck_assert_int_eq(catch_up(view, 50, 50, 0, NULL, 0), 0);
    ViewWrite write = write_of("a", "after", TIME_NEVER);
    int r = redis_view_catch_up(view, SHARD, chunk_rows[_i].lineage, chunk_rows[_i].expect_next,
            chunk_rows[_i].next_offset, chunk_rows[_i].to_bno, NOW_MS, NOW_MS, &write, 1, text);
    ck_assert_int_eq(r, chunk_rows[_i].expected);
    bool is_written = r == 0 && chunk_rows[_i].expect_next == 50;
    ck_assert_str_eq(ask("GET %srecord:a", base), is_written ? "after" : "before");
}
END_TEST

START_TEST(chunk_without_meta_is_behind) {
    ck_assert_int_eq(catch_up(view, 0, 10, 1, NULL, 0), VIEW_E_BEHIND);
    ck_assert_str_eq(ask("DBSIZE"), "0");
}
END_TEST

START_TEST(drop_takes_this_shard_s_keys_only) {
    Many many = make_many(3000, "v");
    ck_assert_int_eq(apply(view, 0, 1, many.writes, many.n), 0);
    ViewBatch other = batch_of(0, 1, many.writes, 1);
    other.shard = SHARD + 1;
    ck_assert_int_eq(redis_view_apply(view, &other, text), 0);
    /* would match, were the prefix taken for a pattern */
    freeReplyObject(redisCommand(admin, "SET txx%s 1", strchr(base, ':')));

    ck_assert_int_eq(redis_view_drop(view, SHARD, OTHER_LINEAGE, NOW_MS, text), 0);
    ck_assert_str_eq(meta_field("lineage"), OTHER_LINEAGE);
    ck_assert_str_eq(meta_field("mode"), "rebuilding");
    ck_assert_str_eq(meta_field("next"), "0");
    ck_assert_str_eq(meta_field("applying"), "(nil)");
    /* this meta; that one's meta, record, hash and moments; the odd one */
    ck_assert_str_eq(ask("DBSIZE"), "6");
    free_many(&many);
}
END_TEST

START_TEST(dropped_shard_takes_a_first_batch) {
    ck_assert_int_eq(apply_one(0, 5, "a", "1"), 0);
    ck_assert_int_eq(redis_view_drop(view, SHARD, LINEAGE, NOW_MS, text), 0);
    ck_assert_int_eq(apply_one(0, 1, "b", "2"), 0);
    ck_assert_str_eq(meta_field("mode"), "live");
    ck_assert_str_eq(meta_field("bno"), "1");
    ck_assert_str_eq(ask("MGET %srecord:a %srecord:b", base, base), "(nil),2");
}
END_TEST

START_TEST(half_dropped_shard_is_absent_until_dropped_again) {
    ck_assert_int_eq(apply_one(0, 5, "a", "1"), 0);
    freeReplyObject(redisCommand(admin, "HSET %smeta mode rebuilding bno 0 next -1 applying somebody", base));
    ViewMeta meta;
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), 0);
    ck_assert_int_eq(meta.mode, VIEW_ABSENT);
    ck_assert_int_eq(apply_one(5, 6, "a", "2"), VIEW_E_BEHIND);
    ck_assert_int_eq(apply_one(0, 1, "a", "2"), VIEW_E_BEHIND);
    ck_assert_int_eq(catch_up(view, 0, 10, 1, NULL, 0), VIEW_E_BEHIND);
    ck_assert_int_eq(redis_view_drop(view, SHARD, LINEAGE, NOW_MS, text), 0);
    ck_assert_int_eq(catch_up(view, 0, 10, 1, NULL, 0), 0);
    ck_assert_str_eq(ask("EXISTS %srecord:a", base), "0");
}
END_TEST

START_TEST(meta_of_others_is_refused) {
    ViewMeta meta;
    freeReplyObject(redisCommand(admin, "HSET %smeta mode live lineage %s bno x next 0", base, LINEAGE));
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), VIEW_E_REFUSED);
    ck_assert_ptr_nonnull(strstr(text, "meta"));
    freeReplyObject(redisCommand(admin, "SET %smeta x", base));
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), VIEW_E_REFUSED);
    ck_assert_int_eq(apply_one(0, 1, "a", "1"), VIEW_E_REFUSED);
    ck_assert_ptr_nonnull(strstr(text, "WRONGTYPE"));
}
END_TEST

/* ---- reading ---- */

static const struct {
    const char *lineage;
    int64_t min_bno, max_bno;
    int expected;
} fetch_rows[] = {
        {LINEAGE, 5, 5, 0},
        {LINEAGE, 0, 9, 0},
        {LINEAGE, 6, 9, VIEW_E_BEHIND},
        {LINEAGE, 3, 4, VIEW_E_AHEAD},
        {OTHER_LINEAGE, 5, 5, VIEW_E_LINEAGE},
};

START_TEST(reading_needs_a_shard_within_bounds) {
    ViewWrite write = write_of("a", "1", 77);
    ck_assert_int_eq(apply(view, 0, 5, &write, 1), 0);
    Str id = STR_LITERAL("a"), value = STR_LITERAL("untouched");
    ViewMoment moment;
    size_t n = 99;
    int64_t min = fetch_rows[_i].min_bno, max = fetch_rows[_i].max_bno;
    int expected = fetch_rows[_i].expected;
    int r = redis_view_fetch(
            view, SHARD, fetch_rows[_i].lineage, min, max, ENTITY_LEAD, &id, 1, text, &value);
    ck_assert_int_eq(r, expected);
    ck_assert(str_eq_c(value, expected ? "untouched" : "1"));
    r = redis_view_moments(
            view, SHARD, fetch_rows[_i].lineage, min, max, ENTITY_LEAD, TIME_NONE, 1, text, &moment, &n);
    ck_assert_int_eq(r, expected);
    ck_assert_uint_eq(n, expected ? 99 : 1);
}
END_TEST

START_TEST(absent_shard_is_behind_for_readers) {
    Str id = STR_LITERAL("a"), value;
    ck_assert_int_eq(fetch(view, 0, 9, ENTITY_LEAD, &id, 1, &value), VIEW_E_BEHIND);
    ViewMoment moment;
    size_t n;
    int r = redis_view_moments(view, SHARD, LINEAGE, 0, 9, ENTITY_LEAD, TIME_NONE, 1, text, &moment, &n);
    ck_assert_int_eq(r, VIEW_E_BEHIND);
}
END_TEST

static void apply_to(int32_t shard, const ViewWrite *writes, size_t n) {
    ViewBatch batch = batch_of(0, 5, writes, n);
    batch.shard = shard;
    ck_assert_int_eq(redis_view_apply(view, &batch, text), 0);
}

/* Each is judged by itself: what is wrong with one shard is no matter of the others. */
START_TEST(several_shards_answer_together) {
    ViewWrite leads[] = {write_of("a", "1", 77), write_of("b", "2", 77)}, others[] = {write_of("a", "3", 77), write_of("c", "4", 77)};
    others[1].kind = ENTITY_ACCOUNT;
    apply_to(0, leads, 2);
    apply_to(3, others, 2);
    Str ids[] = {STR_LITERAL("b"), STR_LITERAL("none"), STR_LITERAL("a"), STR_LITERAL("c")}, values[7];
    ViewFetch fetches[] = {
            {0, LINEAGE, 5, 5, ENTITY_LEAD, ids, 3, values, -1},
            {1, LINEAGE, 0, 9, ENTITY_LEAD, ids, 1, values + 3, -1},
            {3, OTHER_LINEAGE, 0, 9, ENTITY_LEAD, ids, 1, values + 4, -1},
            {3, LINEAGE, 0, 9, ENTITY_ACCOUNT, ids + 3, 1, values + 5, -1},
            {3, LINEAGE, 6, 9, ENTITY_LEAD, ids, 1, values + 6, -1},
    };
    ck_assert_int_eq(redis_view_fetch_all(view, fetches, ARRAY_SIZE(fetches), text), 0);
    static const int outcomes[] = {0, VIEW_E_BEHIND, VIEW_E_LINEAGE, 0, VIEW_E_BEHIND};
    for (size_t i = 0; i < ARRAY_SIZE(fetches); i++)
        ck_assert_msg(fetches[i].outcome == outcomes[i], "%zu: %d", i, fetches[i].outcome);
    ck_assert(str_eq_c(values[0], "2") && str_is_null(values[1]) && str_eq_c(values[2], "1"));
    ck_assert(str_eq_c(values[5], "4"));
    ck_assert_int_eq(redis_view_fetch_all(view, fetches, 0, text), 0);
}
END_TEST

START_TEST(moments_come_in_order_and_pages) {
    ViewWrite writes[] = {
            write_of("never", "1", TIME_NEVER),
            write_of("far", "1", INT64_MAX - 1), /* no later than it is */
            write_of("b", "1", NOW_MS + 20),
            write_of("d", "1", NOW_MS + 30),
            write_of("a", "1", NOW_MS + 10),
            write_of("c", "1", NOW_MS + 20),
    };
    ck_assert_int_eq(apply(view, 0, 1, writes, ARRAY_SIZE(writes)), 0);

    ViewMoment page[8];
    size_t n;
    ck_assert_int_eq(read_moments(view, 1, ENTITY_LEAD, TIME_NONE, 2, page, &n), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert(str_eq_c(page[0].id, "a") && page[0].moment_ms == NOW_MS + 10);
    ck_assert(str_eq_c(page[1].id, "b") && page[1].moment_ms == NOW_MS + 20);
    ck_assert_int_eq(read_moments(view, 1, ENTITY_LEAD, NOW_MS + 20, 8, page, &n), 0);
    ck_assert_uint_eq(n, 4);
    ck_assert(str_eq_c(page[0].id, "b") && str_eq_c(page[1].id, "c") &&
              str_eq_c(page[2].id, "d"));
    ck_assert(str_eq_c(page[3].id, "far") && page[3].moment_ms == INT64_C(1) << 53);
    ck_assert_int_eq(read_moments(view, 1, ENTITY_LEAD, TIME_NEVER, 8, page, &n), 0);
    ck_assert_uint_eq(n, 1);

    writes[4].moment_ms = TIME_NEVER;
    ck_assert_int_eq(apply(view, 1, 2, &writes[4], 1), 0);
    ck_assert_int_eq(read_moments(view, 2, ENTITY_LEAD, TIME_NONE, 1, page, &n), 0);
    ck_assert(str_eq_c(page[0].id, "b"));
}
END_TEST

START_TEST(info_is_written_anew) {
    ViewField fields[] = {
            {STR_LITERAL("shards"), STR_LITERAL("4")}, {STR_LITERAL("model"), STR_LITERAL("acme")}};
    ck_assert_int_eq(redis_view_set_info(view, fields, 2, text), 0);
    ck_assert_int_eq(redis_view_set_info(view, fields, 1, text), 0);
    ck_assert_str_eq(ask("HGETALL %s:info", config.redis_prefix), "shards,4");
}
END_TEST

/* ---- writers that get in each other's way ---- */

/*
 * Cuts a large batch off: a write in its middle ranks, and the board is no sorted set. Leaves the shard torn, half of it written.
 */
static void tear(RedisView *v, Many *many, int64_t from_bno, int64_t to_bno) {
    static const ViewRank rank = {0, 1};
    many->writes[many->n / 2].ranks = &rank;
    many->writes[many->n / 2].n_ranks = 1;
    freeReplyObject(redisCommand(admin, "SET %srank:total x", base));
    ck_assert_int_eq(apply(v, from_bno, to_bno, many->writes, many->n), VIEW_E_REFUSED);
    freeReplyObject(redisCommand(admin, "DEL %srank:total", base));
}

START_TEST(torn_shard_is_known_to_others_and_mended_by_its_writer) {
    Many before = make_many(2000, "1"), after = make_many(2000, "2");
    mix(&before);
    mix(&after);
    ck_assert_int_eq(apply(view, 0, 1, before.writes, before.n), 0);
    tear(view, &after, 1, 2);

    ViewMeta meta;
    Str id = after.writes[0].id, value; /* a lead's and an account's */
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), 0);
    ck_assert_int_eq(meta.bno, 1);
    ck_assert(!meta.is_torn); /* what is torn is still in our memory */
    ck_assert_int_eq(fetch(view, 1, 1, ENTITY_LEAD, &id, 1, &value), 0);

    RedisView *other = new_view();
    ck_assert_int_eq(redis_view_meta(other, SHARD, text, &meta), 0);
    ck_assert_int_eq(meta.mode, VIEW_LIVE);
    ck_assert(meta.is_torn);
    ck_assert_int_eq(fetch(other, 1, 1, ENTITY_LEAD, &id, 1, &value), VIEW_E_AHEAD);
    ck_assert_int_eq(fetch(other, 1, 1, ENTITY_ACCOUNT, &id, 1, &value), VIEW_E_AHEAD);

    ck_assert_int_eq(apply(view, 1, 2, after.writes, after.n), 0);
    ck_assert_int_eq(redis_view_meta(other, SHARD, text, &meta), 0);
    ck_assert(!meta.is_torn && meta.bno == 2);
    assert_all_records(&after, "2");
    redis_view_free(other);
    free_many(&before);
    free_many(&after);
}
END_TEST

START_TEST(torn_shard_is_mended_by_catching_up) {
    Many before = make_many(2000, "1"), after = make_many(2000, "2");
    mix(&before);
    mix(&after);
    ck_assert_int_eq(apply(view, 0, 1, before.writes, before.n), 0);
    tear(view, &after, 1, 2);

    RedisView *other = new_view();
    ck_assert_int_eq(catch_up(other, 10, 15, 0, after.writes, after.n / 2), 0);
    /* the first owner wakes up */
    ck_assert_int_eq(apply(view, 1, 2, after.writes, after.n), VIEW_E_BEHIND);
    ck_assert_int_eq(catch_up(other, 15, 20, 2, after.writes + after.n / 2, after.n / 2), 0);
    ck_assert_int_eq(apply(view, 1, 2, after.writes, after.n), 0);
    assert_all_records(&after, "2");
    redis_view_free(other);
    free_many(&before);
    free_many(&after);
}
END_TEST

/*
 * Two owners who both think the shard theirs bring one log of batches into the view, each in its own steps,
 * with batches that need several calls, and give up in the middle when their connections are cut. However
 * that interleaves, in the end no lead has an older value than the shard's batch says.
 *
 * Batch b changes two of three leads and accounts: one that was left behind is not put right by whatever
 * comes next.
 */
#define RACE_BATCHES 60
#define RACE_ENTITIES 900

typedef struct Racer {
    RedisView *view;
    const Many *states; /* [b]: all leads and accounts as of batch b */
    unsigned seed;
    int failed;
} Racer;

static bool is_changed_in(size_t i, int64_t bno) {
    return (i * 7 + (size_t)bno) % 3 != 0;
}

/* What changed in (from, to] as of `to`. */
static size_t select_changed(const Racer *racer, int64_t from, int64_t to, ViewWrite *ret) {
    size_t n = 0;
    for (size_t i = 0; i < RACE_ENTITIES; i++) {
        bool changed = false;
        for (int64_t b = from + 1; b <= to; b++)
            changed = changed || is_changed_in(i, b);
        if (changed)
            ret[n++] = racer->states[to].writes[i];
    }
    return n;
}

/* One step of an owner from where the shard is found, to `limit` at most. */
static int race_step(Racer *racer, int64_t limit, bool may_rest, char *error_text) {
    ViewMeta meta = {0};
    int r = redis_view_meta(racer->view, SHARD, error_text, &meta);
    if (r)
        return r;
    int64_t at = meta.mode == VIEW_REBUILDING ? meta.next_offset / 10 : meta.bno;
    int64_t n_batches = 1 + rand_r(&racer->seed) % 3;
    int64_t to = MIN(limit, at + n_batches);
    ViewWrite writes[RACE_ENTITIES];
    size_t n = select_changed(racer, at, to, writes);
    if (meta.mode == VIEW_LIVE && to <= at)
        return 0;
    if (meta.mode == VIEW_LIVE && rand_r(&racer->seed) % 2) {
        ViewBatch batch = batch_of(at, to, writes, n);
        return redis_view_apply(racer->view, &batch, error_text);
    }
    int64_t footer = may_rest && rand_r(&racer->seed) % 2 ? 0 : MAX(at, to);
    return redis_view_catch_up(racer->view, SHARD, LINEAGE, at * 10, MAX(at, to) * 10, footer, NOW_MS, NOW_MS,
            writes, n, error_text);
}

static void *race(void *context) {
    Racer *racer = context;
    char error_text[REDIS_TEXT_SIZE];
    for (int64_t i = 0; i < 4 * RACE_BATCHES && !racer->failed; i++) {
        int r = race_step(racer, MIN(i / 3 + 2, RACE_BATCHES), true, error_text);
        if (r < 0 || r == VIEW_E_REFUSED || r == VIEW_E_LINEAGE)
            racer->failed = r;
    }
    return NULL;
}

static bool race_is_over;

static void *cut_connections(void *context) {
    redisContext *c = connect_admin();
    while (!__atomic_load_n(&race_is_over, __ATOMIC_RELAXED)) {
        usleep(rand_r(context) % 40000);
        freeReplyObject(redisCommand(c, "CLIENT KILL TYPE normal SKIPME yes"));
    }
    redisFree(c);
    return NULL;
}

static void make_states(Many *states) {
    char value[24];
    for (int64_t b = 0; b <= RACE_BATCHES; b++) {
        snprintf(value, sizeof(value), "%d", (int)b);
        states[b] = make_many(RACE_ENTITIES, value);
        mix(&states[b]);
        for (size_t i = 0; b > 0 && i < RACE_ENTITIES; i++)
            if (!is_changed_in(i, b))
                states[b].writes[i].record = states[b - 1].writes[i].record;
    }
}

START_TEST(two_owners_cannot_mix_old_and_new) {
    static Many states[RACE_BATCHES + 1];
    make_states(states);
    ck_assert_int_eq(apply(view, 0, 1, states[1].writes, RACE_ENTITIES), 0);

    Racer racers[2] = {{view, states, 1 + (unsigned)_i, 0}, {new_view(), states, 100 + (unsigned)_i, 0}};
    unsigned seed = (unsigned)_i;
    pthread_t threads[3];
    ck_assert_int_eq(pthread_create(&threads[2], NULL, cut_connections, &seed), 0);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(racers[i].failed, 0);
    }
    __atomic_store_n(&race_is_over, true, __ATOMIC_RELAXED);
    pthread_join(threads[2], NULL);
    redisFree(admin); /* was killed too */
    admin = connect_admin();

    for (int i = 0; i < 3 * RACE_BATCHES; i++) {
        int r;
        do /* whose login was cut off leaves the server alone for a moment */
            r = race_step(&racers[0], RACE_BATCHES, false, text);
        while (r == VIEW_E_UNREACHABLE);
        ck_assert_int_eq(r, 0);
    }
    ck_assert_str_eq(meta_field("mode"), "live");
    ck_assert_str_eq(meta_field("bno"), "60");
    for (size_t i = 0; i < RACE_ENTITIES; i++) {
        Str expected = states[RACE_BATCHES].writes[i].record;
        const ViewWrite *write = &states[0].writes[i];
        const char *kind = write->kind == ENTITY_ACCOUNT ? "account-" : "";
        ck_assert_str_eq(ask("GET %s%srecord:%s", base, kind, write->id.data), expected.data);
    }
    redis_view_free(racers[1].view);
    for (size_t i = 0; i <= RACE_BATCHES; i++)
        free_many(&states[i]);
}
END_TEST

/* Or with a success that had nothing to do: else the next transaction, which only reads, would not be performed. */
START_TEST(watch_ends_with_a_refusal) {
    Str id = STR_LITERAL("a"), value;
    ck_assert_int_eq(apply_one(0, 1, "a", "1"), 0);
    ck_assert_int_eq(_i ? apply_one(0, 1, "a", "2") : apply_one(5, 6, "a", "2"), _i ? 0 : VIEW_E_BEHIND);
    freeReplyObject(redisCommand(admin, "HSET %smeta updated_at 5", base));
    ck_assert_int_eq(fetch(view, 1, 1, ENTITY_LEAD, &id, 1, &value), 0);
    ck_assert(str_eq_c(value, "1"));
}
END_TEST

/* How many clients hang in the paused server. */
static int count_blocked(redisContext *c) {
    redisReply *list = redisCommand(c, "CLIENT LIST TYPE normal");
    int n = 0;
    for (const char *flags = list->str; (flags = strstr(flags, " flags=")); flags++) {
        size_t len = strcspn(flags + 1, " ");
        n += memchr(flags + 7, 'b', len - 6) != NULL;
    }
    freeReplyObject(list);
    return n;
}

static void *unpause_both(void *context) {
    redisContext *c = connect_admin();
    while (count_blocked(c) < 2)
        continue;
    freeReplyObject(redisCommand(c, "CLIENT UNPAUSE"));
    redisFree(c);
    return context;
}

/* Somebody writes between our look and our transaction: it is looked at again, and found as it is. */
START_TEST(write_meanwhile_is_noticed) {
    ck_assert_int_eq(apply_one(0, 1, "a", "1"), 0);
    freeReplyObject(redisCommand(admin, "CLIENT PAUSE 60000 WRITE"));
    redisContext *other = connect_admin();
    ck_assert_int_eq(redisAppendCommand(other, "HSET %smeta bno %d", base, _i ? 7 : 1), REDIS_OK);
    for (int done = 0; !done;)
        ck_assert_int_eq(redisBufferWrite(other, &done), REDIS_OK);
    while (count_blocked(admin) < 1)
        continue;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, unpause_both, NULL), 0);
    int r = apply_one(1, 2, "a", "2");
    pthread_join(thread, NULL);
    ck_assert_int_eq(r, _i ? VIEW_E_AHEAD : 0);
    ck_assert_str_eq(ask("GET %srecord:a", base), _i ? "1" : "2");
    ck_assert_str_eq(meta_field("bno"), _i ? "7" : "2");
    redisFree(other);
}
END_TEST

/* A command fails, and all others of the transaction are performed, of the last call the one that moves the shard, too. */
START_TEST(shard_with_what_others_put_there_is_written_anew) {
    ViewRank rank = {0, 5};
    ViewWrite write = write_of("a", "2", TIME_NEVER);
    ViewMeta meta;
    ck_assert_int_eq(apply_one(0, 1, "a", "1"), 0);
    freeReplyObject(redisCommand(admin, "SET %srank:total x", base));
    write.ranks = &rank;
    write.n_ranks = 1;
    ck_assert_int_eq(apply(view, 1, 2, &write, 1), VIEW_E_REFUSED);
    ck_assert_ptr_nonnull(strstr(text, "WRONGTYPE"));
    ck_assert_ptr_nonnull(strstr(text, "written anew"));
    ck_assert_int_eq(redis_view_meta(view, SHARD, text, &meta), 0);
    ck_assert_int_eq(meta.mode, VIEW_ABSENT);
    ck_assert_int_eq(apply(view, 1, 2, &write, 1), VIEW_E_BEHIND);
    ck_assert_int_eq(redis_view_drop(view, SHARD, LINEAGE, NOW_MS, text), 0);
    ck_assert_int_eq(catch_up(view, 0, 20, 2, &write, 1), 0);
    ck_assert_str_eq(ask("ZSCORE %srank:total a", base), "5");
    ck_assert_str_eq(ask("GET %srecord:a", base), "2");
}
END_TEST

/* ---- connections ---- */

/* Waits until our call hangs in the paused server, then cuts it off. */
static void *kill_blocked_client(void *context) {
    redisContext *c = context;
    while (count_blocked(c) < 1)
        continue;
    freeReplyObject(redisCommand(c, "CLIENT KILL TYPE normal SKIPME yes"));
    freeReplyObject(redisCommand(c, "CLIENT UNPAUSE"));
    return NULL;
}

START_TEST(connection_cut_in_mid_call_is_unreachable_once) {
    ck_assert_int_eq(apply_one(0, 1, "a", "1"), 0);
    redisContext *killer = connect_admin();
    freeReplyObject(redisCommand(killer, "CLIENT PAUSE 60000 WRITE"));
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, kill_blocked_client, killer), 0);
    ck_assert_int_eq(apply_one(1, 2, "a", "2"), VIEW_E_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(text, "closed"));
    pthread_join(thread, NULL);

    ck_assert_int_eq(apply_one(1, 2, "a", "2"), 0);
    redisFree(admin); /* was killed too */
    admin = killer;
    ck_assert_str_eq(ask("GET %srecord:a", base), "2");
}
END_TEST

START_TEST(connection_closed_while_idle_is_not_even_noticed) {
    ck_assert_int_eq(apply_one(0, 1, "a", "1"), 0);
    freeReplyObject(redisCommand(admin, "CLIENT KILL TYPE normal SKIPME yes"));
    ck_assert_int_eq(apply_one(1, 2, "a", "2"), 0);
}
END_TEST

START_TEST(silent_server_is_unreachable_in_time) {
    ck_assert_int_eq(redis_view_connect(view, text), 0);
    redis_view_set_timeouts(view, 1000, 50);
    freeReplyObject(redisCommand(admin, "CLIENT PAUSE 60000 WRITE"));
    ck_assert_int_eq(apply_one(0, 1, "a", "1"), VIEW_E_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(text, "in time"));
    freeReplyObject(redisCommand(admin, "CLIENT UNPAUSE"));
    redis_view_set_timeouts(view, 1000, 5000);
    ck_assert_int_eq(apply_one(0, 1, "a", "1"), 0);
}
END_TEST

static const char *const bad_addresses[] = {
        NULL,
        "",
        "redis:6379",
        "unix:",
        "tcp:",
        "tcp:host",
        "tcp::6379",
        "tcp:host:",
        "tcp:host:port",
        "tcp:host:123456",
};

START_TEST(wrong_address_is_refused) {
    RedisView *v = NULL;
    config.redis_address = bad_addresses[_i];
    ck_assert_int_eq(redis_view_new(&config, &(ViewBoards){0}, text, &v), VIEW_E_REFUSED);
    ck_assert_ptr_null(v);
    config.redis_address = getenv("SCORED_TEST_REDIS");
}
END_TEST

START_TEST(prefix_with_a_hash_tag_is_refused) {
    RedisView *v = NULL;
    config.redis_prefix = "a{b}";
    ck_assert_int_eq(redis_view_new(&config, &(ViewBoards){0}, text, &v), VIEW_E_REFUSED);
}
END_TEST

static const char *const absent_addresses[] = {
        "unix:/nonexistent/redis.sock", "tcp:127.0.0.1:1", "tcp:[::1]:1"};

START_TEST(absent_server_is_unreachable) {
    RedisView *v = NULL;
    config.redis_address = absent_addresses[_i];
    ck_assert_int_eq(redis_view_new(&config, &(ViewBoards){0}, text, &v), 0);
    ck_assert_int_eq(redis_view_connect(v, text), VIEW_E_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(text, absent_addresses[_i]));
    redis_view_free(v);
}
END_TEST

START_TEST(tcp_is_as_good) {
    char address[64];
    const char *port = strchr(ask("CONFIG GET port"), ',');
    if (strcmp(port, ",0") == 0)
        return;
    snprintf(address, sizeof(address), "tcp:localhost:%s", port + 1);
    config.redis_address = address;
    RedisView *v = new_view();
    ViewWrite write = write_of("a", "1", TIME_NEVER);
    ck_assert_int_eq(apply(v, 0, 1, &write, 1), 0);
    ck_assert_str_eq(ask("GET %srecord:a", base), "1");
    redis_view_free(v);
}
END_TEST

START_TEST(eviction_policy_must_be_noeviction) {
    ck_assert_int_eq(redis_view_check(view, text), 0);
    freeReplyObject(redisCommand(admin, "CONFIG SET maxmemory-policy allkeys-lru"));
    int r = redis_view_check(view, text);
    freeReplyObject(redisCommand(admin, "CONFIG SET maxmemory-policy noeviction"));
    ck_assert_int_eq(r, VIEW_E_REFUSED);
    ck_assert_ptr_nonnull(strstr(text, "allkeys-lru"));
}
END_TEST

START_TEST(full_server_refuses_and_nothing_is_written) {
    ck_assert_int_eq(apply_one(0, 1, "a", "1"), 0);
    freeReplyObject(redisCommand(admin, "CONFIG SET maxmemory 1"));
    int r = apply_one(1, 2, "a", "2");
    freeReplyObject(redisCommand(admin, "CONFIG SET maxmemory 0"));
    ck_assert_int_eq(r, VIEW_E_REFUSED);
    ck_assert_ptr_nonnull(strstr(text, "OOM"));
    ck_assert_str_eq(ask("GET %srecord:a", base), "1");
    ck_assert_str_eq(meta_field("applying"), "(nil)");
    ck_assert_int_eq(apply_one(1, 2, "a", "2"), 0);
}
END_TEST

/* What stands in the password file, and what comes of logging in with it as user `scored-test`. */
static const struct {
    const char *file;
    int expected;
    const char *text;
} password_rows[] = {
        {"secret\n", 0, ""},
        {"secret", 0, ""},
        {"secret\r\nnot this\n", 0, ""},
        {"wrong\n", VIEW_E_REFUSED, "WRONGPASS"},
        {"", VIEW_E_REFUSED, "password file"},
        {"\nsecret\n", VIEW_E_REFUSED, "password file"},
};

START_TEST(password_comes_from_its_file) {
    char path[] = "/tmp/scored-test-password-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    const char *file = password_rows[_i].file;
    ck_assert_int_eq(write(fd, file, strlen(file)), (ssize_t)strlen(file));
    close(fd);
    freeReplyObject(redisCommand(admin, "ACL SETUSER scored-test on >secret allkeys allcommands"));

    config.redis_username = "scored-test";
    config.redis_password_file = path;
    RedisView *v = new_view();
    text[0] = '\0';
    int r = redis_view_connect(v, text);
    redis_view_free(v);
    unlink(path);
    freeReplyObject(redisCommand(admin, "ACL DELUSER scored-test"));
    ck_assert_int_eq(r, password_rows[_i].expected);
    ck_assert_ptr_nonnull(strstr(text, password_rows[_i].text));
    ck_assert_ptr_null(strstr(text, "secret"));
}
END_TEST

START_TEST(missing_password_file_is_refused) {
    config.redis_password_file = "/nonexistent/password";
    RedisView *v = new_view();
    ck_assert_int_eq(redis_view_connect(v, text), VIEW_E_REFUSED);
    ck_assert_ptr_nonnull(strstr(text, "/nonexistent/password"));
    redis_view_free(v);
}
END_TEST

/* What an account for scored has to be allowed, and no more. */
START_TEST(few_permissions_are_enough) {
    char path[] = "/tmp/scored-test-password-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, "secret", 6), 6);
    close(fd);
    freeReplyObject(redisCommand(admin,
            "ACL SETUSER scored-few on >secret ~t\\*\\[x]:* -@all +select +info +multi +exec +watch "
            "+hmget +hget +hset +hdel +del +unlink +mget +mset +zadd +zrem +zrangebyscore +scan"));
    config.redis_username = "scored-few";
    config.redis_password_file = path;
    RedisView *v = new_view();
    ViewMeta meta;
    ViewMoment moment;
    size_t n;
    Str id = STR_LITERAL("a"), value;
    ViewWrite write = write_of("a", "1", 5);
    ck_assert_int_eq(redis_view_check(v, text), 0);
    ck_assert_int_eq(redis_view_set_info(v, some_fields, 1, text), 0);
    ck_assert_int_eq(apply(v, 0, 1, &write, 1), 0);
    ck_assert_int_eq(redis_view_meta(v, SHARD, text, &meta), 0);
    ck_assert_int_eq(fetch(v, 1, 1, ENTITY_LEAD, &id, 1, &value), 0);
    ck_assert_int_eq(read_moments(v, 1, ENTITY_LEAD, TIME_NONE, 1, &moment, &n), 0);
    ck_assert_int_eq(redis_view_drop(v, SHARD, LINEAGE, NOW_MS, text), 0);
    ck_assert_int_eq(catch_up(v, 0, 10, 1, &write, 1), 0);
    redis_view_free(v);
    unlink(path);
    freeReplyObject(redisCommand(admin, "ACL DELUSER scored-few"));
}
END_TEST

START_TEST(number_of_shards_is_bounded) {
    ck_assert_int_eq(redis_view_set_shards(view, 0, text), VIEW_E_REFUSED);
    ck_assert_int_eq(redis_view_set_shards(view, SHARDS_MAX + 1, text), VIEW_E_REFUSED);
    ck_assert_int_eq(redis_view_set_shards(view, SHARDS_MAX, text), 0);
}
END_TEST

static void add_writing(TCase *tcase) {
    tcase_add_test(tcase, first_batch_makes_a_live_shard);
    tcase_add_test(tcase, same_batch_again_is_success);
    tcase_add_test(tcase, batch_without_writes_moves_the_shard);
    tcase_add_loop_test(tcase, batch_needs_its_predecessor, 0, ARRAY_SIZE(condition_rows));
    tcase_add_test(tcase, later_batch_without_meta_is_behind);
    tcase_add_test(tcase, large_batch_is_applied_whole);
    tcase_add_test(tcase, records_of_any_size_and_content_are_kept);
    tcase_add_test(tcase, hash_has_only_the_latest_fields);
    tcase_add_test(tcase, of_several_writes_of_a_lead_the_last_counts);
    tcase_add_test(tcase, ranks_are_kept_exactly_or_taken_off);
    tcase_add_loop_test(tcase, boards_of_an_earlier_model_go, 0, _ENTITY_KIND_MAX);
    tcase_add_test(tcase, erased_lead_leaves_no_trace);
    tcase_add_test(tcase, info_is_written_anew);
}

static void add_accounts(TCase *tcase) {
    tcase_add_test(tcase, lead_and_account_of_one_id_are_two);
    tcase_add_loop_test(tcase, each_kind_is_written_and_erased_alone, 0, _ENTITY_KIND_MAX);
    tcase_add_test(tcase, of_several_writes_of_an_account_the_last_counts);
    tcase_add_test(tcase, large_batch_of_both_kinds_is_applied_whole);
    tcase_add_test(tcase, accounts_are_dropped_and_caught_up_with_the_leads);
}

static void add_without_hashes(TCase *tcase) {
    tcase_add_test(tcase, without_hashes_all_else_is_written);
    tcase_add_loop_test(tcase, hashes_are_there_of_all_or_of_none, 0, 2);
    tcase_add_test(tcase, a_program_that_knows_of_hashes_only_leaves_a_trace);
}

static void add_catching_up(TCase *tcase) {
    tcase_add_test(tcase, rebuild_goes_by_chunks_to_the_footer);
    tcase_add_test(tcase, live_shard_is_caught_up_from_where_it_stands);
    tcase_add_test(tcase, large_chunk_is_applied_whole);
    tcase_add_loop_test(tcase, chunk_needs_the_stored_offset, 0, ARRAY_SIZE(chunk_rows));
    tcase_add_test(tcase, chunk_without_meta_is_behind);
    tcase_add_test(tcase, drop_takes_this_shard_s_keys_only);
    tcase_add_test(tcase, dropped_shard_takes_a_first_batch);
    tcase_add_test(tcase, half_dropped_shard_is_absent_until_dropped_again);
    tcase_add_test(tcase, meta_of_others_is_refused);
    tcase_add_test(tcase, torn_shard_is_known_to_others_and_mended_by_its_writer);
    tcase_add_test(tcase, torn_shard_is_mended_by_catching_up);
    tcase_add_loop_test(tcase, watch_ends_with_a_refusal, 0, 2);
    tcase_add_loop_test(tcase, write_meanwhile_is_noticed, 0, 2);
    tcase_add_test(tcase, shard_with_what_others_put_there_is_written_anew);
    tcase_add_loop_test(tcase, two_owners_cannot_mix_old_and_new, 0, 2);
}

static void add_reading(TCase *tcase) {
    tcase_add_loop_test(tcase, reading_needs_a_shard_within_bounds, 0, ARRAY_SIZE(fetch_rows));
    tcase_add_test(tcase, absent_shard_is_behind_for_readers);
    tcase_add_test(tcase, several_shards_answer_together);
    tcase_add_test(tcase, moments_come_in_order_and_pages);
}

static void add_connections(TCase *tcase) {
    tcase_add_test(tcase, connection_cut_in_mid_call_is_unreachable_once);
    tcase_add_test(tcase, connection_closed_while_idle_is_not_even_noticed);
    tcase_add_test(tcase, silent_server_is_unreachable_in_time);
    tcase_add_loop_test(tcase, wrong_address_is_refused, 0, ARRAY_SIZE(bad_addresses));
    tcase_add_test(tcase, prefix_with_a_hash_tag_is_refused);
    tcase_add_loop_test(tcase, absent_server_is_unreachable, 0, ARRAY_SIZE(absent_addresses));
    tcase_add_test(tcase, tcp_is_as_good);
    tcase_add_test(tcase, eviction_policy_must_be_noeviction);
    tcase_add_test(tcase, full_server_refuses_and_nothing_is_written);
    tcase_add_loop_test(tcase, password_comes_from_its_file, 0, ARRAY_SIZE(password_rows));
    tcase_add_test(tcase, missing_password_file_is_refused);
    tcase_add_test(tcase, few_permissions_are_enough);
    tcase_add_test(tcase, number_of_shards_is_bounded);
}

int main(void) {
    if (!getenv("SCORED_TEST_REDIS")) {
        puts("1..0 # SKIP SCORED_TEST_REDIS is not set to the address of a Redis on a Unix socket");
        return SKIPPED;
    }
    Suite *suite = suite_create("redis_view");
    TCase *tcase = tcase_create("redis_view");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    add_writing(tcase);
    add_accounts(tcase);
    add_without_hashes(tcase);
    add_catching_up(tcase);
    add_reading(tcase);
    add_connections(tcase);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
