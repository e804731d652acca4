#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of the engine's parts share: models from text, events in one line, and a sink that writes down
 * in one line each what the engine put out.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/engine/output.h"
#include "lib/lead/lead.h"
#include "tests/unit/suite.h"

static inline void diagnostics_done_cleanup(Diagnostics *d) {
    diagnostics_done(d);
}

/* A model without errors; warnings are let pass. */
static inline Model *fixture_model(const char *text) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    Model *model = NULL;
    ck_assert_int_eq(model_load(str_from(text), NULL, &d, &model), 0);
    _cleanup_(free_null) char *rendered = diagnostics_render(&d, "model", str_from(text));
    ck_assert_msg(model != NULL, "%s", rendered);
    return model;
}

/* --- events ------------------------------------------------------------------------------------------ */

static inline LeadEvent fixture_event(
        const char *lead_id, const char *event_id, const char *type, int64_t at_ms) {
    return (LeadEvent){.event_id = str_from(event_id),
            .occurred_at_ms = at_ms,
            .lead_id = str_from(lead_id),
            .type = str_from(type)};
}

/* --- what was put out -------------------------------------------------------------------------------- */

typedef struct Record {
    char *text; /* lines, each ended by "\n"; never NULL after the first output */
    size_t len, n_alloc;
    int error; /* for the sink to return */
} Record;

static inline void record_done(Record *record) {
    free(record->text);
    *record = (Record){0};
}
static inline void record_done_cleanup(Record *record) {
    record_done(record);
}

PRINTF_LIKE(2, 3) static inline void record_add(Record *record, const char *format, ...) {
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    ck_assert_int_ge(n, 0);
    ck_assert_uint_lt((size_t)n, sizeof(line));
    for (size_t i = 0; i <= (size_t)n; i++) {
        ck_assert_int_eq(array_reserve(&record->text, &record->n_alloc, record->len, 1), 0);
        record->text[record->len++] = line[i];
    }
    record->len--; /* the terminator stays behind the text */
}

static inline int record_output(void *userdata, const Output *o) {
    Record *record = userdata;
    Str id = o->lead_id.data ? o->lead_id : o->account_id;
    if (record->error < 0)
        return record->error;
    switch (o->type) {
    case OUTPUT_STAGE_CHANGED:
        record_add(record, "%.*s %.*s %.*s>%.*s @%" PRId64 " %s\n", STR_FMT(id),
                STR_FMT(o->stage_changed.track), STR_FMT(o->stage_changed.from), STR_FMT(o->stage_changed.to),
                o->at_ms, cause_name(o->stage_changed.cause));
        break;
    case OUTPUT_SLA_EVENT:
        record_add(record, "%.*s %.*s#%" PRIu32 " %s%s%.*s @%" PRId64 "\n", STR_FMT(o->lead_id),
                STR_FMT(o->sla_event.policy), o->sla_event.epoch, sla_kind_name(o->sla_event.kind),
                o->sla_event.level.data ? " " : "", STR_FMT(o->sla_event.level), o->at_ms);
        break;
    case OUTPUT_REFUSED:
        record_add(record, "%.*s %.*s refused %.*s @%" PRId64 "\n", STR_FMT(o->lead_id),
                STR_FMT(o->refused.track), STR_FMT(o->refused.transition), o->at_ms);
        break;
    default:
        record_add(
                record, "%.*s %s @%" PRId64 "\n", STR_FMT(o->lead_id), output_type_name(o->type), o->at_ms);
    }
    return 0;
}

static inline OutputSink record_sink(Record *record) {
    return (OutputSink){.output = record_output, .userdata = record};
}

/* What was put out since the last call is `expected`. */
static inline void record_expect(Record *record, const char *expected) {
    ck_assert_str_eq(record->text ? record->text : "", expected);
    record->len = 0;
    if (record->text)
        record->text[0] = '\0';
}

/* --- chance ------------------------------------------------------------------------------------------ */

/* A small generator (splitmix64), so that a seed is the same cases on every machine. */
static inline uint64_t random_next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
/* In [0, n). */
static inline uint64_t random_below(uint64_t *state, uint64_t n) {
    return random_next(state) % n;
}
/* In [low, high). */
static inline double random_between(uint64_t *state, double low, double high) {
    return low + (high - low) * (double)(random_next(state) >> 11) * 0x1p-53;
}
