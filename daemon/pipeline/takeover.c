/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The committed offsets come from a read_committed consumer, which waits for a predecessor's pending transaction; the last
 * footer is read from the changelog. Both were written by one transaction, so they agree, unless somebody has reset the group's
 * offsets: then the shard halts, for going back would count events twice that the records hold already. Where there are no
 * offsets any more (Kafka forgets those of an empty group after a week), the footer alone is believed.
 */
#include "daemon/pipeline/takeover.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/base/random.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/clients.h"
#include "daemon/pipeline/model_walk.h"
#include "daemon/pipeline/round.h"
#include "daemon/pipeline/topics.h"
#include "daemon/pipeline/unreadable.h"

#define ASK_TIMEOUT_MS 15000
/* Longer than a predecessor's transaction can stay open (10 s). */
#define CHANGELOG_TIMEOUT_MS 20000
#define CATCH_UP_CHUNK 500
/* Views that are nearly as old as the changelog's tombstones are rebuilt: catching up takes its time, and clocks differ. */
#define TOMBSTONES_MARGIN_MS (INT64_C(3600) * 1000)

static int wait_for(const char *what, int32_t shard, const char *text) {
    log_warning("takeover.waiting", LOG_STR("for", what), LOG_INT("shard", shard), LOG_STR("error", text));
    return PIPELINE_E_WAIT;
}

static int halt_unreadable(int32_t shard, Unreadable why) {
    return live_shard_halt(shard, why.reason, why.remedy);
}

/* --- reading the changelog --------------------------------------------------------------------------- */

/* The next committed record; *ret_end: all there is has been read. */
static int next_record(Pipeline *p, int32_t shard, ChangelogRecord *ret, bool *ret_end) {
    char text[KAFKA_TEXT_SIZE];
    *ret_end = false;
    for (int64_t since_ms = clock_monotonic_ms();;) {
        int r = kafka_changelog_next(p->changelog, 200, text, ret);
        pipeline_note_progress(p);
        if (r == KAFKA_E_CONFIG) {
            log_error("topics.forbidden", LOG_STR("topic", p->config->changelog_topic), LOG_INT("shard", shard), LOG_STR("right", "Read"),
                    LOG_STR("error", text), LOG_STR("remedy", TOPICS_FORBIDDEN_REMEDY));
            return PIPELINE_E_WAIT;
        }
        if (r == KAFKA_E_UNKNOWN) {
            *ret_end = true;
            return 0;
        }
        if (r <= 0)
            return r;
        if (r == KAFKA_E_OFFSET)
            return r;
        if (*p->stop || clock_monotonic_ms() - since_ms > CHANGELOG_TIMEOUT_MS)
            return wait_for("changelog", shard, text);
    }
}

static bool is_footer(const ChangelogRecord *record) {
    return str_eq_c(record->key, FOOTER_KEY) && record->value.data;
}

/* A model's skeleton that was passed on the way. */
typedef struct SkeletonRecord {
    int64_t offset, version;
    Str bytes; /* owned */
} SkeletonRecord;

typedef struct LastFooter {
    bool found;
    SkeletonRecord skeletons[FOOTER_SKELETONS_MAX]; /* the latest ones */
    size_t n_skeletons;
    int64_t offset;
    Footer footer;
} LastFooter;

static void forget_skeletons(LastFooter *last) {
    for (size_t i = 0; i < last->n_skeletons; i++)
        free((char *)last->skeletons[i].bytes.data);
    last->n_skeletons = 0;
}

static int64_t version_of(const ChangelogRecord *skeleton) {
    char digits[24];
    size_t prefix = strlen(CHANGELOG_MODEL_PREFIX);
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)(skeleton->key.len - prefix), skeleton->key.data + prefix);
    return strtoll(digits, NULL, 10);
}

