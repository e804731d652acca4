/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dlq/dlq_requeue.h"

#include "daemon/io/kafka/kafka_sink.h"

/* Instances are named by people, and their names have no such. */
#define INSTANCE "scored dlq requeue"
/* Of one transaction, which has ten seconds. */
#define TRANSACTION_RECORDS 500
#define TRANSACTION_BYTES (16 * 1024 * 1024)

/* --- who may be ------------------------------------------------------------------------------------- */

static bool is_source(const Config *config, const char *topic) {
    for (size_t i = 0; i < config->n_sources; i++)
        if (strcmp(config->sources[i], topic) == 0)
            return true;
    return false;
}

static void judge(const DlqRequeue *q, DlqEntry *entry) {
    if (!is_source(q->config, entry->topic))
        entry->refusal = "its topic is no source of this configuration";
    else if (!entry->has_original)
        entry->refusal = "the original had no value: there is nothing to requeue";
    else if (entry->is_cut)
        entry->refusal = "the original is so large that it was cut: send it again from where it came";
}

/* Librdkafka would wait for a partition that is not there until the transaction's time is over. */
static int judge_partitions(const DlqRequeue *q, char *text) {
    _cleanup_(kafka_cluster_free) KafkaCluster *cluster = NULL;
    int r = kafka_cluster_new(q->config, NULL, text, &cluster);
    for (size_t i = 0; i < q->config->n_sources && r == 0; i++) {
        int32_t n;
        r = kafka_cluster_partitions(cluster, q->config->sources[i], DLQ_TIMEOUT_MS, text, &n);
        if (r == KAFKA_E_UNKNOWN)
            n = r = 0;
        for (size_t k = 0; k < q->entries->n && r == 0; k++) {
            DlqEntry *entry = &q->entries->items[k];
            if (!entry->refusal && strcmp(entry->topic, q->config->sources[i]) == 0 && (entry->partition < 0 || entry->partition >= n))
                entry->refusal = "its topic has no such partition any more";
        }
    }
    return r;
}

/* --- what was requeued before ------------------------------------------------------------------------ */

/* The earliest letter of the source that is not refused; TIME_NEVER: there is none. */
static int64_t first_of(const DlqEntries *entries, const char *topic) {
    int64_t at_ms = TIME_NEVER;
    for (size_t i = 0; i < entries->n; i++)
        if (!entries->items[i].refusal && strcmp(entries->items[i].topic, topic) == 0)
            at_ms = earliest(at_ms, entries->items[i].at_ms);
    return at_ms;
}

static void note_mark(const DlqRequeue *q, const KafkaHistory *history, const KafkaHistoryRecord *record) {
    DlqPosition position;
    Str mark = kafka_history_header(history, DLQ_HEADER);
    if (str_is_null(mark) || !dlq_mark_parse(mark, q->config->output_topics[OUTPUT_DEAD_LETTER], &position))
        return;
    DlqEntry *entry = dlq_entries_find(q->entries, position);
    if (!entry || entry->refusal)
        return;
    entry->earlier = record->offset;
    if (!q->again)
        entry->refusal = "it was requeued before; --again does it all the same";
}

static int find_earlier(const DlqRequeue *q, const char *topic, char *text) {
    _cleanup_(kafka_history_free) KafkaHistory *history = NULL;
    const KafkaHistoryOptions options = {
            .topics = &topic, .n_topics = 1, .from_ms = first_of(q->entries, topic), .to_ms = TIME_NEVER};
    if (options.from_ms == TIME_NEVER)
        return 0;
    int r = kafka_history_new(q->config, &options, NULL, DLQ_TIMEOUT_MS, text, &history);
    while (r == 0) {
        KafkaHistoryRecord record;
        r = kafka_history_next(history, DLQ_TIMEOUT_MS, text, &record);
        if (r == 0)
            note_mark(q, history, &record);
    }
    return r == KAFKA_HISTORY_E_END ? 0 : r;
}

/* --- the transactions -------------------------------------------------------------------------------- */

