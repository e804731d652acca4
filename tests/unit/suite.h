#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* The main of every unit test: runs one suite, prints TAP (see meson.build), fails by exit status. */
#include <check.h>
#include <stdlib.h>

static inline int suite_run(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
