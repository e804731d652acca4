/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump_view MODEL < frames
 *
 * Prints the leads that packed records stand for as `scored replay --dump-leads` would, so that what is in the view can
 * be compared with a replay. A frame is a lead id, a record and an instant: two strings with their length in front, and
 * milliseconds, all numbers of 8 bytes, big-endian. The lead is shown as of the instant or, if that is later, its clock.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/io/file_sink.h"
#include "daemon/replay_dump.h"
#include "lib/arena.h"
#include "lib/record.h"
#include "lib/yaml.h"

static void die(const char *what) {
    fprintf(stderr, "dump_view: %s\n", what);
    exit(EXIT_FAILURE);
}

static bool read_number(int64_t *ret) {
    uint64_t bytes;
    size_t n = fread(&bytes, 1, sizeof(bytes), stdin);
    if (n == 0)
        return false;
    if (n != sizeof(bytes))
        die("the input breaks off");
    *ret = (int64_t)be64toh(bytes);
    return true;
}

static Str read_bytes(Arena *arena, int64_t len) {
    if (len < 0 || len > RECORD_BYTES_MAX)
        die("a length is out of range");
    char *data = arena_new_array(arena, char, (size_t)len + 1);
    if (!data || fread(data, 1, (size_t)len, stdin) != (size_t)len)
        die("the input breaks off");
    return (Str){data, (size_t)len};
}

static bool print_frame(Arena *arena, const Model *model, JsonWriter *writer) {
    _cleanup_(lead_free) Lead *lead = NULL;
    int64_t len, at_ms;

    if (!read_number(&len))
        return false;
    Str id = read_bytes(arena, len);
    if (!read_number(&len))
        die("the input breaks off");
    Str record = read_bytes(arena, len);
    if (!read_number(&at_ms))
        die("the input breaks off");
    int r = record_unpack(record, id, model, &lead);
    if (r != 0) {
        fprintf(stderr, "dump_view: %.*s: record_unpack() returned %d\n", STR_FMT(id), r);
        exit(EXIT_FAILURE);
    }
    if (lead_dump(writer, model, lead, MAX(at_ms, lead->clock_ms)) != 0)
        die("out of memory");
    json_write_newline(writer);
    if (json_writer_flush(writer, stdout) != 0)
        die("the output cannot be written");
    return true;
}

static Model *load_model(const char *path) {
    static char source[YAML_BYTES_MAX];
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    Model *model = NULL;

    FILE *file = fopen(path, "re");
    if (!file)
        die("the model cannot be read");
    size_t len = fread(source, 1, sizeof(source), file);
    (void)fclose(file);
    if (model_load((Str){source, len}, NULL, &diagnostics, &model) != 0 || !model)
        die("the model has errors");
    diagnostics_done(&diagnostics);
    return model;
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
