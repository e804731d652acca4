/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any byte string is either refused or a message between shards; whatever it says can be done, and what comes of it is
 * a state that packs to a record which can be read again.
 */
#include <stdlib.h>

#include "lib/record/account_record.h"
#include "lib/record/record.h"
#include "lib/shard/shard_courier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char model_text[] =
        "model: m\n"
        "version: 1\n"
        "scores: { points: { decay: { half_life: 1d }, max: 50 } }\n"
        "rules: [{ id: r, on: [seen], add: { points: 1 } }]\n"
        "tracks: { life: { initial: a, stages: [{ id: a }, { id: b }], transitions: [{ id: up, from: [a], to: b, when: 'points >= 5' }] } }\n"
        "carry: { event: [x] }\n"
        "accounts:\n"
        "  scores:\n"
        "    sum: { from: points, decay: { linear: 3d }, per_lead_max: 20 }\n"
        "    all: { from: points, decay: { half_life: 2d } }\n"
        "  committee: { window: 1d, on: [seen] }\n"
        "  tracks: { t: { initial: a, stages: [{ id: a }, { id: b }], transitions: [{ id: up, from: [a], to: b, when: 'committee >= 1' }] } }\n";

static Model *model; /* kept from one input to the next */

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

static void make_model(void) {
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    require(model_load(str_from(model_text), NULL, &diagnostics, &model) == 0 && model);
    diagnostics_done(&diagnostics);
}

static int drop_output(void *userdata, const Output *output) {
    (void)userdata;
    (void)output;
    return 0;
}

/* What is sent on must be a message, too. */
static int check_message(void *userdata, const ShardMessage *message) {
    Arena *arena = NULL;
    ShardMessage again;
    Buffer packed = {0};
    (void)userdata;
    require(arena_new(&arena) == 0);
    require(shard_message_pack(message, model, &packed) == 0);
    require(shard_message_unpack((Str){(const char *)packed.data, packed.len}, arena, &again) == 0);
    require(again.kind == message->kind);
    buffer_done(&packed);
    arena_free(arena);
    return 0;
}

static void check_accounts(EntityTable *table) {
    size_t iterator = 0;
    Entity *entity;
    while ((entity = entity_table_next(table, &iterator))) {
        _cleanup_(account_free) Account *back = NULL;
        Buffer packed = {0};
        require(account_record_pack(account_of(entity), model, &packed) == 0);
        require(account_record_unpack((Str){(const char *)packed.data, packed.len}, entity->id, model, &back) == 0);
        buffer_done(&packed);
    }
}

static void apply(const ShardMessage *message) {
    Shard *leads = NULL, *accounts = NULL;
    Courier *courier = NULL;
    require(shard_new(model, (OutputSink){.output = drop_output}, &leads) == 0);
    require(shard_new(model, (OutputSink){.output = drop_output}, &accounts) == 0);
    require(courier_new(model, leads, accounts, (MessageSink){.message = check_message}, &courier) == 0);
    for (int i = 0; i < 2; i++) /* it comes again */
        require(courier_apply(courier, message) >= 0);
    check_accounts(shard_accounts(accounts));
    courier_free(courier);
    shard_free(leads);
    shard_free(accounts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = NULL;
    ShardMessage message;
    if (!model)
        make_model();
    require(arena_new(&arena) == 0);
    int r = shard_message_unpack((Str){(const char *)data, size}, arena, &message);
    require(r >= 0);
    if (r == 0 && message.kind != MESSAGE_WATERMARK && message.kind != MESSAGE_PROGRESS && message.kind != MESSAGE_EVENT)
        apply(&message);
    arena_free(arena);
    return 0;
}
