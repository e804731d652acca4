/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine alone: decoded events in, outputs counted, all records in memory. Prints one JSON object a line: CPU nanoseconds an event,
 * as median, least and greatest over chunks of the log, and what a lead takes.
 */
#include <stdio.h>
#include <time.h>

#include "lib/base/arena.h"
#include "lib/record/record.h"
#include "lib/shard/entity_window.h"
#include "lib/shard/shard.h"
#include "tests/bench/options.h"
#include "tests/bench/workload.h"

#define CHUNK_EVENTS_MAX 100000
#define CHUNKS 10
#define LEADS_MAX 100000000
#define BATCH_EVENTS 10000 /* after so many, what has changed counts as written */
#define MINUTE_MS INT64_C(60000)

typedef struct Bench {
    Model *model;
    Shard *shard;
    Arena *arena; /* of the chunk's strings */
    LeadEvent events[CHUNK_EVENTS_MAX];
    size_t n_events;
    size_t chunk_events;
    uint64_t n_outputs;
    Buffer packed;
    uint64_t n_records, records_bytes; /* packed */
    double pack_ns;                    /* of packing them */
} Bench;

static int64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void check(int r, const char *what) {
    if (r != 0)
        fail("%s: %d", what, r);
}

static int count_output(void *userdata, const Output *output) {
    (void)output;
    ((Bench *)userdata)->n_outputs++;
    return 0;
}

/* What is measured is CHUNKS chunks of so many events. */
static Bench *bench_new(const char *model_text, size_t chunk_events) {
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    Bench *bench = calloc(1, sizeof(*bench));
    if (!bench)
        fail("out of memory");
    check(model_load(str_from(model_text), NULL, &diagnostics, &bench->model), "model");
    if (!bench->model)
        fail("%s", diagnostics_render(&diagnostics, "model", str_from(model_text)));
    diagnostics_done(&diagnostics);
    bench->chunk_events = chunk_events;
    check(arena_new(&bench->arena), "arena");
    check(shard_new(bench->model, (OutputSink){.output = count_output, .userdata = bench}, &bench->shard), "shard");
    return bench;
}

static void bench_free(Bench *bench) {
    shard_free(bench->shard);
    model_free(bench->model);
    arena_free(bench->arena);
    buffer_done(&bench->packed);
    free(bench);
}

/* --- events in memory -------------------------------------------------------------------------------- */

static Value keep_value(Arena *arena, Value value) {
    return value.type == VALUE_STRING ? value_string(arena_str(arena, value.string)) : value;
}

/* Adds a copy to the chunk. */
static void hold(Bench *bench, const LeadEvent *event) {
    Arena *arena = bench->arena;
    LeadEvent kept = *event;
    Property *properties = arena_new_array(arena, Property, event->n_properties + 1);
    Str *const texts[] = {&kept.event_id, &kept.lead_id, &kept.account_id, &kept.type, &kept.source, &kept.campaign, &kept.topic};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        *texts[i] = arena_str(arena, *texts[i]);
    for (size_t i = 0; i < event->n_properties; i++)
        properties[i] = (Property){arena_str(arena, event->properties[i].name), keep_value(arena, event->properties[i].value)};
    kept.properties = properties;
    assert(bench->n_events < CHUNK_EVENTS_MAX);
    bench->events[bench->n_events++] = kept;
}

static void drop_events(Bench *bench) {
    bench->n_events = 0;
    arena_reset(bench->arena);
}

/* --- running them ------------------------------------------------------------------------------------ */

static void pack_changed(Bench *bench) {
    int64_t begin_ns = cpu_ns();
    bench->packed.len = 0;
    ChangedWalk walk = changed_walk(shard_leads(bench->shard));
    for (Entity *entity; (entity = changed_walk_next(&walk));) {
        check(record_pack(lead_of(entity), bench->model, &bench->packed), "pack");
        bench->n_records++;
    }
    bench->records_bytes += bench->packed.len;
    bench->pack_ns += (double)(cpu_ns() - begin_ns);
}

/* Nanoseconds an event, without packing. */
static double run_chunk(Bench *bench) {
    double ns = 0;
    for (size_t at = 0; at < bench->n_events; at += BATCH_EVENTS) {
        int64_t begin_ns = cpu_ns();
        EventResult result;
        EntityWindow window = entity_window(shard_leads(bench->shard));
        size_t end = MIN(at + BATCH_EVENTS, bench->n_events);
        for (size_t i = at, told = at; i < end; i++) {
            while (told < MIN(i + ENTITY_WINDOW_AHEAD, end))
                entity_window_tell(&window, bench->events[told++].lead_id);
            check(shard_event(bench->shard, &bench->events[i], bench->events[i].occurred_at_ms, &result), "event");
        }
        ns += (double)(cpu_ns() - begin_ns);
        pack_changed(bench);
        begin_ns = cpu_ns();
        shard_clean(bench->shard);
        ns += (double)(cpu_ns() - begin_ns);
    }
    return ns / (double)MAX(bench->n_events, 1);
}

