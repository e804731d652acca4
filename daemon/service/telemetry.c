/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/telemetry.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/config/config.h"
#include "daemon/io/redis/redis_view.h"

/* Between two copies that are shown. */
#define SHOW_INTERVAL_MS 200
/* Of a first source's name, in bytes; a longer one is no name that anybody wants in a table. */
#define SOURCE_LEN_MAX 64

struct Telemetry {
    const Config *config;
    Metrics *own;     /* all that counts */
    Metrics *pending; /* of the transaction under way */
    Metrics *closed;  /* of the one that is being committed */
    /* The same, of what comes with each event. */
    int64_t n_pending_outcomes[_TELEMETRY_OUTCOME_MAX], n_closed_outcomes[_TELEMETRY_OUTCOME_MAX];
    size_t latency; /* series of both */
    Str *sources; /* names that have a label of their own; owned */
    int64_t n_sources;
    JsonReader json;
    bool is_kafka_away;
    int64_t statistics_ms[_KAFKA_CLIENT_MAX]; /* when they came; TIME_NONE: not yet */
    char transaction_states[_KAFKA_CLIENT_MAX][KAFKA_STATISTICS_STATE_SIZE]; /* empty: none is known */
    int64_t shown_ms;

    _Atomic int64_t progress_ms;
    pthread_mutex_t lock; /* of what is shown */
    Metrics *shown;
    Health health;
};

static const char *const outcome_names[] = {
        [TELEMETRY_APPLIED] = "applied",
        [TELEMETRY_DUPLICATE] = "duplicate",
        [TELEMETRY_IGNORED] = "ignored",
        [TELEMETRY_REJECTED] = "rejected",
        [TELEMETRY_FORWARDED] = "forwarded",
};
static_assert(ARRAY_SIZE(outcome_names) == _TELEMETRY_OUTCOME_MAX, "a name for each outcome");

/* The types of SPEC and backtest by which sales answers; another would be a label that anybody can make. */
static const char *const sales_types[] = {
        "sales_accepted", "sales_rejected", "sales_recycled", "sales_qualified", "sales_touch", "deal_won", "deal_lost"};

static const char *const kinds[] = {[ENTITY_LEAD] = "lead", [ENTITY_ACCOUNT] = "account"};
static const char *const operations[] = {[REDIS_APPLY] = "apply", [REDIS_FETCH] = "fetch", [REDIS_MOMENTS] = "moments", [REDIS_LOOK] = "look"};
static const char *const clients[] = {[KAFKA_CONSUMER] = "consumer", [KAFKA_PRODUCER] = "producer", [KAFKA_SECOND_PRODUCER] = "producer-2"};

#define VALUES(...) ((const Str[]){__VA_ARGS__})

int telemetry_new_copy(Metrics **ret) {
    return metrics_new(metrics_table, _METRIC_MAX, ret);
}

/* What has no labels, or few that are known, is there from the beginning: a rate needs a value to begin with. */
static void begin_at_zero(Telemetry *t) {
    for (size_t i = 0; i < _METRIC_MAX; i++)
        if (!metrics_table[i].labels[0] && metrics_table[i].type == METRIC_COUNTER)
            metrics_add(t->own, i, NULL, 0);
    for (size_t i = 0; i < ARRAY_SIZE(outcome_names); i++)
        metrics_add(t->own, METRIC_EVENTS, VALUES(str_from(outcome_names[i])), 0);
    for (size_t i = 0; i < ARRAY_SIZE(sales_types); i++)
        metrics_add(t->own, METRIC_SALES_EVENTS, VALUES(str_from(sales_types[i])), 0);
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++)
        metrics_add(t->own, METRIC_OUTPUTS, VALUES(str_from(output_type_name((OutputType)i))), 0);
}

