/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/kafka_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "tests/unit/suite.h"

#define SKIPPED 77 /* what Meson takes for it */

char text[KAFKA_TEXT_SIZE];
static atomic_uint log_lines;

int64_t now_ms(void) {
    return clock_monotonic_ms();
}

void keep_log(int level, const char *facility, const char *message) {
    if (level <= LOG_WARNING)
        atomic_fetch_add(&log_lines, 1);
    if (getenv("SCORED_TEST_VERBOSE"))
        fprintf(stderr, "%d %s %s\n", level, facility, message);
}

unsigned n_log_lines(void) {
    return atomic_load(&log_lines);
}

void world_open(World *world, const char *bootstrap) {
    *world = (World){0};
    static const char *const suffixes[] = {"web", "crm", "internal", "changelog", "stages", "group"};
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
        (void)snprintf(world->names[i], sizeof(world->names[i]), "check-%d-%lld.%s", (int)getpid(),
                (long long)clock_wall_ms() % 100000, suffixes[i]);
    Config *config = &world->config;
    config->bootstrap_servers = bootstrap;
    config->group = world->names[5];
    config->instance = "a";
    config->partitioner = "murmur2_random";
    config->sources[0] = world->names[0];
    config->sources[1] = world->names[1];
    config->n_sources = 2;
    config->internal_topic = world->names[2];
    config->changelog_topic = world->names[3];
    ck_assert_int_eq(kafka_cluster_new(config, keep_log, text, &world->cluster), 0);
}

void world_init(World *world, int32_t n_shards) {
    world_open(world, getenv("SCORED_TEST_BOOTSTRAP"));
    world->n_shards = n_shards;
    for (int i = 0; i < 5; i++) {
        int r = kafka_cluster_create_topic(
                world->cluster, world->names[i], n_shards, -1, NULL, TIMEOUT_MS, text);
        ck_assert_msg(r == 0, "%s", text);
    }
}

void world_done(World *world) {
    world->cluster = kafka_cluster_free(world->cluster);
}

const char *world_topic(const World *world, unsigned topic) {
    return world->names[topic];
}

KafkaSink *sink_open(const Config *config) {
    KafkaSink *sink = NULL;
    int r = kafka_sink_new(config, &(KafkaSinkHandlers){.log = keep_log}, TIMEOUT_MS, text, &sink);
    ck_assert_msg(r == 0, "%d %s", r, text);
    return sink;
}

static int on_assigned(void *userdata, const int32_t *shards, size_t n) {
    Member *member = userdata;
    ck_assert_uint_le(n, SHARDS_MAX);
    member->n_assigned++;
    member->n_shards = n;
    for (size_t i = 0; i < n; i++) {
        int32_t shard = shards[i];
        member->shards[i] = shard;
        int r = kafka_source_committed(member->source, shard, TIMEOUT_MS, text, member->committed[shard]);
        ck_assert_msg(r == 0, "%s", text);
        int64_t offsets[N_TOPICS];
        for (unsigned topic = 0; topic < N_TOPICS; topic++) {
            int64_t committed = member->committed[shard][topic].offset;
            offsets[topic] = member->has_start[shard] ? member->start_at[shard][topic]
                             : committed >= 0         ? committed
                                                      : -2;
            member->next[shard][topic] = offsets[topic];
            member->end[shard][topic] = -1;
        }
        if (!member->held[shard])
            ck_assert_int_eq(kafka_source_start(member->source, shard, offsets, text), 0);
    }
    return member->handler_returns;
}

static int on_revoked(void *userdata, const int32_t *shards, size_t n, bool lost) {
    Member *member = userdata;
    (void)shards;
    ck_assert_uint_eq(n, member->n_shards);
    member->n_revoked++;
    member->n_lost += lost;
    if (member->sink_on_revoke)
        member->revoke_commit = member_commit(member, member->sink_on_revoke, "at the last moment");
    member->n_shards = 0;
    return 0;
}

void member_init(Member *member, World *world, const char *instance) {
    *member = (Member){.world = world, .config = world->config};
    member->config.instance = instance;
    KafkaSourceHandler handler = {on_assigned, on_revoked, member};
    int32_t n_shards = MAX(world->n_shards, 1); /* of none where a test makes topics that are wrong */
    const int32_t counts[] = {n_shards, n_shards};
    static_assert(ARRAY_SIZE(counts) == N_TOPICS - 1, "one a source");
    ck_assert(inputs_make(&member->config, counts, n_shards, &member->inputs));
    int r = kafka_source_new(&member->config, &member->inputs, handler, keep_log, text, &member->source);
    ck_assert_msg(r == 0, "%s", text);
}

void member_done(Member *member) {
    member->source = kafka_source_free(member->source);
}

static void note_record(Member *member) {
    const SourcePoll *poll = &member->last;
    int64_t *next = &member->next[poll->shard][poll->input];
    ck_assert(member_owns(member, poll->shard));
    ck_assert(!member->held[poll->shard]);
    ck_assert_int_ge(poll->offset, *next);
    *next = poll->offset + 1;
    member->n_records[poll->shard][poll->input]++;
    member->n_total++;
}

int member_poll(Member *member, int timeout_ms) {
    SourcePoll *poll = &member->last;
    int r = kafka_source_poll(member->source, timeout_ms, poll);
    if (r)
        return r;
    switch (poll->type) {
    case SOURCE_NOTHING:
        break;
    case SOURCE_RECORD:
        note_record(member);
        break;
    case SOURCE_END:
        member->end[poll->shard][poll->input] = poll->offset;
        break;
    case SOURCE_ERROR:
        member->n_errors++;
        break;
    case SOURCE_RANGE:
        member->n_ranges++;
        break;
    }
    kafka_source_release(poll);
    return 0;
}

