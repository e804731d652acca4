/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are either a model or errors, never both or neither; what is said of them can be shown; and leads can live in the
 * model, whatever it says. */
#include <stdio.h>

#include "lib/record/account_record.h"
#include "lib/shard/shard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

/* Local time is UTC; the name chooses. */
static int read_zone(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why) {
    static const char utc[] = "TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                              "\0\0\0\1\0\0\0\4\0\0\0\0\0\0UTC";
    (void)userdata, (void)arena;
    *ret_why = "no such zone";
    *ret = (Str){utc, sizeof(utc)};
    return !str_eq_c(name, "UTC");
}

/* The file is its own name: so the fuzzer writes it. */
static int read_holidays(void *userdata, Arena *arena, Str path, Str *ret, const char **ret_why) {
    (void)userdata;
    *ret_why = "no name";
    *ret = arena_str(arena, path);
    return path.len == 0;
}

/* A deadline is the first instant by which the time has passed. */
static void check_calendar(const Calendar *calendar) {
    const int64_t from_ms = INT64_C(1767225600000), work_ms = 3600001;
    int64_t due_ms = calendar_add(calendar, from_ms, work_ms);
    require(due_ms > from_ms);
    require(due_ms == TIME_NEVER || calendar_between(calendar, from_ms, due_ms) == work_ms);
    require(due_ms == TIME_NEVER || calendar_between(calendar, from_ms, due_ms - 1) == work_ms - 1);
}

/* Follows what refers to something else in the model. */
static void check_lead(const Model *model) {
    _cleanup_(lead_free) Lead *lead = NULL;
    require(lead_new(model, STR_LITERAL("lead-1"), &lead) == 0);
    lead_begin(lead, model, EVENT_TIME_MS_MIN);
    require(model_segment_id(model, lead->segment).len > 0);
    for (size_t i = 0; i < model->n_calendars; i++)
        check_calendar(model->calendars[i].calendar);
    for (size_t i = 0; i < model->n_tracks; i++)
        require(lead->tracks[i].stage < model->tracks[i].n_stages);
    for (size_t i = 0; i < model->n_scores; i++)
        require(lead_score(lead, model, (unsigned)i, EVENT_TIME_MS_MAX) == 0);
}

#define HOUR_MS INT64_C(3600000)

static int count_output(void *userdata, const Output *output) {
    ++*(unsigned *)userdata;
    require(output->type < _OUTPUT_TYPE_MAX);
    return 0;
}

/* What the leads and accounts have come to can be packed, and comes out of the record as it went in. */
static void check_records(Shard *shard, const Model *model) {
    Buffer packed = {0}, again = {0};
    size_t at = 0;
    for (Entity *e; (e = entity_table_next(shard_leads(shard), &at));) {
        Lead *lead = NULL;
        packed.len = again.len = 0;
        require(record_pack(lead_of(e), model, &packed) == 0);
        require(record_unpack((Str){(const char *)packed.data, packed.len}, e->id, model, &lead) == 0);
        require(record_pack(lead, model, &again) == 0);
        require(again.len == packed.len && memcmp(again.data, packed.data, packed.len) == 0);
        lead_free(lead);
    }
    at = 0;
    for (Entity *e; (e = entity_table_next(shard_accounts(shard), &at));) {
        Account *account = NULL;
        packed.len = 0;
        require(account_record_pack(account_of(e), model, &packed) == 0);
        require(account_record_unpack((Str){(const char *)packed.data, packed.len}, e->id, model, &account) == 0);
        account_free(account);
    }
    buffer_done(&packed);
    buffer_done(&again);
}

/*
 * Two leads of one account do what the model's own lists name, at times that its own spans suggest, until all is quiet for a
 * while. Time moves in few steps: a model may have moments every millisecond.
 */
static void check_life(const Model *model) {
    static const Property properties[] = {
            {STR_LITERAL("country"), {.type = VALUE_STRING, .string = STR_LITERAL("DE")}},
            {STR_LITERAL("minutes"), {.type = VALUE_LONG, .integer = 30}},
            {STR_LITERAL("vip"), {.type = VALUE_BOOLEAN, .boolean = true}},
            {STR_LITERAL("into"), {.type = VALUE_STRING, .string = STR_LITERAL("lead-2")}},
    };
    _cleanup_(shard_free) Shard *shard = NULL;
    unsigned n_outputs = 0, n_events = 0;
    int64_t at_ms = INT64_C(1767225600000);
    require(shard_new(model, (OutputSink){count_output, &n_outputs}, &shard) == 0);
    Str types[24] = {STR_LITERAL("profile_updated"), STR_LITERAL("page_view"), STR_LITERAL("sales_touch")};
    size_t n_types = 3;
    for (size_t i = 0; i < model->n_rules && n_types < 8; i++)
        if (model->rules[i].on.n_types)
            types[n_types++] = model->rules[i].on.types[0];
    for (size_t t = 0; t < model->n_tracks; t++)
        for (size_t i = 0; i < model->tracks[t].n_transitions && n_types < 20; i++)
            if (model->tracks[t].transitions[i].on.n_types)
                types[n_types++] = model->tracks[t].transitions[i].on.types[0];
    types[n_types++] = STR_LITERAL("page_view");
    types[n_types++] = STR_LITERAL("lead_merged");
    for (size_t i = 0; i < n_types; i++) {
        EventResult result;
        char id[16];
        (void)snprintf(id, sizeof(id), "e%u", n_events++);
        LeadEvent event = {.event_id = str_from(id), .occurred_at_ms = at_ms - (i % 3 == 2 ? HOUR_MS : 0),
                .lead_id = i % 4 == 3 ? STR_LITERAL("lead-2") : STR_LITERAL("lead-1"), .account_id = STR_LITERAL("acme"),
                .type = types[i], .source = STR_LITERAL("ads"), .properties = properties, .n_properties = ARRAY_SIZE(properties)};
        char text[256];
        if (event_validate(&event, text, sizeof(text)))
            require(shard_event(shard, &event, at_ms - 2 * HOUR_MS, &result) == 0);
        at_ms += 40 * 60000;
    }
    for (unsigned i = 0; i < 200; i++) {
        int64_t next_ms = shard_next_moment(shard);
        if (next_ms == TIME_NEVER)
            break;
        require(next_ms > shard_watermark(shard));
        require(shard_advance(shard, next_ms) == 0);
        require(shard_next_moment(shard) > next_ms);
    }
    check_records(shard, model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str source = {size ? (const char *)data : "", size};
    const ModelFiles files = {.zone = read_zone, .holidays = read_holidays};
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    _cleanup_(model_free) Model *model = NULL;

    require(model_load(source, &files, &diagnostics, &model) == 0);
    require((model != NULL) == (diagnostics.n_errors == 0));
    diagnostics_sort(&diagnostics);
    _cleanup_(free_null) char *text = diagnostics_render(&diagnostics, "model.yaml", source);
    require(text && (strlen(text) > 0) == (diagnostics.n_items > 0));
    diagnostics_done(&diagnostics);
    if (model) {
        check_lead(model);
        check_life(model);
    }
    return 0;
}
