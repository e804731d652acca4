/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the latest batches of all shards wrote to other topics is read in one go, from the time of the earliest of them on. The end markers
 * of a transaction come to its partitions one after the other, so what is missing is looked for again.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/io/kafka/kafka_history.h"
#include "daemon/verify/verify.h"

#define ASK_TIMEOUT_MS 15000
#define SILENCE_MS 30000
#define ATTEMPTS_MAX 5
/* Outputs are written before the changelog's records, and a transaction is open for 10 s at most. */
#define AHEAD_MS 15000

/* Where batches write to, beside the changelog: each topic once. */
typedef struct Topics {
    const char *names[_OUTPUT_TYPE_MAX + 1];
    size_t n;
} Topics;

static void add_topic(Topics *topics, const char *name) {
    for (size_t i = 0; i < topics->n; i++)
        if (strcmp(topics->names[i], name) == 0)
            return;
    topics->names[topics->n++] = name;
}

static int away(Verify *v, int r, const char *text) {
    if (r < 0)
        return r;
    (void)snprintf(v->text, sizeof(v->text), "%s", text);
    return VERIFY_E_AWAY;
}

/* Those that there are: a topic for outputs that nobody has told yet need not exist. */
static int find_topics(Verify *v, Topics *ret) {
    Topics all = {.n = 0};
    char text[KAFKA_TEXT_SIZE];
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        add_topic(&all, v->config->output_topics[i]);
    add_topic(&all, v->config->internal_topic);
    ret->n = 0;
    for (size_t i = 0; i < all.n; i++) {
        int32_t n;
        int r = kafka_cluster_partitions(v->cluster, all.names[i], ASK_TIMEOUT_MS, text, &n);
        if (r == 0)
            ret->names[ret->n++] = all.names[i];
        else if (r != KAFKA_E_UNKNOWN)
            return away(v, r, text);
    }
    return 0;
}

/* --- is all there that was written since? ------------------------------------------------------------ */

static bool is_compacted(Verify *v, const char *topic) {
    char text[KAFKA_TEXT_SIZE], policy[64] = "";
    /* Who may not ask cannot rely on it. */
    return kafka_cluster_topic_property(v->cluster, topic, "cleanup.policy", ASK_TIMEOUT_MS, text, policy, sizeof(policy)) != 0 ||
            strstr(policy, "compact");
}

/* Has retention taken something from what came since? It takes from the beginning. */
static int is_cut(Verify *v, const char *topic, int64_t since_ms, bool *ret) {
    char text[KAFKA_TEXT_SIZE];
    int32_t n = 0;
    int r = kafka_cluster_partitions(v->cluster, topic, ASK_TIMEOUT_MS, text, &n);
    _cleanup_(free_null) KafkaSpan *all = calloc((size_t)MAX(n, 1), sizeof(*all));
    _cleanup_(free_null) KafkaSpan *late = calloc((size_t)MAX(n, 1), sizeof(*late));
    if (!all || !late)
        return -ENOMEM;
    for (int32_t i = 0; i < n; i++)
        all[i] = late[i] = (KafkaSpan){.topic = topic, .partition = i};
    if (r == 0)
        r = kafka_cluster_spans(v->cluster, all, (size_t)n, TIME_NONE, TIME_NEVER, ASK_TIMEOUT_MS, text);
    if (r == 0)
        r = kafka_cluster_spans(v->cluster, late, (size_t)n, since_ms, TIME_NEVER, ASK_TIMEOUT_MS, text);
    if (r)
        return away(v, r, text);
    for (int32_t i = 0; i < n; i++)
        *ret = *ret || (all[i].first > 0 && late[i].first <= all[i].first);
    return 0;
}

static int is_complete(Verify *v, const Topics *topics, int64_t since_ms, bool *ret) {
    bool lacks = false;
    int r = 0;
    for (size_t i = 0; i < topics->n && r == 0 && !lacks; i++) {
        lacks = is_compacted(v, topics->names[i]);
        if (!lacks)
            r = is_cut(v, topics->names[i], since_ms, &lacks);
    }
    *ret = !lacks;
    return r;
}

/* --- reading ----------------------------------------------------------------------------------------- */

static int take(Verify *v, const Topics *topics, const KafkaHistory *history, const KafkaHistoryRecord *record) {
    BatchTag tag;
    Str header = kafka_history_header(history, BATCH_TAG_HEADER);
    if (str_is_null(header) || !batch_tag_parse(header, &tag) || tag.shard >= v->n_shards || !v->batches[tag.shard])
        return 0;
    return verify_batches_output(v->batches[tag.shard], &tag, topics->names[record->topic], record->key, record->value);
}

