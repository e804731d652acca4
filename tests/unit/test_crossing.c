/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where sums of exponentials change their sign: closed forms, and random sums against a walk over every
 * millisecond (where all is over within seconds) or over a fine grid (where it is not).
 */
#include "lib/condition/crossing.h"
#include "tests/unit/engine_fixture.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define ORIGIN_MS INT64_C(1767225600000)

static bool is_positive(const ExponentialSum *sum, int64_t at_ms) {
    return exponential_sum_value(sum, at_ms) > 0;
}

/* --- closed forms ------------------------------------------------------------------------------------ */

#define N_MAX 4

static const struct {
    double constant, slope;
    Exponential exponentials[N_MAX];
    int64_t from_ms, to_ms, change_ms; /* after the origin; TIME_NEVER: none */
} rows[] = {
        /* one half-life: v 2^(-t/h) = -c at t = h log2(-v/c) */
        {-40, 0, {{80, 1000}}, 0, 10000, 1000}, /* 0 is not positive */
        {-30, 0, {{80, 1000}}, 0, 10000, 1416}, /* 1000 log2(8/3) = 1415.04 */
        {30, 0, {{-80, 1000}}, 0, 10000, 1416},
        {40, 0, {{-80, 1000}}, 0, 10000, 1001},                      /* positive only after 1000 */
        {-30, 0, {{80, 604800000}}, 0, INT64_C(1) << 50, 855814680}, /* 604800000 log2(8/3) = 855814679.05 */
        {-100, 0, {{80, 1000}}, 0, 10000, TIME_NEVER},
        {-30, 0, {{-80, 1000}}, 0, 10000, TIME_NEVER},
        {0, 0, {{80, 1000}}, 0, 100000, TIME_NEVER},
        {-30, 0, {{80, 1000}}, 0, 1416, 1416}, /* the end of the range is in it */
        {-30, 0, {{80, 1000}}, 0, 1415, TIME_NEVER},
        {-30, 0, {{80, 1000}}, 1415, 10000, 1416},
        {-30, 0, {{80, 1000}}, 1416, 10000, TIME_NEVER}, /* the beginning is not */
        {-30, 0, {{80, 1000}}, 100, 100, TIME_NEVER},
        {-30, 0, {{80, 1000}}, 2000, 1000, TIME_NEVER},
        /* a line */
        {-5000, 1, {{0, 0}}, 0, 100000, 5001},
        {-5000.5, 1, {{0, 0}}, 0, 100000, 5001},
        {5000, -1, {{0, 0}}, 0, 100000, 5000},
        {-1, 1e-9, {{0, 0}}, 0, 2000000000, 1000000001},
        {5000, 1, {{0, 0}}, 0, 100000, TIME_NEVER},
        {0, 0, {{0, 0}}, 0, 100000, TIME_NEVER},
        {7, 0, {{0, 0}}, 0, 100000, TIME_NEVER},
        {0, 1, {{0, 0}}, 0, 100000, 1},
        /* x = 2^(-t/4000): 40 (x - x^4) - 17.5 has the roots x = 0.744151116 (t = 1705.33) and x = 1/2 (t =
           4000) */
        {-17.5, 0, {{40, 4000}, {-40, 1000}}, 0, 100000, 1706},
        {-17.5, 0, {{40, 4000}, {-40, 1000}}, 1706, 100000, 4000},
        {-17.5, 0, {{40, 4000}, {-40, 1000}}, 4000, 100000, TIME_NEVER},
        /* its top, 40 (x - x^4) = 18.89882 at x = 4^(-1/3), t = 2666.67: just missed, and just passed */
        {-18.8989, 0, {{40, 4000}, {-40, 1000}}, 0, 100000, TIME_NEVER},
        {-18.8988, 0, {{40, 4000}, {-40, 1000}}, 0, 2666, 2663},
        /* without a constant: 10 x - 20 x^2 = 0 at x = 1/2 */
        {0, 0, {{10, 2000}, {-20, 1000}}, 0, 100000, 2001},
        {0, 0, {{-10, 2000}, {20, 1000}}, 0, 100000, 2000},
        /* (x - 1/2)(x - 1/4)(x - 1/8), x = 2^(-t/6000): x^3 - 7/8 x^2 + 7/32 x - 1/64, t = 6000, 12000, 18000
         */
        {-1.0 / 64, 0, {{7.0 / 32, 6000}, {-7.0 / 8, 3000}, {1, 2000}}, 0, 5000000, 6000},
        {-1.0 / 64, 0, {{7.0 / 32, 6000}, {-7.0 / 8, 3000}, {1, 2000}}, 6002, 5000000, 12001},
        {-1.0 / 64, 0, {{7.0 / 32, 6000}, {-7.0 / 8, 3000}, {1, 2000}}, 12002, 5000000, 18000},
        {-1.0 / 64, 0, {{7.0 / 32, 6000}, {-7.0 / 8, 3000}, {1, 2000}}, 18001, 5000000, TIME_NEVER},
        /* double root: (x - 1/2)^2 = x^2 - x + 1/4 is 0 at t = 1000, an integer, and positive around it */
        {0.25, 0, {{1, 500}, {-1, 1000}}, 0, 100000, 1000},
        {0.25, 0, {{1, 500}, {-1, 1000}}, 1000, 100000, 1001},
        {-0.25, 0, {{-1, 500}, {1, 1000}}, 0, 100000, TIME_NEVER},
        /* the same between two milliseconds: nobody sees it */
        {0.25, 0, {{1, 500.25}, {-1, 1000.5}}, 0, 100000, TIME_NEVER},
        /* an age against a score: 2^(-t/1000) falls below t/1000 at t = 641.186 (x = 2^-x: 0.641186) */
        {0, -1e-3, {{1, 1000}}, 0, 100000, 642},
        /* 100 2^(-t/1000) + t/100 - 45 is 25 + 20 - 45 = 0 at t = 2000, least at 1000 log2(ln 2 * 10) = 2793,
           and back at 3763.2 */
        {-45, 0.01, {{100, 1000}}, 0, 100000, 2000},
        {-45, 0.01, {{100, 1000}}, 2000, 100000, 3764},
        {-45, 0.01, {{100, 1000}}, 3764, 100000000, TIME_NEVER},
};

