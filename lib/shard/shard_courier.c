/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/shard/shard_courier.h"

#include "lib/base/owned.h"
#include "lib/record/account_record.h"
#include "lib/record/record.h"

struct Courier {
    const Model *model;
    Shard *leads, *accounts;
    MessageSink sink;
    Buffer buffer; /* of what a message carries */
    const Migration **migrations;
    size_t n_migrations, n_migrations_alloc;
};

static int send(const Courier *courier, const ShardMessage *message) {
    return courier->sink.message(courier->sink.userdata, message);
}

/* --- what leaves ------------------------------------------------------------------------------------- */

static int send_leave(const Courier *courier, const Touch *touch, Str account_id, Str lead_id, Str to_account_id) {
    ShardMessage message = {.kind = MESSAGE_LEAVE, .at_ms = touch->at_ms, .account_id = account_id, .lead_id = lead_id,
            .to_account_id = to_account_id, .to_lead_id = to_account_id.data ? touch->lead_id : STR_NULL, .event = touch->event};
    return send(courier, &message);
}

/* The old accounts first, as where all are in one place. */
static int link_touch(void *userdata, const Touch *touch) {
    Courier *courier = userdata;
    int r = 0;
    if (touch->merged_account_id.data && !str_eq(touch->merged_account_id, touch->account_id))
        r = send_leave(courier, touch, touch->merged_account_id, touch->merged_lead_id, STR_NULL);
    if (r == 0 && touch->left_account_id.data)
        r = send_leave(courier, touch, touch->left_account_id, touch->lead_id, touch->account_id);
    if (r < 0 || !touch->account_id.data)
        return r;
    ShardMessage message = {.kind = MESSAGE_TOUCH, .at_ms = touch->at_ms, .account_id = touch->account_id, .lead_id = touch->lead_id,
            .event = touch->event, .touch = touch, .model_version = courier->model->version};
    return send(courier, &message);
}

static int link_merge(void *userdata, const Lead *merged, Str into, const LeadEvent *event) {
    Courier *courier = userdata;
    courier->buffer.len = 0;
    int r = record_pack(merged, courier->model, &courier->buffer);
    if (r != 0)
        return r < 0 ? r : -EMSGSIZE;
    ShardMessage message = {.kind = MESSAGE_MERGE, .at_ms = merged->clock_ms, .lead_id = merged->lead_id, .event = event,
            .way = {.into = into, .least = merged->lead_id, .least_into = into},
            .bytes = {(const char *)courier->buffer.data, courier->buffer.len}};
    return send(courier, &message);
}

static int link_unname(void *userdata, Str alias) {
    ShardMessage message = {.kind = MESSAGE_UNNAME, .lead_id = alias};
    return send(userdata, &message);
}

int courier_new(const Model *model, Shard *leads, Shard *accounts, MessageSink sink, Courier **ret) {
    Courier *courier = calloc(1, sizeof(*courier));
    if (!courier)
        return -ENOMEM;
    *courier = (Courier){.model = model, .leads = leads, .accounts = accounts, .sink = sink};
    shard_set_links(leads, (ShardLinks){.touch = link_touch, .merge = link_merge, .unname = link_unname, .userdata = courier});
    *ret = courier;
    return 0;
}

Courier *courier_free(Courier *courier) {
    if (!courier)
        return NULL;
    buffer_done(&courier->buffer);
    free(courier->migrations);
    return free_null(courier);
}

/* --- model versions ---------------------------------------------------------------------------------- */

int courier_add_migration(Courier *courier, const Migration *migration) {
    int r = array_reserve(
            &courier->migrations, &courier->n_migrations_alloc, courier->n_migrations, sizeof(*courier->migrations));
    if (r == 0)
        courier->migrations[courier->n_migrations++] = migration;
    return r;
}

