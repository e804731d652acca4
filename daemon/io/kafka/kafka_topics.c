/* SPDX-License-Identifier: Apache-2.0 */
/* Admin requests: topics are created, and their configuration is read. */
#include "daemon/io/kafka/kafka_internal.h"

#include <poll.h>
#include <stdio.h>

#include "daemon/base/clock.h"

/* Between two looks at whether a topic that was just created is there. */
#define CREATED_POLL_MS 20

static inline rd_kafka_AdminOptions_t *admin_options_free(rd_kafka_AdminOptions_t *options) {
    rd_kafka_AdminOptions_destroy(options);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_AdminOptions_t *, admin_options_free)

static inline rd_kafka_queue_t *queue_free(rd_kafka_queue_t *queue) {
    rd_kafka_queue_destroy(queue);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_queue_t *, queue_free)

static inline rd_kafka_event_t *event_free(rd_kafka_event_t *event) {
    rd_kafka_event_destroy(event);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_event_t *, event_free)

static inline rd_kafka_NewTopic_t *new_topic_free(rd_kafka_NewTopic_t *topic) {
    rd_kafka_NewTopic_destroy(topic);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_NewTopic_t *, new_topic_free)

static inline rd_kafka_ConfigResource_t *config_resource_free(rd_kafka_ConfigResource_t *resource) {
    rd_kafka_ConfigResource_destroy(resource);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_ConfigResource_t *, config_resource_free)

static int options_new(KafkaCluster *c, rd_kafka_admin_op_t operation, int timeout_ms, char *text,
        rd_kafka_AdminOptions_t **ret) {
    if (!c->takes_admin_requests) {
        kafka_tell(text, "the embedded cluster takes no admin requests");
        return KAFKA_E_CONFIG;
    }
    _cleanup_(admin_options_free) rd_kafka_AdminOptions_t *options =
            rd_kafka_AdminOptions_new(c->rk, operation);
    char error[KAFKA_TEXT_SIZE - 64];
    rd_kafka_resp_err_t err =
            rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, error, sizeof(error));
    /* Creating a topic is answered when all brokers concerned know it. */
    if (!err && operation == RD_KAFKA_ADMIN_OP_CREATETOPICS)
        err = rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, error, sizeof(error));
    if (err) {
        kafka_tell(text, "admin request: %s", error);
        return KAFKA_E_CONFIG;
    }
    *ret = TAKE_PTR(options);
    return 0;
}

/* The answer to the request that was just sent to `queue`; the request itself times out after timeout_ms. */
static int await(rd_kafka_queue_t *queue, int timeout_ms, const char *request, const char *topic, char *text,
        rd_kafka_event_t **ret) {
    _cleanup_(event_free) rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    rd_kafka_resp_err_t err = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (err) {
        kafka_tell(text, "%s topic %s: %s", request, topic,
                event ? rd_kafka_event_error_string(event) : rd_kafka_err2str(err));
        return kafka_sort(err);
    }
    *ret = TAKE_PTR(event);
    return 0;
}

static int new_topic(const char *name, int32_t partitions, int64_t replication_factor, KafkaExtra properties,
        char *text, rd_kafka_NewTopic_t **ret) {
    char error[KAFKA_TEXT_SIZE - 64];
    _cleanup_(new_topic_free) rd_kafka_NewTopic_t *topic =
            rd_kafka_NewTopic_new(name, partitions, (int)replication_factor, error, sizeof(error));
    if (!topic) {
        kafka_tell(text, "create topic %s: %s", name, error);
        return KAFKA_E_CONFIG;
    }
    for (; properties && *properties; properties += 2) {
        rd_kafka_resp_err_t err = rd_kafka_NewTopic_set_config(topic, properties[0], properties[1]);
        if (err) {
            kafka_tell(text, "create topic %s: %s: %s", name, properties[0], rd_kafka_err2str(err));
            return KAFKA_E_CONFIG;
        }
    }
    *ret = TAKE_PTR(topic);
    return 0;
}

