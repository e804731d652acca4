/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones: those of the system's tz database at chosen instants, and against libc at many; files made here
 * for what that does not hold.
 */
#include <time.h>

#include "tests/unit/zone_fixture.h"

#define HOUR_MS INT64_C(3600000)
#define QUARTER_MS (HOUR_MS / 4)
#define CHANGES_AT_QUARTERS_MS INT64_C(1325376000000) /* 2012-01-01 */
#define DAY_MS (24 * HOUR_MS)

static Arena *arena;

static void setup(void) {
    ck_assert_int_eq(arena_new(&arena), 0);
}

static void teardown(void) {
    arena = arena_free(arena);
}

/* --- zones of the database --------------------------------------------------------------------------- */

static const struct {
    const char *zone, *at;
    int offset_minutes;
} offset_rows[] = {
        {"UTC", "2026-07-01T00:00:00Z", 0}, {"America/New_York", "2026-01-01T00:00:00Z", -300},
        {"America/New_York", "2026-03-08T06:59:59.999Z", -300},
        {"America/New_York", "2026-03-08T07:00:00Z", -240},
        {"America/New_York", "2026-11-01T05:59:59.999Z", -240},
        {"America/New_York", "2026-11-01T06:00:00Z", -300},
        {"America/New_York", "1974-01-06T06:59:59Z", -300}, /* the year of the oil crisis */
        {"America/New_York", "1974-01-06T07:00:00Z", -240},
        /* far behind the last change in the file, by the rule at its end */
        {"America/New_York", "9999-03-14T06:59:59Z", -300},
        {"America/New_York", "9999-03-14T07:00:00Z", -240},
        {"America/New_York", "9999-11-07T06:00:00Z", -300},
        {"America/New_York", "9999-12-31T23:59:59.999Z", -300}, {"Europe/Berlin", "2026-03-29T00:59:59Z", 60},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 120}, {"Europe/Berlin", "2026-10-25T00:59:59Z", 120},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 60}, {"Asia/Kolkata", "2026-07-01T00:00:00Z", 330},
        {"Asia/Kathmandu", "1985-12-31T18:29:59Z", 330}, {"Asia/Kathmandu", "1985-12-31T18:30:00Z", 345},
        /* half an hour of daylight saving, in the southern summer */
        {"Australia/Lord_Howe", "2026-01-01T00:00:00Z", 660},
        {"Australia/Lord_Howe", "2026-04-04T14:59:59Z", 660},
        {"Australia/Lord_Howe", "2026-04-04T15:00:00Z", 630},
        {"Australia/Lord_Howe", "2026-10-03T15:30:00Z", 660},
        /* winter time is the exception, and in Morocco the month of Ramadan */
        {"Europe/Dublin", "2026-01-01T00:00:00Z", 0}, {"Europe/Dublin", "2026-07-01T00:00:00Z", 60},
        {"Africa/Casablanca", "2026-02-20T00:00:00Z", 0}, {"Africa/Casablanca", "2026-04-01T00:00:00Z", 60},
        /* from one side of the date line to the other */
        {"Pacific/Apia", "2011-12-30T09:59:59Z", -600}, {"Pacific/Apia", "2011-12-30T10:00:00Z", 840},
        /* a change on the evening before, by a negative time in the rule */
        {"America/Nuuk", "2030-03-31T00:59:59Z", -120}, {"America/Nuuk", "2030-03-31T01:00:00Z", -60},
        {"Africa/Monrovia", "1970-01-01T00:00:00Z", -44}, /* and 30 seconds */
};

START_TEST(offset_is_as_the_database_says) {
    const Timezone *zone = fixture_zone(arena, offset_rows[_i].zone);
    int64_t offset_ms = timezone_offset_ms(zone, fixture_instant(offset_rows[_i].at));
    ck_assert_int_eq(offset_ms / 60000, offset_rows[_i].offset_minutes);
}
END_TEST

