/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table per record says which field goes where; a schema's fields are matched with it once. What a field
 * must be is found when a datum is read, since with unions it is the datum that decides.
 */
#include "daemon/io/avro/avro_output_reader.h"

#include <math.h>
#include <stdio.h>

#include "daemon/io/avro/avro_cursor.h"

/* What the engine can put out at most; more is corrupt. */
#define SCORES_MAX (MODEL_SCORES_MAX + MODEL_DERIVED_MAX)
#define STAGES_MAX MODEL_TRACKS_MAX
#define CARRIED_MAX ((size_t)2 * MODEL_CARRY_MAX)

typedef enum ReadKind {
    READ_NOTHING,
    READ_STRING,
    READ_UUID,
    READ_TIME,
    READ_NEVER, /* an instant; null: never */
    READ_INTEGER,
    READ_COUNT, /* an integer that is not negative */
    READ_EPOCH, /* one of 32 bits */
    READ_NUMBER,
    READ_BOOLEAN,
    READ_CAUSE,
    READ_SLA_KIND,
    READ_SCORES,
    READ_STAGES,
    READ_CARRIED,
    READ_REASONS,
    READ_COMMITTEE, /* a count, and whether there is one */
    READ_MEMBERS,
} ReadKind;

typedef struct FieldRow {
    const char *name;
    ReadKind kind;
    size_t offset; /* in Output, or in Reason */
} FieldRow;

