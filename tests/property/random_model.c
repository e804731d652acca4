/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/property/random_model.h"

/* Central European time as a TZif file of version 2: no transitions, all is in the rule at its end. */
#define TZIF_HEADER "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4"
#define TZIF_TYPE "\0\0\16\20\0\0CET\0"
static const char zone_bytes[] = TZIF_HEADER TZIF_TYPE TZIF_HEADER TZIF_TYPE "\nCET-1CEST,M3.5.0,M10.5.0/3\n";

static int read_zone(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why) {
    (void)userdata, (void)arena, (void)name, (void)ret_why;
    *ret = (Str){zone_bytes, sizeof(zone_bytes) - 1};
    return 0;
}

static int read_holidays(void *userdata, Arena *arena, Str path, Str *ret, const char **ret_why) {
    static const char holidays[] = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20260102\n"
                                   "RRULE:FREQ=MONTHLY;BYDAY=-1SU,1TU\nEND:VEVENT\nEND:VCALENDAR\n";
    (void)userdata, (void)arena, (void)path, (void)ret_why;
    *ret = (Str){holidays, sizeof(holidays) - 1};
    return 0;
}

const ModelFiles random_model_files = {.zone = read_zone, .holidays = read_holidays};

/* --- pieces ------------------------------------------------------------------------------------------ */

typedef struct Writer {
    FILE *text;
    uint64_t *random;
    int64_t unit_ms;
} Writer;

#define ADD(...) (void)fprintf(w->text, __VA_ARGS__)

static bool chance(Writer *w, unsigned percent) {
    return random_below(w->random, 100) < percent;
}
static unsigned below(Writer *w, unsigned n) {
    return (unsigned)random_below(w->random, n);
}
/* A span of `low` to `high` units, as a rule no round one. */
static long long span(Writer *w, int64_t low, int64_t high) {
    int64_t ms = low * w->unit_ms + (int64_t)random_below(w->random, (uint64_t)((high - low) * w->unit_ms) + 1);
    if (chance(w, 30))
        ms = ms / w->unit_ms * w->unit_ms;
    return MAX(ms, INT64_C(1));
}

static void add_decay(Writer *w) {
    switch (below(w, 4)) {
    case 0: ADD("decay: none"); break;
    case 1: ADD("decay: { half_life: %lldms }", span(w, 2, 20)); break;
    case 2: ADD("decay: { linear: %lldms }", span(w, 3, 40)); break;
    default: ADD("decay: { window: %lldms }", span(w, 3, 40));
    }
}

static void add_score(Writer *w, const char *name) {
    ADD("  %s: { ", name);
    add_decay(w);
    if (chance(w, 60))
        ADD(", min: %d", -(int)below(w, 40));
    if (chance(w, 60))
        ADD(", max: %u", 40 + below(w, 60));
    ADD(" }\n");
}

/* A comparison that time decides, of a lead. None takes it from stage to stage every millisecond: there would be no end of outputs. */
static void add_atom(Writer *w, bool up) {
    const char *op = up ? chance(w, 50) ? ">=" : ">" : chance(w, 50) ? "<" : "<=";
    switch (below(w, 10)) {
    case 0: ADD("total %s %s", op, up ? "up" : "down"); break;
    case 1: ADD("a + b * 0.5 - 2 * c %s %u", op, 5 + below(w, 60)); break;
    case 2: ADD("%s %s %u", (const char *[]){"a", "b", "c", "d"}[below(w, 4)], op, 5 + below(w, 40)); break;
    case 3: ADD("views %s %u", op, 1 + below(w, 2)); break;
    case 4: ADD("all + a %s %u", op, 5 + below(w, 40)); break;
    case 5: ADD("age(life) %s %lldms", op, span(w, 1, 20)); break;
    case 6: ADD("default(left(heat.hot), %lldms) %s %lldms", span(w, 1, 9), op, span(w, 1, 15)); break;
    case 7: ADD("idle %s %lldms", op, span(w, 1, 15)); break;
    case 8: ADD("a - b %s default(since(life.mql), 0) / %lldms", op, span(w, 1, 3)); break;
    default: ADD("views %s %u", up ? "==" : "!=", 1 + below(w, 2));
    }
}

static void add_condition(Writer *w, bool up) {
    unsigned n = 1 + below(w, 3);
    for (unsigned i = 0; i < n; i++) {
        if (i)
            ADD(chance(w, 60) ? " and " : " or ");
        if (chance(w, 15))
            ADD("not ");
        ADD("(");
        add_atom(w, up);
        ADD(")");
    }
}

static void add_awards(Writer *w) {
    static const char *const scores[] = {"a", "b", "c", "d"};
    unsigned first = below(w, 4), n = 1 + below(w, 2);
    ADD("add: { ");
    for (unsigned i = 0; i < n; i++) {
        ADD("%s%s: ", i ? ", " : "", scores[(first + i) % 4]);
        if (chance(w, 30))
            ADD("'event.n * 4 - 8'");
        else if (chance(w, 15))
            ADD("'a * -0.5'");
        else
            ADD("%d", (int)below(w, 50) - 15);
    }
    ADD(" }");
}

