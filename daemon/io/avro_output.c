/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs as Avro
 *
 * The visitor's calls set the parts of one generic value of avro-c per type, which is reused. Of each open record
 * a bit per field remembers what was set, so that nothing of the output before it can stay. avro-c copies all
 * strings and wants them terminated; outputs are a small part of all events, so that is affordable here.
 */
#include "daemon/io/avro_output.h"

#include <avro.h>
#include <math.h>
#include <stdio.h>

/* The output, its list of reasons, a reason. */
#define LEVELS_MAX 4
#define FIELDS_MAX 64 /* of a record; bits */
#define BUFFER_SIZE_MIN ((size_t)4096)

typedef struct Format {
    uint32_t id;
    avro_schema_t schema;
    avro_value_iface_t *iface;
    avro_value_t value;
} Format;

/* A record, map or list that is being filled. */
typedef struct Level {
    avro_value_t value;
    avro_type_t type;
    uint64_t set; /* bit i: field i of a record */
} Level;

struct AvroOutput {
    Format formats[_OUTPUT_TYPE_MAX];
    avro_writer_t writer;
    char *buffer;
    size_t buffer_size;
    char *scratch; /* a terminated copy of the string at hand */
    size_t scratch_size;
    Level levels[LEVELS_MAX];
    size_t n_levels;
    OutputType type; /* at hand */
    char *text;      /* for the error, of the call at hand */
    size_t text_size;
};

/* Ends the walk over the fields; the text is the outcome. */
static int wrong(AvroOutput *avro, Str field, const char *what) {
    snprintf(avro->text, avro->text_size, "%s, field \"%.*s\": %s", output_type_name(avro->type), STR_FMT(field),
            what);
    return -EPROTO;
}

/* avro-c's errors are errno values; its text must be taken before the next call. */
static int failed(AvroOutput *avro, Str field, int rval) {
    return rval == ENOMEM ? -ENOMEM : wrong(avro, field, avro_strerror());
}

static int grow(char **buffer, size_t *buffer_size, size_t size) {
    size_t size_new = MAX(*buffer_size, BUFFER_SIZE_MIN);
    char *buffer_new;

    if (size <= *buffer_size)
        return 0;
    while (size_new < size)
        size_new *= 2;
    buffer_new = realloc(*buffer, size_new);
    if (!buffer_new)
        return -ENOMEM;
    *buffer = buffer_new;
    *buffer_size = size_new;
    return 0;
}

/* A terminated copy, valid until the next one. */
static int terminated(AvroOutput *avro, Str s) {
    int r = grow(&avro->scratch, &avro->scratch_size, s.len + 1);
    if (r)
        return r;
    if (s.len > 0)
        memcpy(avro->scratch, s.data, s.len);
    avro->scratch[s.len] = '\0';
    return 0;
}

static int field_slot(AvroOutput *avro, Level *level, Str name, avro_value_t *ret) {
    avro_schema_t schema = avro_value_get_schema(&level->value);
    size_t n = avro_schema_record_size(schema);

    for (size_t i = 0; i < n; i++) {
        if (!str_eq_c(name, avro_schema_record_field_name(schema, (int)i)))
            continue;
        if (level->set & (UINT64_C(1) << i))
            return wrong(avro, name, "is set twice");
        level->set |= UINT64_C(1) << i;
        int rval = avro_value_get_by_index(&level->value, i, ret, NULL);
        return rval ? failed(avro, name, rval) : 0;
    }
    return wrong(avro, name, "the schema has no such field");
}

static int entry_slot(AvroOutput *avro, Level *level, Str name, avro_value_t *ret) {
    if (name.len > 0 && memchr(name.data, '\0', name.len))
        return wrong(avro, STR_LITERAL(""), "a map's key holds a NUL");
    int r = terminated(avro, name);
    if (r)
        return r;
    int rval = avro_value_add(&level->value, avro->scratch, ret, NULL, NULL);
    return rval ? failed(avro, name, rval) : 0;
}

/* Where the value `name` goes, whatever its type. */
static int raw_slot(AvroOutput *avro, Str name, avro_value_t *ret) {
    Level *level = &avro->levels[avro->n_levels - 1];
    int rval;

    switch (level->type) {
    case AVRO_RECORD:
        return field_slot(avro, level, name, ret);
    case AVRO_MAP:
        return entry_slot(avro, level, name, ret);
    default:
        rval = avro_value_append(&level->value, ret, NULL);
        return rval ? failed(avro, STR_LITERAL("list"), rval) : 0;
    }
}

