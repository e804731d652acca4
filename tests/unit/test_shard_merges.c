/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leads of several shards that are merged into each other, while what the shards tell each other is on its way: first in, first out
 * from each to each, and in any order otherwise, as through the partitions of a topic. In the end every lead is one, or leads to one,
 * with everything that was given to any of its names, once.
 */
#include "lib/shard_courier.h"
#include "tests/unit/engine_fixture.h"

#define N_SHARDS 3
#define N_LEADS 8
#define N_EVENTS 200
#define QUEUE_MAX 8192
#define TOLD_MAX 1024

static const char model_text[] = "model: m\n"
                                 "version: 1\n"
                                 "scores: { points: { decay: none } }\n"
                                 "rules: [{ id: r, on: [seen], add: { points: 1 } }]\n"
                                 "tracks:\n"
                                 "  t:\n"
                                 "    initial: cold\n"
                                 "    stages: [{ id: cold }, { id: warm }, { id: hot }]\n"
                                 "    transitions:\n"
                                 "      - { id: warms, from: [cold], to: warm, when: 'points >= 2' }\n"
                                 "      - { id: heats, from: [warm], to: hot, when: 'points >= 8' }\n"
                                 "sla: [{ id: s, start: { on: [seen] }, stop: { enter: [t.warm] }, target: 1m }]\n";

typedef struct Queue {
    Buffer messages[QUEUE_MAX];
    size_t first, n;
} Queue;

typedef struct World World;

typedef struct Node {
    World *world;
    unsigned index;
    Shard *leads, *accounts;
    Courier *courier;
} Node;

struct World {
    Model *model;
    Node nodes[N_SHARDS];
    Queue queues[N_SHARDS][N_SHARDS];
    uint64_t random;
    bool linked[N_LEADS][N_LEADS]; /* was one ever merged into the other, or is it the same? */
    uint64_t ordinals[N_LEADS];    /* of the last output of each */
    Uuid told[TOLD_MAX];
    size_t n_told;
};

/* Of "l0", "l1", … */
static unsigned number_of(Str lead_id) {
    return (unsigned)(lead_id.data[1] - '0');
}

static unsigned home_of(Str lead_id) {
    return number_of(lead_id) % N_SHARDS;
}

/* Nothing is told by the id of something else, and a lead's ordinals rise, whoever tells them. */
static int note_output(void *userdata, const Output *output) {
    World *world = userdata;
    uint64_t *ordinal = &world->ordinals[number_of(output->lead_id)];
    for (size_t i = 0; i < world->n_told; i++)
        ck_assert_msg(memcmp(&world->told[i], &output->event_id, sizeof(Uuid)) != 0, "%s of %.*s is told twice", output_type_name(output->type), STR_FMT(output->lead_id));
    ck_assert_uint_lt(world->n_told, TOLD_MAX);
    world->told[world->n_told++] = output->event_id;
    /* What takes a lead may do so when its name has come to life again: that is told late. */
    ck_assert(output->ordinal > *ordinal || output->type == OUTPUT_LEAD_RETIRED);
    *ordinal = MAX(*ordinal, output->ordinal);
    return 0;
}

static int enqueue(void *userdata, const ShardMessage *message) {
    Node *node = userdata;
    Queue *queue = &node->world->queues[node->index][home_of(shard_message_target(message))];
    ck_assert_uint_lt(queue->n, QUEUE_MAX); /* else they run in circles */
    return shard_message_pack(message, node->world->model, &queue->messages[queue->n++]);
}

static void world_init(World *world, uint64_t seed) {
    world->model = fixture_model(model_text);
    world->random = seed;
    for (unsigned i = 0; i < N_SHARDS; i++) {
        Node *node = &world->nodes[i];
        *node = (Node){.world = world, .index = i};
        ck_assert_int_eq(shard_new(world->model, (OutputSink){note_output, world}, &node->leads), 0);
        ck_assert_int_eq(shard_new(world->model, (OutputSink){note_output, world}, &node->accounts), 0);
        ck_assert_int_eq(courier_new(world->model, node->leads, node->accounts, (MessageSink){enqueue, node}, &node->courier), 0);
    }
    for (unsigned i = 0; i < N_LEADS; i++)
        world->linked[i][i] = true;
}

static void world_done(World *world) {
    for (unsigned i = 0; i < N_SHARDS; i++) {
        courier_free(world->nodes[i].courier);
        shard_free(world->nodes[i].leads);
        shard_free(world->nodes[i].accounts);
        for (unsigned k = 0; k < N_SHARDS; k++)
            for (size_t m = 0; m < world->queues[i][k].n; m++)
                buffer_done(&world->queues[i][k].messages[m]);
    }
    model_free(world->model);
}

static World *world_new(uint64_t seed) {
    World *world = calloc(1, sizeof(*world));
    ck_assert_ptr_nonnull(world);
    world_init(world, seed);
    return world;
}

/* An event as the bytes that travel: its id, and behind a space the lead that its own is merged into, if any. */
static void apply(Node *node, Str lead_id, Str bytes) {
    const char *space = memchr(bytes.data, ' ', bytes.len);
    size_t id_len = space ? (size_t)(space - bytes.data) : bytes.len;
    Property into = {.name = STR_LITERAL("into")};
    LeadEvent event = {.event_id = {bytes.data, id_len}, .occurred_at_ms = 1000, .lead_id = lead_id, .type = STR_LITERAL("seen")};
    if (space) {
        into.value = (Value){.type = VALUE_STRING, .string = {space + 1, bytes.len - id_len - 1}};
        event.type = STR_LITERAL("lead_merged");
        event.properties = &into;
        event.n_properties = 1;
    }
    EventResult result;
    ck_assert_int_eq(shard_event(node->leads, &event, TIME_NONE, &result), 0);
    if (result.outcome != EVENT_ELSEWHERE) {
        ck_assert_int_eq(result.outcome, EVENT_APPLIED);
        return;
    }
    ShardMessage message = {.kind = MESSAGE_EVENT, .lead_id = result.lead_id, .topic = STR_LITERAL("t"), .bytes = bytes};
    ck_assert_int_eq(enqueue(node, &message), 0);
}

