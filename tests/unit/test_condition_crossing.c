/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When time alone changes what conditions say, and so moves a track: against a walk over every millisecond,
 * of leads whose scores fade within seconds, and of conditions made by chance.
 */
#include "lib/condition/condition_crossing.h"

#include "lib/condition/condition_program.h"
#include "lib/engine/track.h"
#include "lib/lead/account.h"
#include "tests/unit/engine_fixture.h"

#define NOW_MS INT64_C(1767225600000)

/* Two stages to come from, one to go to; %s: the transitions' further keys. */
static const char model_format[] =
        "model: m\nversion: 1\nparams: { mark: 12.5 }\n"
        "scores: { still: { decay: none }, a: { decay: { half_life: 40ms } }, b: { decay: { half_life: 90ms "
        "} }, "
        "c: { decay: { half_life: 250ms } }, d: { decay: { half_life: 90ms } } }\n"
        "derived: { total: 'still + a + b + c + d', most: 'total - d * 2' }\n"
        "rules: [ { id: r, add: { still: 1, a: 1, b: 1, c: 1, d: 1 } } ]\n"
        "tracks: { t: { initial: s, stages: [ { id: s }, { id: u }, { id: v }, { id: w } ], transitions: [\n"
        "  { id: su, from: [s], to: u%s },\n  { id: sv, from: [s, u], to: v%s },\n"
        "  { id: uw, from: [u], to: w, when: 'still > 1000 and age(t) > 1' },\n  { id: on, from: [s], to: w, "
        "on: [go] } ] } }\n";

static Model *load(const char *first, const char *second) {
    char text[4096];
    int n = snprintf(text, sizeof(text), model_format, first, second);
    ck_assert(n > 0 && (size_t)n < sizeof(text));
    return fixture_model(text);
}

/* At NOW_MS, in stage s since 250 ms, u left 100 ms ago; v never. */
static Lead *make_lead(const Model *model) {
    Lead *lead = NULL;
    ck_assert_int_eq(lead_new(model, STR_LITERAL("lead"), &lead), 0);
    lead_begin(lead, model, NOW_MS - 1000);
    lead->clock_ms = NOW_MS;
    StageState *stages = lead->tracks[0].stages;
    stages[0].entered_at_ms = NOW_MS - 250;
    stages[1] = (StageState){.entered_at_ms = NOW_MS - 700, .left_at_ms = NOW_MS - 100, .entries = 1};
    lead->latest_activity_ms = NOW_MS - 30;
    return lead;
}

static void set_scores(Lead *lead, const double values[static 5]) {
    for (size_t i = 0; i < 5; i++)
        lead->scores[i] = (ScoreState){values[i], NOW_MS};
}

