#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports on Model Tests
 *
 * For people, what failed and why; as JSON lines, every case.
 */
#include <stdio.h>

#include "daemon/io/json/json_writer.h"
#include "daemon/model_test/test_run.h"

typedef struct TestReport {
    FILE *file; /* borrowed */
    bool json;
    JsonWriter writer;
    size_t n_passed, n_failed; /* cases */
} TestReport;

void test_report_deinit(TestReport *report);
/* A case that has been run. `path` is its file's. 0, -ENOMEM or what writing failed with. */
MUST_CHECK int test_report_case(TestReport *report, const char *path, const TestRun *run);
/* What came out of all files. As above. */
MUST_CHECK int test_report_sum(TestReport *report);
