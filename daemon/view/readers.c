/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/view/readers.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/base/arena_text.h"
#include "daemon/io/json/json_writer.h"
#include "daemon/io/redis/shard_tag.h"
#include "daemon/view/view_fields.h"
#include "lib/base/siphash.h"
#include "lib/condition/condition_program.h"

#define NAME(text) STR_LITERAL(text)

extern const char readers_lua[];

/* Up to where a record has to be read (readers.lua asks for clocks by itself): scores; counters and tracks; clocks; the profile. */
typedef enum Asks { ASKS_SCORES, ASKS_TRACKS, ASKS_CLOCKS, ASKS_PROFILE } Asks;

/* ---- programs ---- */

static Asks asks_of(const Model *model, const Condition *condition) {
    Asks asks = ASKS_SCORES, of_another;
    for (unsigned i = 0; i < condition->n_code; i++) {
        Op op = condition->code[i].op;
        if (op == OP_PROFILE)
            return ASKS_PROFILE;
        if (op == OP_AGE || op == OP_SINCE || op == OP_LEFT || op == OP_ENTRIES || op == OP_COUNTER)
            asks = MAX(asks, ASKS_TRACKS);
        if (op == OP_DERIVED) {
            of_another = asks_of(model, model->derived[condition->code[i].index].value);
            asks = MAX(asks, of_another);
        }
    }
    return asks;
}

/* Lua counts from 1. */
static void write_index(JsonWriter *w, unsigned index) {
    json_write_integer(w, STR_NULL, (int64_t)index + 1);
}

static const char *push_name(Op op) {
    static const char *const names[] = {
            [OP_PARAM] = "param",
            [OP_SCORE] = "score",
            [OP_DERIVED] = "derived",
            [OP_PROFILE] = "profile",
            [OP_FIRST_SOURCE] = "first_source",
            [OP_LAST_SOURCE] = "last_source",
            [OP_AGE] = "age",
            [OP_SINCE] = "since",
            [OP_LEFT] = "left",
            [OP_ENTRIES] = "entries",
            [OP_COUNTER] = "counter",
            [OP_IDLE] = "idle",
    };
    return (size_t)op < ARRAY_SIZE(names) ? names[op] : NULL;
}

/* What takes one or two, and leaves one. Truths are neither points nor become any, so all that makes one is alike. */
static const char *op_name(Op op) {
    static const char *const names[] = {
            [OP_NEGATE] = "negate",
            [OP_NUMBER] = "number",
            [OP_PRESENT] = "is",
            [OP_NOT] = "is",
            [OP_LIKE] = "is",
            [OP_ADD] = "+",
            [OP_SUBTRACT] = "-",
            [OP_MULTIPLY] = "*",
            [OP_DIVIDE] = "/",
            [OP_MIN] = "min",
            [OP_MAX] = "max",
            [OP_DEFAULT] = "default",
    };
    if ((op >= OP_EQUAL && op <= OP_GREATER_EQUAL) || op == OP_TRUTH)
        return "truth";
    return (size_t)op < ARRAY_SIZE(names) ? names[op] : NULL;
}

/* A text of the model (its stages and segments are no figures either) becomes no number but by way of number(). */
static void write_constant(JsonWriter *w, Value constant) {
    json_write_string(w, STR_NULL, constant.type == VALUE_NULL ? NAME("none") : NAME("constant"));
    if (constant.type == VALUE_STRING)
        json_write_string(w, STR_NULL, constant.string);
    else if (value_is_number(constant))
        json_write_number(w, STR_NULL, value_number(constant));
    else
        json_write_boolean(w, STR_NULL, false);
}

static void write_instruction(JsonWriter *w, const Instruction *i) {
    if (i->op == OP_AND_THEN || i->op == OP_OR_ELSE)
        return; /* OP_TRUTH takes both sides */
    json_write_array_begin(w, STR_NULL);
    if (op_name(i->op)) {
        json_write_string(w, STR_NULL, str_from(op_name(i->op)));
    } else if (i->op == OP_IN) {
        json_write_string(w, STR_NULL, NAME("drop"));
        json_write_integer(w, STR_NULL, i->index);
    } else if (i->op == OP_PROFILE) {
        json_write_string(w, STR_NULL, NAME("profile"));
        json_write_string(w, STR_NULL, i->constant.string);
    } else if (i->op != OP_CONSTANT && push_name(i->op)) {
        json_write_string(w, STR_NULL, str_from(push_name(i->op)));
        write_index(w, i->index);
        write_index(w, i->stage);
    } else {
        /* A stage's or a segment's id. */
        write_constant(w, i->op == OP_CONSTANT ? i->constant : value_boolean(false));
    }
    json_write_array_end(w);
}