/* --- begins to hold ---------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
    const char *first, *second; /* transitions to u and to v */
    double scores[5];
    int64_t change_ms; /* after NOW_MS */
} rows[] = {
    {", when: 'age(t) >= 1s'", ", when: 'false'", {0}, 750},
    {", when: 'age(t) > 1s'", ", when: 'false'", {0}, 751},
    {", when: '1s <= age(t)'", ", when: 'false'", {0}, 750},
    {", when: 'not (age(t) < 1s)'", ", when: 'false'", {0}, 750},
    {", when: 'age(t) <= 1s'", ", when: 'false'", {0}, TIME_NEVER}, /* holds now */
    {", when: 'age(t) >= 250ms'", ", when: 'false'", {0}, TIME_NEVER}, /* begins at the clock itself: not after it */
    {", when: 'age(t) > 250ms'", ", when: 'false'", {0}, 1},
    {", when: 'age(t) >= 300ms and age(t) <= 300ms'", ", when: 'false'", {0}, 50}, /* a single millisecond */
    {", when: 'age(t) > 300ms and age(t) < 301ms'", ", when: 'false'", {0}, TIME_NEVER},
    {", when: 'age(t) < 300ms or age(t) >= 2s'", ", when: 'false'", {0}, 1750}, /* ends, and begins again */
    {", when: 'idle >= 100ms'", ", when: 'false'", {0}, 70},
    {", when: 'since(t.u) >= 1s'", ", when: 'false'", {0}, 300},
    {", when: 'left(t.u) >= 1s'", ", when: 'false'", {0}, 900},
    {", when: 'left(t.v) >= 1s'", ", when: 'false'", {0}, TIME_NEVER}, /* null */
    {", when: 'default(left(t.v), 400) + age(t) >= 1s'", ", when: 'false'", {0}, 350},
    /* what time does not change, within a side that it does */
    {", when: 'default(profile.none, age(t)) >= 1s'", ", when: 'false'", {0}, 750},
    {", when: 'default(number(profile.none in [1, 2]), age(t)) >= 1s'", ", when: 'false'", {0}, 750},
    {", when: 'default(number(true and profile.none), age(t)) >= 1s'", ", when: 'false'", {0}, 750},
    {", when: 'default(number(false or true or profile.none), age(t)) >= 1s'", ", when: 'false'", {0}, 750},
    {", when: 'default(number(present(left(t.u))), age(t)) >= 1s'", ", when: 'false'", {0}, 750},
    {", when: '-age(t) <= -1s'", ", when: 'false'", {0}, 750},
    {", when: 'number(age(t)) >= 1s'", ", when: 'false'", {0}, 750},
    {", when: 'age(t) + profile.none >= 1s'", ", when: 'false'", {0}, TIME_NEVER},
    {", when: 'age(t) * profile.none >= 1s'", ", when: 'false'", {0}, TIME_NEVER},
    {", when: 'age(t) / 0 >= 1s'", ", when: 'false'", {0}, TIME_NEVER},
    {", when: 'age(t) >= profile.none'", ", when: 'false'", {0}, TIME_NEVER},
    {", when: 'age(t) / 1s >= 0.5'", ", when: 'false'", {0}, 250},
    {", when: 'age(t) * 2 + 1h >= 1h + 1s'", ", when: 'false'", {0}, 250},
    /* cooldowns */
    {", cooldown: 1s", ", when: 'false'", {0}, 900},
    {", cooldown: 100ms", ", when: 'false'", {0}, TIME_NEVER}, /* over at the clock */
    {", cooldown: 101ms", ", when: 'false'", {0}, 1},
    {", when: 'still >= 0', cooldown: 1s", ", when: 'false'", {0}, 900},
    {", when: 'still > 0', cooldown: 1s", ", when: 'false'", {0}, TIME_NEVER},
    {", when: 'false'", ", cooldown: 1s", {0}, TIME_NEVER}, /* v was never left: holds already */
    {", when: 'age(t) >= 500ms', cooldown: 1s", ", when: 'false'", {0}, 900},
    {", when: 'age(t) >= 2s', cooldown: 1s", ", when: 'false'", {0}, 1750},
    {", when: 'age(t) < 2s', cooldown: 1s", ", when: 'false'", {0}, 900},
    {", when: 'age(t) < 1s', cooldown: 1s", ", when: 'false'", {0}, TIME_NEVER}, /* 749 ms from now is its last */
    {", when: 'age(t) <= 1150ms', cooldown: 1s", ", when: 'false'", {0}, 900}, /* its last is the first */
    {", when: 'age(t) < 1150ms', cooldown: 1s", ", when: 'false'", {0}, TIME_NEVER},
    {", when: 'age(t) < 1s or age(t) > 3s', cooldown: 1s", ", when: 'false'", {0}, 2751},
    /* the earliest of several */
    {", when: 'age(t) >= 1s'", ", when: 'idle >= 500ms'", {0}, 470},
    {", when: 'age(t) >= 300ms'", ", when: 'idle >= 500ms'", {0}, 50},
    /* 80 2^(-t/40) falls below 20 at 80; to 5 by 1e-9 of 160: 160 ms at <=, and a millisecond more at < */
    {", when: 'a < 20'", ", when: 'false'", {0, 80}, 81},
    {", when: 'a <= 20'", ", when: 'false'", {0, 80}, 80},
    {", when: 'a > -20'", ", when: 'false'", {0, -80}, 81},
    {", when: 'a >= -20'", ", when: 'false'", {0, -80}, 80},
    {", when: 'a * 2 < mark * 2'", ", when: 'false'", {0, 100}, 121}, /* 12.5 at 120 */
    {", when: 'total <= 22.5'", ", when: 'false'", {10, 100}, 120},
    {", when: 'b + d < 1'", ", when: 'false'", {0, 0, 4, 0, 4}, 271}, /* one half-life, joined: 8 2^(-t/90) */
    {", when: 'b > d'", ", when: 'false'", {0, 0, 4, 0, 4}, TIME_NEVER},
    {", when: 'b - d <= 0'", ", when: 'false'", {0, 0, 5, 0, 4}, 2691}, /* 2^(-t/90) = 1e-9 at 2690.76 */
    {", when: 'a <= 0'", ", when: 'false'", {0, 1}, 1196}, /* 40 log2(1e9) = 1195.89 */
    {", when: 'a * 1e9 <= 0'", ", when: 'false'", {0, 1}, 1196}, /* it reads as 0 then */
    {", when: 'a * 1e9 < 1e-3'", ", when: 'false'", {0, 1}, 1196},
    {", when: '0 - a >= 0'", ", when: 'false'", {0, 1}, 1196},
    {", when: 'a > 0'", ", when: 'false'", {0, 1}, TIME_NEVER},
    /* equal now, of numbers beside which 1e-9 is lost */
    {", when: 'a * 1e7 < age(t) + 79999750'", ", when: 'false'", {0, 8}, 1},
    {", when: 'age(t) + 79999750 > a * 1e7'", ", when: 'false'", {0, 8}, 1},
    {", when: 'a * 1e7 < b * 1e7'", ", when: 'false'", {0, 8, 8}, 1},
};
/* clang-format on */

