/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/producer.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/command/command.h"
#include "daemon/io/kafka/kafka_feed.h"
#include "daemon/io/registry/registry.h"
#include "daemon/web/parts.h"
#include "daemon/web/subject.h"

/* The pipeline goes first where both want the same core. */
#define NICE 10
/* After the last one has left: the page is loaded again, or a phone comes out of a pocket. */
#define LINGER_MS 30000
#define REFRESH_MS 1000
/* Of the time at most one part in so many is spent reading Redis. */
#define REFRESH_SHARE 5
#define PROGRESS_MS 1000
#define PROGRESS_TIMEOUT_MS 500
#define WAKE_MS 250
#define POLL_MS 50
/* Outputs taken in between two looks at everything else. */
#define POLL_OUTPUTS_MAX 1000
#define CONNECT_TIMEOUT_MS 3000
#define RETRY_MS 5000
#define HOT_LEADS 20
/* Of the past, all partitions of a topic together; and of one at least. */
#define RECENT_MAX 20000
#define RECENT_EACH_MIN 100
/* The past has been read when nothing more has come for so long. */
#define SETTLED_MS 200

struct Producer {
    ProducerOptions o;
    HttpServer *server;
    pthread_t thread;
    atomic_bool is_ending;

    /* what it works with, while somebody watches */
    Model *model;
    AvroOutputReader *reader;
    RedisBoard *board;
    KafkaFeed *feed; /* NULL: none yet */
    Top top;
    HotAccounts hot;
    Funnel funnel;
    Metrics *metrics;
    BoardShard shards[PARTS_SHARDS_MAX];
    int32_t n_shards;
    FeedProgress progress;
    JsonWriter writer;
    bool has_board;  /* the model ranks leads */
    bool is_changed; /* what is in the hub, since the server was woken */
    int64_t wanted_at_ms;                                      /* monotonic: when somebody was there last … */
    int64_t refresh_at_ms, progress_at_ms, wake_at_ms, feed_at_ms, model_at_ms; /* … and when next */
    int64_t heard_at_ms;  /* from the feed; 0: it has not been tried yet */
    int64_t refreshed_ms; /* wall clock; TIME_NONE: not yet */
};

static bool is_due(int64_t *at_ms, int64_t now_ms, int64_t interval_ms) {
    if (now_ms < *at_ms)
        return false;
    *at_ms = now_ms + interval_ms;
    return true;
}

/* --- beginning and end of a watch -------------------------------------------------------------------- */

static void take_model(Producer *p, Model *model) {
    hot_accounts_deinit(&p->hot);
    top_deinit(&p->top);
    model_free(p->model);
    p->model = model;
    p->has_board = top_init(&p->top, p->o.config, model, NULL);
    p->top.n_leads_wanted = HOT_LEADS;
}

static int begin(Producer *p) {
    char text[512];
    Model *model = NULL;
    int r = command_read_model(p->o.model_path, &model);
    if (r == 0 && !model)
        r = -EINVAL;
    if (r == 0)
        take_model(p, model);
    if (r == 0)
        r = telemetry_new_copy(&p->metrics);
    if (r == 0)
        r = redis_board_new(p->o.config, text, &p->board);
    if (r == 0)
        r = avro_output_reader_new(registry_outputs(p->o.registry), text, sizeof(text), &p->reader);
    p->funnel = FUNNEL_INIT;
    p->refreshed_ms = TIME_NONE;
    p->refresh_at_ms = p->progress_at_ms = p->feed_at_ms = p->model_at_ms = p->heard_at_ms = 0;
    return r;
}

static void end(Producer *p) {
    p->feed = kafka_feed_free(p->feed);
    p->reader = avro_output_reader_free(p->reader);
    p->board = redis_board_free(p->board);
    p->metrics = metrics_free(p->metrics);
    hot_accounts_deinit(&p->hot);
    top_deinit(&p->top);
    p->top = (Top){0};
    p->model = model_free(p->model);
    funnel_deinit(&p->funnel);
    p->progress = (FeedProgress){0};
    p->n_shards = 0;
    hub_clear(p->o.hub);
}

/* --- what is shown ----------------------------------------------------------------------------------- */

/* Takes what was written. */
static void publish(Producer *p, HubPart part) {
    if (!p->writer.error)
        p->is_changed |= hub_set(p->o.hub, part, (Str){p->writer.data, p->writer.len});
    json_writer_reset(&p->writer);
}

static void publish_status(Producer *p, int64_t now_ms) {
    PartsStatus status = {
            .now_ms = clock_wall_ms(),
            .refreshed_ms = p->refreshed_ms,
            .monotonic_ms = now_ms,
            .n_watchers = hub_n_watchers(p->o.hub),
            .n_shards = p->n_shards,
            .shards = p->shards,
            .n_shards_known = MIN(p->n_shards, (int32_t)PARTS_SHARDS_MAX),
            .lags = p->progress.lags,
            .n_lags = p->progress.n_lags,
    };
    if (telemetry_copy(p->o.telemetry, p->metrics, &status.health) < 0)
        return; /* later, when there is memory */
    parts_status(&p->writer, &p->top, &status);
    publish(p, HUB_STATUS);
}

