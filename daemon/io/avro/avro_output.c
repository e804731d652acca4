/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs as Avro
 *
 * The visitor's calls are written down as they come: a schema has its fields in their order, as a rule, and then a record's bytes are where
 * they belong. Of each open record it is kept where the fields begin; of one in another order they are put into its own at the end.
 */
#include "daemon/io/avro/avro_output.h"

#include <endian.h>
#include <stdio.h>

#include "daemon/io/avro/avro_output_sample.h"
#include "daemon/io/avro/avro_type.h"
#include "daemon/io/avro/avro_witness.h"

/* The output, its list of reasons, a reason. */
#define LEVELS_MAX 4
#define FIELDS_MAX 64 /* of a record; bits */
#define BUFFER_SIZE_MIN ((size_t)4096)
/* A long is zig-zag, 7 bits in each byte. */
#define LONG_SIZE_MAX 10

typedef struct Format {
    uint32_t id;
    const AvroType *type; /* a record */
} Format;

/* A record, map or list that is being filled. */
typedef struct Level {
    const AvroType *type;
    size_t n;     /* fields, entries or items so far */
    size_t begin; /* in the buffer; of a map or list, where the byte for its count is */
    /* Of a record: */
    uint64_t set;              /* bit i: field i */
    bool is_shuffled;          /* not in the schema's order */
    uint8_t order[FIELDS_MAX]; /* the fields as they came, and where each begins */
    size_t begins[FIELDS_MAX + 1];
} Level;

