/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are either a model or errors, never both or neither; what is said of them can be shown, and a
 * lead can begin in the model. */
#include "lib/lead.h"

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
    if (model)
        check_lead(model);
    return 0;
}
