/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zone is a name, not a path: what could lead out of the tz database is refused before a file is opened.
 * Holidays are a path that the model's author writes, like those in the configuration; but it must be a file,
 * so that a pipe without a writer does not keep the daemon from starting.
 */
#include "daemon/config/model_files.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/file_read.h"
#include "lib/calendar/icalendar.h"
#include "lib/calendar/timezone.h"

#define WHY_SIZE 256
#define ZONE_NAME_LEN_MAX 128
/* The database in one file, with a line for each zone; 110 KB. */
#define ZONES_LIST MODEL_ZONES_DIR "/tzdata.zi"
#define ZONES_LIST_BYTES_MAX (1024 * 1024)
#define ZONES_MAX 2000

enum { NOT_TO_BE_HAD = 1 };

static int fail(Arena *arena, const char **ret_why, const char *format, ...) PRINTF_LIKE(3, 4);
static int fail(Arena *arena, const char **ret_why, const char *format, ...) {
    char *why = arena_new_array(arena, char, WHY_SIZE);
    va_list arguments;

    if (!why)
        return -ENOMEM;
    va_start(arguments, format);
    (void)vsnprintf(why, WHY_SIZE, format, arguments);
    va_end(arguments);
    *ret_why = why;
    return NOT_TO_BE_HAD;
}

/* Into the arena. -EFBIG: over len_max; other negative numbers as for file_read(). */
static int read_into(Arena *arena, const char *path, size_t len_max, Str *ret) {
    _cleanup_(free_null) char *data = NULL;
    struct stat st;
    size_t len;
    int r;

    if (stat(path, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    r = file_read(path, len_max, &data, &len);
    if (r < 0)
        return r;
    *ret = arena_str(arena, (Str){data ? data : "", len});
    return str_is_null(*ret) ? -ENOMEM : 0;
}

/* --- time zones -------------------------------------------------------------------------------------- */

static bool is_zone_name(Str name) {
    bool at_start = true; /* of a part between slashes */

    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (at_start ? !is_letter
                     : !is_letter && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '+' && c != '/')
            return false;
        at_start = c == '/';
    }
    return !at_start && name.len <= ZONE_NAME_LEN_MAX;
}

/* "Z NAME ..." is a zone, "L TARGET NAME" another name of one. The list is cut into names in place. */
static size_t list_zones(char *list, const char **names) {
    size_t n = 0;
    char *rest = list, *line;

    while (n < ZONES_MAX && (line = strsep(&rest, "\n"))) {
        char *kind = strsep(&line, " "), *first = strsep(&line, " "), *second = strsep(&line, " ");
        if (first && strcmp(kind, "Z") == 0)
            names[n++] = first;
        else if (second && strcmp(kind, "L") == 0)
            names[n++] = second;
    }
    return n;
}

static int no_such_zone(Arena *arena, Str name, const char **ret_why) {
    const char **names = arena_new_array(arena, const char *, ZONES_MAX);
    const char *nearest = NULL;
    Str list = STR_NULL;

    if (!names)
        return -ENOMEM;
    int r = read_into(arena, ZONES_LIST, ZONES_LIST_BYTES_MAX, &list);
    if (r == -ENOMEM)
        return r;
    /* The arena's copy ends in a NUL. */
    if (r == 0)
        nearest = diagnostic_nearest(name, names, list_zones((char *)(uintptr_t)list.data, names));
    if (nearest)
        return fail(arena, ret_why, "no such time zone; did you mean \"%s\"?", nearest);
    return fail(
            arena, ret_why, "no such time zone in " MODEL_ZONES_DIR ": expected one such as Europe/Berlin");
}

static int read_zone(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why) {
    char path[PATH_MAX];
    int r;

    (void)userdata;
    if (!is_zone_name(name))
        return fail(arena, ret_why, "not the name of a time zone: expected one such as Europe/Berlin");
    (void)snprintf(path, sizeof(path), MODEL_ZONES_DIR "/%.*s", STR_FMT(name));
    r = read_into(arena, path, TIMEZONE_BYTES_MAX, ret);
    if (r == -ENOENT && access(MODEL_ZONES_DIR, F_OK) < 0)
        return fail(arena, ret_why, "there is no " MODEL_ZONES_DIR ": is the package tzdata installed?");
    if (r == -ENOENT || r == -ENOTDIR || r == -EISDIR)
        return no_such_zone(arena, name, ret_why);
    if (r == -EFBIG)
        return fail(arena, ret_why, "%s is larger than %d KiB", path, TIMEZONE_BYTES_MAX / 1024);
    if (r < 0 && r != -ENOMEM)
        return fail(arena, ret_why, "%s: %s", path, strerror(-r));
    return r;
}

/* --- holidays ---------------------------------------------------------------------------------------- */

static int read_holidays(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why) {
    const char *directory = userdata;
    bool absolute = name.len > 0 && name.data[0] == '/';
    char path[PATH_MAX];
    int r;

    if (name.len == 0 || memchr(name.data, '\0', name.len))
        return fail(arena, ret_why, "not the name of a file");
    r = absolute ? snprintf(path, sizeof(path), "%.*s", STR_FMT(name))
                 : snprintf(path, sizeof(path), "%s/%.*s", directory, STR_FMT(name));
    if (r < 0 || (size_t)r >= sizeof(path))
        return fail(arena, ret_why, "%s", strerror(ENAMETOOLONG));

    r = read_into(arena, path, ICALENDAR_BYTES_MAX, ret);
    if (r == -EFBIG)
        return fail(arena, ret_why, "the file is larger than %d MiB", ICALENDAR_BYTES_MAX / (1024 * 1024));
    if (r == -ENOENT && !absolute)
        return fail(arena, ret_why, "no such file in %s", directory);
    if (r == -EINVAL || r == -EISDIR)
        return fail(arena, ret_why, "not a file");
    if (r < 0 && r != -ENOMEM)
        return fail(arena, ret_why, "%s", strerror(-r));
    return r;
}

ModelFiles model_files_in(const char *directory) {
    return (ModelFiles){
            .zone = read_zone,
            .holidays = read_holidays,
            .userdata = (void *)(uintptr_t)directory,
    };
}
