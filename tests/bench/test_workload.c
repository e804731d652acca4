/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/workload.h"

#include <math.h>

#include "tests/unit/suite.h"

#define EVENTS 50000
#define LEADS 1000

static WorkloadOptions options_of(double exponent, uint64_t seed) {
    return (WorkloadOptions){.seed = seed, .n_events = EVENTS, .n_leads = LEADS, .exponent = exponent, .from_ms = WORKLOAD_FROM_MS,
            .span_ms = WORKLOAD_SPAN_MS};
}

static Workload *start(WorkloadOptions options) {
    Workload *workload;
    ck_assert_int_eq(workload_new(&options, &workload), 0);
    return workload;
}

/* Without an assertion for each: they are slow. */
static size_t lead_of(const LeadEvent *event) {
    size_t lead = strtoul(event->lead_id.data + strlen("lead-"), NULL, 10);
    if (!str_starts_with(event->lead_id, "lead-") || lead >= LEADS)
        ck_abort_msg("lead %.*s", STR_FMT(event->lead_id));
    return lead;
}

START_TEST(events_are_valid_and_in_order) {
    _cleanup_(workload_free) Workload *workload = start(options_of(1, 1));
    LeadEvent event;
    char text[256];
    size_t n = 0;
    for (int64_t last_ms = WORKLOAD_FROM_MS; workload_next(workload, &event); last_ms = event.occurred_at_ms, n++) {
        if (!event_validate(&event, text, sizeof(text)))
            ck_abort_msg("%s", text);
        if (event.occurred_at_ms < last_ms || event.occurred_at_ms >= WORKLOAD_FROM_MS + WORKLOAD_SPAN_MS)
            ck_abort_msg("event %zu occurred at %lld", n, (long long)event.occurred_at_ms);
    }
    ck_assert_uint_eq(n, EVENTS);
}
END_TEST

START_TEST(a_seed_is_a_log) {
    _cleanup_(workload_free) Workload *one = start(options_of(1, 7));
    _cleanup_(workload_free) Workload *same = start(options_of(1, 7));
    _cleanup_(workload_free) Workload *other = start(options_of(1, 8));
    LeadEvent a, b, c;
    size_t n_same = 0, n_other = 0;
    while (workload_next(one, &a) && workload_next(same, &b) && workload_next(other, &c)) {
        n_same += str_eq(a.event_id, b.event_id) && str_eq(a.lead_id, b.lead_id) && str_eq(a.type, b.type);
        n_other += !str_eq(a.event_id, c.event_id);
    }
    ck_assert_uint_eq(n_same, EVENTS);
    ck_assert_uint_eq(n_other, EVENTS);
}
END_TEST

/* The exponent, and what sales does is not drawn: some percent beside the law. */
static const double exponents[] = {0, 0.7, 1, 1.3};
#define SALES_SHARE_MAX 0.1

START_TEST(leads_follow_the_law) {
    double exponent = exponents[_i], all = 0;
    size_t counts[LEADS] = {0}, n_sales = 0;
    _cleanup_(workload_free) Workload *workload = start(options_of(exponent, 1));
    for (LeadEvent event; workload_next(workload, &event);)
        if (event_type_is_sales(event.type))
            n_sales++;
        else
            counts[lead_of(&event)]++;
    for (int rank = 1; rank <= LEADS; rank++)
        all += pow(rank, -exponent);
    ck_assert_uint_gt(n_sales, 0);
    ck_assert_double_lt((double)n_sales, SALES_SHARE_MAX * EVENTS);
    static const unsigned ranks[] = {1, 2, 10, 100};
    for (size_t i = 0; i < ARRAY_SIZE(ranks); i++) {
        double expected = (double)(EVENTS - n_sales) * pow(ranks[i], -exponent) / all;
        /* five times the standard deviation of a count */
        ck_assert_double_le(fabs((double)counts[ranks[i] - 1] - expected), 5 * sqrt(expected) + 1);
    }
}
END_TEST

START_TEST(each_lead_can_come_first) {
    WorkloadOptions options = options_of(1, 1);
    options.each_first = true;
    _cleanup_(workload_free) Workload *workload = start(options);
    LeadEvent event;
    for (size_t i = 0; i < LEADS; i++) {
        ck_assert(workload_next(workload, &event));
        ck_assert_uint_eq(lead_of(&event), i);
    }
}
END_TEST

START_TEST(each_lead_can_be_raised_first) {
    WorkloadOptions options = options_of(1, 1);
    options.each_raised = true;
    _cleanup_(workload_free) Workload *workload = start(options);
    LeadEvent event;
    for (size_t i = 0; i < (size_t)2 * LEADS; i++) {
        ck_assert(workload_next(workload, &event));
        ck_assert_uint_eq(lead_of(&event), i / 2);
        ck_assert(str_eq(event.type, i % 2 ? STR_LITERAL("trial_started") : STR_LITERAL("demo_requested")));
    }
    ck_assert(workload_next(workload, &event));
    ck_assert(!event_type_is_sales(event.type)); /* nothing was planned for them */
}
END_TEST

/* All of those, and no others. */
START_TEST(some_leads_can_be_active_alone) {
    enum { ACTIVE = 10 };
    WorkloadOptions options = options_of(exponents[_i], 1);
    options.n_active = ACTIVE;
    _cleanup_(workload_free) Workload *workload = start(options);
    size_t counts[LEADS] = {0}, n = 0;
    for (LeadEvent event; workload_next(workload, &event); n++)
        counts[lead_of(&event)]++;
    for (size_t i = 0; i < ACTIVE; i++) {
        ck_assert_uint_gt(counts[i], 0);
        n -= counts[i];
    }
    ck_assert_uint_eq(n, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("workload");
    TCase *tcase = tcase_create("workload");
    tcase_add_test(tcase, events_are_valid_and_in_order);
    tcase_add_test(tcase, a_seed_is_a_log);
    tcase_add_loop_test(tcase, leads_follow_the_law, 0, (int)ARRAY_SIZE(exponents));
    tcase_add_test(tcase, each_lead_can_come_first);
    tcase_add_test(tcase, each_lead_can_be_raised_first);
    tcase_add_loop_test(tcase, some_leads_can_be_active_alone, 0, (int)ARRAY_SIZE(exponents));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
