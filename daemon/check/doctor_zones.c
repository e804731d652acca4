/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "daemon/base/file_read.h"
#include "daemon/check/doctor.h"
#include "daemon/config/model_files.h"
#include "lib/model/yaml.h"

/* "# version 2024a" is its first line. */
#define VERSION_LINE "# version "
#define LIST_BYTES_MAX (1024 * 1024)

void doctor_tz_database(const char *directory, Findings *findings) {
    _cleanup_(free_null) char *path = NULL, *list = NULL;
    size_t len = 0;
    int r = asprintf(&path, "%s/tzdata.zi", directory) < 0 ? -ENOMEM : file_read(path, LIST_BYTES_MAX, &list, &len);
    Str text = {list, len};
    if (r < 0) {
        findings_add(findings, FINDING_WARNING, "tzdata", "%s: %s", path ? path : directory, strerror(-r));
        findings_expected(findings, "the time zone database, by which calendars are made");
        findings_remedy(findings, "install the package tzdata");
    } else if (str_starts_with(text, VERSION_LINE)) {
        Str version = {text.data + strlen(VERSION_LINE), text.len - strlen(VERSION_LINE)};
        const char *end = memchr(version.data, '\n', version.len);
        if (end)
            version.len = (size_t)(end - version.data);
        findings_add(findings, FINDING_OK, "tzdata", "%s has version %.*s", directory, STR_FMT(version));
    } else {
        findings_add(findings, FINDING_OK, "tzdata", "%s is there, and does not tell its version", directory);
    }
}

/* What is asked for meanwhile. */
typedef struct Zones {
    ModelFiles files;
    Findings *findings;
} Zones;

static int take_zone(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why) {
    Zones *zones = userdata;
    char subject[160];
    int r = zones->files.zone(zones->files.userdata, arena, name, ret, ret_why);
    (void)snprintf(subject, sizeof(subject), "time zone %.*s", STR_FMT(name));
    if (r == 0)
        findings_add(zones->findings, FINDING_OK, subject, "it is there");
    if (r <= 0)
        return r;
    findings_add(zones->findings, FINDING_ERROR, subject, "%s", *ret_why);
    findings_expected(zones->findings, "each zone that a calendar of the model names, in " MODEL_ZONES_DIR);
    findings_remedy(zones->findings, "correct it in the model, or install tzdata (older names are in tzdata-legacy)");
    return r;
}

static int take_holidays(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why) {
    Zones *zones = userdata;
    return zones->files.holidays(zones->files.userdata, arena, name, ret, ret_why);
}

int doctor_zones(const char *path, Findings *findings) {
    _cleanup_(free_null) char *directory = command_directory_of(path), *data = NULL;
    _cleanup_(model_free) Model *model = NULL;
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    size_t len;
    if (!directory)
        return -ENOMEM;
    doctor_tz_database(MODEL_ZONES_DIR, findings);
    int r = file_read(path, YAML_BYTES_MAX, &data, &len);
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    Zones zones = {.files = model_files_in(directory), .findings = findings};
    const ModelFiles files = {.zone = take_zone, .holidays = take_holidays, .userdata = &zones};
    r = model_load((Str){data, len}, &files, &diagnostics, &model);
    diagnostics_done(&diagnostics);
    return MIN(r, 0);
}
