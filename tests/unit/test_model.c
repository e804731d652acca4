/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model files: what a good one becomes, and what is said of bad ones. The latter are the YAML files of
 * tests/models/errors, each beside the diagnostics expected of it. With SCORED_UPDATE_EXPECTED set these are
 * written instead of compared: read the difference before you keep it.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>

#include "lib/base/uuid.h"
#include "lib/calendar/timestamp.h"
#include "lib/model/model.h"
#include "tests/unit/suite.h"

#define ERRORS_DIR TESTS_DIR "/models/errors"
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

static void diagnostics_done_cleanup(Diagnostics *d) {
    diagnostics_done(d);
}

/* Zones of the system's tz database, and holidays beside the folder of cases or the samples. */
static int read_into(Arena *arena, const char *directory, Str name, Str *ret, const char **ret_why) {
    char path[4096], bytes[64 * 1024];

    (void)snprintf(path, sizeof(path), "%s/%.*s", directory, STR_FMT(name));
    FILE *file = fopen(path, "re");
    if (!file) {
        *ret_why = "not to be had";
        return 1;
    }
    *ret = arena_str(arena, (Str){bytes, fread(bytes, 1, sizeof(bytes), file)});
    ck_assert_int_eq(fclose(file), 0);
    return 0;
}

static int read_zone(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why) {
    (void)userdata;
    return read_into(arena, "/usr/share/zoneinfo", name, ret, ret_why);
}

static int read_holidays(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why) {
    (void)userdata;
    int r = read_into(arena, TESTS_DIR "/models", name, ret, ret_why);
    return r == 0 ? r : read_into(arena, TESTS_DIR "/../config/models", name, ret, ret_why);
}

static Model *load(const char *text, Diagnostics *d) {
    static const ModelFiles files = {.zone = read_zone, .holidays = read_holidays};
    Model *model = NULL;

    ck_assert_int_eq(model_load(str_from(text), &files, d, &model), 0);
    ck_assert_msg((model == NULL) == (d->n_errors > 0), "a model, or errors");
    return model;
}

/* Fails with the diagnostics if there are any. */
static Model *load_clean(const char *text) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    Model *model = load(text, &d);
    _cleanup_(free_null) char *rendered = diagnostics_render(&d, "model", str_from(text));

    if (d.n_errors + d.n_warnings > 0)
        (void)fputs(rendered, stderr);
    ck_assert_uint_eq(d.n_errors + d.n_warnings, 0);
    return model;
}

