/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/batch.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/batch_hash.h"
#include "daemon/pipeline/model_walk.h"
#include "lib/calendar/timestamp.h"
#include "lib/model/skeleton.h"
#include "lib/record/account_record.h"
#include "lib/shard/entity_window.h"

/* The attributes of CloudEvents' Kafka binding in binary mode, and our own. */
#define HEADERS_MAX 12
#define CE_TYPE_PREFIX "io.scored."

struct Batch {
    LiveShard *shard;
    ViewJob *job;
    JsonWriter footer;
    Buffer message; /* the one being packed */
    BatchHash *hash;
    int64_t offsets[INPUTS_MAX];
    int64_t begun_watermark_ms, proved_ms[CONFIG_SOURCES_MAX]; /* as it begins */
    int64_t n_events, n_outputs, n_records;
    int64_t n_written; /* to other topics than the changelog */
    int64_t footer_offset, skeleton_offset; /* filled in by the commit */
    bool has_skeleton; /* it brings the present model's */
    bool has_walk_ended;
    char hint[HINT_SIZE];
};

int batch_new(LiveShard *shard, Batch **ret) {
    _cleanup_(batch_free) Batch *batch = calloc(1, sizeof(*batch));
    if (!batch)
        return -ENOMEM;
    *batch = (Batch){.shard = shard, .begun_watermark_ms = shard_watermark(shard->engine), .footer_offset = -1, .skeleton_offset = -1};
    memcpy(batch->offsets, shard->offsets, sizeof(batch->offsets));
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        batch->proved_ms[i] = shard->sources[i].proved_ms;
    int r = batch_hash_new(&batch->hash);
    if (r == 0)
        r = view_job_new(shard->pipeline->config->redis_hashes, &batch->job);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(batch);
    return 0;
}

Batch *batch_free(Batch *batch) {
    if (!batch)
        return NULL;
    view_job_free(batch->job);
    json_writer_deinit(&batch->footer);
    buffer_done(&batch->message);
    batch_hash_free(batch->hash);
    free(batch);
    return NULL;
}

/* Where in the hash a record of another topic than the changelog has its place: what is spread over topics can be put in order again. */
static KafkaHeader make_tag(Batch *batch, char tag[static BATCH_TAG_SIZE]) {
    BatchTag place = {.shard = batch->shard->id, .bno = batch->shard->bno + 1, .number = batch->n_written++};
    memcpy(place.lineage, batch->shard->lineage, sizeof(place.lineage));
    batch_tag_print(&place, tag);
    return (KafkaHeader){BATCH_TAG_HEADER, str_from(tag)};
}

static int produce(Batch *batch, const char *topic, int32_t partition, Str key, Str value, const KafkaHeader *headers,
        size_t n_headers, int64_t *ret_offset) {
    char text[KAFKA_TEXT_SIZE];
    if (!str_eq_c(key, FOOTER_KEY))
        batch_hash_add(batch->hash, topic, key, value);
    KafkaHeader tagged[HEADERS_MAX];
    char tag[BATCH_TAG_SIZE];
    if (strcmp(topic, batch->shard->pipeline->config->changelog_topic) != 0) {
        if (n_headers)
            memcpy(tagged, headers, n_headers * sizeof(*headers));
        tagged[n_headers++] = make_tag(batch, tag);
        headers = tagged;
    }
    int r = kafka_sink_produce(
            batch->shard->pipeline->sink, topic, partition, key, value, headers, n_headers, ret_offset, text);
    if (r > 0) {
        log_error("produce.failed", LOG_STR("topic", topic), LOG_INT("shard", batch->shard->id), LOG_STR("error", text));
        return PIPELINE_E_RESTART;
    }
    return r;
}

/* --- outputs ----------------------------------------------------------------------------------------- */

/* Texts that the headers of one output borrow. */
typedef struct HeaderTexts {
    char type[64], id[UUID_TEXT_LEN + 1], time[TIMESTAMP_TEXT_SIZE], decided[TIMESTAMP_TEXT_SIZE];
} HeaderTexts;

/* The lead that the output is about, or the account. */
static Str subject_of(const Output *output) {
    return output->lead_id.data ? output->lead_id : output->account_id;
}

