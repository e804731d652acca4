/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every lead and account of the changelog is looked at once, and the changelog read on to where the view was meanwhile. What does not seem
 * right then, and whatever else Redis holds of the shard, is suspect: it is looked at again, with the changelog read to its end, until all
 * is right or time has shown that it stays as it is. What is left is told, as the last look has it.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/verify/verify.h"
#include "daemon/verify/verify_view.h"
#include "lib/record/account_record.h"

/* A suspect that stays one is no matter of timing any more … */
#define ROUNDS_MIN 3
/* … and one that the view has not come to is not going to be come to for a while. */
#define STANDSTILL_MS 5000
#define ROUNDS_TIMEOUT_MS 60000

/* One piece of looking. */
typedef struct Looking {
    VerifyShard *s;
    Arena *arena;
    ViewFieldsBuffer *fields;
    ViewHashes hashes; /* that they are for */
    bool to_end; /* the changelog is read to its end */
    bool tells;
    bool is_current;  /* the model's file is the one that the last batch was made with */
    size_t n_wrong, n_older;
    bool is_torn;     /* somebody is in the midst of writing */
    int64_t moved_at_ms;
} Looking;

static int unanswered(VerifyShard *s, int r, const char *text) {
    if (r < 0)
        return r;
    if (r == VIEW_E_UNREACHABLE) {
        (void)snprintf(s->v->text, sizeof(s->v->text), "%s", text);
        return VERIFY_E_AWAY;
    }
    (void)verify_tell(&s->report, VERIFY_VIEW_META, "Redis", "%s", text);
    return VERIFY_E_STOP;
}

/* --- the shard --------------------------------------------------------------------------------------- */

/* Is it the changelog's? */
static int check_meta(VerifyShard *s, const ViewMeta *meta) {
    const VerifyChain *chain = s->chain;
    if (chain->has_last && strcmp(meta->lineage, chain->last.lineage) != 0) {
        (void)verify_tell(&s->report, VERIFY_VIEW_META, "Redis", "the shard's keys are of lineage %s, the changelog of %s", meta->lineage,
                chain->last.lineage);
        return VERIFY_E_STOP;
    }
    if (meta->hashes == VIEW_HASHES_SOME) {
        (void)verify_tell(&s->report, VERIFY_VIEW_META, "Redis", "a program that does not know redis.hashes has added readable hashes; at its next "
                "start scored writes the shard anew");
        return VERIFY_E_STOP;
    }
    if (meta->bno <= (chain->has_last ? chain->last.bno : 0))
        return 0;
    (void)verify_tell(&s->report, VERIFY_VIEW_META, "Redis", "the shard's keys are at batch %" PRId64 ", but the changelog ends with batch %" PRId64,
            meta->bno, chain->has_last ? chain->last.bno : 0);
    return VERIFY_E_STOP;
}

/* The changelog up to what the view was at when `meta` was read. */
static int read_on(VerifyShard *s, const ViewMeta *meta, bool to_end) {
    int64_t end = 0;
    int r = to_end ? verify_log_end(s, &end) : 0;
    if (r == 0)
        r = verify_log_read(s, end, meta->bno);
    return r ? r : check_meta(s, meta);
}

/* Waits until the shard can be compared, as long as anything moves. */
static int await_live(VerifyShard *s, bool *ret) {
    int64_t moved_at_ms = clock_monotonic_ms(), at = -2;
    ViewMeta meta;
    char text[REDIS_TEXT_SIZE];
    for (;;) {
        int r = redis_view_meta(s->v->view, s->id, text, &meta);
        if (r)
            return unanswered(s, r, text);
        *ret = meta.mode == VIEW_LIVE;
        s->view_bno = meta.bno;
        if (*ret)
            return read_on(s, &meta, false);
        if (meta.mode == VIEW_ABSENT && !s->chain->has_last)
            return 0;
        if (meta.next_offset != at)
            moved_at_ms = clock_monotonic_ms();
        at = meta.next_offset;
        if (clock_monotonic_ms() - moved_at_ms > STANDSTILL_MS || meta.mode == VIEW_REBUILDING)
            break;
        verify_pause();
    }
    if (meta.mode == VIEW_ABSENT)
        (void)verify_tell(&s->report, VERIFY_VIEW_AWAY, "Redis", "there is nothing of the shard, whose changelog is at batch %" PRId64,
                s->chain->last.bno);
    s->view_left_out = meta.mode == VIEW_ABSENT ? "there is nothing" : "it is being made anew from the changelog";
    return 0;
}

/* --- one lead or account ----------------------------------------------------------------------------- */

/* What the view should hold beside the record. False: that is not known, for the record is another model version's. */
static int make_write(Looking *looking, const VerifyEntity *entity, Str record, ViewWrite *ret, bool *ret_known) {
    _cleanup_(lead_free) Lead *lead = NULL;
    _cleanup_(account_free) Account *account = NULL;
    const Model *model = looking->s->v->model;
    *ret_known = false;
    if (!looking->is_current)
        return 0;
    int r = entity->kind == ENTITY_LEAD ? record_unpack(record, entity->id, model, &lead)
                                        : account_record_unpack(record, entity->id, model, &account);
    if (r)
        return MIN(r, 0);
    *ret_known = true;
    return lead ? view_fields_make(looking->fields, model, lead, ret) : view_fields_make_account(looking->fields, model, account, ret);
}

