/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/verify/verify.h"
#include "daemon/verify/verify_view.h"
#include "lib/model/skeleton.h"
#include "lib/record/account_record.h"

#define ASK_TIMEOUT_MS 15000
#define POLL_MS 200
/* A broker that says nothing for so long is not going to. */
#define SILENCE_MS 30000
/* That a batch is committed is known to the daemon before its end marker is in the changelog; as daemon/pipeline/takeover.c waits. */
#define BATCH_TIMEOUT_MS 20000

static int away(const VerifyShard *s, int r, const char *text) {
    if (r < 0)
        return r;
    (void)snprintf(s->v->text, sizeof(s->v->text), "%s", text);
    return VERIFY_E_AWAY;
}

static int ask_range(VerifyShard *s, int64_t *ret_first, int64_t *ret_end) {
    char text[KAFKA_TEXT_SIZE];
    int r = kafka_cluster_range(s->v->cluster, s->v->config->changelog_topic, s->id, ASK_TIMEOUT_MS, text, ret_first, ret_end);
    return r ? away(s, r, text) : 0;
}

int verify_log_end(VerifyShard *s, int64_t *ret) {
    int64_t first;
    return ask_range(s, &first, ret);
}

static int seek(VerifyShard *s, KafkaChangelog *changelog, int64_t offset) {
    char text[KAFKA_TEXT_SIZE];
    int r = kafka_changelog_seek(changelog, s->id, offset, text);
    return r ? away(s, r, text) : 0;
}

int verify_log_open(VerifyShard *s) {
    int64_t end;
    int r = ask_range(s, &s->first, &end);
    s->position = s->first;
    return r ? r : seek(s, s->v->changelog, -2);
}

/* The next record; KAFKA_E_UNKNOWN: an end, ret->offset; KAFKA_E_TIMEOUT: not yet. */
static int next_record(VerifyShard *s, KafkaChangelog *changelog, int64_t *heard_at_ms, ChangelogRecord *ret) {
    char text[KAFKA_TEXT_SIZE] = "";
    int r = kafka_changelog_next(changelog, POLL_MS, text, ret);
    if (r == 0 || r == KAFKA_E_UNKNOWN) {
        *heard_at_ms = clock_monotonic_ms();
        return r;
    }
    if (r == KAFKA_E_OFFSET)
        return r;
    if ((r == KAFKA_E_TIMEOUT || r == KAFKA_E_RETRY) && clock_monotonic_ms() - *heard_at_ms < SILENCE_MS)
        return KAFKA_E_TIMEOUT;
    return away(s, r, text);
}

/* --- footers ----------------------------------------------------------------------------------------- */

/* Has compaction, or a deletion, taken the record away meanwhile? */
static int is_gone(VerifyShard *s, int64_t offset, bool *ret) {
    int64_t heard_at_ms = clock_monotonic_ms();
    ChangelogRecord record = {.offset = -1};
    int r = seek(s, s->v->again, offset);
    if (r)
        return r;
    do
        r = next_record(s, s->v->again, &heard_at_ms, &record);
    while (r == KAFKA_E_TIMEOUT);
    kafka_changelog_rest(s->v->again);
    *ret = r == KAFKA_E_OFFSET || (r == 0 && record.offset != offset) || (r == KAFKA_E_UNKNOWN && record.offset > offset);
    return r == KAFKA_E_OFFSET || r == KAFKA_E_UNKNOWN ? 0 : r;
}

/* What records on the way are taken to be of: the next batch. */
static int64_t next_bno(const VerifyShard *s) {
    return s->chain->has_last ? s->chain->last.bno + 1 : 1;
}

static int take_footer(VerifyShard *s, const ChangelogRecord *record) {
    _cleanup_(free_null) Footer *footer = calloc(1, sizeof(*footer));
    int64_t expected_bno = next_bno(s);
    bool gone = false;
    if (!footer)
        return -ENOMEM;
    if (str_is_null(record->value)) {
        (void)verify_tell(&s->report, VERIFY_FOOTER, "changelog", "the footer was erased at offset %" PRId64 ", which scored never does",
                record->offset);
        return 0;
    }
    int r = footer_parse(record->value, footer);
    if (r < 0)
        return r;
    if (r) {
        (void)verify_tell(&s->report, VERIFY_FOOTER, "changelog", r == FOOTER_E_FORMAT
                        ? "the footer at offset %" PRId64 " was written by a newer version of scored"
                        : "the footer at offset %" PRId64 " cannot be read", record->offset);
        return 0;
    }
    if (verify_chain_doubts(s->chain, footer))
        r = is_gone(s, s->chain->last_offset, &gone);
    if (r)
        return r;
    if (gone)
        verify_chain_restart(s->chain);
    bool is_whole = verify_chain_footer(s->chain, footer, record->offset, &s->report);
    if (footer->bno > expected_bno)
        verify_table_renumber(s->table, expected_bno, footer->bno);
    return s->v->n_batches ? verify_batches_end(s->v->batches[s->id], footer, is_whole, record->timestamp_ms) : 0;
}

/* --- state ------------------------------------------------------------------------------------------- */