static size_t make_headers(
        const Output *output, Str source, HeaderTexts *texts, KafkaHeader headers[static HEADERS_MAX]) {
    size_t n = 0;
    (void)snprintf(texts->type, sizeof(texts->type), CE_TYPE_PREFIX "%s", output_type_name(output->type));
    (void)timestamp_print(output->at_ms, texts->time);
    (void)timestamp_print(clock_wall_ms(), texts->decided);
    headers[n++] = (KafkaHeader){"ce_specversion", STR_LITERAL("1.0")};
    headers[n++] = (KafkaHeader){"ce_type", str_from(texts->type)};
    headers[n++] = (KafkaHeader){"ce_source", source};
    headers[n++] = (KafkaHeader){"ce_time", str_from(texts->time)};
    headers[n++] = (KafkaHeader){"content-type", STR_LITERAL("application/avro")};
    /* when the verdict fell, which after an outage is later than the instant it speaks of */
    headers[n++] = (KafkaHeader){"scored_decided_at", str_from(texts->decided)};
    if (output->type == OUTPUT_DEAD_LETTER) {
        headers[n++] = (KafkaHeader){"scored_reason", output->dead_letter.reason};
        return n;
    }
    uuid_print(&output->event_id, texts->id);
    headers[n++] = (KafkaHeader){"ce_id", str_from(texts->id)};
    headers[n++] = (KafkaHeader){"ce_subject", subject_of(output)};
    if (output->route.data)
        headers[n++] = (KafkaHeader){"scored_route", output->route};
    return n;
}

/* Of a lead that is no more nothing stays in topics that keep the latest record of each key (SPEC section 7, LeadRetired). */
static int erase_outputs(Batch *batch, Str lead_id) {
    const Pipeline *p = batch->shard->pipeline;
    int r = 0;
    for (int i = 0; i < _OUTPUT_TYPE_MAX && r == 0; i++)
        if (p->is_output_compacted[i])
            r = produce(batch, p->config->output_topics[i], -1, lead_id, STR_NULL, NULL, 0, NULL);
    return r;
}

int batch_add_output(Batch *batch, const Output *output, Str key) {
    Pipeline *p = batch->shard->pipeline;
    char text[KAFKA_TEXT_SIZE];
    Str value;
    int r = avro_output_encode(p->encoder, output, &value, text, sizeof(text));
    if (r > 0) {
        /* A dead letter too large for Avro and Kafka cannot be kept; anything else would be a mistake of ours. */
        log_error("output.unencodable", LOG_STR("type", output_type_name(output->type)),
                LOG_INT("shard", batch->shard->id), LOG_STR("error", text));
        return output->type == OUTPUT_DEAD_LETTER ? 0 : -EPROTO;
    }
    if (r < 0)
        return r;
    HeaderTexts texts;
    KafkaHeader headers[HEADERS_MAX];
    size_t n_headers = make_headers(output, str_from(p->ce_source), &texts, headers);
    Str record_key = key.data ? key : subject_of(output);
    batch->n_outputs++;
    p->counts.outputs++;
    telemetry_output(p->telemetry, p->model, output);
    r = produce(batch, p->config->output_topics[output->type], -1, record_key, value, headers, n_headers, NULL);
    return r == 0 && output->type == OUTPUT_LEAD_RETIRED ? erase_outputs(batch, output->lead_id) : r;
}

int batch_add_message(Batch *batch, const ShardMessage *message) {
    const Pipeline *p = batch->shard->pipeline;
    Str target = shard_message_target(message);
    batch->message.len = 0;
    int r = shard_message_pack(message, p->model, &batch->message);
    if (r > 0) {
        log_error("message.too_large", LOG_INT("shard", batch->shard->id), LOG_ID("for", target));
        return -EMSGSIZE;
    }
    Str value = {(const char *)batch->message.data, batch->message.len};
    int32_t first = target.data ? kafka_partition_of(p->config, target, p->n_shards) : 0;
    int32_t end = target.data ? first + 1 : p->n_shards;
    for (int32_t i = first; i < end && r == 0; i++)
        r = produce(batch, p->config->internal_topic, i, target, value, NULL, 0, NULL);
    return r;
}

void batch_note_input(Batch *batch, unsigned input, int64_t next_offset) {
    batch->offsets[input] = next_offset;
    batch->n_events++;
}

/* --- state and footer -------------------------------------------------------------------------------- */

/* What the two kinds of entities differ in here. */
typedef struct StateKind {
    const char *prefix; /* of its key in the changelog */
    int (*pack)(const Entity *entity, const Model *model, Buffer *buffer);
    int (*add_to_view)(ViewJob *job, const Model *model, const Entity *entity, Str record);
} StateKind;

static int pack_lead(const Entity *entity, const Model *model, Buffer *buffer) {
    return record_pack(lead_of((Entity *)entity), model, buffer);
}

static int pack_account(const Entity *entity, const Model *model, Buffer *buffer) {
    return account_record_pack(account_of((Entity *)entity), model, buffer);
}