static void publish_all(Producer *p, int64_t now_ms) {
    int64_t wall_ms = clock_wall_ms();
    parts_hello(&p->writer, &p->top);
    publish(p, HUB_HELLO);
    parts_leads(&p->writer, &p->top, wall_ms);
    publish(p, HUB_LEADS);
    parts_accounts(&p->writer, p->model, &p->hot, wall_ms);
    publish(p, HUB_ACCOUNTS);
    parts_clocks(&p->writer, &p->top);
    publish(p, HUB_CLOCKS);
    if (p->heard_at_ms > 0) { /* before that it is not empty but unknown */
        parts_funnel(&p->writer, &p->funnel, wall_ms);
        publish(p, HUB_FUNNEL);
    }
    publish_status(p, now_ms);
}

/* --- Redis ------------------------------------------------------------------------------------------- */

/* The daemon has another version: the file may have it by now. */
static void follow_model(Producer *p, const BoardInfo *info, int64_t now_ms) {
    Model *model = NULL;
    if (info->n_shards == 0 || info->model_version == p->model->version || !is_due(&p->model_at_ms, now_ms, RETRY_MS))
        return;
    if (command_read_model(p->o.model_path, &model) == 0 && model && model->version == info->model_version)
        take_model(p, model);
    else
        model_free(model);
}

/* 0, VIEW_E_* with the text as the board's status, or -ENOMEM. */
static int read_rest(Producer *p, int64_t wall_ms) {
    BoardInfo info;
    char *text = p->top.status;
    int r = redis_board_info(p->board, "", text, &info);
    if (r != 0)
        return r;
    p->n_shards = info.n_shards;
    follow_model(p, &info, clock_monotonic_ms());
    r = redis_board_shards(p->board, MIN(p->n_shards, (int32_t)PARTS_SHARDS_MAX), text, p->shards);
    if (r == 0 && p->n_shards > 0)
        r = hot_accounts_refresh(&p->hot, p->board, p->model, wall_ms, text);
    return r;
}

static void refresh(Producer *p) {
    int64_t begun_ms = clock_monotonic_ms(), wall_ms = clock_wall_ms();
    char status[REDIS_TEXT_SIZE] = "";
    int r = p->has_board ? top_refresh(&p->top, p->board, true, wall_ms) : 0;
    bool is_read = r == 0 && p->top.status[0] == '\0';
    memcpy(status, p->top.status, sizeof(status));
    if (r == 0)
        r = read_rest(p, wall_ms);
    if (status[0]) /* what was wrong first */
        memcpy(p->top.status, status, sizeof(status));
    if (r == 0 && is_read)
        p->refreshed_ms = wall_ms;
    int64_t now_ms = clock_monotonic_ms();
    p->refresh_at_ms = latest(begun_ms + REFRESH_MS, now_ms + REFRESH_SHARE * (now_ms - begun_ms));
    publish_all(p, now_ms);
}

/* --- Kafka ------------------------------------------------------------------------------------------- */

static void open_feed(Producer *p, int64_t now_ms) {
    char text[KAFKA_TEXT_SIZE];
    FeedRecent recent = {
            .since_ms = clock_wall_ms() - FUNNEL_SPAN_MS,
            .n_each = MAX(RECENT_MAX / MAX(p->n_shards, 1), RECENT_EACH_MIN),
    };
    int r = kafka_feed_new_recent(p->o.config, p->reader, (1U << _OUTPUT_TYPE_MAX) - 1, recent, NULL, CONNECT_TIMEOUT_MS, text, &p->feed);
    if (r != 0)
        (void)snprintf(p->top.feed_status, sizeof(p->top.feed_status), "Kafka: %.400s", r < 0 ? strerror(-r) : text);
    p->feed_at_ms = now_ms + RETRY_MS;
    p->heard_at_ms = clock_monotonic_ms();
    p->refresh_at_ms = 0; /* what is known now is shown at once */
}

static void take_output(Producer *p, const FeedPoll *poll) {
    (void)top_note_output(&p->top, &poll->output, poll->timestamp_ms);
    int r = funnel_note(&p->funnel, &poll->output, poll->timestamp_ms);
    if (r == 0)
        r = parts_news(&p->writer, &poll->output, poll->timestamp_ms);
    if (r == 0)
        p->is_changed |= hub_add_news(p->o.hub, latest(poll->timestamp_ms, 0), (Str){p->writer.data, p->writer.len});
    json_writer_reset(&p->writer);
}

static void poll_feed(Producer *p) {
    FeedPoll poll;
    int timeout_ms = POLL_MS;
    for (int i = 0; i < POLL_OUTPUTS_MAX; i++) {
        kafka_feed_poll(p->feed, timeout_ms, &poll);
        if (poll.type == FEED_NOTHING)
            return;
        if (poll.type == FEED_OUTPUT)
            take_output(p, &poll);
        else if (poll.type == FEED_BROKEN)
            p->top.counts.broken++;
        else if (poll.type == FEED_ERROR)
            (void)snprintf(p->top.feed_status, sizeof(p->top.feed_status), "Kafka: %.400s", poll.text);
        p->heard_at_ms = clock_monotonic_ms();
        timeout_ms = 0;
    }
}