START_TEST(track_changes_when_a_transition_begins_to_hold) {
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(model_free) Model *model = load(rows[i].first, rows[i].second);
        _cleanup_(lead_free) Lead *lead = make_lead(model);
        set_scores(lead, rows[i].scores);
        int64_t change_ms = track_next_change(&(Situation){.model = model, .lead = lead, .at_ms = lead->clock_ms}, 0);
        int64_t expected_ms = rows[i].change_ms == TIME_NEVER ? TIME_NEVER : NOW_MS + rows[i].change_ms;
        ck_assert_msg(change_ms == expected_ms, "%s%s: %" PRId64 ", expected %" PRId64, rows[i].first,
                rows[i].second, change_ms - NOW_MS, rows[i].change_ms);
    }
}
END_TEST

START_TEST(no_condition_and_what_time_does_not_change_never_change) {
    _cleanup_(model_free) Model *model =
            load(", when: 'still > 5 and t == \"s\" or idle == null'", ", when: 'left(t.v) > 5'");
    _cleanup_(lead_free) Lead *lead = make_lead(model);
    Situation situation = {.model = model, .lead = lead, .at_ms = NOW_MS};
    ck_assert_int_eq(condition_next_change(NULL, &situation, NOW_MS), TIME_NEVER);
    ck_assert_int_eq(
            condition_next_change(model->tracks[0].transitions[0].when, &situation, NOW_MS), TIME_NEVER);
    ck_assert_int_eq(
            condition_next_change(model->tracks[0].transitions[1].when, &situation, NOW_MS), TIME_NEVER);
}
END_TEST

/* --- by chance --------------------------------------------------------------------------------------- */

static const char *pick(uint64_t *random, const char *const *choices, size_t n) {
    return choices[random_below(random, n)];
}
#define PICK(random, choices) pick((random), (choices), ARRAY_SIZE(choices))

