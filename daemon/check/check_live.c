/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/check/check_live.h"

#include "daemon/base/clock.h"
#include "daemon/base/inputs.h"
#include "daemon/check/check_kafka.h"
#include "daemon/check/check_redis.h"
#include "daemon/check/kafka_cause.h"
#include "daemon/command/own_schemas.h"
#include "daemon/io/redis/redis_library.h"

/* A refused login is noticed after so long, before CHECK_TIMEOUT_MS is over. */
#define CHECK_STEP_MS 500

/* --- Redis ------------------------------------------------------------------------------------------- */

static void redis_failed(const Config *config, int r, const char *text, const char *expected, const char *refusal_remedy, Findings *findings) {
    findings_add(findings, FINDING_ERROR, "Redis", "%s", text);
    findings_expected(findings, "%s", r == VIEW_E_REFUSED ? expected : "a Redis that answers");
    if (r == VIEW_E_REFUSED)
        findings_remedy(findings, "%s", refusal_remedy);
    else
        findings_remedy(findings, "start the Redis at %s, or correct redis.address", config->redis_address);
}

/* Without hashes there is nothing else that other programs could read. */
static int check_readers(const Config *config, RedisView *view, Findings *findings) {
    char text[REDIS_TEXT_SIZE];
    int r = config->redis_hashes ? 0 : redis_library_try(view, text);
    if (r > 0) {
        findings_add(findings, FINDING_WARNING, "reader functions", "%s", text);
        findings_expected(findings, "Redis Functions, since redis.hashes is false: without them other programs can read nothing of leads");
        findings_remedy(findings, "use Redis 7 or later and allow +function|load and +fcall_ro; or set redis.hashes to true");
    }
    return MIN(r, 0);
}

int check_redis(const Config *config, Findings *findings) {
    static const struct {
        int (*ask)(RedisView *view, char *text);
        const char *expected, *remedy; /* if it is refused */
    } questions[] = {
            {redis_view_check, "the policy noeviction", "set maxmemory-policy to noeviction"},
            {redis_view_try_write, "that a key can be written by a script", "let the user of redis.username write keys that begin with redis.prefix, and call scripts; is the "
                                   "server full, or a replica?"},
    };
    _cleanup_(redis_view_free) RedisView *view = NULL;
    const ViewBoards no_boards = {0};
    char text[REDIS_TEXT_SIZE];

    int r = redis_view_new(config, &no_boards, text, &view);
    if (r == 0)
        r = redis_view_connect(view, text);
    if (r > 0)
        redis_failed(config, r, text, "a login", "correct redis.address, redis.username, redis.password_file or redis.database", findings);
    if (r)
        return MIN(r, 0);
    /* First: a server that is no master is left alone once it has refused to be written. */
    r = check_redis_condition(view, findings);
    if (r < 0)
        return r;
    size_t n_errors = findings->counts[FINDING_ERROR];
    for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
        r = questions[i].ask(view, text);
        if (r < 0)
            return r;
        if (r > 0)
            redis_failed(config, r, text, questions[i].expected, questions[i].remedy, findings);
    }
    if (findings->counts[FINDING_ERROR] == n_errors)
        findings_add(findings, FINDING_OK, "Redis", "%s can be written and does not evict", config->redis_address);
    return check_readers(config, view, findings);
}

/* --- Kafka ------------------------------------------------------------------------------------------- */

static void find_no_broker(const Config *config, const char *text, Findings *findings) {
    char cause[KAFKA_TEXT_SIZE];
    kafka_cause_get(cause);
    findings_add(findings, FINDING_ERROR, "Kafka", "no broker answers at %s: %s%s%s", config->bootstrap_servers, text, cause[0] ? "; " : "", cause);
    findings_expected(findings, "the list of brokers");
    findings_remedy(findings, "%s", kafka_is_login_error(cause) ? kafka_login_remedy(cause) :
            "start it, or correct kafka.bootstrap_servers; with TLS or a password, kafka.properties and kafka.secrets");
}

int check_brokers(const Config *config, KafkaCluster *cluster, Findings *findings) {
    int64_t deadline_ms = clock_monotonic_ms() + CHECK_TIMEOUT_MS;
    char text[KAFKA_TEXT_SIZE];
    int n, r;
    do {
        r = kafka_cluster_brokers(cluster, CHECK_STEP_MS, text, &n);
    } while (r > 0 && !kafka_cause_is_login() && clock_monotonic_ms() < deadline_ms);
    if (r > 0)
        find_no_broker(config, text, findings);
    if (r == 0)
        findings_add(findings, FINDING_OK, "Kafka", "%d broker%s at %s", n, n == 1 ? "" : "s", config->bootstrap_servers);
    return r > 0 ? KAFKA_E_TIMEOUT : r;
}

void check_inputs(const Config *config, const SourceSample *samples, int32_t n_shards, Findings *findings) {
    int32_t n_partitions[CONFIG_SOURCES_MAX];
    Inputs inputs;
    for (size_t i = 0; i < config->n_sources; i++) {
        n_partitions[i] = samples[i].n_partitions;
        if (n_partitions[i] == 0 || (!config->is_routed[i] && n_partitions[i] != n_shards))
            return;
    }
    if (inputs_make(config, n_partitions, n_shards, &inputs))
        return;
    findings_add(findings, FINDING_ERROR, "route", "the routed sources have so many partitions that a shard would have over %d to read",
            INPUTS_MAX - 1);
    findings_remedy(findings, "have more shards (partitions of the other sources, or topics.partitions), or route fewer sources");
}

static int check_all_topics(const Config *config, Registry *registry, KafkaCluster *cluster, SourceSample *samples, Findings *findings) {
    ShardsKnown known;
    int r = check_sources_exist(config, cluster, samples, findings);
    if (r == 0)
        r = check_topics_known(config, cluster, findings, &known);
    if (r == 0)
        r = check_sources_sample(config, registry, samples);
    if (r)
        return r;
    const SourcesVerdict verdict = {
            .samples = samples,
            .n = config->n_sources,
            .n_shards = sources_shards(samples, config->n_sources, &known),
            .has_state = known.changelog > 0,
    };
    sources_judge(&verdict, findings);
    check_inputs(config, samples, verdict.n_shards, findings);
    return check_topics(config, cluster, &known, verdict.n_shards, findings);
}

int check_kafka(const Config *config, Registry *registry, Findings *findings) {
    _cleanup_(kafka_cluster_free) KafkaCluster *cluster = NULL;
    _cleanup_(free_null) SourceSample *samples = calloc(config->n_sources, sizeof(*samples));
    char text[KAFKA_TEXT_SIZE];

    int r = samples ? kafka_cluster_new(config, kafka_cause_note, text, &cluster) : -ENOMEM;
    if (r > 0) {
        findings_add(findings, FINDING_ERROR, "Kafka", "%s", text);
        findings_remedy(findings, "correct kafka.properties");
        return 0;
    }
    if (r == 0)
        r = check_brokers(config, cluster, findings);
    if (r == 0)
        r = check_all_topics(config, registry, cluster, samples, findings);
    return MIN(r, 0);
}

int check_live(const Config *config, Registry *registry, Findings *findings) {
    int r = own_schemas_check(config, registry_outputs(registry), findings);
    if (r == 0)
        r = check_kafka(config, registry, findings);
    return r ? r : check_redis(config, findings);
}
