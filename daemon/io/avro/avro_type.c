/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/avro/avro_type.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct Parser {
    Arena *arena;
    AvroType *named[AVRO_NAMED_TYPES_MAX];
    size_t n_named;
    Str field; /* the innermost field at hand, for error texts; null: none */
    char *text;
    size_t size;
} Parser;

static int parse_type(Parser *p, const json_t *json, Str space, unsigned depth, const AvroType **ret);

static const char *const kind_names[_AVRO_KIND_MAX] = {
        [AVRO_KIND_NULL] = "null",
        [AVRO_KIND_BOOLEAN] = "boolean",
        [AVRO_KIND_INT] = "int",
        [AVRO_KIND_LONG] = "long",
        [AVRO_KIND_FLOAT] = "float",
        [AVRO_KIND_DOUBLE] = "double",
        [AVRO_KIND_BYTES] = "bytes",
        [AVRO_KIND_STRING] = "string",
        [AVRO_KIND_FIXED] = "fixed",
        [AVRO_KIND_ENUM] = "enum",
        [AVRO_KIND_ARRAY] = "array",
        [AVRO_KIND_MAP] = "map",
        [AVRO_KIND_UNION] = "union",
        [AVRO_KIND_RECORD] = "record",
};

/* Primitives without a logical type are the same everywhere. */
static const AvroType primitives[AVRO_KIND_PRIMITIVE_MAX + 1] = {
        [AVRO_KIND_NULL] = {.kind = AVRO_KIND_NULL},
        [AVRO_KIND_BOOLEAN] = {.kind = AVRO_KIND_BOOLEAN},
        [AVRO_KIND_INT] = {.kind = AVRO_KIND_INT, .units_per_ms = 1},
        [AVRO_KIND_LONG] = {.kind = AVRO_KIND_LONG, .units_per_ms = 1},
        [AVRO_KIND_FLOAT] = {.kind = AVRO_KIND_FLOAT},
        [AVRO_KIND_DOUBLE] = {.kind = AVRO_KIND_DOUBLE},
        [AVRO_KIND_BYTES] = {.kind = AVRO_KIND_BYTES},
        [AVRO_KIND_STRING] = {.kind = AVRO_KIND_STRING},
};

const char *avro_kind_name(AvroKind kind) {
    assert((unsigned)kind < _AVRO_KIND_MAX);
    return kind_names[kind];
}

static int wrong(Parser *p, const char *format, ...) PRINTF_LIKE(2, 3);
static int wrong(Parser *p, const char *format, ...) {
    va_list arguments;
    int n = 0;

    if (!str_is_null(p->field))
        n = snprintf(p->text, p->size, "field \"%.*s\": ", STR_FMT(p->field));
    va_start(arguments, format);
    if (n >= 0 && (size_t)n < p->size)
        vsnprintf(p->text + n, p->size - (size_t)n, format, arguments);
    va_end(arguments);
    /* jansson quotes what it stumbles over, and may cut a character in two. */
    for (char *c = p->text; p->size > 0 && *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return AVRO_TYPE_E_SCHEMA;
}

static Str string_of(const json_t *json) {
    return json_is_string(json) ? (Str){json_string_value(json), json_string_length(json)} : STR_NULL;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Names with dots between them if `dots`. As it lets only ASCII pass, names can be printed as they are. */
static bool is_name(Str name, bool dots) {
    bool first = true;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c == '.' && dots && !first)
            first = true;
        else if (is_letter(c) || (!first && c >= '0' && c <= '9'))
            first = false;
        else
            return false;
    }
    return !first;
}

static bool find_kind(Str name, AvroKind *ret) {
    for (int i = 0; i < _AVRO_KIND_MAX; i++) {
        if (str_eq_c(name, kind_names[i])) {
            *ret = (AvroKind)i;
            return true;
        }
    }
    return false;
}

