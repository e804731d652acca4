/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "daemon/view/view_fields.h"
#include "lib/base/owned.h"
#include "lib/condition/condition_program.h"
#include "lib/lead/sla_clock.h"
#include "tests/unit/suite.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define NOW_MS INT64_C(1767225600000)
#define LONG_ID "a-name-as-long-as-the-model-takes-it-which-is-sixty-four-bytes-"

static Stage stages[] = {{.id = STR_LITERAL("lead")}, {.id = STR_LITERAL("mql")}};
static Track tracks[] = {
        {.id = STR_LITERAL("lifecycle"), .stages = stages, .n_stages = 2},
        {.id = STR_LITERAL(LONG_ID "1"), .stages = stages, .n_stages = 2},
        {.id = STR_LITERAL(LONG_ID "2"), .stages = stages, .n_stages = 2},
};
static Score scores[] = {
        {.id = STR_LITERAL("fit"), .decay = {.kind = DECAY_NONE}},
        {.id = STR_LITERAL("engagement"), .decay = {DECAY_HALF_LIFE, 7 * DAY_MS}},
        {.id = STR_LITERAL("intent"), .decay = {DECAY_HALF_LIFE, 2 * DAY_MS}},
};
static SlaPolicy policies[] = {{.id = STR_LITERAL("accept")}, {.id = STR_LITERAL("speed"), .target_ms = 5}};
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static NamedCalendar calendars[] = {{.id = STR_LITERAL("us-east")}, {.id = STR_LITERAL(A64)}};

/* engagement + intent; engagement; fit + the first; age of a track times engagement; 5 */
static Instruction decaying_code[] = {
        {.op = OP_SCORE, .index = 1}, {.op = OP_SCORE, .index = 2}, {.op = OP_ADD}};
static Instruction single_code[] = {{.op = OP_SCORE, .index = 1}};
static Instruction mixed_code[] = {
        {.op = OP_SCORE, .index = 0}, {.op = OP_DERIVED, .index = 0}, {.op = OP_ADD}};
static Instruction aging_code[] = {
        {.op = OP_AGE, .index = 0}, {.op = OP_SCORE, .index = 1}, {.op = OP_MULTIPLY}};
static Instruction constant_code[] = {{.op = OP_CONSTANT, .constant = {.type = VALUE_LONG, .integer = 8}}};
static Condition conditions[] = {
        {.text = STR_LITERAL("engagement + intent"), .code = decaying_code, .n_code = 3},
        {.text = STR_LITERAL("engagement"), .code = single_code, .n_code = 1},
        {.text = STR_LITERAL("fit + warm"), .code = mixed_code, .n_code = 3},
        {.text = STR_LITERAL("age(lifecycle) * engagement"), .code = aging_code, .n_code = 3},
        {.text = STR_LITERAL("8"), .code = constant_code, .n_code = 1},
};
static Derived derived[] = {
        {STR_LITERAL("warm"), &conditions[0]},
        {STR_LITERAL("single"), &conditions[1]},
        {STR_LITERAL("total"), &conditions[2]},
        {STR_LITERAL("aging"), &conditions[3]},
        {STR_LITERAL("constant"), &conditions[4]},
};
/* The account's have names that the lead's have, too. */
static AccountScore account_scores[] = {
        {.id = STR_LITERAL("fit"),
                .decay = {.kind = DECAY_NONE},
                .per_lead = {-INFINITY, 40},
                .max = INFINITY},
        {.id = STR_LITERAL("engagement"),
                .decay = {DECAY_HALF_LIFE, 2 * DAY_MS},
                .per_lead = {-INFINITY, 100},
                .max = 48},
        {.id = STR_LITERAL("recent"),
                .decay = {DECAY_LINEAR, 64 * DAY_MS},
                .per_lead = {-INFINITY, INFINITY},
                .max = INFINITY},
};
static Stage account_stages[] = {{.id = STR_LITERAL("unaware")}, {.id = STR_LITERAL("engaged")}};
static Track account_tracks[] = {{.id = STR_LITERAL("lifecycle"), .stages = account_stages, .n_stages = 2}};
static Segment segments[] = {{.id = STR_LITERAL("vip")}};
static Route routes[] = {{.id = STR_LITERAL("ae-emea")}};

