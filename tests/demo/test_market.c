/* SPDX-License-Identifier: Apache-2.0 */
/* The market of the demonstration: events that can be read, at the pace asked for, with something of
 * everything. */
#include "tests/demo/market.h"

#include <math.h>
#include <stdio.h>

#include "daemon/command/command.h"
#include "daemon/io/registry/registry.h"
#include "tests/demo/event_avro.h"
#include "tests/unit/suite.h"

#define BEGIN_MS INT64_C(1767225600000)
#define SCHEMA_ID 100
#define SPAN_MS 60000

static Market *market;

static void open_market(uint64_t seed, double pace) {
    MarketOptions options = {.seed = seed, .pace = pace, .day_ms = 24000, .begin_ms = BEGIN_MS};
    market = market_free(market);
    ck_assert_int_eq(market_new(&options, &market), 0);
}

static void setup(void) {
    open_market(1, 20);
}

static void teardown(void) {
    market = market_free(market);
}

static bool is_of(const MarketEvent *event, const char *type) {
    return str_eq_c(event->event.type, type);
}

/* Plays the daemon's part: all who ask become MQLs, and what sales does moves them on. */
static void answer(const MarketEvent *event) {
    static const struct {
        const char *type, *stage, *property;
    } moves[] = {
            {"demo_requested", "mql", "form"},
            {"sales_accepted", "sal", "rep"},
            {"sales_qualified", "sql", "need"},
            {"sales_opportunity_opened", "opportunity", "opportunity_id"},
            {"sales_recycled", "recycled", "reason"},
            {"sales_rejected", "disqualified", "reason"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(moves); i++)
        if (is_of(event, moves[i].type) &&
                event_property(&event->event, str_from(moves[i].property)).type != VALUE_NULL)
            market_note_stage(
                    market, event->event.lead_id, str_from(moves[i].stage), event->event.occurred_at_ms);
}

typedef void Look(const MarketEvent *event, void *userdata);

/* Runs the market for a span, as a loop with a clock would. */
static void play(int64_t span_ms, Look *look, void *userdata) {
    MarketEvent event;
    for (int64_t now_ms = BEGIN_MS; now_ms <= BEGIN_MS + span_ms; now_ms += 10)
        while (market_next(market, now_ms, &event)) {
            answer(&event);
            look(&event, userdata);
        }
}

/* ---- all events ---- */

typedef struct Reading {
    Registry *registry;
    AvroEventDecoder *decoder;
    Buffer message;
    size_t n;
} Reading;

static void assert_same_event(const LeadEvent *a, const LeadEvent *b) {
    ck_assert(str_eq(a->event_id, b->event_id));
    ck_assert(str_eq(a->lead_id, b->lead_id));
    ck_assert(str_eq(a->account_id, b->account_id));
    ck_assert(str_eq(a->type, b->type));
    ck_assert(str_eq(a->source, b->source));
    ck_assert(str_eq(a->campaign, b->campaign));
    ck_assert(str_eq(a->topic, b->topic));
    ck_assert_int_eq(a->occurred_at_ms, b->occurred_at_ms);
    ck_assert_uint_eq(a->n_properties, b->n_properties);
    for (size_t i = 0; i < a->n_properties; i++) {
        Value x = a->properties[i].value, y = event_property(b, a->properties[i].name);
        ck_assert_int_eq(x.type, y.type);
        if (x.type == VALUE_STRING)
            ck_assert(str_eq(x.string, y.string));
        else if (x.type == VALUE_BOOLEAN)
            ck_assert_int_eq(x.boolean, y.boolean);
        else
            ck_assert_double_eq(value_number(x), value_number(y));
    }
}

static void read_back(const MarketEvent *event, void *userdata) {
    Reading *reading = userdata;
    const char *reason = "";
    char text[256] = "";
    LeadEvent found;
    reading->message.len = 0;
    ck_assert_int_eq(event_avro_write(&event->event, SCHEMA_ID, &reading->message), 0);
    int r = message_decode(reading->registry, reading->decoder, reading->message.data, reading->message.len,
            &found, &reason, text, sizeof(text));
    ck_assert_msg(r == 0, "%s: %s", reason, text);
    assert_same_event(&event->event, &found);
    reading->n++;
}

static void fail_problem(void *userdata, const char *path, const char *text) {
    (void)userdata;
    ck_abort_msg("%s: %s", path, text);
}

START_TEST(every_event_is_read_back_by_the_schema) {
    const RegistryFile file = {SCHEMA_ID, SCHEMAS_DIR "/LeadEvent.avsc"};
    RegistryFileOptions options = {
            .events = &file, .n_events = 1, .output_dir = SCHEMAS_DIR, .problem = fail_problem};
    Reading reading = {0};
    for (uint32_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        options.output_ids[i] = i;
    ck_assert_int_eq(registry_file_new(&options, &reading.registry), 0);
    ck_assert_int_eq(avro_event_decoder_new(&reading.decoder), 0);
    play(SPAN_MS, read_back, &reading);
    ck_assert_uint_gt(reading.n, 100);
    buffer_done(&reading.message);
    avro_event_decoder_free(reading.decoder);
    registry_free(reading.registry);
}
END_TEST

/* ---- what there is of each ---- */

typedef struct Census {
    size_t n, n_web, n_broken, n_bot, n_touches, n_auto, n_told_late, n_asked, n_refused, n_forgotten,
            n_staff;
    int64_t latest_ms;
} Census;

static void count(const MarketEvent *event, void *userdata) {
    Census *census = userdata;
    Value is_bot = event_property(&event->event, STR_LITERAL("is_bot"));
    Value automated = event_property(&event->event, STR_LITERAL("automated"));
    bool is_touch = is_of(event, "sales_touch");
    census->n++;
    census->n_web += event->source == MARKET_WEB;
    census->n_broken += event->is_broken;
    census->n_bot += is_bot.type == VALUE_BOOLEAN && is_bot.boolean;
    census->n_touches += is_touch && !automated.boolean;
    census->n_auto += is_touch && automated.boolean;
    census->n_asked += is_of(event, "demo_requested");
    census->n_refused += is_of(event, "sales_rejected") &&
                         event_property(&event->event, STR_LITERAL("reason")).type == VALUE_NULL;
    census->n_forgotten += is_of(event, "lead_forgotten");
    Value email = event_property(&event->event, STR_LITERAL("email"));
    census->n_staff += email.type == VALUE_STRING && memmem(email.string.data, email.string.len,
                                                             MARKET_OWN_DOMAIN, strlen(MARKET_OWN_DOMAIN));
    census->n_told_late += event->event.occurred_at_ms < census->latest_ms - 2000;
    census->latest_ms = MAX(census->latest_ms, event->event.occurred_at_ms);
}

START_TEST(a_minute_has_something_of_everything) {
    Census census = {0};
    open_market((uint64_t)_i, 20);
    play(SPAN_MS, count, &census);
    ck_assert_uint_ge(census.n_asked, 6);
    ck_assert_uint_ge(census.n_touches, 5);
    ck_assert_uint_ge(census.n_auto, census.n_asked - 1);
    ck_assert_uint_ge(census.n_told_late, 1);
    ck_assert_uint_ge(census.n_broken, 1);
    ck_assert_uint_ge(census.n_bot, 6);
    ck_assert_uint_ge(census.n_refused, 1);
    ck_assert_uint_ge(census.n_forgotten, 1);
    ck_assert_uint_ge(census.n_staff, 1);
}
END_TEST

static const double paces[] = {2, 20, 200};

/* Whatever the market: clocks that are met and clocks that are breached are what is to be shown. */
START_TEST(somebody_asks_for_a_meeting_at_any_pace) {
    Census census = {0};
    open_market((uint64_t)_i, _i % 2 ? 1 : 5);
    play(SPAN_MS / 2, count, &census);
    ck_assert_uint_ge(census.n_asked, 3);
    ck_assert_uint_ge(census.n_touches, 1);
}
END_TEST

START_TEST(pace_is_kept_about) {
    Census census = {0};
    open_market(5, paces[_i]);
    play(SPAN_MS, count, &census);
    /* The nights are quieter, and sales adds something. */
    double rate = (double)census.n / (SPAN_MS / 1000.0);
    ck_assert_double_gt(rate, 0.4 * paces[_i]);
    ck_assert_double_lt(rate, 1.3 * paces[_i] + 2);
}
END_TEST

/* ---- the same again ---- */

static void hash_events(const MarketEvent *event, void *userdata) {
    uint64_t *hash = userdata;
    Buffer message = {0};
    ck_assert_int_eq(event_avro_write(&event->event, SCHEMA_ID, &message), 0);
    for (size_t i = 0; i < message.len; i++)
        *hash = (*hash ^ message.data[i]) * UINT64_C(1099511628211);
    buffer_done(&message);
}

START_TEST(seed_decides_everything) {
    uint64_t hashes[3] = {0};
    for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
        open_market(i == 2 ? 8 : 7, 20);
        play(10000, hash_events, &hashes[i]);
    }
    ck_assert(hashes[0] == hashes[1]);
    ck_assert(hashes[0] != hashes[2]);
}
END_TEST

static void assert_due(const MarketEvent *event, void *userdata) {
    int64_t *at_ms = userdata;
    /* Touches are told late; nothing is told before it happens. */
    ck_assert_int_ge(event->event.occurred_at_ms, BEGIN_MS);
    ck_assert_int_le(event->event.occurred_at_ms, market_next_at(market));
    *at_ms = event->event.occurred_at_ms;
}

START_TEST(nothing_is_told_before_it_happens) {
    int64_t at_ms = 0;
    play(SPAN_MS, assert_due, &at_ms);
    ck_assert_int_gt(at_ms, BEGIN_MS);
}
END_TEST

START_TEST(unknown_leads_and_stages_are_passed_over) {
    int64_t next_at_ms = market_next_at(market);
    market_note_stage(market, STR_LITERAL("nobody"), STR_LITERAL("mql"), BEGIN_MS);
    market_note_stage(market, STR_NULL, STR_LITERAL("mql"), BEGIN_MS);
    ck_assert_int_eq(market_next_at(market), next_at_ms);
}
END_TEST

/* ---- the model that the market is made for ---- */

static int64_t target_of(const Model *model, const char *policy) {
    for (size_t i = 0; i < model->n_policies; i++)
        if (str_eq_c(model->policies[i].id, policy))
            return model->policies[i].target_ms;
    ck_abort_msg("no policy %s", policy);
    return 0;
}

START_TEST(model_has_the_targets_that_the_market_knows) {
    static const Command self = {.name = "test"};
    _cleanup_(model_free) Model *model = NULL;
    ck_assert_int_eq(command_load_model(&self, DEMO_DIR "/model.yaml", &model), EXIT_SUCCESS);
    ck_assert_int_eq(target_of(model, "speed-to-lead"), MARKET_ANSWER_TARGET_MS);
    ck_assert_int_eq(target_of(model, "accept"), MARKET_ACCEPT_TARGET_MS);
    ck_assert_ptr_nonnull(
            memmem(condition_text(model->ignore[1].when).data, condition_text(model->ignore[1].when).len,
                    "*@" MARKET_OWN_DOMAIN, strlen("*@" MARKET_OWN_DOMAIN)));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("demo_market");
    TCase *tcase = tcase_create("market");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_event_is_read_back_by_the_schema);
    tcase_add_loop_test(tcase, a_minute_has_something_of_everything, 1, 6);
    tcase_add_loop_test(tcase, somebody_asks_for_a_meeting_at_any_pace, 0, 20);
    tcase_add_loop_test(tcase, pace_is_kept_about, 0, (int)ARRAY_SIZE(paces));
    tcase_add_test(tcase, seed_decides_everything);
    tcase_add_test(tcase, nothing_is_told_before_it_happens);
    tcase_add_test(tcase, unknown_leads_and_stages_are_passed_over);
    tcase_add_test(tcase, model_has_the_targets_that_the_market_knows);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
