/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is expected of an SLA policy: its clock, which is a matter of facts, and what it has told.
 */
#include "daemon/base/arena_text.h"
#include "daemon/model_test/case_instant.h"
#include "daemon/model_test/test_reader.h"

static int sla_fact(TestReader *reader, const YamlNode *node, Str policy, const char *field,
        ExpectedType type, Expectation *expectation, ExpectedFact **ret) {
    ExpectedFact *fact = reader_new_fact(node, expectation);
    *ret = fact;
    fact->type = type;
    fact->path = arena_format(reader->arena, "sla.%.*s.%s", STR_FMT(policy), field);
    fact->shown = arena_format(reader->arena, "sla.%.*s", STR_FMT(policy));
    return str_is_null(fact->path) || str_is_null(fact->shown) ? -ENOMEM : 0;
}

/* An open clock, or none. */
static int read_open(
        TestReader *reader, const YamlNode *node, Str policy, bool open, Expectation *expectation) {
    ExpectedFact *fact;
    int r = sla_fact(
            reader, node, policy, "due_at", open ? EXPECTED_PRESENT : EXPECTED_ABSENT, expectation, &fact);
    if (r == 0)
        fact->wanted = open ? STR_LITERAL("an open clock") : STR_LITERAL("no open clock");
    return r;
}

static int read_due(TestReader *reader, const YamlNode *node, Str policy, Expectation *expectation) {
    char text[TIMESTAMP_TEXT_SIZE], shown[CASE_INSTANT_TEXT_SIZE];
    ExpectedFact *fact;
    int64_t due_ms;

    if (!reader_instant(reader, node, "due", &due_ms))
        return 0;
    int r = sla_fact(reader, node, policy, "due_at", EXPECTED_TEXT, expectation, &fact);
    if (r)
        return r;
    timestamp_print(due_ms, text);
    case_instant_print(due_ms, reader->start_ms, shown);
    fact->text = arena_str(reader->arena, str_from(text));
    fact->wanted = arena_format(reader->arena, "an open clock, due at %s", shown);
    return str_is_null(fact->text) || str_is_null(fact->wanted) ? -ENOMEM : 0;
}

static int read_flag(
        TestReader *reader, const YamlNode *node, Str policy, const char *field, Expectation *expectation) {
    ExpectedFact *fact;
    bool flag;

    if (!yaml_boolean(node, field, reader->diagnostics, &flag))
        return 0;
    int r = sla_fact(reader, node, policy, field, EXPECTED_BOOLEAN, expectation, &fact);
    if (r)
        return r;
    fact->boolean = flag;
    fact->wanted = arena_format(reader->arena, "an open clock, %s%s", flag ? "" : "not ", field);
    return str_is_null(fact->wanted) ? -ENOMEM : 0;
}

/* All that was told, as a list; or, as a scalar, what was told last. */
static int read_verdicts(
        TestReader *reader, const YamlNode *node, unsigned policy, Expectation *expectation) {
    ExpectedSla *sla = &expectation->slas[expectation->n_slas];
    bool is_list = node->type == YAML_SEQUENCE;
    size_t n = is_list ? node->n_items : 1;
    Str text;

    *sla = (ExpectedSla){.mark = node->mark, .policy = policy, .latest_only = !is_list};
    int r = READER_ALLOC(reader, sla->verdicts, n);
    if (r)
        return r;
    for (size_t i = 0; i < n; i++) {
        const YamlNode *item = is_list ? node->items[i] : node;
        if (yaml_string(item, "sla", reader->diagnostics, &text) &&
                reader_verdict(reader, item, text, policy, &sla->verdicts[sla->n_verdicts]))
            sla->n_verdicts++;
    }
    expectation->n_slas++;
    return 0;
}

static int read_sla_mapping(
        TestReader *reader, const YamlNode *node, unsigned policy, Expectation *expectation) {
    static const char *const keys[] = {"due", "breached", "paused", "told"};
    Str id = reader->model->policies[policy].id;
    int r = 0;

    if (!yaml_check_keys(node, "an SLA policy", keys, ARRAY_SIZE(keys), reader->diagnostics))
        return 0;
    const YamlNode *due = yaml_get(node, "due"), *told = yaml_get(node, "told");
    if (due)
        r = read_due(reader, due, id, expectation);
    for (size_t i = 1; r == 0 && i < 3; i++) {
        const YamlNode *flag = yaml_get(node, keys[i]);
        if (flag)
            r = read_flag(reader, flag, id, keys[i], expectation);
    }
    if (r == 0 && told &&
            reader_check(reader, told, YAML_SEQUENCE, "told", "a list of verdicts", TEST_ITEMS_MAX))
        r = read_verdicts(reader, told, policy, expectation);
    return r;
}

int reader_sla(TestReader *reader, const YamlNode *key, const YamlNode *node, Expectation *expectation) {
    unsigned policy;

    if (!reader_policy(reader, key, key->text, &policy))
        return 0;
    if (node->type == YAML_MAPPING)
        return read_sla_mapping(reader, node, policy, expectation);
    if (node->type == YAML_SCALAR && (str_eq_c(node->text, "open") || str_eq_c(node->text, "closed")))
        return read_open(reader, node, key->text, str_eq_c(node->text, "open"), expectation);
    return read_verdicts(reader, node, policy, expectation);
}