static Model model = {
        .id = STR_LITERAL("acme"),
        .version = 3,
        .segments = segments,
        .n_segments = 1,
        .routes = routes,
        .n_routes = 1,
        .scores = scores,
        .n_scores = 3,
        .derived = derived,
        .n_derived = 5,
        .tracks = tracks,
        .n_tracks = 3,
        .policies = policies,
        .n_policies = 2,
        .calendars = calendars,
        .n_calendars = 2,
        .has_accounts = true,
        .account_scores = account_scores,
        .n_account_scores = 3,
        .account_tracks = account_tracks,
        .n_account_tracks = 1,
        .committee = {.present = true, .window_ms = DAY_MS},
};

static ViewFieldsBuffer *buffer;
static Lead *lead;
static Account *account;
static ViewWrite made;

static void setup(void) {
    ck_assert_int_eq(view_fields_new(true, &buffer), 0);
    ck_assert_int_eq(lead_new(&model, STR_LITERAL("lead-1"), &lead), 0);
    lead_begin(lead, &model, NOW_MS);
    ck_assert_int_eq(account_new(&model, STR_LITERAL("acme"), &account), 0);
    account_begin(account, &model, NOW_MS);
}

static void teardown(void) {
    account = account_free(account);
    lead = lead_free(lead);
    buffer = view_fields_free(buffer);
}

static void make(void) {
    ck_assert_int_eq(view_fields_make(buffer, &model, lead, &made), 0);
}

static void make_account(void) {
    ck_assert_int_eq(view_fields_make_account(buffer, &model, account, &made), 0);
}

/* Points of a member, given at the account's clock. */
static void give(const char *lead_id, unsigned score, double points) {
    Member *member;
    ck_assert_int_eq(account_add(account, str_from(lead_id), &member), 0);
    int r = account_award(account, &model, member, score, points, account->clock_ms, account->clock_ms);
    ck_assert_int_eq(r, 0);
}

/* The field's value as a C string; "(absent)". */
static const char *field(const char *name) {
    static char text[200];
    for (size_t i = 0; i < made.n_fields; i++)
        if (str_eq_c(made.fields[i].name, name)) {
            snprintf(text, sizeof(text), "%.*s", STR_FMT(made.fields[i].value));
            return text;
        }
    return "(absent)";
}

START_TEST(fields_of_a_new_lead) {
    make();
    ck_assert_int_eq(made.kind, ENTITY_LEAD);
    ck_assert(str_eq_c(made.id, "lead-1"));
    ck_assert(str_is_null(made.record));
    ck_assert_int_eq(made.moment_ms, TIME_NEVER);
    ck_assert_str_eq(field("clock"), "1767225600000");
    ck_assert_str_eq(field("stage:lifecycle"), "lead");
    ck_assert_str_eq(field("since:lifecycle"), "1767225600000");
    ck_assert_str_eq(field("segment"), "default");
    ck_assert_str_eq(field("score:fit"), "0");
    ck_assert_str_eq(field("at:fit"), "(absent)");
    ck_assert_str_eq(field("score:intent"), "0");
    ck_assert_str_eq(field("at:intent"), "1767225600000");
    static const char *const absent[] = {
            "account", "route", "first_source", "last_source", "sla:accept", "next_moment"};
    for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
        ck_assert_str_eq(field(absent[i]), "(absent)");
}
END_TEST

START_TEST(fields_follow_the_lead) {
    lead->segment = 0;
    lead->route = 0;
    lead->tracks[0].stage = 1;
    lead->tracks[0].stages[1].entered_at_ms = NOW_MS - 5;
    lead->clock_ms = NOW_MS + 7;
    lead->next_internal_ms = NOW_MS + 99;
    ck_assert_int_eq(str_set(&lead->account_id, STR_LITERAL("acme")), 0);
    ck_assert_int_eq(str_set(&lead->first_source, STR_LITERAL("google")), 0);
    ck_assert_int_eq(str_set(&lead->last_source, STR_LITERAL("")), 0);
    lead->scores[1] = (ScoreState){.value = 12.5, .at_ms = NOW_MS - 1};
    make();
    ck_assert_int_eq(made.moment_ms, NOW_MS + 99);
    ck_assert_str_eq(field("next_moment"), "1767225600099");
    ck_assert_str_eq(field("clock"), "1767225600007");
    ck_assert_str_eq(field("segment"), "vip");
    ck_assert_str_eq(field("route"), "ae-emea");
    ck_assert_str_eq(field("stage:lifecycle"), "mql");
    ck_assert_str_eq(field("since:lifecycle"), "1767225599995");
    ck_assert_str_eq(field("account"), "acme");
    ck_assert_str_eq(field("first_source"), "google");
    ck_assert_str_eq(field("last_source"), "");
    ck_assert_str_eq(field("score:engagement"), "12.5");
    ck_assert_str_eq(field("at:engagement"), "1767225599999");
}
END_TEST

