/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lead Events as JSON
 *
 * The whole line is read before anything in it is judged: what is not JSON is `bad_json` however far it
 * looked well, and a member of the wrong type is none of our business if it is repeated later with the right
 * one. So reading only notes the last value of each field, and of each property with what is wrong about it.
 */
#include "daemon/io/json/json_event.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/calendar/timestamp.h"

/* Of a property's name in a message: enough to recognise it. */
#define NAME_SHOWN_LEN_MAX 64

typedef enum Field {
    FIELD_EVENT_ID,
    FIELD_OCCURRED_AT,
    FIELD_LEAD_ID,
    FIELD_ACCOUNT_ID,
    FIELD_TYPE,
    FIELD_SOURCE,
    FIELD_CAMPAIGN,
    FIELD_TOPIC,
    FIELD_PROPERTIES,
    _FIELD_MAX,
} Field;

static const char *const field_names[_FIELD_MAX] = {
        [FIELD_EVENT_ID] = "event_id",
        [FIELD_OCCURRED_AT] = "occurred_at",
        [FIELD_LEAD_ID] = "lead_id",
        [FIELD_ACCOUNT_ID] = "account_id",
        [FIELD_TYPE] = "type",
        [FIELD_SOURCE] = "source",
        [FIELD_CAMPAIGN] = "campaign",
        [FIELD_TOPIC] = "topic",
        [FIELD_PROPERTIES] = "properties",
};

/* The last value of a field; JSON_TOKEN_END: the member is absent. */
typedef struct FieldValue {
    JsonToken token;
    Str string;
    int64_t integer;
} FieldValue;

struct JsonPropertyNote {
    uint32_t hash;       /* of the name */
    const char *problem; /* NULL: none */
};

int json_event_reader_init(JsonEventReader *reader) {
    *reader = (JsonEventReader){0};
    return json_reader_init(&reader->json);
}

void json_event_reader_deinit(JsonEventReader *reader) {
    json_reader_deinit(&reader->json);
    free(reader->properties);
    free(reader->notes);
    *reader = (JsonEventReader){0};
}

/* In place: what came with the input must not steer the terminal that the text is shown on. */
static void make_printable(char *text) {
    char *out = text;

    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < ' ' || c == 0x7F) { /* C0 and DEL */
            *out++ = '?';
        } else if (c == 0xC2 && (unsigned char)p[1] >= 0x80 && (unsigned char)p[1] < 0xA0) { /* C1 */
            *out++ = '?';
            p++;
        } else {
            *out++ = *p;
        }
    }
    *out = '\0';
}

static int reject(JsonEventReader *reader, const char *reason, const char *format, ...) PRINTF_LIKE(3, 4);
static int reject(JsonEventReader *reader, const char *reason, const char *format, ...) {
    va_list arguments;

    reader->reason = reason;
    va_start(arguments, format);
    vsnprintf(reader->text, sizeof(reader->text), format, arguments);
    va_end(arguments);
    make_printable(reader->text);
    return JSON_EVENT_E_REJECTED;
}

/* FNV-1a. Names that collide on purpose cost a comparison each, of at most EVENT_PROPERTIES_MAX names. */
static uint32_t name_hash(Str name) {
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619U;
    return hash;
}

/* The place of a property: that of its earlier value, or a new one. Not found: there are too many. */
static int property_place(JsonEventReader *reader, Str name, size_t *ret_i, bool *ret_found) {
    uint32_t hash = name_hash(name);
    size_t i;

    for (i = 0; i < reader->n_properties; i++)
        if (reader->notes[i].hash == hash && str_eq(reader->properties[i].name, name))
            break;
    *ret_found = i < EVENT_PROPERTIES_MAX;
    if (!*ret_found)
        return 0;
    if (i == reader->n_properties) {
        int r = array_reserve(
                &reader->properties, &reader->n_properties_alloc, i, sizeof(*reader->properties));
        if (r == 0)
            r = array_reserve(&reader->notes, &reader->n_notes_alloc, i, sizeof(*reader->notes));
        if (r)
            return r;
        reader->properties[i].name = name;
        reader->notes[i].hash = hash;
        reader->n_properties++;
    }
    *ret_i = i;
    return 0;
}

