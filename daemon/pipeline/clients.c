/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/clients.h"

#include <stdio.h>

#include "daemon/check/kafka_cause.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/live_shard.h"
#include "daemon/pipeline/round.h"
#include "daemon/pipeline/topics.h"
#include "daemon/view/readers.h"
#include "daemon/view/view_fields.h"

#define START_TIMEOUT_MS 30000
/* Of librdkafka's own, in 10 s: what it tells ten times it tells for days. */
#define CLIENT_LINES 5

/* `level` is syslog's: 3 is an error, 4 a warning. Librdkafka's own troubles are no errors of ours until a call fails. */
static void kafka_log(int level, const char *facility, const char *message) {
    if (kafka_is_login_error(message)) {
        log_error("kafka.login", LOG_STR("error", message), LOG_STR("remedy", kafka_login_remedy(message)));
        return;
    }
    LogLevel own = level <= 4 ? LOG_WARNING : LOG_DEBUG;
    log_at(own, own == LOG_WARNING ? CLIENT_LINES : 0, "kafka.client", LOG_STR("facility", facility), LOG_STR("text", message));
}

static int kafka_outcome(Pipeline *p, int r, const char *what, const char *text) {
    if (r <= 0)
        return r;
    if (*p->stop)
        return PIPELINE_E_WAIT; /* it was not waited for */
    pipeline_note_awaited(p, HEALTH_KAFKA, text);
    log_warning("kafka.unavailable", LOG_STR("for", what), LOG_INT("code", r), LOG_STR("error", text));
    return r == KAFKA_E_CONFIG ? PIPELINE_E_REFUSED : PIPELINE_E_WAIT;
}

/* A Redis that knows no functions, or does not let us load any, is as good to us as another. */
static int offer_readers(Pipeline *p) {
    _cleanup_(arena_free) Arena *arena = NULL;
    RedisLibrary library;
    char text[REDIS_TEXT_SIZE];
    int r = arena_new(&arena);
    if (r == 0)
        r = readers_make(arena, p->config, p->model, p->n_shards, &library);
    if (r == 0)
        r = redis_library_offer(p->view, &library, text);
    if (r == VIEW_E_REFUSED)
        log_warning("redis.no_readers", LOG_STR("error", text));
    else if (r > 0)
        log_warning("redis.unavailable", LOG_STR("error", text));
    return r == VIEW_E_REFUSED ? 0 : r > 0 ? PIPELINE_E_WAIT : r;
}

int clients_describe_view(Pipeline *p) {
    _cleanup_(view_fields_free) ViewFieldsBuffer *buffer = NULL;
    const ViewField *model_fields;
    size_t n;
    char shards[16], text[REDIS_TEXT_SIZE];
    (void)snprintf(shards, sizeof(shards), "%d", (int)p->n_shards);
    int r = view_fields_new(p->config->redis_hashes, &buffer);
    if (r == 0)
        r = view_fields_info(buffer, p->model, &model_fields, &n);
    if (r < 0)
        return r;
    _cleanup_(free_null) ViewField *fields = calloc(n + 4, sizeof(*fields));
    if (!fields)
        return -ENOMEM;
    memcpy(fields, model_fields, n * sizeof(*fields));
    fields[n++] = (ViewField){STR_LITERAL("shards"), str_from(shards)};
    fields[n++] = (ViewField){STR_LITERAL("partitioner"), str_from(p->config->partitioner)};
    fields[n++] = (ViewField){STR_LITERAL("prefix"), str_from(p->config->redis_prefix)};
    fields[n++] = (ViewField){STR_LITERAL("hashes"), p->config->redis_hashes ? STR_LITERAL("1") : STR_LITERAL("0")};
    r = redis_view_set_info(p->view, fields, n, text);
    if (r > 0)
        log_warning("redis.unavailable", LOG_STR("error", text));
    if (r != 0)
        return r > 0 ? PIPELINE_E_WAIT : r;
    return offer_readers(p);
}

static int prepare_view(Pipeline *p) {
    char text[REDIS_TEXT_SIZE];
    int r = redis_view_set_shards(p->view, p->n_shards, text);
    if (r == 0)
        r = redis_view_set_shards(p->writer, p->n_shards, text);
    if (r == 0)
        r = redis_view_connect(p->view, text);
    if (r == 0)
        r = redis_view_check(p->view, text);
    p->is_redis_away = r == VIEW_E_UNREACHABLE;
    if (r > 0) {
        log_error("redis.unusable", LOG_STR("error", text));
        pipeline_note_awaited(p, HEALTH_REDIS, text);
        return r == VIEW_E_REFUSED ? PIPELINE_E_REFUSED : PIPELINE_E_WAIT;
    }
    return r == 0 ? clients_describe_view(p) : r;
}