static int full_name(Parser *p, Str name, Str space, Str *ret) {
    char *full;

    if (space.len == 0 || memchr(name.data, '.', name.len)) {
        *ret = arena_str(p->arena, name);
        return str_is_null(*ret) ? -ENOMEM : 0;
    }
    full = arena_alloc(p->arena, space.len + 1 + name.len, 1);
    if (!full)
        return -ENOMEM;
    memcpy(full, space.data, space.len);
    full[space.len] = '.';
    memcpy(full + space.len + 1, name.data, name.len);
    *ret = (Str){full, space.len + 1 + name.len};
    return 0;
}

static AvroType *find_named(const Parser *p, Str name) {
    for (size_t i = 0; i < p->n_named; i++)
        if (str_eq(p->named[i]->name, name))
            return p->named[i];
    return NULL;
}

static int parse_reference(Parser *p, Str name, Str space, const AvroType **ret) {
    const AvroType *found;
    Str full;

    if (!is_name(name, true))
        return wrong(p, "a type's name must be of letters, digits, _ and dots");
    int r = full_name(p, name, space, &full);
    if (r)
        return r;
    found = find_named(p, full);
    if (!found)
        return wrong(p, "unknown type \"%.*s\"", STR_FMT(full));
    *ret = found;
    return 0;
}

/*
 * Which unit an int or a long is in, if it is an instant. An unknown logical type is to be ignored, says the
 * specification; those that are known to be something else must not be taken for milliseconds.
 */
static int64_t units_per_ms(AvroKind kind, Str logical) {
    static const struct {
        AvroKind kind;
        const char *logical;
        int64_t units_per_ms;
    } units[] = {
            {AVRO_KIND_LONG, "timestamp-millis", 1},
            {AVRO_KIND_LONG, "timestamp-micros", 1000},
            {AVRO_KIND_LONG, "timestamp-nanos", 1000000},
            {AVRO_KIND_LONG, "local-timestamp-millis", 0},
            {AVRO_KIND_LONG, "local-timestamp-micros", 0},
            {AVRO_KIND_LONG, "local-timestamp-nanos", 0},
            {AVRO_KIND_LONG, "time-micros", 0},
            {AVRO_KIND_INT, "time-millis", 0},
            {AVRO_KIND_INT, "date", 0},
    };

    if (kind != AVRO_KIND_INT && kind != AVRO_KIND_LONG)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (units[i].kind == kind && str_eq_c(logical, units[i].logical))
            return units[i].units_per_ms;
    return 1;
}

/* Such as can be printed as they are; no other is known. */
static bool is_logical(Str logical) {
    for (size_t i = 0; i < logical.len; i++)
        if (!is_letter(logical.data[i]) && !memchr("0123456789-.", logical.data[i], 12))
            return false;
    return logical.len > 0;
}

static int new_type(Parser *p, AvroKind kind, Str logical, AvroType **ret) {
    AvroType *type = arena_new_array(p->arena, AvroType, 1);

    if (!type)
        return -ENOMEM;
    type->kind = kind;
    if (is_logical(logical)) {
        type->logical = arena_str(p->arena, logical);
        if (str_is_null(type->logical))
            return -ENOMEM;
    }
    type->units_per_ms = units_per_ms(kind, logical);
    *ret = type;
    return 0;
}

/* Names the type before its inside is parsed, so that the inside can refer to it. */
static int name_type(Parser *p, const json_t *json, Str space, AvroType *type, Str *ret_space) {
    Str name = string_of(json_object_get(json, "name"));
    const json_t *own_space = json_object_get(json, "namespace");
    const char *kind = avro_kind_name(type->kind);

    if (str_is_null(name) || !is_name(name, true))
        return wrong(p, "%s without a valid \"name\"", kind);
    if (own_space && !json_is_null(own_space)) {
        space = string_of(own_space);
        if (str_is_null(space) || (space.len > 0 && !is_name(space, true)))
            return wrong(p, "%s \"%.*s\" has an invalid \"namespace\"", kind, STR_FMT(name));
    }
    int r = full_name(p, name, space, &type->name);
    if (r)
        return r;
    if (find_named(p, type->name))
        return wrong(p, "type \"%.*s\" is defined twice", STR_FMT(type->name));
    if (p->n_named == ARRAY_SIZE(p->named))
        return wrong(p, "more than %d named types", AVRO_NAMED_TYPES_MAX);
    p->named[p->n_named++] = type;

    const char *dot = memrchr(type->name.data, '.', type->name.len);
    *ret_space = (Str){type->name.data, dot ? (size_t)(dot - type->name.data) : 0};
    return 0;
}

