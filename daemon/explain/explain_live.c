/* SPDX-License-Identifier: Apache-2.0 */
/* A lead or an account as the daemon has written it to Redis, and its history as it stands in Kafka. Nothing is changed. */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/explain/explain_subject.h"
#include "daemon/io/kafka/kafka_feed.h"
#include "daemon/pipeline/model_history.h"
#include "daemon/pipeline/skeleton_reader.h"
#include "lib/record/account_record.h"
#include "lib/record/record.h"

#define CONNECT_TIMEOUT_MS 15000
#define POLL_MS 100
/* A broker that says nothing for so long is not going to. */
#define SILENCE_MS 30000

static int failed(const Subject *s, int r, const char *text) {
    command_error(s->command, "%s", r < 0 ? strerror(-r) : text);
    return r < 0 ? EX_OSERR : r == VIEW_E_UNREACHABLE ? EX_UNAVAILABLE : EX_CONFIG;
}

/* ---- Redis ---- */

static int check_partitioner(const Subject *s, const BoardInfo *info) {
    if (str_is_null(info->partitioner) || str_eq_c(info->partitioner, s->config->partitioner))
        return EXIT_SUCCESS;
    command_error(s->command, "%s:info: the daemon's kafka.partitioner is %.*s, the configuration's %s", s->config->redis_prefix,
            STR_FMT(info->partitioner), s->config->partitioner);
    return EX_CONFIG;
}

static int check_model(const Subject *s, const BoardInfo *info) {
    if (str_is_null(info->model) || str_eq(info->model, s->model->id))
        return subject_check_model(s);
    command_error(s->command, "the daemon's model is %.*s, not %.*s", STR_FMT(info->model), STR_FMT(s->model->id));
    return EX_CONFIG;
}

static int open_board(Subject *s, BoardInfo *ret) {
    char text[REDIS_TEXT_SIZE];
    int status = command_load_config(s->command, s->arg_config, &s->config);
    if (status != EXIT_SUCCESS)
        return status;
    int r = redis_board_new(s->config, text, &s->board);
    if (!r)
        r = redis_board_info(s->board, "", text, ret);
    if (r)
        return failed(s, r, text);
    if (ret->n_shards == 0) {
        command_error(s->command, "no daemon has written to Redis at %s yet: there is no key %s:info", s->config->redis_address,
                s->config->redis_prefix);
        return EX_UNAVAILABLE;
    }
    return check_partitioner(s, ret);
}

static int32_t shard_of(const Subject *s, int32_t n_shards) {
    return kafka_partition_of(s->config, subject_id(s), n_shards);
}

int subject_keys(Subject *s, char ret[static _BOARD_KEY_MAX][BOARD_KEY_SIZE]) {
    BoardInfo info;
    int status = open_board(s, &info);
    if (status == EXIT_SUCCESS)
        redis_board_keys(s->board, s->kind, shard_of(s, info.n_shards), subject_id(s), ret);
    return status;
}

/* ---- the record ---- */

static int newer_version(const Subject *s, int64_t version, const BoardInfo *info) {
    command_error(s->command,
            "the record of %.*s is of version %" PRId64 " of the model, not of %" PRId64 " (the daemon's is %" PRId64
            "): give that one by --model",
            STR_FMT(subject_id(s)), version, s->model->version, info->model_version);
    return EX_CONFIG;
}

static int cannot_unpack(const Subject *s, int r) {
    Str id = subject_id(s);
    if (r < 0)
        return failed(s, r, "");
    if (r == RECORD_E_FORMAT) {
        command_error(s->command, "the record of %.*s was written by a newer scored", STR_FMT(id));
        return EX_CONFIG;
    }
    command_error(s->command, "the record of %.*s is damaged", STR_FMT(id));
    return EXIT_FAILURE;
}

/* ---- a record of an earlier model version ---- */

static int read_skeleton(const Subject *s, const SkeletonQuery *query, Footer *footer, Buffer *skeleton) {
    char text[KAFKA_TEXT_SIZE];
    int r = skeleton_read(query, text, footer, skeleton);
    if (r == 0)
        return EXIT_SUCCESS;
    command_error(s->command, "the record of %.*s is of version %" PRId64 " of the model, not of %" PRId64 ", and cannot be brought to it: %s",
            STR_FMT(subject_id(s)), query->version, s->model->version, r < 0 ? strerror(-r) : text);
    return r < 0 ? EX_OSERR : r == KAFKA_E_UNKNOWN || r == KAFKA_E_CONFIG ? EX_CONFIG : EX_UNAVAILABLE;
}