/* Of more than there is room for the oldest goes. */
static int keep_skeleton(LastFooter *last, const ChangelogRecord *record) {
    char *bytes = malloc(MAX(record->value.len, (size_t)1));
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, record->value.data, record->value.len);
    if (last->n_skeletons == ARRAY_SIZE(last->skeletons)) {
        free((char *)last->skeletons[0].bytes.data);
        last->n_skeletons--;
        memmove(&last->skeletons[0], &last->skeletons[1], last->n_skeletons * sizeof(last->skeletons[0]));
    }
    last->skeletons[last->n_skeletons++] = (SkeletonRecord){record->offset, version_of(record), {bytes, record->value.len}};
    return 0;
}

static bool is_skeleton(const ChangelogRecord *record) {
    return str_starts_with(record->key, CHANGELOG_MODEL_PREFIX) && record->value.data;
}

/* The last footer from `offset` on; if it is not there yet though committed (want_bno), waits a while for it. */
static int read_last_footer(Pipeline *p, int32_t shard, int64_t offset, int64_t want_bno, LastFooter *ret) {
    char text[KAFKA_TEXT_SIZE] = "";
    int64_t since_ms = clock_monotonic_ms();
    int r = kafka_changelog_seek(p->changelog, shard, offset, text);
    if (r > 0)
        return wait_for("changelog", shard, text);
    ret->found = false;
    while (r == 0) {
        ChangelogRecord record;
        bool end;
        r = next_record(p, shard, &record, &end);
        if (r == 0 && end) {
            if (!want_bno || (ret->found && ret->footer.bno >= want_bno) || *p->stop ||
                    clock_monotonic_ms() - since_ms > CHANGELOG_TIMEOUT_MS)
                return 0;
        } else if (r == 0 && is_skeleton(&record)) {
            r = keep_skeleton(ret, &record);
        } else if (r == 0 && is_footer(&record)) {
            int parsed = footer_parse(record.value, &ret->footer);
            if (parsed != 0)
                return parsed < 0 ? parsed : halt_unreadable(shard, unreadable_footer(parsed));
            ret->found = true;
            ret->offset = record.offset;
            /* The offsets were committed with this batch, so it is the last; the log's end need not be waited for. */
            if (want_bno && ret->footer.bno == want_bno)
                return 0;
        }
    }
    return r;
}

/* Is there nothing to read? Spares a new shard the wait for the end of its empty log. */
static int is_empty(Pipeline *p, int32_t shard, bool *ret) {
    char text[KAFKA_TEXT_SIZE];
    int64_t first = 0, end = 0;
    int r = kafka_cluster_range(p->cluster, p->config->changelog_topic, shard, ASK_TIMEOUT_MS, text, &first, &end);
    *ret = first == end;
    return r > 0 ? wait_for("changelog", shard, text) : r;
}

/*
 * The first shards of a deployment have nothing to read, but all that will ever be taken over has: a right that is missing is told before
 * anything is written that could not be read then. Once; the embedded cluster knows no rights.
 */
static int try_reading(Pipeline *p, int32_t shard) {
    char text[KAFKA_TEXT_SIZE];
    ChangelogRecord record;
    bool end;
    if (p->has_read_changelog || p->config->embedded)
        return 0;
    int r = kafka_changelog_seek(p->changelog, shard, -2, text);
    if (r > 0)
        return wait_for("changelog", shard, text);
    if (r == 0)
        r = next_record(p, shard, &record, &end);
    p->has_read_changelog |= r == 0;
    return r == KAFKA_E_OFFSET ? wait_for("changelog", shard, "its first offset moved meanwhile") : r;
}

static int find_last_footer(Pipeline *p, int32_t shard, int64_t from, int64_t want_bno, LastFooter *ret) {
    bool empty;
    int r = is_empty(p, shard, &empty);
    if (r != 0 || empty)
        return r ? r : try_reading(p, shard);
    r = from >= 0 ? read_last_footer(p, shard, from, want_bno, ret) : KAFKA_E_OFFSET;
    if (r == KAFKA_E_OFFSET || (r == 0 && !ret->found))
        r = read_last_footer(p, shard, -2, want_bno, ret);
    return r == KAFKA_E_OFFSET ? wait_for("changelog", shard, "its first offset moved meanwhile") : r;
}

