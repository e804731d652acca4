/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's thread owns the cache, the worker what it has to ask; between them are two lists under a lock: ids that are asked for, and
 * answers. The worker looks at the first, and the caller at the second, when something is not settled.
 */
#include "daemon/io/registry/registry_http.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/base/random.h"
#include "daemon/io/net/backoff.h"
#include "daemon/io/registry/registry_fetch.h"
#include "daemon/io/registry/schema_cache.h"

/* Ours: schemas of events that are in use at a time are a handful, and a plan takes some kilobytes. */
#define SCHEMAS_MAX 1000
#define BACKOFF_LEAST_MS 100
#define BACKOFF_MOST_MS 10000
/* Between the two questions that "there is none" needs. */
#define ABSENT_AGAIN_MS 1000
/* Without a thread: for so long a server that did not answer is not asked again. */
#define AWAY_MS 5000

typedef struct Answer {
    SchemaId id;
    int r; /* 0, -ENOMEM, or REGISTRY_FETCH_E_* */
    AvroPlan *plan;
    char *text;
} Answer;

/* The worker's: what it has to ask, and when. */
typedef struct Question {
    SchemaId id;
    int64_t due_ms;
    Backoff backoff;
    bool was_absent;
} Question;

typedef struct HttpRegistry {
    Registry registry;
    Registry *files;
    RegistryClient *client;
    RegistryOutput outputs[_OUTPUT_TYPE_MAX];
    SchemaCache *cache;
    void (*told)(RegistryNews news, const char *text);

    /* without a thread */
    int64_t away_until_ms;
    char away_text[REGISTRY_TEXT_SIZE];

    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock; /* of the four below */
    SchemaId *asked;
    size_t n_asked, n_asked_alloc;
    Answer *answers;
    size_t n_answers, n_answers_alloc;
    atomic_bool has_answers;

    /* the worker's */
    Question *questions;
    size_t n_questions, n_questions_alloc;
    bool is_away;
} HttpRegistry;

static void tell(const HttpRegistry *self, RegistryNews news, const char *text) {
    if (self->told)
        self->told(news, text);
}

static void tell_of(const HttpRegistry *self, RegistryNews news, const SchemaId *id, const char *text) {
    char name[SCHEMA_ID_TEXT_SIZE], whole[SCHEMA_ID_TEXT_SIZE + REGISTRY_TEXT_SIZE];
    schema_id_print(id, name);
    (void)snprintf(whole, sizeof(whole), "%s%s%s", name, text[0] ? ": " : "", text);
    tell(self, news, whole);
}

/* --- the worker -------------------------------------------------------------------------------------- */

/* What was asked for since is due now. 0 or -ENOMEM. */
static int take_questions(HttpRegistry *self) {
    int r = 0;
    (void)pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->n_asked && r == 0; i++) {
        r = array_reserve(&self->questions, &self->n_questions_alloc, self->n_questions, sizeof(*self->questions));
        if (r == 0)
            self->questions[self->n_questions++] =
                    (Question){.id = self->asked[i], .backoff = {.least_ms = BACKOFF_LEAST_MS, .most_ms = BACKOFF_MOST_MS}};
    }
    if (r == 0)
        self->n_asked = 0;
    (void)pthread_mutex_unlock(&self->lock);
    return r;
}

static Question *next_question(const HttpRegistry *self) {
    Question *next = NULL;
    for (size_t i = 0; i < self->n_questions; i++)
        if (!next || self->questions[i].due_ms < next->due_ms)
            next = &self->questions[i];
    return next;
}

/* Takes over the plan. */
static int give_answer(HttpRegistry *self, Question *question, int r, AvroPlan *plan, const char *text) {
    Answer answer = {.id = question->id, .r = r, .plan = plan, .text = strdup(text)};
    if (!answer.text)
        answer.r = -ENOMEM;
    (void)pthread_mutex_lock(&self->lock);
    int result = array_reserve(&self->answers, &self->n_answers_alloc, self->n_answers, sizeof(*self->answers));
    if (result == 0)
        self->answers[self->n_answers++] = answer;
    (void)pthread_mutex_unlock(&self->lock);
    if (result < 0) {
        avro_plan_free(answer.plan);
        free(answer.text);
        return result;
    }
    atomic_store(&self->has_answers, true);
    *question = self->questions[--self->n_questions];
    return 0;
}

static void postpone(HttpRegistry *self, Question *question, const char *text) {
    uint32_t lot = 0; /* the shortest wait, if there are none */
    (void)!random_bytes(&lot, sizeof(lot));
    question->due_ms = clock_monotonic_ms() + backoff_next(&question->backoff, lot);
    self->is_away = true;
    tell(self, REGISTRY_NEWS_AWAY, text);
}

