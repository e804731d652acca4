/* SPDX-License-Identifier: Apache-2.0 */
/* The index against each list asked by itself. */
#include "lib/event/event_index.h"
#include "tests/unit/suite.h"

#define N_LISTS 40
#define N_NAMES 12

static const Str names[N_NAMES] = {STR_LITERAL("page_view"), STR_LITERAL("page_viewed"), STR_LITERAL("p"), STR_LITERAL("q"),
        STR_LITERAL("profile_updated"), STR_LITERAL("lead_merged"), STR_LITERAL("sales_touch"), STR_LITERAL("sales_touched"),
        STR_LITERAL("email_opened"), STR_LITERAL("email_clicked"), STR_LITERAL("trial_started"), STR_LITERAL("trial_stopped")};

static unsigned draw(uint64_t *state, unsigned below) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*state >> 33) % below;
}

static void check_type(const EventIndex *index, const IndexedTypes *lists, size_t n, Str type) {
    EventMatches matches = event_index_find(index, type);
    unsigned number;
    for (size_t i = 0; i < n; i++) {
        if (!event_types_contain(lists[i].on, type))
            continue;
        ck_assert(event_matches_next(&matches, &number));
        ck_assert_uint_eq(number, lists[i].number);
    }
    ck_assert(!event_matches_next(&matches, &number));
}

START_TEST(index_finds_the_lists_that_take_a_type_in_their_order) {
    _cleanup_(arena_free) Arena *arena = NULL;
    ck_assert_int_eq(arena_new(&arena), 0);
    uint64_t random = (uint64_t)_i;
    Str types[N_LISTS][N_NAMES];
    EventTypes on[N_LISTS];
    IndexedTypes lists[N_LISTS];
    size_t n = draw(&random, N_LISTS + 1);
    for (size_t i = 0; i < n; i++) {
        on[i] = (EventTypes){.any = draw(&random, 4) == 0, .types = types[i]};
        for (size_t k = 0; k < N_NAMES - 1 && !on[i].any; k++) /* the last one is in no list */
            if (draw(&random, 3) == 0)
                types[i][on[i].n_types++] = names[k];
        lists[i] = (IndexedTypes){&on[i], (uint32_t)(i * 3)};
    }
    const EventIndex *index = NULL;
    ck_assert_int_eq(event_index_new(arena, lists, n, &index), 0);
    for (size_t k = 0; k < N_NAMES; k++)
        check_type(index, lists, n, names[k]);
    check_type(index, lists, n, STR_LITERAL("lead_unheard_of"));
    check_type(index, lists, n, STR_LITERAL(""));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("event_index");
    TCase *tcase = tcase_create("event_index");
    tcase_add_loop_test(tcase, index_finds_the_lists_that_take_a_type_in_their_order, 0, 200);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
