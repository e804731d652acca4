/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/skeleton.h"

#include "lib/record/account_record.h"
#include "lib/record/record.h"
#include "tests/unit/engine_fixture.h"

static const char model_text[] =
        "model: m\nversion: 7\n"
        "segments: [ { id: s, when: 'true' } ]\nroutes: [ { id: r, when: 'true' }, { id: q, when: 'true' } ]\n"
        "scores: { fit: { decay: none }, e: { decay: { half_life: 7d } }, l: { decay: { linear: 9d } } }\n"
        "counters: { c: { on: [go], window: 1d, keep: 64 } }\n"
        "profile_rules: [ { id: p, when: 'true', add: { fit: 1 } } ]\n"
        "rules: [ { id: plain, on: [go], add: { e: 1 } }, { id: limited, on: [go], add: { l: 1 }, limit: { times: 2, per: 1d } } ]\n"
        "idle_rules: [ { id: i, after: 1d, reset_on: [go], add: { e: -1 } } ]\n"
        "tracks: { t: { initial: b, stages: [ { id: a }, { id: b } ], transitions: [ { id: ba, from: [b], to: a, on: [go] } ] } }\n"
        "sla: [ { id: p, start: { on: [go] }, target: 1h, warn: [50%, 12.5%], escalate: [2h], revise: 3d } ]\n"
        "accounts: { scores: { x: { from: e, decay: { window: 3d } } }, tracks: { b: { initial: q, stages: [ { id: q } ] } } }\n";

static Str as_str(const Buffer *buffer) {
    return (Str){(const char *)buffer->data, buffer->len};
}

/* From memory of exactly their size, which is gone afterwards. */
static int unpack(Str bytes, Model **ret) {
    char *copy = malloc(MAX(bytes.len, (size_t)1));
    ck_assert_ptr_nonnull(copy);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    int r = skeleton_unpack((Str){copy, bytes.len}, ret);
    free(copy);
    return r;
}

static void assert_refused(Str bytes, int expected) {
    Model *const sentinel = (Model *)(uintptr_t)0xad;
    Model *model = sentinel;
    ck_assert_int_eq(unpack(bytes, &model), expected);
    ck_assert_ptr_eq(model, sentinel);
}

START_TEST(names_and_what_records_depend_on_come_back) {
    _cleanup_(model_free) Model *model = fixture_model(model_text), *back = NULL;
    Buffer packed = {0}, again = {0};
    ck_assert_int_eq(skeleton_pack(model, &packed), 0);
    ck_assert_int_eq(unpack(as_str(&packed), &back), 0);
    ck_assert_int_eq(skeleton_pack(back, &again), 0);
    ck_assert(str_eq(as_str(&packed), as_str(&again)));
    ck_assert(str_eq_c(back->id, "m"));
    ck_assert_int_eq(back->version, 7);
    ck_assert_mem_eq(back->hash, model->hash, MODEL_HASH_SIZE);
    ck_assert_uint_eq(back->n_segments, 1);
    ck_assert_uint_eq(back->n_routes, 2);
    ck_assert(back->scores[0].from_profile && !back->scores[1].from_profile);
    ck_assert_int_eq(back->scores[2].decay.kind, DECAY_LINEAR);
    ck_assert_int_eq(back->scores[2].decay.span_ms, INT64_C(9) * 86400000);
    ck_assert_uint_eq(back->counters[0].keep, 64);
    ck_assert(str_eq_c(back->rules[1].id, "limited"));
    ck_assert_uint_eq(back->limits[0].rule, 1);
    ck_assert_int_eq(back->rules[1].limit, 0);
    ck_assert_int_eq(back->rules[0].limit, LIMIT_NONE);
    ck_assert_uint_eq(back->tracks[0].initial, 1);
    ck_assert(str_eq_c(back->tracks[0].stages[0].id, "a"));
    ck_assert(str_eq_c(back->policies[0].warnings[1].text, "12.5%"));
    ck_assert_int_eq(back->policies[0].escalations[0].after_ms, 7200000);
    ck_assert_int_eq(back->policies[0].revise_ms, INT64_C(3) * 86400000);
    ck_assert(str_eq_c(back->account_scores[0].id, "x"));
    ck_assert(str_eq_c(back->account_tracks[0].stages[0].id, "q"));
    buffer_done(&packed);
    buffer_done(&again);
}
END_TEST

