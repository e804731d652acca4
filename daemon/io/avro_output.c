/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs as Avro
 *
 * The visitor's calls set the parts of one generic value of avro-c per type, which is reused. Of each open
 * record a bit per field remembers what was set, so that nothing of the output before it can stay. avro-c
 * copies all strings and wants them terminated; outputs are a small part of all events, so that is affordable
 * here.
 */
#include "daemon/io/avro_output.h"

#include <avro.h>
#include <stdio.h>

#include "daemon/io/avro_output_sample.h"

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
    snprintf(avro->text, avro->text_size, "%s, field \"%.*s\": %s", output_type_name(avro->type),
            STR_FMT(field), what);
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

/* The raw slot if it is of the type; a union is set to the branch that is. */
static int branch(AvroOutput *avro, Str name, avro_value_t *raw, avro_type_t type, avro_value_t *ret) {
    avro_schema_t schema = avro_value_get_schema(raw);
    bool is_union = avro_value_get_type(raw) == AVRO_UNION;

    for (int i = 0; is_union && i < (int)avro_schema_union_size(schema); i++) {
        if (avro_typeof(avro_schema_union_branch(schema, i)) != type)
            continue;
        int rval = avro_value_set_branch(raw, i, ret);
        return rval ? failed(avro, name, rval) : 0;
    }
    if (is_union || avro_value_get_type(raw) != type)
        return wrong(avro, name,
                type == AVRO_NULL ? "the schema does not allow null" : "the schema has another type");
    *ret = *raw;
    return 0;
}

static int slot(AvroOutput *avro, Str name, avro_type_t type, avro_value_t *ret) {
    avro_value_t raw;

    int r = raw_slot(avro, name, &raw);
    return r ? r : branch(avro, name, &raw, type, ret);
}