/* What was made outlives the lead, and survives making more. */
START_TEST(nothing_is_borrowed_from_the_lead) {
    ck_assert_int_eq(str_set(&lead->account_id, STR_LITERAL("acme")), 0);
    make();
    lead = lead_free(lead);
    for (int i = 0; i < 1000; i++) {
        ViewWrite other;
        ck_assert_int_eq(lead_new(&model, STR_LITERAL("other"), &lead), 0);
        lead_begin(lead, &model, NOW_MS);
        ck_assert_int_eq(view_fields_make(buffer, &model, lead, &other), 0);
        lead = lead_free(lead);
    }
    ck_assert(str_eq_c(made.id, "lead-1"));
    ck_assert_str_eq(field("account"), "acme");
    ck_assert_str_eq(field("clock"), "1767225600000");
}
END_TEST

START_TEST(buffer_can_be_used_again) {
    for (int i = 0; i < 3; i++) {
        view_fields_reset(buffer);
        make();
        ck_assert_str_eq(field("stage:lifecycle"), "lead");
    }
}
END_TEST

#define A54 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static const struct {
    SlaClock clock;
    const char *expected;
} clock_rows[] = {
        {{.phase = SLA_PHASE_OPEN, .started_at_ms = 5, .due_at_ms = 10}, "5/10/0"},
        {{.phase = SLA_PHASE_OPEN, .started_at_ms = 5, .due_at_ms = 10, .breached = true}, "5/10/1"},
        {{.phase = SLA_PHASE_OPEN, .started_at_ms = 5, .due_at_ms = TIME_NEVER}, "5/never/0"},
        {{.phase = SLA_PHASE_OPEN, .started_at_ms = 5, .due_at_ms = 10, .calendar = 1}, "5/10/0/us-east"},
        {{.phase = SLA_PHASE_OPEN, .started_at_ms = 5, .due_at_ms = 10, .calendar = 2},
                "5/10/0/" A54 "\xe2\x80\xa6"},
        {{.phase = SLA_PHASE_REVISABLE, .started_at_ms = 5, .due_at_ms = 10, .breached = true}, "(absent)"},
        {{.phase = SLA_PHASE_NONE}, "(absent)"},
};

START_TEST(open_clocks_are_shown) {
    lead->clocks[1] = clock_rows[_i].clock;
    make();
    ck_assert_str_eq(field("sla:speed"), clock_rows[_i].expected);
    ck_assert_str_eq(field("sla:accept"), "(absent)");
}
END_TEST

/* While a clock is paused there is no instant to show, unless it was due before. */
START_TEST(paused_clock_shows_no_due_instant) {
    SlaClock *clock = &lead->clocks[1];
    sla_clock_start(clock, &model, 1, 5, 0);
    ck_assert_int_eq(sla_clock_pause(clock, sla_terms(clock, &model, 1), 12), 0);
    make();
    ck_assert_str_eq(field("sla:speed"), "5/10/0");
    sla_clock_start(clock, &model, 1, 5, 1);
    ck_assert_int_eq(sla_clock_pause(clock, sla_terms(clock, &model, 1), 9), 0);
    make();
    ck_assert_str_eq(field("sla:speed"), "5/paused/0/us-east");
}
END_TEST

static const struct {
    double value;
    const char *expected;
} number_rows[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-1, "-1"},
        {100, "100"},
        {0.5, "0.5"},
        {-12.345678, "-12.345678"},
        {1.0 / 3, "0.333333"},
        {2.0 / 3, "0.666667"},
        {99.9999999, "100"},
        {1e-7, "0"},
        {-1e-7, "0"},
        {0.000001, "0.000001"},
        {999999999.5, "999999999.5"},
        {9999999999.5, "10000000000"},
        {1e12, "1000000000000"},
        {-4e18, "-4000000000000000000"},
        {1e300, "(absent)"},
        {INFINITY, "(absent)"},
        {NAN, "(absent)"},
};