static int view_lead(ViewJob *job, const Model *model, const Entity *entity, Str record) {
    return view_job_add(job, model, lead_of((Entity *)entity), record);
}

static int view_account(ViewJob *job, const Model *model, const Entity *entity, Str record) {
    return view_job_add_account(job, model, account_of((Entity *)entity), record);
}

static const StateKind state_kinds[] = {
        [ENTITY_LEAD] = {CHANGELOG_LEAD_PREFIX, pack_lead, view_lead},
        [ENTITY_ACCOUNT] = {CHANGELOG_ACCOUNT_PREFIX, pack_account, view_account},
};

/* The longest id and the longest prefix. */
#define STATE_KEY_SIZE (sizeof(CHANGELOG_ACCOUNT_PREFIX) + EVENT_LEAD_ID_LEN_MAX)

static int add_state_record(Batch *batch, const Entity *entity, Buffer *record) {
    const Pipeline *p = batch->shard->pipeline;
    const StateKind *kind = &state_kinds[entity->kind];
    char key[STATE_KEY_SIZE];
    size_t prefix_len = strlen(kind->prefix);
    Str value = STR_NULL;
    memcpy(key, kind->prefix, prefix_len);
    memcpy(key + prefix_len, entity->id.data, entity->id.len);
    if (!entity->erased) {
        record->len = 0;
        int r = kind->pack(entity, p->model, record);
        if (r > 0) {
            log_error("record.too_large", LOG_ID("id", entity->id), LOG_INT("shard", batch->shard->id));
            return -EMSGSIZE;
        }
        if (r < 0)
            return r;
        value = (Str){(const char *)record->data, record->len};
    }
    batch->n_records++;
    int r = produce(batch, p->config->changelog_topic, batch->shard->id, (Str){key, prefix_len + entity->id.len},
            value, NULL, 0, NULL);
    return r == 0 ? kind->add_to_view(batch->job, p->model, entity, value) : r;
}

/* With the first batch under a model: by what its records are read when the model is no more. */
static int add_skeleton(Batch *batch) {
    const LiveShard *shard = batch->shard;
    const Model *model = shard->pipeline->model;
    char key[sizeof(CHANGELOG_MODEL_PREFIX) + 24];
    Buffer skeleton = {0};
    if (shard->has_skeleton)
        return 0;
    int r = skeleton_pack(model, &skeleton);
    if (r > 0) {
        log_error("model.too_large", LOG_INT("version", model->version));
        r = -EMSGSIZE;
    }
    (void)snprintf(key, sizeof(key), CHANGELOG_MODEL_PREFIX "%" PRId64, model->version);
    if (r == 0)
        r = produce(batch, shard->pipeline->config->changelog_topic, shard->id, str_from(key),
                (Str){(const char *)skeleton.data, skeleton.len}, NULL, 0, &batch->skeleton_offset);
    batch->has_skeleton = r == 0;
    batch->n_records += batch->has_skeleton;
    buffer_done(&skeleton);
    return r;
}

static int add_state_records(Batch *batch) {
    const LiveShard *shard = batch->shard;
    const EntityTable *tables[] = {shard_leads(shard->engine), shard_accounts(shard->accounts)};
    Buffer record = {0};
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        ChangedWalk walk = changed_walk(tables[i]);
        for (Entity *entity; r == 0 && (entity = changed_walk_next(&walk));)
            r = add_state_record(batch, entity, &record);
    }
    buffer_done(&record);
    return r;
}

/* Those that stand in the shard's own changelog; what was learned from others is asked of them again. */
static void describe_models(const LiveShard *shard, Footer *footer) {
    for (size_t i = 0; i < shard->history.n; i++)
        if (shard->history.models[i].offset >= 0)
            footer->skeletons[footer->n_skeletons++] =
                    (FooterSkeleton){shard->history.models[i].version, shard->history.models[i].offset};
    if (shard->skeleton_offset >= 0)
        footer->skeletons[footer->n_skeletons++] = (FooterSkeleton){shard->pipeline->model->version, shard->skeleton_offset};
    if (shard->walk) {
        footer->walk_next = model_walk_next(shard->walk);
        footer->walk_end = model_walk_end(shard->walk);
    }
}

