/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/check.h"

#include <inttypes.h>

#include "daemon/pipeline/model_history.h"
#include "daemon/view/view_queue.h"
#include "tests/sim/check_internal.h"
#include "tests/sim/view.h"

CheckFigures check_figures;

Partition *check_changelog(int32_t shard) {
    return adapter_partition(scenario.config.changelog_topic, shard);
}

/* It is asked for time and again, and kept in no more room than it takes. */
static const Footer *footer_of(int32_t shard, LogRecord *record) {
    Footer footer;
    if (record->footer)
        return record->footer;
    if (footer_parse(record->value, &footer) != 0)
        world_fail("a footer of shard %d cannot be read", (int)shard);
    Footer *copy = world_alloc(1, footer_size(&footer));
    memcpy(copy, &footer, footer_size(&footer));
    return record->footer = copy;
}

/* By shard: the latest footer that is known, and the end of what was looked through for it. */
typedef struct LastFooter {
    size_t end;
    int64_t offset; /* -1: none */
} LastFooter;

/* NULL: there is none yet. What is open may still be committed, so no more than what is decided is passed for good. */
const Footer *check_last_footer(int32_t shard) {
    static LastFooter *last;
    Partition *changelog = check_changelog(shard);
    if (!last) {
        last = world_alloc((size_t)scenario.n_shards, sizeof(*last));
        for (int32_t i = 0; i < scenario.n_shards; i++)
            last[i].offset = -1;
    }
    LastFooter *found = &last[shard];
    int64_t latest = -1;
    for (size_t i = changelog->n; i-- > found->end && latest < 0;)
        if (record_is_committed(&changelog->records[i]) && str_eq_c(changelog->records[i].key, FOOTER_KEY))
            latest = (int64_t)i;
    size_t end = (size_t)partition_stable_end(changelog);
    found->end = MAX(found->end, end);
    found->offset = MAX(found->offset, latest);
    return found->offset < 0 ? NULL : footer_of(shard, &changelog->records[found->offset]);
}

/* --- the view ---------------------------------------------------------------------------------------- */

/* Nothing gets there that is not committed, and nobody takes it back. */
static void on_moved(int32_t number, int64_t before_bno) {
    const ViewShard *shard = view_shard(number);
    const Footer *last = check_last_footer(number);
    if (shard->bno < before_bno)
        world_fail("the view of shard %d goes back from batch %" PRId64 " to %" PRId64, (int)number, before_bno, shard->bno);
    if (!last || last->bno < shard->bno)
        world_fail("the view of shard %d stands at batch %" PRId64 ", which is not committed", (int)number, shard->bno);
    if (strcmp(last->lineage, shard->lineage) != 0)
        world_fail("the view of shard %d is of another lineage", (int)number);
}

void check_begin(void) {
    view_watch(on_moved);
}

/* The latest value of each lead and account. */
typedef struct State {
    const LogRecord **records;
    size_t n, n_alloc;
} State;

static State last_state(int32_t shard) {
    const Partition *changelog = check_changelog(shard);
    State state = {0};
    for (size_t i = 0; i < changelog->n; i++) {
        const LogRecord *record = &changelog->records[i];
        if (!record_is_committed(record) || str_eq_c(record->key, FOOTER_KEY) || str_starts_with(record->key, CHANGELOG_MODEL_PREFIX))
            continue;
        size_t k = 0;
        while (k < state.n && !str_eq(state.records[k]->key, record->key))
            k++;
        if (k == state.n) {
            state.records = world_grow(state.records, &state.n_alloc, state.n, sizeof(*state.records));
            state.n++;
        }
        state.records[k] = record;
    }
    return state;
}

static bool is_field(const ViewWrite *write, const ViewField *field) {
    for (size_t i = 0; i < write->n_fields; i++)
        if (str_eq(write->fields[i].name, field->name))
            return str_eq(write->fields[i].value, field->value);
    return false;
}