/* --- sections ---------------------------------------------------------------------------------------- */

static void add_head(Writer *w, int version) {
    ADD("model: random\nversion: %d\nlateness: %lldms\n", version, chance(w, 40) ? 0 : span(w, 0, 5));
    ADD("params: { up: %u, down: %u }\n", 30 + below(w, 40), 5 + below(w, 30));
    ADD("segments: [ { id: vip, when: 'profile.vip == true', params: { up: %u } } ]\n", 20 + below(w, 40));
    ADD("routes: [ { id: de, when: 'profile.country == \"DE\" and segment != \"vip\"' }, { id: ads, when: 'first_source == \"ads\"' } ]\n");
    ADD("ignore: [ { id: bots, when: 'event.bot == true' } ]\n");
    ADD("carry: { profile: [country], event: [n, type] }\n");
}

static void add_scores(Writer *w) {
    static const char *const names[] = {"a", "b", "c", "d"};
    ADD("scores:\n  fit: { decay: none, min: -20, max: 50 }\n");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        add_score(w, names[i]);
    ADD("derived: { total: 'fit + a + b + c' }\n");
    ADD("counters:\n  views: { on: [view], when: 'event.n != 3', window: %lldms, keep: %u }\n", span(w, 1, 20), 3 + below(w, 10));
    ADD("  all: { window: %lldms, keep: 64 }\n", span(w, 1, 20));
    ADD("profile_rules: [ { id: vip, when: 'profile.vip == true', add: { fit: 30 } }, { id: de, when: 'profile.country in [\"DE\"]', add: { fit: -5 } } ]\n");
    ADD("rules:\n");
    for (unsigned i = 0; i < 6; i++) {
        ADD("  - { id: r%u", i);
        if (chance(w, 80))
            ADD(", on: [%s]", (const char *[]){"view", "ask", "click", "view, click", "sales_touch"}[below(w, 5)]);
        if (chance(w, 30))
            ADD(", when: 'views >= %u or a < %u'", 1 + below(w, 3), below(w, 40));
        if (chance(w, 40))
            ADD(", limit: { times: %u, per: %lldms }", 1 + below(w, 3), span(w, 1, 15));
        ADD(", ");
        add_awards(w);
        ADD(" }\n");
    }
    ADD("idle_rules:\n  - { id: quiet, after: %lldms, every: %lldms, reset_on: [view, ask], add: { %s: %d } }\n", span(w, 2, 15),
            span(w, 3, 12), (const char *[]){"a", "b", "c", "d"}[below(w, 4)], -(int)(1 + below(w, 12)));
    ADD("  - { id: gone, after: %lldms, reset_on: [click], add: { a: -3, b: 'b * -0.25' } }\n", span(w, 2, 25));
}

static void add_tracks(Writer *w) {
    ADD("tracks:\n  life:\n    initial: lead\n    stages: [ { id: lead, owner: marketing }, { id: nurture }, { id: mql, owner: sales }, { id: sql }, "
        "{ id: out, terminal: true } ]\n    transitions:\n");
    ADD("      - { id: hand, from: [lead, nurture], to: mql, on: [ask], when: 'event.n > 1' }\n");
    ADD("      - { id: up, from: [lead, nurture], to: mql, cooldown: %lldms, when: '", span(w, 1, 12));
    add_condition(w, true);
    ADD("' }\n      - { id: cool, from: [mql], to: nurture, when: '");
    add_condition(w, false);
    ADD("' }\n      - { id: accept, from: [mql], to: sql, on: [sales_accepted], require: 'event.n >= 3' }\n");
    ADD("      - { id: lost, from: [mql, sql, nurture], to: out, on: [lost] }\n");
    ADD("      - { id: unworked, from: [mql], to: nurture, on_sla: [speed.breached] }\n");
    ADD("      - { id: warned, from: [sql], to: mql, on_sla: [work.warning, speed.escalated], when: 'a < 90' }\n");
    if (chance(w, 50))
        ADD("      - { id: back, from: [nurture, out], to: lead, cooldown: %lldms }\n", span(w, 3, 12));
    ADD("  heat:\n    initial: cold\n    stages: [ { id: cold }, { id: warm }, { id: hot } ]\n    transitions:\n      - { id: heat, from: [cold, warm], to: hot, when: '");
    add_condition(w, true);
    ADD("' }\n      - { id: melt, from: [hot], to: warm, when: '");
    add_condition(w, false);
    ADD("' }\n      - { id: freeze, from: [warm], to: cold, when: 'age(heat) >= %lldms and life != \"mql\"' }\n", span(w, 1, 15));
}