static int drop_output(void *userdata, const Output *output) {
    (void)userdata;
    (void)output;
    return 0;
}

static int load_lead(Subject *s, const ModelHistory *history, Str record) {
    _cleanup_(lead_free) Lead *lead = NULL;
    int r = model_history_unpack_lead(history, s->model, record, subject_id(s), &lead);
    if (r == 0)
        r = shard_load(s->shard, lead);
    if (r == 0)
        s->lead = TAKE_PTR(lead);
    return r;
}

static int load_account(Subject *s, const ModelHistory *history, Str record) {
    _cleanup_(account_free) Account *account = NULL;
    int r = model_history_unpack_account(history, s->model, record, subject_id(s), &account);
    if (r == 0)
        r = shard_load_account(s->shard, account);
    if (r == 0)
        s->account = TAKE_PTR(account);
    return r;
}

/* As the daemon does it on its walk: migrated, then settled as of the watermark. What that would tell is not told. */
static int settle(Subject *s, const ModelHistory *history, Str record, int64_t watermark_ms) {
    int r = shard_new(s->model, (OutputSink){.output = drop_output}, &s->shard);
    if (r < 0)
        return r;
    shard_restore_watermark(s->shard, watermark_ms);
    r = s->kind == ENTITY_LEAD ? load_lead(s, history, record) : load_account(s, history, record);
    return r == 0 ? shard_apply_model(s->shard, s->kind, subject_id(s)) : r;
}

static int unpack_earlier(Subject *s, const SkeletonQuery *query, Str record) {
    ModelHistory history = {0};
    Buffer skeleton = {0};
    Footer footer;
    int status = read_skeleton(s, query, &footer, &skeleton);
    if (status == EXIT_SUCCESS) {
        int r = model_history_add(&history, s->model, 0, (Str){(const char *)skeleton.data, skeleton.len});
        if (r == 0)
            r = settle(s, &history, record, s->kind == ENTITY_LEAD ? footer.watermark_ms : footer.accounts_watermark_ms);
        status = r == 0 ? EXIT_SUCCESS : cannot_unpack(s, r);
        s->record_version = query->version;
    }
    model_history_done(&history);
    buffer_done(&skeleton);
    return status;
}

static int unpack(Subject *s, int32_t shard, const BoardRecord *record, const BoardInfo *info) {
    int64_t version;
    s->lead = lead_free(s->lead);
    int r = s->kind == ENTITY_LEAD ? record_unpack(record->value, subject_id(s), s->model, &s->lead)
                                   : account_record_unpack(record->value, subject_id(s), s->model, &s->account);
    if (r == 0)
        return EXIT_SUCCESS;
    if (r != RECORD_E_MODEL || record_model_version(record->value, &version) != 0)
        return cannot_unpack(s, r);
    if (version > s->model->version)
        return newer_version(s, version, info);
    return unpack_earlier(s, &(SkeletonQuery){.config = s->config, .shard = shard, .view_next = record->next_offset, .version = version},
            record->value);
}

static int load_one(Subject *s, const BoardInfo *info) {
    char text[REDIS_TEXT_SIZE];
    BoardRecord record;
    int32_t shard = shard_of(s, info->n_shards);
    int r = redis_board_record(s->board, s->kind, shard, subject_id(s), text, &record);
    if (r)
        return failed(s, r, text);
    if (str_is_null(record.value))
        return subject_missing(s, record.is_rebuilding ? "Redis, which is being rebuilt: ask again later" : "Redis");
    s->watermark_ms = record.watermark_ms;
    return unpack(s, shard, &record, info);
}

static int load_record(Subject *s, const BoardInfo *info) {
    for (int i = 0; i < SUBJECT_MERGES_MAX; i++) {
        int status = load_one(s, info);
        if (status != EXIT_SUCCESS || s->kind == ENTITY_ACCOUNT || str_is_null(s->lead->merged_into))
            return status;
        subject_set_id(s, s->lead->merged_into);
    }
    return subject_lost(s);
}

