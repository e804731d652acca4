/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include "lib/event/event.h"

/* Of a property's name in a message: enough to recognise it. */
#define NAME_SHOWN_LEN_MAX 64

/* Where event_validate() says what is wrong. */
typedef struct Complaint {
    char *text;
    size_t size;
} Complaint;

/* Always false, to be returned. */
static bool PRINTF_LIKE(2, 3) complain(Complaint c, const char *format, ...) {
    if (c.size == 0)
        return false;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(c.text, c.size, format, args);
    va_end(args);
    if (len < 0)
        c.text[0] = '\0';
    else if ((size_t)len >= c.size && c.size > 1) /* was cut: the last character may not be whole */
        c.text[str_cut((Str){c.text, c.size}, c.size - 2)] = '\0';
    return false;
}

static bool check_required(Complaint c, const char *field, Str value, size_t len_max) {
    if (str_is_null(value))
        return complain(c, "%s: 1 to %zu bytes expected, got null", field, len_max);
    if (value.len < 1 || value.len > len_max)
        return complain(c, "%s: 1 to %zu bytes expected, got %zu", field, len_max, value.len);
    return true;
}

static bool check_optional(Complaint c, const char *field, Str value, size_t len_min, size_t len_max) {
    if (str_is_null(value))
        return true;
    if (value.len < len_min)
        return complain(
                c, "%s: null or %zu to %zu bytes expected, got %zu", field, len_min, len_max, value.len);
    if (value.len > len_max)
        return complain(c, "%s: at most %zu bytes expected, got %zu", field, len_max, value.len);
    return true;
}

static bool check_property(Complaint c, const Property *property, size_t i) {
    Str name = property->name;
    if (name.len > EVENT_PROPERTY_NAME_LEN_MAX)
        return complain(c, "properties: a name of at most %d bytes expected, got %zu (property %zu)",
                EVENT_PROPERTY_NAME_LEN_MAX, name.len, i + 1);
    int shown_len = (int)str_cut(name, NAME_SHOWN_LEN_MAX);
    const char *shown = name.data ? name.data : "";
    const Value *value = &property->value;
    if (value->type == VALUE_STRING && value->string.len > EVENT_PROPERTY_STRING_LEN_MAX)
        return complain(c, "properties.%.*s: at most %d bytes expected, got %zu", shown_len, shown,
                EVENT_PROPERTY_STRING_LEN_MAX, value->string.len);
    if (value->type == VALUE_DOUBLE && !isfinite(value->number))
        return complain(
                c, "properties.%.*s: a finite number expected, got %f", shown_len, shown, value->number);
    return true;
}

bool event_validate(const LeadEvent *event, char *text, size_t size) {
    Complaint c = {text, size};
    if (!check_required(c, "event_id", event->event_id, EVENT_ID_LEN_MAX))
        return false;
    if (event->occurred_at_ms < EVENT_TIME_MS_MIN || event->occurred_at_ms > EVENT_TIME_MS_MAX)
        return complain(c, "occurred_at: %lld to %lld (the years 1970 to 9999) expected, got %lld",
                (long long)EVENT_TIME_MS_MIN, (long long)EVENT_TIME_MS_MAX, (long long)event->occurred_at_ms);
    if (!check_required(c, "lead_id", event->lead_id, EVENT_LEAD_ID_LEN_MAX) ||
            !check_optional(c, "account_id", event->account_id, 1, EVENT_ACCOUNT_ID_LEN_MAX) ||
            !check_required(c, "type", event->type, EVENT_TYPE_LEN_MAX) ||
            !check_optional(c, "source", event->source, 0, EVENT_SOURCE_LEN_MAX) ||
            !check_optional(c, "campaign", event->campaign, 0, EVENT_SOURCE_LEN_MAX) ||
            !check_optional(c, "topic", event->topic, 0, EVENT_SOURCE_LEN_MAX))
        return false;
    if (event->n_properties > EVENT_PROPERTIES_MAX)
        return complain(
                c, "properties: at most %d expected, got %zu", EVENT_PROPERTIES_MAX, event->n_properties);
    for (size_t i = 0; i < event->n_properties; i++)
        if (!check_property(c, &event->properties[i], i))
            return false;
    return true;
}
