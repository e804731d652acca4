/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "lib/lead/account.h"
#include "lib/lead/lead.h"
#include "lib/shard/entity_window.h"
#include "tests/unit/suite.h"

static Score scores[] = {{.id = STR_LITERAL("fit"), .decay = {.kind = DECAY_NONE}}};
static const Model model = {.scores = scores, .n_scores = 1};

static EntityTable *new_table(void) {
    EntityTable *table = NULL;
    ck_assert_int_eq(entity_table_new(&lead_entity_ops, &model, &table), 0);
    return table;
}

static Str numbered_id(unsigned n, char text[static 16]) {
    return (Str){text, (size_t)snprintf(text, 16, "lead-%u", n)};
}

static Lead *add(EntityTable *table, unsigned n) {
    char text[16];
    Lead *lead = NULL;
    ck_assert_int_eq(lead_new(&model, numbered_id(n, text), &lead), 0);
    ck_assert_int_eq(entity_table_consume(table, &lead->entity), 0);
    return lead;
}

static Lead *get(EntityTable *table, unsigned n) {
    char text[16];
    return lead_of(entity_table_get(table, numbered_id(n, text)));
}

START_TEST(empty_table_holds_nothing) {
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    size_t iterator = 0;
    ck_assert_ptr_null(get(table, 1));
    ck_assert_ptr_null(entity_table_dirty(table));
    ck_assert_ptr_null(entity_table_next(table, &iterator));
    ck_assert_uint_eq(entity_table_count(table), 0);
    entity_table_clean(table);
    entity_table_trim(table, (EntityTrim){.max_bytes = 0});
}
END_TEST

/* A small generator, so that a row is the same on every machine. */
static unsigned next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*state >> 33);
}

/* Against the plainest table there is: an array of flags. */
START_TEST(random_puts_and_removals_agree_with_an_array) {
    enum { N_IDS = 600, N_STEPS = 6000 };
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    entity_table_seed(table, (uint64_t)_i * UINT64_C(0x9e3779b97f4a7c15));
    bool in[N_IDS] = {false};
    size_t n_in = 0;
    uint64_t random = (uint64_t)_i;
    for (int step = 0; step < N_STEPS; step++) {
        unsigned n = next_random(&random) % N_IDS;
        Lead *lead = get(table, n);
        ck_assert_int_eq(lead != NULL, in[n]);
        if (!lead) {
            add(table, n);
            n_in++;
        } else {
            char text[16];
            ck_assert(str_eq(lead->lead_id, numbered_id(n, text)));
            entity_table_remove(table, &lead->entity);
            n_in--;
        }
        in[n] = !in[n];
        ck_assert_uint_eq(entity_table_count(table), n_in);
    }
    for (unsigned n = 0; n < N_IDS; n++)
        ck_assert_int_eq(get(table, n) != NULL, in[n]);
}
END_TEST

START_TEST(iteration_visits_each_lead_once) {
    enum { N = 300 };
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    for (unsigned i = 0; i < N; i++)
        add(table, i)->ordinal = 0;
    size_t iterator = 0, n = 0;
    for (Lead *lead; (lead = lead_of(entity_table_next(table, &iterator))); n++)
        ck_assert_uint_eq(lead->ordinal++, 0);
    ck_assert_uint_eq(n, N);
    ck_assert_ptr_null(entity_table_next(table, &iterator));
}
END_TEST

START_TEST(memory_follows_the_leads) {
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    Lead *first = add(table, 1);
    size_t with_first = entity_table_memory(table);
    ck_assert_uint_gt(with_first, lead_memory(first, &model));
    Lead *second = add(table, 2);
    ck_assert_uint_eq(entity_table_memory(table), with_first + lead_memory(second, &model));

    char text[10000] = {0};
    size_t before = entity_table_memory(table);
    ck_assert_int_eq(lead_set_profile(first, STR_LITERAL("a"), value_string((Str){text, sizeof(text)})), 0);
    ck_assert_uint_eq(entity_table_memory(table), before);
    entity_table_mark_dirty(table, &first->entity);
    entity_table_clean(table);
    ck_assert_uint_ge(entity_table_memory(table), before + sizeof(text));
    ck_assert_int_eq(lead_set_profile(first, STR_LITERAL("b"), value_string((Str){text, sizeof(text)})), 0);
    entity_table_mark_dirty(table, &first->entity);
    entity_table_mark_dirty(table, &first->entity);
    entity_table_clean(table);
    ck_assert_uint_ge(entity_table_memory(table), before + 2 * sizeof(text));

    entity_table_mark_dirty(table, &first->entity);
    ck_assert_int_eq(lead_set_profile(first, STR_LITERAL("a"), VALUE_NONE), 0);
    entity_table_remove(table, &first->entity);
    ck_assert_uint_eq(entity_table_memory(table), with_first);
}
END_TEST

