/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader and writer against jansson, and the reading of events on the same bytes: an event that is
 * accepted is valid and has the values that jansson sees.
 */
#include "daemon/io/json/json_event.h"
#include "tests/fuzz/json_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(const json_t *object, const char *name, Str value) {
    const json_t *member = json_object_get(object, name);

    if (str_is_null(value))
        ORACLE(!member || json_is_null(member));
    else
        ORACLE(str_eq(value, (Str){json_string_value(member), json_string_length(member)}));
}

static void check_property(const json_t *properties, const Property *property) {
    const json_t *member = json_object_getn(properties, property->name.data, property->name.len);
    Value value = property->value;

    ORACLE(member);
    switch (value.type) {
    case VALUE_NULL:
        ORACLE(json_is_null(member));
        break;
    case VALUE_BOOLEAN:
        ORACLE(json_is_boolean(member) && json_boolean_value(member) == value.boolean);
        break;
    case VALUE_LONG:
        ORACLE(json_is_integer(member) && json_integer_value(member) == value.integer);
        break;
    case VALUE_DOUBLE:
        ORACLE(json_is_real(member) && json_real_value(member) == value.number);
        break;
    case VALUE_STRING:
        ORACLE(str_eq(value.string, (Str){json_string_value(member), json_string_length(member)}));
        break;
    }
}

static void check_event(Str text, const LeadEvent *event) {
    json_error_t error;
    char why[JSON_EVENT_TEXT_SIZE];

    ORACLE(event_validate(event, why, sizeof(why)));
    json_t *object = json_loadb(text.data, text.len, JSON_ALLOW_NUL, &error);
    /* Refused for what an event passes over in an unknown member. */
    if (!object) {
        ORACLE(json_error_code(&error) == json_error_null_byte_in_key ||
                json_error_code(&error) == json_error_numeric_overflow);
        return;
    }
    check_string(object, "event_id", event->event_id);
    check_string(object, "lead_id", event->lead_id);
    check_string(object, "account_id", event->account_id);
    check_string(object, "type", event->type);
    check_string(object, "source", event->source);
    check_string(object, "campaign", event->campaign);
    check_string(object, "topic", event->topic);
    const json_t *properties = json_object_get(object, "properties");
    ORACLE(event->n_properties == json_object_size(properties));
    for (size_t i = 0; i < event->n_properties; i++)
        check_property(properties, &event->properties[i]);
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static JsonReader reader;
    static JsonEventReader event_reader;
    Str text = {size ? (const char *)data : "", size};
    LeadEvent event;

    /* Kept from one input to the next, as the daemon keeps them. */
    if (!reader.locale) {
        ORACLE(json_reader_init(&reader) == 0);
        ORACLE(json_event_reader_init(&event_reader) == 0);
    }
    bool is_json = oracle_check(&reader, text);
    int r = json_event_read(&event_reader, text, &event);
    if (r == 0)
        check_event(text, &event);
    else
        ORACLE(r == JSON_EVENT_E_REJECTED && is_json == (strcmp(event_reader.reason, "schema") == 0));
    return 0;
}