void member_await_shards(Member *member, size_t n) {
    int64_t deadline = now_ms() + TIMEOUT_MS;
    while (member->n_shards != n || member->n_assigned == 0) {
        ck_assert_int_lt(now_ms(), deadline);
        ck_assert_msg(member_poll(member, 20) == 0, "%s", member->last.text);
    }
}

void member_await_records(Member *member, unsigned n) {
    int64_t deadline = now_ms() + TIMEOUT_MS;
    while (member->n_total < n) {
        ck_assert_int_lt(now_ms(), deadline);
        ck_assert_msg(member_poll(member, 20) == 0, "%s", member->last.text);
    }
}

bool member_owns(const Member *member, int32_t shard) {
    for (size_t i = 0; i < member->n_shards; i++)
        if (member->shards[i] == shard)
            return true;
    return false;
}

static bool has_all_ends(const Member *member) {
    for (size_t i = 0; i < member->n_shards; i++)
        for (unsigned topic = 0; topic < N_TOPICS; topic++)
            if (member->end[member->shards[i]][topic] < 0)
                return false;
    return true;
}

void member_await_ends(Member *member) {
    int64_t deadline = now_ms() + TIMEOUT_MS;
    while (!has_all_ends(member)) {
        ck_assert_int_lt(now_ms(), deadline);
        ck_assert_msg(member_poll(member, 20) == 0, "%s", member->last.text);
    }
}

int member_commit(Member *member, KafkaSink *sink, const char *metadata) {
    ShardOffsets offsets[SHARDS_MAX];
    int64_t positions[SHARDS_MAX][N_TOPICS];
    for (size_t i = 0; i < member->n_shards; i++) {
        for (unsigned topic = 0; topic < N_TOPICS; topic++)
            positions[i][topic] = MAX(member->next[member->shards[i]][topic], 0);
        offsets[i] = (ShardOffsets){member->shards[i], positions[i], metadata};
    }
    return kafka_sink_commit(sink, member->source, offsets, member->n_shards, text);
}

void world_fill(World *world, const char *topic, int32_t partition, unsigned n) {
    World own = *world;
    char group[80];
    (void)snprintf(group, sizeof(group), "%s.fill", world->config.group);
    own.config.group = group;
    Member member;
    member_init(&member, &own, "fill");
    member_await_shards(&member, (size_t)world->n_shards);
    KafkaSink *sink = sink_open(&own.config);
    ck_assert_int_eq(kafka_sink_begin(sink, text), 0);
    for (unsigned i = 0; i < n; i++) {
        char key[16], value[16];
        (void)snprintf(key, sizeof(key), "k%u", i);
        (void)snprintf(value, sizeof(value), "%u", i);
        int r = kafka_sink_produce(
                sink, topic, partition, str_from(key), str_from(value), NULL, 0, NULL, text);
        ck_assert_msg(r == 0, "%s", text);
    }
    int r = member_commit(&member, sink, "");
    ck_assert_msg(r == 0, "%s", text);
    kafka_sink_free(sink);
    member_done(&member);
}

void produce(KafkaSink *sink, const char *topic, int32_t partition, const char *key, const char *value) {
    assert_ok(
            kafka_sink_produce(sink, topic, partition, str_from(key), str_from(value), NULL, 0, NULL, text));
}

KafkaChangelog *changelog_open(const World *world, int32_t shard, int64_t offset) {
    KafkaChangelog *changelog = NULL;
    assert_ok(kafka_changelog_new(&world->config, keep_log, text, &changelog));
    assert_ok(kafka_changelog_seek(changelog, shard, offset, text));
    return changelog;
}

/* The next record or the end; what kafka_changelog_next() returned. */
int changelog_next(KafkaChangelog *changelog, ChangelogRecord *ret) {
    int64_t deadline = now_ms() + TIMEOUT_MS;
    for (;;) {
        int r = kafka_changelog_next(changelog, 100, text, ret);
        if (r != KAFKA_E_TIMEOUT || now_ms() > deadline)
            return r;
    }
}

unsigned changelog_count(KafkaChangelog *changelog, int64_t *ret_end) {
    ChangelogRecord record;
    for (unsigned n = 0;; n++) {
        int r = changelog_next(changelog, &record);
        if (r == KAFKA_E_UNKNOWN) {
            *ret_end = record.offset;
            return n;
        }
        ck_assert_msg(r == 0, "%d %s", r, text);
    }
}

/* A plain transactional producer, for what the sink does not do: stay in a transaction whose records are
 * delivered. */
rd_kafka_t *raw_producer(const World *world, const char *id) {
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", world->config.bootstrap_servers, NULL, 0);
    rd_kafka_conf_set(conf, "transactional.id", id, NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    ck_assert_msg(rk != NULL, "%s", error);
    ck_assert_ptr_null(rd_kafka_init_transactions(rk, TIMEOUT_MS));
    return rk;
}

void raw_produce(rd_kafka_t *rk, const char *topic, int32_t partition, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        ck_assert_int_eq(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                 RD_KAFKA_V_VALUE((void *)"open", 4), RD_KAFKA_V_END),
                0);
    ck_assert_int_eq(rd_kafka_flush(rk, TIMEOUT_MS), 0);
}

int kafka_suite_run(Suite *(*make_suite)(void)) {
    if (getenv("SCORED_TEST_BOOTSTRAP"))
        return suite_run(make_suite());
    puts("skipped: SCORED_TEST_BOOTSTRAP does not name a Kafka broker (tests/env/kafka start DIR)");
    return SKIPPED;
}
