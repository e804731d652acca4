#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Order of Sources
 *
 * Each source is a log of its own, and what one of them brings may depend on what another has brought before: a call that comes out of
 * its topic before the form that it answers would answer nothing, and the form be followed by a breach. So a shard takes the records of
 * its sources in order of occurred_at, those of one source as they stand there: of each source's next record the earliest. While a source
 * has none at hand, it may still bring an earlier one; the others wait until it has, or was asked for its end after their record was
 * polled, and is read up to there (source_progress.h). Kafka Streams chooses among a task's partitions in the same way (KIP-695).
 *
 * Routed sources and the internal topic do not take part: what they bring has been through another shard, and has no place in this order. Pure.
 */
#include "daemon/base/inputs.h"
#include "daemon/io/registry/registry.h"
#include "daemon/pipeline/source_progress.h"

/* A record as polled. */
typedef struct Record {
    int32_t shard;
    unsigned input;
    int64_t offset;
    int64_t timestamp_ms;   /* -1: none */
    bool is_append_time;    /* the broker's */
    int64_t occurred_at_ms; /* TIME_NONE: it is no event, or there is no order to keep */
    int64_t polled_ms;      /* monotonic */
    uint64_t asked_no;      /* number of the last question for ends before it was polled */
    bool lacks_schema; /* the registry is being asked for its schema: until it is known, nothing of the input behind it can be taken */
    Str key, value;
} Record;

/* Are there several sources to be kept in order? If not, a batch takes one input after the other. */
static inline bool source_order_matters(const Inputs *inputs) {
    return inputs->n_paired > 1;
}
bool source_order_has(const Inputs *inputs, unsigned input);
/* By what a source's record is put in order: its occurred_at, TIME_NONE if it does not decode. */
int64_t source_order_time(Registry *registry, AvroEventDecoder *decoder, Str value);

/* What holds records back; and at which it ended. */
typedef struct OrderGate {
    const SourceProgress *sources; /* by their numbers */
    int64_t waited_ms;             /* what was polled before has waited long enough */
    const Record *waiting;         /* NULL: nothing waits */
    unsigned awaited;              /* input that it waits for */
    unsigned given_up;             /* input that was awaited for too long; INPUTS_MAX: none */
} OrderGate;

/*
 * Puts a shard's records, which are sorted by input and offset, in the order in which a batch takes them, into `ret`. How many may be taken;
 * behind them, by input and offset, stand those that have to wait. Without a gate, only those do that lack their schema, with all that is
 * behind them in their inputs.
 */
size_t source_order_merge(const Inputs *inputs, const Record *sorted, size_t n, OrderGate *gate, Record *ret);
