/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/model_test/test_file.h"

#include "daemon/base/arena_text.h"
#include "daemon/model_test/test_reader.h"
#include "lib/calendar/timestamp.h"

static const char *const file_keys[] = {"model", "start", "tolerance", "profiles", "cases"};
static const char *const case_keys[] = {"name", "start", "steps"};
static const char *const step_keys[] = {"at", "profile", "event", "with", "times", "every", "lead", "account",
        "source", "campaign", "topic", "id", "expect"};

/* --- steps ------------------------------------------------------------------------------------------- */

/* One expectation, or a list of them, about several leads. */
static int read_expectations(TestReader *reader, const YamlNode *node, TestStep *ret) {
    bool is_list = node->type == YAML_SEQUENCE;
    size_t n = is_list ? node->n_items : 1;

    if (is_list && !reader_check(reader, node, YAML_SEQUENCE, "expect", "a list", TEST_ITEMS_MAX))
        return 0;
    ret->now_ms = reader->now_ms;
    int r = READER_ALLOC(reader, ret->expectations, n);
    for (; r == 0 && ret->n_expectations < n; ret->n_expectations++)
        r = reader_expectation(reader, is_list ? node->items[ret->n_expectations] : node,
                &ret->expectations[ret->n_expectations]);
    return r;
}

/* When the step is: as it says, else at the instant that the steps before it have come to. */
static int64_t read_at(TestReader *reader, const YamlNode *step, bool has_events) {
    const YamlNode *at = yaml_get(step, "at");
    int64_t at_ms = reader->now_ms;

    if (!at || !reader_instant(reader, at, "at", &at_ms))
        return at_ms;
    if (!has_events && at_ms < reader->now_ms)
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, at->mark,
                "time does not go back: an earlier step is at a later instant");
    if (!has_events)
        reader->now_ms = MAX(reader->now_ms, at_ms);
    return at_ms;
}

static int read_step(TestReader *reader, const YamlNode *node, TestStep *ret) {
    *ret = (TestStep){.mark = node->mark};
    if (!yaml_check_keys(node, "a step", step_keys, ARRAY_SIZE(step_keys), reader->diagnostics))
        return 0;
    const YamlNode *expect = yaml_get(node, "expect");
    bool has_events = yaml_get(node, "event") || yaml_get(node, "profile");
    int64_t at_ms = read_at(reader, node, has_events);

    if (!has_events && !expect)
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark,
                "a step has \"event\", \"profile\" or \"expect\"");
    int r = reader_events(reader, node, at_ms, ret);
    return r == 0 && expect ? read_expectations(reader, expect, ret) : r;
}

/* --- cases ------------------------------------------------------------------------------------------- */

/* The value under a key that must be there. */
static const YamlNode *require(TestReader *reader, const YamlNode *node, const char *what, const char *key) {
    const YamlNode *value = yaml_get(node, key);

    if (!value)
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark, "%s has no \"%s\"", what, key);
    return value;
}

static void read_start(TestReader *reader, const YamlNode *parent) {
    const YamlNode *node = yaml_get(parent, "start");

    if (node && (node->type != YAML_SCALAR || !timestamp_parse(node->text, &reader->start_ms)))
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark,
                "start: an instant such as 2026-01-31T08:00:00Z expected");
}

static int read_case(TestReader *reader, const YamlNode *node, TestCase *ret) {
    *ret = (TestCase){.mark = node->mark, .name = STR_LITERAL("?")};
    if (!yaml_check_keys(node, "a case", case_keys, ARRAY_SIZE(case_keys), reader->diagnostics))
        return 0;
    const YamlNode *name = require(reader, node, "a case", "name"),
                   *steps = require(reader, node, "a case", "steps");
    int64_t file_start_ms = reader->start_ms;

    if (name && !reader_name(reader, name, "name", TEST_NAME_LEN_MAX, &ret->name))
        ret->name = STR_LITERAL("?");
    read_start(reader, node);
    reader->now_ms = ret->start_ms = reader->start_ms;
    reader->n_events = 0;
    int r = 0;
    if (steps && reader_check(reader, steps, YAML_SEQUENCE, "steps", "a list of steps", TEST_STEPS_MAX)) {
        r = READER_ALLOC(reader, ret->steps, steps->n_items);
        for (; r == 0 && ret->n_steps < steps->n_items; ret->n_steps++)
            r = read_step(reader, steps->items[ret->n_steps], &ret->steps[ret->n_steps]);
    }
    reader->start_ms = file_start_ms;
    return r;
}

/* A name that two cases share would leave in the dark which of them failed. */
static void check_name(TestReader *reader, const TestFile *file, const TestCase *test) {
    for (const TestCase *other = file->cases; other < test; other++)
        if (str_eq(other->name, test->name) && test->name.len > 1) {
            diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, test->mark,
                    "another case is called \"%.*s\" as well, in line %u", STR_FMT(test->name),
                    other->mark.line);
            return;
        }
}