#define ROW(name, kind, field)                                                                               \
    { #name, READ_##kind, offsetof(Output, field) }
#define ROWS_LEAD                                                                                            \
    ROW(event_id, UUID, event_id), ROW(lead_id, STRING, lead_id), ROW(account_id, STRING, account_id),       \
            ROW(ordinal, COUNT, ordinal), ROW(carried, CARRIED, carried)
#define ROWS_MODEL ROW(model, STRING, model), ROW(model_version, INTEGER, model_version)
#define ROWS_SEGMENT ROW(segment, STRING, segment), ROW(route, STRING, route)

/* clang-format off */
static const FieldRow stage_changed_rows[] = {
    ROWS_LEAD, ROWS_SEGMENT, ROWS_MODEL,
    ROW(entity, STRING, stage_changed.entity),
    ROW(track, STRING, stage_changed.track),
    ROW(from, STRING, stage_changed.from),
    ROW(to, STRING, stage_changed.to),
    ROW(changed_at, TIME, stage_changed.changed_at_ms),
    ROW(transition, STRING, stage_changed.transition),
    ROW(cause, CAUSE, stage_changed.cause),
    ROW(cause_event_id, STRING, stage_changed.cause_event_id),
    ROW(scores, SCORES, stage_changed.scores),
    ROW(owner, STRING, stage_changed.owner),
    ROW(sequence, COUNT, stage_changed.sequence),
    ROW(previous_entered_at, TIME, stage_changed.previous_entered_at_ms),
    ROW(first_source, STRING, stage_changed.first_source),
    ROW(last_source, STRING, stage_changed.last_source),
    ROW(reasons, REASONS, stage_changed.reasons),
    ROW(next_change_at, NEVER, stage_changed.next_change_at_ms),
    ROW(committee, COMMITTEE, stage_changed.committee),
    ROW(members, MEMBERS, stage_changed.members),
};
static const FieldRow sla_event_rows[] = {
    ROWS_LEAD, ROWS_SEGMENT, ROWS_MODEL,
    ROW(policy, STRING, sla_event.policy),
    ROW(epoch, EPOCH, sla_event.epoch),
    ROW(kind, SLA_KIND, sla_event.kind),
    ROW(level, STRING, sla_event.level),
    ROW(started_at, TIME, sla_event.started_at_ms),
    ROW(due_at, NEVER, sla_event.due_at_ms),
    ROW(occurred_at, TIME, sla_event.occurred_at_ms),
    ROW(stopped_at, TIME, sla_event.stopped_at_ms),
    ROW(elapsed_ms, INTEGER, sla_event.elapsed_ms),
    ROW(calendar, STRING, sla_event.calendar),
    ROW(breached, BOOLEAN, sla_event.breached),
    ROW(start_event_id, STRING, sla_event.start_event_id),
    ROW(stop_event_id, STRING, sla_event.stop_event_id),
    ROW(stages, STAGES, sla_event.stages),
    ROW(owner, STRING, sla_event.owner),
};
static const FieldRow refused_rows[] = {
    ROWS_LEAD, ROWS_MODEL,
    ROW(refused_event_id, STRING, refused.refused_event_id),
    ROW(type, STRING, refused.type),
    ROW(track, STRING, refused.track),
    ROW(stage, STRING, refused.stage),
    ROW(transition, STRING, refused.transition),
    ROW(requirement, STRING, refused.requirement),
    ROW(at, TIME, refused.at_ms),
};
static const FieldRow lead_retired_rows[] = {
    ROWS_LEAD,
    ROW(cause, STRING, lead_retired.cause),
    ROW(into, STRING, lead_retired.into),
    ROW(at, TIME, lead_retired.at_ms),
};
static const FieldRow dead_letter_rows[] = {
    ROW(original, STRING, dead_letter.original),
    ROW(topic, STRING, dead_letter.topic),
    ROW(partition, INTEGER, dead_letter.partition),
    ROW(offset, INTEGER, dead_letter.offset),
    ROW(reason, STRING, dead_letter.reason),
    ROW(text, STRING, dead_letter.text),
};
#undef ROW
#define ROW(name, kind, field) {#name, READ_##kind, offsetof(Reason, field)}
static const FieldRow reason_rows[] = {
    ROW(rule, STRING, rule),
    ROW(score, STRING, score),
    ROW(points, NUMBER, points),
    ROW(present_value, NUMBER, present_value),
    ROW(occurred_at, TIME, occurred_at_ms),
    ROW(event_id, STRING, event_id),
};
#undef ROW
/* clang-format on */

typedef struct RowTable {
    const FieldRow *rows;
    size_t n;
} RowTable;
#define TABLE(rows)                                                                                          \
    { (rows), ARRAY_SIZE(rows) }
static const RowTable tables[_OUTPUT_TYPE_MAX] = {
        [OUTPUT_STAGE_CHANGED] = TABLE(stage_changed_rows),
        [OUTPUT_SLA_EVENT] = TABLE(sla_event_rows),
        [OUTPUT_REFUSED] = TABLE(refused_rows),
        [OUTPUT_LEAD_RETIRED] = TABLE(lead_retired_rows),
        [OUTPUT_DEAD_LETTER] = TABLE(dead_letter_rows),
};
static const RowTable reason_table = TABLE(reason_rows);

/* A writer's schema of one output. */
typedef struct Format {
    uint32_t id;
    const AvroType *record;
} Format;

struct AvroOutputReader {
    Arena *arena; /* of the types */
    Format formats[_OUTPUT_TYPE_MAX];
    NamedNumber scores[SCORES_MAX];
    NamedStr stages[STAGES_MAX];
    Property carried[CARRIED_MAX];
};

int avro_output_reader_new(const RegistryOutput outputs[static _OUTPUT_TYPE_MAX], char *text, size_t size,
        AvroOutputReader **ret) {
    _cleanup_(avro_output_reader_free) AvroOutputReader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return -ENOMEM;
    int r = arena_new(&reader->arena);
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX && !r; i++) {
        Format *format = &reader->formats[i];
        format->id = outputs[i].id;
        char why[256] = "";
        r = avro_type_parse(outputs[i].schema, reader->arena, why, sizeof(why), &format->record);
        if (r == 0 && format->record->kind != AVRO_KIND_RECORD) {
            snprintf(why, sizeof(why), "expected a record, found %s", avro_kind_name(format->record->kind));
            r = AVRO_TYPE_E_SCHEMA;
        }
        if (r > 0) {
            snprintf(text, size, "%s: %s", output_type_name((OutputType)i), why);
            return AVRO_OUTPUT_READER_E_SCHEMA;
        }
    }
    if (r)
        return r;
    *ret = TAKE_PTR(reader);
    return 0;
}

AvroOutputReader *avro_output_reader_free(AvroOutputReader *reader) {
    if (!reader)
        return NULL;
    arena_free(reader->arena);
    return free_null(reader);
}

/* ---- single values: each takes the branch at hand, which is not null ---- */

static bool unexpected(AvroCursor *c, const AvroType *type, const char *what) {
    return CURSOR_WRONG(c, c->at, "expected %s, found %s", what, avro_kind_name(type->kind));
}

static bool read_string(AvroCursor *c, const AvroType *type, Str *ret) {
    if (type->kind == AVRO_KIND_STRING)
        return cursor_text(c, "a string", ret);
    return type->kind == AVRO_KIND_BYTES ? cursor_bytes(c, "bytes", ret) : unexpected(c, type, "a string");
}

