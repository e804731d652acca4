/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/health.h"

#include "tests/unit/suite.h"

#define STUCK_AFTER_MS 60000
#define FINE .phase = HEALTH_RUNNING, .progress_ms = 1000, .stuck_after_ms = STUCK_AFTER_MS
#define OWNS .n_owned = 4

/* What speaks against being alive, and against being ready, at now_ms; codes with blanks between them. */
static const struct {
    Health health;
    int64_t now_ms;
    const char *dead, *unready;
} rows[] = {
        {{FINE, OWNS}, 1000, "", ""},
        {{FINE, OWNS}, 1000 + STUCK_AFTER_MS, "", ""},
        {{FINE, OWNS}, 1001 + STUCK_AFTER_MS, "no_progress", "no_progress"},
        {{FINE, .n_owned = 0}, 1000, "", "no_partitions"},
        {{FINE, .n_owned = 3, .n_halted = 1, .halted = {2}}, 1000, "", "halted"},
        {{FINE, .n_owned = 0, .n_halted = 1, .halted = {2}}, 1000, "", "halted"},
        {{FINE, OWNS, .is_kafka_away = true}, 1000, "", "kafka_away"},
        {{FINE, OWNS, .is_redis_away = true}, 1000, "", "redis_away"},
        {{FINE, OWNS, .is_redis_away = true, .is_paused = true, .view_behind_ms = HEALTH_VIEW_BEHIND_MS + 1}, 1000, "",
                "redis_away paused view_behind"},
        {{FINE, OWNS, .view_behind_ms = HEALTH_VIEW_BEHIND_MS}, 1000, "", ""},
        {{.phase = HEALTH_STARTING, .progress_ms = 1000, .stuck_after_ms = STUCK_AFTER_MS}, 1000, "", "starting"},
        {{.phase = HEALTH_CONNECTING, .progress_ms = 1000, .stuck_after_ms = STUCK_AFTER_MS, .is_redis_away = true}, 1000, "", "connecting"},
        {{.phase = HEALTH_STOPPING, .progress_ms = 1000, .stuck_after_ms = STUCK_AFTER_MS}, 1000, "", "stopping"},
};

static void expect(const Health *health, HealthQuestion question, int64_t now_ms, const char *expected) {
    HealthReason reasons[HEALTH_REASONS_MAX];
    char codes[256] = "";
    size_t n = health_reasons(health, question, now_ms, reasons);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            strcat(codes, " ");
        strcat(codes, reasons[i].code);
        ck_assert_str_ne(reasons[i].text, "");
    }
    ck_assert_str_eq(codes, expected);
}

START_TEST(reasons_are_told) {
    expect(&rows[_i].health, HEALTH_LIVE, rows[_i].now_ms, rows[_i].dead);
    expect(&rows[_i].health, HEALTH_READY, rows[_i].now_ms, rows[_i].unready);
}
END_TEST

START_TEST(everything_at_once_has_room) {
    HealthReason reasons[HEALTH_REASONS_MAX];
    Health health = {FINE, .n_halted = 1000, .is_kafka_away = true, .is_redis_away = true, .is_paused = true, .view_behind_ms = INT64_MAX};
    for (int32_t i = 0; i < HEALTH_HALTED_MAX; i++)
        health.halted[i] = INT32_MAX;
    ck_assert_uint_eq(health_reasons(&health, HEALTH_READY, INT64_MAX, reasons), 6);
    ck_assert_ptr_nonnull(strstr(reasons[1].text, "1000 shards cannot go on: 2147483647"));
    ck_assert_ptr_nonnull(strstr(reasons[1].text, " …; see"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("health");
    TCase *tcase = tcase_create("health");
    tcase_add_loop_test(tcase, reasons_are_told, 0, ARRAY_SIZE(rows));
    tcase_add_test(tcase, everything_at_once_has_room);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