static Value property_value(const JsonReader *json, JsonToken token, const char **ret_problem) {
    *ret_problem = NULL;
    switch (token) {
    case JSON_TOKEN_NULL:
        return VALUE_NONE;
    case JSON_TOKEN_BOOLEAN:
        return value_boolean(json->boolean);
    case JSON_TOKEN_INTEGER:
        return value_long(json->integer);
    case JSON_TOKEN_NUMBER:
        return value_double(json->number);
    case JSON_TOKEN_STRING:
        return value_string(json->string);
    case JSON_TOKEN_HUGE_INTEGER:
        *ret_problem = "integer outside 64 bits";
        return VALUE_NONE;
    case JSON_TOKEN_HUGE_NUMBER:
        *ret_problem = "number outside the range of a double";
        return VALUE_NONE;
    default:
        *ret_problem = "null, a boolean, a number or a string expected";
        return VALUE_NONE;
    }
}

/* After the opening brace, to the closing one. */
static int read_properties(JsonEventReader *reader) {
    JsonToken token;
    size_t i;
    bool found;
    int r;

    for (;;) {
        r = json_reader_next(&reader->json, &token);
        if (r || token == JSON_TOKEN_OBJECT_END)
            return r;
        r = property_place(reader, reader->json.string, &i, &found);
        if (r)
            return r;
        r = json_reader_next(&reader->json, &token);
        if (r)
            return r;
        if (found)
            reader->properties[i].value = property_value(&reader->json, token, &reader->notes[i].problem);
        else
            reader->too_many_properties = true;
        r = json_reader_skip(&reader->json, token);
        if (r)
            return r;
    }
}

static int read_member(JsonEventReader *reader, FieldValue fields[static _FIELD_MAX]) {
    Str name = reader->json.string;
    JsonToken token;
    int field = 0;

    while (field < _FIELD_MAX && !str_eq_c(name, field_names[field]))
        field++;
    int r = json_reader_next(&reader->json, &token);
    if (r)
        return r;
    if (field == _FIELD_MAX)
        return json_reader_skip(&reader->json, token);

    fields[field] = (FieldValue){.token = token};
    if (token == JSON_TOKEN_STRING)
        fields[field].string = reader->json.string;
    if (token == JSON_TOKEN_INTEGER)
        fields[field].integer = reader->json.integer;
    if (field == FIELD_PROPERTIES) {
        reader->n_properties = 0;
        reader->too_many_properties = false;
        if (token == JSON_TOKEN_OBJECT_BEGIN)
            return read_properties(reader);
    }
    return json_reader_skip(&reader->json, token);
}

/* The whole line. *ret_is_object is set on 0. */
static int read_line(JsonEventReader *reader, FieldValue fields[static _FIELD_MAX], bool *ret_is_object) {
    JsonToken token;

    int r = json_reader_next(&reader->json, &token);
    if (r)
        return r;
    *ret_is_object = token == JSON_TOKEN_OBJECT_BEGIN;
    if (*ret_is_object) {
        for (;;) {
            r = json_reader_next(&reader->json, &token);
            if (r)
                return r;
            if (token == JSON_TOKEN_OBJECT_END)
                break;
            r = read_member(reader, fields);
            if (r)
                return r;
        }
    } else {
        r = json_reader_skip(&reader->json, token);
        if (r)
            return r;
    }
    return json_reader_next(&reader->json, &token);
}

static int take_string(
        JsonEventReader *reader, const FieldValue *fields, Field field, bool required, Str *ret) {
    const FieldValue *value = &fields[field];
    bool absent = value->token == JSON_TOKEN_END || value->token == JSON_TOKEN_NULL;

    if (absent && required)
        return reject(reader, "schema", "%s: missing", field_names[field]);
    if (!absent && value->token != JSON_TOKEN_STRING)
        return reject(reader, "schema", "%s: %s expected", field_names[field],
                required ? "a string" : "a string or null");
    *ret = absent ? STR_NULL : value->string;
    return 0;
}