START_TEST(records_are_read_with_a_skeleton) {
    _cleanup_(model_free) Model *model = fixture_model(model_text), *back = NULL;
    _cleanup_(lead_free) Lead *lead = NULL, *lead_back = NULL;
    Buffer skeleton = {0}, packed = {0}, again = {0};
    ck_assert_int_eq(skeleton_pack(model, &skeleton), 0);
    ck_assert_int_eq(unpack(as_str(&skeleton), &back), 0);
    ck_assert_int_eq(lead_new(model, STR_LITERAL("ann"), &lead), 0);
    lead_begin(lead, model, 1000);
    ck_assert_int_eq(record_pack(lead, model, &packed), 0);
    ck_assert_int_eq(record_unpack(as_str(&packed), STR_LITERAL("ann"), back, &lead_back), 0);
    ck_assert_int_eq(record_pack(lead_back, back, &again), 0);
    ck_assert(str_eq(as_str(&packed), as_str(&again)));
    int64_t version = 0;
    ck_assert_int_eq(record_model_version(as_str(&packed), &version), 0);
    ck_assert_int_eq(version, 7);
    ck_assert_int_eq(record_model_version((Str){"\177\1x", 3}, &version), RECORD_E_CORRUPT);
    ck_assert_int_eq(record_model_version((Str){"", 0}, &version), RECORD_E_CORRUPT);
    buffer_done(&skeleton);
    buffer_done(&packed);
    buffer_done(&again);
}
END_TEST

START_TEST(what_is_cut_longer_or_newer_is_refused) {
    _cleanup_(model_free) Model *model = fixture_model(model_text);
    Buffer packed = {0};
    ck_assert_int_eq(skeleton_pack(model, &packed), 0);
    for (size_t len = 0; len < packed.len; len++)
        assert_refused((Str){(const char *)packed.data, len}, SKELETON_E_CORRUPT);
    pack_bytes(&(Packer){.buffer = &packed, .bytes_max = SIZE_MAX}, "x", 1);
    assert_refused(as_str(&packed), SKELETON_E_CORRUPT);
    packed.data[0] = SKELETON_FORMAT + 1;
    assert_refused(as_str(&packed), SKELETON_E_FORMAT);
    buffer_done(&packed);
    static char long_one[SKELETON_BYTES_MAX + 1] = {SKELETON_FORMAT};
    assert_refused((Str){long_one, sizeof(long_one)}, SKELETON_E_SIZE);
}
END_TEST

/* Any change of a byte is either refused or read as what it says. */
START_TEST(changed_bytes_have_one_form) {
    _cleanup_(model_free) Model *model = fixture_model(model_text);
    Buffer packed = {0};
    ck_assert_int_eq(skeleton_pack(model, &packed), 0);
    for (size_t i = 0; i < packed.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            _cleanup_(model_free) Model *back = NULL;
            Buffer again = {0};
            packed.data[i] ^= (uint8_t)(1 << bit);
            if (unpack(as_str(&packed), &back) == 0) {
                ck_assert_int_eq(skeleton_pack(back, &again), 0);
                ck_assert(str_eq(as_str(&packed), as_str(&again)));
            }
            packed.data[i] ^= (uint8_t)(1 << bit);
            buffer_done(&again);
        }
    buffer_done(&packed);
}
END_TEST

