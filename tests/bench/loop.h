#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain Loops
 *
 * What the benchmark's two loops have in common: a group member that reads a topic from its beginning to its end, in batches, and
 * decodes each event by the project's own plan.
 */
#include <librdkafka/rdkafka.h>

#include "daemon/io/registry/registry.h"

typedef struct LoopOptions {
    const char *bootstrap, *topic, *group, *schemas; /* the folder of *.avsc */
    double schema_id, batch_max_events;
} LoopOptions;

typedef struct Loop {
    LoopOptions options;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;
    Registry *registry;
    AvroEventDecoder *decoder;
    rd_kafka_message_t **messages; /* of the batch */
    bool *at_end;                  /* by partition */
    int32_t n_partitions;
    uint64_t n_events;
    uint64_t checksum; /* of what was decoded, so that decoding is not for nothing */
} Loop;

/* These end the program if anything is wrong. */
void loop_open(Loop *loop, const LoopOptions *options);
void loop_close(Loop *loop);
/* A client property. */
void loop_set(rd_kafka_conf_t *conf, const char *name, const char *value);
/*
 * The next batch into loop->messages, to be freed by loop_release(); 0 at the end. What carries no event is left out. Says
 * "ready" when the first one is there.
 */
size_t loop_read(Loop *loop);
void loop_release(Loop *loop, size_t n);
/* Decodes a message; the event is valid until the next call. */
LeadEvent loop_decode(Loop *loop, const rd_kafka_message_t *message);
/* One line of JSON: how much was done. */
void loop_report(const Loop *loop, uint64_t n_records, uint64_t n_transactions);
