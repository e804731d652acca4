/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/model_test/facts.h"

#include "daemon/base/arena_text.h"
#include "daemon/io/json/json_reader.h"
#include "daemon/replay/replay_dump.h"

/* Reads the dump into facts. */
typedef struct Reading {
    JsonReader json;
    Arena *arena;
    Facts *facts;
} Reading;

void facts_deinit(Facts *facts) {
    free(facts->items);
    *facts = FACTS_INIT;
}

static int add(Reading *reading, Str path, Value value) {
    Facts *facts = reading->facts;

    if (value.type == VALUE_STRING) {
        value.string = arena_str(reading->arena, value.string);
        if (str_is_null(value.string))
            return -ENOMEM;
    }
    int r = array_reserve(&facts->items, &facts->n_alloc, facts->n_items, sizeof(*facts->items));
    if (r)
        return r;
    facts->items[facts->n_items++] = (Fact){path, value};
    return 0;
}

static int join(const Reading *reading, Str prefix, Str name, Str *ret) {
    *ret = prefix.len ? arena_format(reading->arena, "%.*s.%.*s", STR_FMT(prefix), STR_FMT(name))
                      : arena_str(reading->arena, name);
    return str_is_null(*ret) ? -ENOMEM : 0;
}

/* Our own dump is JSON, so that an error other than out of memory is a mistake of ours. */
static int next(Reading *reading, JsonToken *ret) {
    int r = json_reader_next(&reading->json, ret);
    assert(r <= 0);
    return r;
}

static Value scalar(const JsonReader *json, JsonToken token) {
    switch (token) {
    case JSON_TOKEN_BOOLEAN:
        return value_boolean(json->boolean);
    case JSON_TOKEN_INTEGER:
        return value_long(json->integer);
    case JSON_TOKEN_NUMBER:
        return value_double(json->number);
    case JSON_TOKEN_STRING:
        return value_string(json->string);
    default:
        return VALUE_NONE;
    }
}

static int read_value(Reading *reading, Str path, JsonToken token);

/* An object in a list is known by its first member: {"policy": "accept", "epoch": 1} under "sla" is
 * "sla.accept". */
static int read_object(Reading *reading, Str path, bool in_list) {
    JsonToken token;
    Str name;
    int r;

    while ((r = next(reading, &token)) == 0 && token != JSON_TOKEN_OBJECT_END) {
        Str member = reading->json.string;
        if (in_list) {
            in_list = false;
            r = next(reading, &token);
            if (r == 0)
                r = join(reading, path, reading->json.string, &path);
        } else {
            r = join(reading, path, member, &name);
            if (r == 0)
                r = next(reading, &token);
            if (r == 0)
                r = read_value(reading, name, token);
        }
        if (r)
            return r;
    }
    return r;
}

static int read_list(Reading *reading, Str path) {
    JsonToken token;
    int r;

    while ((r = next(reading, &token)) == 0 && token != JSON_TOKEN_ARRAY_END) {
        if (token == JSON_TOKEN_OBJECT_BEGIN)
            r = read_object(reading, path, true);
        if (r)
            return r;
    }
    return r;
}

static int read_value(Reading *reading, Str path, JsonToken token) {
    if (token == JSON_TOKEN_OBJECT_BEGIN)
        return read_object(reading, path, false);
    if (token == JSON_TOKEN_ARRAY_BEGIN)
        return read_list(reading, path);
    return add(reading, path, scalar(&reading->json, token));
}

static int read_dump(Facts *facts, Arena *arena, Str dump) {
    Reading reading = {.arena = arena, .facts = facts};
    JsonToken token;

    int r = json_reader_init(&reading.json);
    if (r)
        return r;
    json_reader_start(&reading.json, dump);
    r = next(&reading, &token);
    if (r == 0)
        r = read_value(&reading, STR_LITERAL(""), token);
    json_reader_deinit(&reading.json);
    return r;
}

int facts_of_lead(Facts *facts, Arena *arena, const Model *model, const Lead *lead, int64_t at_ms) {
    JsonWriter writer = JSON_WRITER_INIT;
    Reading reading = {.arena = arena, .facts = facts};

    facts->n_items = 0;
    int r = lead_dump(&writer, model, lead, at_ms);
    if (r == 0)
        r = read_dump(facts, arena, (Str){writer.data, writer.len});
    json_writer_deinit(&writer);
    if (r == 0)
        r = add(&reading, STR_LITERAL("route"), value_string(model_route_id(model, lead->route)));
    return r;
}

int facts_of_account(Facts *facts, Arena *arena, const Model *model, const Account *account, int64_t at_ms) {
    JsonWriter writer = JSON_WRITER_INIT;

    facts->n_items = 0;
    int r = account_dump(&writer, model, account, at_ms);
    if (r == 0)
        r = read_dump(facts, arena, (Str){writer.data, writer.len});
    json_writer_deinit(&writer);
    return r;
}

const Fact *facts_find(const Facts *facts, Str path) {
    for (size_t i = 0; i < facts->n_items; i++)
        if (str_eq(facts->items[i].path, path))
            return &facts->items[i];
    return NULL;
}