/* All that the limits allow, with ids and texts of full length. */
START_TEST(largest_model_fits) {
    static char id_bytes[MODEL_ID_LEN_MAX];
    static char stage_bytes[MODEL_STAGES_MAX][MODEL_ID_LEN_MAX];
    static Score scores[MODEL_SCORES_MAX];
    static Counter counters[MODEL_COUNTERS_MAX];
    static Rule rules[MODEL_RULES_MAX];
    static IdleRule idle_rules[MODEL_IDLE_RULES_MAX];
    static Limit limits[MODEL_LIMITS_MAX];
    static Stage stages[MODEL_STAGES_MAX];
    static Track tracks[MODEL_TRACKS_MAX];
    static SlaPolicy policies[MODEL_POLICIES_MAX];
    static SlaLevel levels[MODEL_LEVELS_MAX];
    static AccountScore account_scores[MODEL_ACCOUNT_SCORES_MAX];
    static NamedCalendar calendars[MODEL_CALENDARS_MAX];
    memset(id_bytes, 'x', sizeof(id_bytes));
    Str id = {id_bytes, sizeof(id_bytes)};
    for (size_t i = 0; i < MODEL_SCORES_MAX; i++)
        scores[i] = (Score){.id = id, .decay = {DECAY_WINDOW, EVENT_TIME_MS_MAX}};
    for (size_t i = 0; i < MODEL_COUNTERS_MAX; i++)
        counters[i] = (Counter){.id = id, .keep = 1};
    for (size_t i = 0; i < MODEL_RULES_MAX; i++)
        rules[i] = (Rule){.id = id, .limit = LIMIT_NONE};
    for (size_t i = 0; i < MODEL_IDLE_RULES_MAX; i++)
        idle_rules[i].id = id;
    for (unsigned i = 0; i < MODEL_LIMITS_MAX; i++)
        limits[i].rule = MODEL_RULES_MAX - 1 - i;
    for (size_t i = 0; i < MODEL_STAGES_MAX; i++) {
        memset(stage_bytes[i], (int)i, MODEL_ID_LEN_MAX);
        stages[i].id = (Str){stage_bytes[i], MODEL_ID_LEN_MAX};
    }
    for (size_t i = 0; i < MODEL_TRACKS_MAX; i++)
        tracks[i] = (Track){.id = id, .stages = stages, .n_stages = MODEL_STAGES_MAX};
    for (size_t i = 0; i < MODEL_LEVELS_MAX; i++)
        levels[i] = (SlaLevel){{id_bytes, MODEL_LEVEL_LEN_MAX}, EVENT_TIME_MS_MAX};
    for (size_t i = 0; i < MODEL_POLICIES_MAX; i++)
        policies[i] = (SlaPolicy){.id = id, .target_ms = EVENT_TIME_MS_MAX, .warnings = levels, .n_warnings = MODEL_LEVELS_MAX,
                .escalations = levels, .n_escalations = MODEL_LEVELS_MAX};
    for (size_t i = 0; i < MODEL_ACCOUNT_SCORES_MAX; i++)
        account_scores[i] = (AccountScore){.id = id, .decay = {DECAY_WINDOW, EVENT_TIME_MS_MAX}};
    for (size_t i = 0; i < MODEL_CALENDARS_MAX; i++)
        calendars[i].id = id;
    const Model model = {.version = INT64_MIN, .id = id, .n_segments = MODEL_SEGMENTS_MAX, .n_routes = MODEL_ROUTES_MAX,
            .scores = scores, .n_scores = MODEL_SCORES_MAX, .counters = counters, .n_counters = MODEL_COUNTERS_MAX,
            .rules = rules, .n_rules = MODEL_RULES_MAX, .idle_rules = idle_rules, .n_idle_rules = MODEL_IDLE_RULES_MAX,
            .limits = limits, .n_limits = MODEL_LIMITS_MAX, .tracks = tracks, .n_tracks = MODEL_TRACKS_MAX,
            .policies = policies, .n_policies = MODEL_POLICIES_MAX, .account_scores = account_scores,
            .n_account_scores = MODEL_ACCOUNT_SCORES_MAX, .account_tracks = tracks, .n_account_tracks = MODEL_TRACKS_MAX,
            .calendars = calendars, .n_calendars = MODEL_CALENDARS_MAX};
    _cleanup_(model_free) Model *back = NULL;
    Buffer packed = {0};
    ck_assert_int_eq(skeleton_pack(&model, &packed), 0);
    ck_assert_int_eq(unpack(as_str(&packed), &back), 0);
    ck_assert_uint_eq(back->n_rules, MODEL_RULES_MAX);
    buffer_done(&packed);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("skeleton");
    TCase *tcase = tcase_create("skeleton");
    tcase_add_test(tcase, names_and_what_records_depend_on_come_back);
    tcase_add_test(tcase, records_are_read_with_a_skeleton);
    tcase_add_test(tcase, what_is_cut_longer_or_newer_is_refused);
    tcase_add_test(tcase, changed_bytes_have_one_form);
    tcase_add_test(tcase, largest_model_fits);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