/* *ret is NULL for the present version. */
static int find_migration(const Courier *courier, int64_t version, const Migration **ret) {
    *ret = NULL;
    if (version == courier->model->version)
        return 0;
    for (size_t i = 0; i < courier->n_migrations; i++)
        if (migration_from(courier->migrations[i])->version == version)
            *ret = courier->migrations[i];
    return *ret ? 0 : COURIER_E_MODEL;
}

/* --- what comes in: accounts ------------------------------------------------------------------------- */

static Account *account_at(const Courier *courier, Str account_id) {
    return account_of(entity_table_get(shard_accounts(courier->accounts), account_id));
}

/* Its awards by the present numbers of the account's scores, in an array for free(). */
static int renumber(const Migration *migration, Touch *touch) {
    TouchAward *awards = calloc(MAX(touch->n_awards, (size_t)1), sizeof(*awards));
    size_t n = 0;
    if (!awards)
        return -ENOMEM;
    for (size_t i = 0; i < touch->n_awards; i++) {
        int score = migration_account_score(migration, touch->awards[i].score);
        if (score < 0)
            continue;
        awards[n] = touch->awards[i];
        awards[n++].score = (unsigned)score;
    }
    touch->awards = awards;
    touch->n_awards = n;
    return 0;
}

/* *ret is NULL for the present version. */
static int check_touch(const Courier *courier, const ShardMessage *message, const Migration **ret) {
    const Touch *touch = message->touch;
    int r = find_migration(courier, message->model_version, ret);
    for (size_t i = 0; i < touch->n_awards && r == 0 && !*ret; i++)
        if (touch->awards[i].score >= courier->model->n_account_scores)
            r = COURIER_E_CORRUPT;
    return r;
}

static int touch_account(Courier *courier, const ShardMessage *message) {
    const Migration *migration;
    Touch touch = *message->touch;
    int r = check_touch(courier, message, &migration);
    if (r == 0 && migration)
        r = renumber(migration, &touch);
    if (r != 0)
        return r;
    r = shard_touch_account(courier->accounts, &touch, NULL);
    if (migration)
        free(touch.awards);
    return r;
}

/* The touch that a leave or an entry amounts to: the lead was there, nothing was given. */
static Touch bare_touch(const ShardMessage *message) {
    return (Touch){.lead_id = message->lead_id, .at_ms = message->at_ms, .account_id = message->account_id, .event = message->event,
            .committee_at_ms = TIME_NONE};
}

/*
 * An entry on its way, or word that there is none; `n_more` of the lead follow. What it brings from a later stay can be newer than what
 * sends it away, if that was overtaken: the instant is the later one.
 */
static int send_entry(Courier *courier, const ShardMessage *cause, Str account_id, Str lead_id, const Member *entry, unsigned n_more) {
    ShardMessage message = {.kind = MESSAGE_ENTRY, .at_ms = cause->at_ms, .account_id = account_id, .lead_id = lead_id,
            .event = cause->event, .n_more = n_more, .bytes = STR_LITERAL(""), .model_version = courier->model->version};
    courier->buffer.len = 0;
    if (entry) {
        Packer p = {.buffer = &courier->buffer, .bytes_max = RECORD_BYTES_MAX, .clock_ms = MAX(cause->at_ms, entry->active_at_ms)};
        message.at_ms = p.clock_ms;
        pack_signed(&p, p.clock_ms);
        account_record_pack_member(&p, entry, courier->model);
        if (p.error)
            return p.error < 0 ? p.error : -EMSGSIZE;
        message.bytes = (Str){(const char *)courier->buffer.data, courier->buffer.len};
    }
    return send(courier, &message);
}

/*
 * The entries that come for a departure that is forgotten stay here. Where they were to be sent on to they must not be awaited for ever: others
 * that came by would be sent round and round.
 */
static int bound_departures(Courier *courier, const ShardMessage *cause) {
    Account *account = account_at(courier, cause->account_id);
    Departure forgotten;
    int r = 0;
    while (r == 0 && account && account_forget_departure(account, &forgotten)) {
        for (unsigned i = 0; i < forgotten.n_awaited && forgotten.to_account_id.data && r == 0; i++)
            r = send_entry(courier, cause, forgotten.to_account_id, forgotten.to_lead_id, NULL, 0);
        departure_done(&forgotten);
    }
    return r;
}