static void ask_progress(Producer *p, int64_t now_ms) {
    char text[KAFKA_TEXT_SIZE];
    if (kafka_feed_progress(p->feed, PROGRESS_TIMEOUT_MS, text, &p->progress) == 0) {
        p->top.feed_status[0] = '\0';
        top_note_progress(&p->top, p->progress.n_records, p->progress.lag, now_ms);
        return;
    }
    (void)snprintf(p->top.feed_status, sizeof(p->top.feed_status), "Kafka: %.400s", text);
    top_forget_progress(&p->top);
    p->progress = (FeedProgress){0};
}

/* --- questions --------------------------------------------------------------------------------------- */

static void answer_subject(Producer *p, const Ticket *ticket, DeskAnswer *answer) {
    char text[REDIS_TEXT_SIZE];
    BoardInfo info = {0};
    WebSubject subject = {
            .config = p->o.config,
            .model = p->model,
            .board = p->board,
            .kind = ticket_question(ticket) == DESK_LEAD ? ENTITY_LEAD : ENTITY_ACCOUNT,
            .id = ticket_id(ticket),
            .now_ms = clock_wall_ms(),
    };
    JsonWriter writer = JSON_WRITER_INIT;
    if (redis_board_info(p->board, "", text, &info) != 0 || info.n_shards == 0)
        return;
    subject.n_shards = info.n_shards;
    web_subject(&writer, &subject, &answer->status);
    if (writer.error)
        json_writer_deinit(&writer);
    else
        answer->body = TAKE_PTR(writer.data);
    answer->body_len = writer.len;
}

static bool is_settled(const Producer *p) {
    return p->heard_at_ms > 0 && clock_monotonic_ms() - p->heard_at_ms >= SETTLED_MS;
}

static void answer_questions(Producer *p) {
    bool is_any = false;
    for (Ticket *ticket; (ticket = desk_next(p->o.desk, is_settled(p)));) {
        DeskAnswer answer = {.status = 503};
        if (ticket_question(ticket) != DESK_STATE)
            answer_subject(p, ticket, &answer);
        else if (hub_state(p->o.hub, &answer.body, &answer.body_len) == 0 && answer.body)
            answer.status = 200;
        desk_answer(p->o.desk, ticket, answer);
        is_any = true;
    }
    if (is_any)
        http_server_wake(p->server);
}

/* Nothing can be said at present. */
static void refuse_questions(Producer *p) {
    for (Ticket *ticket; (ticket = desk_next(p->o.desk, true));)
        desk_answer(p->o.desk, ticket, (DeskAnswer){.status = 503});
    http_server_wake(p->server);
}

/* --- the loop ---------------------------------------------------------------------------------------- */

static bool is_wanted(Producer *p, int64_t now_ms) {
    if (hub_n_watchers(p->o.hub) > 0 || desk_is_open(p->o.desk))
        p->wanted_at_ms = now_ms;
    return p->wanted_at_ms > 0 && now_ms - p->wanted_at_ms < LINGER_MS;
}

static void turn(Producer *p) {
    if (p->feed)
        poll_feed(p);
    else
        desk_wait(p->o.desk, p->heard_at_ms == 0 ? 0 : POLL_MS); /* at once in the beginning */
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms >= p->refresh_at_ms)
        refresh(p);
    answer_questions(p);
    if (p->is_changed && is_due(&p->wake_at_ms, now_ms, WAKE_MS)) {
        p->is_changed = false;
        http_server_wake(p->server);
    }
    if (!p->feed && now_ms >= p->feed_at_ms)
        open_feed(p, now_ms);
    if (p->feed && is_due(&p->progress_at_ms, now_ms, PROGRESS_MS))
        ask_progress(p, now_ms);
}

static void watch(Producer *p) {
    int r = begin(p);
    while (r == 0 && !p->is_ending && is_wanted(p, clock_monotonic_ms()))
        turn(p);
    end(p);
    /* Out of memory, or the model's file is being written: what there is to show will be there in a while. */
    if (r != 0 && !p->is_ending) {
        refuse_questions(p);
        desk_wait(p->o.desk, RETRY_MS);
    }
}

static void *work(void *userdata) {
    Producer *p = userdata;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* of this thread, and of those that its clients start */
    while (!p->is_ending)
        if (is_wanted(p, clock_monotonic_ms()))
            watch(p);
        else
            desk_wait(p->o.desk, -1);
    return NULL;
}

int producer_new(const ProducerOptions *options, HttpServer *server, Producer **ret) {
    sigset_t all, before;
    Producer *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->o = *options;
    p->server = server;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the pipeline's thread */
    int error = pthread_create(&p->thread, NULL, work, p);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        free(p);
        return -error;
    }
    *ret = p;
    return 0;
}

Producer *producer_free(Producer *p) {
    if (!p)
        return NULL;
    p->is_ending = true;
    desk_nudge(p->o.desk);
    (void)pthread_join(p->thread, NULL);
    json_writer_deinit(&p->writer);
    return free_null(p);
}