static int put_null(void *userdata, Str name) {
    AvroOutput *avro = userdata;
    avro_value_t value;

    int r = slot(avro, name, AVRO_NULL, &value);
    if (r)
        return r;
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

/* An integer or a time, which the schema may have as int too: Kafka's partitions are such. */
static int put_integer(void *userdata, Str name, int64_t integer) {
    AvroOutput *avro = userdata;
    avro_value_t raw, value;
    int rval;

    int r = raw_slot(avro, name, &raw);
    if (r)
        return r;
    if (avro_value_get_type(&raw) == AVRO_INT32) {
        if (integer < INT32_MIN || integer > INT32_MAX)
            return wrong(avro, name, "does not fit an int");
        rval = avro_value_set_int(&raw, (int32_t)integer);
        return rval ? failed(avro, name, rval) : 0;
    }
    r = branch(avro, name, &raw, AVRO_INT64, &value);
    if (r)
        return r;
    rval = avro_value_set_long(&value, integer);
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
        .integer = put_integer,
        .number = put_number,
        .string = put_string,
        .bytes = put_bytes,
        .time = put_integer,
        .map_begin = map_begin,
        .map_end = pop,
        .list_begin = list_begin,
        .list_end = pop,
        .record_begin = record_begin,
        .record_end = pop,
};

static int fill(AvroOutput *avro, Format *format, const Output *output) {
    int rval = avro_value_reset(&format->value);
    if (rval)
        return failed(avro, STR_LITERAL(""), rval);
    avro->levels[0] = (Level){.value = format->value, .type = AVRO_RECORD};
    avro->n_levels = 1;
    int r = output_visit(output, &visitor, avro);
    return r ? r : pop(avro);
}

/* Behind the wire header, into a buffer that grows as avro-c finds it too small. */
static int write_value(AvroOutput *avro, avro_value_t *value, size_t *ret_len) {
    int r = grow(&avro->buffer, &avro->buffer_size, BUFFER_SIZE_MIN);
    if (r)
        return r;
    for (;;) {
        avro_writer_memory_set_dest(avro->writer, avro->buffer + REGISTRY_WIRE_SIZE,
                (int64_t)(avro->buffer_size - REGISTRY_WIRE_SIZE));
        int rval = avro_value_write(avro->writer, value);
        if (rval == 0) {
            *ret_len = REGISTRY_WIRE_SIZE + (size_t)avro_writer_tell(avro->writer);
            return 0;
        }
        if (rval != ENOSPC)
            return failed(avro, STR_LITERAL(""), rval);
        if (avro->buffer_size >= AVRO_OUTPUT_SIZE_MAX) {
            snprintf(avro->text, avro->text_size, "%s of more than %d bytes", output_type_name(avro->type),
                    AVRO_OUTPUT_SIZE_MAX);
            return AVRO_OUTPUT_E_TOO_LARGE;
        }
        r = grow(&avro->buffer, &avro->buffer_size, avro->buffer_size * 2);
        if (r)
            return r;
    }
}

int avro_output_encode(AvroOutput *avro, const Output *output, Str *ret, char *text, size_t size) {
    Format *format = &avro->formats[output->type];
    size_t len;

    avro->type = output->type;
    avro->text = text;
    avro->text_size = size;
    int r = fill(avro, format, output);
    if (r == 0)
        r = write_value(avro, &format->value, &len);
    if (r)
        return r == -EPROTO ? AVRO_OUTPUT_E_SCHEMA : r;
    avro->buffer[0] = 0;
    for (unsigned i = 0; i < 4; i++)
        avro->buffer[1 + i] = (char)(unsigned char)(format->id >> (24 - 8 * i));
    *ret = (Str){avro->buffer, len};
    return 0;
}

static int format_init(
        Format *format, const RegistryOutput *output, OutputType type, char *text, size_t size) {
    const char *name = output_type_name(type);
    int rval;

    format->id = output->id;
    rval = avro_schema_from_json_length(output->schema.data, output->schema.len, &format->schema);
    if (rval) {
        format->schema = NULL;
        snprintf(text, size, "%s: %s", name, avro_strerror());
        return AVRO_OUTPUT_E_SCHEMA;
    }
    if (!is_avro_record(format->schema) || avro_schema_record_size(format->schema) > FIELDS_MAX) {
        snprintf(text, size, "%s: expected a record of at most %d fields", name, FIELDS_MAX);
        return AVRO_OUTPUT_E_SCHEMA;
    }
    format->iface = avro_generic_class_from_schema(format->schema);
    if (!format->iface)
        return -ENOMEM;
    rval = avro_generic_value_new(format->iface, &format->value);
    return rval ? -ENOMEM : 0;
}

static int try_samples(AvroOutput *avro, OutputType type, char *text, size_t size) {
    Output output;
    Str bytes;

    for (int full = 0; full <= 1; full++) {
        output_sample(type, full, &output);
        int r = avro_output_encode(avro, &output, &bytes, text, size);
        if (r)
            return r;
    }
    return 0;
}

int avro_output_new(
        const RegistryOutput outputs[static _OUTPUT_TYPE_MAX], char *text, size_t size, AvroOutput **ret) {
    _cleanup_(avro_output_free) AvroOutput *avro = NULL;

    avro = calloc(1, sizeof(*avro));
    if (!avro)
        return -ENOMEM;
    avro->writer = avro_writer_memory("", 0);
    if (!avro->writer)
        return -ENOMEM;
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        int r = format_init(&avro->formats[i], &outputs[i], (OutputType)i, text, size);
        if (r == 0)
            r = try_samples(avro, (OutputType)i, text, size);
        if (r)
            return r;
    }
    *ret = TAKE_PTR(avro);
    return 0;
}

AvroOutput *avro_output_free(AvroOutput *avro) {
    if (!avro)
        return NULL;
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        Format *format = &avro->formats[i];
        if (format->value.iface)
            avro_value_decref(&format->value);
        if (format->iface)
            avro_value_iface_decref(format->iface);
        if (format->schema)
            avro_schema_decref(format->schema);
    }
    if (avro->writer)
        avro_writer_free(avro->writer);
    free(avro->buffer);
    free(avro->scratch);
    free(avro);
    return NULL;
}
