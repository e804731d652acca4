/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/findings.h"

#include <stdarg.h>

static const char *const severity_names[_FINDING_SEVERITY_MAX] = {
        [FINDING_OK] = "ok",
        [FINDING_NOTE] = "note",
        [FINDING_WARNING] = "warning",
        [FINDING_ERROR] = "error",
};

void findings_deinit(Findings *findings) {
    for (size_t i = 0; i < findings->n; i++) {
        free(findings->items[i].subject);
        free(findings->items[i].text);
        free(findings->items[i].expected);
        free(findings->items[i].remedy);
    }
    free(findings->items);
    *findings = FINDINGS_INIT;
}

/* NULL when out of memory. */
static PRINTF_LIKE(1, 0) char *format_text(const char *format, va_list args) {
    char *text;
    return vasprintf(&text, format, args) < 0 ? NULL : text;
}

void findings_add(Findings *findings, FindingSeverity severity, const char *subject, const char *format, ...) {
    va_list args;
    va_start(args, format);
    Finding finding = {.severity = severity, .subject = strdup(subject), .text = format_text(format, args), .shard = -1};
    va_end(args);
    findings->counts[severity]++;
    if (!finding.subject || !finding.text || array_reserve(&findings->items, &findings->n_alloc, findings->n, sizeof(finding)) != 0) {
        free(finding.subject);
        free(finding.text);
        findings->out_of_memory = true;
        return;
    }
    findings->items[findings->n++] = finding;
}

/* Of the one that was added last, in the place of what is there. */
static PRINTF_LIKE(3, 0) void set_text(Findings *findings, char **field, const char *format, va_list args) {
    free(*field);
    *field = format_text(format, args);
    findings->out_of_memory = !*field;
}

void findings_expected(Findings *findings, const char *format, ...) {
    if (findings->out_of_memory)
        return;
    va_list args;
    va_start(args, format);
    set_text(findings, &findings->items[findings->n - 1].expected, format, args);
    va_end(args);
}

void findings_remedy(Findings *findings, const char *format, ...) {
    if (findings->out_of_memory)
        return;
    va_list args;
    va_start(args, format);
    set_text(findings, &findings->items[findings->n - 1].remedy, format, args);
    va_end(args);
}

void findings_shard(Findings *findings, int32_t shard) {
    if (!findings->out_of_memory)
        findings->items[findings->n - 1].shard = shard;
}

static void print_count(size_t n, const char *what, const char *after, FILE *file) {
    fprintf(file, "%zu %s%s%s", n, what, n == 1 ? "" : "s", after);
}

void findings_print(const Findings *findings, FILE *file) {
    for (size_t i = 0; i < findings->n; i++) {
        const Finding *finding = &findings->items[i];
        fprintf(file, "  %-8s ", severity_names[finding->severity]);
        if (finding->shard >= 0)
            fprintf(file, "shard %d: ", (int)finding->shard);
        fprintf(file, "%s: %s\n", finding->subject, finding->text);
        if (finding->expected)
            fprintf(file, "  %-8s expected: %s\n", "", finding->expected);
        if (finding->remedy)
            fprintf(file, "  %-8s to do: %s\n", "", finding->remedy);
    }
    print_count(findings->counts[FINDING_ERROR], "error", ", ", file);
    print_count(findings->counts[FINDING_WARNING], "warning", "\n", file);
}

void findings_write_array(const Findings *findings, Str name, JsonWriter *writer) {
    json_write_array_begin(writer, name);
    for (size_t i = 0; i < findings->n; i++) {
        const Finding *finding = &findings->items[i];
        json_write_object_begin(writer, STR_NULL);
        json_write_string(writer, STR_LITERAL("severity"), str_from(severity_names[finding->severity]));
        if (finding->shard >= 0)
            json_write_integer(writer, STR_LITERAL("shard"), finding->shard);
        json_write_string(writer, STR_LITERAL("subject"), str_from(finding->subject));
        json_write_string(writer, STR_LITERAL("text"), str_from(finding->text));
        json_write_string(writer, STR_LITERAL("expected"), str_from(finding->expected));
        json_write_string(writer, STR_LITERAL("remedy"), str_from(finding->remedy));
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

void findings_write(const Findings *findings, JsonWriter *writer) {
    findings_write_array(findings, STR_NULL, writer);
    json_write_newline(writer);
}
