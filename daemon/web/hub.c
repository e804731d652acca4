/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/hub.h"

#include <pthread.h>
#include <stdio.h>

static const char *const part_names[_HUB_PART_MAX] = {"hello", "status", "leads", "accounts", "clocks", "funnel"};

typedef struct Piece {
    char *data; /* owned; NULL: there is none */
    size_t len, n_alloc;
    uint64_t version; /* of all that was ever set; 0: never */
    int64_t at_ms;    /* of news */
} Piece;

typedef struct Watcher {
    Hub *hub;
    uint64_t seen; /* the greatest version that it was sent */
    char *out;     /* what it is being sent */
    size_t len, n_alloc, at;
} Watcher;

struct Hub {
    pthread_mutex_t lock;
    Piece parts[_HUB_PART_MAX];
    Piece news[HUB_NEWS_MAX]; /* the latest first */
    size_t n_news, n_watchers;
    uint64_t version; /* the greatest that was given; 1: none yet, so that who has seen nothing has seen less */
};

int hub_new(Hub **ret) {
    Hub *hub = calloc(1, sizeof(*hub));
    if (!hub)
        return -ENOMEM;
    (void)pthread_mutex_init(&hub->lock, NULL);
    hub->version = 1;
    *ret = hub;
    return 0;
}

Hub *hub_free(Hub *hub) {
    if (!hub)
        return NULL;
    assert(hub->n_watchers == 0);
    hub_clear(hub);
    (void)pthread_mutex_destroy(&hub->lock);
    return free_null(hub);
}

void hub_clear(Hub *hub) {
    (void)pthread_mutex_lock(&hub->lock);
    for (size_t i = 0; i < _HUB_PART_MAX; i++) {
        free(hub->parts[i].data);
        hub->parts[i] = (Piece){0};
    }
    for (size_t i = 0; i < hub->n_news; i++)
        free(hub->news[i].data);
    hub->n_news = 0;
    (void)pthread_mutex_unlock(&hub->lock);
}

/* --- what there is ----------------------------------------------------------------------------------- */

static bool set_piece(Hub *hub, Piece *piece, Str json) {
    if (json.len > piece->n_alloc || !piece->data) {
        char *data = realloc(piece->data, json.len + 1);
        if (!data)
            return false;
        piece->data = data;
        piece->n_alloc = json.len;
    }
    memcpy(piece->data, json.data, json.len);
    piece->len = json.len;
    piece->version = ++hub->version;
    return true;
}

bool hub_set(Hub *hub, HubPart part, Str json) {
    (void)pthread_mutex_lock(&hub->lock);
    Piece *piece = &hub->parts[part];
    bool is_new = !piece->data || !str_eq((Str){piece->data, piece->len}, json);
    is_new = is_new && set_piece(hub, piece, json);
    (void)pthread_mutex_unlock(&hub->lock);
    return is_new;
}

bool hub_add_news(Hub *hub, int64_t at_ms, Str json) {
    Piece piece = {.at_ms = at_ms};
    (void)pthread_mutex_lock(&hub->lock);
    size_t i = 0;
    while (i < hub->n_news && hub->news[i].at_ms > at_ms)
        i++;
    bool is_kept = i < HUB_NEWS_MAX && set_piece(hub, &piece, json);
    if (is_kept) {
        if (hub->n_news == HUB_NEWS_MAX)
            free(hub->news[--hub->n_news].data);
        memmove(&hub->news[i + 1], &hub->news[i], (hub->n_news - i) * sizeof(*hub->news));
        hub->news[i] = piece;
        hub->n_news++;
    }
    (void)pthread_mutex_unlock(&hub->lock);
    return is_kept;
}

/* --- sending it -------------------------------------------------------------------------------------- */

/* Appends, if there is memory: else false. */
static bool append(Watcher *w, const char *data, size_t len) {
    if (w->n_alloc - w->len < len) {
        size_t n_alloc = 2 * (w->len + len);
        char *out = realloc(w->out, n_alloc);
        if (!out)
            return false;
        w->out = out;
        w->n_alloc = n_alloc;
    }
    memcpy(w->out + w->len, data, len);
    w->len += len;
    return true;
}

static bool append_text(Watcher *w, const char *text) {
    return append(w, text, strlen(text));
}