static int take_skeleton(VerifyShard *s, const ChangelogRecord *record) {
    Model *skeleton = NULL;
    if (str_is_null(record->value))
        return 0;
    int r = skeleton_unpack(record->value, &skeleton);
    if (r > 0)
        (void)verify_tell(&s->report, VERIFY_RECORD, "changelog", "the names of a model version at offset %" PRId64 " %s", record->offset,
                r == SKELETON_E_FORMAT ? "were written by a newer version of scored" : "are damaged");
    if (r)
        return MIN(r, 0);
    r = array_reserve(&s->skeletons, &s->n_skeletons_alloc, s->n_skeletons, sizeof(Model *));
    if (r)
        model_free(skeleton);
    else
        s->skeletons[s->n_skeletons++] = skeleton;
    return r;
}

/* By what a record is read. NULL: the changelog has nothing for that. */
static const Model *model_of(const VerifyShard *s, Str record) {
    int64_t version;
    bool any = record_model_version(record, &version) != 0; /* a merged lead has none */
    for (size_t i = s->n_skeletons; i-- > 0;)
        if (any || s->skeletons[i]->version == version)
            return s->skeletons[i];
    return any || s->v->model->version == version ? s->v->model : NULL;
}

static int unpack(EntityKind kind, Str record, Str id, const Model *model) {
    _cleanup_(lead_free) Lead *lead = NULL;
    _cleanup_(account_free) Account *account = NULL;
    return kind == ENTITY_LEAD ? record_unpack(record, id, model, &lead) : account_record_unpack(record, id, model, &account);
}

static int judge_record(VerifyShard *s, EntityKind kind, Str id, const ChangelogRecord *record) {
    char subject[VERIFY_SUBJECT_SIZE];
    const Model *model = model_of(s, record->value);
    int64_t version = 0;
    int r = model ? unpack(kind, record->value, id, model) : RECORD_E_MODEL;
    if (r <= 0)
        return r;
    verify_subject(kind, id, subject);
    if (r == RECORD_E_FORMAT)
        (void)verify_tell(&s->report, VERIFY_RECORD, subject, "its record at offset %" PRId64 " was written by a newer version of scored",
                record->offset);
    else if (r == RECORD_E_MODEL && record_model_version(record->value, &version) == 0)
        (void)verify_tell(&s->report, VERIFY_RECORD, subject,
                "its record at offset %" PRId64 " is of version %" PRId64 " of the model, whose names the changelog does not have", record->offset,
                version);
    else
        (void)verify_tell(&s->report, VERIFY_RECORD, subject, "its record at offset %" PRId64 " is damaged", record->offset);
    return 0;
}

static int take_state(VerifyShard *s, EntityKind kind, Str id, const ChangelogRecord *record) {
    VerifyEntity *entity;
    int r = verify_table_get(s->table, kind, id, &entity);
    if (r)
        return r;
    verify_entity_note(s->table, entity, record->value, next_bno(s));
    return str_is_null(record->value) ? 0 : judge_record(s, kind, id, record);
}

static int take_record(VerifyShard *s, const ChangelogRecord *record) {
    Str id;
    s->n_read++;
    if (str_eq_c(record->key, FOOTER_KEY))
        return take_footer(s, record);
    verify_chain_add(s->chain, record->offset);
    int r = s->v->n_batches ? verify_batches_add(s->v->batches[s->id], record->key, record->value, record->timestamp_ms) : 0;
    if (r)
        return r;
    if (changelog_take_prefix(record->key, CHANGELOG_LEAD_PREFIX, &id))
        return take_state(s, ENTITY_LEAD, id, record);
    if (changelog_take_prefix(record->key, CHANGELOG_ACCOUNT_PREFIX, &id))
        return take_state(s, ENTITY_ACCOUNT, id, record);
    if (str_starts_with(record->key, CHANGELOG_MODEL_PREFIX))
        return take_skeleton(s, record);
    (void)verify_tell(&s->report, VERIFY_FOREIGN, "changelog", "the record at offset %" PRId64 " has a key that is none of scored's", record->offset);
    return 0;
}

/* --- reading ----------------------------------------------------------------------------------------- */

static bool has_read(const VerifyShard *s, int64_t end, int64_t bno) {
    return s->position >= end && (bno <= 0 || (s->chain->has_last && s->chain->last.bno >= bno));
}

int verify_log_read(VerifyShard *s, int64_t end, int64_t bno) {
    int64_t heard_at_ms = clock_monotonic_ms(), since_ms = heard_at_ms;
    while (!has_read(s, end, bno)) {
        ChangelogRecord record;
        int r = next_record(s, s->v->changelog, &heard_at_ms, &record);
        if (r == 0) {
            s->position = record.offset + 1;
            r = take_record(s, &record);
            verify_progress(s, "changelog", s->position - s->first, end - s->first);
        } else if (r == KAFKA_E_UNKNOWN) {
            s->position = MAX(s->position, record.offset);
            r = 0;
        } else if (r == KAFKA_E_OFFSET) {
            r = seek(s, s->v->changelog, -2); /* its beginning was deleted meanwhile */
        } else if (r == KAFKA_E_TIMEOUT) {
            r = 0;
        }
        if (r)
            return r;
        if (s->position >= end && clock_monotonic_ms() - since_ms > BATCH_TIMEOUT_MS)
            return 0;
    }
    return 0;
}