static void write_derived(JsonWriter *w, const Model *model) {
    Asks asks = ASKS_SCORES, of_one;
    json_write_array_begin(w, NAME("derived"));
    for (size_t i = 0; i < model->n_derived; i++) {
        const Condition *value = model->derived[i].value;
        of_one = asks_of(model, value);
        asks = MAX(asks, of_one);
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("id"), model->derived[i].id);
        json_write_array_begin(w, NAME("program"));
        for (unsigned k = 0; k < value->n_code; k++)
            write_instruction(w, &value->code[k]);
        json_write_array_end(w);
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_integer(w, NAME("asks"), asks);
}

/* ---- what records hold ---- */

static void write_decay(JsonWriter *w, Str id, const Decay *decay, double max) {
    static const char *const names[] = {[DECAY_NONE] = "none",
            [DECAY_HALF_LIFE] = "half_life",
            [DECAY_LINEAR] = "linear",
            [DECAY_WINDOW] = "window"};
    json_write_object_begin(w, STR_NULL);
    json_write_string(w, NAME("id"), id);
    json_write_string(w, NAME("decay"), str_from(names[decay->kind]));
    json_write_integer(w, NAME("span"), decay->span_ms);
    if (isfinite(max))
        json_write_number(w, NAME("max"), max);
    json_write_object_end(w);
}

static void write_field_name(JsonWriter *w, Str name, const char *prefix, Str id) {
    char text[VIEW_FIELD_SIZE];
    json_write_string(w, name, view_fields_name(prefix, id, text));
}