/* What is readable is what follows from the record, whichever way it came there. */
static void compare_entry(int32_t shard, const ViewWrite *found, const ViewWrite *expected) {
    if (!str_eq(found->record, expected->record))
        world_fail("the view of shard %d has another record of %.*s", (int)shard, STR_FMT(expected->id));
    if (found->moment_ms != expected->moment_ms)
        world_fail("the view of shard %d has %.*s due at %" PRId64 ", not at %" PRId64, (int)shard, STR_FMT(expected->id),
                found->moment_ms, expected->moment_ms);
    for (size_t i = 0; i < expected->n_fields; i++)
        if (!is_field(found, &expected->fields[i]))
            world_fail("the view of shard %d has another field %.*s of %.*s", (int)shard, STR_FMT(expected->fields[i].name), STR_FMT(expected->id));
    for (size_t i = 0; i < expected->n_ranks; i++)
        if (found->n_ranks != expected->n_ranks || memcmp(&found->ranks[i].score, &expected->ranks[i].score, sizeof(double)) != 0)
            world_fail("the view of shard %d ranks %.*s otherwise", (int)shard, STR_FMT(expected->id));
}

static void check_view(int32_t number) {
    const ViewShard *shard = view_shard(number);
    const Model *model = scenario.model;
    State state = last_state(number);
    ModelHistory history = {0};
    size_t n = 0;
    for (size_t i = 0; i < state.n; i++) {
        ViewJob *job;
        Str id, value = state.records[i]->value;
        bool is_lead = changelog_take_prefix(state.records[i]->key, CHANGELOG_LEAD_PREFIX, &id);
        if (!is_lead && !changelog_take_prefix(state.records[i]->key, CHANGELOG_ACCOUNT_PREFIX, &id))
            world_fail("an unknown key in the changelog");
        const ViewEntry *entry = view_find(shard, is_lead ? ENTITY_LEAD : ENTITY_ACCOUNT, id);
        if ((entry != NULL) != (value.data != NULL))
            world_fail("the view of shard %d %s %.*s", (int)number, entry ? "still has" : "lacks", STR_FMT(state.records[i]->key));
        if (!entry)
            continue;
        if (view_job_new(true, &job) != 0 || (is_lead ? view_job_add_record(job, model, &history, id, value)
                                                : view_job_add_account_record(job, model, &history, id, value)) != 0)
            world_fail("the record of %.*s cannot be read", STR_FMT(id));
        compare_entry(number, &entry->write, view_job_writes(job));
        view_job_free(job);
        n++;
    }
    if (shard->n != n)
        world_fail("the view of shard %d has %zu leads and accounts, not %zu", (int)number, shard->n, n);
}

/* --- quiet ------------------------------------------------------------------------------------------- */

/* NULL: it is quiet; else what is missing. */
static const char *unrest_of(int32_t shard) {
    const Footer *last = broker_topic(scenario.config.changelog_topic) ? check_last_footer(shard) : NULL;
    if (!last)
        return "no batch";
    for (unsigned i = 0; i + 1 < scenario.inputs.n; i++) {
        int32_t number = inputs_partition(&scenario.inputs, i, shard);
        const char *topic = scenario.inputs.inputs[i].topic;
        if (number < 0)
            continue;
        const Partition *partition = adapter_partition(topic, number);
        const FooterInput *input = footer_input(last, shard, topic, number);
        int64_t offset = input ? MAX(input->offset, 0) : 0;
        if (partition_read(partition, &offset) || offset < (int64_t)partition->n)
            return "a source is not read to its end";
    }
    if (last->model_version != scenario.model->version || last->walk_end > 0)
        return "not all goes by the new model";
    if (last->watermark_ms < scenario.ends_at_ms)
        return "time does not go on";
    if (last->accounts_watermark_ms < scenario.ends_at_ms)
        return "the accounts' time does not go on";
    const ViewShard *view = view_shard(shard);
    if (!view->exists || view->mode != VIEW_LIVE || view->bno < last->bno || view->applying[0])
        return "the view is behind";
    return NULL;
}

bool check_is_quiet(void) {
    for (int32_t i = 0; i < scenario.n_shards; i++)
        if (unrest_of(i))
            return false;
    return true;
}

void check_tell_unrest(void) {
    for (int32_t i = 0; i < scenario.n_shards; i++)
        if (unrest_of(i))
            world_fail("shard %d does not come to rest: %s", (int)i, unrest_of(i));
}

/* --- the changelog ----------------------------------------------------------------------------------- */