static int parse_field(Parser *p, const json_t *json, Str space, unsigned depth, AvroType *record) {
    Str name = string_of(json_object_get(json, "name"));
    const json_t *json_type = json_object_get(json, "type");
    Str outer = p->field;
    AvroField *field = &record->fields[record->n];

    if (str_is_null(name) || !is_name(name, false))
        return wrong(p, "record \"%.*s\" has a field without a valid \"name\"", STR_FMT(record->name));
    for (size_t i = 0; i < record->n; i++)
        if (str_eq(record->fields[i].name, name))
            return wrong(p, "record \"%.*s\" has two fields \"%.*s\"", STR_FMT(record->name), STR_FMT(name));
    if (!json_type)
        return wrong(
                p, "field \"%.*s\" of record \"%.*s\" has no \"type\"", STR_FMT(name), STR_FMT(record->name));

    field->name = arena_str(p->arena, name);
    if (str_is_null(field->name))
        return -ENOMEM;
    p->field = field->name;
    int r = parse_type(p, json_type, space, depth, &field->type);
    if (r)
        return r;
    p->field = outer;
    record->n++;
    return 0;
}

static int parse_record(Parser *p, const json_t *json, Str space, unsigned depth, AvroType *type) {
    const json_t *fields = json_object_get(json, "fields");
    size_t n = json_array_size(fields);

    int r = name_type(p, json, space, type, &space);
    if (r)
        return r;
    if (!json_is_array(fields))
        return wrong(p, "record \"%.*s\" has no \"fields\"", STR_FMT(type->name));
    if (n == 0)
        return 0;
    if (n > AVRO_FIELDS_MAX)
        return wrong(p, "record \"%.*s\" has more than %d fields", STR_FMT(type->name), AVRO_FIELDS_MAX);
    type->fields = arena_new_array(p->arena, AvroField, n);
    if (!type->fields)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        r = parse_field(p, json_array_get(fields, i), space, depth, type);
        if (r)
            return r;
    }
    return 0;
}

static int parse_enum(Parser *p, const json_t *json, Str space, AvroType *type) {
    const json_t *symbols = json_object_get(json, "symbols");
    size_t n = json_array_size(symbols);
    Str *copies;

    int r = name_type(p, json, space, type, &space);
    if (r)
        return r;
    if (n == 0)
        return wrong(p, "enum \"%.*s\" has no \"symbols\"", STR_FMT(type->name));
    copies = arena_new_array(p->arena, Str, n);
    if (!copies)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        Str symbol = string_of(json_array_get(symbols, i));
        if (str_is_null(symbol))
            return wrong(p, "enum \"%.*s\": symbol %zu is not a string", STR_FMT(type->name), i + 1);
        copies[i] = arena_str(p->arena, symbol);
        if (str_is_null(copies[i]))
            return -ENOMEM;
    }
    type->symbols = copies;
    type->n = n;
    return 0;
}

static int parse_fixed(Parser *p, const json_t *json, Str space, AvroType *type) {
    const json_t *size = json_object_get(json, "size");

    int r = name_type(p, json, space, type, &space);
    if (r)
        return r;
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        return wrong(p, "fixed \"%.*s\" has no valid \"size\"", STR_FMT(type->name));
    type->n = (size_t)json_integer_value(size);
    return 0;
}

static int parse_items(
        Parser *p, const json_t *json, const char *key, Str space, unsigned depth, AvroType *type) {
    const json_t *items = json_object_get(json, key);

    if (!items)
        return wrong(p, "%s without \"%s\"", avro_kind_name(type->kind), key);
    return parse_type(p, items, space, depth, &type->items);
}