/* It has answered one: the others need not wait. */
static void note_back(HttpRegistry *self) {
    if (!self->is_away)
        return;
    self->is_away = false;
    tell(self, REGISTRY_NEWS_BACK, "");
    for (size_t i = 0; i < self->n_questions; i++) {
        Question *question = &self->questions[i];
        question->due_ms = question->was_absent ? question->due_ms : 0;
        backoff_reset(&question->backoff);
    }
}

static int ask(HttpRegistry *self, Question *question) {
    char text[REGISTRY_TEXT_SIZE] = "";
    AvroPlan *plan = NULL;
    int r = registry_fetch_plan(self->client, &question->id, &plan, text);
    if (r == REGISTRY_CLIENT_E_STOPPED)
        return 0;
    if (r == REGISTRY_CLIENT_E_AWAY) {
        postpone(self, question, text);
        return 0;
    }
    if (r >= 0)
        note_back(self);
    if (r == REGISTRY_FETCH_E_ABSENT && !question->was_absent) {
        question->was_absent = true;
        question->due_ms = clock_monotonic_ms() + ABSENT_AGAIN_MS;
        return 0;
    }
    if (r >= 0)
        tell_of(self, r == 0 ? REGISTRY_NEWS_LEARNT : r == REGISTRY_FETCH_E_ABSENT ? REGISTRY_NEWS_ABSENT : REGISTRY_NEWS_UNUSABLE,
                &question->id, r == REGISTRY_FETCH_E_UNUSABLE ? text : "");
    return give_answer(self, question, r, plan, text);
}

/* Memory that runs out here is tried again: the process will notice it elsewhere, or there is some again. */
static void *work(void *userdata) {
    HttpRegistry *self = userdata;
    while (!registry_client_is_stopped(self->client)) {
        int r = take_questions(self);
        int64_t now_ms = clock_monotonic_ms();
        Question *question = next_question(self);
        if (r == 0 && question && question->due_ms <= now_ms)
            r = ask(self, question);
        else if (r == 0)
            registry_client_sleep(self->client, question ? question->due_ms - now_ms : INT64_MAX);
        if (r < 0)
            registry_client_sleep(self->client, BACKOFF_LEAST_MS);
    }
    return NULL;
}

/* --- the caller's side ------------------------------------------------------------------------------- */

/* Takes over plan and text. 0 or -ENOMEM, which was the answer's. */
static int settle(HttpRegistry *self, const Answer *answer) {
    static const struct {
        int r;
        SchemaState state;
    } states[] = {{0, SCHEMA_KNOWN}, {REGISTRY_FETCH_E_ABSENT, SCHEMA_UNKNOWN}, {REGISTRY_FETCH_E_UNUSABLE, SCHEMA_UNUSABLE}};
    CachedSchema *schema = schema_cache_find(self->cache, &answer->id);
    for (size_t i = 0; schema && i < ARRAY_SIZE(states); i++)
        if (states[i].r == answer->r) {
            schema_cache_settle(self->cache, schema, states[i].state, answer->plan, answer->text);
            return 0;
        }
    avro_plan_free(answer->plan);
    free(answer->text);
    return MIN(answer->r, 0);
}

static int take_answers(HttpRegistry *self) {
    int result = 0;
    if (!atomic_load_explicit(&self->has_answers, memory_order_acquire))
        return 0;
    atomic_store(&self->has_answers, false); /* before they are taken: what comes after that is told anew */
    (void)pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->n_answers; i++) {
        int r = settle(self, &self->answers[i]);
        result = r < 0 ? r : result;
    }
    self->n_answers = 0;
    (void)pthread_mutex_unlock(&self->lock);
    return result;
}

static int hand_over(HttpRegistry *self, const SchemaId *id) {
    (void)pthread_mutex_lock(&self->lock);
    int r = array_reserve(&self->asked, &self->n_asked_alloc, self->n_asked, sizeof(*self->asked));
    if (r == 0)
        self->asked[self->n_asked++] = *id;
    (void)pthread_mutex_unlock(&self->lock);
    if (r == 0)
        registry_client_wake(self->client);
    return r;
}

/* Without a thread: asks, and waits. It is settled afterwards, or the registry is away. */
static int ask_now(HttpRegistry *self, const SchemaId *id) {
    Answer answer = {.id = *id};
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < self->away_until_ms)
        return 0;
    answer.r = registry_fetch_plan(self->client, id, &answer.plan, self->away_text);
    if (answer.r == REGISTRY_CLIENT_E_AWAY || answer.r == REGISTRY_CLIENT_E_STOPPED) {
        self->away_until_ms = clock_monotonic_ms() + AWAY_MS;
        return 0;
    }
    answer.text = strdup(self->away_text);
    if (answer.r >= 0 && !answer.text)
        answer.r = -ENOMEM;
    return settle(self, &answer);
}

