/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are either tests or errors, never both or neither; and tests can be run and told of. */
#include <stdio.h>

#include "daemon/model_test/test_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char model_text[] =
        "model: m\n"
        "version: 1\n"
        "scores: { fit: { decay: none, max: 100 }, heat: { decay: { half_life: 1d }, max: 100 } }\n"
        "derived: { total: 'fit + heat' }\n"
        "profile_rules: [{ id: big, when: 'profile.size > 9', add: { fit: 9 } }]\n"
        "rules: [{ id: view, on: [page_view], add: { heat: 8 } }]\n"
        "tracks:\n"
        "  stage:\n"
        "    initial: new\n"
        "    stages: [{ id: new }, { id: hot }, { id: cold }]\n"
        "    transitions:\n"
        "      - { id: ask, from: [new], to: hot, on: [demo], when: 'fit > 5', require: 'present(event.x)' "
        "}\n"
        "      - { id: up, from: [new], to: hot, cooldown: 1d, when: 'total > 20 and (fit > 1 or profile.a "
        "== 1)' }\n"
        "      - { id: down, from: [hot], to: cold, on_sla: [call.breached] }\n"
        "sla: [{ id: call, start: { enter: [stage.hot] }, stop: { on: [touch] }, target: 1h, warn: [50%] "
        "}]\n";

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

static int load_model(void *userdata, const char *path, Model **ret) {
    Diagnostics diagnostics = DIAGNOSTICS_INIT;

    (void)userdata;
    require(path[0] != '\0');
    require(model_load(str_from(model_text), NULL, &diagnostics, ret) == 0 && *ret);
    diagnostics_done(&diagnostics);
    return 0;
}

static void run_cases(const TestFile *file) {
    FILE *sink = fopen("/dev/null", "we");
    TestReport reports[] = {{.file = sink, .writer = JSON_WRITER_INIT}, {.file = sink, .json = true}};

    require(sink != NULL);
    for (size_t i = 0; i < file->n_cases; i++) {
        TestRun run;
        require(test_run_init(&run, file, &file->cases[i]) == 0);
        require(test_run_steps(&run) == 0);
        require(run.n_failures <= run.n_all_failures);
        for (size_t k = 0; k < ARRAY_SIZE(reports); k++)
            require(test_report_case(&reports[k], "tests.yaml", &run) == 0);
        test_run_deinit(&run);
    }
    for (size_t k = 0; k < ARRAY_SIZE(reports); k++)
        test_report_deinit(&reports[k]);
    (void)fclose(sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str source = {size ? (const char *)data : "", size};
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    _cleanup_(test_file_free) TestFile *file = NULL;

    require(test_file_load(source, "a/tests.yaml", NULL, (TestModelLoader){load_model, NULL}, &diagnostics,
                    &file) == 0);
    require((file != NULL) == (diagnostics.n_errors == 0));
    diagnostics_sort(&diagnostics);
    _cleanup_(free_null) char *text = diagnostics_render(&diagnostics, "tests.yaml", source);
    require(text && (strlen(text) > 0) == (diagnostics.n_items > 0));
    diagnostics_done(&diagnostics);
    if (file)
        run_cases(file);
    return 0;
}