/* The whole of a file without NULs; NULL if there is none. */
static char *read_file(const char *path) {
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;

    if (!file)
        return NULL;
    if (getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = strdup("");
    }
    (void)fclose(file);
    return text;
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void assert_str(Str s, const char *expected) {
    ck_assert_msg(str_eq_c(s, expected), "expected \"%s\", got \"%.*s\"", expected, STR_FMT(s));
}

/* --- bad files --------------------------------------------------------------------------------------- */

static char **case_names; /* "rule_twice.yaml" */
static int n_cases;

static int is_yaml(const struct dirent *entry) {
    size_t n = strlen(entry->d_name);

    return n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

static void find_cases(void) {
    struct dirent **entries;

    n_cases = scandir(ERRORS_DIR, &entries, is_yaml, alphasort);
    if (n_cases <= 0) {
        perror(ERRORS_DIR);
        exit(EXIT_FAILURE);
    }
    case_names = calloc((size_t)n_cases, sizeof(*case_names));
    for (int i = 0; i < n_cases; i++) {
        case_names[i] = strdup(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static void free_cases(void) {
    for (int i = 0; i < n_cases; i++)
        free(case_names[i]);
    free(case_names);
}

START_TEST(bad_file_is_diagnosed_as_expected) {
    const char *name = case_names[_i];
    char path[4096], path_expected[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", ERRORS_DIR, name);
    (void)snprintf(path_expected, sizeof(path_expected), "%s/%.*s.expected", ERRORS_DIR,
            (int)strlen(name) - 5, name);

    _cleanup_(free_null) char *text = read_file(path);
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    model_free(load(text, &d));
    _cleanup_(free_null) char *rendered = diagnostics_render(&d, name, str_from(text));

    if (getenv("SCORED_UPDATE_EXPECTED"))
        write_file(path_expected, rendered);
    _cleanup_(free_null) char *expected = read_file(path_expected);
    ck_assert_msg(expected, "%s: no expected diagnostics", name);
    ck_assert_msg(rendered[0] != '\0', "%s: nothing is wrong with it", name);
    /* Not in the message: TAP is a line for each test. */
    if (strcmp(rendered, expected) != 0)
        (void)fprintf(stderr, "expected:\n%s\ngot:\n%s", expected, rendered);
    ck_assert_msg(strcmp(rendered, expected) == 0, "%s: other diagnostics than expected", name);
}
END_TEST

/* --- limits ------------------------------------------------------------------------------------------ */

/* `item` comes once for each, with its number for '#'; so does `item_after`, behind `between`. */
static const struct limit {
    const char *key;
    size_t max;
    const char *before, *item, *between, *item_after, *after;
} limits[] = {
        {"params", MODEL_PARAMS_MAX, "params: {", "p#: #,", "", "", "}"},
        {"segments", MODEL_SEGMENTS_MAX, "segments: [", "{ id: s#, when: 'profile.x == #' },", "", "", "]"},
        {"routes", MODEL_ROUTES_MAX, "routes: [", "{ id: r#, when: 'profile.x == #' },", "", "", "]"},
        {"ignore", MODEL_RULES_MAX, "ignore: [", "{ id: i#, when: 'event.x == #' },", "", "", "]"},
        {"scores", MODEL_SCORES_MAX, "scores: {", "s#: { decay: none },", "", "", "}"},
        {"derived", MODEL_DERIVED_MAX, "derived: {", "d#: '#',", "", "", "}"},
        {"profile_rules", MODEL_RULES_MAX, "scores: { s: { decay: none } }\nprofile_rules: [",
                "{ id: r#, add: { s: # } },", "", "", "]"},
        {"rules", MODEL_RULES_MAX, "scores: { s: { decay: none } }\nrules: [", "{ id: r#, add: { s: # } },",
                "", "", "]"},
        {"on", MODEL_EVENT_TYPES_MAX, "scores: { s: { decay: none } }\nrules: [{ id: r, add: { s: 1 }, on: [",
                "e#,", "", "", "]}]"},
        {"tracks", MODEL_TRACKS_MAX, "tracks: {", "t#: { initial: a, stages: [{ id: a }] },", "", "", "}"},
        {"stages", MODEL_STAGES_MAX, "tracks: { t: { initial: s0, stages: [", "{ id: s# },",
                "], transitions: [", "{ id: t#, from: [s0], to: s#, on: [e] },", "]}}"},
        {"transitions", MODEL_TRANSITIONS_MAX,
                "tracks: { t: { initial: a, stages: [{ id: a }], transitions: [",
                "{ id: t#, from: [a], to: a, on: [e#] },", "", "", "]}}"},
        {"sla", MODEL_POLICIES_MAX, "sla: [",
                "{ id: p#, start: { on: [a] }, stop: { on: [b] }, target: 1h },", "", "", "]"},
        {"calendars", MODEL_CALENDARS_MAX, "calendars: {",
                "c#: { zone: UTC, hours: { mon: ['09:00-17:00'] } },", "", "", "}"},
        {"mon", 48, "calendars: { c: { zone: UTC, hours: { mon: [", "'09:00-17:00',", "", "", "] } } }"},
        {"warn", MODEL_LEVELS_MAX,
                "sla: [{ id: p, start: { on: [a] }, stop: { on: [b] }, target: 1h, warn: [", "1#%,", "", "",
                "]}]"},
        {"escalate", MODEL_LEVELS_MAX,
                "sla: [{ id: p, start: { on: [a] }, stop: { on: [b] }, target: 1h, escalate: [", "1#h,", "",
                "", "]}]"},
        {"event", MODEL_CARRY_MAX, "carry: { event: [", "n#,", "", "", "]}"},
};

static void write_items(FILE *file, const char *item, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (const char *c = item; *c; c++)
            if (*c == '#')
                (void)fprintf(file, "%zu", i);
            else
                (void)fputc(*c, file);
}

static char *limit_text(const struct limit *limit, size_t n) {
    char *text;
    size_t len;
    FILE *file = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(file);
    (void)fprintf(file, "model: m\nversion: 1\n%s", limit->before);
    write_items(file, limit->item, n);
    (void)fputs(limit->between, file);
    write_items(file, limit->item_after, n);
    (void)fputs(limit->after, file);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

START_TEST(as_many_as_the_limit_load) {
    _cleanup_(free_null) char *text = limit_text(&limits[_i], limits[_i].max);
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;

    model_free(load(text, &d));
    ck_assert_msg(d.n_errors == 0, "%s: %s", limits[_i].key, d.items[0].message);
}
END_TEST

START_TEST(one_more_is_an_error_that_names_the_limit) {
    _cleanup_(free_null) char *text = limit_text(&limits[_i], limits[_i].max + 1);
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    char expected[128];
    bool found = false;

    ck_assert_ptr_null(load(text, &d));
    (void)snprintf(expected, sizeof(expected), "%s: %zu are too many, the limit is %zu", limits[_i].key,
            limits[_i].max + 1, limits[_i].max);
    for (size_t i = 0; i < d.n_items; i++)
        found |= strcmp(d.items[i].message, expected) == 0;
    ck_assert_msg(found, "%s: %s", limits[_i].key, d.items[0].message);
}
END_TEST

START_TEST(so_many_rules_can_have_a_limit) {
    static const struct limit with_limit = {"rules", MODEL_LIMITS_MAX,
            "scores: { s: { decay: none } }\nrules: [",
            "{ id: r#, add: { s: 1 }, limit: { times: 1, per: 1d } },", "", "", "]"};

    for (size_t more = 0; more <= 1; more++) {
        _cleanup_(free_null) char *text = limit_text(&with_limit, with_limit.max + more);
        _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;

        model_free(load(text, &d));
        ck_assert_uint_eq(d.n_errors, more);
        if (more)
            ck_assert_str_eq(d.items[0].message, "limit: more than 256 rules have one");
    }
}
END_TEST

/* --- a good file ------------------------------------------------------------------------------------- */

static const char good_text[] =
        "model: acme-b2b.v2\n"
        "version: 2147483647\n"
        "lateness: 90s\n"
        "params: { up: 60, down: -0.5 }\n"
        "segments:\n"
        "  - { id: big, when: 'profile.size > up', params: { up: 45 } }\n"
        "  - { id: list-1, when: 'first_source == \"list\"' }\n"
        "routes:\n"
        "  - { id: emea, when: 'segment == \"big\"' }\n"
        "  - { id: rest }\n"
        "ignore:\n"
        "  - { id: bots, when: 'event.is_bot == true' }\n"
        "scores:\n"
        "  fit: { decay: none, min: -100, max: 50.5 }\n"
        "  intent: { decay: { half_life: 7d } }\n"
        "derived:\n"
        "  total: 'sum * 2'\n"
        "  sum: 'fit + intent'\n"
        "profile_rules:\n"
        "  - { id: base, add: { fit: -25 } }\n"
        "rules:\n"
        "  - { id: any, add: { intent: 1 } }\n"
        "  - { id: pages, on: [page_view, 'odd type'], when: 'event.n > 1', add: { intent: 'event.n * 2' } "
        "}\n"
        "tracks:\n"
        "  life:\n"
        "    initial: new-lead\n"
        "    stages:\n"
        "      - { id: gone, terminal: true }\n"
        "      - { id: new-lead, owner: marketing, terminal: false }\n"
        "      - { id: mql, owner: sales }\n"
        "    transitions:\n"
        "      - { id: up, from: [new-lead, gone], to: mql, when: 'total >= up and since(life.new-lead) > "
        "1d', cooldown: 7d }\n"
        "      - { id: no, from: [mql], to: gone, on: [rejected], when: 'event.x == 1', require: 'route == "
        "event.y' }\n"
        "      - { id: late, from: [mql], to: new-lead, on_sla: [call.escalated, accept.breached] }\n"
        "  mood: { initial: cold, stages: [{ id: cold }] }\n"
        "calendars:\n"
        "  us-east: { zone: America/New_York, hours: { mon-fri: ['09:00-12:00', '13:00-18:00'], fri: "
        "['17:00-20:00'] } }\n"
        "  nights: { zone: UTC, hours: { sat-mon: ['22:00-06:00'], wed: [], thu: ['00:00-24:00'] },\n"
        "    closed: [2026-01-04], open: { 2026-01-06: ['10:00-11:00', '10:30-12:00'], 2026-01-10: [] } }\n"
        "  feasts: { zone: UTC, hours: { mon-sun: ['00:00-24:00'] }, holidays: holidays.ics }\n"
        "sla:\n"
        "  - id: accept\n"
        "    start: { enter: [life.mql], when: 'route == \"emea\"' }\n"
        "    stop: { on: [accepted], enter: [life.gone, life.new-lead] }\n"
        "    cancel: { on: [cancelled] }\n"
        "    target: 10m\n"
        "    warn: [50%, 33.333%, 150%]\n"
        "    escalate: [15m, 1h]\n"
        "    revise: 0s\n"
        "    track: mood\n"
        "  - { id: call, start: { on: [asked] }, stop: { on: [called] }, target: 9h }\n"
        "carry: { profile: [crm_id], event: [reason, rep] }\n";

static Model *good;

static void setup_good(void) {
    good = load_clean(good_text);
}

static void teardown_good(void) {
    good = model_free(good);
}

START_TEST(header_is_read) {
    uint8_t hash[SHA1_SIZE];

    assert_str(good->id, "acme-b2b.v2");
    ck_assert_int_eq(good->version, INT32_MAX);
    ck_assert_int_eq(good->lateness_ms, 90000);
    sha1(good_text, strlen(good_text), hash);
    ck_assert_mem_eq(good->hash, hash, sizeof(hash));
}
END_TEST

START_TEST(a_segment_overrides_params_in_its_row) {
    ck_assert_uint_eq(good->n_params, 2);
    assert_str(good->params[1].id, "down");
    ck_assert_double_eq(good->params[0].value, 60);
    ck_assert_uint_eq(good->n_segments, 2);

    const double expected[] = {45, -0.5, 60, -0.5, 60, -0.5};
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        ck_assert_double_eq(good->segment_params[i], expected[i]);
    assert_str(model_segment_id(good, 1), "list-1");
    assert_str(model_segment_id(good, 2), "default");
}
END_TEST

START_TEST(routes_and_ignore_rules_are_read) {
    ck_assert_uint_eq(good->n_routes, 2);
    assert_str(model_route_id(good, 0), "emea");
    ck_assert(str_is_null(model_route_id(good, ROUTE_NONE)));
    ck_assert_ptr_nonnull(good->routes[0].when);
    ck_assert_ptr_null(good->routes[1].when);
    ck_assert_uint_eq(good->n_ignore, 1);
    assert_str(good->ignore[0].id, "bots");
    assert_str(condition_text(good->ignore[0].when), "event.is_bot == true");
}
END_TEST

START_TEST(scores_are_read) {
    ck_assert_uint_eq(good->n_scores, 2);
    const Score *fit = &good->scores[0], *intent = &good->scores[1];

    ck_assert_int_eq(fit->decay.kind, DECAY_NONE);
    ck_assert_double_eq(fit->bounds.min, -100);
    ck_assert_double_eq(fit->bounds.max, 50.5);
    ck_assert(fit->from_profile);
    ck_assert_int_eq(intent->decay.kind, DECAY_HALF_LIFE);
    ck_assert_int_eq(intent->decay.span_ms, 7 * DAY_MS);
    ck_assert(isinf(intent->bounds.min) && intent->bounds.min < 0);
    ck_assert(isinf(intent->bounds.max) && intent->bounds.max > 0);
    ck_assert(!intent->from_profile);
}
END_TEST

START_TEST(a_derived_score_may_name_a_later_one) {
    ck_assert_uint_eq(good->n_derived, 2);
    ck_assert_uint_eq(condition_derived(good->derived[0].value), 1u << 1);
    ck_assert_uint_eq(condition_derived(good->derived[1].value), 0);
}
END_TEST

/* Whether `present()` may be asked of b * b is known only once b is: it doesn't change with time. */
START_TEST(a_derived_score_is_judged_by_what_it_names) {
    _cleanup_(model_free) Model *model =
            load_clean("model: m\n"
                       "version: 1\n"
                       "derived: { a: 'number(present(b * b))', b: 'c * 2', c: '3' }\n");

    ck_assert_uint_eq(condition_derived(model->derived[0].value), 1u << 1);
}
END_TEST

START_TEST(rules_are_read) {
    ck_assert_uint_eq(good->n_profile_rules, 1);
    ck_assert_ptr_null(good->profile_rules[0].when);
    assert_str(condition_text(good->profile_rules[0].awards[0].points), "-25");

    ck_assert_uint_eq(good->n_rules, 2);
    const Rule *any = &good->rules[0], *pages = &good->rules[1];
    ck_assert(any->on.any);
    ck_assert(!pages->on.any);
    ck_assert_uint_eq(pages->on.n_types, 2);
    assert_str(pages->on.types[1], "odd type");
    ck_assert_uint_eq(pages->n_awards, 1);
    ck_assert_uint_eq(pages->awards[0].score, 1);
    ck_assert_ptr_nonnull(pages->when);
}
END_TEST

START_TEST(stages_are_read) {
    ck_assert_uint_eq(good->n_tracks, 2);
    const Track *life = &good->tracks[0];

    assert_str(life->id, "life");
    ck_assert_uint_eq(life->initial, 1);
    ck_assert_uint_eq(life->n_stages, 3);
    ck_assert(life->stages[0].terminal);
    ck_assert(str_is_null(life->stages[0].owner));
    ck_assert(!life->stages[1].terminal);
    assert_str(life->stages[2].owner, "sales");
    ck_assert_uint_eq(good->tracks[1].n_transitions, 0);
}
END_TEST

START_TEST(transitions_are_read) {
    const Track *life = &good->tracks[0];
    ck_assert_uint_eq(life->n_transitions, 3);
    const Transition *up = &life->transitions[0], *no = &life->transitions[1], *late = &life->transitions[2];

    ck_assert_uint_eq(up->from, 1u << 1 | 1u << 0);
    ck_assert_uint_eq(up->to, 2);
    ck_assert(!up->has_on);
    ck_assert(condition_is_time_dependent(up->when));
    ck_assert_int_eq(up->cooldown_ms, 7 * DAY_MS);

    ck_assert(no->has_on);
    assert_str(no->on.types[0], "rejected");
    assert_str(condition_text(no->require), "route == event.y");
    ck_assert_int_eq(no->cooldown_ms, 0);

    ck_assert(!late->has_on);
    ck_assert_uint_eq(late->n_on_sla, 2);
    ck_assert_uint_eq(late->on_sla[0].policy, 1);
    ck_assert_int_eq(late->on_sla[0].kind, SLA_ESCALATED);
    ck_assert_uint_eq(late->on_sla[1].policy, 0);
    ck_assert_int_eq(late->on_sla[1].kind, SLA_BREACHED);
}
END_TEST

/* How long it takes from the instant, in hours, to work for one. */
static double hours_to_work_one(size_t calendar, const char *from) {
    int64_t at_ms;
    ck_assert(timestamp_parse(str_from(from), &at_ms));
    return (double)(calendar_add(good->calendars[calendar].calendar, at_ms, HOUR_MS) - at_ms) /
           (double)HOUR_MS;
}

START_TEST(calendars_are_read) {
    ck_assert_uint_eq(good->n_calendars, 3);
    assert_str(good->calendars[0].id, "us-east");
    assert_str(good->calendars[1].id, "nights");
    /* Monday, Friday */
    ck_assert_double_eq(hours_to_work_one(0, "2026-01-05T16:30:00Z"), 2);
    ck_assert_double_eq(hours_to_work_one(0, "2026-01-09T23:00:00Z"), 1);
    ck_assert_double_eq(hours_to_work_one(0, "2026-01-08T23:00:00Z"), 16);
    /* Saturday, Sunday, Monday; Sunday the fourth is closed, Tuesday the sixth has hours of its own */
    ck_assert_double_eq(hours_to_work_one(1, "2026-01-04T05:30:00Z"), 24 + 17);
    ck_assert_double_eq(hours_to_work_one(1, "2026-01-06T06:00:00Z"), 5);
    ck_assert_double_eq(hours_to_work_one(1, "2026-01-06T11:30:00Z"), 36 + 1);
    ck_assert_double_eq(hours_to_work_one(1, "2026-01-10T06:00:00Z"), 24 + 17);
    /* New Year's Day, from the file */
    ck_assert_double_eq(hours_to_work_one(2, "2026-12-31T23:30:00Z"), 25);
    ck_assert_double_eq(hours_to_work_one(2, "2026-12-30T23:30:00Z"), 1);
}
END_TEST

static int no_disk(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why) {
    (void)userdata, (void)arena, (void)name, (void)ret, (void)ret_why;
    return -EIO;
}

START_TEST(files_that_fail_fail_the_load) {
    const ModelFiles files = {.zone = no_disk};
    static const char text[] =
            "model: m\nversion: 1\ncalendars: { c: { zone: UTC, hours: { mon: ['09:00-17:00'] } } }\n";
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    Model *model = NULL;

    ck_assert_int_eq(model_load(str_from(text), &files, &d, &model), -EIO);
    ck_assert_ptr_null(model);
    ck_assert_int_eq(model_load(str_from(text), NULL, &d, &model), 0);
    ck_assert_ptr_null(model);
    ck_assert_uint_eq(d.n_errors, 1);
    ck_assert_str_eq(d.items[0].message, "zone \"UTC\": no files are to be had here");
}
END_TEST

START_TEST(policies_are_read) {
    ck_assert_uint_eq(good->n_policies, 2);
    const SlaPolicy *accept = &good->policies[0];

    ck_assert(accept->start.present && !accept->start.has_on);
    ck_assert_uint_eq(accept->start.n_enter, 1);
    ck_assert_uint_eq(accept->start.enter[0].stage, 2);
    ck_assert_ptr_nonnull(accept->start.when);
    ck_assert(accept->stop.has_on);
    ck_assert_uint_eq(accept->stop.n_enter, 2);
    ck_assert_uint_eq(accept->stop.enter[1].stage, 1);
    ck_assert(accept->cancel.present);
    ck_assert_int_eq(accept->target_ms, 10 * MINUTE_MS);
    ck_assert_int_eq(accept->revise_ms, 0);
    ck_assert_uint_eq(accept->track, 1);
}
END_TEST

START_TEST(warnings_are_exact_parts_of_the_target) {
    const SlaPolicy *accept = &good->policies[0];

    ck_assert_uint_eq(accept->n_warnings, 3);
    assert_str(accept->warnings[0].text, "50%");
    ck_assert_int_eq(accept->warnings[0].after_ms, 5 * MINUTE_MS);
    ck_assert_int_eq(accept->warnings[1].after_ms, 199998); /* 600000 * 0.33333 */
    ck_assert_int_eq(accept->warnings[2].after_ms, 15 * MINUTE_MS);
    ck_assert_uint_eq(accept->n_escalations, 2);
    assert_str(accept->escalations[1].text, "1h");
    ck_assert_int_eq(accept->escalations[1].after_ms, HOUR_MS);
}
END_TEST

START_TEST(a_policy_has_defaults) {
    const SlaPolicy *call = &good->policies[1];

    ck_assert(!call->cancel.present);
    ck_assert_int_eq(call->revise_ms, 7 * DAY_MS);
    ck_assert_uint_eq(call->track, 0);
    ck_assert_uint_eq(call->n_warnings + call->n_escalations, 0);
}
END_TEST

START_TEST(carried_names_are_read) {
    ck_assert_uint_eq(good->n_carry_profile, 1);
    assert_str(good->carry_profile[0], "crm_id");
    ck_assert_uint_eq(good->n_carry_event, 2);
    assert_str(good->carry_event[1], "rep");
}
END_TEST

/* --- small ones -------------------------------------------------------------------------------------- */

START_TEST(a_model_may_be_almost_empty) {
    _cleanup_(model_free) Model *model = load_clean("model: m\nversion: 1\n");

    ck_assert_int_eq(model->lateness_ms, 0);
    ck_assert_uint_eq(model->n_tracks, 0);
    assert_str(model_segment_id(model, 0), "default");
}
END_TEST

START_TEST(a_policy_without_tracks_has_none) {
    _cleanup_(model_free) Model *model = load_clean(
            "model: m\nversion: 1\nsla: [{ id: p, start: { on: [a] }, stop: { on: [b] }, target: 1h }]\n");

    ck_assert_uint_eq(model->policies[0].track, model->n_tracks);
}
END_TEST

START_TEST(a_policy_takes_the_track_whose_stage_starts_it) {
    _cleanup_(model_free) Model *model =
            load_clean("model: m\n"
                       "version: 1\n"
                       "tracks:\n"
                       "  a: { initial: x, stages: [{ id: x }] }\n"
                       "  b: { initial: x, stages: [{ id: x }, { id: y }], transitions: [{ id: t, from: [x], "
                       "to: y, on: [e] }] }\n"
                       "sla: [{ id: p, start: { enter: [b.y] }, stop: { on: [f] }, target: 1h }]\n");

    ck_assert_uint_eq(model->policies[0].track, 1);
}
END_TEST

START_TEST(a_rule_without_on_takes_all_but_updates_and_lead_types) {
    EventTypes any = {.any = true};

    ck_assert(event_types_contain(&any, STR_LITERAL("page_view")));
    ck_assert(event_types_contain(&any, STR_LITERAL("sales_touch")));
    ck_assert(!event_types_contain(&any, STR_LITERAL("profile_updated")));
    ck_assert(!event_types_contain(&any, STR_LITERAL("lead_merged")));
}
END_TEST

START_TEST(an_on_list_takes_what_it_names) {
    const Str types[] = {STR_LITERAL("page_view"), STR_LITERAL("profile_updated")};
    EventTypes on = {.types = types, .n_types = ARRAY_SIZE(types)};

    ck_assert(event_types_contain(&on, STR_LITERAL("profile_updated")));
    ck_assert(!event_types_contain(&on, STR_LITERAL("page")));
}
END_TEST

START_TEST(sla_kinds_have_names) {
    for (int kind = 0; kind < _SLA_KIND_MAX; kind++)
        ck_assert_ptr_nonnull(sla_kind_name((SlaKind)kind));
    ck_assert_str_eq(sla_kind_name(SLA_RETRACTED), "retracted");
}
END_TEST

START_TEST(no_errors_of_this_file_are_left_out) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;

    diagnostics_add(&d, DIAGNOSTIC_ERROR, (Mark){1, 1, 1}, "of another file");
    Model *model = NULL;
    ck_assert_int_eq(model_load(STR_LITERAL("model: m\nversion: 1\n"), NULL, &d, &model), 0);
    ck_assert_msg(model, "errors that were there before don't count");
    model_free(model);
}
END_TEST

static const char *const samples[] = {"model.yaml", "models/account-based.yaml", "models/idle-penalty.yaml",
        "models/per-channel.yaml", "models/points-table.yaml", "models/product-led.yaml",
        "models/speed-to-lead.yaml"};

START_TEST(a_sample_has_neither_errors_nor_warnings) {
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/../config/%s", TESTS_DIR, samples[_i]);
    _cleanup_(free_null) char *text = read_file(path);

    ck_assert_ptr_nonnull(text);
    _cleanup_(model_free) Model *model = load_clean(text);
    ck_assert_uint_ge(model->n_tracks, 1);
}
END_TEST

static Suite *model_suite(void) {
    Suite *suite = suite_create("model");

    TCase *bad = tcase_create("bad files");
    tcase_add_loop_test(bad, bad_file_is_diagnosed_as_expected, 0, n_cases);
    tcase_add_loop_test(bad, as_many_as_the_limit_load, 0, ARRAY_SIZE(limits));
    tcase_add_loop_test(bad, one_more_is_an_error_that_names_the_limit, 0, ARRAY_SIZE(limits));
    tcase_add_test(bad, so_many_rules_can_have_a_limit);
    suite_add_tcase(suite, bad);

    TCase *fields = tcase_create("fields");
    tcase_add_checked_fixture(fields, setup_good, teardown_good);
    tcase_add_test(fields, header_is_read);
    tcase_add_test(fields, a_segment_overrides_params_in_its_row);
    tcase_add_test(fields, routes_and_ignore_rules_are_read);
    tcase_add_test(fields, scores_are_read);
    tcase_add_test(fields, a_derived_score_may_name_a_later_one);
    tcase_add_test(fields, a_derived_score_is_judged_by_what_it_names);
    tcase_add_test(fields, rules_are_read);
    tcase_add_test(fields, stages_are_read);
    tcase_add_test(fields, transitions_are_read);
    tcase_add_test(fields, calendars_are_read);
    tcase_add_test(fields, policies_are_read);
    tcase_add_test(fields, warnings_are_exact_parts_of_the_target);
    tcase_add_test(fields, a_policy_has_defaults);
    tcase_add_test(fields, carried_names_are_read);
    suite_add_tcase(suite, fields);

    TCase *small = tcase_create("small ones");
    tcase_add_test(small, a_model_may_be_almost_empty);
    tcase_add_test(small, a_policy_without_tracks_has_none);
    tcase_add_test(small, a_policy_takes_the_track_whose_stage_starts_it);
    tcase_add_test(small, a_rule_without_on_takes_all_but_updates_and_lead_types);
    tcase_add_test(small, an_on_list_takes_what_it_names);
    tcase_add_test(small, files_that_fail_fail_the_load);
    tcase_add_test(small, sla_kinds_have_names);
    tcase_add_test(small, no_errors_of_this_file_are_left_out);
    tcase_add_loop_test(small, a_sample_has_neither_errors_nor_warnings, 0, ARRAY_SIZE(samples));
    suite_add_tcase(suite, small);
    return suite;
}

int main(void) {
    find_cases();
    int status = suite_run(model_suite());
    free_cases();
    return status;
}
