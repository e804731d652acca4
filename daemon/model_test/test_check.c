/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an expectation met? Facts, verdicts and outputs, each with the explanation that helps with it.
 */
#include "daemon/base/value_text.h"
#include "daemon/model_test/case_instant.h"
#include "daemon/model_test/facts.h"
#include "daemon/model_test/test_run.h"

/* What an expectation is held against. */
typedef struct Check {
    TestRun *run;
    const Expectation *expectation;
    TestSubject subject;
    Str merged_into; /* null: not a lead that was merged */
    Facts facts;
    int64_t now_ms;
} Check;

static TestFailure *fail(Check *check, Mark mark, Str what, Str expected, Str got) {
    TestFailure *failure = test_fail(check->run, mark, check->now_ms, check->expectation->id);
    failure->what = what;
    failure->expected = expected;
    failure->got = got;
    return failure;
}

static bool is_known(const Check *check) {
    return check->subject.lead || check->subject.account;
}

/* --- facts ------------------------------------------------------------------------------------------- */

static bool is_met(const ExpectedFact *expected, const Fact *fact) {
    if (expected->type == EXPECTED_ABSENT || expected->type == EXPECTED_PRESENT)
        return (fact != NULL) == (expected->type == EXPECTED_PRESENT);
    if (!fact)
        return false;
    switch (expected->type) {
    case EXPECTED_NULL:
        return fact->value.type == VALUE_NULL;
    case EXPECTED_TEXT:
        return fact->value.type == VALUE_STRING && str_eq(fact->value.string, expected->text);
    case EXPECTED_BOOLEAN:
        return fact->value.type == VALUE_BOOLEAN && fact->value.boolean == expected->boolean;
    default:
        return value_is_number(fact->value) && value_number(fact->value) >= expected->min &&
               value_number(fact->value) <= expected->max;
    }
}

/* A policy's facts are its open clock's: in one sentence. */
static Str show_clock(Check *check, Str shown) {
    TestRun *run = check->run;
    const Fact *due = facts_find(&check->facts, test_text(run, "%.*s.due_at", STR_FMT(shown)));
    const Fact *breached = facts_find(&check->facts, test_text(run, "%.*s.breached", STR_FMT(shown)));
    const Fact *paused = facts_find(&check->facts, test_text(run, "%.*s.paused", STR_FMT(shown)));
    int64_t due_ms;

    if (!due)
        return STR_LITERAL("no open clock");
    return test_text(run, "an open clock, due at %.*s%s%s",
            STR_FMT(due->value.type == VALUE_STRING && timestamp_parse(due->value.string, &due_ms)
                            ? test_instant(run, due_ms)
                            : STR_LITERAL("no instant")),
            breached && breached->value.boolean ? ", breached" : ", not breached",
            paused && paused->value.boolean ? ", paused" : "");
}

/* Texts stand without quotes: they are names, as in the file. */
static Str show_fact(Check *check, const ExpectedFact *expected, const Fact *fact) {
    if (str_starts_with(expected->path, "sla."))
        return show_clock(check, expected->shown);
    if (!fact)
        return STR_LITERAL("nothing");
    if (fact->value.type == VALUE_STRING)
        return fact->value.string;
    Str shown = value_show(check->run->arena, fact->value);
    if (str_is_null(shown))
        check->run->error = -ENOMEM;
    return shown;
}

/* The rest of a path behind its first dot. */
static Str path_name(Str path) {
    const char *dot = memchr(path.data, '.', path.len);
    return dot ? (Str){dot + 1, path.len - (size_t)(dot + 1 - path.data)} : path;
}

static void explain_fact(Check *check, const ExpectedFact *expected, TestFailure *failure) {
    TestRun *run = check->run;
    Str name = path_name(expected->path);

    if (str_starts_with(expected->path, "stages."))
        test_explain_stage(run, failure, check->subject, name, expected->text);
    else if (str_starts_with(expected->path, "scores."))
        test_explain_scores(run, failure, check->subject, name);
    else if (str_starts_with(expected->path, "derived."))
        test_explain_scores(run, failure, check->subject, STR_NULL);
    else if (str_eq_c(expected->path, "committee") || str_eq_c(expected->path, "members"))
        test_explain_scores(run, failure, check->subject, STR_NULL);
    else if (str_starts_with(expected->path, "sla."))
        test_explain_sla(run, failure, check->subject, path_name(expected->shown));
}

static void check_fact(Check *check, const ExpectedFact *expected) {
    const Fact *fact = facts_find(&check->facts, expected->path);

    check->run->n_expected++;
    if (is_met(expected, fact))
        return;
    TestFailure *failure =
            fail(check, expected->mark, expected->shown, expected->wanted, show_fact(check, expected, fact));
    explain_fact(check, expected, failure);
}

/* --- verdicts ---------------------------------------------------------------------------------------- */