START_TEST(change_is_where_the_closed_form_says) {
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ExponentialSum sum = {.origin_ms = ORIGIN_MS, .constant = rows[i].constant, .slope = rows[i].slope};
        for (size_t k = 0; k < N_MAX && rows[i].exponentials[k].value != 0; k++)
            exponential_sum_add(&sum, rows[i].exponentials[k].value, rows[i].exponentials[k].half_life_ms);
        int64_t change_ms = crossing_first(&sum, ORIGIN_MS + rows[i].from_ms, ORIGIN_MS + rows[i].to_ms);
        int64_t expected_ms = rows[i].change_ms == TIME_NEVER ? TIME_NEVER : ORIGIN_MS + rows[i].change_ms;
        ck_assert_msg(change_ms == expected_ms, "row %zu: %" PRId64 ", expected %" PRId64, i,
                change_ms - ORIGIN_MS, rows[i].change_ms);
    }
}
END_TEST

START_TEST(equal_half_lives_are_joined) {
    ExponentialSum sum = {.origin_ms = 0};
    exponential_sum_add(&sum, 5, 1000);
    exponential_sum_add(&sum, 0, 2000);
    exponential_sum_add(&sum, 7, 3000);
    exponential_sum_add(&sum, -2, 1000);
    ck_assert_uint_eq(sum.n_exponentials, 2);
    ck_assert_double_eq(exponential_sum_value(&sum, 0), 10);
    ck_assert_double_eq(exponential_sum_value(&sum, 3000), 3.0 / 8 + 3.5);
}
END_TEST

/* --- by chance --------------------------------------------------------------------------------------- */