static void describe_inputs(const Batch *batch, Footer *footer) {
    LiveShard *shard = batch->shard;
    const Inputs *inputs = &shard->pipeline->inputs;
    for (unsigned i = 0; i < inputs->n; i++) {
        const Input *input = &inputs->inputs[i];
        int32_t partition = inputs_partition(inputs, i, shard->id);
        if (partition < 0)
            continue;
        const SourceProgress *progress = live_shard_progress(shard, i);
        FooterInput *ret = &footer->inputs[footer->n_inputs++];
        (void)snprintf(ret->topic, sizeof(ret->topic), "%s", input->topic);
        ret->partition = input->is_routed ? partition : -1;
        ret->offset = batch->offsets[i];
        ret->newest_ms = progress ? progress->newest_ms : TIME_NONE;
        ret->proved_ms = progress && !input->is_routed ? batch->proved_ms[input->source] : TIME_NONE;
    }
    for (unsigned i = 0; i < inputs->n_sources; i++) {
        if (!shard->pipeline->config->is_routed[i])
            continue;
        FooterRouted *ret = &footer->routed[footer->n_routed++];
        (void)snprintf(ret->topic, sizeof(ret->topic), "%s", shard->pipeline->config->sources[i]);
        ret->newest_ms = shard->sources[i].newest_ms;
    }
}

static int add_footer(Batch *batch) {
    const LiveShard *shard = batch->shard;
    const Pipeline *p = shard->pipeline;
    Footer footer = {
        .bno = shard->bno + 1,
        .watermark_ms = shard_watermark(shard->engine),
        .accounts_watermark_ms = shard_watermark(shard->accounts),
        .begun_watermark_ms = batch->begun_watermark_ms,
        .taken_bno = shard->taken_bno,
        .model_version = p->model->version,
        .n_events = batch->n_events,
        .n_outputs = batch->n_outputs,
        .n_records = batch->n_records,
        .n_written = batch->n_written,
        .shards = p->n_shards,
    };
    memcpy(footer.lineage, shard->lineage, sizeof(footer.lineage));
    memcpy(footer.model_hash, p->model_hash, sizeof(footer.model_hash));
    batch_hash_finish(batch->hash, footer.hash);
    describe_models(shard, &footer);
    describe_inputs(batch, &footer);
    int r = footer_print(&footer, &batch->footer);
    if (r < 0)
        return r;
#ifdef PLANTED_LOST_FOOTER
    if (footer.bno % 100 == 0)
        return 0;
#endif
    return produce(batch, p->config->changelog_topic, shard->id, STR_LITERAL(FOOTER_KEY),
            (Str){batch->footer.data, batch->footer.len}, NULL, 0, &batch->footer_offset);
}

int batch_finish(Batch *batch, ShardOffsets *ret) {
    LiveShard *shard = batch->shard;
    int r = add_skeleton(batch);
    if (r == 0)
        r = add_state_records(batch);
    if (r == 0)
        r = add_footer(batch);
    if (r != 0)
        return r;
#ifdef PLANTED_VIEW_FIRST
    char text[REDIS_TEXT_SIZE];
    ViewBatch early = {.shard = shard->id, .lineage = shard->lineage, .from_bno = shard->bno, .to_bno = shard->bno + 1,
            .next_offset = shard->footer_offset + 1, .watermark_ms = shard_watermark(shard->engine), .now_ms = clock_wall_ms(),
            .writes = view_job_writes(batch->job), .n_writes = view_job_count(batch->job)};
    r = redis_view_apply(shard->pipeline->view, &early, text);
    if (r < 0)
        return r;
#endif
    Hint hint = {.bno = shard->bno + 1, .footer_offset = shard->footer_offset};
    memcpy(hint.lineage, shard->lineage, sizeof(hint.lineage));
    hint_print(&hint, batch->hint);
    *ret = (ShardOffsets){.shard = shard->id, .offsets = batch->offsets, .metadata = batch->hint};
    return 0;
}

void batch_close(Batch *batch) {
    LiveShard *shard = batch->shard;
    shard->bno++;
    memcpy(shard->offsets, batch->offsets, sizeof(shard->offsets));
    batch->has_walk_ended = shard->walk_ended;
    shard->walk_ended = false;
    shard_clean(shard->engine);
    shard_clean(shard->accounts);
    view_queue_consume(shard->view_queue, TAKE_PTR(batch->job), shard->bno, shard_watermark(shard->engine));
}

void batch_settle(Batch *batch) {
    LiveShard *shard = batch->shard;
    /* After a retry the broker may not tell the offset; the footer before is a good place to begin reading, too. */
    if (batch->footer_offset >= 0)
        shard->footer_offset = batch->footer_offset;
    if (batch->has_skeleton) {
        shard->has_skeleton = true;
        shard->skeleton_offset = batch->skeleton_offset;
    }
    if (batch->has_walk_ended)
        log_info("model.applied", LOG_INT("shard", shard->id), LOG_INT("version", shard->pipeline->model->version));
    view_queue_release(shard->view_queue, shard->footer_offset + 1);
}
