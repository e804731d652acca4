/* SPDX-License-Identifier: Apache-2.0 */
/* Where the daemon finds what a model refers to, and what it says of what is not there. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config/model_files.h"
#include "lib/calendar/icalendar.h"
#include "lib/calendar/timezone.h"
#include "tests/unit/suite.h"

static Arena *arena;
static char directory[] = "/tmp/scored-model-files.XXXXXX";
static ModelFiles files;
static Str bytes;
static const char *why;

static void setup(void) {
    ck_assert_int_eq(arena_new(&arena), 0);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    files = model_files_in(directory);
    bytes = STR_LITERAL("untouched");
    why = NULL;
}

static void teardown(void) {
    static const char *const names[] = {"a.ics", "pipe", "large.ics"};
    char path[128];
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    ck_assert_int_eq(rmdir(directory), 0);
    arena = arena_free(arena);
}

static const char *path_of(const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const char *text, off_t size) {
    FILE *file = fopen(path_of(name), "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    if (size > 0)
        ck_assert_int_eq(truncate(path_of(name), size), 0);
}

static int zone(const char *name) {
    return files.zone(files.userdata, arena, str_from(name), &bytes, &why);
}

static int holidays(const char *name) {
    return files.holidays(files.userdata, arena, str_from(name), &bytes, &why);
}

START_TEST(zone_is_one_of_the_database) {
    static const char *const names[] = {
            "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "America/Port-au-Prince"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        ck_assert_int_eq(zone(names[i]), 0);
        ck_assert(str_starts_with(bytes, "TZif"));
    }
}
END_TEST

#define NO_NAME "not the name of a time zone: expected one such as Europe/Berlin"
#define NO_ZONE "no such time zone in /usr/share/zoneinfo: expected one such as Europe/Berlin"

static const struct {
    const char *name, *why;
} bad_zones[] = {
        {"", NO_NAME},
        {"/etc/passwd", NO_NAME},
        {"../../../etc/passwd", NO_NAME},
        {"Europe/../UTC", NO_NAME},
        {"Europe//Berlin", NO_NAME},
        {"Europe/", NO_NAME},
        {"./UTC", NO_NAME},
        {"Europe/Berlin ", NO_NAME},
        {"+05:30", NO_NAME},
        {"Europe/Berlim", "no such time zone; did you mean \"Europe/Berlin\"?"},
        {"europe/berlin", "no such time zone; did you mean \"Europe/Berlin\"?"},
        {"America/New_Yorck", "no such time zone; did you mean \"America/New_York\"?"},
        {"Europe", NO_ZONE},
        {"UTC/UTC/UTC", NO_ZONE},
        {"Mittelerde/Bruchtal", NO_ZONE},
};

START_TEST(other_zones_are_not_to_be_had) {
    ck_assert_int_gt(zone(bad_zones[_i].name), 0);
    ck_assert_str_eq(why, bad_zones[_i].why);
    ck_assert(str_eq_c(bytes, "untouched"));
}
END_TEST

START_TEST(long_zones_are_not_to_be_had) {
    char name[8192];
    memset(name, 'A', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    ck_assert_int_gt(zone(name), 0);
    ck_assert_str_eq(why, NO_NAME);
    ck_assert_int_gt(holidays(name), 0);
    ck_assert_str_eq(why, "File name too long");
    name[0] = '/';
    ck_assert_int_gt(holidays(name), 0);
}
END_TEST

START_TEST(holidays_are_beside_the_model) {
    write_file("a.ics", "BEGIN:VCALENDAR\n", 0);
    ck_assert_int_eq(holidays("a.ics"), 0);
    ck_assert(str_eq_c(bytes, "BEGIN:VCALENDAR\n"));
    bytes = STR_NULL;
    ck_assert_int_eq(holidays(path_of("a.ics")), 0);
    ck_assert(str_eq_c(bytes, "BEGIN:VCALENDAR\n"));
    write_file("a.ics", "", 0);
    ck_assert_int_eq(holidays("a.ics"), 0);
    ck_assert(str_eq_c(bytes, ""));
    write_file("large.ics", "", ICALENDAR_BYTES_MAX);
    ck_assert_int_eq(holidays("large.ics"), 0);
    ck_assert_uint_eq(bytes.len, ICALENDAR_BYTES_MAX);
}
END_TEST

START_TEST(other_holidays_are_not_to_be_had) {
    char text[256];
    (void)snprintf(text, sizeof(text), "no such file in %s", directory);
    ck_assert_int_gt(holidays("none.ics"), 0);
    ck_assert_str_eq(why, text);
    ck_assert_int_gt(holidays(""), 0);
    ck_assert_str_eq(why, "not the name of a file");
    ck_assert_int_gt(files.holidays(files.userdata, arena, STR_LITERAL("a\0b"), &bytes, &why), 0);
    ck_assert_str_eq(why, "not the name of a file");
    ck_assert_int_gt(holidays("."), 0);
    ck_assert_str_eq(why, "not a file");
    ck_assert_int_gt(holidays("/dev/zero"), 0);
    ck_assert_str_eq(why, "not a file");
    ck_assert_int_eq(mkfifo(path_of("pipe"), 0600), 0);
    ck_assert_int_gt(holidays("pipe"), 0);
    ck_assert_str_eq(why, "not a file");
    write_file("large.ics", "", ICALENDAR_BYTES_MAX + 1);
    ck_assert_int_gt(holidays("large.ics"), 0);
    ck_assert_str_eq(why, "the file is larger than 4 MiB");
    ck_assert(str_eq_c(bytes, "untouched"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("model_files");
    TCase *tc = tcase_create("model_files");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, zone_is_one_of_the_database);
    tcase_add_loop_test(tc, other_zones_are_not_to_be_had, 0, ARRAY_SIZE(bad_zones));
    tcase_add_test(tc, long_zones_are_not_to_be_had);
    tcase_add_test(tc, holidays_are_beside_the_model);
    tcase_add_test(tc, other_holidays_are_not_to_be_had);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
