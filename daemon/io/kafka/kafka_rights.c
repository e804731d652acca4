/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: before a transaction's first record for a partition, the client asks to add this to the transaction. The broker first looks
 * whether the topic may be written, and then whether the producer has been fenced, which it has been, by a second one of the same
 * transactional id. So it is told apart who may write, and nobody does: no record and no marker comes into the log.
 */
#include "daemon/io/kafka/kafka_rights.h"

#include "daemon/base/clock.h"
#include "daemon/io/kafka/kafka_internal.h"

/* Of one call to librdkafka that is repeated until the time is over. */
#define STEP_MS 50

static rd_kafka_t *client_free(rd_kafka_t *rk) {
    if (rk)
        rd_kafka_destroy(rk);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_t *, client_free)

static bool is_denial(rd_kafka_resp_err_t err) {
    return err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

/* ---- reading ---- */

static int assign_ends(rd_kafka_t *rk, const KafkaTried *tried, size_t n, char *text) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, tried[i].topic, 0)->offset = RD_KAFKA_OFFSET_END;
    rd_kafka_resp_err_t err = rd_kafka_assign(rk, list);
    if (err)
        kafka_tell(text, "reading: %s", rd_kafka_err2str(err));
    return kafka_sort(err);
}

/* What comes of a topic, a record, the end or an error, is its answer. */
static void take_answer(const rd_kafka_message_t *message, KafkaTried *tried, bool *is_answered, size_t n, size_t *n_left) {
    for (size_t i = 0; i < n && message->rkt; i++)
        if (!is_answered[i] && strcmp(rd_kafka_topic_name(message->rkt), tried[i].topic) == 0) {
            tried[i].is_denied = is_denial(message->err);
            is_answered[i] = true;
            (*n_left)--;
        }
}

int kafka_try_read(const Config *config, KafkaLog log, KafkaTried *tried, size_t n, int timeout_ms, char *text) {
    KafkaOwner owner = {.log = log};
    _cleanup_(client_free) rd_kafka_t *rk = NULL;
    bool is_answered[KAFKA_TRIED_MAX] = {false};
    size_t n_left = n;
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    assert(n <= KAFKA_TRIED_MAX);
    int r = kafka_client_new(config, KAFKA_ROLE_READER, &owner, (KafkaCallbacks){0}, text, &rk);
    if (r == 0)
        r = assign_ends(rk, tried, n, text);
    while (r == 0 && n_left > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, STEP_MS);
        if (message)
            take_answer(message, tried, is_answered, n, &n_left);
        if (message)
            rd_kafka_message_destroy(message);
        if (n_left > 0 && clock_monotonic_ms() >= deadline_ms) {
            kafka_tell(text, "to being read %zu of %zu topics did not answer in %d ms", n_left, n, timeout_ms);
            r = KAFKA_E_TIMEOUT;
        }
    }
    return r;
}

/* ---- writing ---- */

static int begin_producer(const Config *config, KafkaOwner *owner, int64_t deadline_ms, char *text, rd_kafka_t **ret) {
    int r = kafka_client_new(config, KAFKA_ROLE_PRODUCER, owner, (KafkaCallbacks){0}, text, ret);
    while (r == 0) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(*ret, (int)latest(deadline_ms - clock_monotonic_ms(), INT64_C(1)));
        if (!error)
            return 0;
        r = kafka_sort_transaction("init_transactions", error, text);
        if (r == KAFKA_E_RETRY && clock_monotonic_ms() < deadline_ms) {
            rd_kafka_poll(*ret, STEP_MS);
            r = 0;
        }
    }
    return r;
}

/*
 * A record for each topic. *ret: what came of it, by the error that the transaction is left with: that a topic may not be written, or that the
 * producer is fenced, if all of them may be. It is never committed.
 */
static int try_records(rd_kafka_t *rk, const KafkaTried *tried, size_t n, int64_t deadline_ms, char *text, bool *ret) {
    rd_kafka_error_t *error = rd_kafka_begin_transaction(rk);
    for (size_t i = 0; i < n && !error; i++) {
        rd_kafka_resp_err_t err =
                rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(tried[i].topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY("", 0), RD_KAFKA_V_END);
        if (err) {
            kafka_tell(text, "writing to %s: %s", tried[i].topic, rd_kafka_err2str(err));
            return kafka_sort(err);
        }
    }
    if (!error) {
        (void)rd_kafka_flush(rk, (int)latest(deadline_ms - clock_monotonic_ms(), INT64_C(1)));
        error = rd_kafka_begin_transaction(rk);
    }
    rd_kafka_resp_err_t err = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    *ret = is_denial(err);
    if (is_denial(err) || err == RD_KAFKA_RESP_ERR__FENCED) {
        rd_kafka_error_destroy(error);
        return 0;
    }
    if (error)
        return kafka_sort_transaction("a transaction", error, text);
    kafka_tell(text, "a transaction that was fenced went on");
    return KAFKA_E_FATAL;
}

static int try_once(const Config *config, KafkaLog log, const KafkaTried *tried, size_t n, int64_t deadline_ms, char *text, bool *ret) {
    KafkaOwner owner = {.log = log};
    _cleanup_(client_free) rd_kafka_t *fenced = NULL, *fencing = NULL;
    int r = begin_producer(config, &owner, deadline_ms, text, &fenced);
    if (r == 0)
        r = begin_producer(config, &owner, deadline_ms, text, &fencing);
    return r ? r : try_records(fenced, tried, n, deadline_ms, text, ret);
}

/* All together; only if not all may be written, one after the other. */
int kafka_try_write(const Config *config, KafkaLog log, KafkaTried *tried, size_t n, int timeout_ms, char *text) {
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    bool is_denied = false;
    int r = n > 0 ? try_once(config, log, tried, n, deadline_ms, text, &is_denied) : 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        tried[i].is_denied = is_denied && n == 1;
        if (is_denied && n > 1)
            r = try_once(config, log, &tried[i], 1, deadline_ms, text, &tried[i].is_denied);
    }
    return r;
}