START_TEST(numbers_have_at_most_six_decimals) {
    lead->scores[0].value = number_rows[_i].value;
    make();
    ck_assert_str_eq(field("score:fit"), number_rows[_i].expected);
}
END_TEST

#define A61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static const struct {
    const char *value, *expected;
} text_rows[] = {
        {A61 "bcd", A61 "bcd"},
        {A61 "bcde", A61 "\xe2\x80\xa6"},
        {A61 "\xc3\xa9\xc3\xa9\xc3\xa9", A61 "\xe2\x80\xa6"},
        {"\xc3\xa9" A61 "xyz", "\xc3\xa9"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                               "\xe2\x80\xa6"},
};

START_TEST(long_texts_are_cut_with_a_mark) {
    ck_assert_int_eq(str_set(&lead->account_id, str_from(text_rows[_i].value)), 0);
    make();
    ck_assert_str_eq(field("account"), text_rows[_i].expected);
    ck_assert_uint_le(strlen(field("account")), VIEW_FIELD_LEN_MAX);
}
END_TEST

START_TEST(long_names_are_cut_and_kept_apart) {
    make();
    size_t n_long = 0;
    for (size_t i = 0; i < made.n_fields; i++) {
        ck_assert_uint_le(made.fields[i].name.len, VIEW_FIELD_LEN_MAX);
        n_long += made.fields[i].name.len == VIEW_FIELD_LEN_MAX;
        for (size_t j = 0; j < i; j++)
            ck_assert(!str_eq(made.fields[i].name, made.fields[j].name));
    }
    ck_assert_uint_eq(n_long, 4); /* stage and since of two tracks */
    ck_assert_str_eq(field("stage:a-name-as-long-as-the-model-takes-it-which-is-six~a3e120aa"), "lead");
}
END_TEST

START_TEST(no_more_fields_than_a_listpack_takes) {
    static Score many_scores[MODEL_SCORES_MAX];
    static Track many_tracks[MODEL_TRACKS_MAX];
    static SlaPolicy many_policies[MODEL_POLICIES_MAX];
    static char ids[MODEL_SCORES_MAX][4];
    Model large = {.segments = segments, .routes = routes, .n_routes = 1};
    large.scores = many_scores;
    large.n_scores = MODEL_SCORES_MAX;
    large.tracks = many_tracks;
    large.n_tracks = MODEL_TRACKS_MAX;
    large.policies = many_policies;
    large.n_policies = MODEL_POLICIES_MAX;
    for (size_t i = 0; i < MODEL_SCORES_MAX; i++) {
        Str id = {ids[i], (size_t)snprintf(ids[i], sizeof(ids[i]), "x%zu", i % 100)};
        many_scores[i] = (Score){.id = id, .decay = {DECAY_HALF_LIFE, DAY_MS}};
        if (i < MODEL_TRACKS_MAX)
            many_tracks[i] = (Track){.id = id, .stages = stages, .n_stages = 2};
        many_policies[i] = (SlaPolicy){.id = id};
    }

    Lead *full = NULL;
    ck_assert_int_eq(lead_new(&large, STR_LITERAL("full"), &full), 0);
    lead_begin(full, &large, NOW_MS);
    full->next_sla_ms = NOW_MS;
    full->route = 0;
    ck_assert_int_eq(str_set(&full->account_id, STR_LITERAL("acme")), 0);
    ck_assert_int_eq(str_set(&full->last_source, STR_LITERAL("google")), 0);
    for (size_t i = 0; i < MODEL_POLICIES_MAX; i++)
        full->clocks[i] = (SlaClock){.phase = SLA_PHASE_OPEN};
    ck_assert_int_eq(view_fields_make(buffer, &large, full, &made), 0);
    ck_assert_uint_eq(made.n_fields, VIEW_FIELDS_MAX);
    ck_assert_str_eq(field("sla:x31"), "0/0/0");
    ck_assert_str_eq(field("since:x0"), "1767225600000");
    ck_assert_str_eq(field("last_source"), "(absent)");
    ck_assert_uint_eq(made.n_ranks, MODEL_SCORES_MAX);
    lead_free(full);
}
END_TEST

