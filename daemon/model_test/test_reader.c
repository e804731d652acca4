/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/model_test/test_reader.h"

#include <stdio.h>

#include "daemon/model_test/case_instant.h"

/* Of the names that are known, as many as fit. */
#define KNOWN_SHOWN_SIZE 400

bool reader_check(TestReader *reader, const YamlNode *node, YamlType type, const char *what,
        const char *expected, size_t max) {
    static const char *const names[] = {
            [YAML_SCALAR] = "a single value", [YAML_SEQUENCE] = "a list", [YAML_MAPPING] = "a mapping"};

    if (node->type != type) {
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark, "%s: %s expected, got %s", what,
                expected, yaml_is_null(node) ? "nothing" : names[node->type]);
        return false;
    }
    if (type == YAML_SCALAR || node->n_items <= max)
        return true;
    diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->items[max]->mark,
            "%s: %zu are too many, the limit is %zu", what, node->n_items, max);
    return false;
}

void reader_unknown(TestReader *reader, const YamlNode *node, const char *kind, const char *const *known,
        size_t n_known) {
    const char *nearest = diagnostic_nearest(node->text, known, n_known);

    char names[KNOWN_SHOWN_SIZE] = "";
    size_t len = 0;

    if (nearest) {
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark,
                "unknown %s \"%.*s\"; did you mean \"%s\"?", kind, READER_SHOWN(node), nearest);
        return;
    }
    for (size_t i = 0; i < n_known && len < sizeof(names); i++)
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "", known[i]);
    diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark, "unknown %s \"%.*s\"; %s%s", kind,
            READER_SHOWN(node), n_known ? "expected one of " : "the model has none", names);
}

bool reader_instant(TestReader *reader, const YamlNode *node, const char *what, int64_t *ret_ms) {
    if (!reader_check(reader, node, YAML_SCALAR, what, "an instant", 0))
        return false;
    if (case_instant_parse(node->text, reader->start_ms, ret_ms))
        return true;
    diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark,
            "%s: expected an instant from the case's start such as +90s or +2d4h, or as "
            "2026-01-31T08:00:00Z, got \"%.*s\"",
            what, READER_SHOWN(node));
    return false;
}

bool reader_name(TestReader *reader, const YamlNode *node, const char *what, size_t max, Str *ret) {
    Str text;

    if (!yaml_string(node, what, reader->diagnostics, &text))
        return false;
    if (text.len > 0 && text.len <= max) {
        *ret = text;
        return true;
    }
    diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark, "%s: 1 to %zu bytes expected, got %zu",
            what, max, text.len);
    return false;
}

bool reader_policy(TestReader *reader, const YamlNode *node, Str name, unsigned *ret) {
    const char *known[MODEL_POLICIES_MAX];
    const Model *model = reader->model;
    YamlNode part = *node;

    for (unsigned i = 0; i < model->n_policies; i++) {
        if (str_eq(model->policies[i].id, name)) {
            *ret = i;
            return true;
        }
        known[i] = model->policies[i].id.data;
    }
    part.text = name;
    reader_unknown(reader, &part, "SLA policy", known, model->n_policies);
    return false;
}

bool reader_verdict(
        TestReader *reader, const YamlNode *node, Str text, unsigned policy, ExpectedVerdict *ret) {
    const char *known[_SLA_KIND_MAX];
    const SlaPolicy *p = &reader->model->policies[policy];
    const char *space = memchr(text.data, ' ', text.len);
    size_t len = space ? (size_t)(space - text.data) : text.len;
    YamlNode part = *node;
    unsigned kind = 0;

    for (unsigned i = 0; i < _SLA_KIND_MAX; i++)
        known[i] = sla_kind_name(i);
    part.text = (Str){text.data, len};
    while (kind < _SLA_KIND_MAX && !str_eq_c(part.text, known[kind]))
        kind++;
    if (kind == _SLA_KIND_MAX) {
        reader_unknown(reader, &part, "SLA verdict", known, _SLA_KIND_MAX);
        return false;
    }
    *ret = (ExpectedVerdict){.kind = kind};
    if (!space)
        return true;
    ret->level = (Str){space + 1, text.len - len - 1};
    const SlaLevel *levels = kind == SLA_WARNING ? p->warnings : p->escalations;
    size_t n_levels = kind == SLA_WARNING ? p->n_warnings : kind == SLA_ESCALATED ? p->n_escalations : 0;
    for (size_t i = 0; i < n_levels; i++)
        if (str_eq(levels[i].text, ret->level))
            return true;
    diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark,
            "the policy \"%.*s\" has no %s of \"%.*s\"", STR_FMT(p->id), known[kind], STR_FMT(ret->level));
    return false;
}