struct AvroOutput {
    Arena *arena; /* of the types */
    Format formats[_OUTPUT_TYPE_MAX];
    char *buffer;
    size_t len, size;
    char *spare; /* for putting fields in order */
    size_t spare_size;
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

/* --- bytes ------------------------------------------------------------------------------------------- */

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

/* Room for so many bytes more. */
static int reserve(AvroOutput *avro, size_t n) {
    if (n > AVRO_OUTPUT_SIZE_MAX || avro->len + n > AVRO_OUTPUT_SIZE_MAX) {
        snprintf(avro->text, avro->text_size, "%s of more than %d bytes", output_type_name(avro->type), AVRO_OUTPUT_SIZE_MAX);
        return AVRO_OUTPUT_E_TOO_LARGE;
    }
    return grow(&avro->buffer, &avro->size, avro->len + n);
}

static size_t encode_long(char bytes[static LONG_SIZE_MAX], int64_t value) {
    uint64_t left = (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
    size_t n = 0;

    for (; left >= 0x80; left >>= 7)
        bytes[n++] = (char)(unsigned char)(left | 0x80);
    bytes[n++] = (char)left;
    return n;
}

static int write_bytes(AvroOutput *avro, const void *bytes, size_t n) {
    int r = reserve(avro, n);
    if (r)
        return r;
    if (n)
        memcpy(avro->buffer + avro->len, bytes, n);
    avro->len += n;
    return 0;
}

static int write_long(AvroOutput *avro, int64_t value) {
    char bytes[LONG_SIZE_MAX];
    return write_bytes(avro, bytes, encode_long(bytes, value));
}

static int write_text(AvroOutput *avro, Str s) {
    int r = write_long(avro, (int64_t)s.len);
    return r ? r : write_bytes(avro, s.data, s.len);
}

/* --- places ------------------------------------------------------------------------------------------ */

/* The fields mostly come in the schema's order. */
static size_t find_field(const Level *level, Str name) {
    const AvroType *type = level->type;
    if (level->n < type->n && str_eq(type->fields[level->n].name, name))
        return level->n;
    size_t i = 0;
    while (i < type->n && !str_eq(type->fields[i].name, name))
        i++;
    return i;
}

static int begin_field(AvroOutput *avro, Level *level, Str name, const AvroType **ret) {
    size_t i = find_field(level, name);

    if (i == level->type->n)
        return wrong(avro, name, "the schema has no such field");
    if (level->set & (UINT64_C(1) << i))
        return wrong(avro, name, "is set twice");
    level->set |= UINT64_C(1) << i;
    level->is_shuffled |= i != level->n;
    level->order[level->n] = (uint8_t)i;
    level->begins[level->n] = avro->len;
    *ret = level->type->fields[i].type;
    return 0;
}

static int begin_entry(AvroOutput *avro, const Level *level, Str name, const AvroType **ret) {
    if (name.len > 0 && memchr(name.data, '\0', name.len))
        return wrong(avro, STR_LITERAL(""), "a map's key holds a NUL");
    *ret = level->type->items;
    return write_text(avro, name);
}

/* The type of the value `name`, which is to be written next. */
static int begin_value(AvroOutput *avro, Str name, const AvroType **ret) {
    Level *level = &avro->levels[avro->n_levels - 1];
    int r = 0;

    switch (level->type->kind) {
    case AVRO_KIND_RECORD:
        r = begin_field(avro, level, name, ret);
        break;
    case AVRO_KIND_MAP:
        r = begin_entry(avro, level, name, ret);
        break;
    default:
        *ret = level->type->items;
    }
    level->n++;
    return r;
}

/* The type itself if it is of the kind; of a union the branch that is, whose number is written. */
static int choose(AvroOutput *avro, Str name, const AvroType *type, AvroKind kind, const AvroType **ret) {
    bool is_union = type->kind == AVRO_KIND_UNION;

    for (size_t i = 0; is_union && i < type->n; i++) {
        if (type->branches[i]->kind != kind)
            continue;
        *ret = type->branches[i];
        return write_long(avro, (int64_t)i);
    }
    if (is_union || type->kind != kind)
        return wrong(avro, name,
                kind == AVRO_KIND_NULL ? "the schema does not allow null" : "the schema has another type");
    *ret = type;
    return 0;
}

static int begin(AvroOutput *avro, Str name, AvroKind kind, const AvroType **ret) {
    int r = begin_value(avro, name, ret);
    return r ? r : choose(avro, name, *ret, kind, ret);
}

/* --- values ------------------------------------------------------------------------------------------ */

static int put_null(void *userdata, Str name) {
    const AvroType *type;
    return begin(userdata, name, AVRO_KIND_NULL, &type);
}

static int put_boolean(void *userdata, Str name, bool boolean) {
    const AvroType *type;
    int r = begin(userdata, name, AVRO_KIND_BOOLEAN, &type);
    return r ? r : write_bytes(userdata, &(char){boolean}, 1);
}

/* An integer or a time, which the schema may have as int too: Kafka's partitions are such. */
static int put_integer(void *userdata, Str name, int64_t integer) {
    AvroOutput *avro = userdata;
    const AvroType *type;

    int r = begin_value(avro, name, &type);
    if (r)
        return r;
    if (type->kind == AVRO_KIND_INT)
        return integer < INT32_MIN || integer > INT32_MAX ? wrong(avro, name, "does not fit an int") : write_long(avro, integer);
    r = choose(avro, name, type, AVRO_KIND_LONG, &type);
    return r ? r : write_long(avro, integer);
}

/* Avro is little-endian. */
static int put_number(void *userdata, Str name, double number) {
    const AvroType *type;
    uint64_t bits;

    int r = begin(userdata, name, AVRO_KIND_DOUBLE, &type);
    memcpy(&bits, &number, sizeof(bits));
    bits = htole64(bits);
    return r ? r : write_bytes(userdata, &bits, sizeof(bits));
}

static int put_string(void *userdata, Str name, Str string) {
    const AvroType *type;
    int r = begin(userdata, name, AVRO_KIND_STRING, &type);
    return r ? r : write_text(userdata, string);
}

static int put_bytes(void *userdata, Str name, Str bytes) {
    const AvroType *type;
    int r = begin(userdata, name, AVRO_KIND_BYTES, &type);
    return r ? r : write_text(userdata, bytes);
}

/* --- records, maps and lists ------------------------------------------------------------------------- */

static int push(AvroOutput *avro, const AvroType *type) {
    assert(avro->n_levels < LEVELS_MAX);
    Level *level = &avro->levels[avro->n_levels++];
    level->type = type;
    level->n = 0;
    level->begin = avro->len;
    level->set = 0;
    level->is_shuffled = false;
    return type->kind == AVRO_KIND_RECORD ? 0 : write_bytes(avro, "", 1);
}

static int put_in_order(AvroOutput *avro, Level *level) {
    size_t n = avro->len - level->begin, places[FIELDS_MAX];
    char *to = avro->buffer + level->begin;

    int r = grow(&avro->spare, &avro->spare_size, n);
    if (r)
        return r;
    memcpy(avro->spare, to, n);
    level->begins[level->n] = avro->len;
    for (size_t i = 0; i < level->n; i++)
        places[level->order[i]] = i;
    for (size_t field = 0; field < level->n; field++) {
        size_t i = places[field], len = level->begins[i + 1] - level->begins[i];
        memcpy(to, avro->spare + (level->begins[i] - level->begin), len);
        to += len;
    }
    return 0;
}

static int pop_record(void *userdata) {
    AvroOutput *avro = userdata;
    Level *level = &avro->levels[--avro->n_levels];

    for (size_t i = 0; level->n < level->type->n && i < level->type->n; i++)
        if (!(level->set & (UINT64_C(1) << i)))
            return wrong(avro, level->type->fields[i].name, "no output has it");
    return level->is_shuffled ? put_in_order(avro, level) : 0;
}

/* One block: its count, for which there is a byte, and its items; then one of no items, which is all that an empty one has. */
static int pop_block(void *userdata) {
    AvroOutput *avro = userdata;
    const Level *level = &avro->levels[--avro->n_levels];
    char count[LONG_SIZE_MAX];
    size_t n = encode_long(count, (int64_t)level->n);

    if (level->n == 0)
        return 0; /* the byte is 0 */
    int r = reserve(avro, n);
    if (r)
        return r;
    char *at = avro->buffer + level->begin;
    if (n > 1)
        memmove(at + n, at + 1, avro->len - level->begin - 1);
    memcpy(at, count, n);
    avro->len += n - 1;
    return write_bytes(avro, "", 1);
}

static int begin_and_push(AvroOutput *avro, Str name, AvroKind kind) {
    const AvroType *type;
    int r = begin(avro, name, kind, &type);
    if (r == 0 && kind == AVRO_KIND_RECORD && type->n > FIELDS_MAX)
        return wrong(avro, name, "a record of too many fields");
    return r ? r : push(avro, type);
}

static int map_begin(void *userdata, Str name) {
    return begin_and_push(userdata, name, AVRO_KIND_MAP);
}

static int list_begin(void *userdata, Str name) {
    return begin_and_push(userdata, name, AVRO_KIND_ARRAY);
}

static int record_begin(void *userdata, Str name) {
    return begin_and_push(userdata, name, AVRO_KIND_RECORD);
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
        .map_end = pop_block,
        .list_begin = list_begin,
        .list_end = pop_block,
        .record_begin = record_begin,
        .record_end = pop_record,
};

/* --- the whole --------------------------------------------------------------------------------------- */

static int write_output(AvroOutput *avro, const Format *format, const Output *output) {
    const char header[REGISTRY_WIRE_SIZE] = {0, (char)(format->id >> 24), (char)(format->id >> 16), (char)(format->id >> 8), (char)format->id};

    avro->len = 0;
    avro->n_levels = 0;
    int r = write_bytes(avro, header, sizeof(header));
    if (r == 0)
        r = push(avro, format->type);
    if (r == 0)
        r = output_visit(output, &visitor, avro);
    return r ? r : pop_record(avro);
}

int avro_output_encode(AvroOutput *avro, const Output *output, Str *ret, char *text, size_t size) {
    avro->type = output->type;
    avro->text = text;
    avro->text_size = size;
    int r = write_output(avro, &avro->formats[output->type], output);
    if (r)
        return r == -EPROTO ? AVRO_OUTPUT_E_SCHEMA : r;
    *ret = (Str){avro->buffer, avro->len};
    return 0;
}

static int format_init(AvroOutput *avro, Format *format, const RegistryOutput *output, OutputType type, char *text, size_t size) {
    const char *name = output_type_name(type);
    char why[256];

    format->id = output->id;
    int r = avro_type_parse(output->schema, avro->arena, why, sizeof(why), &format->type);
    if (r == AVRO_TYPE_E_SCHEMA) {
        snprintf(text, size, "%s: %s", name, why);
        return AVRO_OUTPUT_E_SCHEMA;
    }
    if (r)
        return r;
    if (format->type->kind != AVRO_KIND_RECORD || format->type->n > FIELDS_MAX) {
        snprintf(text, size, "%s: expected a record of at most %d fields", name, FIELDS_MAX);
        return AVRO_OUTPUT_E_SCHEMA;
    }
    return 0;
}

static int try_samples(AvroOutput *avro, OutputType type, Str schema, char *text, size_t size) {
    Output output;
    Str bytes;
    char why[256];

    for (int full = 0; full <= 1; full++) {
        output_sample(type, full, &output);
        int r = avro_output_encode(avro, &output, &bytes, text, size);
        if (r)
            return r;
        r = avro_witness(schema, (Str){bytes.data + REGISTRY_WIRE_SIZE, bytes.len - REGISTRY_WIRE_SIZE}, why, sizeof(why));
        if (r < 0)
            return r;
        if (r > 0) {
            snprintf(text, size, "%s: %s", output_type_name(type), why);
            return AVRO_OUTPUT_E_SCHEMA;
        }
    }
    return 0;
}

int avro_output_new(
        const RegistryOutput outputs[static _OUTPUT_TYPE_MAX], char *text, size_t size, AvroOutput **ret) {
    _cleanup_(avro_output_free) AvroOutput *avro = NULL;

    avro = calloc(1, sizeof(*avro));
    if (!avro)
        return -ENOMEM;
    int r = arena_new(&avro->arena);
    for (int i = 0; i < _OUTPUT_TYPE_MAX && r == 0; i++) {
        r = format_init(avro, &avro->formats[i], &outputs[i], (OutputType)i, text, size);
        if (r == 0)
            r = try_samples(avro, (OutputType)i, outputs[i].schema, text, size);
    }
    if (r)
        return r;
    *ret = TAKE_PTR(avro);
    return 0;
}

AvroOutput *avro_output_free(AvroOutput *avro) {
    if (!avro)
        return NULL;
    arena_free(avro->arena);
    free(avro->buffer);
    free(avro->spare);
    free(avro);
    return NULL;
}
