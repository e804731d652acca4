/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Series are found by a hash over metric and labels, in a table that is never more than half full. Everything is in arrays that refer to
 * each other by index, so that a copy is a copy of bytes.
 */
#include "daemon/service/metrics.h"

#define SLOTS_MIN 256
#define SLOT_FREE UINT32_MAX

typedef struct Series {
    uint64_t hash;
    uint32_t metric;
    uint32_t next; /* of the same metric, from 1; 0: none */
    uint32_t labels_at, labels_len; /* each value with a NUL behind */
    uint32_t values_at;             /* the value; or a histogram's buckets, and its sum */
    bool is_shown;
} Series;

/* Of one metric. */
typedef struct Family {
    uint32_t first, last; /* from 1; 0: none */
    uint32_t n;
} Family;

struct Metrics {
    const Metric *table;
    size_t n_table;
    Family *families;
    Series *series;
    size_t n_series, n_series_alloc;
    double *values;
    size_t n_values, n_values_alloc;
    char *labels;
    size_t n_labels, n_labels_alloc;
    uint32_t *slots;
    size_t n_slots; /* a power of two */
    double n_left_out;
};

static const char *const type_names[] = {[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
static_assert(ARRAY_SIZE(type_names) == _METRIC_TYPE_MAX, "a name for each type");

const char *metric_type_name(MetricType type) {
    return type_names[type];
}

static size_t count_labels(const Metric *metric) {
    size_t n = 0;
    while (n < METRIC_LABELS_MAX && metric->labels[n])
        n++;
    return n;
}

static size_t count_values(const Metric *metric) {
    return metric->type == METRIC_HISTOGRAM ? metric->n_bounds + 2 : 1;
}

int metrics_new(const Metric *table, size_t n, Metrics **ret) {
    _cleanup_(metrics_free) Metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics)
        return -ENOMEM;
    metrics->table = table;
    metrics->n_table = n;
    metrics->families = calloc(n, sizeof(*metrics->families));
    metrics->n_slots = SLOTS_MIN;
    metrics->slots = malloc(metrics->n_slots * sizeof(*metrics->slots));
    if (!metrics->families || !metrics->slots)
        return -ENOMEM;
    memset(metrics->slots, 0xFF, metrics->n_slots * sizeof(*metrics->slots));
    *ret = TAKE_PTR(metrics);
    return 0;
}

Metrics *metrics_free(Metrics *metrics) {
    if (!metrics)
        return NULL;
    free(metrics->families);
    free(metrics->series);
    free(metrics->values);
    free(metrics->labels);
    free(metrics->slots);
    free(metrics);
    return NULL;
}

/* --- series ------------------------------------------------------------------------------------------ */

/* The labels as they are kept. */
typedef struct LabelKey {
    char bytes[METRIC_LABELS_MAX * (METRIC_LABEL_LEN_MAX + 1)];
    size_t len;
    uint64_t hash;
} LabelKey;

static void make_key(const Metric *metric, size_t id, const Str *labels, LabelKey *ret) {
    size_t n = count_labels(metric);
    ret->len = 0;
    for (size_t i = 0; i < n; i++) {
        /* a NUL within would end it */
        size_t len = labels[i].data ? strnlen(labels[i].data, str_cut(labels[i], METRIC_LABEL_LEN_MAX)) : 0;
        if (len)
            memcpy(ret->bytes + ret->len, labels[i].data, len);
        ret->len += len;
        ret->bytes[ret->len++] = '\0';
    }
    /* FNV-1a: how many there are is bounded, whoever chooses them. */
    ret->hash = (UINT64_C(14695981039346656037) ^ id) * UINT64_C(1099511628211);
    for (size_t i = 0; i < ret->len; i++)
        ret->hash = (ret->hash ^ (uint8_t)ret->bytes[i]) * UINT64_C(1099511628211);
}

/* Where it is, or would be. */
static uint32_t *find_slot(const Metrics *metrics, size_t id, const LabelKey *key) {
    for (size_t i = key->hash;; i++) {
        uint32_t *slot = &metrics->slots[i & (metrics->n_slots - 1)];
        if (*slot == SLOT_FREE)
            return slot;
        const Series *series = &metrics->series[*slot];
        if (series->hash == key->hash && series->metric == id && series->labels_len == key->len &&
                memcmp(metrics->labels + series->labels_at, key->bytes, key->len) == 0)
            return slot;
    }
}

static int grow_slots(Metrics *metrics) {
    size_t n = 2 * metrics->n_slots;
    uint32_t *slots = malloc(n * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    memset(slots, 0xFF, n * sizeof(*slots));
    for (size_t k = 0; k < metrics->n_series; k++) {
        size_t i = metrics->series[k].hash;
        while (slots[i & (n - 1)] != SLOT_FREE)
            i++;
        slots[i & (n - 1)] = (uint32_t)k;
    }
    free(metrics->slots);
    metrics->slots = slots;
    metrics->n_slots = n;
    return 0;
}

/* Room for `n` elements more. */
static int reserve(void *array_pp, size_t *n_alloc, size_t n_used, size_t n, size_t element_size) {
    int r = 0;
    while (r == 0 && *n_alloc < n_used + n)
        r = array_reserve(array_pp, n_alloc, *n_alloc, element_size);
    return r;
}

static int add_series(Metrics *metrics, size_t id, const LabelKey *key) {
    const Metric *metric = &metrics->table[id];
    Family *family = &metrics->families[id];
    size_t n_values = count_values(metric);
    int r = reserve(&metrics->series, &metrics->n_series_alloc, metrics->n_series, 1, sizeof(*metrics->series));
    if (r == 0)
        r = reserve(&metrics->values, &metrics->n_values_alloc, metrics->n_values, n_values, sizeof(*metrics->values));
    if (r == 0)
        r = reserve(&metrics->labels, &metrics->n_labels_alloc, metrics->n_labels, key->len, 1);
    if (r < 0)
        return r;
    if (key->len)
        memcpy(metrics->labels + metrics->n_labels, key->bytes, key->len);
    memset(metrics->values + metrics->n_values, 0, n_values * sizeof(*metrics->values));
    metrics->series[metrics->n_series] = (Series){.hash = key->hash, .metric = (uint32_t)id, .labels_at = (uint32_t)metrics->n_labels,
            .labels_len = (uint32_t)key->len, .values_at = (uint32_t)metrics->n_values};
    metrics->n_labels += key->len;
    metrics->n_values += n_values;
    metrics->n_series++;
    if (family->last)
        metrics->series[family->last - 1].next = (uint32_t)metrics->n_series;
    else
        family->first = (uint32_t)metrics->n_series;
    family->last = (uint32_t)metrics->n_series;
    family->n++;
    return 0;
}

static size_t find_or_add(Metrics *metrics, size_t id, const LabelKey *key) {
    uint32_t *slot = find_slot(metrics, id, key);
    if (*slot != SLOT_FREE)
        return *slot;
    bool has_room = metrics->families[id].n < metrics->table[id].series_max;
    if (has_room && 2 * (metrics->n_series + 1) > metrics->n_slots) {
        has_room = grow_slots(metrics) == 0;
        slot = find_slot(metrics, id, key);
    }
    if (!has_room || add_series(metrics, id, key) < 0) {
        metrics->n_left_out++;
        return METRICS_NONE;
    }
    *slot = (uint32_t)(metrics->n_series - 1);
    return *slot;
}

size_t metrics_series(Metrics *metrics, size_t id, const Str *labels) {
    LabelKey key;
    assert(id < metrics->n_table);
    make_key(&metrics->table[id], id, labels, &key);
    return find_or_add(metrics, id, &key);
}

/* --- values ------------------------------------------------------------------------------------------ */

static double *show(Metrics *metrics, size_t series) {
    metrics->series[series].is_shown = true;
    return &metrics->values[metrics->series[series].values_at];
}

void metrics_add_to(Metrics *metrics, size_t series, double value) {
    if (series != METRICS_NONE)
        *show(metrics, series) += value;
}

void metrics_set_to(Metrics *metrics, size_t series, double value) {
    if (series != METRICS_NONE)
        *show(metrics, series) = value;
}

void metrics_observe_to(Metrics *metrics, size_t series, double value) {
    if (series == METRICS_NONE)
        return;
    const Metric *metric = &metrics->table[metrics->series[series].metric];
    double *values = show(metrics, series);
    size_t i = 0;
    while (i < metric->n_bounds && !(value <= metric->bounds[i]))
        i++;
    values[i]++;
    values[metric->n_bounds + 1] += value;
}

void metrics_add(Metrics *metrics, size_t id, const Str *labels, double value) {
    metrics_add_to(metrics, metrics_series(metrics, id, labels), value);
}

void metrics_set(Metrics *metrics, size_t id, const Str *labels, double value) {
    metrics_set_to(metrics, metrics_series(metrics, id, labels), value);
}

void metrics_observe(Metrics *metrics, size_t id, const Str *labels, double value) {
    metrics_observe_to(metrics, metrics_series(metrics, id, labels), value);
}

/* --- the whole --------------------------------------------------------------------------------------- */

void metrics_hide(Metrics *metrics, size_t id) {
    for (uint32_t at = metrics->families[id].first; at; at = metrics->series[at - 1].next)
        metrics->series[at - 1].is_shown = false;
}

void metrics_reset(Metrics *metrics) {
    for (size_t i = 0; i < metrics->n_series; i++)
        metrics->series[i].is_shown = false;
    if (metrics->n_values)
        memset(metrics->values, 0, metrics->n_values * sizeof(*metrics->values));
    metrics->n_left_out = 0;
}

static void move_series(Metrics *to, const Metrics *from, const Series *series) {
    const Metric *metric = &from->table[series->metric];
    LabelKey key = {.len = series->labels_len, .hash = series->hash};
    if (series->labels_len)
        memcpy(key.bytes, from->labels + series->labels_at, series->labels_len);
    size_t at = find_or_add(to, series->metric, &key);
    if (at == METRICS_NONE)
        return;
    double *values = show(to, at);
    const double *added = &from->values[series->values_at];
    for (size_t i = 0; i < count_values(metric); i++)
        values[i] = metric->type == METRIC_GAUGE ? added[i] : values[i] + added[i];
}

void metrics_move(Metrics *to, Metrics *from) {
    assert(to->table == from->table);
    for (size_t i = 0; i < from->n_series; i++)
        if (from->series[i].is_shown)
            move_series(to, from, &from->series[i]);
    to->n_left_out += from->n_left_out;
    metrics_reset(from);
}

static int copy_array(void *array_pp, size_t *n_alloc, size_t *n_used, const void *from, size_t n, size_t element_size) {
    int r = reserve(array_pp, n_alloc, 0, n, element_size);
    void *to;
    memcpy(&to, array_pp, sizeof(to));
    if (r == 0 && n)
        memcpy(to, from, n * element_size);
    *n_used = r == 0 ? n : 0;
    return r;
}

int metrics_copy(Metrics *to, const Metrics *from) {
    assert(to->table == from->table);
    int r = copy_array(&to->series, &to->n_series_alloc, &to->n_series, from->series, from->n_series, sizeof(*to->series));
    if (r == 0)
        r = copy_array(&to->values, &to->n_values_alloc, &to->n_values, from->values, from->n_values, sizeof(*to->values));
    if (r == 0)
        r = copy_array(&to->labels, &to->n_labels_alloc, &to->n_labels, from->labels, from->n_labels, 1);
    if (r == 0 && to->n_slots < from->n_slots) {
        uint32_t *slots = realloc(to->slots, from->n_slots * sizeof(*slots));
        r = slots ? 0 : -ENOMEM;
        to->slots = slots ? slots : to->slots;
    }
    if (r < 0) {
        to->n_series = to->n_values = to->n_labels = 0;
        memset(to->families, 0, to->n_table * sizeof(*to->families));
        memset(to->slots, 0xFF, to->n_slots * sizeof(*to->slots));
        return r;
    }
    to->n_slots = from->n_slots; /* a registry only grows */
    memcpy(to->slots, from->slots, from->n_slots * sizeof(*to->slots));
    memcpy(to->families, from->families, to->n_table * sizeof(*to->families));
    to->n_left_out = from->n_left_out;
    return 0;
}

double metrics_left_out(const Metrics *metrics) {
    return metrics->n_left_out;
}

size_t metrics_count(const Metrics *metrics) {
    return metrics->n_table;
}

const Metric *metrics_metric(const Metrics *metrics, size_t id) {
    return &metrics->table[id];
}

bool metrics_next(const Metrics *metrics, size_t id, size_t *iterator, MetricSample *ret) {
    const Metric *metric = &metrics->table[id];
    uint32_t at = *iterator ? metrics->series[*iterator - 1].next : metrics->families[id].first;
    while (at && !metrics->series[at - 1].is_shown)
        at = metrics->series[at - 1].next;
    if (!at)
        return false;
    const Series *series = &metrics->series[at - 1];
    *iterator = at;
    for (size_t i = 0, label_at = series->labels_at; i < count_labels(metric); i++) {
        ret->labels[i] = str_from(&metrics->labels[label_at]);
        label_at += ret->labels[i].len + 1;
    }
    ret->counts = &metrics->values[series->values_at];
    ret->value = ret->counts[0];
    ret->sum = metric->type == METRIC_HISTOGRAM ? ret->counts[metric->n_bounds + 1] : 0;
    return true;
}