static void add_atom(uint64_t *random, Record *text) {
    static const char *const sides[] = {"a", "b", "c", "a + b", "a - b", "b - c", "a - b + c", "c - a * 2",
            "total", "most", "-most", "total - 2 * b", "b / 3 + c", "still * c", "a + still",
            "(a - c) * mark", "b - d", "a + b + c + d"};
    static const char *const marks[] = {"0", "10", "mark", "-5", "20.25", "0.5", "1e-7", "c", "still",
            "-mark + 1", "a / 7", "age(t) / 50", "idle / 30 - 8", "3 - age(t) / 100"};
    static const char *const times[] = {"age(t)", "idle", "since(t.u)", "left(t.u)", "age(t) * 2 - idle",
            "default(left(t.v), 200) + idle", "left(t.v)", "age(t) + 10 * a", "age(t) - b * 7 - c"};
    static const char *const comparisons[] = {"<", "<=", ">", ">="};
    static const char *const others[] = {"still > 3", "t == \"s\"", "present(idle)", "left(t.v) != null"};
    switch (random_below(random, 8)) {
    case 0:
        record_add(text, "%s", PICK(random, others));
        break;
    case 1:
    case 2:
        record_add(text, "%s %s %dms", PICK(random, times), PICK(random, comparisons),
                (int)random_below(random, 1500));
        break;
    default:
        record_add(text, "%s %s ", PICK(random, sides), PICK(random, comparisons));
        record_add(text, "%s", PICK(random, marks));
    }
}

static void add_condition(uint64_t *random, Record *text, unsigned depth) {
    if (depth == 0 || random_below(random, 3) == 0) {
        add_atom(random, text);
        return;
    }
    bool negated = random_below(random, 4) == 0;
    record_add(text, negated ? "not (" : "(");
    add_condition(random, text, depth - 1);
    record_add(text, random_below(random, 2) ? " and " : " or ");
    add_condition(random, text, depth - 1);
    record_add(text, ")");
}

static void add_keys(uint64_t *random, Record *text) {
    record_add(text, ", when: '");
    add_condition(random, text, 2);
    record_add(text, "'");
    if (random_below(random, 3) == 0)
        record_add(text, ", cooldown: %dms", (int)random_below(random, 900) + 1);
}

static void random_scores(uint64_t *random, Lead *lead) {
    double values[5];
    for (size_t i = 0; i < 5; i++)
        values[i] = random_below(random, 6) ? round(random_between(random, -400, 400)) / 4 : 0;
    set_scores(lead, values);
}

enum { SPAN_MS = 1600 };

/* Does the transition hold at each millisecond from NOW_MS on? */
static void walk(
        const Model *model, const Lead *lead, const Transition *transition, bool truth[static SPAN_MS + 1]) {
    int64_t left_at_ms = lead->tracks[0].stages[transition->to].left_at_ms;
    for (int i = 0; i <= SPAN_MS; i++) {
        Situation s = {.model = model, .lead = lead, .at_ms = NOW_MS + i};
        bool cooled = left_at_ms == TIME_NONE || s.at_ms - left_at_ms >= transition->cooldown_ms;
        truth[i] = cooled && condition_holds(transition->when, &s);
    }
}

static int64_t first_beginning(const bool truth[static SPAN_MS + 1]) {
    for (int i = 1; i <= SPAN_MS; i++)
        if (truth[i] && !truth[i - 1])
            return NOW_MS + i;
    return TIME_NEVER;
}

/* Between one foretold change and the next nothing changes, but for the millisecond that rounding is allowed.
 */