static bool append_part(Watcher *w, const char *name, const Piece *piece) {
    return append_text(w, "event: ") && append_text(w, name) && append_text(w, "\ndata: ") && append(w, piece->data, piece->len) &&
           append_text(w, "\n\n");
}

/* News that are newer than `seen`, as items of a JSON array. */
static bool append_news(Watcher *w, uint64_t seen, size_t *ret_n) {
    bool is_good = true;
    *ret_n = 0;
    for (size_t i = 0; i < w->hub->n_news && is_good; i++) {
        const Piece *piece = &w->hub->news[i];
        if (piece->version > seen)
            is_good = (++*ret_n == 1 || append_text(w, ",")) && append(w, piece->data, piece->len);
    }
    return is_good;
}

/* All that the watcher has not seen yet. False: out of memory. */
static bool compose(Watcher *w) {
    Hub *hub = w->hub;
    size_t n = 0, begin;
    w->len = w->at = 0;
    bool is_good = w->seen > 0 || append_text(w, "retry: 2000\n\n");
    for (size_t i = 0; i < _HUB_PART_MAX && is_good; i++)
        if (hub->parts[i].data && hub->parts[i].version > w->seen)
            is_good = append_part(w, part_names[i], &hub->parts[i]);
    begin = w->len;
    is_good = is_good && append_text(w, "event: news\ndata: [") && append_news(w, w->seen, &n) && append_text(w, "]\n\n");
    if (n == 0)
        w->len = begin;
    w->seen = hub->version;
    return is_good;
}

static ssize_t read_watcher(void *userdata, char *buffer, size_t size) {
    Watcher *w = userdata;
    bool is_good = true;
    if (w->at == w->len) {
        (void)pthread_mutex_lock(&w->hub->lock);
        is_good = compose(w);
        (void)pthread_mutex_unlock(&w->hub->lock);
    }
    if (!is_good)
        return -1;
    size_t n = MIN(w->len - w->at, size);
    if (n > 0)
        memcpy(buffer, w->out + w->at, n);
    w->at += n;
    return (ssize_t)n;
}

static void end_watcher(void *userdata) {
    Watcher *w = userdata;
    (void)pthread_mutex_lock(&w->hub->lock);
    w->hub->n_watchers--;
    (void)pthread_mutex_unlock(&w->hub->lock);
    free(w->out);
    free(w);
}

int hub_watch(Hub *hub, HttpStream *ret) {
    Watcher *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->hub = hub;
    (void)pthread_mutex_lock(&hub->lock);
    bool is_full = hub->n_watchers >= HUB_WATCHERS_MAX;
    hub->n_watchers += !is_full;
    (void)pthread_mutex_unlock(&hub->lock);
    if (is_full) {
        free(w);
        return -EBUSY;
    }
    *ret = (HttpStream){read_watcher, end_watcher, w};
    return 0;
}

size_t hub_n_watchers(Hub *hub) {
    (void)pthread_mutex_lock(&hub->lock);
    size_t n = hub->n_watchers;
    (void)pthread_mutex_unlock(&hub->lock);
    return n;
}

static bool compose_state(Watcher *w) {
    size_t n;
    bool is_good = append_text(w, "{");
    for (size_t i = 0; i < _HUB_PART_MAX && is_good; i++)
        is_good = append_text(w, "\"") && append_text(w, part_names[i]) && append_text(w, "\":") &&
                  append(w, w->hub->parts[i].data, w->hub->parts[i].len) && append_text(w, ",");
    return is_good && append_text(w, "\"news\":[") && append_news(w, 0, &n) && append_text(w, "]}\n");
}

int hub_state(Hub *hub, char **ret, size_t *ret_len) {
    Watcher w = {.hub = hub};
    bool is_whole = true, is_good = true;
    (void)pthread_mutex_lock(&hub->lock);
    for (size_t i = 0; i < _HUB_PART_MAX; i++)
        is_whole = is_whole && hub->parts[i].data;
    if (is_whole)
        is_good = compose_state(&w);
    (void)pthread_mutex_unlock(&hub->lock);
    if (!is_good) {
        free(w.out);
        return -ENOMEM;
    }
    *ret = w.out;
    *ret_len = w.len;
    return 0;
}