static int compare_doubles(const void *x, const void *y) {
    const double *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* What is told of one case after its name and its size. */
static void report(Bench *bench, double chunks[static CHUNKS], uint64_t n_outputs) {
    size_t n_leads = entity_table_count(shard_leads(bench->shard));
    qsort(chunks, CHUNKS, sizeof(*chunks), compare_doubles);
    printf(", \"ns_per_event\": %.1f, \"ns_min\": %.1f, \"ns_max\": %.1f, \"pack_ns_per_event\": %.1f, \"record_bytes\": %.1f, "
           "\"outputs_per_event\": %.4f, \"leads_in_memory\": %zu, \"bytes_per_lead\": %.0f}\n",
            chunks[CHUNKS / 2], chunks[0], chunks[CHUNKS - 1], bench->pack_ns / (double)(CHUNKS * bench->chunk_events),
            (double)bench->records_bytes / (double)MAX(bench->n_records, 1), (double)n_outputs / (double)(CHUNKS * bench->chunk_events), n_leads,
            (double)entity_table_memory(shard_leads(bench->shard)) / (double)MAX(n_leads, 1));
    (void)fflush(stdout);
}

typedef void (*Change)(LeadEvent *event, size_t size);

/* Events of a workload, changed before they are held; the first `n_before` are not measured. */
static void measure(Bench *bench, const WorkloadOptions *options, size_t n_before, Change change, size_t size) {
    Workload *workload;
    double chunks[CHUNKS];
    uint64_t n_outputs = 0;
    check(workload_new(options, &workload), "workload");
    LeadEvent event;
    for (size_t n = 0, n_chunks = 0; workload_next(workload, &event);) {
        if (change)
            change(&event, size);
        hold(bench, &event);
        n++;
        size_t n_wanted = n <= n_before ? CHUNK_EVENTS_MAX : bench->chunk_events;
        if (bench->n_events < n_wanted && n != n_before && n != options->n_events)
            continue;
        double ns = run_chunk(bench);
        drop_events(bench);
        if (n > n_before)
            chunks[n_chunks++] = ns;
        else
            bench->pack_ns = 0, bench->n_records = bench->records_bytes = 0, n_outputs = bench->n_outputs;
    }
    workload_free(workload);
    report(bench, chunks, bench->n_outputs - n_outputs);
}

static WorkloadOptions options_for(const Bench *bench, uint32_t n_leads, double exponent, size_t n_before, int64_t span_ms) {
    return (WorkloadOptions){.seed = 1, .n_events = n_before + CHUNKS * bench->chunk_events, .n_leads = n_leads, .exponent = exponent,
            .each_first = n_before > 0, .from_ms = WORKLOAD_FROM_MS, .span_ms = span_ms};
}

/* --- cases ------------------------------------------------------------------------------------------- */

static void measure_leads(const char *model_text, size_t chunk_events, uint32_t n_leads) {
    Bench *bench = bench_new(model_text, chunk_events);
    WorkloadOptions options = options_for(bench, n_leads, 1, n_leads, WORKLOAD_SPAN_MS);
    printf("{\"case\": \"leads\", \"size\": %u", n_leads);
    measure(bench, &options, n_leads, NULL, 0);
    bench_free(bench);
}

/* Rules beside the first two that look at page views and never hold. */
static void measure_rules(size_t chunk_events, size_t n_rules) {
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        fail("out of memory");
    fprintf(file, "model: rules\nversion: 1\nscores: { interest: { decay: { half_life: 7d } } }\nrules:\n"
                  "  - { id: view, on: [page_view], add: { interest: 1 } }\n"
                  "  - { id: email, on: [email_clicked], add: { interest: 3 } }\n");
    for (size_t i = 2; i < n_rules; i++)
        fprintf(file, "  - { id: rule-%zu, on: [page_view], when: 'event.url like \"*/section-%zu/*\"', add: { interest: 2 } }\n", i, i);
    (void)fclose(file);
    Bench *bench = bench_new(text, chunk_events);
    WorkloadOptions options = options_for(bench, 10000, 1, 10000, WORKLOAD_SPAN_MS);
    printf("{\"case\": \"rules\", \"size\": %zu", n_rules);
    measure(bench, &options, 10000, NULL, 0);
    bench_free(bench);
    free(text);
}

/* Brings each lead to a stage from which time leads away, or past it. */
static void prepare_moments(Bench *bench, size_t n_leads, bool is_pending) {
    static const char *const types[] = {"demo_requested", "trial_started", "sales_touch", "sales_accepted"};
    for (size_t step = 0; step < (is_pending ? 3 : 4); step++)
        for (size_t i = 0; i < n_leads; i++) {
            char event_id[48], lead_id[48];
            (void)snprintf(event_id, sizeof(event_id), "%zu.%zu", step, i);
            (void)snprintf(lead_id, sizeof(lead_id), "lead-%08zu", i);
            LeadEvent event = {.event_id = str_from(event_id), .lead_id = str_from(lead_id), .type = str_from(types[step]),
                    .occurred_at_ms = WORKLOAD_FROM_MS - (int64_t)(4 - step) * MINUTE_MS};
            hold(bench, &event);
            if (bench->n_events == CHUNK_EVENTS_MAX || i + 1 == n_leads) {
                (void)run_chunk(bench);
                drop_events(bench);
            }
        }
    bench->pack_ns = 0, bench->n_records = bench->records_bytes = 0;
}

/* A little interest only, so that no lead is moved. */
static void make_email(LeadEvent *event, size_t size) {
    (void)size;
    event->type = STR_LITERAL("email_opened");
}

/* The same leads and events, with a moment pending for each of them and with none. */
static void measure_moments(const char *model_text, size_t chunk_events, uint32_t n_leads, bool is_pending) {
    Bench *bench = bench_new(model_text, chunk_events);
    prepare_moments(bench, n_leads, is_pending);
    WorkloadOptions options = options_for(bench, n_leads, 0, 0, 60 * MINUTE_MS);
    printf("{\"case\": \"%s\", \"size\": %u", is_pending ? "pending moments" : "no moments", n_leads);
    measure(bench, &options, 0, make_email, 0);
    bench_free(bench);
}

/* All accounts have so many members. */
static void assign_account(LeadEvent *event, size_t n_members) {
    static char account_id[32];
    size_t lead = strtoul(event->lead_id.data + strlen("lead-"), NULL, 10);
    (void)snprintf(account_id, sizeof(account_id), "acct-%zu", lead / n_members);
    event->account_id = str_from(account_id);
}

static void measure_members(size_t chunk_events, size_t n_members) {
    static const char text[] =
            "model: members\nversion: 1\nscores: { interest: { decay: { half_life: 7d } } }\n"
            "rules: [ { id: any, on: [page_view, email_opened, email_clicked, feature_used], add: { interest: 1 } } ]\n"
            "accounts:\n"
            "  scores: { interest: { from: interest, decay: { half_life: 14d }, per_lead_max: 40, max: 300 } }\n"
            "  committee: { window: 30d, on: [page_view, feature_used] }\n"
            "  tracks:\n"
            "    buying:\n"
            "      initial: quiet\n"
            "      stages: [ { id: quiet }, { id: in_market } ]\n"
            "      transitions:\n"
            "        - { id: wake, from: [quiet], to: in_market, when: 'interest >= 60 and committee >= 3' }\n"
            "        - { id: sleep, from: [in_market], to: quiet, when: 'interest < 20' }\n";
    Bench *bench = bench_new(text, chunk_events);
    WorkloadOptions options = options_for(bench, 50000, 0, 50000, WORKLOAD_SPAN_MS);
    printf("{\"case\": \"members\", \"size\": %zu", n_members);
    measure(bench, &options, 50000, assign_account, n_members);
    bench_free(bench);
}

static char *read_file(const char *path) {
    char *text = NULL;
    size_t n_alloc = 0;
    FILE *file = fopen(path, "re");
    if (!file || getdelim(&text, &n_alloc, 0, file) < 0)
        fail("%s: %s", path, strerror(errno));
    (void)fclose(file);
    return text;
}

static void measure_growth(const char *model_text, size_t chunk_events, uint32_t n_leads_max) {
    for (size_t n = 20; n <= 1280; n *= 4)
        measure_rules(chunk_events, n);
    for (uint32_t n = 10000; n <= n_leads_max; n *= 10)
        for (int pending = 0; pending < 2; pending++)
            measure_moments(model_text, chunk_events, n, pending);
    for (size_t n = 1; n <= 4096; n *= 8)
        measure_members(chunk_events, n);
}

int main(int argc, char **argv) {
    const char *model = NULL;
    bool growth = false;
    double events = CHUNKS * CHUNK_EVENTS_MAX, leads = 0, leads_max = 1000000;
    const Option options[] = {{"model", .text = &model}, {"growth", .flag = &growth}, {"events", .number = &events},
            {"leads", .number = &leads}, {"leads-max", .number = &leads_max}};
    options_read(argc, argv, options, ARRAY_SIZE(options));
    if (events < CHUNKS || events > CHUNKS * CHUNK_EVENTS_MAX)
        fail("--events %g: expected %d to %d", events, CHUNKS, CHUNKS * CHUNK_EVENTS_MAX);
    if (leads_max < 0 || leads_max > LEADS_MAX)
        fail("--leads-max %g: expected at most %d", leads_max, LEADS_MAX);
    size_t chunk_events = (size_t)events / CHUNKS;
    char *text = read_file(model);
    if (leads > 0)
        measure_leads(text, chunk_events, (uint32_t)leads);
    for (uint32_t n = growth ? 10000 : 100000; leads <= 0 && n <= (uint32_t)leads_max; n *= 10)
        measure_leads(text, chunk_events, n);
    if (growth)
        measure_growth(text, chunk_events, (uint32_t)leads_max);
    free(text);
    return 0;
}
