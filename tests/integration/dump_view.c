/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump_view MODEL < frames
 *
 * Prints the leads and accounts that packed records stand for as `scored replay` dumps them, so that what is in the view
 * can be compared with a replay. A frame is an id, a record and an instant: two strings with their length in front, and
 * milliseconds, all numbers of 8 bytes, big-endian. Each is shown as of the instant or, if that is later, its clock; an id
 * that was merged into another lead is not, as in a replay's dump.
 */
#include <stdlib.h>

#include "daemon/io/file/file_sink.h"
#include "daemon/replay/replay_dump.h"
#include "lib/record/account_record.h"
#include "lib/record/record.h"
#include "tests/integration/frames.h"

static void expect_done(int r, const char *what, Str id) {
    if (r == 0)
        return;
    fprintf(stderr, "dump_view: %.*s: %s returned %d\n", STR_FMT(id), what, r);
    exit(EXIT_FAILURE);
}

static void dump_lead(JsonWriter *writer, const Model *model, Str id, Str record, int64_t at_ms) {
    _cleanup_(lead_free) Lead *lead = NULL;
    expect_done(record_unpack(record, id, model, &lead), "record_unpack()", id);
    if (lead->merged_into.data)
        return;
    expect_done(lead_dump(writer, model, lead, MAX(at_ms, lead->clock_ms)), "lead_dump()", id);
    json_write_newline(writer);
}

static void dump_account(JsonWriter *writer, const Model *model, Str id, Str record, int64_t at_ms) {
    _cleanup_(account_free) Account *account = NULL;
    expect_done(account_record_unpack(record, id, model, &account), "account_record_unpack()", id);
    expect_done(account_dump(writer, model, account, MAX(at_ms, account->clock_ms)), "account_dump()", id);
    json_write_newline(writer);
}

static bool print_frame(Arena *arena, const Model *model, JsonWriter *writer) {
    int64_t len, at_ms;

    if (!read_number(&len))
        return false;
    Str id = read_bytes(arena, len);
    if (!read_number(&len))
        die("the input breaks off");
    Str record = read_bytes(arena, len);
    if (!read_number(&at_ms))
        die("the input breaks off");
    /* Records tell themselves what they are of. */
    if (record.len && (uint8_t)record.data[0] >= RECORD_FORMAT_END)
        dump_account(writer, model, id, record, at_ms);
    else
        dump_lead(writer, model, id, record, at_ms);
    if (json_writer_flush(writer, stdout) != 0)
        die("the output cannot be written");
    return true;
}

int main(int argc, char **argv) {
    _cleanup_(arena_free) Arena *arena = NULL;
    JsonWriter writer = JSON_WRITER_INIT;

    if (argc != 2)
        die("usage: dump_view MODEL < frames");
    _cleanup_(model_free) Model *model = load_model(argv[1]);
    if (arena_new(&arena) != 0)
        die("out of memory");
    while (print_frame(arena, model, &writer))
        arena_reset(arena);
    json_writer_deinit(&writer);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