static const struct {
    const char *zone, *local, *utc;
} local_rows[] = {
        {"UTC", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z"},
        {"America/New_York", "2026-01-05T09:00:00Z", "2026-01-05T14:00:00Z"},
        /* skipped: all of the hour is the instant at which it would have begun */
        {"America/New_York", "2026-03-08T01:59:59.999Z", "2026-03-08T06:59:59.999Z"},
        {"America/New_York", "2026-03-08T02:00:00Z", "2026-03-08T07:00:00Z"},
        {"America/New_York", "2026-03-08T02:00:00.001Z", "2026-03-08T07:00:00Z"},
        {"America/New_York", "2026-03-08T02:59:59.999Z", "2026-03-08T07:00:00Z"},
        {"America/New_York", "2026-03-08T03:00:00Z", "2026-03-08T07:00:00Z"},
        {"America/New_York", "2026-03-08T03:00:00.001Z", "2026-03-08T07:00:00.001Z"},
        /* twice: the first */
        {"America/New_York", "2026-11-01T00:59:59.999Z", "2026-11-01T04:59:59.999Z"},
        {"America/New_York", "2026-11-01T01:00:00Z", "2026-11-01T05:00:00Z"},
        {"America/New_York", "2026-11-01T01:59:59.999Z", "2026-11-01T05:59:59.999Z"},
        {"America/New_York", "2026-11-01T02:00:00Z", "2026-11-01T07:00:00Z"},
        {"Europe/Berlin", "2026-03-29T02:30:00Z", "2026-03-29T01:00:00Z"},
        {"Europe/Berlin", "2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z"},
        {"Europe/Berlin", "2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z"},
        {"Australia/Lord_Howe", "2026-10-04T02:15:00Z", "2026-10-03T15:30:00Z"},
        {"Australia/Lord_Howe", "2026-10-04T02:30:00Z", "2026-10-03T15:30:00Z"},
        {"Australia/Lord_Howe", "2026-04-05T01:30:00Z", "2026-04-04T14:30:00Z"},
        {"Australia/Lord_Howe", "2026-04-05T02:00:00Z", "2026-04-04T15:30:00Z"},
        /* a day that Samoa left out */
        {"Pacific/Apia", "2011-12-29T23:59:00Z", "2011-12-30T09:59:00Z"},
        {"Pacific/Apia", "2011-12-30T00:00:00Z", "2011-12-30T10:00:00Z"},
        {"Pacific/Apia", "2011-12-30T17:00:00Z", "2011-12-30T10:00:00Z"},
        {"Pacific/Apia", "2011-12-31T00:00:00Z", "2011-12-30T10:00:00Z"},
        {"Pacific/Apia", "2011-12-31T09:00:00Z", "2011-12-30T19:00:00Z"},
        {"America/New_York", "9999-03-14T02:30:00Z", "9999-03-14T07:00:00Z"},
};

START_TEST(local_time_is_an_instant) {
    const Timezone *zone = fixture_zone(arena, local_rows[_i].zone);
    ASSERT_INSTANT(timezone_to_utc_ms(zone, fixture_instant(local_rows[_i].local)), local_rows[_i].utc);
}
END_TEST

START_TEST(changes_follow_each_other) {
    const Timezone *zone = fixture_zone(arena, "Europe/Berlin");
    int64_t at_ms = fixture_instant("2037-01-01T00:00:00Z");
    at_ms = timezone_next_change_ms(zone, at_ms);
    ASSERT_INSTANT(at_ms, "2037-03-29T01:00:00Z");
    at_ms = timezone_next_change_ms(zone, at_ms);
    ASSERT_INSTANT(at_ms, "2037-10-25T01:00:00Z");
    at_ms = timezone_next_change_ms(zone, at_ms);
    ASSERT_INSTANT(at_ms, "2038-03-28T01:00:00Z");
    at_ms = timezone_next_change_ms(zone, fixture_instant("9999-12-01T00:00:00Z"));
    ck_assert_int_eq(at_ms, TIME_NEVER);
}
END_TEST

/* By libc, which reads the same files in a way of its own. */
static int64_t libc_offset_ms(int64_t at_ms) {
    time_t at_s = (time_t)(at_ms / 1000);
    struct tm tm;
    if (!localtime_r(&at_s, &tm))
        ck_abort();
    return (int64_t)tm.tm_gmtoff * 1000;
}

/* The first instant from from_ms on at which a clock shows local_ms or later. */
static int64_t walk_to_utc_ms(const Timezone *zone, int64_t from_ms, int64_t local_ms) {
    int64_t at_ms = from_ms;
    while (at_ms + timezone_offset_ms(zone, at_ms) < local_ms)
        at_ms += QUARTER_MS;
    return at_ms;
}

/* Local times some hours around a change, which is at a full quarter of an hour, as all are since 2012. */
static void check_change(const char *name, const Timezone *zone, int64_t at_ms) {
    int64_t before_ms = timezone_offset_ms(zone, at_ms - 1), after_ms = timezone_offset_ms(zone, at_ms);
    int64_t from_ms = at_ms - 4 * HOUR_MS - MAX(before_ms - after_ms, 0);

    for (int64_t local_ms = at_ms + after_ms - 3 * HOUR_MS; local_ms <= at_ms + after_ms + 3 * HOUR_MS;
            local_ms += QUARTER_MS)
        if (timezone_to_utc_ms(zone, local_ms) != walk_to_utc_ms(zone, from_ms, local_ms))
            ck_abort_msg("%s at %lld", name, (long long)local_ms);
}

static void check_offset(const char *name, const Timezone *zone, int64_t at_ms) {
    if (timezone_offset_ms(zone, at_ms) != libc_offset_ms(at_ms))
        ck_abort_msg("%s at %lld", name, (long long)at_ms);
}

static void check_zone(const char *name, const Timezone *zone, const char *from, const char *to) {
    int64_t from_ms = fixture_instant(from), to_ms = fixture_instant(to), at_ms = from_ms;

    while ((at_ms = timezone_next_change_ms(zone, at_ms)) < to_ms) {
        check_offset(name, zone, at_ms - 1000);
        check_offset(name, zone, at_ms);
        if (at_ms > CHANGES_AT_QUARTERS_MS)
            check_change(name, zone, at_ms);
    }
    /* A change that was missed above shows here. */
    for (at_ms = from_ms; at_ms < to_ms; at_ms += 9 * DAY_MS + 7 * HOUR_MS)
        check_offset(name, zone, at_ms);
}

START_TEST(every_zone_agrees_with_libc) {
    size_t n;
    char **names = fixture_zone_names(&n);
    for (size_t i = 0; i < n; i++) {
        char tz[1024];
        (void)snprintf(tz, sizeof(tz), ":%s", names[i]);
        ck_assert_int_eq(setenv("TZ", tz, 1), 0);
        tzset();
        const Timezone *zone = fixture_zone(arena, names[i]);
        check_zone(names[i], zone, "1970-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
        check_zone(names[i], zone, "2399-12-01T00:00:00Z", "2401-02-01T00:00:00Z");
        check_zone(names[i], zone, "9998-12-01T00:00:00Z", "9999-12-01T00:00:00Z");
        arena_reset(arena);
        free(names[i]);
    }
    free(names);
}
END_TEST

/* --- files made here --------------------------------------------------------------------------------- */

#define HEADER_SIZE 44

typedef struct File {
    char bytes[4096];
    size_t len;
} File;

static void put(File *file, const void *bytes, size_t n) {
    ck_assert_uint_le(file->len + n, sizeof(file->bytes));
    memcpy(file->bytes + file->len, bytes, n);
    file->len += n;
}

static void put_number(File *file, int64_t number, size_t n_bytes) {
    for (size_t i = n_bytes; i-- > 0;) {
        char byte = (char)(i < 8 ? (uint64_t)number >> (8 * i) & 0xff : 0);
        put(file, &byte, 1);
    }
}

/* A header with no leap seconds and one byte of names. */
static void put_header(File *file, char version, size_t n_changes, size_t n_types) {
    put(file, "TZif", 4);
    put(file, &version, 1);
    put_number(file, 0, 15 + 12);
    put_number(file, (int64_t)n_changes, 4);
    put_number(file, (int64_t)n_types, 4);
    put_number(file, 1, 4);
}

typedef struct At {
    int64_t at_s;
    int32_t offset_s;
} At;

/* Each change has a type of its own; the first type, before all of them, is UTC. */
static void put_block(File *file, char version, size_t time_size, const At *changes, size_t n) {
    put_header(file, version, n, n + 1);
    for (size_t i = 0; i < n; i++)
        put_number(file, changes[i].at_s, time_size);
    for (size_t i = 0; i < n; i++)
        put_number(file, (int64_t)i + 1, 1);
    put_number(file, 0, 6);
    for (size_t i = 0; i < n; i++) {
        put_number(file, changes[i].offset_s, 4);
        put_number(file, 0, 2);
    }
    put_number(file, 0, 1);
}

static void put_file(File *file, const At *changes, size_t n, const char *footer) {
    put_block(file, '2', 4, NULL, 0);
    put_block(file, '2', 8, changes, n);
    put(file, "\n", 1);
    put(file, footer, strlen(footer));
    put(file, "\n", 1);
}

static int read_file(const File *file, const Timezone **ret, const char **ret_why) {
    /* On the heap, exactly as long, so that the sanitizer sees what reads past the end. */
    _cleanup_(free_null) char *bytes = malloc(MAX(file->len, 1));
    memcpy(bytes, file->bytes, file->len);
    return timezone_read(arena, (Str){bytes, file->len}, ret, ret_why);
}

static const Timezone *read_good(const File *file) {
    const Timezone *zone = NULL;
    const char *why = "";
    int r = read_file(file, &zone, &why);
    ck_assert_msg(r == 0, "%s", why);
    return zone;
}

static void assert_refused(const File *file, const char *expected) {
    const Timezone *zone = (const Timezone *)&arena;
    const char *why = NULL;
    ck_assert_int_eq(read_file(file, &zone, &why), TIMEZONE_E_FORMAT);
    ck_assert_ptr_eq(zone, &arena);
    if (expected)
        ck_assert_str_eq(why, expected);
    ck_assert(why && strlen(why) > 0);
}

START_TEST(first_version_has_times_of_32_bits_and_no_rule) {
    File file = {0};
    put_block(&file, '\0', 4, (const At[]){{-1000, 3600}, {1000, -7200}}, 2);
    const Timezone *zone = read_good(&file);
    ck_assert_int_eq(timezone_offset_ms(zone, -1000001), 0);
    ck_assert_int_eq(timezone_offset_ms(zone, -1000000), HOUR_MS);
    ck_assert_int_eq(timezone_offset_ms(zone, 999999), HOUR_MS);
    ck_assert_int_eq(timezone_offset_ms(zone, 1000000), -2 * HOUR_MS);
    ck_assert_int_eq(timezone_offset_ms(zone, TIME_NEVER), -2 * HOUR_MS);
    ck_assert_int_eq(timezone_next_change_ms(zone, 1000000), TIME_NEVER);
}
END_TEST

START_TEST(changes_before_and_after_all_time_are_let_be) {
    File file = {0};
    put_file(&file, (const At[]){{-(INT64_C(1) << 59), 60}, {INT64_MAX, 120}}, 2, "");
    const Timezone *zone = read_good(&file);
    ck_assert_int_eq(timezone_offset_ms(zone, 0), 60000);
    ck_assert_int_eq(timezone_to_utc_ms(zone, 0), -60000);
    ck_assert_int_eq(timezone_next_change_ms(zone, 0), TIME_NEVER);
}
END_TEST

START_TEST(rule_alone_holds_at_all_times) {
    File file = {0};
    put_file(&file, NULL, 0, "CET-1CEST,M3.5.0,M10.5.0/3");
    const Timezone *zone = read_good(&file);
    ck_assert_int_eq(timezone_offset_ms(zone, 0), HOUR_MS);
    ck_assert_int_eq(timezone_offset_ms(zone, fixture_instant("1970-07-01T00:00:00Z")), 2 * HOUR_MS);
    File other = {0};
    put_file(&other, NULL, 0, "<+0330>-3:30");
    zone = read_good(&other);
    ck_assert_int_eq(timezone_offset_ms(zone, 0), 7 * HOUR_MS / 2);
}
END_TEST

/* A rule, and an instant at which it has just changed to what it says. */
static const struct {
    const char *rule, *at;
    int before_minutes, after_minutes;
} rule_rows[] = {
        {"AAA0BBB,J60,J300", "2024-03-01T02:00:00Z", 0, 60},
        {"AAA0BBB,J60,J300", "2025-03-01T02:00:00Z", 0, 60},
        {"AAA0BBB,J59,J300", "2024-02-28T02:00:00Z", 0, 60},
        {"AAA0BBB,59,300", "2024-02-29T02:00:00Z", 0, 60},
        {"AAA0BBB,59,300", "2025-03-01T02:00:00Z", 0, 60},
        {"AAA0BBB,59,365/0", "2024-12-30T23:00:00Z", 60, 0},
        {"AAA0BBB,M2.5.0/0,M9.1.1/12:30:15", "2024-02-25T00:00:00Z", 0, 60},
        {"AAA0BBB,M2.5.0/0,M9.1.1/12:30:15", "2024-09-02T11:30:15Z", 60, 0},
        {"AAA0BBB,M5.5.6/0,M9.1.1", "2026-05-30T00:00:00Z", 0, 60},
        {"AAA0BBB,M5.4.6/0,M9.1.1", "2026-05-23T00:00:00Z", 0, 60},
        /* days before and after the day that is named, over the end of the year too */
        {"AAA0BBB,M3.5.0/-24,M9.1.1", "2026-03-28T00:00:00Z", 0, 60},
        {"AAA0BBB,M3.5.0/+144,M9.1.1", "2026-04-04T00:00:00Z", 0, 60},
        {"AAA0BBB,J100,J365/48", "2027-01-01T23:00:00Z", 60, 0},
        {"AAA0BBB,J1/-24,J100", "2026-12-31T00:00:00Z", 0, 60},
        /* offsets of their own; daylight saving that is behind */
        {"AAA5BBB3:30,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -300, -210},
        {"AAA-1BBB0,M10.5.0,M3.5.0/1", "2026-10-25T01:00:00Z", 60, 0},
        {"AAA-1BBB0,M10.5.0,M3.5.0/1", "2026-03-29T01:00:00Z", 0, 60},
        {"AAA+24BBB-24,J10/0,J20/0", "2026-01-11T00:00:00Z", -1440, 1440},
};

START_TEST(rule_changes_the_offset) {
    File file = {0};
    put_file(&file, NULL, 0, rule_rows[_i].rule);
    const Timezone *zone = read_good(&file);
    int64_t at_ms = fixture_instant(rule_rows[_i].at);
    ck_assert_int_eq(timezone_offset_ms(zone, at_ms - 1), rule_rows[_i].before_minutes * 60000);
    ck_assert_int_eq(timezone_offset_ms(zone, at_ms), rule_rows[_i].after_minutes * 60000);
    ck_assert_int_eq(timezone_next_change_ms(zone, at_ms - 1), at_ms);
}
END_TEST

START_TEST(daylight_saving_may_last_all_year) {
    File file = {0};
    put_file(&file, NULL, 0, "EST5EDT,0/0,J365/25");
    const Timezone *zone = read_good(&file);
    for (int64_t at_ms = 0; at_ms < 3000 * DAY_MS; at_ms += HOUR_MS)
        if (timezone_offset_ms(zone, at_ms) != -4 * HOUR_MS)
            ck_abort_msg("at %lld", (long long)at_ms);
}
END_TEST

static const char *const bad_rules[] = {"A0", "AB0", "ABC", "ABC1x", "<ABC1", "<+03>", "ABC25", "ABC1:60",
        "ABC1:", "ABC1:00:", "ABC1DEF", "ABC1DEF2", "ABC1DEF,", "ABC1DEF,J1", "ABC1DEF,J1,", "ABC1DEF,J0,J2",
        "ABC1DEF,J366,J2", "ABC1DEF,366,2", "ABC1DEF,M0.1.0,M2.1.0", "ABC1DEF,M13.1.0,M2.1.0",
        "ABC1DEF,M1.0.0,M2.1.0", "ABC1DEF,M1.6.0,M2.1.0", "ABC1DEF,M1.1.7,M2.1.0", "ABC1DEF,M1.1,M2.1.0",
        "ABC1DEF,J1/168,J2", "ABC1DEF,J1/-168,J2", "ABC1DEF,J1/,J2", "ABC1DEF,J1,J2,", "ABC1DEF,J1,J2 ",
        ":Europe/Berlin", "ABC99999999999999999999", "ABC--1", "ABC1\tDEF"};

START_TEST(other_rules_are_refused) {
    File file = {0};
    put_file(&file, NULL, 0, bad_rules[_i]);
    assert_refused(&file, "the rule at its end is not a POSIX time zone");
}
END_TEST

START_TEST(damaged_files_are_refused) {
    File whole = {0};
    put_file(&whole, (const At[]){{0, 3600}, {1000, 7200}}, 2, "ABC-2");
    (void)read_good(&whole);
    for (size_t len = 0; len < whole.len; len++) {
        File cut = whole;
        cut.len = len;
        assert_refused(&cut, len < HEADER_SIZE ? "it is not a time zone file (TZif)" : NULL);
    }
    /* Whatever a byte is changed to: refused, or read without a fault. */
    for (size_t i = 0; i < whole.len; i++) {
        for (int value = 0; value < 256; value += 15) {
            File changed = whole;
            const Timezone *zone = NULL;
            const char *why;
            changed.bytes[i] = (char)value;
            if (read_file(&changed, &zone, &why) == 0)
                (void)timezone_to_utc_ms(zone, 500000);
            arena_reset(arena);
        }
    }
}
END_TEST

START_TEST(what_is_wrong_is_said) {
    File file = {0};
    put(&file, "#!/bin/sh\n", 10);
    assert_refused(&file, "it is not a time zone file (TZif)");

    file = (File){0};
    put_block(&file, '9', 4, NULL, 0);
    assert_refused(&file, "it is of an unknown version of time zone files (TZif)");

    file = (File){0};
    put_block(&file, '\0', 4, (const At[]){{10, 0}, {10, 60}}, 2);
    assert_refused(&file, "its changes are not in order of time");

    file = (File){0};
    put_block(&file, '\0', 4, (const At[]){{10, 26 * 3600}}, 1);
    assert_refused(&file, "an offset from UTC in it is 26 hours or more");

    file = (File){0};
    put_header(&file, '\0', 0, 0);
    put_number(&file, 0, 1);
    assert_refused(&file, "it has no local time");

    file = (File){0};
    put_block(&file, '\0', 4, (const At[]){{10, 0}}, 1);
    file.bytes[44 + 4] = 2;
    assert_refused(&file, "a change in it leads to no local time");

    file = (File){0};
    put_block(&file, '\0', 4, NULL, 0);
    file.bytes[31] = 1;
    put_number(&file, 0, 8);
    assert_refused(&file, "it counts leap seconds, which event times do not have");

    file = (File){0};
    put_header(&file, '\0', UINT32_MAX, UINT32_MAX);
    assert_refused(&file, "it breaks off");

    static char large[TIMEZONE_BYTES_MAX + 1];
    const Timezone *zone;
    const char *why;
    ck_assert_int_eq(timezone_read(arena, (Str){large, sizeof(large)}, &zone, &why), TIMEZONE_E_FORMAT);
    ck_assert_str_eq(why, "it is too large for a time zone file");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("timezone");
    TCase *tc = tcase_create("timezone");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, offset_is_as_the_database_says, 0, ARRAY_SIZE(offset_rows));
    tcase_add_loop_test(tc, local_time_is_an_instant, 0, ARRAY_SIZE(local_rows));
    tcase_add_test(tc, changes_follow_each_other);
    tcase_add_test(tc, every_zone_agrees_with_libc);
    tcase_add_test(tc, first_version_has_times_of_32_bits_and_no_rule);
    tcase_add_test(tc, changes_before_and_after_all_time_are_let_be);
    tcase_add_test(tc, rule_alone_holds_at_all_times);
    tcase_add_loop_test(tc, rule_changes_the_offset, 0, ARRAY_SIZE(rule_rows));
    tcase_add_test(tc, daylight_saving_may_last_all_year);
    tcase_add_loop_test(tc, other_rules_are_refused, 0, ARRAY_SIZE(bad_rules));
    tcase_add_test(tc, damaged_files_are_refused);
    tcase_add_test(tc, what_is_wrong_is_said);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
