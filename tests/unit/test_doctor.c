/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor finds where no server is: a tz database that may be missing, and clocks that may differ. */
#include "daemon/check/check_redis.h"
#include "daemon/check/doctor.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/unit/suite.h"

#define NOW_MS INT64_C(1700000000000)

static const struct {
    const char *list; /* NULL: there is no database */
    FindingSeverity severity;
    const char *text; /* its end */
} databases[] = {
        {"# version 2024a\nZ Europe/Berlin\n", FINDING_OK, " has version 2024a"},
        {"# version 2024b", FINDING_OK, " has version 2024b"},
        {"Z Europe/Berlin\n", FINDING_OK, " does not tell its version"},
        {NULL, FINDING_WARNING, "tzdata.zi: No such file or directory"},
};

static void write_list(const char *directory, const char *list) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/tzdata.zi", directory);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(list, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void remove_list(const char *directory) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/tzdata.zi", directory);
    (void)unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
}

/* The end of the only finding's text, and its severity; that a warning says what to do. */
static void expect(Findings *findings, FindingSeverity severity, const char *text) {
    ck_assert_uint_eq(findings->n, 1);
    const Finding *finding = &findings->items[0];
    ck_assert_int_eq(finding->severity, severity);
    ck_assert_uint_ge(strlen(finding->text), strlen(text));
    ck_assert_str_eq(finding->text + strlen(finding->text) - strlen(text), text);
    ck_assert_int_eq(finding->remedy != NULL && finding->expected != NULL, severity != FINDING_OK);
    findings_deinit(findings);
}

START_TEST(tz_database_is_there_or_not) {
    char directory[] = "/tmp/test_doctor.XXXXXX";
    Findings findings = FINDINGS_INIT;
    ck_assert_ptr_nonnull(mkdtemp(directory));
    if (databases[_i].list)
        write_list(directory, databases[_i].list);
    doctor_tz_database(directory, &findings);
    remove_list(directory);
    expect(&findings, databases[_i].severity, databases[_i].text);
}
END_TEST

static const struct {
    int64_t their_ms;
    FindingSeverity severity;
    const char *text;
} clocks[] = {
        {NOW_MS, FINDING_OK, "Redis's and this machine's are no more than a second apart"},
        {NOW_MS + 1000, FINDING_OK, "Redis's and this machine's are no more than a second apart"},
        {NOW_MS - 1000, FINDING_OK, "Redis's and this machine's are no more than a second apart"},
        {NOW_MS + 90000, FINDING_WARNING, "this machine's is 90s behind Redis's"},
        {NOW_MS - 7200000, FINDING_WARNING, "this machine's is 2h ahead of Redis's"},
};

START_TEST(clocks_agree_or_not) {
    Findings findings = FINDINGS_INIT;
    check_clock("Redis's", clocks[_i].their_ms, NOW_MS, &findings);
    expect(&findings, clocks[_i].severity, clocks[_i].text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("doctor");
    TCase *tcase = tcase_create("doctor");
    tcase_add_loop_test(tcase, tz_database_is_there_or_not, 0, ARRAY_SIZE(databases));
    tcase_add_loop_test(tcase, clocks_agree_or_not, 0, ARRAY_SIZE(clocks));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
