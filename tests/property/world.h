#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A World
 *
 * One shard in which a story happens, and all that it puts out, every field of it as text: in order, and by whom it is of. What is
 * said of outputs whatever they are (ids and ordinals) is checked as they come.
 */
#include "lib/record/packing.h"
#include "lib/shard/shard.h"
#include "tests/property/random_story.h"

/* Leads, then accounts. */
#define WORLD_ENTITIES (STORY_LEADS + STORY_ACCOUNTS)

typedef struct Text {
    char *text;
    size_t len;
    FILE *file; /* writes to it */
} Text;
/* What it is so far. */
const char *text_of(const Text *text);

typedef struct Voice {
    Text text;         /* outputs of one lead or account */
    uint64_t ordinal;  /* of the last one; 0 after it was retired */
    Uuid *ids;         /* since it was retired last */
    size_t n_ids, n_ids_alloc;
} Voice;

typedef struct World {
    Shard *shard;
    Voice voices[WORLD_ENTITIES];
    Text all; /* of all, in order */
    size_t n_outputs;
    /*
     * Of a lead's last StageChanged that time alone caused; TIME_NONE: none. (An account's may be later than the moment: if it was
     * touched by silence when its clock, another member's, was ahead.)
     */
    int64_t time_caused_at_ms;
} World;

void world_init(World *world, const Model *model);
void world_done(World *world);
static inline void world_done_cleanup(World *world) {
    world_done(world);
}
/* From here on with another, empty shard; what was put out stays. */
void world_replace_shard(World *world, const Model *model);
void world_apply(World *world, const StoryEvent *event, int64_t watermark_ms);
void world_advance(World *world, int64_t watermark_ms);

/* Which of the voices it is; of an id that is none the test fails. */
unsigned world_entity(Str id);
/* Voices of both say the same, but for those of the leads and accounts that speak in one of them only. */
void world_expect_same_voices(const World *expected, const World *got);

/* All leads and accounts as packed records; without bytes where there is none. */
typedef struct WorldRecords {
    Buffer of[WORLD_ENTITIES];
} WorldRecords;
WorldRecords world_pack(World *world, const Model *model);
void world_records_done(WorldRecords *records);
static inline void world_records_done_cleanup(WorldRecords *records) {
    world_records_done(records);
}
/* Puts the records into the world's shard, which is empty. */
void world_unpack(World *world, const Model *model, const WorldRecords *records);
/* Unpacks what is packed, packs that again and compares. */
void world_check_record(Entity *entity, const Model *model);