static bool read_integer(AvroCursor *c, const AvroType *type, int64_t min, int64_t max, int64_t *ret) {
    const unsigned char *begin = c->at;
    if (type->kind != AVRO_KIND_INT && type->kind != AVRO_KIND_LONG)
        return unexpected(c, type, "an integer");
    if (!(type->kind == AVRO_KIND_INT ? cursor_int : cursor_long_slow)(c, "an integer", ret))
        return false;
    return (*ret >= min && *ret <= max) || CURSOR_WRONG(c, begin, "%lld is out of range", (long long)*ret);
}

static bool read_number(AvroCursor *c, const AvroType *type, double *ret) {
    const unsigned char *bytes;
    uint64_t bits = 0;
    if (type->kind != AVRO_KIND_DOUBLE)
        return unexpected(c, type, "a double");
    if (!cursor_fixed(c, "a double", sizeof(bits), &bytes))
        return false;
    for (size_t i = 0; i < sizeof(bits); i++)
        bits |= (uint64_t)bytes[i] << (8 * i); /* Avro is little-endian */
    memcpy(ret, &bits, sizeof(bits));
    return true;
}

static bool read_boolean(AvroCursor *c, const AvroType *type, bool *ret) {
    const unsigned char *byte;
    if (type->kind != AVRO_KIND_BOOLEAN)
        return unexpected(c, type, "a boolean");
    if (!cursor_fixed(c, "a boolean", 1, &byte))
        return false;
    *ret = *byte == 1;
    return *byte <= 1 || CURSOR_WRONG(c, byte, "expected a boolean, found the byte %u", *byte);
}

static bool read_uuid(AvroCursor *c, const AvroType *type, Uuid *ret) {
    const unsigned char *begin = c->at;
    Str text;
    if (!read_string(c, type, &text))
        return false;
    return uuid_parse(text, ret) || CURSOR_WRONG(c, begin, "expected a UUID");
}

/* The index of the name among the enumerators' names. */
static bool read_name(
        AvroCursor *c, const AvroType *type, const char *(*name)(unsigned i), unsigned n, unsigned *ret) {
    const unsigned char *begin = c->at;
    Str text;
    if (!read_string(c, type, &text))
        return false;
    for (*ret = 0; *ret < n; (*ret)++)
        if (str_eq_c(text, name(*ret)))
            return true;
    return CURSOR_WRONG(c, begin, "expected one of the names known, such as %s", name(0));
}

static const char *name_of_cause(unsigned i) {
    return cause_name((Cause)i);
}

static const char *name_of_sla_kind(unsigned i) {
    return sla_kind_name((SlaKind)i);
}

static bool read_value(AvroCursor *c, const AvroType *type, Value *ret) {
    switch (type->kind) {
    case AVRO_KIND_NULL:
        *ret = VALUE_NONE;
        return true;
    case AVRO_KIND_BOOLEAN:
        *ret = value_boolean(false);
        return read_boolean(c, type, &ret->boolean);
    case AVRO_KIND_INT:
    case AVRO_KIND_LONG:
        *ret = value_long(0);
        return read_integer(c, type, INT64_MIN, INT64_MAX, &ret->integer);
    case AVRO_KIND_DOUBLE:
        *ret = value_double(0);
        return read_number(c, type, &ret->number);
    default:
        *ret = (Value){.type = VALUE_STRING};
        return read_string(c, type, &ret->string);
    }
}

/* ---- maps and lists ---- */

/* Reads one item into place `i`, which there is. */
typedef bool ReadItem(AvroCursor *c, const AvroType *type, void *userdata, size_t i);

/* Items of an array or a map, at most `max`. */
static bool read_items(
        AvroCursor *c, const AvroType *type, ReadItem *item, void *userdata, size_t max, size_t *ret_n) {
    const unsigned char *begin = c->at, *end;
    uint64_t n;
    *ret_n = 0;
    if (type->kind != AVRO_KIND_MAP && type->kind != AVRO_KIND_ARRAY)
        return unexpected(c, type, "a map or an array");
    for (;;) {
        if (!cursor_block(c, &n, &end))
            return false;
        if (n == 0)
            return true;
        if (n > max - *ret_n)
            return CURSOR_WRONG(c, begin, "more than %zu items", max);
        for (uint64_t i = 0; i < n; i++)
            if (!item(c, type, userdata, (*ret_n)++))
                return false;
        if (end && c->at != end)
            return CURSOR_WRONG(c, c->at, "expected the end of a block at byte %td", end - c->start);
    }
}