static int fill(Telemetry *t) {
    int r = pthread_mutex_init(&t->lock, NULL);
    if (r != 0)
        return -r;
    r = json_reader_init(&t->json);
    if (r == 0)
        r = telemetry_new_copy(&t->own);
    if (r == 0)
        r = telemetry_new_copy(&t->pending);
    if (r == 0)
        r = telemetry_new_copy(&t->closed);
    if (r == 0)
        r = telemetry_new_copy(&t->shown);
    if (r == 0 && t->config->http_max_sources > 0) {
        t->sources = calloc((size_t)t->config->http_max_sources, sizeof(*t->sources));
        r = t->sources ? 0 : -ENOMEM;
    }
    return r;
}

int telemetry_new(const Config *config, Telemetry **ret) {
    Telemetry *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->config = config;
    t->shown_ms = TIME_NONE;
    int r = fill(t);
    if (r < 0) {
        (void)telemetry_free(t);
        return r;
    }
    t->latency = metrics_series(t->pending, METRIC_EVENT_LATENCY, NULL);
    size_t same = metrics_series(t->closed, METRIC_EVENT_LATENCY, NULL);
    assert(t->latency == same);
    (void)same;
    begin_at_zero(t);
    telemetry_forget_kafka(t);
    telemetry_note_progress(t, clock_monotonic_ms());
    telemetry_show(t, &(Health){.phase = HEALTH_STARTING}, clock_monotonic_ms());
    *ret = t;
    return 0;
}

Telemetry *telemetry_free(Telemetry *t) {
    if (!t)
        return NULL;
    for (int64_t i = 0; i < t->n_sources; i++)
        free((char *)t->sources[i].data);
    free(t->sources);
    json_reader_deinit(&t->json);
    metrics_free(t->own);
    metrics_free(t->pending);
    metrics_free(t->closed);
    metrics_free(t->shown);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
    return NULL;
}

/* --- of the transaction under way -------------------------------------------------------------------- */

void telemetry_event(Telemetry *t, TelemetryOutcome outcome, Str type) {
    if (!t)
        return;
    t->n_pending_outcomes[outcome]++;
    if (!str_starts_with(type, "sales_") && !str_starts_with(type, "deal_"))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(sales_types); i++)
        if (str_eq_c(type, sales_types[i]))
            metrics_add(t->pending, METRIC_SALES_EVENTS, &type, 1);
}

/* The label of a first source. Which ones have their own is for the process to remember: what is left out once is left out. */
static Str source_label(Telemetry *t, Str source) {
    if (!source.data)
        return STR_LITERAL("none");
    for (int64_t i = 0; i < t->n_sources; i++)
        if (str_eq(t->sources[i], source))
            return t->sources[i];
    if (t->n_sources == t->config->http_max_sources || source.len > SOURCE_LEN_MAX)
        return STR_LITERAL("other");
    char *copy = malloc(MAX(source.len, (size_t)1));
    if (!copy)
        return STR_LITERAL("other");
    if (source.len)
        memcpy(copy, source.data, source.len);
    t->sources[t->n_sources] = (Str){copy, source.len};
    return t->sources[t->n_sources++];
}

/* Does the model list the stage `to` before `from`? */
static bool is_back(const Model *model, const StageChanged *change) {
    for (size_t i = 0; i < model->n_tracks; i++) {
        const Track *track = &model->tracks[i];
        for (size_t k = 0; str_eq(track->id, change->track) && k < track->n_stages; k++) {
            if (str_eq(track->stages[k].id, change->from))
                return false;
            if (str_eq(track->stages[k].id, change->to))
                return true;
        }
    }
    return false;
}

static void count_stage_change(Telemetry *t, const Model *model, const StageChanged *change) {
    metrics_add(t->pending, METRIC_TRANSITIONS, VALUES(change->entity, change->track, change->from, change->to), 1);
    if (!str_eq_c(change->entity, "lead"))
        return;
    metrics_add(t->pending, METRIC_STAGE_ENTRIES, VALUES(change->track, change->to, source_label(t, change->first_source)), 1);
    if (is_back(model, change))
        metrics_add(t->pending, METRIC_RECYCLES, VALUES(change->track, change->from), 1);
}

static void count_sla_event(Telemetry *t, const SlaEvent *event) {
    const Str labels[] = {event->policy, str_from(sla_kind_name(event->kind))};
    metrics_add(t->pending, METRIC_SLA_EVENTS, labels, 1);
    if (event->kind == SLA_MET || event->kind == SLA_LATE)
        metrics_observe(t->pending, METRIC_SLA_ELAPSED, labels, (double)event->elapsed_ms / 1000);
}