static bool is_of_subject(const Check *check, const TestOutput *output) {
    return output->of_account == check->expectation->is_account && str_eq(output->id, check->expectation->id);
}

static bool is_verdict(const ExpectedVerdict *expected, const TestOutput *output) {
    return output->kind == expected->kind &&
           (str_is_null(expected->level) || str_eq(output->level, expected->level));
}

static Str show_verdict(TestRun *run, Str text, SlaKind kind, Str level) {
    return test_text(run, "%.*s%s%s%s%.*s", STR_FMT(text), text.len ? ", " : "", sla_kind_name(kind),
            str_is_null(level) ? "" : " ", STR_FMT(level));
}

static void check_sla(Check *check, const ExpectedSla *expected) {
    TestRun *run = check->run;
    Str policy = run->file->model->policies[expected->policy].id, got = STR_LITERAL(""),
        wanted = STR_LITERAL("");
    size_t n = 0;
    bool met = true, latest_met = false;

    run->n_expected++;
    for (size_t i = 0; i < run->log.n_items; i++) {
        const TestOutput *output = &run->log.items[i];
        if (output->type != OUTPUT_SLA_EVENT || !is_of_subject(check, output) ||
                !str_eq(output->policy, policy))
            continue;
        met = met && n < expected->n_verdicts && is_verdict(&expected->verdicts[n], output);
        latest_met = is_verdict(&expected->verdicts[0], output);
        got = expected->latest_only ? show_verdict(run, STR_LITERAL(""), output->kind, output->level)
                                    : show_verdict(run, got, output->kind, output->level);
        n++;
    }
    if (expected->latest_only ? n > 0 && latest_met : met && n == expected->n_verdicts)
        return;
    for (size_t i = 0; i < expected->n_verdicts; i++)
        wanted = show_verdict(run, wanted, expected->verdicts[i].kind, expected->verdicts[i].level);
    TestFailure *failure = fail(check, expected->mark, test_text(run, "sla.%.*s", STR_FMT(policy)),
            wanted.len ? wanted : STR_LITERAL("nothing told"), got.len ? got : STR_LITERAL("nothing told"));
    test_explain_sla(run, failure, check->subject, policy);
}

/* --- outputs ----------------------------------------------------------------------------------------- */

static bool is_output(const ExpectedOutput *expected, const TestOutput *output) {
    static const OutputType types[] = {
            [EXPECTED_MOVED] = OUTPUT_STAGE_CHANGED,
            [EXPECTED_ENTERED] = OUTPUT_STAGE_CHANGED,
            [EXPECTED_REFUSED] = OUTPUT_REFUSED,
            [EXPECTED_SLA] = OUTPUT_SLA_EVENT,
            [EXPECTED_RETIRED] = OUTPUT_LEAD_RETIRED,
    };

    if (output->type != types[expected->type] ||
            (expected->at_ms != TIME_NONE && output->at_ms != expected->at_ms))
        return false;
    switch (expected->type) {
    case EXPECTED_ENTERED:
        return str_eq(output->track, expected->track) && str_eq(output->to, expected->name);
    case EXPECTED_SLA:
        return str_eq(output->policy, expected->name) && is_verdict(&expected->verdict, output);
    case EXPECTED_RETIRED:
        return str_eq(output->cause, expected->name);
    default:
        return str_eq(output->transition, expected->name);
    }
}

static Str show_expected(Check *check, const ExpectedOutput *expected) {
    static const char *const names[] = {"moved", "entered", "refused", "sla", "retired"};
    TestRun *run = check->run;
    Str text = test_text(run, "%s: %.*s", names[expected->type], STR_FMT(expected->wanted));

    if (expected->at_ms == TIME_NONE)
        return text;
    return test_text(run, "%.*s at %.*s", STR_FMT(text), STR_FMT(test_instant(run, expected->at_ms)));
}

/* From where on the subject's outputs have not been expected yet. */
static TestSeen *find_seen(Check *check) {
    TestRun *run = check->run;
    const Expectation *expectation = check->expectation;

    for (size_t i = 0; i < run->n_seen; i++)
        if (run->seen[i].is_account == expectation->is_account && str_eq(run->seen[i].id, expectation->id))
            return &run->seen[i];
    int r = array_reserve(&run->seen, &run->n_seen_alloc, run->n_seen, sizeof(*run->seen));
    if (r) {
        run->error = r;
        return NULL;
    }
    run->seen[run->n_seen] = (TestSeen){.id = expectation->id, .is_account = expectation->is_account};
    return &run->seen[run->n_seen++];
}

static void note_outputs(Check *check, size_t from, TestFailure *failure) {
    TestRun *run = check->run;

    for (size_t i = from; i < run->log.n_items; i++) {
        const TestOutput *output = &run->log.items[i];
        if (is_of_subject(check, output))
            test_note(run, failure, "told at %.*s: %.*s", STR_FMT(test_instant(run, output->at_ms)),
                    STR_FMT(test_output_show(run->arena, output)));
    }
    if (failure->n_notes == 0)
        test_note(run, failure, "nothing has been told since the expectation before");
}