/* It is another name for a lead, and must not be taken for one: whatever it was is gone from all boards. */
START_TEST(merged_lead_says_into_whom_and_nothing_else) {
    lead->scores[1].value = 50;
    lead->next_internal_ms = NOW_MS + 1;
    ck_assert_int_eq(str_set(&lead->merged_into, STR_LITERAL("lead-2")), 0);
    make();
    ck_assert(str_eq_c(made.id, "lead-1"));
    ck_assert_uint_eq(made.n_fields, 1);
    ck_assert_str_eq(field("merged_into"), "lead-2");
    ck_assert_int_eq(made.moment_ms, TIME_NEVER);
    ck_assert_uint_eq(made.n_ranks, 5);
    for (unsigned i = 0; i < made.n_ranks; i++) {
        ck_assert_uint_eq(made.ranks[i].rank, i);
        ck_assert(made.ranks[i].score == -INFINITY);
    }
}
END_TEST

/* ---- accounts ---- */

START_TEST(fields_of_a_new_account) {
    make_account();
    ck_assert_int_eq(made.kind, ENTITY_ACCOUNT);
    ck_assert(str_eq_c(made.id, "acme"));
    ck_assert(str_is_null(made.record));
    ck_assert_int_eq(made.moment_ms, TIME_NEVER);
    ck_assert_str_eq(field("clock"), "1767225600000");
    ck_assert_str_eq(field("members"), "0");
    ck_assert_str_eq(field("committee"), "0");
    ck_assert_str_eq(field("stage:lifecycle"), "unaware");
    ck_assert_str_eq(field("since:lifecycle"), "1767225600000");
    ck_assert_str_eq(field("score:fit"), "0");
    ck_assert_str_eq(field("at:fit"), "(absent)");
    ck_assert_str_eq(field("score:engagement"), "0");
    ck_assert_str_eq(field("next_moment"), "(absent)");
    ck_assert_uint_eq(made.n_fields, 10);
    ck_assert_uint_eq(made.n_ranks, 3);
    for (unsigned i = 0; i < made.n_ranks; i++)
        ck_assert(made.ranks[i].rank == i && made.ranks[i].score == -INFINITY);
}
END_TEST

START_TEST(fields_follow_the_account) {
    give("ann", 0, 30);
    give("ann", 1, 8);
    give("bea", 1, 24.5);
    give("bea", 2, 64);
    account_find(account, STR_LITERAL("ann"))->committee_at_ms = NOW_MS;
    account_find(account, STR_LITERAL("bea"))->committee_at_ms = NOW_MS - DAY_MS + 1;
    account->tracks[0].stage = 1;
    account->tracks[0].stages[1].entered_at_ms = NOW_MS - 5;
    account->next_internal_ms = NOW_MS + 99;
    make_account();
    ck_assert_int_eq(made.moment_ms, NOW_MS + 99);
    ck_assert_str_eq(field("next_moment"), "1767225600099");
    ck_assert_str_eq(field("members"), "2");
    ck_assert_str_eq(field("committee"), "2");
    ck_assert_str_eq(field("stage:lifecycle"), "engaged");
    ck_assert_str_eq(field("since:lifecycle"), "1767225599995");
    ck_assert_str_eq(field("score:fit"), "30");
    ck_assert_str_eq(field("score:engagement"), "32.5");
    ck_assert_str_eq(field("at:engagement"), "1767225600000");
    ck_assert_str_eq(field("score:recent"), "64");
    ck_assert_str_eq(field("at:recent"), "1767225600000");

    account->clock_ms = NOW_MS + 2 * DAY_MS; /* a half-life, and two steps of the linear one */
    make_account();
    ck_assert_str_eq(field("committee"), "0");
    ck_assert_str_eq(field("score:fit"), "30");
    ck_assert_str_eq(field("score:engagement"), "16.25");
    ck_assert_str_eq(field("at:engagement"), "1767398400000");
    ck_assert_str_eq(field("at:recent"), "1767398400000");
}
END_TEST