static int parse_union(Parser *p, const json_t *json, Str space, unsigned depth, const AvroType **ret) {
    size_t n = json_array_size(json);
    AvroType *type;

    if (n == 0)
        return wrong(p, "a union of nothing");
    int r = new_type(p, AVRO_KIND_UNION, STR_NULL, &type);
    if (r)
        return r;
    type->branches = arena_new_array(p->arena, const AvroType *, n);
    if (!type->branches)
        return -ENOMEM;
    for (; type->n < n; type->n++) {
        r = parse_type(p, json_array_get(json, type->n), space, depth, &type->branches[type->n]);
        if (r)
            return r;
        if (type->branches[type->n]->kind == AVRO_KIND_UNION)
            return wrong(p, "a union directly within a union");
    }
    *ret = type;
    return 0;
}

static int parse_object(Parser *p, const json_t *json, Str space, unsigned depth, const AvroType **ret) {
    const json_t *inner = json_object_get(json, "type");
    Str name = string_of(inner), logical = string_of(json_object_get(json, "logicalType"));
    AvroKind kind;
    AvroType *type;

    if (!inner)
        return wrong(p, "a type without \"type\"");
    if (str_is_null(name))
        return parse_type(p, inner, space, depth, ret);
    if (str_eq_c(name, "error"))
        kind = AVRO_KIND_RECORD;
    else if (!find_kind(name, &kind) || kind == AVRO_KIND_UNION)
        return parse_reference(p, name, space, ret);

    int r = new_type(p, kind, logical, &type);
    if (r)
        return r;
    *ret = type;
    switch (kind) {
    case AVRO_KIND_RECORD:
        return parse_record(p, json, space, depth, type);
    case AVRO_KIND_ENUM:
        return parse_enum(p, json, space, type);
    case AVRO_KIND_FIXED:
        return parse_fixed(p, json, space, type);
    case AVRO_KIND_ARRAY:
        return parse_items(p, json, "items", space, depth, type);
    case AVRO_KIND_MAP:
        return parse_items(p, json, "values", space, depth, type);
    default:
        return 0;
    }
}

static int parse_type(Parser *p, const json_t *json, Str space, unsigned depth, const AvroType **ret) {
    Str name = string_of(json);
    AvroKind kind;

    if (depth == 0)
        return wrong(p, "types nested deeper than %d", AVRO_DEPTH_MAX);
    if (json_is_array(json))
        return parse_union(p, json, space, depth - 1, ret);
    if (json_is_object(json))
        return parse_object(p, json, space, depth - 1, ret);
    if (str_is_null(name))
        return wrong(p, "a type must be a string, an object or an array");
    if (!find_kind(name, &kind) || kind > AVRO_KIND_PRIMITIVE_MAX)
        return parse_reference(p, name, space, ret);
    *ret = &primitives[kind];
    return 0;
}

static int parse_text(Parser *p, Str json, const AvroType **ret) {
    const AvroType *type = NULL;
    json_error_t error;
    json_t *root;

    if (json.len > AVRO_SCHEMA_SIZE_MAX)
        return wrong(p, "larger than %d bytes", AVRO_SCHEMA_SIZE_MAX);

    /* NUL occurs in the defaults of bytes, which are written as strings. */
    root = json_loadb(json.data ? json.data : "", json.len,
            JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!root && json_error_code(&error) == json_error_out_of_memory)
        return -ENOMEM;
    if (!root)
        return wrong(p, "line %d, column %d: %s", error.line, error.column, error.text);
    int r = parse_type(p, root, STR_NULL, AVRO_DEPTH_MAX, &type);
    json_decref(root);
    if (r == 0)
        *ret = type;
    return r;
}

int avro_type_parse_behind(const Str *others, size_t n_others, Str json, Arena *arena, char *text, size_t size,
        const AvroType **ret) {
    _cleanup_(free_null) Parser *p = NULL;
    const AvroType *type;
    int r = 0;

    p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->arena = arena;
    p->text = text;
    p->size = size;
    for (size_t i = 0; i < n_others && r == 0; i++)
        r = parse_text(p, others[i], &type);
    return r == 0 ? parse_text(p, json, ret) : r;
}

int avro_type_parse(Str json, Arena *arena, char *text, size_t size, const AvroType **ret) {
    return avro_type_parse_behind(NULL, 0, json, arena, text, size, ret);
}