/* ---- Kafka ---- */

static int read_feed(Subject *s, KafkaFeed *feed) {
    int64_t heard_at_ms = clock_monotonic_ms();
    FeedPoll poll;
    for (;;) {
        kafka_feed_poll(feed, POLL_MS, &poll);
        if (poll.type == FEED_END)
            return EXIT_SUCCESS;
        if (poll.type == FEED_OUTPUT) {
            int r = history_note(&s->history, &poll.output, poll.timestamp_ms);
            if (r)
                return failed(s, r, "");
        }
        if (poll.type == FEED_BROKEN || poll.type == FEED_ERROR)
            command_error(s->command, "%s", poll.text);
        if (poll.type == FEED_OUTPUT || poll.type == FEED_BROKEN)
            heard_at_ms = clock_monotonic_ms();
        if (clock_monotonic_ms() - heard_at_ms > SILENCE_MS) {
            command_error(s->command, "Kafka at %s has not answered for %d s", s->config->bootstrap_servers, SILENCE_MS / 1000);
            return EX_UNAVAILABLE;
        }
    }
}

static int open_feed(Subject *s, AvroOutputReader *reader, FeedKeys keys, KafkaFeed **ret) {
    char text[KAFKA_TEXT_SIZE];
    unsigned types = 1U << OUTPUT_STAGE_CHANGED;
    if (s->kind == ENTITY_LEAD)
        types |= 1U << OUTPUT_SLA_EVENT | 1U << OUTPUT_REFUSED | 1U << OUTPUT_LEAD_RETIRED;
    int r = kafka_feed_new_past(s->config, reader, types, keys, NULL, CONNECT_TIMEOUT_MS, text, ret);
    if (!r)
        return EXIT_SUCCESS;
    command_error(s->command, "%s", r < 0 ? strerror(-r) : text);
    return r < 0 ? EX_OSERR : r == KAFKA_E_CONFIG ? EX_CONFIG : EX_UNAVAILABLE;
}

static int load_history(Subject *s) {
    _cleanup_(registry_free) Registry *registry = NULL;
    _cleanup_(avro_output_free) AvroOutput *encoder = NULL; /* comes with the registry; not used */
    _cleanup_(avro_output_reader_free) AvroOutputReader *reader = NULL;
    _cleanup_(kafka_feed_free) KafkaFeed *feed = NULL;
    Str keys[LEAD_ALIASES_MAX + 1] = {subject_id(s)};
    char text[512];
    if (subject_begin_history(s) < 0)
        return failed(s, -ENOMEM, "");
    memcpy(keys + 1, s->former_ids, s->n_former_ids * sizeof(*keys));
    int status = command_load_schemas(s->command, s->config, SCHEMAS_OF_BOTH, NULL, &registry, &encoder);
    if (status != EXIT_SUCCESS)
        return status;
    int r = avro_output_reader_new(registry_outputs(registry), text, sizeof(text), &reader);
    if (r) {
        command_error(s->command, "%s: %s", s->config->output_schema_dir, r < 0 ? strerror(-r) : text);
        return r < 0 ? EX_OSERR : EX_CONFIG;
    }
    status = open_feed(s, reader, (FeedKeys){keys, 1 + s->n_former_ids}, &feed);
    return status == EXIT_SUCCESS ? read_feed(s, feed) : status;
}

/* While history is being loaded, now is where the events are. */
static int64_t now_of(const Subject *s) {
    int64_t now_ms = s->config->watermark == WATERMARK_DATA ? s->watermark_ms : clock_wall_ms();
    return MAX(now_ms, s->lead ? s->lead->clock_ms : s->account->clock_ms);
}

int subject_load(Subject *s) {
    BoardInfo info;
    int status = open_board(s, &info);
    if (status == EXIT_SUCCESS)
        status = command_load_model(s->command, s->arg_model ? s->arg_model : s->config->model_path, &s->model);
    if (status == EXIT_SUCCESS)
        status = check_model(s, &info);
    if (status == EXIT_SUCCESS)
        status = load_record(s, &info);
    if (status == EXIT_SUCCESS && s->arg_history)
        status = load_history(s);
    if (status != EXIT_SUCCESS)
        return status;
    s->now_ms = now_of(s);
    return EXIT_SUCCESS;
}
