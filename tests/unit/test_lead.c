/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "lib/base/owned.h"
#include "lib/base/uuid.h"
#include "lib/lead/lead.h"
#include "lib/lead/sla_clock.h"
#include "tests/unit/suite.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define BEGIN_MS INT64_C(1767225600000) /* 2026-01-01 */

static Stage stages[] = {{.id = STR_LITERAL("lead")}, {.id = STR_LITERAL("mql")}, {.id = STR_LITERAL("sql")}};
static Track tracks[] = {
        {.id = STR_LITERAL("lifecycle"), .initial = 0, .stages = stages, .n_stages = 3},
        {.id = STR_LITERAL("temperature"), .initial = 1, .stages = stages, .n_stages = 2},
};
static Score scores[] = {
        {.id = STR_LITERAL("fit"), .decay = {.kind = DECAY_NONE}, .bounds = {-INFINITY, INFINITY}},
        {.id = STR_LITERAL("engagement"), .decay = {DECAY_HALF_LIFE, 7 * DAY_MS}, .bounds = {0, 100}},
};
static SlaPolicy policies[] = {{.id = STR_LITERAL("accept"), .target_ms = 3600000}};
static const Model model = {
        .scores = scores,
        .n_scores = 2,
        .tracks = tracks,
        .n_tracks = 2,
        .policies = policies,
        .n_policies = 1,
        .n_segments = 2,
};

static Lead *new_lead(void) {
    Lead *lead = NULL;
    ck_assert_int_eq(lead_new(&model, STR_LITERAL("lead-1"), &lead), 0);
    return lead;
}

/* ---- decay ---- */

static const Decay week = {DECAY_HALF_LIFE, 7 * DAY_MS};
static const Decay millisecond = {DECAY_HALF_LIFE, 1};
static const Decay no_decay = {.kind = DECAY_NONE};

static const struct {
    const Decay *decay;
    int64_t from_ms, at_ms;
    double factor;
} decay_rows[] = {
        {&week, BEGIN_MS, BEGIN_MS, 1},
        {&week, BEGIN_MS, BEGIN_MS + 7 * DAY_MS, 0.5},
        {&week, BEGIN_MS, BEGIN_MS + 70 * DAY_MS, 1.0 / 1024},
        {&week, BEGIN_MS, BEGIN_MS - 7 * DAY_MS, 2},
        {&week, BEGIN_MS, BEGIN_MS - 21 * DAY_MS, 8},
        {&week, 0, EVENT_TIME_MS_MAX, 0},
        {&week, TIME_NONE, TIME_NEVER, 0},
        {&millisecond, BEGIN_MS, BEGIN_MS + 1, 0.5},
        {&millisecond, BEGIN_MS, BEGIN_MS + 1100, 0},
        {&no_decay, BEGIN_MS, BEGIN_MS, 1},
        {&no_decay, BEGIN_MS, BEGIN_MS + 1000 * DAY_MS, 1},
        {&no_decay, TIME_NONE, TIME_NEVER, 1},
        {&no_decay, TIME_NEVER, TIME_NONE, 1},
};

START_TEST(factor_is_exact_at_whole_half_lives) {
    double factor = decay_factor(decay_rows[_i].decay, decay_rows[_i].from_ms, decay_rows[_i].at_ms);
    ck_assert_double_eq(factor, decay_rows[_i].factor);
}
END_TEST

START_TEST(one_millisecond_makes_a_difference) {
    Decay century = {DECAY_HALF_LIFE, 36500 * DAY_MS};
    ck_assert_double_lt(decay_factor(&century, BEGIN_MS, BEGIN_MS + 1), 1);
    ck_assert_double_gt(decay_factor(&century, BEGIN_MS + 1, BEGIN_MS), 1);
}
END_TEST

START_TEST(dating_back_never_gets_infinite) {
    ck_assert(isfinite(decay_factor(&millisecond, EVENT_TIME_MS_MAX, 0)));
    ck_assert(isfinite(decay_factor(&millisecond, TIME_NEVER, TIME_NONE)));
    ck_assert_double_gt(decay_factor(&millisecond, BEGIN_MS, BEGIN_MS - 2000), 1);
}
END_TEST