static bool read_key(AvroCursor *c, const AvroType *type, Str *ret) {
    *ret = STR_LITERAL("");
    return type->kind != AVRO_KIND_MAP || cursor_text(c, "a key", ret);
}

static bool read_score(AvroCursor *c, const AvroType *type, void *userdata, size_t i) {
    NamedNumber *score = (NamedNumber *)userdata + i;
    if (!read_key(c, type, &score->name))
        return false;
    const AvroType *branch = cursor_branch(c, type->items);
    score->value = NAN;
    return branch && (branch->kind == AVRO_KIND_NULL || read_number(c, branch, &score->value));
}

static bool read_stage(AvroCursor *c, const AvroType *type, void *userdata, size_t i) {
    NamedStr *stage = (NamedStr *)userdata + i;
    if (!read_key(c, type, &stage->name))
        return false;
    const AvroType *branch = cursor_branch(c, type->items);
    return branch && read_string(c, branch, &stage->value);
}

static bool read_member(AvroCursor *c, const AvroType *type, void *userdata, size_t i) {
    const AvroType *branch = cursor_branch(c, type->items);
    return branch && read_string(c, branch, (Str *)userdata + i);
}

static bool read_carried(AvroCursor *c, const AvroType *type, void *userdata, size_t i) {
    Property *property = (Property *)userdata + i;
    if (!read_key(c, type, &property->name))
        return false;
    const AvroType *branch = cursor_branch(c, type->items);
    return branch && read_value(c, branch, &property->value);
}

/* ---- records ---- */

typedef struct Target {
    AvroOutputReader *reader;
    Output *output;
    void *record; /* what the table's offsets are in: `output`, or a reason */
} Target;

static bool read_record(AvroCursor *c, const AvroType *record, const RowTable *table, Target target);

static bool read_reason(AvroCursor *c, const AvroType *type, void *userdata, size_t i) {
    Target target = *(const Target *)userdata;
    Reason *reason = &target.output->stage_changed.reasons[i];
    const AvroType *branch = cursor_branch(c, type->items);
    if (!branch)
        return false;
    if (branch->kind != AVRO_KIND_RECORD)
        return unexpected(c, branch, "a record");
    target.record = reason;
    if (!read_record(c, branch, &reason_table, target))
        return false;
    reason->from_profile = reason->occurred_at_ms == TIME_NONE;
    return true;
}

static bool read_collection(AvroCursor *c, const AvroType *type, ReadKind kind, Target target) {
    AvroOutputReader *reader = target.reader;
    Output *output = target.output;
    switch (kind) {
    case READ_SCORES:
        output->stage_changed.scores = reader->scores;
        return read_items(c, type, read_score, reader->scores, SCORES_MAX, &output->stage_changed.n_scores);
    case READ_STAGES:
        output->sla_event.stages = reader->stages;
        return read_items(c, type, read_stage, reader->stages, STAGES_MAX, &output->sla_event.n_stages);
    case READ_CARRIED:
        output->carried = reader->carried;
        return read_items(c, type, read_carried, reader->carried, CARRIED_MAX, &output->n_carried);
    case READ_MEMBERS:
        return read_items(c, type, read_member, output->stage_changed.members, OUTPUT_MEMBERS_MAX,
                &output->stage_changed.n_members);
    default:
        return read_items(c, type, read_reason, &target, REASONS_MAX, &output->stage_changed.n_reasons);
    }
}

/* What a field is without a value. All other fields are zero then, which is null or empty. */
static void set_null(ReadKind kind, void *place) {
    if (kind == READ_TIME)
        *(int64_t *)place = TIME_NONE;
    else if (kind == READ_NEVER)
        *(int64_t *)place = TIME_NEVER;
    else if (kind == READ_NUMBER)
        *(double *)place = NAN;
}

static bool read_enumerator(AvroCursor *c, const AvroType *type, ReadKind kind, void *place) {
    unsigned i;
    if (kind == READ_CAUSE) {
        if (!read_name(c, type, name_of_cause, CAUSE_MODEL + 1, &i))
            return false;
        *(Cause *)place = (Cause)i;
        return true;
    }
    if (!read_name(c, type, name_of_sla_kind, _SLA_KIND_MAX, &i))
        return false;
    *(SlaKind *)place = (SlaKind)i;
    return true;
}

