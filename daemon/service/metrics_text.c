/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/metrics_text.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "daemon/io/json/json_reader.h"

#define REPLACEMENT "\xEF\xBF\xBD"
#define NUMBER_SIZE 32
/* Whole numbers up to here are told digit by digit, and are exact. */
#define WHOLE_MAX 9007199254740992.0

static const char *const content_types[] = {
        [METRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
        [METRICS_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};
static_assert(ARRAY_SIZE(content_types) == _METRICS_FORMAT_MAX, "a type for each format");

const char *metrics_text_content_type(MetricsFormat format) {
    return content_types[format];
}

/* --- what is asked for ------------------------------------------------------------------------------- */

/* Of one range of an Accept header, "type/subtype;q=0.5;…", `len` bytes. */
static double quality(const char *range, size_t len) {
    const char *end = range + len;
    for (const char *at = memchr(range, ';', len); at; at = memchr(at, ';', (size_t)(end - at))) {
        at += 1 + strspn(at + 1, " \t");
        if (end - at > 2 && (at[0] == 'q' || at[0] == 'Q') && at[1] == '=')
            return strtod(at + 2, NULL); /* a comma or the header's NUL ends it at the latest */
        if (at >= end)
            return 1;
    }
    return 1;
}

MetricsFormat metrics_text_format(const char *accept) {
    double open = 0, plain = 0;
    for (const char *at = accept ? accept : ""; *at;) {
        at += strspn(at, " \t,");
        size_t len = strcspn(at, ","), name_len = strcspn(at, ",; \t"); /* which is not longer */
        if (name_len == strlen("application/openmetrics-text") && strncasecmp(at, "application/openmetrics-text", name_len) == 0)
            open = fmax(open, quality(at, len));
        else if (name_len == strlen("text/plain") && strncasecmp(at, "text/plain", name_len) == 0)
            plain = fmax(plain, quality(at, len));
        at += len;
    }
    return open > 0 && open >= plain ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
}

/* --- writing ----------------------------------------------------------------------------------------- */

typedef struct Writer {
    MetricsFormat format;
    char *data;
    size_t len, n_alloc, size_max;
    int error; /* sticks */
} Writer;

static void put(Writer *w, const char *bytes, size_t n) {
    if (w->error == 0 && n > w->size_max - w->len)
        w->error = METRICS_TEXT_E_SIZE;
    while (w->error == 0 && w->n_alloc - w->len < n)
        w->error = array_reserve(&w->data, &w->n_alloc, w->n_alloc, 1);
    if (w->error != 0 || n == 0)
        return;
    memcpy(w->data + w->len, bytes, n);
    w->len += n;
}

static void put_text(Writer *w, const char *text) {
    put(w, text, strlen(text));
}

/* What is not UTF-8 becomes U+FFFD. Quotes are escaped in labels, and by OpenMetrics in help texts. */
static void put_escaped(Writer *w, Str text, bool with_quotes) {
    for (size_t at = 0, bad; at < text.len;) {
        const char *bytes = text.data + at;
        size_t n = utf8_sequence(bytes, text.len - at, &bad);
        if (n == 0)
            put_text(w, REPLACEMENT);
        else if (*bytes == '\n')
            put_text(w, "\\n");
        else if (*bytes == '\\')
            put_text(w, "\\\\");
        else if (*bytes == '"' && with_quotes)
            put_text(w, "\\\"");
        else
            put(w, bytes, n);
        at += n ? n : bad;
    }
}

static void print_number(double value, char text[static NUMBER_SIZE]) {
    if (isinf(value) || isnan(value)) {
        (void)snprintf(text, NUMBER_SIZE, "%s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (value == trunc(value) && fabs(value) <= WHOLE_MAX) {
        (void)snprintf(text, NUMBER_SIZE, "%.0f", value);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) { /* the fewest that read back exactly */
        (void)snprintf(text, NUMBER_SIZE, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

static void put_number(Writer *w, double value) {
    char text[NUMBER_SIZE];
    print_number(value, text);
    put_text(w, text);
}

/* The bound of a bucket is a label's value: it must be the same in both formats, and OpenMetrics wants a point in it. */
static void put_bound(Writer *w, double bound) {
    char text[NUMBER_SIZE];
    print_number(bound, text);
    put_text(w, text);
    if (isfinite(bound) && !strpbrk(text, ".e"))
        put_text(w, ".0");
}

/* How the family is called: OpenMetrics keeps a counter's ending for its samples. */
static size_t family_len(const Writer *w, const Metric *metric) {
    size_t len = strlen(metric->name);
    return w->format == METRICS_OPENMETRICS && metric->type == METRIC_COUNTER ? len - strlen("_total") : len;
}

static void put_about(Writer *w, const char *what, const Metric *metric, const char *text, bool escape) {
    put_text(w, what);
    put(w, metric->name, family_len(w, metric));
    put_text(w, " ");
    if (escape)
        put_escaped(w, str_from(text), w->format == METRICS_OPENMETRICS);
    else
        put_text(w, text);
    put_text(w, "\n");
}

/* Up to its value. `bound` NULL: not a bucket. */
static void put_sample(Writer *w, const Metric *metric, const char *suffix, const MetricSample *sample, const double *bound) {
    const char *separator = "{";
    put_text(w, metric->name);
    put_text(w, suffix);
    for (size_t i = 0; i < METRIC_LABELS_MAX && metric->labels[i]; i++) {
        put_text(w, separator);
        put_text(w, metric->labels[i]);
        put_text(w, "=\"");
        put_escaped(w, sample->labels[i], true);
        put_text(w, "\"");
        separator = ",";
    }
    if (bound) {
        put_text(w, separator);
        put_text(w, "le=\"");
        put_bound(w, *bound);
        put_text(w, "\"");
        separator = ",";
    }
    put_text(w, *separator == ',' ? "} " : " ");
}

static void put_line(Writer *w, const Metric *metric, const char *suffix, const MetricSample *sample, const double *bound, double value) {
    put_sample(w, metric, suffix, sample, bound);
    put_number(w, value);
    put_text(w, "\n");
}

static void put_histogram(Writer *w, const Metric *metric, const MetricSample *sample) {
    const double infinity = INFINITY;
    double count = 0;
    for (size_t i = 0; i <= metric->n_bounds; i++) {
        count += sample->counts[i];
        put_line(w, metric, "_bucket", sample, i < metric->n_bounds ? &metric->bounds[i] : &infinity, count);
    }
    put_line(w, metric, "_sum", sample, NULL, sample->sum);
    put_line(w, metric, "_count", sample, NULL, count);
}

static void put_metric(Writer *w, const Metrics *metrics, size_t id) {
    const Metric *metric = metrics_metric(metrics, id);
    MetricSample sample;
    put_about(w, "# HELP ", metric, metric->help, true);
    put_about(w, "# TYPE ", metric, metric_type_name(metric->type), false);
    if (metric->unit && w->format == METRICS_OPENMETRICS)
        put_about(w, "# UNIT ", metric, metric->unit, false);
    for (size_t iterator = 0; metrics_next(metrics, id, &iterator, &sample);) {
        if (metric->type == METRIC_HISTOGRAM)
            put_histogram(w, metric, &sample);
        else
            put_line(w, metric, "", &sample, NULL, sample.value);
    }
}

int metrics_text(const Metrics *metrics, MetricsFormat format, size_t size_max, char **ret, size_t *ret_len) {
    Writer w = {.format = format, .size_max = size_max};
    for (size_t id = 0; id < metrics_count(metrics) && w.error == 0; id++)
        put_metric(&w, metrics, id);
    if (format == METRICS_OPENMETRICS)
        put_text(&w, "# EOF\n");
    if (w.error != 0) {
        free(w.data);
        return w.error;
    }
    *ret = w.data;
    *ret_len = w.len;
    return 0;
}