/* Of one whose record is right: what is wrong with the rest. */
static int judge_parts(Looking *looking, const VerifyEntity *entity, const ViewLook *look, bool *ret_right) {
    VerifyShard *s = looking->s;
    ViewWrite write;
    bool known;
    int r = make_write(looking, entity, look->record, &write, &known);
    *ret_right = true;
    if (r)
        return r;
    if (!known) {
        s->n_parts_left_out += looking->tells || !entity->is_suspect;
        return 0;
    }
    *ret_right = verify_view_parts(&write, s->v->boards[entity->kind], look, looking->tells ? &s->report : NULL) == 0;
    return 0;
}

static void tell_record(VerifyShard *s, const VerifyEntity *entity, const ViewLook *look) {
    char subject[VERIFY_SUBJECT_SIZE];
    size_t n_boards = s->v->n_boards[entity->kind];
    verify_subject(entity->kind, entity->id, subject);
    if (!entity->known.is_there)
        verify_view_tell_stray(entity->kind, entity->id, s->v->boards[entity->kind], n_boards, look, entity->bno > 0, &s->report);
    else if (!entity->seen.is_there)
        (void)verify_tell(&s->report, VERIFY_VIEW_RECORD, subject, "Redis has no record of it; the changelog has, since batch %" PRId64, entity->bno);
    else
        (void)verify_tell(&s->report, VERIFY_VIEW_RECORD, subject, "its record in Redis is not that of the changelog, of batch %" PRId64, entity->bno);
}

/* The changelog has been read: what was seen is judged. */
static int judge_entity(Looking *looking, VerifyEntity *entity, const ViewLook *look) {
    VerifyShard *s = looking->s;
    VerifyVerdict verdict = verify_entity_verdict(entity);
    bool right = verdict == VERIFY_RIGHT;
    int r = 0;
    entity->is_open = false;
    if (right && entity->seen.is_there)
        r = judge_parts(looking, entity, look, &right);
    else if (right)
        right = verify_view_is_empty(look, s->v->n_boards[entity->kind]);
    if (r)
        return r;
    if (!right && looking->tells && verdict == VERIFY_WRONG)
        tell_record(s, entity, look);
    else if (!right && looking->tells && verdict == VERIFY_RIGHT && !entity->seen.is_there)
        verify_view_tell_stray(entity->kind, entity->id, s->v->boards[entity->kind], s->v->n_boards[entity->kind], look, entity->bno > 0,
                &s->report);
    looking->n_wrong += !right && verdict != VERIFY_OLDER;
    looking->n_older += verdict == VERIFY_OLDER;
    entity->is_suspect = !right;
    return 0;
}

/* What should be there is made as the view was, whatever redis.hashes says by now. */
static int prepare_fields(Looking *looking, const ViewMeta *meta) {
    if (looking->fields && looking->hashes == meta->hashes) {
        view_fields_reset(looking->fields);
        return 0;
    }
    looking->hashes = meta->hashes;
    looking->fields = view_fields_free(looking->fields);
    return view_fields_new(meta->hashes == VIEW_HASHES_ALL, &looking->fields);
}

/* At most redis_look_max() of one kind. */
static int look_at_some(Looking *looking, EntityKind kind, VerifyEntity *const *entities, const Str *ids, size_t n, ViewLook *looks) {
    VerifyShard *s = looking->s;
    char text[REDIS_TEXT_SIZE];
    ViewMeta meta;
    arena_reset(looking->arena);
    int r = redis_look(s->v->view, s->id, kind, ids, n, looking->arena, text, &meta, looks);
    if (r)
        return unanswered(s, r, text);
    r = prepare_fields(looking, &meta);
    if (r)
        return r;
    if (meta.mode != VIEW_LIVE) {
        for (size_t i = 0; i < n; i++)
            entities[i]->is_suspect = true;
        looking->n_older += n;
        return 0;
    }
    if (meta.bno != s->view_bno)
        looking->moved_at_ms = clock_monotonic_ms();
    s->view_bno = meta.bno;
    looking->is_torn = looking->is_torn || meta.is_torn;
    for (size_t i = 0; i < n; i++)
        verify_entity_look(s->table, entities[i], looks[i].record, meta.bno);
    r = read_on(s, &meta, looking->to_end);
    for (size_t i = 0; i < n && r == 0; i++)
        r = judge_entity(looking, entities[i], &looks[i]);
    return r;
}