void telemetry_output(Telemetry *t, const Model *model, const Output *output) {
    if (!t)
        return;
    metrics_add(t->pending, METRIC_OUTPUTS, VALUES(str_from(output_type_name(output->type))), 1);
    switch (output->type) {
    case OUTPUT_STAGE_CHANGED:
        count_stage_change(t, model, &output->stage_changed);
        return;
    case OUTPUT_SLA_EVENT:
        count_sla_event(t, &output->sla_event);
        return;
    case OUTPUT_REFUSED:
        metrics_add(t->pending, METRIC_REFUSALS, VALUES(output->refused.track, output->refused.transition), 1);
        return;
    case OUTPUT_DEAD_LETTER:
        metrics_add(t->pending, METRIC_DEAD_LETTERS, &output->dead_letter.reason, 1);
        return;
    default:
        return;
    }
}

void telemetry_close(Telemetry *t) {
    if (!t)
        return;
    Metrics *empty = t->closed;
    t->closed = t->pending;
    t->pending = empty;
    memcpy(t->n_closed_outcomes, t->n_pending_outcomes, sizeof(t->n_closed_outcomes));
    memset(t->n_pending_outcomes, 0, sizeof(t->n_pending_outcomes));
}

void telemetry_latency(Telemetry *t, int64_t latency_ms) {
    if (t)
        metrics_observe_to(t->closed, t->latency, (double)MAX(latency_ms, 0) / 1000);
}

void telemetry_commit(Telemetry *t, TelemetryBatch batch) {
    if (!t)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(outcome_names); i++)
        metrics_add(t->own, METRIC_EVENTS, VALUES(str_from(outcome_names[i])), (double)t->n_closed_outcomes[i]);
    memset(t->n_closed_outcomes, 0, sizeof(t->n_closed_outcomes));
    metrics_move(t->own, t->closed);
    metrics_observe(t->own, METRIC_BATCH_EVENTS, NULL, (double)batch.n_events);
    metrics_observe(t->own, METRIC_BATCH_DURATION, NULL, (double)batch.duration_us / 1e6);
    metrics_observe(t->own, METRIC_COMMIT_DURATION, NULL, (double)batch.commit_us / 1e6);
}

void telemetry_drop(Telemetry *t) {
    if (!t)
        return;
    memset(t->n_pending_outcomes, 0, sizeof(t->n_pending_outcomes));
    memset(t->n_closed_outcomes, 0, sizeof(t->n_closed_outcomes));
    metrics_reset(t->pending);
    metrics_reset(t->closed);
}

/* --- what counts at once ----------------------------------------------------------------------------- */

void telemetry_transaction_failed(Telemetry *t) {
    if (t)
        metrics_add(t->own, METRIC_TRANSACTIONS_FAILED, NULL, 1);
}

void telemetry_order_given_up(Telemetry *t, const char *topic) {
    if (t)
        metrics_add(t->own, METRIC_ORDER_GIVEN_UP, VALUES(str_from(topic)), 1);
}

void telemetry_cache(Telemetry *t, EntityKind kind, size_t n, size_t n_missed) {
    if (!t)
        return;
    Str name = str_from(kinds[kind]);
    metrics_add(t->own, METRIC_CACHE_REQUESTS, VALUES(name, STR_LITERAL("hit")), (double)(n - n_missed));
    metrics_add(t->own, METRIC_CACHE_REQUESTS, VALUES(name, STR_LITERAL("miss")), (double)n_missed);
}

static const char *redis_error_name(int outcome) {
    return outcome == VIEW_E_UNREACHABLE ? "unreachable" : outcome == VIEW_E_REFUSED ? "refused" : outcome == VIEW_E_BEHIND ? "behind" : "foreign";
}