/* --- the view ---------------------------------------------------------------------------------------- */

/* One chunk of a catch-up under way. */
typedef struct CatchUp {
    LiveShard *shard;
    ViewJob *job;
    int64_t expect_next; /* as stored in the view */
    int64_t next;        /* behind the last record read */
    int64_t n_records;
} CatchUp;

static int apply_chunk(CatchUp *c, int64_t to_bno, int64_t watermark_ms) {
    LiveShard *shard = c->shard;
    char text[REDIS_TEXT_SIZE];
    int r = redis_view_catch_up(shard->pipeline->view, shard->id, shard->lineage, c->expect_next, c->next, to_bno,
            watermark_ms, clock_wall_ms(), view_job_writes(c->job), view_job_count(c->job), text);
    if (r > 0)
        return wait_for("redis", shard->id, text);
    c->n_records += (int64_t)view_job_count(c->job);
    c->expect_next = c->next;
    c->job = view_job_free(c->job);
    return r < 0 ? r : view_job_new(shard->pipeline->config->redis_hashes, &c->job);
}

static int add_record(CatchUp *c, const ChangelogRecord *record) {
    const LiveShard *shard = c->shard;
    const Model *model = shard->pipeline->model;
    Str id;
    int r = 0; /* for what is of a later version's making */
    if (changelog_take_prefix(record->key, CHANGELOG_LEAD_PREFIX, &id))
        r = view_job_add_record(c->job, model, &shard->history, id, record->value);
    else if (changelog_take_prefix(record->key, CHANGELOG_ACCOUNT_PREFIX, &id))
        r = view_job_add_account_record(c->job, model, &shard->history, id, record->value);
    return r > 0 ? halt_unreadable(shard->id, unreadable_record(r)) : r;
}

/* Reads on until the footer of the shard's committed batch has been applied. */
static int apply_changelog(CatchUp *c) {
    LiveShard *shard = c->shard;
    for (int64_t since_ms = clock_monotonic_ms();;) {
        ChangelogRecord record;
        bool end;
        int r = next_record(shard->pipeline, shard->id, &record, &end);
        if (r != 0)
            return r;
        if (end) {
            if (clock_monotonic_ms() - since_ms > CHANGELOG_TIMEOUT_MS)
                return live_shard_halt(shard->id, "the changelog ends before the committed batch: records were lost",
                        "restore the changelog topic, or start over with another prefix");
            continue;
        }
        since_ms = clock_monotonic_ms();
        c->next = record.offset + 1;
        if (is_footer(&record)) {
            Footer footer;
            r = footer_parse(record.value, &footer);
            if (r != 0)
                return r < 0 ? r : halt_unreadable(shard->id, unreadable_footer(r));
            if (footer.bno >= shard->bno)
                return apply_chunk(c, footer.bno, footer.watermark_ms);
        } else {
            r = add_record(c, &record);
        }
        if (r == 0 && view_job_count(c->job) >= CATCH_UP_CHUNK)
            r = apply_chunk(c, 0, TIME_NONE);
        if (r != 0)
            return r;
    }
}

static int drop_view(LiveShard *shard, const char *why) {
    char text[REDIS_TEXT_SIZE];
    log_warning("view.rebuild", LOG_INT("shard", shard->id), LOG_STR("why", why));
    int r = redis_view_drop(shard->pipeline->view, shard->id, shard->lineage, clock_wall_ms(), text);
    if (r > 0)
        return wait_for("redis", shard->id, text);
    return r < 0 ? r : clients_describe_view(shard->pipeline); /* which may be gone with what was lost */
}

