/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/model_test/test_run.h"

#include <stdarg.h>
#include <stdio.h>

#include "daemon/base/arena_text.h"
#include "daemon/model_test/case_instant.h"

/* A line of explanation, all in. */
#define NOTE_SIZE 512

int test_run_init(TestRun *run, const TestFile *file, const TestCase *test) {
    *run = (TestRun){.file = file, .test = test};
    int r = arena_new(&run->arena);
    if (r == 0) {
        run->log.arena = run->arena;
        r = shard_new(file->model, test_log_sink(&run->log), &run->shard);
    }
    if (r)
        test_run_deinit(run);
    return r;
}

void test_run_deinit(TestRun *run) {
    shard_free(run->shard);
    test_log_deinit(&run->log);
    free(run->seen);
    free(run->events);
    free(run->failures);
    arena_free(run->arena);
    *run = (TestRun){0};
}

TestFailure *test_fail(TestRun *run, Mark mark, int64_t at_ms, Str subject) {
    static TestFailure untold; /* never read: what is written there is lost on purpose */

    run->n_all_failures++;
    untold = (TestFailure){0};
    if (run->n_failures == TEST_FAILURES_MAX)
        return &untold;
    int r = array_reserve(&run->failures, &run->n_failures_alloc, run->n_failures, sizeof(*run->failures));
    if (r) {
        run->error = r;
        return &untold;
    }
    TestFailure *failure = &run->failures[run->n_failures++];
    *failure = (TestFailure){.mark = mark, .at_ms = at_ms, .subject = subject};
    return failure;
}

Str test_text(TestRun *run, const char *format, ...) {
    char text[NOTE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    Str copied = arena_str(run->arena, str_from(text));
    if (!str_is_null(copied))
        return copied;
    run->error = -ENOMEM;
    return STR_LITERAL("");
}

void test_note(TestRun *run, TestFailure *failure, const char *format, ...) {
    char text[NOTE_SIZE];
    va_list arguments;

    if (failure->n_notes == TEST_NOTES_MAX)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    failure->notes[failure->n_notes++] = test_text(run, "%s", text);
}

Str test_instant(TestRun *run, int64_t at_ms) {
    char text[CASE_INSTANT_TEXT_SIZE];

    case_instant_print(at_ms, run->test->start_ms, text);
    return test_text(run, "%s", text);
}

/* Remembers the event for explanations. */
static int remember(TestRun *run, const LeadEvent *event) {
    int r = array_reserve(&run->events, &run->n_events_alloc, run->n_events, sizeof(*run->events));
    if (r == 0)
        run->events[run->n_events++] = event;
    return r;
}

static int apply(TestRun *run, const TestStep *step, const LeadEvent *event) {
    EventResult result;

    int r = remember(run, event);
    if (r == 0)
        r = shard_event(run->shard, event, event->occurred_at_ms - run->file->model->lateness_ms, &result);
    if (r)
        return r;
    entity_table_clean(shard_leads(run->shard));
    entity_table_clean(shard_accounts(run->shard));
    if (result.outcome == EVENT_REJECTED) {
        TestFailure *failure = test_fail(run, step->mark, event->occurred_at_ms, event->lead_id);
        failure->what = event->type;
        failure->expected = STR_LITERAL("an event that can be used");
        failure->got = test_text(run, "a dead letter: %s: %s", result.reason, result.text);
    }
    return 0;
}

/* Whoever looks at an instant wants all of it to have happened, however long the model waits for late events.
 */
static int expect(TestRun *run, const TestStep *step) {
    int r = step->n_expectations ? shard_advance(run->shard, step->now_ms) : 0;

    for (size_t i = 0; r == 0 && i < step->n_expectations; i++) {
        test_check(run, &step->expectations[i], step->now_ms);
        r = run->error;
    }
    return r;
}

int test_run_steps(TestRun *run) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < run->test->n_steps; i++) {
        const TestStep *step = &run->test->steps[i];
        for (size_t k = 0; r == 0 && k < step->n_events; k++)
            r = apply(run, step, &step->events[k]);
        if (r == 0)
            r = expect(run, step);
    }
    return r;
}