static void check_condition(
        const Model *model, const Lead *lead, const Transition *transition, const char *text) {
    static bool truth[SPAN_MS + 1];
    Transition bare = *transition;
    bare.cooldown_ms = 0;
    walk(model, lead, &bare, truth);
    Situation situation = {.model = model, .lead = lead, .at_ms = NOW_MS};
    bool out_of_reach = condition_is_out_of_reach(transition->when, &situation);
    for (int i = 0; i <= SPAN_MS && out_of_reach; i++)
        ck_assert_msg(!truth[i], "%s: holds at %d, though it is out of reach", text, i);
    Condition unprepared = *transition->when;
    unprepared.forms = NULL;
    int64_t from_ms = NOW_MS;
    while (from_ms < NOW_MS + SPAN_MS) {
        int64_t change_ms = condition_next_change(transition->when, &situation, from_ms);
        ck_assert_int_eq(condition_next_change(&unprepared, &situation, from_ms), change_ms);
        ck_assert(change_ms > from_ms);
        for (int64_t i = from_ms + 1; i <= MIN(change_ms - 2, NOW_MS + SPAN_MS - 1); i++)
            ck_assert_msg(truth[i - NOW_MS] == truth[i + 1 - NOW_MS] || i + 1 >= change_ms - 1,
                    "%s: changes at %" PRId64 ", foretold %" PRId64, text, i + 1 - NOW_MS,
                    change_ms - NOW_MS);
        from_ms = change_ms;
    }
}

START_TEST(random_conditions_change_only_when_foretold) {
    static bool truth[SPAN_MS + 1];
    unsigned n_changes = 0;
    uint64_t random = 7;
    for (int i = 0; i < 100; i++) {
        _cleanup_(record_done) Record first = {0}, second = {0};
        add_keys(&random, &first);
        add_keys(&random, &second);
        _cleanup_(model_free) Model *model = load(first.text, second.text);
        _cleanup_(lead_free) Lead *lead = make_lead(model);
        for (int k = 0; k < 3; k++) {
            random_scores(&random, lead);
            const Transition *transitions = model->tracks[0].transitions;
            check_condition(model, lead, &transitions[0], first.text);
            walk(model, lead, &transitions[0], truth);
            int64_t expected_ms = first_beginning(truth);
            walk(model, lead, &transitions[1], truth);
            expected_ms = earliest(expected_ms, first_beginning(truth));
            int64_t change_ms = track_next_change(&(Situation){.model = model, .lead = lead, .at_ms = lead->clock_ms}, 0);
            if (change_ms > NOW_MS + SPAN_MS)
                change_ms = TIME_NEVER;
            ck_assert_msg(change_ms == expected_ms, "%s / %s: %" PRId64 ", expected %" PRId64, first.text,
                    second.text, change_ms - NOW_MS, expected_ms - NOW_MS);
            n_changes += change_ms != TIME_NEVER;
        }
    }
    ck_assert_uint_gt(n_changes, 80);
}
END_TEST

/* --- out of reach ------------------------------------------------------------------------------------ */

/* clang-format off */
static const struct {
    const char *when;
    double scores[5];
    bool out_of_reach;
} reach_rows[] = {
    {"a >= mark", {0, 12}, true}, {"a >= mark", {0, 12.5}, false}, {"a > mark", {0, 12.5}, false},
    {"a >= mark", {0, 12.5 - 1e-10}, false}, /* equal by SPEC section 2 */
    {"a >= mark", {0, -20}, false}, {"a + b >= mark", {0, -20, 1}, false}, /* one that is negative rises: nothing is known */
    {"a + b * 2 + c > 20", {0, 5, 5, 4}, true}, {"a + b * 2 + c > 20", {0, 5, 5, 5}, false},
    {"total >= 20", {0, 5, 5, 4}, false}, /* `still` is part of it, and does not halve */
    {"a >= 0", {0}, false},
    {"a < mark", {0, 1}, false}, {"mark <= a", {0, 1}, false}, /* not of that form */
    {"a - b >= mark", {0, 1, 1}, false}, {"a + 5 >= mark", {0, 1}, false}, {"a >= b + 10", {0, 1}, false}, {"a * -1 >= mark", {0, 1}, false},
    {"a >= mark and b >= 3", {0, 50, 2}, true}, {"still > 3 and b >= 3", {9, 0, 2}, true}, {"(a < 1 and b >= 3) and still > 3", {9, 0, 2}, true},
    {"a >= mark or b >= 3", {0, 1, 1}, false}, {"not (a >= mark)", {0, 1}, false}, {"still > 3 and not (a >= mark)", {9, 1}, false},
    {"(still > 3 or a >= mark) and b >= 1", {9, 1, 1}, false}, {"(still > 3 or a >= mark) and b >= 1", {9, 1, 0.5}, true},
    {"still > 3 or (a < 1 and b >= 3)", {9, 1, 1}, false},
};
/* clang-format on */