START_TEST(accounts_are_kept_likewise) {
    _cleanup_(entity_table_free) EntityTable *table = NULL;
    ck_assert_int_eq(entity_table_new(&account_entity_ops, &model, &table), 0);
    Account *account = NULL;
    ck_assert_int_eq(account_new(&model, STR_LITERAL("acme"), &account), 0);
    ck_assert_int_eq(entity_table_consume(table, &account->entity), 0);
    ck_assert_ptr_eq(account_of(entity_table_get(table, STR_LITERAL("acme"))), account);
    ck_assert_ptr_null(account_of(entity_table_get(table, STR_LITERAL("other"))));
    size_t before = entity_table_memory(table);
    Member *member;
    ck_assert_int_eq(account_add(account, STR_LITERAL("ann"), &member), 0);
    entity_table_mark_dirty(table, &account->entity);
    ck_assert_ptr_eq(entity_table_dirty(table), &account->entity);
    entity_table_clean(table);
    ck_assert_uint_gt(entity_table_memory(table), before);
    entity_table_remove(table, &account->entity);
    ck_assert_uint_eq(entity_table_count(table), 0);
}
END_TEST

/* ---- changed leads ---- */

/* The numbers of the changed leads in the list's order, as text. */
static const char *dirty_order(const EntityTable *table, char text[static 128]) {
    size_t n = 0;
    text[0] = '\0';
    for (const Entity *entity = entity_table_dirty(table); entity; entity = entity->dirty_next)
        n += (size_t)snprintf(text + n, 128 - n, "%.*s ", STR_FMT(entity->id));
    return text;
}

START_TEST(changed_leads_come_in_order_of_first_change) {
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    Lead *leads[5];
    for (unsigned i = 0; i < ARRAY_SIZE(leads); i++)
        leads[i] = add(table, i);
    const int changes[] = {3, 1, 3, 4, 1, 0};
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
        entity_table_mark_dirty(table, &leads[changes[i]]->entity);
    char text[128];
    ck_assert_str_eq(dirty_order(table, text), "lead-3 lead-1 lead-4 lead-0 ");

    entity_table_clean(table);
    ck_assert_ptr_null(entity_table_dirty(table));
    entity_table_mark_dirty(table, &leads[1]->entity);
    entity_table_mark_dirty(table, &leads[2]->entity);
    ck_assert_str_eq(dirty_order(table, text), "lead-1 lead-2 ");
}
END_TEST

/* As by the list, whatever its length; what is told ahead, known or not, changes nothing. */
START_TEST(walk_over_changed_leads_meets_each_in_order) {
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    EntityWindow window = entity_window(table);
    char text[16];
    for (unsigned i = 0; i < 60; i++)
        entity_window_tell(&window, numbered_id(i, text));
    for (unsigned i = 0; i < (unsigned)_i; i++)
        entity_table_mark_dirty(table, &add(table, i)->entity);
    for (unsigned i = 0; i < 60; i++)
        entity_window_tell(&window, numbered_id(i % 20, text));
    ChangedWalk walk = changed_walk(table);
    for (Entity *expected = entity_table_dirty(table); expected; expected = expected->dirty_next)
        ck_assert_ptr_eq(changed_walk_next(&walk), expected);
    ck_assert_ptr_null(changed_walk_next(&walk));
    ck_assert_ptr_null(changed_walk_next(&walk));
}
END_TEST

START_TEST(what_was_told_is_found_by_its_hash) {
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    EntityWindow window = entity_window(table);
    char text[16];
    enum { N = 3 * ENTITY_WINDOW_AHEAD };
    for (unsigned i = 0; i < N; i += 2)
        add(table, i);
    for (unsigned i = 0, n_told = 0; i < N; i++) {
        while (n_told < MIN(i + ENTITY_WINDOW_AHEAD, (unsigned)N))
            entity_window_tell(&window, numbered_id(n_told++, text));
        Str id = numbered_id(i, text);
        Entity *found = entity_table_get_by_hash(table, entity_window_hash(&window, i), id);
        ck_assert_int_eq(found != NULL, i % 2 == 0);
        ck_assert_ptr_eq(found, entity_table_get(table, id));
    }
}
END_TEST

static const struct {
    unsigned remove;
    const char *left;
} dirty_removals[] = {
        {0, "lead-1 lead-2 lead-9 "},
        {1, "lead-0 lead-2 lead-9 "},
        {2, "lead-0 lead-1 lead-9 "},
};

START_TEST(removed_lead_leaves_the_list_of_changed_ones) {
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    for (unsigned i = 0; i < 3; i++)
        entity_table_mark_dirty(table, &add(table, i)->entity);
    entity_table_remove(table, &get(table, dirty_removals[_i].remove)->entity);
    entity_table_mark_dirty(table, &add(table, 9)->entity);
    char text[128];
    ck_assert_str_eq(dirty_order(table, text), dirty_removals[_i].left);
}
END_TEST

START_TEST(erased_leads_go_when_the_list_is_cleaned) {
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    for (unsigned i = 0; i < 4; i++)
        entity_table_mark_dirty(table, &add(table, i)->entity);
    get(table, 0)->entity.erased = true;
    get(table, 3)->entity.erased = true;
    ck_assert_ptr_nonnull(get(table, 3));
    entity_table_clean(table);
    ck_assert_uint_eq(entity_table_count(table), 2);
    ck_assert_ptr_null(get(table, 0));
    ck_assert_ptr_nonnull(get(table, 1));
    ck_assert_ptr_nonnull(get(table, 2));
    ck_assert_ptr_null(get(table, 3));
}
END_TEST