static int want(HttpRegistry *self, CachedSchema *schema) {
    int r = self->has_thread ? hand_over(self, &schema->id) : ask_now(self, &schema->id);
    return r < 0 ? r : schema->state != SCHEMA_WANTED;
}

static bool is_in_files(HttpRegistry *self, const SchemaId *id) {
    const AvroPlan *plan;
    const char *text;
    return registry_plan(self->files, id, &plan, &text) == 0;
}

static int http_settled(Registry *registry, const SchemaId *id) {
    HttpRegistry *self = (HttpRegistry *)registry;
    CachedSchema *schema = schema_cache_find(self->cache, id);
    if (schema && schema->state == SCHEMA_WANTED) {
        int r = take_answers(self);
        if (r < 0)
            return r;
    }
    if ((schema && schema->state != SCHEMA_WANTED) || is_in_files(self, id))
        return 1;
    if (schema && self->has_thread)
        return 0;
    int r = 0;
    if (!schema)
        schema = schema_cache_add(self->cache, id, &r);
    return schema ? want(self, schema) : r;
}

static int http_plan(Registry *registry, const SchemaId *id, const AvroPlan **ret, const char **ret_text) {
    HttpRegistry *self = (HttpRegistry *)registry;
    if (registry_plan(self->files, id, ret, ret_text) == 0)
        return 0;
    const CachedSchema *schema = schema_cache_find(self->cache, id);
    if (!schema || schema->state == SCHEMA_WANTED) {
        int r = http_settled(registry, id);
        if (r < 0)
            return r;
        *ret_text = self->away_text;
        if (r == 0)
            return REGISTRY_E_AWAY;
        schema = schema_cache_find(self->cache, id);
    }
    *ret = schema->plan;
    *ret_text = schema->text;
    return schema->state == SCHEMA_KNOWN ? 0 : schema->state == SCHEMA_UNKNOWN ? REGISTRY_E_UNKNOWN : REGISTRY_E_UNUSABLE;
}

static bool http_refresh(Registry *registry, int64_t now_ms) {
    return schema_cache_refresh(((HttpRegistry *)registry)->cache, now_ms);
}

static const RegistryOutput *http_outputs(Registry *registry) {
    return ((HttpRegistry *)registry)->outputs;
}

static void http_free(Registry *registry) {
    HttpRegistry *self = (HttpRegistry *)registry;
    if (self->has_thread) {
        registry_client_stop(self->client);
        (void)pthread_join(self->thread, NULL);
    }
    (void)pthread_mutex_destroy(&self->lock);
    for (size_t i = 0; i < self->n_answers; i++) {
        avro_plan_free(self->answers[i].plan);
        free(self->answers[i].text);
    }
    free(self->answers);
    free(self->asked);
    free(self->questions);
    schema_cache_free(self->cache);
    registry_client_free(self->client);
    registry_free(self->files);
    free(self);
}

static const RegistryOps http_ops = {
        .plan = http_plan,
        .settled = http_settled,
        .refresh = http_refresh,
        .outputs = http_outputs,
        .free = http_free,
};

/* Signals are the main thread's. */
static int start_thread(HttpRegistry *self) {
    sigset_t all, before;
    (void)sigfillset(&all);
    int r = -pthread_sigmask(SIG_SETMASK, &all, &before);
    if (r == 0)
        r = -pthread_create(&self->thread, NULL, work, self);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    self->has_thread = r == 0;
    return r;
}

int registry_http_new(RegistryHttpOptions *options, Registry **ret) {
    HttpRegistry *self = calloc(1, sizeof(*self));
    if (!self)
        return -ENOMEM;
    _cleanup_(registry_free) Registry *registry = &self->registry;
    registry->ops = &http_ops;
    (void)pthread_mutex_init(&self->lock, NULL);
    atomic_init(&self->has_answers, false);
    self->told = options->told;
    self->files = TAKE_PTR(options->files);
    self->client = TAKE_PTR(options->client);
    if (options->has_thread)
        registry_client_take_over(self->client);
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        self->outputs[i] = (RegistryOutput){.id = options->output_ids[i], .schema = registry_outputs(self->files)[i].schema};
    int r = schema_cache_new(SCHEMAS_MAX, &self->cache);
    if (r == 0)
        (void)schema_cache_refresh(self->cache, clock_monotonic_ms());
    if (r == 0 && options->has_thread)
        r = start_thread(self);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(registry);
    return 0;
}