/* Its answer does not mean that a created topic can be used: its brokers hear of it a little later. */
static int await_partitions(
        KafkaCluster *c, const char *topic, int32_t partitions, int64_t deadline_ms, char *text) {
    for (;;) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        int32_t n;
        int r = kafka_cluster_partitions(c, topic, (int)MAX(left_ms, 1), text, &n);
        if (r == 0 && n == partitions)
            return 0;
        if (r == 0 || left_ms <= 0) {
            kafka_tell(text, "create topic %s: it was created, but its partitions don't show up", topic);
            return KAFKA_E_TIMEOUT;
        }
        if (r != KAFKA_E_UNKNOWN && r != KAFKA_E_RETRY)
            return r;
        (void)poll(NULL, 0, CREATED_POLL_MS);
    }
}

int kafka_cluster_create_topic(KafkaCluster *c, const char *topic, int32_t partitions,
        int64_t replication_factor, KafkaExtra properties, int timeout_ms, char *text) {
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    _cleanup_(new_topic_free) rd_kafka_NewTopic_t *request = NULL;
    int r = new_topic(topic, partitions, replication_factor, properties, text, &request);
    if (r)
        return r;
    _cleanup_(admin_options_free) rd_kafka_AdminOptions_t *options = NULL;
    r = options_new(c, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms, text, &options);
    if (r)
        return r;
    _cleanup_(queue_free) rd_kafka_queue_t *queue = rd_kafka_queue_new(c->rk);
    rd_kafka_CreateTopics(c->rk, &request, 1, options, queue);
    _cleanup_(event_free) rd_kafka_event_t *event = NULL;
    r = await(queue, timeout_ms, "create", topic, text, &event);
    if (r)
        return r;
    size_t n;
    const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    rd_kafka_resp_err_t err = n == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return 0;
    if (err) {
        const char *error = n == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL;
        kafka_tell(text, "create topic %s: %s", topic, error ? error : rd_kafka_err2str(err));
        return kafka_sort(err);
    }
    return await_partitions(c, topic, partitions, deadline_ms, text);
}

static int copy_property(const rd_kafka_ConfigResource_t *resource, const char *topic, const char *property,
        char *text, char *value, size_t size) {
    rd_kafka_resp_err_t err = rd_kafka_ConfigResource_error(resource);
    if (err) {
        const char *error = rd_kafka_ConfigResource_error_string(resource);
        kafka_tell(text, "configuration of topic %s: %s", topic, error ? error : rd_kafka_err2str(err));
        return kafka_sort(err);
    }
    size_t n;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), property) != 0)
            continue;
        const char *found = rd_kafka_ConfigEntry_value(entries[i]);
        int length = snprintf(value, size, "%s", found ? found : "");
        if (length >= 0 && (size_t)length < size)
            return 0;
        kafka_tell(text, "configuration of topic %s: %s has a longer value than expected", topic, property);
        return KAFKA_E_CONFIG;
    }
    kafka_tell(text, "configuration of topic %s: the broker does not tell %s", topic, property);
    return KAFKA_E_CONFIG;
}

int kafka_cluster_topic_property(KafkaCluster *c, const char *topic, const char *property, int timeout_ms,
        char *text, char *value, size_t size) {
    _cleanup_(config_resource_free) rd_kafka_ConfigResource_t *request =
            rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    if (!request) {
        kafka_tell(text, "configuration of topic %s: not a topic's name", topic);
        return KAFKA_E_CONFIG;
    }
    _cleanup_(admin_options_free) rd_kafka_AdminOptions_t *options = NULL;
    int r = options_new(c, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms, text, &options);
    if (r)
        return r;
    _cleanup_(queue_free) rd_kafka_queue_t *queue = rd_kafka_queue_new(c->rk);
    rd_kafka_DescribeConfigs(c->rk, &request, 1, options, queue);
    _cleanup_(event_free) rd_kafka_event_t *event = NULL;
    r = await(queue, timeout_ms, "configuration of", topic, text, &event);
    if (r)
        return r;
    size_t n;
    const rd_kafka_ConfigResource_t **resources =
            rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &n);
    if (n != 1) {
        kafka_tell(text, "configuration of topic %s: not in the broker's answer", topic);
        return KAFKA_E_RETRY;
    }
    return copy_property(resources[0], topic, property, text, value, size);
}