/* Has somebody committed that batch meanwhile? Then the shard is another's by now, or soon ours again with what he has committed. */
static int is_overtaken(const LiveShard *shard, int64_t bno, bool *ret) {
    const Pipeline *p = shard->pipeline;
    _cleanup_(free_null) CommittedOffset *committed = calloc(INPUTS_MAX, sizeof(*committed));
    char text[KAFKA_TEXT_SIZE];
    *ret = false;
    int r = committed ? kafka_source_committed(p->source, shard->id, ASK_TIMEOUT_MS, text, committed) : -ENOMEM;
    for (unsigned i = 0; i < p->inputs.n && r == 0; i++) {
        Hint hint;
        if (hint_parse(committed[i].metadata, &hint) && strcmp(hint.lineage, shard->lineage) == 0)
            *ret |= hint.bno >= bno;
    }
    return r > 0 ? wait_for("kafka", shard->id, text) : r;
}

/* The view stands behind the batch that was found to be the last: what was found is old, or the changelog is. */
static int look_again(const LiveShard *shard, int64_t bno) {
    bool overtaken;
    int r = is_overtaken(shard, bno, &overtaken);
    if (r != 0)
        return r;
    return overtaken ? wait_for("word of who has it now", shard->id, "")
                     : live_shard_halt(shard->id, "Redis is ahead of the changelog: Kafka lost data, or this is another cluster",
                               "restore the changelog; or delete the shard's keys in Redis to accept its state");
}

static int ask_view(Pipeline *p, int32_t shard, char *text, ViewMeta *ret) {
    int64_t begun_us = clock_monotonic_us();
    int r = redis_view_meta(p->view, shard, text, ret);
    pipeline_note_redis(p, REDIS_LOOK, clock_monotonic_us() - begun_us, r);
    return r;
}

/* From where to catch up; drops what cannot be caught up. *ret_from -1: the view stands where it should. */
static int plan_catch_up(LiveShard *shard, int64_t *ret_from) {
    ViewMeta meta;
    char text[REDIS_TEXT_SIZE];
    int r = ask_view(shard->pipeline, shard->id, text, &meta);
    if (r != 0)
        return r > 0 ? wait_for("redis", shard->id, text) : r;
    *ret_from = 0;
    if (meta.mode == VIEW_ABSENT) {
        /* A new shard has nothing to catch up with, but a drop that was cut off must be finished. */
        *ret_from = shard->bno == 0 ? -1 : 0;
        if (shard->bno == 0 && meta.next_offset >= 0)
            return 0;
        return drop_view(shard, "the view has no record of this shard");
    }
    if (strcmp(meta.lineage, shard->lineage) != 0)
        return live_shard_halt(shard->id, "the shard's keys in Redis belong to another changelog",
                "check redis.prefix and topics.prefix; if the keys are left over, delete the shard's keys");
    if (meta.bno > shard->bno)
        return look_again(shard, meta.bno);
    if (meta.hashes != (shard->pipeline->config->redis_hashes ? VIEW_HASHES_ALL : VIEW_HASHES_NONE))
        return drop_view(shard, meta.hashes == VIEW_HASHES_SOME ? "an earlier program has added readable hashes" : "redis.hashes has changed");
    if (meta.mode == VIEW_LIVE && meta.bno == shard->bno && meta.is_torn)
        return drop_view(shard, "a batch was applied in part that the changelog does not have");
    if (meta.mode == VIEW_LIVE && meta.bno == shard->bno) {
        *ret_from = -1;
        return 0;
    }
    if (clock_wall_ms() - meta.updated_at_ms > shard->pipeline->tombstones_ms - TOMBSTONES_MARGIN_MS)
        return drop_view(shard, "the view is older than the changelog keeps erasures");
    *ret_from = meta.next_offset;
    return 0;
}