void telemetry_redis(Telemetry *t, RedisOperation operation, int64_t duration_us, int outcome) {
    if (!t)
        return;
    Str name = str_from(operations[operation]);
    metrics_observe(t->own, METRIC_REDIS_DURATION, &name, (double)duration_us / 1e6);
    if (outcome > 0)
        metrics_add(t->own, METRIC_REDIS_ERRORS, VALUES(name, str_from(redis_error_name(outcome))), 1);
}

void telemetry_view_delay(Telemetry *t, int64_t delay_ms) {
    if (t)
        metrics_observe(t->own, METRIC_VIEW_DELAY, NULL, (double)delay_ms / 1000);
}

static void take_brokers(Telemetry *t, Str client, const KafkaStatistics *s) {
    char id[24];
    metrics_set(t->own, METRIC_KAFKA_BROKERS, &client, (double)s->n_known);
    metrics_set(t->own, METRIC_KAFKA_BROKERS_UP, &client, (double)s->n_up);
    for (size_t i = 0; i < s->n_brokers; i++) {
        (void)snprintf(id, sizeof(id), "%" PRId64, s->brokers[i].id);
        metrics_set(t->own, METRIC_KAFKA_RTT_MEAN, VALUES(client, str_from(id)), (double)s->brokers[i].rtt_mean_us / 1e6);
        metrics_set(t->own, METRIC_KAFKA_RTT_P99, VALUES(client, str_from(id)), (double)s->brokers[i].rtt_p99_us / 1e6);
    }
}

static void show_transaction_states(Telemetry *t) {
    metrics_hide(t->own, METRIC_KAFKA_TRANSACTION_STATE);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
        if (t->transaction_states[i][0])
            metrics_set(t->own, METRIC_KAFKA_TRANSACTION_STATE, VALUES(str_from(clients[i]), str_from(t->transaction_states[i])), 1);
}

static void take_statistics(Telemetry *t, KafkaClient client, const KafkaStatistics *s) {
    Str name = str_from(clients[client]);
    const struct {
        MetricId metric;
        int64_t value;
    } figures[] = {
            {METRIC_KAFKA_QUEUE_MESSAGES, s->queue_messages},
            {METRIC_KAFKA_QUEUE_BYTES, s->queue_bytes},
            {METRIC_KAFKA_REPLY_QUEUE, s->reply_queue},
            {METRIC_KAFKA_DISCONNECTS, s->n_disconnects},
            {METRIC_KAFKA_SENT, s->sent_bytes},
            {METRIC_KAFKA_RECEIVED, s->received_bytes},
            {METRIC_KAFKA_MESSAGES_SENT, s->sent_messages},
            {METRIC_KAFKA_MESSAGES_RECEIVED, s->received_messages},
    };
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
        metrics_set(t->own, figures[i].metric, &name, (double)figures[i].value);
    metrics_set(t->own, METRIC_KAFKA_REQUEST_ERRORS, VALUES(name, STR_LITERAL("send")), (double)s->n_send_errors);
    metrics_set(t->own, METRIC_KAFKA_REQUEST_ERRORS, VALUES(name, STR_LITERAL("receive")), (double)s->n_receive_errors);
    metrics_set(t->own, METRIC_KAFKA_REQUEST_ERRORS, VALUES(name, STR_LITERAL("timeout")), (double)s->n_timeouts);
    take_brokers(t, name, s);
    if (s->has_group) {
        metrics_set(t->own, METRIC_KAFKA_GROUP_JOINED, NULL, s->is_joined);
        metrics_set(t->own, METRIC_KAFKA_REBALANCES, NULL, (double)s->n_rebalances);
    }
    memcpy(t->transaction_states[client], s->transaction_state, sizeof(s->transaction_state));
    show_transaction_states(t);
}

void telemetry_kafka(Telemetry *t, KafkaClient client, Str json) {
    KafkaStatistics statistics;
    if (!t || kafka_statistics_parse(&t->json, json, &statistics) != 0)
        return;
    take_statistics(t, client, &statistics);
    t->statistics_ms[client] = clock_monotonic_ms();
    if (client == KAFKA_CONSUMER)
        t->is_kafka_away = !statistics.is_connected;
}