/* While the brokers are waited for: the loop goes round, too. */
static bool is_wait_over(void *userdata, const char *error) {
    Pipeline *p = userdata;
    if (p->phase == HEALTH_CONNECTING)
        pipeline_note_awaited(p, HEALTH_KAFKA, error);
    pipeline_note_progress(p);
    return *p->stop;
}

static KafkaPatience patience(Pipeline *p) {
    return (KafkaPatience){.is_over = is_wait_over, .userdata = p};
}

static int new_views(Pipeline *p, char *text) {
    const char *leads[VIEW_BOARDS_MAX], *accounts[VIEW_BOARDS_MAX];
    ViewBoards boards = {
            .names = {[ENTITY_LEAD] = leads, [ENTITY_ACCOUNT] = accounts},
            .n = {[ENTITY_LEAD] = view_fields_boards(p->model, ENTITY_LEAD, leads),
                    [ENTITY_ACCOUNT] = view_fields_boards(p->model, ENTITY_ACCOUNT, accounts)},
    };
    int r = redis_view_new(p->config, &boards, text, &p->view);
    if (r == 0)
        r = redis_view_new(p->config, &boards, text, &p->writer);
    if (r == 0)
        redis_view_join(p->writer, p->view);
    if (r == 0)
        r = worker_new("scored-view", &p->worker);
    return r == 0 ? worker_new("scored-commit", &p->committer) : r;
}

int clients_open(Pipeline *p) {
    char text[KAFKA_TEXT_SIZE];
    int r = avro_event_decoder_new(&p->decoder);
    if (r == 0)
        r = new_views(p, text);
    if (r > 0) {
        log_error("redis.unusable", LOG_STR("error", text));
        return PIPELINE_E_REFUSED;
    }
    if (r == 0)
        r = kafka_outcome(p, kafka_cluster_new(p->config, kafka_log, text, &p->cluster), "cluster", text);
    if (r == 0)
        kafka_cluster_set_patience(p->cluster, patience(p));
    return r;
}

void clients_close(Pipeline *p) {
    p->cluster = kafka_cluster_free(p->cluster);
    p->committer = worker_free(p->committer);
    p->worker = worker_free(p->worker);
    p->writer = redis_view_free(p->writer);
    p->view = redis_view_free(p->view);
    p->decoder = avro_event_decoder_free(p->decoder);
}

static void on_statistics(void *userdata, Str json) {
    telemetry_kafka(userdata, KAFKA_PRODUCER, json);
}

static void on_second_statistics(void *userdata, Str json) {
    telemetry_kafka(userdata, KAFKA_SECOND_PRODUCER, json);
}

static int new_sink(Pipeline *p, char *text) {
    KafkaSinkHandlers handlers = {.log = kafka_log, .patience = patience(p)};
    if (p->telemetry) {
        handlers.statistics[0] = (KafkaStatisticsHandler){.take = on_statistics, .userdata = p->telemetry};
        handlers.statistics[1] = (KafkaStatisticsHandler){.take = on_second_statistics, .userdata = p->telemetry};
    }
    return kafka_sink_new(p->config, &handlers, START_TIMEOUT_MS, text, &p->sink);
}

int clients_connect(Pipeline *p, KafkaSourceHandler handler) {
    char text[KAFKA_TEXT_SIZE];
    int r = topics_prepare(p->config, p->cluster, &p->inputs, p->is_output_compacted, &p->tombstones_ms);
    p->n_shards = p->inputs.n_shards;
    if (r == 0)
        r = prepare_view(p);
    if (r != 0)
        return r;
    p->shards = calloc((size_t)p->n_shards, sizeof(LiveShard *));
    p->halted = calloc((size_t)p->n_shards, sizeof(*p->halted));
    if (!p->shards || !p->halted)
        return -ENOMEM;
    r = round_new(p, &p->round);
    if (r == 0)
        r = kafka_outcome(p, kafka_changelog_new(p->config, kafka_log, text, &p->changelog), "changelog", text);
    if (r == 0)
        r = kafka_outcome(p, new_sink(p, text), "producer", text);
    if (r == 0)
        r = kafka_outcome(p, kafka_source_new(p->config, &p->inputs, handler, kafka_log, text, &p->source), "consumer", text);
    return r;
}

void clients_disconnect(Pipeline *p) {
    p->source = kafka_source_free(p->source);
    for (int32_t i = 0; p->shards && i < p->n_shards; i++)
        p->shards[i] = live_shard_free(p->shards[i]);
    p->n_owned = 0;
    p->round = round_free(p->round);
    p->shards = free_null(p->shards);
    p->halted = free_null(p->halted);
    p->sink = kafka_sink_free(p->sink);
    p->changelog = kafka_changelog_free(p->changelog);
    p->in_transaction = false;
    telemetry_forget_kafka(p->telemetry);
}