START_TEST(what_was_too_little_when_it_was_given_is_out_of_reach) {
    for (size_t i = 0; i < ARRAY_SIZE(reach_rows); i++) {
        char keys[128];
        (void)snprintf(keys, sizeof(keys), ", when: '%s'", reach_rows[i].when);
        _cleanup_(model_free) Model *model = load(keys, ", when: 'false'");
        _cleanup_(lead_free) Lead *lead = make_lead(model);
        set_scores(lead, reach_rows[i].scores);
        Situation situation = {.model = model, .lead = lead, .at_ms = NOW_MS + 10};
        ck_assert_msg(condition_is_out_of_reach(model->tracks[0].transitions[0].when, &situation) == reach_rows[i].out_of_reach, "%s, row %zu",
                reach_rows[i].when, i);
        ck_assert(!condition_is_out_of_reach(NULL, &situation));
    }
}
END_TEST

/* --- accounts ---------------------------------------------------------------------------------------- */

static const char account_format[] =
        "model: m\nversion: 1\nparams: { mark: 30 }\n"
        "scores: { a: { decay: { half_life: 40ms } } }\n"
        "rules: [ { id: r, add: { a: 1 } } ]\n"
        "accounts:\n  scores: { a: { from: a, decay: { half_life: 60ms } }, b: { from: a, decay: { half_life: 200ms }, max: 35 },\n"
        "    w: { from: a, decay: { window: 640ms } } }\n"
        "  committee: { window: 700ms }\n"
        "  tracks: { t: { initial: s, stages: [ { id: s }, { id: u } ], transitions: [ { id: su, from: [s], to: u, when: '%s' } ] } }\n";

/* Of members whose leads' clocks are behind the account's; one in four has less than nothing of some score. */
static Account *random_account(uint64_t *random, const Model *model) {
    Account *account = NULL;
    ck_assert_int_eq(account_new(model, STR_LITERAL("acme"), &account), 0);
    account_begin(account, model, NOW_MS - 1000);
    account->clock_ms = NOW_MS;
    uint64_t n = random_below(random, 6) + 1;
    double least = random_below(random, 4) ? 0 : -30;
    for (uint64_t i = 0; i < n; i++) {
        char id[] = {'a', (char)('0' + i), '\0'};
        Member *member;
        ck_assert_int_eq(account_add(account, str_from(id), &member), 0);
        member->committee_at_ms = random_below(random, 4) ? NOW_MS - random_below(random, 900) : TIME_NONE;
        for (unsigned k = 0; k < account->n_scores; k++) {
            double points;
            int64_t at_ms = NOW_MS - random_below(random, 150);
            ck_assert_int_eq(score_state_award(&member->scores[k], &model->account_scores[k].decay, (ScoreBounds){-INFINITY, INFINITY},
                                     random_between(random, least, 40), at_ms, at_ms, &points), 0);
        }
    }
    return account;
}

