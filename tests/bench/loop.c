/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/loop.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "tests/bench/options.h"

#define METADATA_TIMEOUT_MS 10000
#define READ_TIMEOUT_MS 20 /* as scored waits for a batch to fill */

void loop_set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char error[512];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)))
        fail("%s", error);
}

/* With the queue's settings that scored has: the defaults starve a consumer that is slower than the fetcher. */
static void open_consumer(Loop *loop) {
    const char *const properties[][2] = {{"bootstrap.servers", loop->options.bootstrap}, {"group.id", loop->options.group},
            {"queued.min.messages", "1000000"}, {"queued.max.messages.kbytes", "65536"}, {"fetch.wait.max.ms", "100"},
            {"check.crcs", "true"}, {"enable.auto.commit", "false"}, {"enable.auto.offset.store", "false"},
            {"isolation.level", "read_committed"}, {"enable.partition.eof", "true"}, {"auto.offset.reset", "earliest"}};
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
        loop_set(conf, properties[i][0], properties[i][1]);
    loop->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    if (!loop->consumer)
        fail("%s", error);
    rd_kafka_poll_set_consumer(loop->consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, loop->options.topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(loop->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (err)
        fail("%s: %s", loop->options.topic, rd_kafka_err2str(err));
    loop->queue = rd_kafka_queue_get_consumer(loop->consumer);
}

static void count_partitions(Loop *loop) {
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(loop->consumer, loop->options.topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(loop->consumer, 0, topic, &metadata, METADATA_TIMEOUT_MS);
    if (err || metadata->topics[0].err)
        fail("%s: %s", loop->options.topic, rd_kafka_err2str(err ? err : metadata->topics[0].err));
    loop->n_partitions = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
}

static void tell_problem(void *userdata, const char *path, const char *text) {
    (void)userdata;
    fprintf(stderr, "%s: %s\n", path, text);
}

static void open_registry(Loop *loop) {
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/LeadEvent.avsc", loop->options.schemas);
    RegistryFile file = {.id = (uint32_t)loop->options.schema_id, .path = path};
    RegistryFileOptions options = {.events = &file, .n_events = 1, .output_dir = loop->options.schemas,
            .output_ids = {1, 2, 3, 4, 5}, .problem = tell_problem};
    if (registry_file_new(&options, &loop->registry) != 0 || avro_event_decoder_new(&loop->decoder) != 0)
        fail("no schemas");
}

void loop_open(Loop *loop, const LoopOptions *options) {
    *loop = (Loop){.options = *options};
    open_registry(loop);
    open_consumer(loop);
    count_partitions(loop);
    loop->messages = calloc((size_t)options->batch_max_events, sizeof(rd_kafka_message_t *));
    loop->at_end = calloc((size_t)loop->n_partitions, sizeof(bool));
    if (!loop->messages || !loop->at_end)
        fail("out of memory");
}

void loop_close(Loop *loop) {
    rd_kafka_queue_destroy(loop->queue);
    (void)rd_kafka_consumer_close(loop->consumer);
    rd_kafka_destroy(loop->consumer);
    avro_event_decoder_free(loop->decoder);
    registry_free(loop->registry);
    free(loop->messages);
    free(loop->at_end);
}

static bool is_ended(const Loop *loop) {
    for (int32_t i = 0; i < loop->n_partitions; i++)
        if (!loop->at_end[i])
            return false;
    return true;
}

/* Keeps those that carry an event. */
static size_t sift(Loop *loop, size_t n) {
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        rd_kafka_message_t *message = loop->messages[i];
        if (!message->err) {
            loop->messages[n_kept++] = message;
            continue;
        }
        if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            fail("%s", rd_kafka_message_errstr(message));
        loop->at_end[message->partition] = true;
        rd_kafka_message_destroy(message);
    }
    return n_kept;
}

size_t loop_read(Loop *loop) {
    size_t n = 0;
    while (n == 0 && !is_ended(loop)) {
        ssize_t got = rd_kafka_consume_batch_queue(
                loop->queue, READ_TIMEOUT_MS, loop->messages, (size_t)loop->options.batch_max_events);
        if (got < 0)
            fail("%s", rd_kafka_err2str(rd_kafka_last_error()));
        n = sift(loop, (size_t)got);
    }
    if (n > 0 && loop->n_events == 0) {
        puts("ready");
        (void)fflush(stdout);
    }
    loop->n_events += n;
    return n;
}

void loop_release(Loop *loop, size_t n) {
    for (size_t i = 0; i < n; i++)
        rd_kafka_message_destroy(loop->messages[i]);
}

LeadEvent loop_decode(Loop *loop, const rd_kafka_message_t *message) {
    LeadEvent event;
    const char *reason;
    char text[512];
    if (message_decode(loop->registry, loop->decoder, message->payload, message->len, &event, &reason, text, sizeof(text)) != 0)
        fail("%s [%" PRId32 "] at %" PRId64 ": %s", loop->options.topic, message->partition, message->offset, text);
    loop->checksum += (uint64_t)event.occurred_at_ms + event.type.len + event.n_properties;
    return event;
}

void loop_report(const Loop *loop, uint64_t n_records, uint64_t n_transactions) {
    printf("{\"events\": %" PRIu64 ", \"records\": %" PRIu64 ", \"transactions\": %" PRIu64 ", \"checksum\": %" PRIu64
           ", \"cpu_s\": %.6f}\n",
            loop->n_events, n_records, n_transactions, loop->checksum, (double)clock_cpu_us() / 1e6);
}