static int apply_touch(Courier *courier, const ShardMessage *message) {
    int r = touch_account(courier, message);
    if (r != 0)
        return r;
    Account *account = account_at(courier, message->account_id);
    Member *member = account ? account_find(account, message->lead_id) : NULL;
    if (member && message->touch->left_account_id.data && member->n_awaited < ACCOUNT_DEPARTURES_MAX)
        member->n_awaited++; /* the account is among the changed ones already */
    return bound_departures(courier, message);
}

static int apply_leave(Courier *courier, const ShardMessage *message) {
    Touch touch = bare_touch(message);
    Member entry = {0};
    bool found;
    int r = shard_leave_account(courier->accounts, &touch, message->account_id, message->lead_id, &entry, &found);
    unsigned n_awaited = found ? (unsigned)MAX(entry.n_awaited, 0) : 0;
    if (r == 0 && n_awaited)
        r = account_add_departure(account_at(courier, message->account_id), message->lead_id, message->to_account_id,
                message->to_lead_id, n_awaited);
    if (r == 0 && message->to_account_id.data)
        r = send_entry(courier, message, message->to_account_id, message->to_lead_id, found ? &entry : NULL, n_awaited);
    if (found)
        member_done(&entry, courier->model->n_account_scores);
    return r == 0 ? bound_departures(courier, message) : r;
}

static int unpack_entry_of(const ShardMessage *message, const Model *model, Member *ret) {
    Unpacker u = {.at = message->bytes.data, .end = message->bytes.data + message->bytes.len};
    (void)unpack_clock(&u);
    int r = account_record_unpack_member(&u, model, ret);
    return r == 0 && (u.corrupt || unpack_left(&u) || ret->active_at_ms > message->at_ms) ? COURIER_E_CORRUPT : r;
}

static int unpack_entry(const Courier *courier, const ShardMessage *message, Member *ret) {
    const Migration *migration;
    int r = find_migration(courier, message->model_version, &migration);
    if (r != 0 || !migration)
        return r != 0 ? r : unpack_entry_of(message, courier->model, ret);
    Member old = {0};
    r = unpack_entry_of(message, migration_from(migration), &old);
    if (r == 0)
        r = migrate_member(migration, &old, ret);
    member_done(&old, migration_from(migration)->n_account_scores);
    return r;
}

/* The lead has gone on before its entry came. The account has changed: what is not settled yet must be before it is kept under the model. */
static int forward_entry(
        Courier *courier, const ShardMessage *message, const Departure *departure, const Member *entry, unsigned n_more) {
    int r = shard_apply_model(courier->accounts, ENTITY_ACCOUNT, message->account_id);
    if (r < 0)
        return r;
    entity_table_mark_dirty(shard_accounts(courier->accounts), &account_at(courier, message->account_id)->entity);
    return departure->to_account_id.data
                   ? send_entry(courier, message, departure->to_account_id, departure->to_lead_id, entry, n_more)
                   : 0;
}

/* The entry may be here before the lead's first touch, which says that it is awaited: then it is counted as one too few until that comes. */
static int enter(Courier *courier, const ShardMessage *message, Member *entry) {
    Touch touch = bare_touch(message);
    int r = 0;
    if (entry) {
        /* its name is the one that it goes by now: the lead may have been merged on the way */
        r = str_set(&entry->lead_id, message->lead_id);
        entry->n_awaited = 0;
    }
    if (r == 0)
        r = shard_touch_account(courier->accounts, &touch, entry);
    Account *account = account_at(courier, message->account_id);
    Member *member = account ? account_find(account, message->lead_id) : NULL;
    if (r < 0 || !member)
        return r;
    int n_awaited = member->n_awaited - 1 + (int)message->n_more;
    member->n_awaited = MAX(MIN(n_awaited, ACCOUNT_DEPARTURES_MAX), -ACCOUNT_DEPARTURES_MAX);
    return 0;
}