static int take_occurred_at(JsonEventReader *reader, const FieldValue *value, int64_t *ret_ms) {
    static const char expected[] = "integer milliseconds or an RFC 3339 string expected";

    switch (value->token) {
    case JSON_TOKEN_END:
    case JSON_TOKEN_NULL:
        return reject(reader, "schema", "occurred_at: missing");
    case JSON_TOKEN_INTEGER:
        *ret_ms = value->integer;
        return 0;
    case JSON_TOKEN_STRING:
        if (timestamp_parse(value->string, ret_ms))
            return 0;
        return reject(reader, "schema", "occurred_at: %s, of the years 1970 to 9999", expected);
    case JSON_TOKEN_HUGE_INTEGER:
        return reject(reader, "schema", "occurred_at: integer outside 64 bits");
    default:
        return reject(reader, "schema", "occurred_at: %s", expected);
    }
}

static int take_properties(JsonEventReader *reader, const FieldValue *value, LeadEvent *event) {
    if (value->token != JSON_TOKEN_END && value->token != JSON_TOKEN_NULL &&
            value->token != JSON_TOKEN_OBJECT_BEGIN)
        return reject(reader, "schema", "properties: an object or null expected");
    if (reader->too_many_properties)
        return reject(reader, "schema", "properties: at most %d expected", EVENT_PROPERTIES_MAX);
    for (size_t i = 0; i < reader->n_properties; i++) {
        if (reader->notes[i].problem) {
            Str name = reader->properties[i].name;
            return reject(reader, "schema", "properties.%.*s: %s", (int)str_cut(name, NAME_SHOWN_LEN_MAX),
                    name.data, reader->notes[i].problem);
        }
    }
    event->properties = reader->properties;
    event->n_properties = reader->n_properties;
    return 0;
}

static int take_event(JsonEventReader *reader, const FieldValue fields[static _FIELD_MAX], LeadEvent *event) {
    const struct {
        Field field;
        bool required;
        Str *ret;
    } strings[] = {
            {FIELD_EVENT_ID, true, &event->event_id},
            {FIELD_LEAD_ID, true, &event->lead_id},
            {FIELD_TYPE, true, &event->type},
            {FIELD_ACCOUNT_ID, false, &event->account_id},
            {FIELD_SOURCE, false, &event->source},
            {FIELD_CAMPAIGN, false, &event->campaign},
            {FIELD_TOPIC, false, &event->topic},
    };
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        r = take_string(reader, fields, strings[i].field, strings[i].required, strings[i].ret);
        if (r)
            return r;
    }
    r = take_occurred_at(reader, &fields[FIELD_OCCURRED_AT], &event->occurred_at_ms);
    if (r)
        return r;
    r = take_properties(reader, &fields[FIELD_PROPERTIES], event);
    if (r)
        return r;
    if (!event_validate(event, reader->text, sizeof(reader->text))) {
        reader->reason = "schema";
        make_printable(reader->text);
        return JSON_EVENT_E_REJECTED;
    }
    return 0;
}

int json_event_read(JsonEventReader *reader, Str line, LeadEvent *ret) {
    FieldValue fields[_FIELD_MAX];
    LeadEvent event = {0};
    bool is_object;

    for (int i = 0; i < _FIELD_MAX; i++)
        fields[i] = (FieldValue){.token = JSON_TOKEN_END};
    reader->n_properties = 0;
    reader->too_many_properties = false;
    json_reader_start(&reader->json, line);
    int r = read_line(reader, fields, &is_object);
    if (r == JSON_E_SYNTAX)
        return reject(reader, "bad_json", "%s, at byte %zu", reader->json.error, reader->json.error_at + 1);
    if (r)
        return r;
    if (!is_object)
        return reject(reader, "schema", "an object expected");
    r = take_event(reader, fields, &event);
    if (r)
        return r;
    *ret = event;
    return 0;
}