int takeover_catch_up(LiveShard *shard) {
    CatchUp c = {.shard = shard};
    char text[KAFKA_TEXT_SIZE];
    int64_t from = 0, begun_ms = clock_monotonic_ms();
    int r = round_settle(shard->pipeline->round);
    if (r != 0)
        return r;
    view_queue_stop(shard->view_queue);
    r = plan_catch_up(shard, &from);
    if (r != 0 || from == -1)
        return r;
    log_info("view.catch_up", LOG_INT("shard", shard->id), LOG_INT("from_offset", from), LOG_INT("to_bno", shard->bno));
    r = kafka_changelog_seek(shard->pipeline->changelog, shard->id, from == 0 ? -2 : from, text);
    if (r > 0)
        return wait_for("changelog", shard->id, text);
    if (r == 0)
        r = view_job_new(shard->pipeline->config->redis_hashes, &c.job);
    c.expect_next = c.next = from;
    if (r == 0)
        r = apply_changelog(&c);
    kafka_changelog_rest(shard->pipeline->changelog);
    view_job_free(c.job);
    if (r == KAFKA_E_OFFSET) {
        /* what the view stands at was deleted meanwhile: from the beginning, with the next try */
        r = drop_view(shard, "the changelog does not reach back to where the view stands");
        return r == 0 ? PIPELINE_E_WAIT : r;
    }
    if (r == 0) {
        view_queue_clear(shard->view_queue);
        log_info("view.caught_up", LOG_INT("shard", shard->id), LOG_INT("bno", shard->bno),
                LOG_INT("records", c.n_records), LOG_INT("took_ms", clock_monotonic_ms() - begun_ms));
    }
    return r;
}

int takeover_repair(LiveShard *shard, int code, const char *text) {
    switch (code) {
    case VIEW_E_BEHIND:
        log_warning("view.behind", LOG_INT("shard", shard->id), LOG_STR("error", text));
        return takeover_catch_up(shard);
    case VIEW_E_AHEAD:
    case VIEW_E_LINEAGE:
        log_error("view.foreign", LOG_INT("shard", shard->id), LOG_STR("error", text));
        return PIPELINE_E_RESTART; /* the takeover that follows says what is the matter, and halts or goes on */
    default:
        log_warning_burst(3, "view.away", LOG_INT("shard", shard->id), LOG_STR("error", text));
        return PIPELINE_E_WAIT;
    }
}

/* --- the whole --------------------------------------------------------------------------------------- */

static int make_lineage(char lineage[static LINEAGE_LEN + 1]) {
    uint8_t bytes[LINEAGE_LEN / 2];
    int r = random_bytes(bytes, sizeof(bytes));
    if (r == 0)
        hex_print(bytes, sizeof(bytes), lineage);
    return r;
}

static int check_model(const Pipeline *p, int32_t shard, const Footer *footer) {
    if (footer->shards != p->n_shards)
        return live_shard_halt(shard, "the number of partitions has changed since the shards were first written",
                "leads would move between shards: go back to the old number, or start over with another prefix");
    if (footer->model_version == p->model->version && strcmp(footer->model_hash, p->model_hash) == 0)
        return 0;
    if (footer->model_version == p->model->version)
        return live_shard_halt(shard, "the model file has changed, but its version has not", "restore the file that the records "
                "were made with");
    if (footer->model_version < p->model->version)
        return 0; /* the new one is brought to its records */
    return live_shard_halt(shard, "the records were made by a newer model version", "load that version here, too (SIGHUP), or a newer one");
}

/* --- models ------------------------------------------------------------------------------------------ */

static int add_model(LiveShard *shard, int64_t offset, Str skeleton) {
    const Model *model = shard->pipeline->model;
    int r = model_history_add(&shard->history, model, offset, skeleton);
    return r > 0 ? halt_unreadable(shard->id, unreadable_skeleton(r)) : r;
}