/* ---- event keys ---- */

START_TEST(uuid_is_its_own_key) {
    static const uint8_t bytes[16] = {
            0x01, 0x8c, 0x2f, 0x60, 0xab, 0xcd, 0x7e, 0xf0, 0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    EventKey key = event_key(event_id_of(STR_LITERAL("018c2f60-abcd-7ef0-8123-456789abcdef")));
    ck_assert_mem_eq(key.bytes, bytes, sizeof(bytes));
}
END_TEST

static const char *const hashed_ids[] = {
        "",
        "a",
        "018C2F60-ABCD-7EF0-8123-456789ABCDEF", /* as a string it is another id than the one in lower case */
        "018c2f60abcd7ef08123456789abcdef",
        "018c2f60-abcd-7ef0-8123-456789abcdef ",
        "{018c2f60-abcd-7ef0-8123-456789abcde}",
        "kafka-0000000000000000000000000000000000000000000000000000000042",
};

START_TEST(other_ids_have_keys_of_their_own) {
    EventKey key = event_key(event_id_of(str_from(hashed_ids[_i])));
    EventKey again = event_key(event_id_of(str_from(hashed_ids[_i])));
    ck_assert_mem_eq(key.bytes, again.bytes, sizeof(key.bytes));
    EventKey uuid = event_key(event_id_of(STR_LITERAL("018c2f60-abcd-7ef0-8123-456789abcdef")));
    ck_assert_mem_ne(key.bytes, uuid.bytes, sizeof(key.bytes));
    for (size_t i = 0; i < ARRAY_SIZE(hashed_ids); i++) {
        EventKey other = event_key(event_id_of(str_from(hashed_ids[i])));
        ck_assert((int)i == _i || memcmp(key.bytes, other.bytes, sizeof(key.bytes)) != 0);
    }
}
END_TEST

/* Stored records hold such keys: the hash must be the same in every version and on every machine. */
START_TEST(hashed_key_is_stable) {
    static const uint8_t of_empty[16] = {
            0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
    EventKey key = event_key(event_id_of(STR_LITERAL("")));
    ck_assert_mem_eq(key.bytes, of_empty, sizeof(of_empty));
}
END_TEST

/* ---- beginnings ---- */

START_TEST(new_lead_has_no_history) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    ck_assert(str_eq_c(lead->lead_id, "lead-1"));
    ck_assert(lead->clock_ms == TIME_NONE);
    ck_assert(str_is_null(lead->account_id));
    ck_assert(str_is_null(lead->first_source) && str_is_null(lead->last_source));
    ck_assert(lead->latest_activity_ms == TIME_NONE && lead->first_source_at_ms == TIME_NONE);
    ck_assert_uint_eq(lead->segment, model.n_segments);
    ck_assert_int_eq(lead->route, ROUTE_NONE);
    ck_assert(lead_next_moment(lead) == TIME_NEVER);
    ck_assert_uint_eq(lead->n_seen + lead->n_awards + lead->n_profile, 0);
    for (unsigned i = 0; i < model.n_scores; i++)
        ck_assert_double_eq(lead_score(lead, &model, i, BEGIN_MS), 0);
    for (size_t i = 0; i < model.n_tracks; i++)
        for (size_t j = 0; j < model.tracks[i].n_stages; j++) {
            ck_assert(lead->tracks[i].stages[j].entered_at_ms == TIME_NONE);
            ck_assert(lead->tracks[i].stages[j].left_at_ms == TIME_NONE);
            ck_assert_uint_eq(lead->tracks[i].stages[j].entries, 0);
        }
    ck_assert_int_eq(lead->clocks[0].phase, SLA_PHASE_NONE);
}
END_TEST

START_TEST(lead_begins_in_the_initial_stages) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    lead_begin(lead, &model, BEGIN_MS);
    ck_assert_int_eq(lead->clock_ms, BEGIN_MS);
    for (size_t i = 0; i < model.n_tracks; i++) {
        const TrackState *track = &lead->tracks[i];
        ck_assert_uint_eq(track->stage, model.tracks[i].initial);
        ck_assert_uint_eq(track->sequence, 0);
        for (size_t j = 0; j < model.tracks[i].n_stages; j++) {
            bool initial = j == track->stage;
            ck_assert(track->stages[j].entered_at_ms == (initial ? BEGIN_MS : TIME_NONE));
            ck_assert(track->stages[j].left_at_ms == TIME_NONE);
            ck_assert_uint_eq(track->stages[j].entries, initial);
        }
    }
}
END_TEST

