/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/registry/registry_reply.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct Reader {
    char *text;
    size_t size;
} Reader;

/* What others wrote is printed as ASCII only, and what jansson quotes of it. */
static void make_printable(char *text) {
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

static int malformed(const Reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);
static int malformed(const Reader *reader, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reader->text, reader->size, format, arguments);
    va_end(arguments);
    make_printable(reader->text);
    return REGISTRY_REPLY_E_MALFORMED;
}

static void decref(json_t **json) {
    json_decref(*json);
}
#define _cleanup_json_ __attribute__((cleanup(decref)))

/* 0: it is an object. */
static int parse(const Reader *reader, Str body, json_t **ret) {
    json_error_t error;
    json_t *root = json_loadb(body.data ? body.data : "", body.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (!root && json_error_code(&error) == json_error_out_of_memory)
        return -ENOMEM;
    if (!root)
        return malformed(reader, "expected a JSON object, found at line %d, column %d: %s", error.line, error.column, error.text);
    *ret = root;
    return json_is_object(root) ? 0 : malformed(reader, "expected a JSON object, found another value");
}

static Str string_of(const json_t *json) {
    return json_is_string(json) ? (Str){json_string_value(json), json_string_length(json)} : STR_NULL;
}

/* Null is absent, too. */
static const json_t *member(const json_t *object, const char *name) {
    const json_t *found = json_object_get(object, name);
    return json_is_null(found) ? NULL : found;
}

static int copy(Arena *arena, Str s, Str *ret) {
    *ret = arena_str(arena, s);
    return str_is_null(*ret) ? -ENOMEM : 0;
}

static int read_reference(const Reader *reader, const json_t *json, Arena *arena, SchemaReference *ret) {
    Str subject = string_of(member(json, "subject"));
    const json_t *version = member(json, "version");
    if (str_is_null(subject) || !json_is_integer(version))
        return malformed(reader, "expected a reference with a \"subject\" and a \"version\"");
    ret->version = json_integer_value(version);
    return copy(arena, subject, &ret->subject);
}

static int read_references(const Reader *reader, const json_t *list, Arena *arena, SchemaReply *ret) {
    size_t n = json_array_size(list);
    if (list && !json_is_array(list))
        return malformed(reader, "expected a list of \"references\"");
    if (n > SCHEMA_REFERENCES_MAX)
        return malformed(reader, "expected at most %d references, found %zu", SCHEMA_REFERENCES_MAX, n);
    ret->n_references = n;
    if (n == 0)
        return 0;
    ret->references = arena_new_array(arena, SchemaReference, n);
    int r = ret->references ? 0 : -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++)
        r = read_reference(reader, json_array_get(list, i), arena, &ret->references[i]);
    return r;
}

int registry_reply_schema(Str body, Arena *arena, SchemaReply *ret, char *text, size_t size) {
    const Reader reader = {text, size};
    _cleanup_json_ json_t *root = NULL;
    int r = parse(&reader, body, &root);
    if (r != 0)
        return r;
    const json_t *type = member(root, "schemaType");
    Str schema = string_of(member(root, "schema"));
    *ret = (SchemaReply){.references = NULL};
    if (str_is_null(schema))
        return malformed(&reader, "expected a \"schema\" that is a string");
    if (type && !json_is_string(type))
        return malformed(&reader, "expected a \"schemaType\" that is a string");
    r = copy(arena, schema, &ret->schema);
    if (r == 0)
        r = copy(arena, type ? string_of(type) : STR_LITERAL("AVRO"), &ret->type);
    return r == 0 ? read_references(&reader, member(root, "references"), arena, ret) : r;
}

int registry_reply_id(Str body, uint32_t *ret, char *text, size_t size) {
    const Reader reader = {text, size};
    _cleanup_json_ json_t *root = NULL;
    int r = parse(&reader, body, &root);
    if (r != 0)
        return r;
    const json_t *id = member(root, "id");
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > UINT32_MAX)
        return malformed(&reader, "expected an \"id\" of 32 bits");
    *ret = (uint32_t)json_integer_value(id);
    return 0;
}

/* "a; b"; what does not fit is left out. */
static void join(const json_t *list, char *text, size_t size) {
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(list) && len < size; i++) {
        Str item = string_of(json_array_get(list, i));
        int n = snprintf(text + len, size - len, "%s%.*s", i ? "; " : "", STR_FMT(item));
        len += n > 0 ? (size_t)n : 0;
    }
    make_printable(text);
}

int registry_reply_compatible(Str body, bool *ret, char *reasons, size_t reasons_size, char *text, size_t size) {
    const Reader reader = {text, size};
    _cleanup_json_ json_t *root = NULL;
    int r = parse(&reader, body, &root);
    if (r != 0)
        return r;
    const json_t *is_compatible = member(root, "is_compatible");
    if (!json_is_boolean(is_compatible))
        return malformed(&reader, "expected \"is_compatible\", true or false");
    *ret = json_is_true(is_compatible);
    join(member(root, "messages"), reasons, reasons_size);
    return 0;
}

int registry_reply_error(Str body, char *message, size_t size) {
    const Reader reader = {message, size};
    _cleanup_json_ json_t *root = NULL;
    message[0] = '\0';
    if (parse(&reader, body, &root) != 0) {
        message[0] = '\0';
        return 0;
    }
    const json_t *code = member(root, "error_code");
    (void)snprintf(message, size, "%.*s", STR_FMT(string_of(member(root, "message"))));
    make_printable(message);
    return json_is_integer(code) && json_integer_value(code) > 0 && json_integer_value(code) < 100000 ? (int)json_integer_value(code) : 0;
}

char *registry_request_body(Str schema) {
    _cleanup_json_ json_t *root = json_object();
    if (!root || json_object_set_new(root, "schema", json_stringn(schema.data, schema.len)) < 0)
        return NULL;
    return json_dumps(root, JSON_COMPACT);
}