/* The skeleton that a footer of the shard `from` says is there. */
static int read_skeleton(LiveShard *shard, int32_t from, const FooterSkeleton *skeleton) {
    Pipeline *p = shard->pipeline;
    ChangelogRecord record;
    char text[KAFKA_TEXT_SIZE] = "";
    bool end;
    int r = kafka_changelog_seek(p->changelog, from, skeleton->offset, text);
    if (r > 0)
        return wait_for("changelog", from, text);
    if (r == 0)
        r = next_record(p, from, &record, &end);
    if (r == 0 && !end && is_skeleton(&record) && record.offset == skeleton->offset)
        r = add_model(shard, from == shard->id ? record.offset : -1, record.value);
    return r == KAFKA_E_OFFSET ? 0 : r;
}

/* All model versions that records may go by; the present one's is there already if `has_skeleton`. */
static int restore_models(LiveShard *shard, const LastFooter *last) {
    const Footer *footer = &last->footer;
    const Model *model = shard->pipeline->model;
    int r = 0;
    for (size_t i = 0; i < footer->n_skeletons && r == 0; i++) {
        if (footer->skeletons[i].version == model->version) {
            shard->has_skeleton = true;
            shard->skeleton_offset = footer->skeletons[i].offset;
        } else {
            r = read_skeleton(shard, shard->id, &footer->skeletons[i]);
        }
    }
    kafka_changelog_rest(shard->pipeline->changelog);
    for (size_t i = 0; i < last->n_skeletons && r == 0; i++) {
        const SkeletonRecord *found = &last->skeletons[i];
        r = add_model(shard, found->offset, found->bytes);
        if (r == 0 && footer->model_version == model->version && !shard->has_skeleton && i + 1 == last->n_skeletons) {
            shard->has_skeleton = true; /* it came with the very last batch */
            shard->skeleton_offset = found->offset;
        }
    }
    for (size_t i = 0; i < shard->history.n && r == 0; i++)
        r = courier_add_migration(shard->courier, shard->history.models[i].migration);
    if (r != 0)
        return r;
    if (footer->model_version == model->version)
        return footer->walk_end > footer->walk_next ? model_walk_new(footer->walk_next, footer->walk_end, &shard->walk) : 0;
    if (!model_history_find(&shard->history, footer->model_version))
        return live_shard_halt(shard->id, "the changelog lacks the names of the model version that the records were made with",
                "go back to that version of the model");
    log_info("model.changes", LOG_INT("shard", shard->id), LOG_INT("from_version", footer->model_version),
            LOG_INT("to_version", model->version));
    return model_walk_new(-2, last->offset, &shard->walk);
}

/* An operator has said that what lies between is to be left out. */
static bool is_skip(const CommittedOffset *committed, const Footer *footer, const FooterInput *input) {
    Hint hint;
    return committed->offset > input->offset && hint_parse(committed->metadata, &hint) && hint.is_skip && hint.bno == footer->bno &&
            strcmp(hint.lineage, footer->lineage) == 0;
}

/* Did somebody move the group's offsets? `remedy` says how to move them back. */
static int check_offsets(const Pipeline *p, int32_t shard, const Footer *footer, const CommittedOffset *committed) {
    if (p->config->embedded)
        return 0;
    for (unsigned i = 0; i < p->inputs.n; i++) {
        int32_t partition = inputs_partition(&p->inputs, i, shard);
        const FooterInput *input = partition < 0 ? NULL : footer_input(footer, shard, p->inputs.inputs[i].topic, partition);
        char remedy[TOPIC_NAME_MAX + 256];
        if (!input || committed[i].offset < 0 || committed[i].offset == input->offset || is_skip(&committed[i], footer, input))
            continue;
        (void)snprintf(remedy, sizeof(remedy),
                "stop scored, then: kafka-consumer-groups --group %s --topic %s:%" PRId32
                " --reset-offsets --to-offset %" PRId64 " --execute",
                p->config->group, input->topic, partition, input->offset);
        log_error("shard.offset_reset", LOG_INT("shard", shard), LOG_STR("topic", input->topic),
                LOG_INT("partition", partition), LOG_INT("committed", committed[i].offset), LOG_INT("footer", input->offset));
        return live_shard_halt(shard, "the group's committed offset is not where the last batch left it", remedy);
    }
    return 0;
}