START_TEST(random_accounts_change_only_when_foretold) {
    static const char *const conditions[] = {"a >= mark and committee >= 2", "committee < 2 and a > 30", "a >= mark", "a + b * 2 >= 50",
            "b >= 34 and committee <= 3", "a < 20 and committee >= 1", "w >= 30 and a >= 20", "a >= mark or committee < 2", "not (a >= mark)",
            "committee < 3 and (a >= 15 and b >= 10)", "a - b >= 5", "b >= 36"};
    unsigned n_changes = 0, n_out_of_reach = 0;
    uint64_t random = 11;
    for (size_t i = 0; i < 40 * ARRAY_SIZE(conditions); i++) {
        char text[2048];
        const char *when = conditions[i % ARRAY_SIZE(conditions)];
        (void)snprintf(text, sizeof(text), account_format, when);
        _cleanup_(model_free) Model *model = fixture_model(text);
        _cleanup_(account_free) Account *account = random_account(&random, model);
        const Condition *condition = model->account_tracks[0].transitions[0].when;
        Situation now = {.model = model, .account = account, .at_ms = NOW_MS};
        bool out_of_reach = condition_is_out_of_reach(condition, &now), before = condition_holds(condition, &now);
        ck_assert_msg(!out_of_reach || !before, "%s: holds, though it is out of reach", when);
        int64_t expected_ms = TIME_NEVER, change_ms = track_next_change(&now, 0);
        for (Situation s = now; s.at_ms <= NOW_MS + SPAN_MS && expected_ms == TIME_NEVER; before = condition_holds(condition, &s)) {
            s.at_ms++;
            if (!before && condition_holds(condition, &s))
                expected_ms = s.at_ms;
        }
        ck_assert_msg(change_ms == expected_ms, "%s, round %zu: %" PRId64 ", expected %" PRId64, when, i, change_ms - NOW_MS, expected_ms - NOW_MS);
        n_changes += change_ms != TIME_NEVER;
        n_out_of_reach += out_of_reach;
    }
    ck_assert_uint_gt(n_changes, 60);
    ck_assert_uint_gt(n_out_of_reach, 60);
}
END_TEST

/* A form that was worked out at load is that of the lead's own segment. */
START_TEST(params_of_the_segment_count) {
    _cleanup_(model_free) Model *model = fixture_model(
            "model: m\nversion: 1\nparams: { mark: 10, weight: 1 }\n"
            "segments: [ { id: low, when: 'profile.size == 1', params: { mark: 5 } },\n"
            "  { id: high, when: 'profile.size == 2', params: { mark: 20, weight: 2 } } ]\n"
            "scores: { a: { decay: { half_life: 100ms } } }\n"
            "rules: [ { id: r, add: { a: 1 } } ]\n"
            "tracks: { t: { initial: s, stages: [ { id: s }, { id: u } ], transitions: [\n"
            "  { id: su, from: [s], to: u, when: 'a * weight < mark' } ] } }\n");
    _cleanup_(lead_free) Lead *lead = NULL;
    ck_assert_int_eq(lead_new(model, STR_LITERAL("lead"), &lead), 0);
    lead_begin(lead, model, NOW_MS);
    lead->scores[0] = (ScoreState){40, NOW_MS};
    /* 40 falls to 5 in three half-lives, 80 to 20 in two, 40 to 10 in two; a millisecond later it is below */
    static const int64_t halvings[] = {3, 2, 2};
    Situation situation = {.model = model, .lead = lead, .at_ms = NOW_MS};
    for (lead->segment = 0; lead->segment < ARRAY_SIZE(halvings); lead->segment++)
        ck_assert_int_eq(track_next_change(&situation, 0), NOW_MS + halvings[lead->segment] * 100 + 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("condition_crossing");
    TCase *tcase = tcase_create("condition_crossing");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, track_changes_when_a_transition_begins_to_hold);
    tcase_add_test(tcase, no_condition_and_what_time_does_not_change_never_change);
    tcase_add_test(tcase, random_conditions_change_only_when_foretold);
    tcase_add_test(tcase, what_was_too_little_when_it_was_given_is_out_of_reach);
    tcase_add_test(tcase, random_accounts_change_only_when_foretold);
    tcase_add_test(tcase, params_of_the_segment_count);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
