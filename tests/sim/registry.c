/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/registry.h"

#include "tests/sim/scenario.h"

/* Once a schedule's faults have ended it answers within this. */
#define ANSWER_MS_MAX 20

bool registry_is_simulated;

typedef struct Told {
    bool is_asked;
    int64_t at_ms;
} Told;

typedef struct SimRegistry {
    Registry registry;
    Registry *files;
    Told told[SIM_SCHEMAS];
} SimRegistry;

uint32_t registry_draw_id(void) {
    return SIM_SCHEMA_ID + (registry_is_simulated ? (uint32_t)chance_between(&world.registry_chance, 0, SIM_SCHEMAS - 1) : 0);
}

static int64_t draw_answer_ms(void) {
    bool is_away = world.now_ms < scenario.ends_at_ms && chance_percent(&world.registry_chance, 15);
    return is_away ? chance_between(&world.registry_chance, 0, 8000) : chance_between(&world.registry_chance, 0, ANSWER_MS_MAX);
}

/* NULL: files know all of it. */
static Told *find(SimRegistry *self, const SchemaId *id) {
    uint32_t number = schema_id_number(id);
    return !id->is_guid && number >= SIM_SCHEMA_ID && number < SIM_SCHEMA_ID + SIM_SCHEMAS ? &self->told[number - SIM_SCHEMA_ID] : NULL;
}

static int sim_settled(Registry *registry, const SchemaId *id) {
    Told *told = find((SimRegistry *)registry, id);
    if (!told)
        return 1;
    if (!told->is_asked)
        *told = (Told){.is_asked = true, .at_ms = world.now_ms + draw_answer_ms()};
    return world.now_ms >= told->at_ms;
}

static int sim_plan(Registry *registry, const SchemaId *id, const AvroPlan **ret, const char **ret_text) {
    SimRegistry *self = (SimRegistry *)registry;
    const Told *told = find(self, id);
    if (told && (!told->is_asked || world.now_ms < told->at_ms))
        world_fail("an event is read before its schema is known");
    return registry_plan(self->files, id, ret, ret_text);
}

static bool sim_refresh(Registry *registry, int64_t now_ms) {
    SimRegistry *self = (SimRegistry *)registry;
    bool forgets = world.now_ms < scenario.ends_at_ms && chance_percent(&world.registry_chance, 1);
    (void)now_ms;
    if (forgets)
        self->told[chance_between(&world.registry_chance, 0, SIM_SCHEMAS - 1)].is_asked = false;
    return forgets;
}

static const RegistryOutput *sim_outputs(Registry *registry) {
    return registry_outputs(((SimRegistry *)registry)->files);
}

static const RegistryOps ops = {.plan = sim_plan, .settled = sim_settled, .refresh = sim_refresh, .outputs = sim_outputs};

Registry *registry_of_process(Registry *files) {
    if (!registry_is_simulated)
        return files;
    SimRegistry *self = world_alloc(1, sizeof(*self));
    self->registry.ops = &ops;
    self->files = files;
    return &self->registry;
}