void telemetry_forget_kafka(Telemetry *t) {
    static const MetricId gauges[] = {METRIC_KAFKA_BROKERS, METRIC_KAFKA_BROKERS_UP, METRIC_KAFKA_RTT_MEAN, METRIC_KAFKA_RTT_P99,
            METRIC_KAFKA_QUEUE_MESSAGES, METRIC_KAFKA_QUEUE_BYTES, METRIC_KAFKA_REPLY_QUEUE, METRIC_KAFKA_GROUP_JOINED,
            METRIC_KAFKA_TRANSACTION_STATE, METRIC_KAFKA_STATISTICS_AGE};
    if (!t)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(gauges); i++)
        metrics_hide(t->own, gauges[i]);
    for (size_t i = 0; i < ARRAY_SIZE(t->statistics_ms); i++)
        t->statistics_ms[i] = TIME_NONE;
    memset(t->transaction_states, 0, sizeof(t->transaction_states));
    t->is_kafka_away = false;
}

static void take_tracks(Telemetry *t, Str entity, const Track *tracks, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < tracks[i].n_transitions; k++) {
            const Transition *transition = &tracks[i].transitions[k];
            for (size_t from = 0; from < tracks[i].n_stages; from++)
                if (transition->from >> from & 1)
                    metrics_add(t->own, METRIC_TRANSITIONS,
                            VALUES(entity, tracks[i].id, tracks[i].stages[from].id, tracks[i].stages[transition->to].id), 0);
        }
}

void telemetry_take_model(Telemetry *t, const Model *model) {
    char version[24];
    if (!t)
        return;
    (void)snprintf(version, sizeof(version), "%" PRId64, model->version);
    metrics_hide(t->own, METRIC_MODEL_INFO);
    metrics_set(t->own, METRIC_MODEL_INFO, VALUES(model->id, str_from(version)), 1);
    for (size_t i = 0; i < model->n_policies; i++)
        for (int kind = 0; kind < _SLA_KIND_MAX; kind++)
            metrics_add(t->own, METRIC_SLA_EVENTS, VALUES(model->policies[i].id, str_from(sla_kind_name((SlaKind)kind))), 0);
    take_tracks(t, STR_LITERAL("lead"), model->tracks, model->n_tracks);
    take_tracks(t, STR_LITERAL("account"), model->account_tracks, model->n_account_tracks);
}

/* --- showing it -------------------------------------------------------------------------------------- */

void telemetry_note_progress(Telemetry *t, int64_t now_ms) {
    if (t)
        atomic_store_explicit(&t->progress_ms, now_ms, memory_order_relaxed);
}

bool telemetry_is_due(const Telemetry *t, int64_t now_ms) {
    return t && (t->shown_ms == TIME_NONE || now_ms - t->shown_ms >= SHOW_INTERVAL_MS);
}

Metrics *telemetry_metrics(Telemetry *t) {
    return t->own;
}

bool telemetry_is_kafka_away(const Telemetry *t) {
    return t->is_kafka_away;
}

void telemetry_show(Telemetry *t, const Health *health, int64_t now_ms) {
    if (!t)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(t->statistics_ms); i++)
        if (t->statistics_ms[i] != TIME_NONE)
            metrics_set(t->own, METRIC_KAFKA_STATISTICS_AGE, VALUES(str_from(clients[i])), (double)(now_ms - t->statistics_ms[i]) / 1000);
    t->shown_ms = now_ms;
    (void)pthread_mutex_lock(&t->lock);
    (void)!metrics_copy(t->shown, t->own); /* shows nothing where memory is short; the next one may */
    t->health = *health;
    (void)pthread_mutex_unlock(&t->lock);
}

int telemetry_copy(Telemetry *t, Metrics *ret, Health *ret_health) {
    (void)pthread_mutex_lock(&t->lock);
    int r = metrics_copy(ret, t->shown);
    *ret_health = t->health;
    (void)pthread_mutex_unlock(&t->lock);
    ret_health->progress_ms = atomic_load_explicit(&t->progress_ms, memory_order_relaxed);
    ret_health->stuck_after_ms = t->config->http_stuck_after_ms;
    return r;
}