/* ---- trimming ---- */

typedef struct Evicted {
    char text[256];
    size_t len;
} Evicted;

static void note_evicted(void *userdata, Entity *entity) {
    Evicted *evicted = userdata;
    entity->heap_index = 0;
    evicted->len += (size_t)snprintf(evicted->text + evicted->len, sizeof(evicted->text) - evicted->len,
            "%.*s ", STR_FMT(entity->id));
}

START_TEST(trim_drops_the_longest_unused_first) {
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    for (unsigned i = 0; i < 6; i++)
        add(table, i)->entity.heap_index = i + 1;
    get(table, 0); /* the newest now */
    get(table, 3);
    get(table, 3);
    get(table, 7); /* not there: changes nothing */

    Evicted evicted = {0};
    size_t bytes = entity_table_memory(table);
    entity_table_trim(table, (EntityTrim){.max_bytes = bytes, .evict = note_evicted, .userdata = &evicted});
    ck_assert_str_eq(evicted.text, "");
    entity_table_trim(table, (EntityTrim){.max_bytes = bytes - 1, .evict = note_evicted, .userdata = &evicted});
    ck_assert_str_eq(evicted.text, "lead-1 ");
    entity_table_trim(table, (EntityTrim){.evict = note_evicted, .userdata = &evicted});
    ck_assert_str_eq(evicted.text, "lead-1 lead-2 lead-4 lead-5 lead-0 lead-3 ");
    ck_assert_uint_eq(entity_table_count(table), 0);

    add(table, 5);
    ck_assert_ptr_nonnull(get(table, 5));
}
END_TEST

START_TEST(trim_never_drops_a_changed_lead) {
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    for (unsigned i = 0; i < 6; i++)
        add(table, i);
    entity_table_mark_dirty(table, &get(table, 4)->entity);
    entity_table_mark_dirty(table, &get(table, 1)->entity);
    for (unsigned i = 0; i < 6; i++)
        if (i != 1 && i != 4)
            get(table, i);
    entity_table_trim(table, (EntityTrim){.max_bytes = 0});
    ck_assert_uint_eq(entity_table_count(table), 2);
    char text[128];
    ck_assert_str_eq(dirty_order(table, text), "lead-4 lead-1 ");
    entity_table_clean(table);
    entity_table_trim(table, (EntityTrim){.max_bytes = 0});
    ck_assert_uint_eq(entity_table_count(table), 0);
}
END_TEST

static void change(EntityTable *table, unsigned n) {
    entity_table_mark_dirty(table, &get(table, n)->entity);
}

START_TEST(trim_keeps_what_changed_of_late) {
    _cleanup_(entity_table_free) EntityTable *table = new_table();
    for (unsigned i = 0; i < 4; i++)
        add(table, i); /* 3 never changes */
    for (unsigned i = 0; i < 3; i++) {
        change(table, i);
        entity_table_clean(table);
    }
    entity_table_trim(table, (EntityTrim){.n_kept = 3});
    ck_assert_uint_eq(entity_table_count(table), 3);
    ck_assert_ptr_null(get(table, 3));
    change(table, 0);
    entity_table_clean(table);
    entity_table_trim(table, (EntityTrim){.n_kept = 2});
    ck_assert_uint_eq(entity_table_count(table), 2);
    ck_assert_ptr_null(get(table, 1));
    entity_table_clean(table);
    entity_table_trim(table, (EntityTrim){.n_kept = 2});
    ck_assert_uint_eq(entity_table_count(table), 1);
    ck_assert_ptr_nonnull(get(table, 0));
    entity_table_trim(table, (EntityTrim){.n_kept = 1});
    ck_assert_uint_eq(entity_table_count(table), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("entity table");
    TCase *table = tcase_create("table");
    tcase_add_test(table, empty_table_holds_nothing);
    tcase_add_loop_test(table, random_puts_and_removals_agree_with_an_array, 0, 8);
    tcase_add_test(table, iteration_visits_each_lead_once);
    tcase_add_test(table, memory_follows_the_leads);
    tcase_add_test(table, accounts_are_kept_likewise);
    suite_add_tcase(suite, table);

    TCase *changes = tcase_create("changes");
    tcase_add_test(changes, changed_leads_come_in_order_of_first_change);
    tcase_add_test(changes, what_was_told_is_found_by_its_hash);
    tcase_add_loop_test(changes, walk_over_changed_leads_meets_each_in_order, 0, 9);
    tcase_add_loop_test(changes, removed_lead_leaves_the_list_of_changed_ones, 0, ARRAY_SIZE(dirty_removals));
    tcase_add_test(changes, erased_leads_go_when_the_list_is_cleaned);
    tcase_add_test(changes, trim_drops_the_longest_unused_first);
    tcase_add_test(changes, trim_never_drops_a_changed_lead);
    tcase_add_test(changes, trim_keeps_what_changed_of_late);
    suite_add_tcase(suite, changes);
    return suite_run(suite);
}
