#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks of the Kafka adapters share: topics of their own on a real broker, and a member of the
 * group that keeps book of what it is given and of what it reads.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>

#include "daemon/io/kafka/kafka_changelog.h"
#include "daemon/io/kafka/kafka_sink.h"

#define N_TOPICS 3 /* two sources and the internal topic */
#define SHARDS_MAX 8
#define TIMEOUT_MS 20000

/* The error's text of the call that was made last. */
extern char text[KAFKA_TEXT_SIZE];

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        text[0] = 0;                                                                                         \
        int _r = (call);                                                                                     \
        ck_assert_msg(_r == 0, "%s: %d %s", #call, _r, text);                                                \
    } while (0)

/* Runs the suite, or skips it without a broker; the main function's result. */
int kafka_suite_run(Suite *(*make_suite)(void));

typedef struct World {
    Config config;
    KafkaCluster *cluster;
    int32_t n_shards;
    char names[6][64]; /* of topics and the group */
} World;

/* A world without topics; `properties` may be NULL. */
void world_open(World *world, const char *bootstrap);
/* The world of a check: on the broker of SCORED_TEST_BOOTSTRAP, with all topics. */
void world_init(World *world, int32_t n_shards);
void world_done(World *world);
const char *world_topic(const World *world, unsigned topic);
/* Committed records into a topic, keys "k0", "k1", …, values "0", "1", …; by a sink and a source of their
 * own. */
void world_fill(World *world, const char *topic, int32_t partition, unsigned n);

typedef struct Member {
    World *world;
    Config config;
    Inputs inputs;
    KafkaSource *source;
    int32_t shards[SHARDS_MAX]; /* that it owns */
    size_t n_shards;
    unsigned n_assigned, n_revoked, n_lost; /* calls */
    bool held[SHARDS_MAX];                  /* not to be started */
    int64_t start_at[SHARDS_MAX][N_TOPICS]; /* else what is committed, else the first there is */
    bool has_start[SHARDS_MAX];
    CommittedOffset committed[SHARDS_MAX][N_TOPICS]; /* as found when assigned */
    int64_t next[SHARDS_MAX][N_TOPICS];
    int64_t end[SHARDS_MAX][N_TOPICS]; /* of the last SOURCE_END; -1: none */
    unsigned n_records[SHARDS_MAX][N_TOPICS];
    unsigned n_total, n_ranges, n_errors;
    int handler_returns;
    KafkaSink *sink_on_revoke; /* commits `next` before the shards are given up */
    int revoke_commit;         /* what that returned */
    SourcePoll last;           /* the last poll's, released */
} Member;

void member_init(Member *member, World *world, const char *instance);
void member_done(Member *member);
/* One poll, noted; what kafka_source_poll() returned. */
int member_poll(Member *member, int timeout_ms);
/* Polls until it owns n shards, or has read n records in all. */
void member_await_shards(Member *member, size_t n);
void member_await_records(Member *member, unsigned n);
bool member_owns(const Member *member, int32_t shard);
/* Reads until every partition of its shards has told its end. */
void member_await_ends(Member *member);
/* Commits what it has read of all its shards. */
int member_commit(Member *member, KafkaSink *sink, const char *metadata);

KafkaSink *sink_open(const Config *config);
int64_t now_ms(void);
/* How many lines librdkafka has logged at warning level or worse, by all clients of this process. */
unsigned n_log_lines(void);
void keep_log(int level, const char *facility, const char *message);

void produce(KafkaSink *sink, const char *topic, int32_t partition, const char *key, const char *value);
KafkaChangelog *changelog_open(const World *world, int32_t shard, int64_t offset);
/* The next record or the end; what kafka_changelog_next() returned. */
int changelog_next(KafkaChangelog *changelog, ChangelogRecord *ret);
/* Reads on to the end. */
unsigned changelog_count(KafkaChangelog *changelog, int64_t *ret_end);

/*
 * A plain transactional producer, for what the sink does not do: to stay in a transaction whose records are
 * delivered already.
 */
rd_kafka_t *raw_producer(const World *world, const char *id);
void raw_produce(rd_kafka_t *rk, const char *topic, int32_t partition, unsigned n);