static ShownShard show(int32_t number) {
    Partition *changelog = check_changelog(number);
    ShownShard shard = {0};
    int64_t n_records = 0, first = 0;
    for (size_t i = 0; i < changelog->n; i++) {
        LogRecord *record = &changelog->records[i];
        if (!record_is_committed(record))
            continue;
        if (!str_eq_c(record->key, FOOTER_KEY)) {
            n_records++;
            continue;
        }
        shard.batches = world_grow(shard.batches, &shard.n_alloc, shard.n, sizeof(ShownBatch));
        ShownBatch *batch = &shard.batches[shard.n++];
        *batch = (ShownBatch){.footer = footer_of(number, record), .offset = (int64_t)i, .first_offset = first, .record = record};
        if (batch->footer->bno != (int64_t)shard.n)
            world_fail("shard %d: batch %" PRId64 " where %zu is due", (int)number, batch->footer->bno, shard.n);
        if (batch->footer->n_records != n_records)
            world_fail("shard %d batch %zu: %" PRId64 " records, not %" PRId64, (int)number, shard.n, n_records, batch->footer->n_records);
        if (strcmp(batch->footer->lineage, shard.batches[0].footer->lineage) != 0)
            world_fail("shard %d has more than one lineage", (int)number);
        n_records = 0;
        first = (int64_t)i + 1;
    }
    if (n_records)
        world_fail("shard %d: %" PRId64 " records behind the last footer", (int)number, n_records);
    return shard;
}

/* How many records a reader sees from one offset on and before another. */
static int64_t count_records(const Partition *partition, int64_t from, int64_t to) {
    int64_t n = 0;
    while (partition_read(partition, &from) && from < to) {
        from++;
        n++;
    }
    return n;
}

static int64_t offset_of(const Footer *footer, int32_t shard, unsigned input, int32_t partition) {
    const FooterInput *found = footer_input(footer, shard, scenario.inputs.inputs[input].topic, partition);
    return found ? MAX(found->offset, 0) : 0;
}

/* Each input is read on from where the batch before ended; nothing goes back in time. */
static void check_chain(int32_t shard, const Footer *before, const Footer *footer) {
    int64_t n = 0;
    for (unsigned i = 0; i < scenario.inputs.n; i++) {
        int32_t number = inputs_partition(&scenario.inputs, i, shard);
        if (number < 0)
            continue;
        int64_t from = before ? offset_of(before, shard, i, number) : 0, to = offset_of(footer, shard, i, number);
        if (to < from)
            world_fail("shard %d batch %" PRId64 ": %s goes back from %" PRId64 " to %" PRId64, (int)shard, footer->bno,
                    scenario.inputs.inputs[i].topic, from, to);
        n += count_records(adapter_partition(scenario.inputs.inputs[i].topic, number), from, to);
    }
    if (n != footer->n_events)
        world_fail("shard %d batch %" PRId64 " counts %" PRId64 " records where the topics hold %" PRId64, (int)shard, footer->bno, footer->n_events, n);
    if (footer->watermark_ms < footer->begun_watermark_ms || (before && (footer->begun_watermark_ms < before->watermark_ms ||
                                                                        footer->accounts_watermark_ms < before->accounts_watermark_ms)))
        world_fail("shard %d batch %" PRId64 ": time goes back", (int)shard, footer->bno);
    if (footer->taken_bno < 0 || footer->taken_bno >= footer->bno)
        world_fail("shard %d batch %" PRId64 " is of an owner since batch %" PRId64, (int)shard, footer->bno, footer->taken_bno);
    check_figures.events += (uint64_t)n;
}

void check_end(void) {
    ShownShard *shards = world_alloc((size_t)scenario.n_shards, sizeof(*shards));
    check_tell_unrest();
    for (int32_t i = 0; i < scenario.n_shards; i++) {
        shards[i] = show(i);
        for (size_t k = 0; k < shards[i].n; k++)
            check_chain(i, k ? shards[i].batches[k - 1].footer : NULL, shards[i].batches[k].footer);
        check_figures.batches += shards[i].n;
    }
    check_batches(shards);
    check_order();
    check_outputs();
    for (int32_t i = 0; i < scenario.n_shards; i++)
        check_view(i);
}
