/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scenario.h"

#include "tests/sim/broker.h"
#include "tests/sim/view.h"

#define SHARDS_MAX_SIM 4
#define DURATION_MS_MAX 30000
#define SHORT_MS_MAX 7000

Scenario scenario;
uint64_t fault_counts[_FAULT_KIND_MAX];

static int64_t one_of(const int64_t *values, size_t n) {
    return values[chance_between(&world.chance, 0, (int64_t)n - 1)];
}
#define ONE_OF(...) one_of((const int64_t[]){__VA_ARGS__}, ARRAY_SIZE(((const int64_t[]){__VA_ARGS__})))

/* The first source is always there, one of the others may be missing, or both. */
static void draw_sources(const Config *all) {
    Config *config = &scenario.config;
    config->n_sources = 0;
    for (size_t i = 0; i < all->n_sources; i++) {
        if (i > 0 && chance_percent(&world.chance, 45))
            continue;
        bool is_routed = all->is_routed[i];
        scenario.n_partitions[config->n_sources] = is_routed ? (int32_t)chance_between(&world.chance, 1, scenario.n_shards + 2) : scenario.n_shards;
        config->sources[config->n_sources] = all->sources[i];
        config->is_routed[config->n_sources++] = is_routed;
    }
}

/* Small figures bring about what large ones seldom do. */
static void draw_config(void) {
    Config *config = &scenario.config;
    config->batch_max_events = ONE_OF(1, 3, 20, 10000);
    config->batch_max_moments = ONE_OF(1, 2, 5, 5000);
    config->batch_max_ms = ONE_OF(1, 20, 100);
    config->view_max_pending = ONE_OF(1, 2, 8);
    config->view_max_bytes = ONE_OF(1, 1 << 14, 1 << 25);
    config->view_max_delay_ms = config->view_max_pending * 100;
    config->cache_max_bytes = ONE_OF(1, 8192, 1 << 28);
    config->moments_near_max = ONE_OF(1, 100000);
}

static void draw_faults(void) {
    for (int kind = 0; kind < _FAULT_KIND_MAX; kind++)
        scenario.has_fault[kind] = chance_percent(&world.chance, 40);
    /* What a walk comes by could not be told from the footers any more. */
    if (scenario.has_fault[FAULT_MODEL])
        scenario.has_fault[FAULT_COMPACT] = false;
    scenario.faults_each_ms = chance_percent(&world.chance, 10) ? 2 * DURATION_MS_MAX : ONE_OF(500, 1500, 3000, 6000);
}

/* Mostly so long that a fault or some come together; sometimes longer than sessions, transactions and late requests last. */
static int64_t draw_duration_ms(void) {
    bool is_short = chance_percent(&world.chance, 75);
    return is_short ? chance_between(&world.chance, 2000, SHORT_MS_MAX) : chance_between(&world.chance, SHORT_MS_MAX, DURATION_MS_MAX);
}

/* Mostly what is behind comes before the waiting ends. */
static void draw_order(void) {
    static const int64_t waits_ms[] = {0, 200};
    scenario.config.batch_order_wait_ms = 10 * DURATION_MS_MAX;
    scenario.is_order_awaited = chance_percent(&world.clock_chance, 80);
    if (!scenario.is_order_awaited)
        scenario.config.batch_order_wait_ms = waits_ms[chance_between(&world.clock_chance, 0, ARRAY_SIZE(waits_ms) - 1)];
}

static void draw_clocks(void) {
    static const int64_t differ_ms[] = {50, 500, 3000};
    if (chance_percent(&world.clock_chance, 25))
        world.clocks_differ_ms = differ_ms[chance_between(&world.clock_chance, 0, ARRAY_SIZE(differ_ms) - 1)];
}

static void make_topics(void) {
    Config *config = &scenario.config;
    for (size_t i = 0; i < config->n_sources; i++)
        (void)broker_create_topic(config->sources[i], scenario.n_partitions[i], false);
    /* The others are there already, or the first process makes them. */
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++)
        scenario.is_compacted[i] = chance_percent(&world.chance, 30);
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        if (scenario.is_compacted[i] || chance_percent(&world.chance, 50))
            (void)broker_create_topic(config->output_topics[i], (int32_t)ONE_OF(1, scenario.n_shards), scenario.is_compacted[i]);
    }
}

void scenario_make(const Setting *setting) {
    scenario.setting = *setting;
    scenario.config = *setting->config;
    scenario.model = setting->models[0];
    scenario.n_shards = (int32_t)chance_between(&world.chance, 1, SHARDS_MAX_SIM);
    scenario.n_processes = (unsigned)chance_between(&world.chance, 1, 3);
    scenario.ends_at_ms = world.now_ms + draw_duration_ms();
    draw_sources(setting->config);
    draw_config();
    /* One event a transaction, and no more events than that: what piles up is to be done in the end. */
    scenario.events_each_ms = scenario.config.batch_max_events == 1 ? 500 : ONE_OF(100, 300, 600);
    draw_faults();
    draw_clocks();
    draw_order();
    make_topics();
    if (!inputs_make(&scenario.config, scenario.n_partitions, scenario.n_shards, &scenario.inputs))
        world_fail("too many inputs");
    view_init(scenario.n_shards, (size_t)ONE_OF(1, 4, 250));
    world_trace("-- %d shards, %zu sources, %u processes, batches of %lld events and %lld moments", (int)scenario.n_shards,
            scenario.config.n_sources, scenario.n_processes, (long long)scenario.config.batch_max_events,
            (long long)scenario.config.batch_max_moments);
}
