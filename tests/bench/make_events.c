/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the benchmark's workload into a topic, as fast as it goes or at a rate: then each event occurs at the instant at which it is
 * to be sent, whether or not it could be (an open loop).
 */
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "tests/bench/options.h"
#include "tests/bench/workload.h"
#include "tests/demo/event_avro.h"

/* With --rate: until the first event, so that it is not late already. */
#define HEAD_START_MS 200
#define POLL_EVERY 1000
#define FLUSH_TIMEOUT_MS 60000

typedef struct Writer {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    double schema_id;
    Buffer message;
    uint64_t n_bytes;
} Writer;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    if (message->err)
        fail("not delivered: %s", rd_kafka_err2str(message->err));
}

static void writer_open(Writer *writer, const char *bootstrap, const char *topic) {
    const char *const properties[][2] = {{"bootstrap.servers", bootstrap}, {"enable.idempotence", "true"},
            {"partitioner", "murmur2_random"}, {"linger.ms", "5"}, {"compression.codec", "lz4"}, {"batch.num.messages", "10000"},
            {"queue.buffering.max.messages", "500000"}, {"delivery.report.only.error", "true"}, {"log_level", "3"}};
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
        if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], error, sizeof(error)))
            fail("%s", error);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    writer->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (!writer->rk)
        fail("%s", error);
    writer->topic = rd_kafka_topic_new(writer->rk, topic, NULL);
    if (!writer->topic)
        fail("topic %s: %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
}

static void writer_close(Writer *writer) {
    if (rd_kafka_flush(writer->rk, FLUSH_TIMEOUT_MS))
        fail("not all events could be delivered");
    rd_kafka_topic_destroy(writer->topic);
    rd_kafka_destroy(writer->rk);
    buffer_done(&writer->message);
}

static void write_event(Writer *writer, const LeadEvent *event) {
    writer->message.len = 0;
    if (event_avro_write(event, (uint32_t)writer->schema_id, &writer->message) != 0)
        fail("out of memory");
    writer->n_bytes += writer->message.len;
    rd_kafka_vu_t fields[] = {
            {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = writer->topic},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK},
            {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = event->occurred_at_ms},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)event->lead_id.data, event->lead_id.len}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {writer->message.data, writer->message.len}},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(writer->rk, fields, ARRAY_SIZE(fields));
    if (error)
        fail("%s", rd_kafka_error_string(error));
}

static void wait_until(Writer *writer, int64_t at_ms) {
    for (int64_t now_ms; (now_ms = clock_wall_ms()) < at_ms;)
        rd_kafka_poll(writer->rk, (int)(at_ms - now_ms));
}

int main(int argc, char **argv) {
    const char *bootstrap = NULL, *topic = NULL;
    double events = 1e6, leads = 1e5, exponent = 1, seed = 1, rate = 0, active = 0, from_ms = (double)WORKLOAD_FROM_MS,
           span_ms = (double)WORKLOAD_SPAN_MS;
    bool each_first = false, each_raised = false;
    Writer writer = {.schema_id = 100};
    const Option options[] = {{"bootstrap", .text = &bootstrap}, {"topic", .text = &topic}, {"events", .number = &events},
            {"leads", .number = &leads}, {"exponent", .number = &exponent}, {"seed", .number = &seed}, {"rate", .number = &rate},
            {"schema-id", .number = &writer.schema_id}, {"each-first", .flag = &each_first},
            {"each-raised", .flag = &each_raised}, {"active", .number = &active}, {"from", .number = &from_ms}, {"span", .number = &span_ms}};
    options_read(argc, argv, options, ARRAY_SIZE(options));
    writer_open(&writer, bootstrap, topic);

    WorkloadOptions wanted = {.seed = (uint64_t)seed, .n_events = (uint64_t)events, .n_leads = (uint32_t)leads, .exponent = exponent,
            .n_active = (uint32_t)active, .each_first = each_first, .each_raised = each_raised, .from_ms = (int64_t)from_ms,
            .span_ms = (int64_t)span_ms};
    if (wanted.n_active > wanted.n_leads)
        fail("--active %g: there are %g leads", active, leads);
    if (rate > 0) {
        wanted.from_ms = clock_wall_ms() + HEAD_START_MS;
        wanted.span_ms = (int64_t)(events * 1000 / rate);
    }
    _cleanup_(workload_free) Workload *workload = NULL;
    if (workload_new(&wanted, &workload) != 0)
        fail("out of memory");
    LeadEvent event;
    uint64_t n = 0;
    for (; workload_next(workload, &event); n++) {
        if (rate > 0)
            wait_until(&writer, event.occurred_at_ms);
        else if (n % POLL_EVERY == 0)
            rd_kafka_poll(writer.rk, 0);
        write_event(&writer, &event);
    }
    writer_close(&writer);
    printf("{\"events\": %llu, \"bytes\": %llu}\n", (unsigned long long)n, (unsigned long long)writer.n_bytes);
    return n == wanted.n_events ? 0 : 1;
}
