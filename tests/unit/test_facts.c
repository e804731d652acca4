/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/model_test/facts.h"

#include "lib/shard/shard.h"
#include "tests/unit/engine_fixture.h"

static const char text[] =
        "model: m\n"
        "version: 1\n"
        "routes: [{ id: emea, when: 'profile.country == \"DE\"' }]\n"
        "scores: { heat: { decay: none, max: 100 } }\n"
        "derived: { twice: '2 * heat', odd: 'heat / (heat - heat)' }\n"
        "rules: [{ id: view, on: [page_view], add: { heat: 8 } }]\n"
        "tracks:\n"
        "  stage:\n"
        "    initial: new\n"
        "    stages: [{ id: new }, { id: hot }]\n"
        "    transitions: [{ id: up, from: [new], to: hot, when: 'heat > 5' }]\n"
        "sla: [{ id: call, start: { enter: [stage.hot] }, stop: { on: [touch] }, target: 1h }]\n"
        "accounts:\n"
        "  scores: { warmth: { from: heat, decay: none } }\n"
        "  committee: { window: 30d, on: [page_view] }\n"
        "  tracks:\n"
        "    buying:\n"
        "      initial: quiet\n"
        "      stages: [{ id: quiet }, { id: buying }]\n"
        "      transitions: [{ id: wake, from: [quiet], to: buying, when: 'committee >= 2' }]\n";

typedef struct Fixture {
    Model *model;
    Shard *shard;
    Record record;
    Arena *arena;
    Facts facts;
} Fixture;

static void fixture_begin(Fixture *f) {
    *f = (Fixture){.model = fixture_model(text), .facts = FACTS_INIT};
    ck_assert_int_eq(shard_new(f->model, record_sink(&f->record), &f->shard), 0);
    ck_assert_int_eq(arena_new(&f->arena), 0);
}

static void fixture_end(Fixture *f) {
    shard_free(f->shard);
    model_free(f->model);
    record_done(&f->record);
    facts_deinit(&f->facts);
    arena_free(f->arena);
}

static void apply(Fixture *f, const char *event_id, const char *type) {
    EventResult result;
    LeadEvent event = fixture_event("l", event_id, type, 1000);
    event.account_id = STR_LITERAL("acme \"x\".y");

    ck_assert_int_eq(shard_event(f->shard, &event, 1000, &result), 0);
    const Lead *lead = lead_of(entity_table_get(shard_leads(f->shard), STR_LITERAL("l")));
    ck_assert_int_eq(facts_of_lead(&f->facts, f->arena, f->model, lead, 1000), 0);
}

static Value value(const Fixture *f, const char *path) {
    const Fact *fact = facts_find(&f->facts, str_from(path));
    ck_assert_msg(fact != NULL, "no fact %s", path);
    return fact->value;
}

START_TEST(everything_of_a_dump_has_a_path) {
    Fixture f;
    fixture_begin(&f);
    apply(&f, "e1", "page_view");
    ck_assert(str_eq_c(value(&f, "lead_id").string, "l"));
    ck_assert(str_eq_c(value(&f, "account_id").string, "acme \"x\".y"));
    ck_assert(str_eq_c(value(&f, "segment").string, "default"));
    ck_assert_int_eq(value(&f, "route").type, VALUE_NULL);
    ck_assert_double_eq(value_number(value(&f, "scores.heat")), 8);
    ck_assert_double_eq(value_number(value(&f, "derived.twice")), 16);
    ck_assert_int_eq(value(&f, "derived.odd").type, VALUE_NULL);
    ck_assert(str_eq_c(value(&f, "stages.stage").string, "hot"));
    ck_assert(str_eq_c(value(&f, "sla.call.due_at").string, "1970-01-01T01:00:01.000Z"));
    ck_assert(!value(&f, "sla.call.breached").boolean);
    ck_assert_ptr_null(facts_find(&f.facts, STR_LITERAL("sla.call")));
    fixture_end(&f);
}
END_TEST

START_TEST(what_was_known_before_is_gone) {
    Fixture f;
    fixture_begin(&f);
    apply(&f, "e1", "page_view");
    apply(&f, "e2", "touch");
    ck_assert_ptr_null(facts_find(&f.facts, STR_LITERAL("sla.call.due_at")));
    ck_assert_double_eq(value_number(value(&f, "scores.heat")), 8);
    fixture_end(&f);
}
END_TEST

START_TEST(accounts_have_facts_as_well) {
    Fixture f;
    fixture_begin(&f);
    apply(&f, "e1", "page_view");
    Entity *entity = entity_table_get(shard_accounts(f.shard), STR_LITERAL("acme \"x\".y"));
    ck_assert_ptr_nonnull(entity);
    ck_assert_int_eq(facts_of_account(&f.facts, f.arena, f.model, account_of(entity), 1000), 0);
    ck_assert_double_eq(value_number(value(&f, "scores.warmth")), 8);
    ck_assert_int_eq(value(&f, "members").integer, 1);
    ck_assert_int_eq(value(&f, "committee").integer, 1);
    ck_assert(str_eq_c(value(&f, "stages.buying").string, "quiet"));
    ck_assert_ptr_null(facts_find(&f.facts, STR_LITERAL("scores.heat")));
    fixture_end(&f);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("facts");
    TCase *tcase = tcase_create("facts");
    tcase_add_test(tcase, everything_of_a_dump_has_a_path);
    tcase_add_test(tcase, what_was_known_before_is_gone);
    tcase_add_test(tcase, accounts_have_facts_as_well);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