static void add_policies(Writer *w) {
    ADD("calendars:\n  office: { zone: Test/Zone, hours: { mon-fri: [\"09:00-12:00\", \"13:00-18:00\"], sat-sun: [\"22:00-06:00\"] }, holidays: h.ics }\n");
    ADD("  day: { zone: Test/Zone, hours: { mon-sun: [\"00:30-23:30\"] }, closed: [2026-01-03], open: { 2026-01-04: [\"10:00-11:00\"] } }\n");
    ADD("sla:\n  - id: speed\n    start: { on: [ask], enter: [life.mql], when: 'segment != \"none\"' }\n    stop: { on: [sales_touch], when: 'event.n != 2' }\n"
        "    cancel: { enter: [life.out] }\n");
    if (chance(w, 60))
        ADD("    pause: { enter: [life.nurture] }\n");
    ADD("    target: %lldms\n    warn: [%u%%, 80%%]\n    escalate: [%lldms]\n    revise: %lldms\n", span(w, 2, 10), 10 + below(w, 60), span(w, 11, 20),
            span(w, 1, 20));
    if (chance(w, 60))
        ADD("    calendar: [ { when: 'profile.country == \"DE\"', calendar: office }, { when: 'profile.vip == true', calendar: day } ]\n");
    ADD("  - { id: work, start: { enter: [life.sql, heat.hot] }, stop: { enter: [heat.cold], on: [lost] }, pause: { enter: [heat.warm] }, target: %lldms, "
        "warn: [50%%], track: heat }\n", span(w, 2, 15));
}

static void add_account_condition(Writer *w, bool up) {
    switch (below(w, 4)) {
    case 0: ADD("committee %s %u", up ? ">=" : "<", 1 + below(w, 3)); break;
    case 1: ADD("interest %s %u", up ? ">" : "<", 5 + below(w, 40)); break;
    case 2: ADD("interest * 0.5 + heat %s down", up ? ">=" : "<="); break;
    default: ADD("committee %s 0 and age(buying) > %lldms", up ? "!=" : "==", span(w, 1, 9));
    }
}

static void add_accounts(Writer *w) {
    ADD("accounts:\n  scores:\n    interest: { from: a, ");
    add_decay(w);
    ADD(", per_lead_max: %u, max: %u }\n    heat: { from: %s, ", 20 + below(w, 60), 40 + below(w, 200), chance(w, 50) ? "b" : "c");
    add_decay(w);
    ADD(", when: 'event.n != 1' }\n  committee: { window: %lldms, on: [view, ask], when: 'fit >= 0' }\n", span(w, 2, 20));
    ADD("  tracks:\n    buying:\n      initial: quiet\n      stages: [ { id: quiet }, { id: awake }, { id: tired } ]\n      transitions:\n        - { id: wake, from: [quiet, tired], to: awake, cooldown: %lldms, when: '",
            span(w, 1, 9));
    add_account_condition(w, true);
    ADD("' }\n        - { id: rest, from: [awake], to: tired, when: '");
    add_account_condition(w, false);
    ADD("' }\n        - { id: sleep, from: [tired], to: quiet, when: 'age(buying) >= %lldms' }\n", span(w, 1, 20));
}

/* --- all of it --------------------------------------------------------------------------------------- */

static Model *load(const char *text) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    Model *model = NULL;
    ck_assert_int_eq(model_load(str_from(text), &random_model_files, &d, &model), 0);
    _cleanup_(free_null) char *rendered = diagnostics_render(&d, "model", str_from(text));
    ck_assert_msg(model != NULL, "%s", rendered);
    return model;
}

RandomModel random_model(uint64_t *random, RandomModelOptions options) {
    static const int64_t units_ms[] = {100, 1000, 60000, 600000, 3600000, 3600000, 86400000};
    /* new year; and shortly before clocks are put forward, and back */
    static const int64_t begins_ms[] = {INT64_C(1767225600000), INT64_C(1774728000000), INT64_C(1792872000000), INT64_C(86400000)};
    Writer writer = {.random = random, .unit_ms = units_ms[random_below(random, ARRAY_SIZE(units_ms))]}, *w = &writer;
    if (options.unit_ms)
        w->unit_ms = options.unit_ms;
    RandomModel m = {.unit_ms = w->unit_ms, .begin_ms = begins_ms[random_below(random, ARRAY_SIZE(begins_ms))],
            .has_accounts = !options.no_accounts};
    size_t len;
    w->text = open_memstream(&m.text, &len);
    REQUIRE(w->text);
    add_head(w, options.version ? options.version : 3);
    add_scores(w);
    add_tracks(w);
    add_policies(w);
    if (m.has_accounts)
        add_accounts(w);
    REQUIRE(fclose(w->text) == 0);
    m.model = load(m.text);
    return m;
}

void random_model_done(RandomModel *m) {
    m->model = model_free(m->model);
    free(m->text);
    m->text = NULL;
}
