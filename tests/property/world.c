/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/property/world.h"

#include "lib/record/account_record.h"

static const char *const account_ids[STORY_ACCOUNTS] = {"acme", "bolt", "corp"};

static Str entity_id(unsigned i) {
    return str_from(i < STORY_LEADS ? story_lead_id(i) : account_ids[i - STORY_LEADS]);
}

unsigned world_entity(Str id) {
    for (unsigned i = 0; i < WORLD_ENTITIES; i++)
        if (str_eq(id, entity_id(i)))
            return i;
    ck_abort_msg("nobody has the id %.*s", STR_FMT(id));
}

/* --- outputs as text --------------------------------------------------------------------------------- */

PRINTF_LIKE(2, 3) static void put(Text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    REQUIRE(vfprintf(text->file, format, args) >= 0);
    va_end(args);
}

const char *text_of(const Text *text) {
    REQUIRE(fflush(text->file) == 0);
    return text->text;
}

static void text_init(Text *text) {
    text->file = open_memstream(&text->text, &text->len);
    REQUIRE(text->file);
}

static void text_done(Text *text) {
    if (text->file)
        (void)fclose(text->file);
    free(text->text);
}

static int see_null(void *userdata, Str name) {
    put(userdata, " %.*s=null", STR_FMT(name));
    return 0;
}
static int see_boolean(void *userdata, Str name, bool value) {
    put(userdata, " %.*s=%d", STR_FMT(name), value);
    return 0;
}
static int see_integer(void *userdata, Str name, int64_t value) {
    put(userdata, " %.*s=%" PRId64, STR_FMT(name), value);
    return 0;
}
static int see_number(void *userdata, Str name, double value) {
    put(userdata, " %.*s=%.17g", STR_FMT(name), value);
    return 0;
}
static int see_string(void *userdata, Str name, Str value) {
    put(userdata, " %.*s=\"%.*s\"", STR_FMT(name), STR_FMT(value));
    return 0;
}
static int see_begin(void *userdata, Str name) {
    put(userdata, " %.*s=(", STR_FMT(name));
    return 0;
}
static int see_end(void *userdata) {
    put(userdata, ")");
    return 0;
}
static const OutputVisitor as_text = {.null = see_null, .boolean = see_boolean, .integer = see_integer, .number = see_number,
        .string = see_string, .bytes = see_string, .time = see_integer, .map_begin = see_begin, .map_end = see_end,
        .list_begin = see_begin, .list_end = see_end, .record_begin = see_begin, .record_end = see_end};

/* --- what holds of all outputs ----------------------------------------------------------------------- */

static bool has_said(const Voice *voice, const Uuid *id) {
    for (size_t i = 0; i < voice->n_ids; i++)
        if (memcmp(voice->ids[i].bytes, id->bytes, sizeof(id->bytes)) == 0)
            return true;
    return false;
}

static void check_identity(Voice *voice, const Output *output) {
    REQUIRE(output->ordinal == ++voice->ordinal);
    REQUIRE(!has_said(voice, &output->event_id));
    REQUIRE(array_reserve(&voice->ids, &voice->n_ids_alloc, voice->n_ids, sizeof(*voice->ids)) == 0);
    voice->ids[voice->n_ids++] = output->event_id;
    if (output->type == OUTPUT_LEAD_RETIRED)
        voice->n_ids = voice->ordinal = 0;
}

static int hear(void *userdata, const Output *output) {
    World *world = userdata;
    Str id = output->lead_id.data ? output->lead_id : output->account_id;
    Voice *voice = &world->voices[world_entity(id)];
    check_identity(voice, output);
    Text *texts[] = {&voice->text, &world->all};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        put(texts[i], "%s", output_type_name(output->type));
        REQUIRE(output_visit(output, &as_text, texts[i]) == 0);
        put(texts[i], "\n");
    }
    if (output->type == OUTPUT_STAGE_CHANGED && output->lead_id.data && output->stage_changed.cause == CAUSE_TIME)
        world->time_caused_at_ms = output->at_ms;
    world->n_outputs++;
    return 0;
}

/* --- the world --------------------------------------------------------------------------------------- */