/* Where an input begins for a shard that has not read it: at its committed offset, or at its first or end. */
static int first_offset(Pipeline *p, int32_t shard, unsigned input, int64_t committed, int64_t *ret) {
    char text[KAFKA_TEXT_SIZE];
    int64_t first, end;
    if (committed >= 0) {
        *ret = committed;
        return 0;
    }
    int r = kafka_cluster_range(p->cluster, p->inputs.inputs[input].topic, inputs_partition(&p->inputs, input, shard), ASK_TIMEOUT_MS,
            text, &first, &end);
    if (r > 0)
        return wait_for("kafka", shard, text);
    bool from_end = p->config->start == START_LATEST && !inputs_is_internal(&p->inputs, input);
    *ret = from_end ? end : first;
    return r;
}

static int restore_inputs(LiveShard *shard, const Footer *footer, const CommittedOffset *committed) {
    Pipeline *p = shard->pipeline;
    for (unsigned i = 0; i < p->inputs.n; i++) {
        int32_t partition = inputs_partition(&p->inputs, i, shard->id);
        SourceProgress *progress = live_shard_progress(shard, i);
        const FooterInput *input = footer ? footer_input(footer, shard->id, p->inputs.inputs[i].topic, partition) : NULL;
        if (partition < 0)
            continue;
        int r = 0;
        if (input && is_skip(&committed[i], footer, input)) {
            shard->offsets[i] = committed[i].offset;
            log_warning("shard.skipped", LOG_INT("shard", shard->id), LOG_STR("topic", input->topic), LOG_INT("partition", partition),
                    LOG_INT("from", input->offset), LOG_INT("to", committed[i].offset));
        } else if (input)
            shard->offsets[i] = input->offset;
        else
            r = first_offset(p, shard->id, i, committed[i].offset, &shard->offsets[i]);
        if (r != 0)
            return r;
        if (progress)
            progress->read_to = shard->offsets[i];
        if (progress && input)
            progress->newest_ms = input->newest_ms;
    }
    for (unsigned i = 0; i < p->config->n_sources && footer; i++)
        if (p->config->is_routed[i]) {
            routed_restore(shard->routed, i, footer_routed(footer, p->config->sources[i]));
            shard->sources[i] = routed_source(shard->routed, i);
        }
    return 0;
}

/* Offsets, hint and last footer of the shard. */
typedef struct Past {
    CommittedOffset committed[INPUTS_MAX];
    bool hinted;
    Hint hint;
    LastFooter last;
} Past;

static int read_past(Pipeline *p, int32_t id, Past *past) {
    char text[KAFKA_TEXT_SIZE];
    ViewMeta meta;
    int r = kafka_source_committed(p->source, id, ASK_TIMEOUT_MS, text, past->committed);
    if (r > 0)
        return wait_for("kafka", id, text);
    for (unsigned i = 0; i < p->inputs.n && r == 0 && !past->hinted; i++)
        past->hinted = hint_parse(past->committed[i].metadata, &past->hint);
    if (r == 0)
        r = ask_view(p, id, text, &meta);
    if (r != 0)
        return r > 0 ? wait_for("redis", id, text) : r;
    int64_t from = past->hinted ? past->hint.footer_offset : meta.mode != VIEW_ABSENT ? meta.next_offset - 1 : -1;
    r = find_last_footer(p, id, from, past->hinted ? past->hint.bno : 0, &past->last);
    kafka_changelog_rest(p->changelog);
    return r;
}