static double random_size(uint64_t *random) {
    double value = random_between(random, 0.5, 100);
    return random_below(random, 2) ? value : -value;
}

/* Up to n_max exponentials of half-lives in [low, high), mostly a constant, and at times a line. */
static ExponentialSum random_sum(uint64_t *random, unsigned n_max, double low_ms, double high_ms) {
    ExponentialSum sum = {.origin_ms = ORIGIN_MS};
    unsigned n = 1 + (unsigned)random_below(random, n_max);
    for (unsigned i = 0; i < n; i++)
        exponential_sum_add(
                &sum, random_size(random), floor(exp(random_between(random, log(low_ms), log(high_ms)))));
    if (random_below(random, 5))
        sum.constant = random_size(random) / (double)(1 + random_below(random, 20));
    if (!random_below(random, 3))
        sum.slope = random_size(random) / high_ms;
    /* half of them have a root at an instant of our choice */
    if (random_below(random, 2)) {
        int64_t root_ms = ORIGIN_MS + (int64_t)random_between(random, 0, 5 * high_ms);
        sum.constant -= exponential_sum_value(&sum, root_ms);
    }
    return sum;
}

/* The first change by a walk. */
static int64_t walk(const ExponentialSum *sum, int64_t from_ms, int64_t to_ms) {
    bool before = is_positive(sum, from_ms);
    for (int64_t at_ms = from_ms + 1; at_ms <= to_ms; at_ms++)
        if (is_positive(sum, at_ms) != before)
            return at_ms;
    return TIME_NEVER;
}

START_TEST(random_sums_change_where_a_walk_over_milliseconds_finds_it) {
    enum { N = 1000, SPAN_MS = 2000 };
    uint64_t random = 1;
    unsigned n_changes = 0;
    for (int i = 0; i < N; i++) {
        ExponentialSum sum = random_sum(&random, 4, 5, 400);
        int64_t from_ms = ORIGIN_MS + (int64_t)random_below(&random, 50), to_ms = ORIGIN_MS + SPAN_MS;
        for (int round = 0; round < 6 && from_ms != TIME_NEVER; round++) {
            int64_t change_ms = crossing_first(&sum, from_ms, to_ms),
                    expected_ms = walk(&sum, from_ms, to_ms);
            ck_assert_msg(change_ms == expected_ms,
                    "sum %d, after %" PRId64 ": %" PRId64 ", expected %" PRId64, i, from_ms - ORIGIN_MS,
                    change_ms - ORIGIN_MS, expected_ms - ORIGIN_MS);
            n_changes += change_ms != TIME_NEVER;
            from_ms = change_ms;
        }
    }
    ck_assert_uint_gt(n_changes, N / 2);
}
END_TEST

/* The sign differs there from the millisecond before, and on a grid up to there it does not change. */
static void check_first(const ExponentialSum *sum, int64_t from_ms, int64_t to_ms, int64_t change_ms, int i) {
    enum { GRID = 150 };
    int64_t end_ms = change_ms == TIME_NEVER ? to_ms : change_ms - 1;
    bool before = is_positive(sum, from_ms);
    if (change_ms != TIME_NEVER) {
        ck_assert(change_ms > from_ms && change_ms <= to_ms);
        ck_assert_msg(is_positive(sum, end_ms) == before && is_positive(sum, change_ms) != before,
                "sum %d: no change", i);
    }
    for (int k = 0; k < GRID; k++) {
        int64_t at_ms = from_ms + (end_ms - from_ms) / GRID * k;
        ck_assert_msg(is_positive(sum, at_ms) == before,
                "sum %d: an earlier change near %" PRId64 ", not at %" PRId64, i, at_ms - ORIGIN_MS,
                change_ms - ORIGIN_MS);
    }
}