/* Where the value `name` goes if it may be of the type; a union is set to the branch that is. */
static int slot(AvroOutput *avro, Str name, avro_type_t type, avro_value_t *ret) {
    avro_value_t raw;

    int r = raw_slot(avro, name, &raw);
    if (r)
        return r;
    if (avro_value_get_type(&raw) != AVRO_UNION) {
        *ret = raw;
        return avro_value_get_type(&raw) == type ? 0 : wrong(avro, name, "the schema has another type");
    }
    avro_schema_t schema = avro_value_get_schema(&raw);
    for (int i = 0; i < (int)avro_schema_union_size(schema); i++) {
        if (avro_typeof(avro_schema_union_branch(schema, i)) != type)
            continue;
        int rval = avro_value_set_branch(&raw, i, ret);
        return rval ? failed(avro, name, rval) : 0;
    }
    return wrong(avro, name, "the schema's union has no such type");
}

static int put_null(void *userdata, Str name) {
    AvroOutput *avro = userdata;
    avro_value_t value;

    int r = slot(avro, name, AVRO_NULL, &value);
    if (r)
        return r == -EPROTO ? wrong(avro, name, "is null, which the schema does not allow") : r;
    int rval = avro_value_set_null(&value);
    return rval ? failed(avro, name, rval) : 0;
}

static int put_boolean(void *userdata, Str name, bool boolean) {
    AvroOutput *avro = userdata;
    avro_value_t value;

    int r = slot(avro, name, AVRO_BOOLEAN, &value);
    if (r)
        return r;
    int rval = avro_value_set_boolean(&value, boolean);
    return rval ? failed(avro, name, rval) : 0;
}

static int put_long(void *userdata, Str name, int64_t integer) {
    AvroOutput *avro = userdata;
    avro_value_t value;

    int r = slot(avro, name, AVRO_INT64, &value);
    if (r)
        return r;
    int rval = avro_value_set_long(&value, integer);
    return rval ? failed(avro, name, rval) : 0;
}

static int put_number(void *userdata, Str name, double number) {
    AvroOutput *avro = userdata;
    avro_value_t value;

    int r = slot(avro, name, AVRO_DOUBLE, &value);
    if (r)
        return r;
    int rval = avro_value_set_double(&value, number);
    return rval ? failed(avro, name, rval) : 0;
}

static int put_string(void *userdata, Str name, Str string) {
    AvroOutput *avro = userdata;
    avro_value_t value;

    int r = slot(avro, name, AVRO_STRING, &value);
    if (r == 0)
        r = terminated(avro, string);
    if (r)
        return r;
    int rval = avro_value_set_string_len(&value, avro->scratch, string.len + 1);
    return rval ? failed(avro, name, rval) : 0;
}

static int put_bytes(void *userdata, Str name, Str bytes) {
    AvroOutput *avro = userdata;
    avro_value_t value;

    int r = slot(avro, name, AVRO_BYTES, &value);
    if (r == 0)
        r = terminated(avro, bytes);
    if (r)
        return r;
    int rval = avro_value_set_bytes(&value, avro->scratch, bytes.len);
    return rval ? failed(avro, name, rval) : 0;
}

static int push(AvroOutput *avro, Str name, avro_type_t type) {
    avro_value_t value;

    assert(avro->n_levels < LEVELS_MAX);
    int r = slot(avro, name, type, &value);
    if (r)
        return r;
    avro->levels[avro->n_levels++] = (Level){.value = value, .type = type};
    return 0;
}

/* Closes a record, map or list. */
static int pop(void *userdata) {
    AvroOutput *avro = userdata;
    const Level *level = &avro->levels[--avro->n_levels];

    if (level->type != AVRO_RECORD)
        return 0;
    avro_schema_t schema = avro_value_get_schema(&level->value);
    size_t n = avro_schema_record_size(schema);
    for (size_t i = 0; i < n; i++)
        if (!(level->set & (UINT64_C(1) << i)))
            return wrong(avro, str_from(avro_schema_record_field_name(schema, (int)i)), "no output has it");
    return 0;
}

static int map_begin(void *userdata, Str name) {
    return push(userdata, name, AVRO_MAP);
}

static int list_begin(void *userdata, Str name) {
    return push(userdata, name, AVRO_ARRAY);
}

static int record_begin(void *userdata, Str name) {
    return push(userdata, name, AVRO_RECORD);
}

static const OutputVisitor visitor = {
    .null = put_null,
    .boolean = put_boolean,
    .integer = put_long,
    .number = put_number,
    .string = put_string,
    .bytes = put_bytes,
    .time = put_long,
    .map_begin = map_begin,
    .map_end = pop,
    .list_begin = list_begin,
    .list_end = pop,
    .record_begin = record_begin,
    .record_end = pop,
};
