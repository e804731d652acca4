/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_parts MODEL < frames
 *
 * What takes the bytes of packed records of leads. A frame is an id and a record, two strings with their length in front, of 8 bytes,
 * big-endian. One line of JSON for each: how full its rings are, and the bytes of its parts.
 */
#include <stdlib.h>

#include "lib/record/record.h"
#include "lib/record/record_clock.h"
#include "lib/record/record_parts.h"
#include "tests/integration/frames.h"

typedef struct Parts {
    size_t scores, stages, clocks, reasons, ids, profile, rest;
} Parts;

static size_t packed_size(const Lead *lead, const Model *model) {
    Buffer buffer = {0};
    if (record_pack(lead, model, &buffer) != 0)
        die("record_pack() failed");
    size_t size = buffer.len;
    buffer_done(&buffer);
    return size;
}

static Parts measure_parts(Lead *lead, const Model *model) {
    Buffer buffer = {0};
    Packer p = {.buffer = &buffer, .bytes_max = RECORD_BYTES_MAX, .clock_ms = lead->clock_ms};
    Parts parts = {0};
    for (size_t i = 0; i < model->n_scores; i++)
        pack_score_state(&p, &lead->scores[i], &model->scores[i].decay);
    parts.scores = buffer.len;
    pack_track_states(&p, lead->tracks, model->tracks, model->n_tracks);
    parts.stages = buffer.len - parts.scores;
    SeenIndex seen = {.lead = lead};
    for (size_t i = 0; i < model->n_policies; i++)
        pack_sla_clock(&p, &seen, &lead->clocks[i]);
    parts.clocks = buffer.len - parts.scores - parts.stages;
    if (p.error)
        die("parts can't be packed");
    buffer_done(&buffer);

    /* What the record loses without them. Reasons and clocks first: they may refer to the ids. */
    size_t with = packed_size(lead, model);
    uint32_t n_awards = lead->n_awards, n_seen = lead->n_seen;
    size_t n_profile = lead->n_profile;
    lead->n_awards = 0;
    size_t without_reasons = packed_size(lead, model);
    lead->n_profile = 0;
    size_t without_profile = packed_size(lead, model);
    lead->n_awards = n_awards;
    lead->n_profile = n_profile;
    parts.reasons = with - without_reasons;
    parts.profile = without_reasons - without_profile;
    parts.ids = n_seen * sizeof(EventKey);
    parts.rest = without_profile - parts.ids - parts.scores - parts.stages - parts.clocks;
    return parts;
}

static Str read_string(Arena *arena) {
    int64_t len;
    if (!read_number(&len))
        die("the input breaks off");
    return read_bytes(arena, len);
}

static bool print_frame(Arena *arena, const Model *model) {
    int64_t len;
    _cleanup_(lead_free) Lead *lead = NULL;
    if (!read_number(&len))
        return false;
    Str id = read_bytes(arena, len), record = read_string(arena);
    if (record_unpack(record, id, model, &lead) != 0)
        die("not a record");
    if (lead->merged_into.data)
        die("a merged lead has no parts");
    Parts parts = measure_parts(lead, model);
    printf("{\"n_ids\": %u, \"n_reasons\": %u, \"bytes\": %zu, \"parts\": {\"scores\": %zu, \"stages\": %zu, \"clocks\": %zu, \"reasons\": %zu, "
           "\"ids\": %zu, \"profile\": %zu, \"rest\": %zu}}\n",
            lead->n_seen, lead->n_awards, record.len, parts.scores, parts.stages, parts.clocks, parts.reasons, parts.ids, parts.profile,
            parts.rest);
    return true;
}

int main(int argc, char **argv) {
    _cleanup_(arena_free) Arena *arena = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: record_parts MODEL < frames\n");
        return 2;
    }
    _cleanup_(model_free) Model *model = load_model(argv[1]);
    if (arena_new(&arena) != 0)
        die("out of memory");
    while (print_frame(arena, model))
        arena_reset(arena);
    return 0;
}
