/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/clock.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/round_internal.h"

/* Do the records of each input come in the order of their offsets? */
static bool offsets_rise(const Record *records, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (records[i].shard == records[i - 1].shard && records[i].input == records[i - 1].input && records[i].offset <= records[i - 1].offset)
            return false;
    return true;
}

/*
 * By shard, then source as configured. Each source's own are there in the order of their offsets and stay so: they were polled in it, and what
 * was left over stands before them.
 */
static int sort_records(Round *round) {
    const Pipeline *p = round->pipeline;
    size_t n_inputs = p->inputs.n, n_runs = (size_t)p->n_shards * n_inputs;
    _cleanup_(free_null) size_t *begins = calloc(n_runs + 1, sizeof(*begins));
    if (!begins)
        return -ENOMEM;
    for (size_t i = 0; i < round->n_records; i++)
        begins[(size_t)round->records[i].shard * n_inputs + round->records[i].input + 1]++;
    for (size_t i = 0; i < n_runs; i++)
        begins[i + 1] += begins[i];
    for (size_t i = 0; i < round->n_records; i++) {
        const Record *record = &round->records[i];
        round->sorted[begins[(size_t)record->shard * n_inputs + record->input]++] = *record;
    }
    Record *sorted = round->sorted;
    size_t n_alloc = round->n_sorted_alloc;
    round->sorted = round->records;
    round->n_sorted_alloc = round->n_alloc;
    round->records = sorted;
    round->n_alloc = n_alloc;
    assert(offsets_rise(round->records, round->n_records));
    return 0;
}

/* So much of an input may wait for the other sources; more is not fetched until half of it has gone. */
#define WAITING_RECORDS_MAX 10000
#define WAITING_BYTES_MAX (4u << 20)

static int put_on_hold(LiveShard *shard, unsigned input, const Record *waiting, size_t n) {
    const Pipeline *p = shard->pipeline;
    char text[KAFKA_TEXT_SIZE];
    size_t n_bytes = 0, half = shard->is_on_hold[input] ? 2 : 1;
    for (size_t i = 0; i < n; i++)
        n_bytes += waiting[i].key.len + waiting[i].value.len;
    bool hold = n >= WAITING_RECORDS_MAX / half || n_bytes >= WAITING_BYTES_MAX / half;
    if (hold == shard->is_on_hold[input])
        return 0;
    shard->is_on_hold[input] = hold;
    int r = kafka_source_hold(p->source, shard->id, input, hold, text);
    if (r > 0)
        log_error("source.hold", LOG_INT("shard", shard->id), LOG_STR("topic", p->inputs.inputs[input].topic), LOG_STR("error", text));
    return r > 0 ? PIPELINE_E_RESTART : r;
}

/* What waits stands by input and offset; of an input first what waits for order, then what lacks a schema. */
static int note_waiting(LiveShard *shard, const Record *waiting, size_t n) {
    const Inputs *inputs = &shard->pipeline->inputs;
    size_t at = 0;
    int r = 0;
    for (unsigned i = 0; i < inputs->n && r == 0; i++) {
        size_t begin = at;
        const Record *lacking = NULL;
        for (; at < n && waiting[at].input == i; at++)
            if (!lacking && waiting[at].lacks_schema)
                lacking = &waiting[at];
        if (inputs_partition(inputs, i, shard->id) < 0)
            continue;
        SourceProgress *progress = live_shard_progress(shard, i); /* the internal topic has none */
        if (progress)
            progress->is_held = at > begin;
        if (progress && progress->is_held)
            progress->held_from = waiting[begin].offset;
        round_note_schema_wait(shard, i, lacking);
        r = put_on_hold(shard, i, at > begin ? &waiting[begin] : NULL, at - begin);
    }
    return r;
}

static void tell_given_up(const LiveShard *shard, unsigned input) {
    telemetry_order_given_up(shard->pipeline->telemetry, shard->pipeline->inputs.inputs[input].topic);
    log_warning_burst(5, "order.given_up", LOG_INT("shard", shard->id), LOG_STR("without", shard->pipeline->inputs.inputs[input].topic),
            LOG_INT("after_ms", shard->pipeline->config->batch_order_wait_ms));
}

static int order_shard(Round *round, LiveShard *shard, Record *records, size_t n) {
    Pipeline *p = round->pipeline;
    OrderGate gate = {.sources = shard->sources, .waited_ms = clock_monotonic_ms() - p->config->batch_order_wait_ms};
    if (!source_order_matters(&p->inputs) && !registry_asks(p->registry))
        return 0;
    if (n)
        memcpy(round->sorted, records, n * sizeof(*records));
    size_t n_ready = source_order_merge(&p->inputs, round->sorted, n, &gate, records);
    shard->n_waiting = n - n_ready;
    shard->waits_for_order = gate.waiting != NULL;
    shard->waiting_asked_no = gate.waiting ? gate.waiting->asked_no : 0;
    round->n_waiting += shard->n_waiting;
    round->waits_for_order |= shard->waits_for_order;
    if (gate.given_up < INPUTS_MAX)
        tell_given_up(shard, gate.given_up);
    return note_waiting(shard, n > n_ready ? &records[n_ready] : NULL, n - n_ready);
}

int round_order(Round *round) {
    const Pipeline *p = round->pipeline;
    size_t at = 0;
    int r = round_look_at_schemas(round, false);
    if (r == 0 && round->n_records)
        r = sort_records(round);
    round->n_waiting = 0;
    round->waits_for_order = false;
    for (int32_t i = 0; i < p->n_shards && r == 0; i++) {
        size_t begin = at;
        while (at < round->n_records && round->records[at].shard == i)
            at++;
        if (p->shards[i])
            r = order_shard(round, p->shards[i], at > begin ? &round->records[begin] : NULL, at - begin);
    }
    round->is_in_order = r == 0;
    return r;
}