static int read_all(Verify *v, const Topics *topics, KafkaHistory *history) {
    char text[KAFKA_TEXT_SIZE];
    KafkaHistoryRecord record;
    for (int64_t n = 0;; n++) {
        int r = kafka_history_next(history, SILENCE_MS, text, &record);
        if (r == KAFKA_HISTORY_E_END)
            return 0;
        r = r ? away(v, r, text) : take(v, topics, history, &record);
        if (r)
            return r;
        if (v->progress)
            v->progress(record.partition, topics->names[record.topic], 0, 0);
    }
}

static int read_outputs(Verify *v, const Topics *topics, int64_t since_ms) {
    _cleanup_(kafka_history_free) KafkaHistory *history = NULL;
    char text[KAFKA_TEXT_SIZE];
    KafkaHistoryOptions options = {.topics = topics->names, .n_topics = topics->n, .from_ms = since_ms, .to_ms = TIME_NEVER};
    for (int32_t i = 0; i < v->n_shards; i++)
        if (v->batches[i])
            verify_batches_forget_outputs(v->batches[i]);
    int r = topics->n > 0 ? kafka_history_new(v->config, &options, NULL, ASK_TIMEOUT_MS, text, &history) : 0;
    if (r)
        return away(v, r, text);
    return history ? read_all(v, topics, history) : 0;
}

/* --- judging ----------------------------------------------------------------------------------------- */

static void PRINTF_LIKE(4, 5) tell(Verify *v, int32_t shard, FindingSeverity severity, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    findings_add(v->findings, severity, "batches", "%s", text);
    findings_shard(v->findings, shard);
}

static void tell_hashes(Verify *v, int32_t shard, const VerifyHashes *hashes, bool complete) {
    if (hashes->n_right > 0)
        tell(v, shard, FINDING_OK, "the hashes of %zu batches, from %" PRId64 " on, are those of what they wrote", hashes->n_right, hashes->first_bno);
    if (hashes->n_incomplete > 0 && !complete)
        tell(v, shard, FINDING_NOTE, "hashes of %zu batches not verified: retention or compaction may have taken what they wrote",
                hashes->n_incomplete);
    if (hashes->n_untold > 0)
        tell(v, shard, FINDING_NOTE, "hashes of %zu batches not verified: the version that wrote them does not say what is theirs",
                hashes->n_untold);
    if (hashes->n_too_large > 0)
        tell(v, shard, FINDING_NOTE, "hashes of %zu batches not verified: they are too large to be held", hashes->n_too_large);
}

/* With a report what is wrong is told; without it, *ret_missing: something may not be there yet. */
static int judge_all(Verify *v, bool tells, bool complete, bool *ret_missing) {
    *ret_missing = false;
    for (int32_t i = 0; i < v->n_shards; i++) {
        VerifyReport report = {.findings = v->findings, .redis_prefix = v->config->redis_prefix, .shard = i};
        VerifyHashes hashes;
        if (!v->batches[i])
            continue;
        shard_tag(i, v->n_shards, report.tag);
        int r = verify_batches_judge(v->batches[i], v->config->changelog_topic, complete, tells ? &report : NULL, &hashes);
        if (r)
            return r;
        *ret_missing = *ret_missing || hashes.n_incomplete > 0;
        if (tells) {
            verify_tell_rest(&report);
            tell_hashes(v, i, &hashes, complete);
        }
    }
    return 0;
}

int verify_outputs(Verify *v) {
    Topics topics;
    int64_t since_ms = TIME_NEVER;
    bool complete = false, missing = true;
    for (int32_t i = 0; i < v->n_shards; i++)
        if (v->batches[i])
            since_ms = earliest(since_ms, verify_batches_since(v->batches[i]));
    if (since_ms == TIME_NEVER)
        return 0;
    since_ms -= AHEAD_MS;
    int r = find_topics(v, &topics);
    if (r == 0)
        r = is_complete(v, &topics, since_ms, &complete);
    for (int i = 0; i < ATTEMPTS_MAX && r == 0 && missing; i++) {
        if (i > 0)
            verify_pause();
        r = read_outputs(v, &topics, since_ms);
        if (r == 0)
            r = judge_all(v, false, complete, &missing);
        if (!complete)
            break; /* what is missing need not come */
    }
    return r ? r : judge_all(v, true, complete, &missing);
}