static int apply_entry(Courier *courier, const ShardMessage *message) {
    Member entry = {0};
    bool has_entry = message->bytes.len > 0;
    int r = has_entry ? unpack_entry(courier, message, &entry) : 0;
    Account *account = account_at(courier, message->account_id);
    Departure departure;
    bool has_left = false;
    unsigned n_more = message->n_more;
    if (r == 0 && account)
        r = account_take_departure(account, message->lead_id, &n_more, &departure, &has_left);
    if (has_left) {
        r = forward_entry(courier, message, &departure, has_entry ? &entry : NULL, n_more);
        departure_done(&departure);
    } else if (r == 0) {
        r = enter(courier, message, has_entry ? &entry : NULL);
    }
    if (has_entry)
        member_done(&entry, courier->model->n_account_scores);
    return r;
}

/* --- what comes in: leads ---------------------------------------------------------------------------- */

static int unpack_merged(const Courier *courier, const ShardMessage *message, Lead **ret) {
    const Migration *migration;
    int64_t version;
    int r = record_model_version(message->bytes, &version);
    if (r != 0)
        return COURIER_E_CORRUPT;
    r = find_migration(courier, version, &migration);
    if (r != 0)
        return r;
    _cleanup_(lead_free) Lead *lead = NULL;
    r = record_unpack(message->bytes, message->lead_id, migration ? migration_from(migration) : courier->model, &lead);
    if (r != 0)
        return r < 0 ? r : COURIER_E_CORRUPT;
    if (migration)
        return migrate_lead(migration, lead, ret);
    *ret = TAKE_PTR(lead);
    return 0;
}

static int apply_merge(Courier *courier, const ShardMessage *message) {
    _cleanup_(lead_free) Lead *merged = NULL;
    ShardMessage onward = *message;
    int r = unpack_merged(courier, message, &merged);
    if (r != 0)
        return r;
    LeadEvent event = *message->event;
    event.type = STR_LITERAL("lead_merged");
    r = shard_take_merged(courier->leads, merged, &message->way, &event, &onward.way);
    return r < 0 || !onward.way.into.data ? r : send(courier, &onward);
}

static int check_entry(const Courier *courier, const ShardMessage *message) {
    Member entry = {0};
    int r = message->bytes.len > 0 ? unpack_entry(courier, message, &entry) : 0;
    member_done(&entry, courier->model->n_account_scores);
    return r;
}

static int check_merge(const Courier *courier, const ShardMessage *message) {
    _cleanup_(lead_free) Lead *merged = NULL;
    return unpack_merged(courier, message, &merged);
}

static int check(const Courier *courier, const ShardMessage *message) {
    const Migration *migration;
    switch (message->kind) {
    case MESSAGE_TOUCH:
        return check_touch(courier, message, &migration);
    case MESSAGE_ENTRY:
        return check_entry(courier, message);
    case MESSAGE_MERGE:
        return check_merge(courier, message);
    default:
        return 0;
    }
}

int courier_check(const Courier *courier, const ShardMessage *message, int64_t *ret_version) {
    int r = check(courier, message);
    *ret_version = message->model_version;
    if (r == COURIER_E_MODEL && message->kind == MESSAGE_MERGE && record_model_version(message->bytes, ret_version) != 0)
        r = COURIER_E_CORRUPT;
    return r;
}

int courier_apply(Courier *courier, const ShardMessage *message) {
    switch (message->kind) {
    case MESSAGE_TOUCH:
        return apply_touch(courier, message);
    case MESSAGE_LEAVE:
        return apply_leave(courier, message);
    case MESSAGE_ENTRY:
        return apply_entry(courier, message);
    case MESSAGE_MERGE:
        return apply_merge(courier, message);
    case MESSAGE_UNNAME:
        return shard_unname(courier->leads, message->lead_id);
    default:
        assert(false);
        return -EINVAL;
    }
}
