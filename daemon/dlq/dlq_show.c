/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dlq/dlq_show.h"

#include <inttypes.h>

#include "lib/calendar/timestamp.h"

#define HEX_WIDTH 16

static Str key_of(const DlqEntry *entry) {
    return entry->key ? (Str){entry->key, entry->key_len} : STR_NULL;
}

/* A key may be any bytes; a terminal is to get none that it would obey. */
static void print_quoted(Str text, FILE *file) {
    fputc('"', file);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c == 0x7F || c == '"' || c == '\\')
            fprintf(file, "\\x%02x", c);
        else
            fputc(c, file);
    }
    fputc('"', file);
}

void dlq_entry_print(const DlqEntry *entry, FILE *file) {
    char position[DLQ_POSITION_TEXT_SIZE], at[TIMESTAMP_TEXT_SIZE];
    dlq_position_print(entry->position, position);
    (void)timestamp_print(entry->at_ms, at);
    fprintf(file, "%-10s %s  %-14s %s [%" PRId32 "] at %" PRId64 ", ", position, at, entry->reason, entry->topic, entry->partition,
            entry->offset);
    if (entry->key) {
        fputs("key ", file);
        print_quoted(key_of(entry), file);
    } else {
        fputs("no key", file);
    }
    if (entry->has_original)
        fprintf(file, ", %zu bytes%s\n", entry->original_len, entry->is_cut ? " of more" : "");
    else
        fputs(", no value\n", file);
    fprintf(file, "%-10s %s\n", "", entry->text);
}

void dlq_entry_write(const DlqEntry *entry, JsonWriter *writer) {
    json_write_integer(writer, STR_LITERAL("partition"), entry->position.partition);
    json_write_integer(writer, STR_LITERAL("offset"), entry->position.offset);
    json_write_time(writer, STR_LITERAL("at"), entry->at_ms);
    json_write_string(writer, STR_LITERAL("reason"), str_from(entry->reason));
    json_write_string(writer, STR_LITERAL("text"), str_from(entry->text));
    json_write_object_begin(writer, STR_LITERAL("original"));
    json_write_string(writer, STR_LITERAL("topic"), str_from(entry->topic));
    json_write_integer(writer, STR_LITERAL("partition"), entry->partition);
    json_write_integer(writer, STR_LITERAL("offset"), entry->offset);
    json_write_string(writer, STR_LITERAL("key"), key_of(entry));
    if (entry->has_original)
        json_write_integer(writer, STR_LITERAL("bytes"), (int64_t)entry->original_len);
    else
        json_write_null(writer, STR_LITERAL("bytes"));
    json_write_boolean(writer, STR_LITERAL("cut"), entry->is_cut);
    json_write_object_end(writer);
}

void dlq_event_write(const LeadEvent *event, Str name, JsonWriter *writer) {
    json_write_object_begin(writer, name);
    json_write_string(writer, STR_LITERAL("event_id"), event->event_id);
    json_write_time(writer, STR_LITERAL("occurred_at"), event->occurred_at_ms);
    json_write_string(writer, STR_LITERAL("lead_id"), event->lead_id);
    json_write_string(writer, STR_LITERAL("account_id"), event->account_id);
    json_write_string(writer, STR_LITERAL("type"), event->type);
    json_write_string(writer, STR_LITERAL("source"), event->source);
    json_write_string(writer, STR_LITERAL("campaign"), event->campaign);
    json_write_string(writer, STR_LITERAL("topic"), event->topic);
    json_write_object_begin(writer, STR_LITERAL("properties"));
    for (size_t i = 0; i < event->n_properties; i++)
        json_write_value(writer, event->properties[i].name, event->properties[i].value);
    json_write_object_end(writer);
    json_write_object_end(writer);
}

void dlq_hex_print(Str bytes, FILE *file) {
    for (size_t begin = 0; begin < bytes.len; begin += HEX_WIDTH) {
        size_t n = MIN(bytes.len - begin, (size_t)HEX_WIDTH);
        fprintf(file, "  %08zx ", begin);
        for (size_t i = 0; i < HEX_WIDTH; i++)
            if (i < n)
                fprintf(file, " %02x", (unsigned char)bytes.data[begin + i]);
            else
                fputs("   ", file);
        fputs("  ", file);
        for (size_t i = 0; i < n; i++) {
            char c = bytes.data[begin + i];
            fputc(c >= ' ' && c <= '~' ? c : '.', file);
        }
        fputc('\n', file);
    }
}

void dlq_hex_write(Str bytes, Str name, JsonWriter *writer) {
    _cleanup_(free_null) char *text = malloc(2 * bytes.len + 1);
    if (!text) {
        writer->error = -ENOMEM;
        return;
    }
    hex_print((const uint8_t *)bytes.data, bytes.len, text);
    json_write_string(writer, name, (Str){text, 2 * bytes.len});
}
