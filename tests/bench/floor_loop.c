/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what any program of this guarantee must do. Reads and decodes a topic, and for each batch writes, in one transaction with
 * the offsets, one record of a state's size for each lead that is in it. No engine, no view.
 */
#include <stdio.h>

#include "lib/base/siphash.h"
#include "tests/bench/loop.h"
#include "tests/bench/options.h"

#define INIT_TIMEOUT_MS 30000
#define STEP_TIMEOUT_MS 10000
/* Where a record's bytes are taken from: random ones, since a state is mostly ids. */
#define NOISE_SIZE 65536

typedef struct Slot {
    uint64_t batch; /* that the slot was last used in */
    uint64_t hash;
} Slot;

typedef struct Floor {
    Loop loop;
    const char *output;
    double state_bytes;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    Slot *slots; /* the leads of the batch, by hash alone */
    size_t n_slots;
    uint64_t n_batches, n_records;
    int64_t *offsets; /* next to read, by partition; -1: nothing read yet */
    char noise[NOISE_SIZE];
} Floor;

static void check(rd_kafka_error_t *error, const char *what) {
    if (error)
        fail("%s: %s", what, rd_kafka_error_string(error));
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    if (message->err)
        fail("not delivered: %s", rd_kafka_err2str(message->err));
}

/* As scored sets its own up. */
static void open_producer(Floor *f) {
    const char *const properties[][2] = {{"bootstrap.servers", f->loop.options.bootstrap}, {"transactional.id", f->loop.options.group},
            {"retry.backoff.ms", "10"}, {"compression.codec", "lz4"}, {"linger.ms", "5"}, {"queue.buffering.max.messages", "500000"},
            {"queue.buffering.max.kbytes", "131072"}, {"delivery.report.only.error", "true"}};
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
        loop_set(conf, properties[i][0], properties[i][1]);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    f->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (!f->producer)
        fail("%s", error);
    check(rd_kafka_init_transactions(f->producer, INIT_TIMEOUT_MS), "init_transactions");
    f->topic = rd_kafka_topic_new(f->producer, f->output, NULL);
}

static void open_batches(Floor *f) {
    f->n_slots = 1024;
    while (f->n_slots < 2 * (size_t)f->loop.options.batch_max_events)
        f->n_slots *= 2;
    f->slots = calloc(f->n_slots, sizeof(*f->slots));
    f->offsets = malloc((size_t)f->loop.n_partitions * sizeof(*f->offsets));
    if (!f->slots || !f->offsets)
        fail("out of memory");
    for (int32_t i = 0; i < f->loop.n_partitions; i++)
        f->offsets[i] = -1;
    srandom(1);
    for (size_t i = 0; i < NOISE_SIZE; i++)
        f->noise[i] = (char)random();
}

/* Whether the lead was not in the batch yet. */
static bool is_new(Floor *f, Str lead_id) {
    uint64_t hash = siphash_13((SipKey){1, 2}, lead_id);
    size_t i = hash & (f->n_slots - 1);
    for (; f->slots[i].batch == f->n_batches; i = (i + 1) & (f->n_slots - 1))
        if (f->slots[i].hash == hash)
            return false;
    f->slots[i] = (Slot){.batch = f->n_batches, .hash = hash};
    return true;
}

static void write_state(Floor *f, const rd_kafka_message_t *message, Str lead_id) {
    size_t size = (size_t)f->state_bytes, at = (size_t)(f->n_records++ * 61) % (NOISE_SIZE - size);
    rd_kafka_vu_t fields[] = {
            {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = f->topic},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)lead_id.data, lead_id.len}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {f->noise + at, size}},
    };
    check(rd_kafka_produceva(f->producer, fields, ARRAY_SIZE(fields)), "produce");
}

static void send_offsets(Floor *f) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(f->loop.n_partitions);
    for (int32_t i = 0; i < f->loop.n_partitions; i++)
        if (f->offsets[i] >= 0)
            rd_kafka_topic_partition_list_add(list, f->loop.options.topic, i)->offset = f->offsets[i];
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(f->loop.consumer);
    check(rd_kafka_send_offsets_to_transaction(f->producer, list, metadata, STEP_TIMEOUT_MS), "send_offsets_to_transaction");
    rd_kafka_consumer_group_metadata_destroy(metadata);
    rd_kafka_topic_partition_list_destroy(list);
}

static void do_batch(Floor *f, size_t n) {
    f->n_batches++;
    check(rd_kafka_begin_transaction(f->producer), "begin_transaction");
    for (size_t i = 0; i < n; i++) {
        const rd_kafka_message_t *message = f->loop.messages[i];
        LeadEvent event = loop_decode(&f->loop, message);
        f->offsets[message->partition] = message->offset + 1;
        if (is_new(f, event.lead_id))
            write_state(f, message, event.lead_id);
    }
    send_offsets(f);
    check(rd_kafka_commit_transaction(f->producer, STEP_TIMEOUT_MS), "commit_transaction");
}

int main(int argc, char **argv) {
    LoopOptions wanted = {.schema_id = 100, .batch_max_events = 20000};
    Floor *f = calloc(1, sizeof(*f));
    if (!f)
        fail("out of memory");
    f->state_bytes = 300;
    const Option options[] = {{"bootstrap", .text = &wanted.bootstrap}, {"topic", .text = &wanted.topic},
            {"group", .text = &wanted.group}, {"schemas", .text = &wanted.schemas}, {"output", .text = &f->output},
            {"schema-id", .number = &wanted.schema_id}, {"batch", .number = &wanted.batch_max_events},
            {"state-bytes", .number = &f->state_bytes}};
    options_read(argc, argv, options, ARRAY_SIZE(options));
    if (f->state_bytes < 1 || f->state_bytes >= NOISE_SIZE)
        fail("a state of %g bytes", f->state_bytes);
    loop_open(&f->loop, &wanted);
    open_producer(f);
    open_batches(f);
    for (size_t n; (n = loop_read(&f->loop)) > 0; loop_release(&f->loop, n))
        do_batch(f, n);
    loop_report(&f->loop, f->n_records, f->n_batches);
    rd_kafka_topic_destroy(f->topic);
    rd_kafka_destroy(f->producer);
    loop_close(&f->loop);
    free(f->slots);
    free(f->offsets);
    free(f);
    return 0;
}
