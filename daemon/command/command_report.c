/* SPDX-License-Identifier: Apache-2.0 */
/* What commands say of themselves: errors, and whether their output has arrived. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "daemon/command/command.h"
#include "daemon/io/file/file_sink.h"

static bool errors_are_json;

int command_finish(const Command *self, JsonWriter *writer) {
    int r = writer ? json_writer_flush(writer, stdout) : 0;
    if (r == 0 && fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    command_error(self, "standard output: %s", strerror(r ? -r : errno));
    return r == -ENOMEM ? EX_OSERR : EX_IOERR;
}

void command_set_errors_json(bool on) {
    errors_are_json = on;
}

bool command_errors_are_json(void) {
    return errors_are_json;
}

void command_print_error(JsonWriter *writer) {
    json_write_newline(writer);
    if (json_writer_flush(writer, stderr) != 0)
        fprintf(stderr, "scored: %s\n", strerror(ENOMEM));
}

/* `usage`: of a wrong command line; else NULL. */
static void report_json(const Command *self, const char *text, const char *usage) {
    JsonWriter writer = JSON_WRITER_INIT;
    json_write_object_begin(&writer, STR_NULL);
    json_write_string(&writer, STR_LITERAL("command"), str_from(self->name));
    json_write_string(&writer, STR_LITERAL("error"), str_from(text));
    if (usage)
        json_write_string(&writer, STR_LITERAL("usage"), str_from(usage));
    json_write_object_end(&writer);
    command_print_error(&writer);
    json_writer_deinit(&writer);
}

static void PRINTF_LIKE(3, 0) report(const Command *self, const char *usage, const char *format, va_list arguments) {
    _cleanup_(free_null) char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    if (errors_are_json) {
        report_json(self, text ? text : strerror(ENOMEM), usage);
        return;
    }
    fprintf(stderr, "scored %s: %s\n", self->name, text ? text : strerror(ENOMEM));
    if (usage)
        fprintf(stderr, "Usage: scored %s %s\n", self->name, usage);
}

void command_error(const Command *self, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    report(self, NULL, format, arguments);
    va_end(arguments);
}

int command_usage_error(const Command *self, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    report(self, self->usage, format, arguments);
    va_end(arguments);
    return EX_USAGE;
}

void command_bad_input(const Command *self, const char *place, const char *text) {
    JsonWriter writer = JSON_WRITER_INIT;
    if (!errors_are_json) {
        fprintf(stderr, "%s: %s\n", place, text);
        return;
    }
    json_write_object_begin(&writer, STR_NULL);
    json_write_string(&writer, STR_LITERAL("command"), str_from(self->name));
    json_write_string(&writer, STR_LITERAL("place"), str_from(place));
    json_write_string(&writer, STR_LITERAL("error"), str_from(text));
    json_write_object_end(&writer);
    command_print_error(&writer);
    json_writer_deinit(&writer);
}

void command_bad_line(const Command *self, const char *file, uint64_t line, const char *reason, const char *text) {
    _cleanup_(free_null) char *place = NULL, *all = NULL;
    if (asprintf(&place, "%s:%" PRIu64, file, line) < 0)
        place = NULL;
    if (asprintf(&all, "%s: %s", reason, text) < 0)
        all = NULL;
    command_bad_input(self, place ? place : file, all ? all : reason);
}