START_TEST(nothing_is_borrowed_from_the_account) {
    give("ann", 0, 30);
    make_account();
    account = account_free(account);
    ck_assert_int_eq(account_new(&model, STR_LITERAL("other"), &account), 0);
    for (int i = 0; i < 1000; i++) {
        ViewWrite other;
        ck_assert_int_eq(view_fields_make_account(buffer, &model, account, &other), 0);
    }
    ck_assert(str_eq_c(made.id, "acme"));
    ck_assert_str_eq(field("score:fit"), "30");
}
END_TEST

START_TEST(account_with_all_that_a_model_can_have_fits) {
    static AccountScore many_scores[MODEL_ACCOUNT_SCORES_MAX];
    static Track many_tracks[MODEL_TRACKS_MAX];
    static char ids[MODEL_TRACKS_MAX][4];
    Model large = {.account_scores = many_scores, .account_tracks = many_tracks, .has_accounts = true};
    large.n_account_scores = MODEL_ACCOUNT_SCORES_MAX;
    large.n_account_tracks = MODEL_TRACKS_MAX;
    for (size_t i = 0; i < MODEL_TRACKS_MAX; i++) {
        Str id = {ids[i], (size_t)snprintf(ids[i], sizeof(ids[i]), "x%zu", i % 100)};
        many_scores[i] = (AccountScore){.id = id, .decay = {DECAY_HALF_LIFE, DAY_MS}, .max = INFINITY};
        many_tracks[i] = (Track){.id = id, .stages = account_stages, .n_stages = 2};
    }
    Account *full = NULL;
    ck_assert_int_eq(account_new(&large, STR_LITERAL("full"), &full), 0);
    account_begin(full, &large, NOW_MS);
    full->next_internal_ms = NOW_MS;
    ck_assert_int_eq(view_fields_make_account(buffer, &large, full, &made), 0);
    ck_assert_uint_eq(made.n_fields, 4 + 2 * MODEL_TRACKS_MAX + 2 * MODEL_ACCOUNT_SCORES_MAX);
    ck_assert_str_eq(field("since:x15"), "1767225600000");
    ck_assert_uint_eq(made.n_ranks, MODEL_ACCOUNT_SCORES_MAX);
    account_free(full);
}
END_TEST

/* ---- boards ---- */

static double rank(unsigned board) {
    ck_assert_uint_eq(made.ranks[board].rank, board);
    return made.ranks[board].score;
}

START_TEST(boards_are_the_derived_scores) {
    const char *names[VIEW_BOARDS_MAX];
    ck_assert_uint_eq(view_fields_boards(&model, ENTITY_LEAD, names), 5);
    ck_assert_str_eq(names[2], "total");
    Model plain = model;
    plain.n_derived = 0;
    ck_assert_uint_eq(view_fields_boards(&plain, ENTITY_LEAD, names), 3);
    ck_assert_str_eq(names[2], "intent");
    ck_assert_uint_eq(view_fields_boards(&model, ENTITY_ACCOUNT, names), 3);
    ck_assert_str_eq(names[2], "recent");
    plain.n_account_scores = 0;
    ck_assert_uint_eq(view_fields_boards(&plain, ENTITY_ACCOUNT, names), 0);
}
END_TEST

START_TEST(rank_goes_by_the_longest_half_life) {
    lead->scores[0].value = 20;
    lead->scores[1].value = 32;
    lead->scores[2].value = 16;
    lead->tracks[0].stages[0].entered_at_ms = NOW_MS - 2;
    make();
    double week = (double)NOW_MS / (double)(7 * DAY_MS);
    ck_assert_double_eq_tol(rank(0), log2(48) + week, 1e-9);
    ck_assert_double_eq_tol(rank(1), 5 + week, 1e-9);
    ck_assert_double_eq_tol(rank(2), log2(68), 1e-9); /* a part does not decay */
    ck_assert_double_eq_tol(rank(3), log2(64), 1e-9); /* time counts */
    ck_assert_double_eq_tol(rank(4), 3, 1e-9);
}
END_TEST