START_TEST(random_sums_of_days_and_years_change_first_where_it_says) {
    uint64_t random = 2;
    unsigned n_changes = 0;
    for (int i = 0; i < 1000; i++) {
        ExponentialSum sum = random_sum(&random, 6, (double)HOUR_MS, 400.0 * (double)DAY_MS);
        int64_t from_ms = ORIGIN_MS, to_ms = ORIGIN_MS + 20 * 365 * DAY_MS;
        for (int round = 0; round < 4 && from_ms != TIME_NEVER; round++) {
            int64_t change_ms = crossing_first(&sum, from_ms, to_ms);
            check_first(&sum, from_ms, to_ms, change_ms, i);
            n_changes += change_ms != TIME_NEVER;
            from_ms = change_ms;
        }
    }
    ck_assert_uint_gt(n_changes, 500);
}
END_TEST

/* Cosine-like sums: n terms with as many changes as there can be, made by choosing where they are. */
START_TEST(many_terms_of_long_half_lives_keep_all_their_changes) {
    /* prod over k of (x - 2^-k), x = 2^(-t/H), multiplied out: half-lives H/1, H/2, …, H/n; roots at t = k H
     */
    enum { N = 8 };
    const double half_life_ms = 840.0 * 365 * (double)DAY_MS / 100; /* divisible by 1 to 8 */
    double coefficients[N + 1] = {1};
    for (unsigned k = 1; k <= N; k++)
        for (unsigned i = k; i-- > 0;) {
            coefficients[i + 1] += coefficients[i];
            coefficients[i] *= -exp2(-(double)k);
        }
    ExponentialSum sum = {.origin_ms = ORIGIN_MS, .constant = coefficients[0]};
    for (unsigned i = 1; i <= N; i++)
        exponential_sum_add(&sum, coefficients[i], half_life_ms / i);
    int64_t from_ms = ORIGIN_MS;
    for (unsigned k = 1; k <= 5; k++) { /* later ones are below the rounding of the greater coefficients */
        int64_t change_ms = crossing_first(&sum, from_ms, ORIGIN_MS + (int64_t)((k + 0.5) * half_life_ms));
        ck_assert_int_ne(change_ms, TIME_NEVER);
        ck_assert_double_eq_tol((double)(change_ms - ORIGIN_MS) / half_life_ms, k, 1e-5);
        from_ms = ORIGIN_MS + (int64_t)((k + 0.5) * half_life_ms);
    }
}
END_TEST

/* As many scores as a model may have, all of different half-lives: derivatives of derivatives must not
 * vanish. */
START_TEST(thirty_two_half_lives_do_not_underflow) {
    uint64_t random = 3;
    unsigned n_changes = 0;
    for (int i = 0; i < 40; i++) {
        ExponentialSum sum = {.origin_ms = ORIGIN_MS, .constant = random_between(&random, -3, 3)};
        for (unsigned k = 0; k < MODEL_SCORES_MAX; k++)
            exponential_sum_add(
                    &sum, random_size(&random), (double)DAY_MS * random_between(&random, 30, 36500));
        int64_t from_ms = ORIGIN_MS, to_ms = ORIGIN_MS + 4000 * 365 * DAY_MS;
        for (int round = 0; round < 3 && from_ms != TIME_NEVER; round++) {
            int64_t change_ms = crossing_first(&sum, from_ms, to_ms);
            check_first(&sum, from_ms, to_ms, change_ms, i);
            n_changes += change_ms != TIME_NEVER;
            from_ms = change_ms;
        }
    }
    ck_assert_uint_gt(n_changes, 20);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("crossing");
    TCase *tcase = tcase_create("crossing");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, change_is_where_the_closed_form_says);
    tcase_add_test(tcase, equal_half_lives_are_joined);
    tcase_add_test(tcase, random_sums_change_where_a_walk_over_milliseconds_finds_it);
    tcase_add_test(tcase, random_sums_of_days_and_years_change_first_where_it_says);
    tcase_add_test(tcase, many_terms_of_long_half_lives_keep_all_their_changes);
    tcase_add_test(tcase, thirty_two_half_lives_do_not_underflow);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
