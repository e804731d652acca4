#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Log of a Case
 *
 * What the engine has put out in a test's case so far, in order. Copies live in the arena.
 */
#include "lib/engine/output.h"

typedef struct TestOutput {
    OutputType type;
    bool of_account;
    Str id; /* of the lead or the account */
    int64_t at_ms;
    Str track, from, to, transition; /* StageChanged; Refused has its stage in `from` */
    Str cause;                       /* StageChanged and LeadRetired */
    Str policy, level;               /* SlaEvent */
    SlaKind kind;
} TestOutput;

typedef struct TestLog {
    Arena *arena; /* borrowed */
    TestOutput *items;
    size_t n_items, n_alloc;
} TestLog;

void test_log_deinit(TestLog *log);
/* Passes on -ENOMEM. The log outlives the sink. */
OutputSink test_log_sink(TestLog *log);

/* "hand-raise (lifecycle: lead to mql)", "accept warning 75%"; STR_NULL when out of memory. */
Str test_output_show(Arena *arena, const TestOutput *output);