/* Those of a kind that there are now: all, or the suspects. What is added meanwhile is of later batches. */
static int look_at_kind(Looking *looking, EntityKind kind, bool all) {
    VerifyShard *s = looking->s;
    size_t n_max = redis_look_max(s->v->view, kind), n_all = verify_table_count(s->table), n = 0;
    _cleanup_(free_null) VerifyEntity **entities = calloc(n_max, sizeof(VerifyEntity *));
    _cleanup_(free_null) Str *ids = calloc(n_max, sizeof(*ids));
    _cleanup_(free_null) ViewLook *looks = calloc(n_max, sizeof(*looks));
    int r = entities && ids && looks ? 0 : -ENOMEM;
    for (size_t i = 0; i < n_all && r == 0; i++) {
        VerifyEntity *entity = verify_table_at(s->table, i);
        if (entity->kind == kind && (all || entity->is_suspect)) {
            entities[n] = entity;
            ids[n++] = entity->id;
        }
        if (n > 0 && (n == n_max || i + 1 == n_all)) {
            r = look_at_some(looking, kind, entities, ids, n, looks);
            s->n_compared += all ? n : 0;
            n = 0;
            verify_progress(s, all ? "Redis" : "Redis again", (int64_t)i, (int64_t)n_all);
        }
    }
    return r;
}

static int look_at(Looking *looking, bool all) {
    int r = 0;
    looking->n_wrong = looking->n_older = 0;
    looking->is_torn = false;
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX && r == 0; kind++)
        r = look_at_kind(looking, kind, all);
    return r;
}

/* --- whatever else there is -------------------------------------------------------------------------- */

/* Whose the changelog does not have, or not any more, is suspect. */
static int suspect_strays(VerifyShard *s, const ViewOwner *owners, size_t n) {
    for (size_t i = 0; i < n; i++) {
        VerifyEntity *entity;
        int r = verify_table_get(s->table, owners[i].kind, owners[i].id, &entity);
        if (r)
            return r;
        entity->is_suspect = entity->is_suspect || !entity->known.is_there;
    }
    return 0;
}

/* Set SIZE_MAX: all keys. */
static int scan(Looking *looking, EntityKind kind, size_t set) {
    VerifyShard *s = looking->s;
    ViewScan steps = VIEW_SCAN_BEGIN;
    char text[REDIS_TEXT_SIZE];
    while (!view_scan_is_through(&steps)) {
        const ViewOwner *owners = NULL;
        size_t n = 0;
        arena_reset(looking->arena);
        int r = set == SIZE_MAX ? redis_look_keys(s->v->view, s->id, &steps, looking->arena, text, &owners, &n)
                                : redis_look_members(s->v->view, s->id, kind, set, &steps, looking->arena, text, &owners, &n);
        r = r ? unanswered(s, r, text) : suspect_strays(s, owners, n);
        if (r)
            return r;
        verify_progress(s, "keys in Redis", 0, 0);
    }
    return 0;
}

static int scan_all(Looking *looking) {
    int r = scan(looking, 0, SIZE_MAX);
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++)
        for (size_t set = 0; set < redis_look_sets(looking->s->v->view, kind) && r == 0; set++)
            r = scan(looking, kind, set);
    return r;
}

/* --- all of it --------------------------------------------------------------------------------------- */

/* Looks at suspects until none is left, or it is certain which they are. */
static int settle(Looking *looking) {
    int64_t begun_at_ms = clock_monotonic_ms();
    looking->to_end = true;
    looking->moved_at_ms = begun_at_ms;
    for (int round = 1;; round++) {
        int r = look_at(looking, false);
        if (r || looking->n_wrong + looking->n_older == 0)
            return r;
        int64_t now_ms = clock_monotonic_ms();
        bool is_still = now_ms - looking->moved_at_ms > STANDSTILL_MS;
        bool is_certain = looking->n_older == 0 && !looking->is_torn;
        if (round >= ROUNDS_MIN && (is_certain || is_still || now_ms - begun_at_ms > ROUNDS_TIMEOUT_MS))
            break;
        verify_pause();
    }
    looking->tells = true;
    int r = look_at(looking, false);
    looking->s->n_behind = looking->n_older;
    return r;
}

/* Whether fields and ranks can be computed by the model's file; told if it is a wrong one. */
static bool is_current(VerifyShard *s) {
    const Footer *last = &s->chain->last;
    if (!s->chain->has_last || last->model_version != s->v->model->version)
        return !s->chain->has_last;
    if (strcmp(last->model_hash, s->v->model_hash) == 0)
        return true;
    (void)verify_tell(&s->report, VERIFY_MODEL, "model", "the file is version %" PRId64 ", as the records are, but another model",
            last->model_version);
    return false;
}

int verify_redis(VerifyShard *s) {
    Looking looking = {.s = s, .is_current = is_current(s), .moved_at_ms = clock_monotonic_ms()};
    bool live = false;
    verify_table_settle(s->table, s->chain->has_last ? s->chain->last.bno : 0);
    int r = await_live(s, &live);
    if (r || !live)
        return r;
    r = arena_new(&looking.arena);
    if (r == 0)
        r = look_at(&looking, true);
    if (r == 0)
        r = scan_all(&looking);
    if (r == 0)
        r = settle(&looking);
    arena_free(looking.arena);
    view_fields_free(looking.fields);
    return r;
}