START_TEST(rank_of_one_half_life_needs_no_decaying) {
    lead->scores[1] = (ScoreState){.value = 40, .at_ms = NOW_MS};
    make();
    double before = rank(1);
    lead->clock_ms = NOW_MS + 3 * DAY_MS; /* something else happened */
    make();
    ck_assert_double_eq_tol(rank(1), before, 1e-9);
    /* and it is an upper bound of the value where half-lives are mixed */
    int64_t later_ms = NOW_MS + 30 * DAY_MS;
    lead->clock_ms = NOW_MS;
    lead->scores[2] = (ScoreState){.value = 30, .at_ms = NOW_MS};
    make();
    double bound = exp2(rank(0) - (double)later_ms / (double)(7 * DAY_MS));
    ck_assert_double_ge(bound, lead_score(lead, &model, 1, later_ms) + lead_score(lead, &model, 2, later_ms));
}
END_TEST

static const struct {
    double value;
    bool is_on;
} floor_rows[] = {{1, true}, {0.999, false}, {0, false}, {-5, false}, {NAN, false}, {1e6, true}};

START_TEST(low_values_are_not_on_the_board) {
    lead->scores[1].value = floor_rows[_i].value;
    make();
    ck_assert(isfinite(rank(1)) == floor_rows[_i].is_on);
    ck_assert(floor_rows[_i].is_on || rank(1) == -INFINITY);
}
END_TEST

START_TEST(value_that_is_no_number_is_not_on_the_board) {
    constant_code[0].constant = VALUE_NONE;
    make();
    ck_assert(rank(4) == -INFINITY);
}
END_TEST

START_TEST(without_derived_scores_each_score_has_a_board) {
    model.n_derived = 0;
    lead->scores[0].value = 4;
    lead->scores[2].value = 8;
    make();
    ck_assert_uint_eq(made.n_ranks, 3);
    ck_assert_double_eq_tol(rank(0), 2, 1e-9);
    ck_assert(rank(1) == -INFINITY);
    ck_assert_double_eq_tol(rank(2), 3 + (double)NOW_MS / (double)(2 * DAY_MS), 1e-9);
}
END_TEST

START_TEST(rank_of_an_account_goes_by_the_score_s_half_life) {
    give("ann", 0, 8);
    give("ann", 1, 16);
    give("bea", 1, 16);
    give("bea", 2, 4);
    make_account();
    ck_assert_double_eq_tol(rank(0), 3, 1e-9);
    ck_assert_double_eq_tol(rank(1), 5 + (double)NOW_MS / (double)(2 * DAY_MS), 1e-9);
    ck_assert_double_eq_tol(rank(2), 2, 1e-9);
    double before = rank(1);
    account->clock_ms = NOW_MS + 3 * DAY_MS;
    make_account();
    ck_assert_double_eq_tol(rank(1), before, 1e-9);
}
END_TEST

/* Who is further above the maximum stays there for longer. */
START_TEST(rank_of_an_account_knows_no_maximum) {
    give("ann", 1, 64);
    make_account();
    ck_assert_str_eq(field("score:engagement"), "48");
    double less = rank(1);
    give("bea", 1, 64);
    make_account();
    ck_assert_str_eq(field("score:engagement"), "48");
    ck_assert_double_eq_tol(rank(1), less + 1, 1e-9);
}
END_TEST

START_TEST(info_tells_how_to_compute_with_the_fields) {
    size_t n = 0;
    ck_assert_int_eq(view_fields_info(buffer, &model, &made.fields, &n), 0);
    made.n_fields = n;
    ck_assert_str_eq(field("model"), "acme");
    ck_assert_str_eq(field("model_version"), "3");
    ck_assert_str_eq(field("half_life:engagement"), "604800000");
    ck_assert_str_eq(field("half_life:fit"), "(absent)");
    ck_assert_str_eq(field("derived:total"), "fit + warm");
    ck_assert_str_eq(field("board:warm"), "604800000");
    ck_assert_str_eq(field("board:total"), "0");
    ck_assert_str_eq(field("board:constant"), "0");
    ck_assert_str_eq(field("account_half_life:engagement"), "172800000");
    ck_assert_str_eq(field("account_half_life:fit"), "(absent)");
    ck_assert_str_eq(field("account_half_life:recent"), "(absent)");
    ck_assert_str_eq(field("account_board:engagement"), "172800000");
    ck_assert_str_eq(field("account_board:fit"), "0");
    ck_assert_str_eq(field("account_board:recent"), "0");
}
END_TEST