/* From what another shard has of it. */
static int learn_from(LiveShard *shard, int32_t from, int64_t version) {
    _cleanup_(free_null) Past *past = calloc(1, sizeof(*past));
    int r = past ? read_past(shard->pipeline, from, past) : -ENOMEM;
    for (size_t i = 0; r == 0 && i < past->last.n_skeletons && !model_history_find(&shard->history, version); i++)
        if (past->last.skeletons[i].version == version)
            r = add_model(shard, -1, past->last.skeletons[i].bytes);
    for (size_t i = 0; r == 0 && i < past->last.footer.n_skeletons && !model_history_find(&shard->history, version); i++)
        if (past->last.footer.skeletons[i].version == version)
            r = read_skeleton(shard, from, &past->last.footer.skeletons[i]);
    if (past)
        forget_skeletons(&past->last);
    kafka_changelog_rest(shard->pipeline->changelog);
    return r;
}

int takeover_learn_model(LiveShard *shard, int64_t version) {
    int r = 0;
    for (int32_t i = 0; i < shard->pipeline->n_shards && r == 0 && !model_history_find(&shard->history, version); i++)
        if (i != shard->id && shard->history.n < MODEL_HISTORY_MAX)
            r = learn_from(shard, i, version);
    const PastModel *model = model_history_find(&shard->history, version);
    if (r != 0 || !model)
        return r;
    log_info("model.learned", LOG_INT("shard", shard->id), LOG_INT("version", version));
    return courier_add_migration(shard->courier, model->migration);
}

/* The shard as the past left it; without one, a new lineage. */
static int restore(LiveShard *shard, const Past *past) {
    const Footer *footer = past->last.found ? &past->last.footer : NULL;
    Pipeline *p = shard->pipeline;
    int r = 0;
    if (!footer) {
        if (past->hinted)
            return live_shard_halt(shard->id, "the group has committed offsets, but the changelog is empty: it was lost",
                    "restore the changelog topic, or start over with another group and prefix");
        r = make_lineage(shard->lineage);
        return r < 0 ? r : restore_inputs(shard, NULL, past->committed);
    }
    if (past->hinted && (strcmp(past->hint.lineage, footer->lineage) != 0 || past->hint.bno > footer->bno))
        return live_shard_halt(shard->id, "the changelog is not the one that the committed offsets belong to",
                "check topics.prefix and kafka.group, or restore the changelog topic");
    r = check_model(p, shard->id, footer);
    if (r == 0)
        r = restore_models(shard, &past->last);
    if (r == 0)
        r = check_offsets(p, shard->id, footer, past->committed);
    if (r != 0)
        return r;
    memcpy(shard->lineage, footer->lineage, sizeof(shard->lineage));
    shard->bno = shard->taken_bno = footer->bno;
    shard->footer_offset = past->last.offset;
    shard_restore_watermark(shard->engine, footer->watermark_ms);
    shard_restore_watermark(shard->accounts, footer->accounts_watermark_ms);
    /* each shard had come so far at least; where it is now it will tell */
    for (int32_t i = 0; i < p->n_shards; i++)
        shard->lead_watermarks_ms[i] = footer->accounts_watermark_ms;
    return restore_inputs(shard, footer, past->committed);
}

int takeover_shard(Pipeline *p, int32_t id, OutputSink sink, MessageSink messages, LiveShard **ret) {
    _cleanup_(live_shard_free) LiveShard *shard = NULL;
    _cleanup_(free_null) Past *past = calloc(1, sizeof(*past));
    int64_t begun_ms = clock_monotonic_ms();
    int r = past ? live_shard_new(p, id, sink, messages, &shard) : -ENOMEM;
    if (r == 0)
        r = read_past(p, id, past);
    if (r == 0)
        r = restore(shard, past);
    if (past)
        forget_skeletons(&past->last);
    if (r == 0)
        r = takeover_catch_up(shard);
    if (r == 0)
        r = live_shard_load_moments(shard);
    if (r != 0)
        return r;
    log_info("shard.taken", LOG_INT("shard", id), LOG_STR("lineage", shard->lineage), LOG_INT("bno", shard->bno),
            LOG_INT("moments", shard_count_cold(shard->engine)), LOG_INT("took_ms", clock_monotonic_ms() - begun_ms));
    *ret = TAKE_PTR(shard);
    return 0;
}
