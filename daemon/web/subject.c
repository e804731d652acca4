/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/subject.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/explain/explain_json.h"
#include "daemon/io/kafka/kafka_client.h"
#include "lib/record/account_record.h"
#include "lib/record/record.h"

/* As explain_subject.h has it. */
#define MERGES_MAX 16

/* What was found; one of both. */
typedef struct Found {
    Lead *lead;
    Account *account;
    int64_t watermark_ms;
    char id[EVENT_LEAD_ID_LEN_MAX];
    size_t id_len;
} Found;

static void found_deinit(Found *found) {
    found->lead = lead_free(found->lead);
    found->account = account_free(found->account);
}

static const char *kind_name(EntityKind kind) {
    return kind == ENTITY_LEAD ? "lead" : "account";
}

static int unpack(const WebSubject *s, Str record, Found *found) {
    Str id = {found->id, found->id_len};
    found_deinit(found);
    return s->kind == ENTITY_LEAD ? record_unpack(record, id, s->model, &found->lead)
                                  : account_record_unpack(record, id, s->model, &found->account);
}

/* 200 if it is found; else the status to tell, with a text. */
static unsigned load_one(const WebSubject *s, Found *found, char *text, size_t text_size) {
    char why[REDIS_TEXT_SIZE];
    BoardRecord record;
    Str id = {found->id, found->id_len};
    int r = redis_board_record(s->board, s->kind, kafka_partition_of(s->config, id, s->n_shards), id, why, &record);
    if (r != 0) {
        (void)snprintf(text, text_size, "%s", r < 0 ? strerror(-r) : why);
        return 503;
    }
    if (str_is_null(record.value)) {
        (void)snprintf(text, text_size, "no %s of this id is known%s", kind_name(s->kind),
                record.is_rebuilding ? "; Redis is being rebuilt: ask again later" : "");
        return 404;
    }
    found->watermark_ms = record.watermark_ms;
    r = unpack(s, record.value, found);
    if (r == 0)
        return 200;
    (void)snprintf(text, text_size,
            r == RECORD_E_MODEL ? "its record is of another version of the model than %" PRId64 ", which comes to it in the background"
                                : "its record cannot be read",
            s->model->version);
    return r < 0 ? 500 : 503;
}

static unsigned load(const WebSubject *s, Found *found, char *text, size_t text_size) {
    for (int i = 0; i < MERGES_MAX; i++) {
        unsigned status = load_one(s, found, text, text_size);
        if (status != 200 || s->kind == ENTITY_ACCOUNT || str_is_null(found->lead->merged_into))
            return status;
        found->id_len = found->lead->merged_into.len;
        memcpy(found->id, found->lead->merged_into.data, found->id_len);
    }
    (void)snprintf(text, text_size, "it has been merged more than %d times over", MERGES_MAX);
    return 500;
}

static int explain(const WebSubject *s, const Found *found, JsonWriter *writer) {
    _cleanup_(arena_free) Arena *arena = NULL;
    Explanation explanation;
    Str id = {found->id, found->id_len};
    int64_t clock_ms = found->lead ? found->lead->clock_ms : found->account->clock_ms;
    /* While history is being loaded, now is where the events are. */
    int64_t at_ms = latest(s->config->watermark == WATERMARK_DATA ? found->watermark_ms : s->now_ms, clock_ms);
    int r = arena_new(&arena);
    if (r == 0)
        r = found->lead ? explain_lead(arena, s->model, found->lead, at_ms, &explanation)
                        : explain_account(arena, s->model, found->account, at_ms, &explanation);
    if (r == 0)
        explain_json(writer, &explanation, str_eq(id, s->id) ? STR_NULL : s->id, 0);
    return r;
}

static void write_error(JsonWriter *writer, const char *text) {
    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("error"), str_from(text));
    json_write_object_end(writer);
    json_write_newline(writer);
}

void web_subject(JsonWriter *writer, const WebSubject *s, unsigned *ret_status) {
    char text[REDIS_TEXT_SIZE + 64] = "";
    Found found = {.id_len = s->id.len};
    assert(s->id.len <= sizeof(found.id));
    memcpy(found.id, s->id.data, s->id.len);
    *ret_status = load(s, &found, text, sizeof(text));
    int r = *ret_status == 200 ? explain(s, &found, writer) : 0;
    if (r < 0)
        writer->error = r;
    else if (*ret_status != 200)
        write_error(writer, text);
    found_deinit(&found);
}