START_TEST(erasure_has_the_id_only) {
    EntityKind kind = (EntityKind)_i;
    ck_assert_int_eq(view_fields_make_erasure(buffer, kind, STR_LITERAL("lead-1"), &made), 0);
    ck_assert_int_eq(made.kind, kind);
    ck_assert_int_eq(made.moment_ms, TIME_NEVER);
    ck_assert(str_eq_c(made.id, "lead-1"));
    ck_assert(str_is_null(made.record));
    ck_assert_uint_eq(made.n_fields + made.n_ranks, 0);
}
END_TEST

/* Of a lead, one that was merged, an account. */
START_TEST(without_hashes_only_the_fields_are_missing) {
    ViewWrite whole;
    lead->scores[0].value = 20;
    lead->next_internal_ms = NOW_MS + 1;
    if (_i == 1)
        ck_assert_int_eq(str_set(&lead->merged_into, STR_LITERAL("lead-2")), 0);
    ViewFieldsBuffer *lean = NULL;
    ck_assert_int_eq(view_fields_new(false, &lean), 0);
    if (_i == 2) {
        ck_assert_int_eq(view_fields_make_account(buffer, &model, account, &whole), 0);
        ck_assert_int_eq(view_fields_make_account(lean, &model, account, &made), 0);
    } else {
        ck_assert_int_eq(view_fields_make(buffer, &model, lead, &whole), 0);
        ck_assert_int_eq(view_fields_make(lean, &model, lead, &made), 0);
    }
    ck_assert_uint_gt(whole.n_fields, 0);
    ck_assert_uint_eq(made.n_fields, 0);
    ck_assert(str_eq(made.id, whole.id) && made.kind == whole.kind);
    ck_assert_int_eq(made.moment_ms, whole.moment_ms);
    ck_assert_uint_eq(made.n_ranks, whole.n_ranks);
    for (size_t i = 0; i < whole.n_ranks; i++)
        ck_assert(made.ranks[i].rank == whole.ranks[i].rank && made.ranks[i].score == whole.ranks[i].score);
    view_fields_free(lean);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("view_fields");
    TCase *tcase = tcase_create("view_fields");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, fields_of_a_new_lead);
    tcase_add_test(tcase, fields_follow_the_lead);
    tcase_add_test(tcase, nothing_is_borrowed_from_the_lead);
    tcase_add_test(tcase, buffer_can_be_used_again);
    tcase_add_loop_test(tcase, open_clocks_are_shown, 0, ARRAY_SIZE(clock_rows));
    tcase_add_test(tcase, paused_clock_shows_no_due_instant);
    tcase_add_loop_test(tcase, numbers_have_at_most_six_decimals, 0, ARRAY_SIZE(number_rows));
    tcase_add_loop_test(tcase, long_texts_are_cut_with_a_mark, 0, ARRAY_SIZE(text_rows));
    tcase_add_test(tcase, long_names_are_cut_and_kept_apart);
    tcase_add_test(tcase, no_more_fields_than_a_listpack_takes);
    tcase_add_test(tcase, merged_lead_says_into_whom_and_nothing_else);
    tcase_add_loop_test(tcase, without_hashes_only_the_fields_are_missing, 0, 3);
    tcase_add_test(tcase, fields_of_a_new_account);
    tcase_add_test(tcase, fields_follow_the_account);
    tcase_add_test(tcase, nothing_is_borrowed_from_the_account);
    tcase_add_test(tcase, account_with_all_that_a_model_can_have_fits);
    tcase_add_test(tcase, boards_are_the_derived_scores);
    tcase_add_test(tcase, rank_goes_by_the_longest_half_life);
    tcase_add_test(tcase, rank_of_one_half_life_needs_no_decaying);
    tcase_add_loop_test(tcase, low_values_are_not_on_the_board, 0, ARRAY_SIZE(floor_rows));
    tcase_add_test(tcase, value_that_is_no_number_is_not_on_the_board);
    tcase_add_test(tcase, without_derived_scores_each_score_has_a_board);
    tcase_add_test(tcase, rank_of_an_account_goes_by_the_score_s_half_life);
    tcase_add_test(tcase, rank_of_an_account_knows_no_maximum);
    tcase_add_test(tcase, info_tells_how_to_compute_with_the_fields);
    tcase_add_loop_test(tcase, erasure_has_the_id_only, 0, _ENTITY_KIND_MAX);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
