#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Case at Work
 *
 * Runs a test's case through a shard of its own, and notes what was not as expected, with what a person needs
 * to see why.
 */
#include "daemon/model_test/test_file.h"
#include "daemon/model_test/test_log.h"
#include "lib/shard/shard.h"

/* Failures of a case that are told; the rest is counted. */
#define TEST_FAILURES_MAX 50
/* Lines of explanation of a failure. */
#define TEST_NOTES_MAX 24

typedef struct TestFailure {
    Mark mark;
    int64_t at_ms;
    Str subject; /* "lead" unless the case has several leads */
    Str what;    /* "stages.lifecycle" */
    Str expected, got;
    Str notes[TEST_NOTES_MAX];
    size_t n_notes;
} TestFailure;

/* Whom an expectation is about, as it stands now. Both NULL: there is no such lead or account. */
typedef struct TestSubject {
    const Lead *lead;
    const Account *account;
} TestSubject;

/* A subject of expectations: its outputs before `n_seen` of the log have been expected, or not. */
typedef struct TestSeen {
    Str id;
    bool is_account;
    size_t n_seen;
} TestSeen;

typedef struct TestRun {
    const TestFile *file;
    const TestCase *test;
    Arena *arena;
    Shard *shard;
    TestLog log;
    TestSeen *seen;
    size_t n_seen, n_seen_alloc;
    /* Events that have been applied, for explanations; borrowed from the file. */
    const LeadEvent **events;
    size_t n_events, n_events_alloc;
    TestFailure *failures;
    size_t n_failures, n_failures_alloc;
    size_t n_all_failures; /* those over TEST_FAILURES_MAX too */
    size_t n_expected;     /* single expectations that were looked at */
    int error;             /* -ENOMEM, once it has happened */
} TestRun;

MUST_CHECK int test_run_init(TestRun *run, const TestFile *file, const TestCase *test);
void test_run_deinit(TestRun *run);
/* All steps. 0 or a negative errno; whether it passed is whether there are failures. */
MUST_CHECK int test_run_steps(TestRun *run);

/* The rest is for what test_run.c is made of. */

/* Looks whether the expectation is met at now_ms. */
void test_check(TestRun *run, const Expectation *expectation, int64_t now_ms);
/* A failure to fill in; one that is not told if there are too many. */
TestFailure *test_fail(TestRun *run, Mark mark, int64_t at_ms, Str subject);
/* A text in the run's arena, empty when out of memory, which is noted. */
Str test_text(TestRun *run, const char *format, ...) PRINTF_LIKE(2, 3);
void test_note(TestRun *run, TestFailure *failure, const char *format, ...) PRINTF_LIKE(3, 4);
/* The instant as the case says it. */
Str test_instant(TestRun *run, int64_t at_ms);

/* Why the track is not in the stage. */
void test_explain_stage(TestRun *run, TestFailure *failure, TestSubject subject, Str track, Str stage);
/* Why the transition has not been taken. */
void test_explain_transition(TestRun *run, TestFailure *failure, TestSubject subject, Str transition);
/* What the score is made of; null: what all scores are made of. */
void test_explain_scores(TestRun *run, TestFailure *failure, TestSubject subject, Str score);
/* What the policy has told of the lead. */
void test_explain_sla(TestRun *run, TestFailure *failure, TestSubject subject, Str policy);