START_TEST(model_without_anything_makes_a_lead) {
    Model empty = {0};
    _cleanup_(lead_free) Lead *lead = NULL;
    ck_assert_int_eq(lead_new(&empty, STR_LITERAL("x"), &lead), 0);
    lead_begin(lead, &empty, BEGIN_MS);
    ck_assert_uint_gt(lead_memory(lead, &empty), sizeof(Lead));
}
END_TEST

/* ---- rings ---- */

static EventKey numbered_key(unsigned n) {
    char id[32];
    snprintf(id, sizeof(id), "event-%u", n);
    return event_key(event_id_of(str_from(id)));
}

/* How many are put in; the rings grow at 4, 8, 16, … and turn at their maximum. */
static const unsigned ring_counts[] = {0, 1, 4, 5, 31, 32, 33, 63, 64, 65, 100, 128, 129, 1000};

START_TEST(seen_ring_keeps_the_latest) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    unsigned n = ring_counts[_i];
    for (unsigned i = 0; i < n; i++) {
        ck_assert(!lead_has_seen(lead, numbered_key(i)));
        ck_assert_int_eq(lead_add_seen(lead, numbered_key(i)), 0);
    }
    unsigned n_kept = MIN(n, (unsigned)LEAD_SEEN_MAX);
    ck_assert_uint_eq(lead->n_seen, n_kept);
    for (unsigned i = 0; i < n; i++)
        ck_assert_int_eq(lead_has_seen(lead, numbered_key(i)), i >= n - n_kept);
    for (unsigned i = 0; i < n_kept; i++) {
        EventKey key = numbered_key(n - n_kept + i);
        ck_assert_mem_eq(lead_seen(lead, i)->bytes, key.bytes, sizeof(key.bytes));
    }
}
END_TEST

START_TEST(award_ring_keeps_the_latest) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    unsigned n = ring_counts[_i];
    for (unsigned i = 0; i < n; i++) {
        GivenAward award = {.rule = (uint16_t)i, .points = i, .event_id = event_id_of(STR_LITERAL("e"))};
        ck_assert_int_eq(lead_add_award(lead, &award), 0);
    }
    unsigned n_kept = MIN(n, (unsigned)LEAD_AWARDS_MAX);
    ck_assert_uint_eq(lead->n_awards, n_kept);
    for (unsigned i = 0; i < n_kept; i++)
        ck_assert_uint_eq(lead_award(lead, i)->rule, n - n_kept + i);
}
END_TEST

START_TEST(rings_take_no_more_than_they_need) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    GivenAward award = {.event_id = event_id_of(STR_LITERAL("e"))};
    ck_assert_int_eq(lead_add_seen(lead, numbered_key(1)), 0);
    ck_assert_int_eq(lead_add_award(lead, &award), 0);
    ck_assert_uint_lt(lead->n_seen_alloc, 8);
    ck_assert_uint_lt(lead->n_awards_alloc, 8);
}
END_TEST

/* ---- profile and strings ---- */

START_TEST(profile_is_sorted_and_found) {
    static const char *const names[] = {"m", "b", "", "z", "bb", "a", "B", "y"};
    _cleanup_(lead_free) Lead *lead = new_lead();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        ck_assert_int_eq(lead_set_profile(lead, str_from(names[i]), value_long((int64_t)i)), 0);
    ck_assert_uint_eq(lead->n_profile, ARRAY_SIZE(names));
    for (size_t i = 1; i < lead->n_profile; i++)
        ck_assert_int_lt(str_compare(lead->profile[i - 1].name, lead->profile[i].name), 0);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        ck_assert_int_eq(lead_profile(lead, str_from(names[i])).integer, (int64_t)i);
    ck_assert_int_eq(lead_profile(lead, STR_LITERAL("c")).type, VALUE_NULL);
}
END_TEST