static int read_cases(TestReader *reader, const YamlNode *root, TestFile *file) {
    const YamlNode *list = require(reader, root, "the file", "cases");

    if (!list || !reader_check(reader, list, YAML_SEQUENCE, "cases", "a list of cases", TEST_CASES_MAX))
        return 0;
    if (list->n_items == 0)
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, list->mark, "cases: at least one expected");
    int r = READER_ALLOC(reader, file->cases, list->n_items);
    for (; r == 0 && file->n_cases < list->n_items; file->n_cases++) {
        r = read_case(reader, list->items[file->n_cases], &file->cases[file->n_cases]);
        check_name(reader, file, &file->cases[file->n_cases]);
    }
    return r;
}

/* --- the file ---------------------------------------------------------------------------------------- */

/* What a lead and an account without history show: the names that can be expected. */
static int read_fresh(TestReader *reader) {
    _cleanup_(lead_free) Lead *lead = NULL;
    _cleanup_(account_free) Account *account = NULL;

    int r = lead_new(reader->model, STR_LITERAL(TEST_LEAD), &lead);
    if (r == 0)
        r = account_new(reader->model, STR_LITERAL(TEST_LEAD), &account);
    if (r)
        return r;
    lead_begin(lead, reader->model, 0);
    account_begin(account, reader->model, 0);
    r = facts_of_lead(&reader->fresh_lead, reader->arena, reader->model, lead, 0);
    return r ? r : facts_of_account(&reader->fresh_account, reader->arena, reader->model, account, 0);
}

static int read_root(TestReader *reader, const YamlNode *root, TestFile *file) {
    const YamlNode *tolerance = yaml_get(root, "tolerance"), *profiles = yaml_get(root, "profiles");

    if (tolerance && !yaml_double(tolerance, "tolerance", reader->diagnostics, &reader->tolerance))
        reader->tolerance = TEST_TOLERANCE;
    if (profiles && reader_check(reader, profiles, YAML_MAPPING, "profiles", "a mapping of names to profiles",
                            TEST_PROFILES_MAX))
        reader->profiles = profiles;
    read_start(reader, root);
    int r = read_fresh(reader);
    return r ? r : read_cases(reader, root, file);
}

/* From the folder of the file that names it. On the heap; NULL when out of memory. */
static char *resolve(const char *path, Str model_path) {
    const char *slash = strrchr(path, '/');
    char *resolved = NULL;

    if (!slash || model_path.data[0] == '/')
        return strndup(model_path.data, model_path.len);
    size_t len = (size_t)(slash - path) + 1;
    resolved = calloc(len + model_path.len + 1, 1);
    if (resolved) {
        memcpy(resolved, path, len);
        memcpy(resolved + len, model_path.data, model_path.len);
    }
    return resolved;
}

/* 0 with file->model_path NULL: an error has been added. */
static int find_model(
        TestReader *reader, const YamlNode *root, const char *path, const char *model_path, TestFile *file) {
    const YamlNode *node = yaml_get(root, "model");
    Str text;

    if (node && !yaml_string(node, "model", reader->diagnostics, &text))
        return 0;
    if (!node && !model_path) {
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, root->mark,
                "the file has no \"model\": the model's path from here, unless --model gives one");
        return 0;
    }
    file->model_path = model_path ? strdup(model_path) : resolve(path, text);
    return file->model_path ? 0 : -ENOMEM;
}

int test_file_load(Str source, const char *path, const char *model_path, TestModelLoader loader,
        Diagnostics *diagnostics, TestFile **ret) {
    _cleanup_(test_file_free) TestFile *file = calloc(1, sizeof(*file));
    YamlNode *root;

    int r = file ? arena_new(&file->arena) : -ENOMEM;
    if (r)
        return r;
    r = yaml_parse(file->arena, source, diagnostics, &root);
    if (r || !root || !yaml_check_keys(root, "the file", file_keys, ARRAY_SIZE(file_keys), diagnostics))
        return r;
    TestReader reader = {
            .arena = file->arena,
            .diagnostics = diagnostics,
            .tolerance = TEST_TOLERANCE,
            .start_ms = TEST_START_MS,
            .fresh_lead = FACTS_INIT,
            .fresh_account = FACTS_INIT,
    };
    r = find_model(&reader, root, path, model_path, file);
    if (r || !file->model_path)
        return r;
    if (loader.load(loader.userdata, file->model_path, &file->model))
        return TEST_FILE_E_MODEL;
    reader.model = file->model;
    r = read_root(&reader, root, file);
    facts_deinit(&reader.fresh_lead);
    facts_deinit(&reader.fresh_account);
    if (r == 0 && diagnostics->n_errors == 0)
        *ret = TAKE_PTR(file);
    return r;
}

TestFile *test_file_free(TestFile *file) {
    if (!file)
        return NULL;
    model_free(file->model);
    free(file->model_path);
    arena_free(file->arena);
    free(file);
    return NULL;
}