static void fail_missing(Check *check, const ExpectedOutput *expected, size_t from) {
    TestFailure *failure = fail(check, expected->mark, STR_LITERAL("told"), show_expected(check, expected),
            STR_LITERAL("no such output where it was expected"));
    note_outputs(check, from, failure);
    if (!is_known(check))
        return;
    if (expected->type == EXPECTED_MOVED)
        test_explain_transition(check->run, failure, check->subject, expected->name);
    else if (expected->type == EXPECTED_ENTERED)
        test_explain_stage(check->run, failure, check->subject, expected->track, expected->name);
    else if (expected->type == EXPECTED_SLA)
        test_explain_sla(check->run, failure, check->subject, expected->name);
}

static void fail_surplus(Check *check, const TestOutput *output) {
    TestRun *run = check->run;
    TestFailure *failure = fail(check, check->expectation->outputs_mark, STR_LITERAL("only"),
            check->expectation->n_outputs ? STR_LITERAL("nothing else to be told")
                                          : STR_LITERAL("nothing to be told"),
            test_text(run, "%.*s at %.*s", STR_FMT(test_output_show(run->arena, output)),
                    STR_FMT(test_instant(run, output->at_ms))));
    if (output->type == OUTPUT_STAGE_CHANGED && is_known(check))
        test_explain_scores(run, failure, check->subject, STR_NULL);
}

/* In order: each expected one is looked for behind the one found before. */
static void check_outputs(Check *check, size_t from) {
    const Expectation *expectation = check->expectation;
    TestRun *run = check->run;
    size_t at = from;

    for (size_t i = 0; i < expectation->n_outputs; i++) {
        const ExpectedOutput *expected = &expectation->outputs[i];
        size_t k = at;
        run->n_expected++;
        while (k < run->log.n_items &&
                (!is_of_subject(check, &run->log.items[k]) || !is_output(expected, &run->log.items[k])))
            k++;
        if (k == run->log.n_items) {
            fail_missing(check, expected, from);
            continue;
        }
        for (; expectation->only && at < k; at++)
            if (is_of_subject(check, &run->log.items[at]))
                fail_surplus(check, &run->log.items[at]);
        at = k + 1;
    }
    run->n_expected += expectation->only;
    for (; expectation->only && at < run->log.n_items; at++)
        if (is_of_subject(check, &run->log.items[at]))
            fail_surplus(check, &run->log.items[at]);
}

/* --- the whole --------------------------------------------------------------------------------------- */

/* What is known of the subject. */
static int look(Check *check) {
    const Expectation *expectation = check->expectation;
    TestRun *run = check->run;
    const Model *model = run->file->model;
    Entity *entity = entity_table_get(
            expectation->is_account ? shard_accounts(run->shard) : shard_leads(run->shard), expectation->id);

    if (!entity)
        return 0;
    if (expectation->is_account) {
        const Account *account = check->subject.account = account_of(entity);
        return facts_of_account(
                &check->facts, run->arena, model, account, MAX(check->now_ms, account->clock_ms));
    }
    const Lead *lead = lead_of(entity);
    if (!str_is_null(lead->merged_into)) {
        check->merged_into = lead->merged_into;
        return 0;
    }
    check->subject.lead = lead;
    return facts_of_lead(&check->facts, run->arena, model, lead, MAX(check->now_ms, lead->clock_ms));
}

static void check_facts(Check *check) {
    const Expectation *expectation = check->expectation;
    TestRun *run = check->run;

    if (is_known(check)) {
        for (size_t i = 0; i < expectation->n_facts; i++)
            check_fact(check, &expectation->facts[i]);
        return;
    }
    run->n_expected += expectation->n_facts;
    if (expectation->n_facts == 0)
        return;
    const char *kind = expectation->is_account ? "account" : "lead";
    (void)fail(check, expectation->mark, str_from(kind),
            test_text(run, "the %s \"%.*s\"", kind, STR_FMT(expectation->id)),
            str_is_null(check->merged_into)
                    ? test_text(
                              run, "no such %s: no event that counts has named it, or it was forgotten", kind)
                    : test_text(run, "it was merged into %.*s", STR_FMT(check->merged_into)));
}

void test_check(TestRun *run, const Expectation *expectation, int64_t now_ms) {
    Check check = {.run = run, .expectation = expectation, .facts = FACTS_INIT, .now_ms = now_ms};
    TestSeen *seen = find_seen(&check);

    if (!seen)
        return;
    int r = look(&check);
    if (r)
        run->error = r;
    else
        check_facts(&check);
    for (size_t i = 0; i < expectation->n_slas; i++)
        check_sla(&check, &expectation->slas[i]);
    if (expectation->has_outputs)
        check_outputs(&check, seen->n_seen);
    seen->n_seen = run->log.n_items;
    facts_deinit(&check.facts);
}