static bool read_field(AvroCursor *c, const AvroType *type, const FieldRow *row, Target target) {
    void *place = (char *)target.record + row->offset;
    int64_t integer = 0;
    switch (row->kind) {
    case READ_STRING:
        return read_string(c, type, place);
    case READ_UUID:
        return read_uuid(c, type, place);
    case READ_TIME:
    case READ_NEVER:
    case READ_INTEGER:
        return read_integer(c, type, INT64_MIN, INT64_MAX, place);
    case READ_COUNT:
        if (!read_integer(c, type, 0, INT64_MAX, &integer))
            return false;
        *(uint64_t *)place = (uint64_t)integer;
        return true;
    case READ_COMMITTEE:
        target.output->stage_changed.has_committee = true;
        return read_integer(c, type, 0, INT64_MAX, place);
    case READ_EPOCH:
        if (!read_integer(c, type, 0, UINT32_MAX, &integer))
            return false;
        *(uint32_t *)place = (uint32_t)integer;
        return true;
    case READ_NUMBER:
        return read_number(c, type, place);
    case READ_BOOLEAN:
        return read_boolean(c, type, place);
    case READ_CAUSE:
    case READ_SLA_KIND:
        return read_enumerator(c, type, row->kind, place);
    case READ_NOTHING:
        return cursor_skip(c, type);
    default:
        return read_collection(c, type, row->kind, target);
    }
}

static const FieldRow *find_row(const RowTable *table, Str name) {
    for (size_t i = 0; i < table->n; i++)
        if (str_eq_c(name, table->rows[i].name))
            return &table->rows[i];
    return NULL;
}

static bool read_record(AvroCursor *c, const AvroType *record, const RowTable *table, Target target) {
    for (size_t i = 0; i < table->n; i++)
        set_null(table->rows[i].kind, (char *)target.record + table->rows[i].offset);
    for (size_t i = 0; i < record->n; i++) {
        const AvroField *field = &record->fields[i];
        const FieldRow *row = find_row(table, field->name);
        c->field = field->name;
        if (!row) {
            if (!cursor_skip(c, field->type))
                return false;
            continue;
        }
        const AvroType *branch = cursor_branch(c, field->type);
        if (!branch)
            return false;
        if (branch->kind != AVRO_KIND_NULL && !read_field(c, branch, row, target))
            return false;
    }
    return true;
}

static int64_t instant_of(const Output *output) {
    switch (output->type) {
    case OUTPUT_STAGE_CHANGED:
        return output->stage_changed.changed_at_ms;
    case OUTPUT_SLA_EVENT:
        return output->sla_event.occurred_at_ms;
    case OUTPUT_REFUSED:
        return output->refused.at_ms;
    case OUTPUT_LEAD_RETIRED:
        return output->lead_retired.at_ms;
    default:
        return TIME_NONE;
    }
}

/* The type whose schema has the message's id; _OUTPUT_TYPE_MAX: none. */
static OutputType type_of(const AvroOutputReader *reader, Str message) {
    const unsigned char *wire = (const unsigned char *)message.data;
    if (!wire || message.len < REGISTRY_WIRE_SIZE || wire[0] != 0)
        return _OUTPUT_TYPE_MAX;
    uint32_t id = (uint32_t)wire[1] << 24 | (uint32_t)wire[2] << 16 | (uint32_t)wire[3] << 8 | wire[4];
    size_t i = 0;
    while (i < _OUTPUT_TYPE_MAX && reader->formats[i].id != id)
        i++;
    return (OutputType)i;
}

int avro_output_read(AvroOutputReader *reader, Str message, Output *ret, char *text, size_t size) {
    OutputType type = type_of(reader, message);
    if (type == _OUTPUT_TYPE_MAX) {
        snprintf(text, size, "not in the wire format, or not of a schema of ours");
        return AVRO_OUTPUT_READER_E_FOREIGN;
    }
    Output output = {.type = type};
    Target target = {.reader = reader, .output = &output, .record = &output};
    AvroCursor c =
            cursor_make(message.data + REGISTRY_WIRE_SIZE, message.len - REGISTRY_WIRE_SIZE, text, size);
    if (!read_record(&c, reader->formats[type].record, &tables[type], target))
        return AVRO_OUTPUT_READER_E_CORRUPT;
    if (c.at != c.end) {
        c.field = STR_NULL;
        cursor_complain(&c, c.at, "expected the end of the datum, found %zu bytes more", cursor_left(&c));
        return AVRO_OUTPUT_READER_E_CORRUPT;
    }
    output.at_ms = instant_of(&output);
    *ret = output;
    return 0;
}