typedef struct Open {
    KafkaSink *sink;
    size_t n, bytes; /* of the transaction that is open, if n > 0 */
    /* Where the records of it are, told by its commit. */
    DlqEntry *entries[TRANSACTION_RECORDS];
    int64_t offsets[TRANSACTION_RECORDS];
} Open;

static int commit(Open *open, char *text) {
    if (open->n == 0)
        return 0;
    int r = kafka_sink_commit_alone(open->sink, text);
    for (size_t i = 0; i < open->n && r == 0; i++) {
        open->entries[i]->is_requeued = true;
        open->entries[i]->requeued = open->offsets[i];
    }
    if (r == 0)
        open->n = open->bytes = 0;
    return r;
}

static int produce(const DlqRequeue *q, Open *open, DlqEntry *entry, const DlqLetter *letter, char *text) {
    char mark[DLQ_MARK_SIZE];
    int r = 0;
    dlq_mark_print(q->config->output_topics[OUTPUT_DEAD_LETTER], entry->position, mark);
    const KafkaHeader header = {DLQ_HEADER, str_from(mark)};
    if (open->n == TRANSACTION_RECORDS || open->bytes > TRANSACTION_BYTES)
        r = commit(open, text);
    if (r == 0 && open->n == 0)
        r = kafka_sink_begin(open->sink, text);
    if (r)
        return r;
    size_t i = open->n++;
    open->entries[i] = entry;
    open->bytes += letter->dead_letter.original.len;
    return kafka_sink_produce(open->sink, entry->topic, entry->partition, letter->key, letter->dead_letter.original, &header, 1,
            &open->offsets[i], text);
}

/* The letters are read once more: now their originals count. */
static int produce_all(const DlqRequeue *q, Open *open, char *text) {
    const DlqChoice all = {.from_ms = TIME_NONE, .to_ms = TIME_NEVER};
    int64_t from_ms = TIME_NEVER;
    DlqReader reader;
    DlqLetter letter;
    for (size_t i = 0; i < q->entries->n; i++)
        from_ms = earliest(from_ms, q->entries->items[i].at_ms);
    int r = dlq_reader_init(&reader, q->config, q->decoder, from_ms, TIME_NEVER, text);
    while (r == 0) {
        r = dlq_reader_next(&reader, &all, text, &letter);
        DlqEntry *entry = r == 0 ? dlq_entries_find(q->entries, letter.position) : NULL;
        if (entry && !entry->refusal)
            r = produce(q, open, entry, &letter, text);
    }
    if (r == DLQ_E_END)
        r = commit(open, text);
    dlq_reader_deinit(&reader);
    return r;
}

/* Nothing of a transaction that was not committed has happened; of one whose commit was not answered nobody knows. */
static int requeue_all(const DlqRequeue *q, Open *open, char *text) {
    char ignored[KAFKA_TEXT_SIZE];
    int r = produce_all(q, open, text);
    if (r > 0 && r != KAFKA_E_FATAL && open->n > 0 && kafka_sink_abort(open->sink, ignored) != 0)
        return KAFKA_E_FATAL;
    return r;
}

int dlq_requeue(const DlqRequeue *q, char *text) {
    _cleanup_(free_null) Open *open = calloc(1, sizeof(*open));
    Config own = *q->config; /* outlives the sink */
    int r = open ? 0 : -ENOMEM;
    own.instance = INSTANCE;
    for (size_t i = 0; i < q->entries->n; i++)
        judge(q, &q->entries->items[i]);
    if (r == 0)
        r = judge_partitions(q, text);
    /* Before it is looked for what was done: whoever else is doing it now is ended by this. */
    if (r == 0 && !q->is_dry)
        r = kafka_sink_new(&own, &(KafkaSinkHandlers){0}, DLQ_TIMEOUT_MS, text, &open->sink);
    for (size_t i = 0; i < q->config->n_sources && r == 0; i++)
        r = find_earlier(q, q->config->sources[i], text);
    if (r == 0 && !q->is_dry)
        r = requeue_all(q, open, text);
    if (open)
        open->sink = kafka_sink_free(open->sink);
    return r;
}
