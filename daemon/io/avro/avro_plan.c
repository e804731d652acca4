/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Avro Decode Plans
 *
 * The rules of the header as a table of our fields and a table of what each may be written as. Judging a
 * union by one branch that fits is the Avro specification's way: the datum decides.
 */
#include "daemon/io/avro/avro_plan.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct EventField {
    const char *name;
    PlanAction action;
    bool required;
    size_t offset;
} EventField;

static const EventField event_fields[] = {
        {"event_id", PLAN_STRING, true, offsetof(LeadEvent, event_id)},
        {"occurred_at", PLAN_TIME, true, 0},
        {"lead_id", PLAN_STRING, true, offsetof(LeadEvent, lead_id)},
        {"account_id", PLAN_STRING, false, offsetof(LeadEvent, account_id)},
        {"type", PLAN_STRING, true, offsetof(LeadEvent, type)},
        {"source", PLAN_STRING, false, offsetof(LeadEvent, source)},
        {"campaign", PLAN_STRING, false, offsetof(LeadEvent, campaign)},
        {"topic", PLAN_STRING, false, offsetof(LeadEvent, topic)},
        {"properties", PLAN_PROPERTIES, false, 0},
};

static const char *const expectations[] = {
        [PLAN_SKIP] = "anything",
        [PLAN_STRING] = "a string",
        [PLAN_TIME] = "timestamp-millis or another count of time since 1970",
        [PLAN_PROPERTIES] = "a map of null, boolean, long, double or string",
};

#define KIND_BIT(kind) (1U << AVRO_KIND_##kind)
#define KINDS_STRING (KIND_BIT(STRING) | KIND_BIT(BYTES) | KIND_BIT(ENUM))
#define KINDS_VALUE                                                                                          \
    (KINDS_STRING | KIND_BIT(NULL) | KIND_BIT(BOOLEAN) | KIND_BIT(INT) | KIND_BIT(LONG) | KIND_BIT(FLOAT) |  \
            KIND_BIT(DOUBLE))

/* A text that is built in pieces; what does not fit is left out. */
typedef struct Text {
    char *data;
    size_t size, len;
} Text;

static void text_add(Text *text, const char *format, ...) PRINTF_LIKE(2, 3);
static void text_add(Text *text, const char *format, ...) {
    va_list arguments;
    int n;

    if (text->len >= text->size)
        return;
    va_start(arguments, format);
    n = vsnprintf(text->data + text->len, text->size - text->len, format, arguments);
    va_end(arguments);
    if (n > 0)
        text->len = MIN(text->len + (size_t)n, text->size - 1);
}

static void text_add_type(Text *text, const AvroType *type) {
    if (type->kind != AVRO_KIND_UNION) {
        text_add(text, "%s", avro_kind_name(type->kind));
        if (!str_is_null(type->logical))
            text_add(text, " (%.*s)", STR_FMT(type->logical));
        return;
    }
    text_add(text, "union of");
    for (size_t i = 0; i < type->n; i++) {
        text_add(text, i ? ", " : " ");
        text_add_type(text, type->branches[i]);
    }
}

/* Can the type, or a branch of it, be read as one of the kinds? */
static bool type_is_of(const AvroType *type, unsigned kinds) {
    if (type->kind != AVRO_KIND_UNION)
        return kinds & (1U << type->kind);
    for (size_t i = 0; i < type->n; i++)
        if (type_is_of(type->branches[i], kinds))
            return true;
    return false;
}

static bool type_is_time(const AvroType *type) {
    if (type->kind != AVRO_KIND_UNION)
        return type->units_per_ms != 0;
    for (size_t i = 0; i < type->n; i++)
        if (type_is_time(type->branches[i]))
            return true;
    return false;
}

static bool type_is_properties(const AvroType *type) {
    if (type->kind != AVRO_KIND_UNION)
        return type->kind == AVRO_KIND_MAP && type_is_of(type->items, KINDS_VALUE);
    for (size_t i = 0; i < type->n; i++)
        if (type_is_properties(type->branches[i]))
            return true;
    return false;
}

static bool type_fits(const AvroType *type, const EventField *field) {
    if (!field->required && type_is_of(type, KIND_BIT(NULL)))
        return true;
    switch (field->action) {
    case PLAN_STRING:
        return type_is_of(type, KINDS_STRING);
    case PLAN_TIME:
        return type_is_time(type);
    case PLAN_PROPERTIES:
        return type_is_properties(type);
    default:
        return true;
    }
}

static int compile_field(PlanField *step, const AvroField *written, Text *text) {
    *step = (PlanField){.action = PLAN_SKIP, .type = written->type, .name = written->name};
    for (size_t i = 0; i < ARRAY_SIZE(event_fields); i++) {
        const EventField *field = &event_fields[i];
        if (!str_eq_c(written->name, field->name))
            continue;
        if (!type_fits(written->type, field)) {
            text_add(text, "field \"%s\": expected %s, the schema has ", field->name,
                    expectations[field->action]);
            text_add_type(text, written->type);
            return AVRO_PLAN_E_SCHEMA;
        }
        step->action = field->action;
        step->required = field->required;
        step->offset = field->offset;
    }
    return 0;
}

static int check_required(const AvroType *record, Text *text) {
    size_t n_missing = 0;

    for (size_t i = 0; i < ARRAY_SIZE(event_fields); i++) {
        bool found = !event_fields[i].required;
        for (size_t j = 0; j < record->n && !found; j++)
            found = str_eq_c(record->fields[j].name, event_fields[i].name);
        if (!found)
            text_add(text, "%s\"%s\"", n_missing++ ? ", " : "the record lacks ", event_fields[i].name);
    }
    return n_missing ? AVRO_PLAN_E_SCHEMA : 0;
}

static int compile(AvroPlan *plan, const Str *others, size_t n_others, Str schema_json, Text *text) {
    const AvroType *record;

    int r = avro_type_parse_behind(others, n_others, schema_json, plan->arena, text->data, text->size, &record);
    if (r)
        return r == AVRO_TYPE_E_SCHEMA ? AVRO_PLAN_E_SCHEMA : r;
    if (record->kind != AVRO_KIND_RECORD) {
        text_add(text, "expected a record, the schema is ");
        text_add_type(text, record);
        return AVRO_PLAN_E_SCHEMA;
    }
    r = check_required(record, text);
    if (r)
        return r;
    plan->fields = arena_new_array(plan->arena, PlanField, record->n);
    if (!plan->fields)
        return -ENOMEM;
    plan->n_fields = record->n;
    for (size_t i = 0; i < record->n; i++) {
        r = compile_field(&plan->fields[i], &record->fields[i], text);
        if (r)
            return r;
    }
    return 0;
}

int avro_plan_new_behind(const Str *others, size_t n_others, Str schema_json, char *text, size_t size, AvroPlan **ret) {
    _cleanup_(avro_plan_free) AvroPlan *plan = NULL;
    Text builder = {.data = text, .size = size};
    int r;

    plan = calloc(1, sizeof(*plan));
    if (!plan)
        return -ENOMEM;
    r = arena_new(&plan->arena);
    if (r)
        return r;
    r = compile(plan, others, n_others, schema_json, &builder);
    if (r)
        return r;
    *ret = TAKE_PTR(plan);
    return 0;
}

int avro_plan_new(Str schema_json, char *text, size_t size, AvroPlan **ret) {
    return avro_plan_new_behind(NULL, 0, schema_json, text, size, ret);
}

AvroPlan *avro_plan_free(AvroPlan *plan) {
    if (plan) {
        arena_free(plan->arena);
        free(plan);
    }
    return NULL;
}