static void happen(World *world, const char *lead_id, const char *bytes) {
    apply(&world->nodes[home_of(str_from(lead_id))], str_from(lead_id), str_from(bytes));
}

/* The next message from one shard to another; false: there is none. */
static bool deliver(World *world, unsigned from, unsigned to) {
    Queue *queue = &world->queues[from][to];
    if (queue->first == queue->n)
        return false;
    const Buffer *bytes = &queue->messages[queue->first++];
    _cleanup_(arena_free) Arena *arena = NULL;
    ShardMessage message;
    ck_assert_int_eq(arena_new(&arena), 0);
    ck_assert_int_eq(shard_message_unpack((Str){(const char *)bytes->data, bytes->len}, arena, &message), 0);
    if (message.kind == MESSAGE_EVENT)
        apply(&world->nodes[to], message.lead_id, message.bytes);
    else
        ck_assert_int_eq(courier_apply(world->nodes[to].courier, &message), 0);
    return true;
}

static void deliver_all(World *world) {
    for (bool any = true; any;) {
        any = false;
        for (unsigned from = 0; from < N_SHARDS; from++)
            for (unsigned to = 0; to < N_SHARDS; to++)
                any |= deliver(world, from, to);
    }
}

static unsigned pick(World *world, unsigned n) {
    return (unsigned)random_below(&world->random, n);
}

/* NULL: nothing is known of the name. */
static const Lead *lead_at(const World *world, Str lead_id) {
    return lead_of(entity_table_get(shard_leads(world->nodes[home_of(lead_id)].leads), lead_id));
}

/* The lead that a name leads to. */
static const Lead *survivor_of(const World *world, Str lead_id) {
    const Lead *lead = lead_at(world, lead_id);
    for (unsigned i = 0; lead && lead->merged_into.data; i++) {
        ck_assert_uint_lt(i, N_LEADS); /* else they lead in a circle */
        lead = lead_at(world, lead->merged_into);
    }
    return lead;
}

static double points_of(const World *world, const Lead *lead) {
    return lead_score(lead, world->model, 0, lead->clock_ms);
}

static void link_leads(World *world, unsigned a, unsigned b) {
    for (unsigned i = 0; i < N_LEADS; i++)
        for (unsigned k = 0; k < N_LEADS; k++)
            if (world->linked[i][a] && world->linked[b][k])
                world->linked[i][k] = world->linked[k][i] = true;
}

START_TEST(shard_does_not_follow_leads_in_a_circle) {
    World *world = world_new(1);
    happen(world, "l0", "a");
    happen(world, "l3", "b"); /* in the same shard */
    happen(world, "l0", "c l3");
    happen(world, "l3", "d l0");
    happen(world, "l0", "e");
    happen(world, "l3", "f");
    deliver_all(world);
    ck_assert_uint_eq(world->ordinals[3], 1); /* LeadRetired */
    ck_assert_ptr_eq(survivor_of(world, STR_LITERAL("l3")), survivor_of(world, STR_LITERAL("l0")));
    ck_assert_double_eq(points_of(world, survivor_of(world, STR_LITERAL("l0"))), 4);
    world_done(world);
    free(world);
}
END_TEST

START_TEST(merged_leads_become_one_whatever_overtakes_what) {
    World *world = world_new((uint64_t)_i * 7919 + 1);
    unsigned n_given[N_LEADS] = {0};
    for (int n = 0; n < N_EVENTS; n++) {
        char lead_id[8], bytes[32];
        unsigned lead = pick(world, N_LEADS), into = pick(world, N_LEADS);
        bool merges = pick(world, 12) == 0;
        (void)snprintf(lead_id, sizeof(lead_id), "l%u", lead);
        (void)snprintf(bytes, sizeof(bytes), merges ? "e%d l%u" : "e%d", n, into);
        if (merges)
            link_leads(world, lead, into);
        else
            n_given[lead]++;
        happen(world, lead_id, bytes);
        for (unsigned k = pick(world, 4); k > 0; k--)
            (void)deliver(world, pick(world, N_SHARDS), pick(world, N_SHARDS));
    }
    deliver_all(world);
    for (unsigned i = 0; i < N_LEADS; i++) {
        char id[8];
        double n_all = 0;
        (void)snprintf(id, sizeof(id), "l%u", i);
        const Lead *lead = survivor_of(world, str_from(id));
        for (unsigned k = 0; k < N_LEADS; k++) {
            char other[8];
            (void)snprintf(other, sizeof(other), "l%u", k);
            n_all += world->linked[i][k] ? n_given[k] : 0;
            if (world->linked[i][k])
                ck_assert_msg(survivor_of(world, str_from(other)) == lead, "%s and %s are not one", id, other);
        }
        ck_assert_double_eq(lead ? points_of(world, lead) : 0, n_all);
    }
    world_done(world);
    free(world);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("shard merges");
    TCase *merges = tcase_create("merges");
    tcase_add_test(merges, shard_does_not_follow_leads_in_a_circle);
    tcase_add_loop_test(merges, merged_leads_become_one_whatever_overtakes_what, 0, 100);
    suite_add_tcase(suite, merges);
    return suite_run(suite);
}