static void write_tracks(JsonWriter *w, Str name, const Track *tracks, size_t n) {
    json_write_array_begin(w, name);
    for (size_t i = 0; i < n; i++) {
        json_write_object_begin(w, STR_NULL);
        write_field_name(w, NAME("stage"), "stage:", tracks[i].id);
        write_field_name(w, NAME("since"), "since:", tracks[i].id);
        json_write_array_begin(w, NAME("stages"));
        for (size_t k = 0; k < tracks[i].n_stages; k++)
            json_write_string(w, STR_NULL, tracks[i].stages[k].id);
        json_write_array_end(w);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_policies(JsonWriter *w, const Model *model) {
    json_write_array_begin(w, NAME("policies"));
    for (size_t i = 0; i < model->n_policies; i++) {
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("id"), model->policies[i].id);
        write_field_name(w, NAME("name"), "sla:", model->policies[i].id);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

/* What stands in records as a number. */
static void write_ids(JsonWriter *w, const Model *model) {
    json_write_array_begin(w, NAME("segments"));
    for (unsigned i = 0; i <= model->n_segments; i++)
        json_write_string(w, STR_NULL, model_segment_id(model, i));
    json_write_array_end(w);
    json_write_array_begin(w, NAME("routes"));
    for (int i = 0; i < (int)model->n_routes; i++)
        json_write_string(w, STR_NULL, model_route_id(model, i));
    json_write_array_end(w);
    json_write_array_begin(w, NAME("calendars"));
    for (unsigned i = 1; i <= model->n_calendars; i++)
        json_write_string(w, STR_NULL, model_calendar_id(model, i));
    json_write_array_end(w);
}

/* By segment; the last row is that of leads in none. */
static void write_params(JsonWriter *w, const Model *model) {
    json_write_array_begin(w, NAME("params"));
    for (size_t i = 0; i <= model->n_segments; i++) {
        json_write_array_begin(w, STR_NULL);
        for (size_t k = 0; k < model->n_params; k++)
            json_write_number(w, STR_NULL, model->segment_params[i * model->n_params + k]);
        json_write_array_end(w);
    }
    json_write_array_end(w);
}

static void write_records(JsonWriter *w, const Model *model) {
    json_write_array_begin(w, NAME("scores"));
    for (size_t i = 0; i < model->n_scores; i++) /* caps cut what is awarded, not what is read */
        write_decay(w, model->scores[i].id, &model->scores[i].decay, INFINITY);
    json_write_array_end(w);
    json_write_array_begin(w, NAME("account_scores"));
    for (size_t i = 0; i < model->n_account_scores; i++)
        write_decay(w, model->account_scores[i].id, &model->account_scores[i].decay, model->account_scores[i].max);
    json_write_array_end(w);
    json_write_array_begin(w, NAME("counters"));
    for (size_t i = 0; i < model->n_counters; i++)
        json_write_integer(w, STR_NULL, model->counters[i].window_ms);
    json_write_array_end(w);
    write_tracks(w, NAME("tracks"), model->tracks, model->n_tracks);
    write_tracks(w, NAME("account_tracks"), model->account_tracks, model->n_account_tracks);
    write_policies(w, model);
    write_ids(w, model);
    json_write_integer(w, NAME("window"), model->committee.window_ms);
    write_params(w, model);
    write_derived(w, model);
}

/* ---- boards ---- */

static void write_boards(JsonWriter *w, Str name, const Model *model, EntityKind kind) {
    const char *boards[VIEW_BOARDS_MAX];
    int64_t half_lives[VIEW_BOARDS_MAX];
    (void)view_fields_boards(model, kind, boards);
    size_t n = view_fields_half_lives(model, kind, half_lives);
    bool derived = kind == ENTITY_LEAD && model->n_derived > 0;
    json_write_object_begin(w, name);
    for (size_t i = 0; i < n; i++) {
        json_write_object_begin(w, str_from(boards[i]));
        json_write_integer(w, derived ? NAME("derived") : NAME("score"), (int64_t)i + 1);
        json_write_integer(w, NAME("half_life"), half_lives[i]);
        json_write_integer(w, NAME("asks"), derived ? asks_of(model, model->derived[i].value) : ASKS_SCORES);
        json_write_object_end(w);
    }
    json_write_object_end(w);
}

/* ---- the library ---- */

static int write_tags(JsonWriter *w, int32_t n_shards) {
    char(*tags)[SHARD_TAG_SIZE] = NULL;
    int r = shard_tags(n_shards, &tags);
    if (r)
        return r;
    json_write_array_begin(w, NAME("tags"));
    for (int32_t i = 0; i < n_shards; i++)
        json_write_string(w, STR_NULL, str_from(tags[i]));
    json_write_array_end(w);
    free(tags);
    return 0;
}

static int write_model(JsonWriter *w, const Config *config, const Model *model, int32_t n_shards) {
    json_write_object_begin(w, STR_NULL);
    json_write_integer(w, NAME("readers"), REDIS_LIBRARY_NUMBER);
    json_write_string(w, NAME("model"), model->id);
    json_write_integer(w, NAME("version"), model->version);
    json_write_string(w, NAME("prefix"), str_from(config->redis_prefix));
    json_write_string(w, NAME("partitioner"), str_from(config->partitioner));
    write_records(w, model);
    write_boards(w, NAME("boards"), model, ENTITY_LEAD);
    write_boards(w, NAME("account_boards"), model, ENTITY_ACCOUNT);
    int r = write_tags(w, n_shards);
    json_write_object_end(w);
    return r ? r : w->error;
}

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* No two prefixes have one name, but for a collision of the hash that somebody has looked for. */
static void make_name(const char *prefix, char ret[static READERS_NAME_SIZE]) {
    size_t n = 0;
    bool plain = true;
    for (size_t i = 0; prefix[i]; i++) {
        plain &= is_plain(prefix[i]) && i < READERS_NAME_SIZE - 10;
        if (n < READERS_NAME_SIZE - 10)
            ret[n++] = is_plain(prefix[i]) ? prefix[i] : '_';
    }
    ret[n] = '\0';
    if (!plain)
        (void)snprintf(ret + n, READERS_NAME_SIZE - n, "_%08" PRIx32, (uint32_t)siphash_13((SipKey){0, 0}, str_from(prefix)));
}

/* Signs of equality between the brackets of Lua's long string, so many that it does not end within the text. */
static size_t bracket_level(const char *text) {
    size_t level = 0;
    for (const char *at = text; (at = strchr(at, ']')); at++) {
        size_t n = strspn(at + 1, "=");
        if (at[1 + n] == ']')
            level = MAX(level, n + 1);
    }
    return level;
}

static int assemble(Arena *arena, const char *json, RedisLibrary *library) {
    char digest[17];
    size_t level = bracket_level(json);
    char *equals = arena_alloc(arena, level + 1, 1);
    if (!equals)
        return -ENOMEM;
    memset(equals, '=', level);
    Str body = arena_format(arena, "local JSON = [%s[%s]%s]\n%s", equals, json, equals, readers_lua);
    if (str_is_null(body))
        return -ENOMEM;
    (void)snprintf(digest, sizeof(digest), "%016" PRIx64, siphash_13((SipKey){0, 0}, body));
    library->digest = arena_str(arena, str_from(digest)).data;
    library->text = arena_format(arena, "#!lua name=%s\nlocal NAME, DIGEST = '%s', '%s'\n%s", library->name, library->name, digest,
            body.data);
    return library->digest && library->text.data ? 0 : -ENOMEM;
}

static int make(Arena *arena, JsonWriter *w, const Config *config, const Model *model, int32_t n_shards, RedisLibrary *ret) {
    char name[READERS_NAME_SIZE];
    make_name(config->redis_prefix, name);
    int r = write_model(w, config, model, n_shards);
    if (r)
        return r;
    Str json = arena_str(arena, (Str){w->data, w->len});
    RedisLibrary library = {
            .name = arena_str(arena, str_from(name)).data,
            .model = model->id.data,
            .model_version = model->version,
    };
    if (str_is_null(json) || !library.name)
        return -ENOMEM;
    r = assemble(arena, json.data, &library);
    if (r == 0)
        *ret = library;
    return r;
}

int readers_make(Arena *arena, const Config *config, const Model *model, int32_t n_shards, RedisLibrary *ret) {
    JsonWriter w = JSON_WRITER_INIT;
    int r = make(arena, &w, config, model, n_shards, ret);
    json_writer_deinit(&w);
    return r;
}