START_TEST(profile_owns_what_it_keeps) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    char name[] = "country", value[] = "DE";
    ck_assert_int_eq(lead_set_profile(lead, str_from(name), value_string(str_from(value))), 0);
    memset(name, '?', sizeof(name) - 1);
    memset(value, '?', sizeof(value) - 1);
    ck_assert(str_eq_c(lead_profile(lead, STR_LITERAL("country")).string, "DE"));
}
END_TEST

START_TEST(profile_attribute_changes_type_and_goes) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    Str name = STR_LITERAL("x");
    const Value values[] = {
            value_string(STR_LITERAL("text")),
            value_string(STR_LITERAL("")),
            value_boolean(true),
            value_string(STR_LITERAL("more text")),
            value_double(1.5),
            value_long(INT64_MIN),
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        ck_assert_int_eq(lead_set_profile(lead, name, values[i]), 0);
        ck_assert_uint_eq(lead->n_profile, 1);
        ck_assert_int_eq(lead_profile(lead, name).type, values[i].type);
    }
    ck_assert_int_eq(lead_set_profile(lead, name, VALUE_NONE), 0);
    ck_assert_uint_eq(lead->n_profile, 0);
    ck_assert_int_eq(lead_profile(lead, name).type, VALUE_NULL);
    ck_assert_int_eq(lead_set_profile(lead, name, VALUE_NONE), 0);
}
END_TEST

START_TEST(profile_attribute_can_be_set_from_itself) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("a"), value_string(STR_LITERAL("text"))), 0);
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("a"), lead_profile(lead, STR_LITERAL("a"))), 0);
    ck_assert(str_eq_c(lead_profile(lead, STR_LITERAL("a")).string, "text"));
}
END_TEST

START_TEST(profile_has_a_limit) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    char name[16];
    for (int i = 0; i < LEAD_PROFILE_MAX; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        ck_assert_int_eq(lead_set_profile(lead, str_from(name), value_long(i)), 0);
    }
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("more"), value_long(1)), -E2BIG);
    ck_assert_uint_eq(lead->n_profile, LEAD_PROFILE_MAX);
    ck_assert_int_eq(lead_profile(lead, STR_LITERAL("more")).type, VALUE_NULL);
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("p7"), value_long(-7)), 0);
    ck_assert_int_eq(lead_profile(lead, STR_LITERAL("p7")).integer, -7);
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("p8"), VALUE_NONE), 0);
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("more"), value_long(1)), 0);
}
END_TEST

/* What an update leaves is what counts, not what it passes through. */
START_TEST(profile_fits_by_what_an_update_leaves) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    char name[16];
    for (int i = 0; i < LEAD_PROFILE_MAX; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        ck_assert_int_eq(lead_set_profile(lead, str_from(name), value_long(i)), 0);
    }
    const Property updates[] = {
            {STR_LITERAL("more"), value_long(1)},
            {STR_LITERAL("p7"), VALUE_NONE},
            {STR_LITERAL("p8"), value_long(1)},
            {STR_LITERAL("unknown"), VALUE_NONE},
    };
    ck_assert(!lead_profile_fits(lead, updates, 1));
    ck_assert(lead_profile_fits(lead, updates, 2));
    ck_assert(lead_profile_fits(lead, updates + 2, 2));
    ck_assert(lead_profile_fits(lead, NULL, 0));
}
END_TEST

START_TEST(profile_fits_by_bytes) {
    enum { N = LEAD_PROFILE_BYTES_MAX / EVENT_PROPERTY_STRING_LEN_MAX };
    _cleanup_(lead_free) Lead *lead = new_lead();
    _cleanup_(free_null) char *text = calloc(1, EVENT_PROPERTY_STRING_LEN_MAX);
    ck_assert_ptr_nonnull(text);
    Value longest = value_string((Str){text, EVENT_PROPERTY_STRING_LEN_MAX});
    char name[16];
    for (int i = 0; i < N - 1; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        ck_assert_int_eq(lead_set_profile(lead, str_from(name), longest), 0);
    }
    ck_assert(!lead_profile_fits(lead, &(Property){STR_LITERAL("more"), longest}, 1));
    ck_assert(lead_profile_fits(lead, &(Property){STR_LITERAL("p0"), longest}, 1));
    ck_assert(lead_profile_fits(lead, &(Property){STR_LITERAL("more"), value_long(1)}, 1));
}
END_TEST