void world_replace_shard(World *world, const Model *model) {
    world->shard = shard_free(world->shard);
    REQUIRE(shard_new(model, (OutputSink){.output = hear, .userdata = world}, &world->shard) == 0);
}

void world_init(World *world, const Model *model) {
    *world = (World){.time_caused_at_ms = TIME_NONE};
    for (unsigned i = 0; i < WORLD_ENTITIES; i++)
        text_init(&world->voices[i].text);
    text_init(&world->all);
    world_replace_shard(world, model);
}

void world_done(World *world) {
    shard_free(world->shard);
    for (unsigned i = 0; i < WORLD_ENTITIES; i++) {
        text_done(&world->voices[i].text);
        free(world->voices[i].ids);
    }
    text_done(&world->all);
    *world = (World){0};
}

void world_apply(World *world, const StoryEvent *event, int64_t watermark_ms) {
    EventResult result;
    REQUIRE(shard_event(world->shard, &event->event, watermark_ms, &result) == 0);
    REQUIRE(result.outcome != EVENT_REJECTED);
}

void world_advance(World *world, int64_t watermark_ms) {
    REQUIRE(shard_advance(world->shard, watermark_ms) == 0);
}

void world_expect_same_voices(const World *expected, const World *got) {
    for (unsigned i = 0; i < WORLD_ENTITIES; i++)
        ck_assert_str_eq(text_of(&got->voices[i].text), text_of(&expected->voices[i].text));
}

/* --- records ----------------------------------------------------------------------------------------- */

static Entity *find(World *world, unsigned entity) {
    return entity_table_get(entity < STORY_LEADS ? shard_leads(world->shard) : shard_accounts(world->shard), entity_id(entity));
}

static void pack(Entity *entity, const Model *model, Buffer *buffer) {
    int r = entity->kind == ENTITY_LEAD ? record_pack(lead_of(entity), model, buffer)
                                        : account_record_pack(account_of(entity), model, buffer);
    REQUIRE(r == 0);
}

static Entity *unpack(EntityKind kind, Str id, const Model *model, const Buffer *buffer) {
    Str bytes = {(const char *)buffer->data, buffer->len};
    Lead *lead = NULL;
    Account *account = NULL;
    int r = kind == ENTITY_LEAD ? record_unpack(bytes, id, model, &lead) : account_record_unpack(bytes, id, model, &account);
    REQUIRE(r == 0);
    return lead ? &lead->entity : &account->entity;
}

void world_check_record(Entity *entity, const Model *model) {
    Buffer packed = {0}, again = {0};
    pack(entity, model, &packed);
    Entity *copy = unpack(entity->kind, entity->id, model, &packed);
    pack(copy, model, &again);
    REQUIRE(again.len == packed.len);
    REQUIRE(memcmp(again.data, packed.data, packed.len) == 0);
    if (copy->kind == ENTITY_LEAD)
        lead_free(lead_of(copy));
    else
        account_free(account_of(copy));
    buffer_done(&packed);
    buffer_done(&again);
}

WorldRecords world_pack(World *world, const Model *model) {
    WorldRecords records = {0};
    shard_clean(world->shard);
    for (unsigned i = 0; i < WORLD_ENTITIES; i++) {
        Entity *entity = find(world, i);
        if (entity)
            pack(entity, model, &records.of[i]);
    }
    return records;
}

void world_records_done(WorldRecords *records) {
    for (unsigned i = 0; i < WORLD_ENTITIES; i++)
        buffer_done(&records->of[i]);
}

void world_unpack(World *world, const Model *model, const WorldRecords *records) {
    for (unsigned i = 0; i < WORLD_ENTITIES; i++) {
        if (records->of[i].len == 0)
            continue;
        EntityKind kind = i < STORY_LEADS ? ENTITY_LEAD : ENTITY_ACCOUNT;
        Entity *entity = unpack(kind, entity_id(i), model, &records->of[i]);
        int r = kind == ENTITY_LEAD ? shard_load(world->shard, lead_of(entity)) : shard_load_account(world->shard, account_of(entity));
        REQUIRE(r == 0);
    }
}