START_TEST(cleared_lead_is_as_new_but_for_its_place) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    lead_begin(lead, &model, BEGIN_MS);
    ck_assert_int_eq(str_set(&lead->account_id, STR_LITERAL("acme")), 0);
    ck_assert_int_eq(str_set(&lead->first_source, STR_LITERAL("ads")), 0);
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("a"), value_string(STR_LITERAL("text"))), 0);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_int_eq(lead_add_seen(lead, numbered_key(i)), 0);
        ck_assert_int_eq(lead_add_award(lead, &(GivenAward){.points = 1}), 0);
    }
    lead->scores[0].value = 5;
    lead->clocks[0] = (SlaClock){.phase = SLA_PHASE_OPEN, .epoch = 3};
    lead->ordinal = 9;
    lead->entity.heap_index = 4;
    lead->entity.dirty = true;

    lead_clear(lead, &model);
    ck_assert(str_eq_c(lead->lead_id, "lead-1"));
    ck_assert(lead->clock_ms == TIME_NONE && lead_next_moment(lead) == TIME_NEVER);
    ck_assert(str_is_null(lead->account_id) && str_is_null(lead->first_source));
    ck_assert_uint_eq(lead->n_profile + lead->n_seen + lead->n_awards + lead->ordinal, 0);
    ck_assert(!lead_has_seen(lead, numbered_key(99)));
    ck_assert_double_eq(lead_score(lead, &model, 0, BEGIN_MS), 0);
    ck_assert_uint_eq(lead->clocks[0].epoch, 0);
    ck_assert_uint_eq(lead->tracks[0].stages[0].entries, 0);
    ck_assert_uint_eq(lead->entity.heap_index, 4);
    ck_assert(lead->entity.dirty);

    ck_assert_int_eq(lead_add_seen(lead, numbered_key(1)), 0);
    ck_assert(lead_has_seen(lead, numbered_key(1)));
    lead_begin(lead, &model, BEGIN_MS);
    ck_assert_uint_eq(lead->tracks[0].stages[0].entries, 1);
}
END_TEST

START_TEST(empty_string_is_not_null) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    ck_assert_int_eq(str_set(&lead->last_source, STR_LITERAL("")), 0);
    ck_assert(!str_is_null(lead->last_source));
    ck_assert_int_eq(str_set(&lead->last_source, STR_LITERAL("ads")), 0);
    ck_assert(str_eq_c(lead->last_source, "ads"));
    ck_assert_int_eq(str_set(&lead->last_source, (Str){lead->last_source.data, 2}), 0);
    ck_assert(str_eq_c(lead->last_source, "ad"));
    ck_assert_int_eq(str_set(&lead->last_source, STR_NULL), 0);
    ck_assert(str_is_null(lead->last_source));
}
END_TEST

START_TEST(memory_counts_what_is_added) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    char text[5000];
    memset(text, 'x', sizeof(text));
    size_t n = lead_memory(lead, &model);
    ck_assert_uint_ge(n, sizeof(Lead) + 2 * sizeof(ScoreState) + 5 * sizeof(StageState));

    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("a"), value_string((Str){text, sizeof(text)})), 0);
    size_t with_profile = lead_memory(lead, &model);
    ck_assert_uint_ge(with_profile, n + sizeof(text) + sizeof(Property));
    ck_assert_int_eq(lead_add_seen(lead, numbered_key(1)), 0);
    size_t with_seen = lead_memory(lead, &model);
    ck_assert_uint_ge(with_seen, with_profile + sizeof(EventKey));
    ck_assert_int_eq(lead_add_award(lead, &(GivenAward){0}), 0);
    size_t with_award = lead_memory(lead, &model);
    ck_assert_uint_ge(with_award, with_seen + sizeof(GivenAward));
    ck_assert_int_eq(str_set(&lead->account_id, (Str){text, 100}), 0);
    size_t with_account = lead_memory(lead, &model);
    ck_assert_uint_ge(with_account, with_award + 100);
    sla_clock_start(&lead->clocks[0], &model, 0, BEGIN_MS, 0);
    ck_assert_uint_eq(lead_memory(lead, &model), with_account);
    ck_assert_int_eq(sla_clock_pause(&lead->clocks[0], sla_terms(&lead->clocks[0], &model, 0), BEGIN_MS), 0);
    ck_assert_uint_ge(lead_memory(lead, &model), with_account + sizeof(SlaPause));
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("a"), VALUE_NONE), 0);
    ck_assert_uint_lt(lead_memory(lead, &model), sizeof(text));
}
END_TEST

/* ---- scores ---- */

static const struct {
    unsigned score;
    double value;
    int64_t elapsed_ms;
    double expected;
} score_rows[] = {
        {0, 30, 100 * DAY_MS, 30},
        {0, -1e-10, 0, 0},
        {0, 2e-9, DAY_MS, 2e-9},
        {1, 40, 0, 40},
        {1, 40, 7 * DAY_MS, 20},
        {1, 40, -7 * DAY_MS, 80},
        {1, -40, 14 * DAY_MS, -10},
        {1, 1e-9, 0, 1e-9},
        {1, 1e-9, 1, 0},
        {1, 100, 36500 * DAY_MS, 0},
        {1, DBL_MAX, 36500 * DAY_MS, 0},
};

START_TEST(score_is_read_at_an_instant) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    lead_begin(lead, &model, BEGIN_MS);
    lead->scores[score_rows[_i].score] = (ScoreState){score_rows[_i].value, BEGIN_MS};
    double value = lead_score(lead, &model, score_rows[_i].score, BEGIN_MS + score_rows[_i].elapsed_ms);
    ck_assert_double_eq(value, score_rows[_i].expected);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("lead");
    TCase *decay = tcase_create("decay");
    tcase_add_loop_test(decay, factor_is_exact_at_whole_half_lives, 0, ARRAY_SIZE(decay_rows));
    tcase_add_test(decay, one_millisecond_makes_a_difference);
    tcase_add_test(decay, dating_back_never_gets_infinite);
    suite_add_tcase(suite, decay);

    TCase *keys = tcase_create("event keys");
    tcase_add_test(keys, uuid_is_its_own_key);
    tcase_add_loop_test(keys, other_ids_have_keys_of_their_own, 0, ARRAY_SIZE(hashed_ids));
    tcase_add_test(keys, hashed_key_is_stable);
    suite_add_tcase(suite, keys);

    TCase *lead = tcase_create("lead");
    tcase_add_test(lead, new_lead_has_no_history);
    tcase_add_test(lead, lead_begins_in_the_initial_stages);
    tcase_add_test(lead, model_without_anything_makes_a_lead);
    tcase_add_loop_test(lead, seen_ring_keeps_the_latest, 0, ARRAY_SIZE(ring_counts));
    tcase_add_loop_test(lead, award_ring_keeps_the_latest, 0, ARRAY_SIZE(ring_counts));
    tcase_add_test(lead, rings_take_no_more_than_they_need);
    tcase_add_test(lead, profile_is_sorted_and_found);
    tcase_add_test(lead, profile_owns_what_it_keeps);
    tcase_add_test(lead, profile_attribute_changes_type_and_goes);
    tcase_add_test(lead, profile_attribute_can_be_set_from_itself);
    tcase_add_test(lead, profile_has_a_limit);
    tcase_add_test(lead, profile_fits_by_what_an_update_leaves);
    tcase_add_test(lead, profile_fits_by_bytes);
    tcase_add_test(lead, cleared_lead_is_as_new_but_for_its_place);
    tcase_add_test(lead, empty_string_is_not_null);
    tcase_add_test(lead, memory_counts_what_is_added);
    tcase_add_loop_test(lead, score_is_read_at_an_instant, 0, ARRAY_SIZE(score_rows));
    suite_add_tcase(suite, lead);
    return suite_run(suite);
}
