#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Metrics Registry
 *
 * Counters, gauges and histograms, each by the values of its labels. What there may be is said by a table (metrics_table.h for the
 * daemon's own); series come into being when they are first used, and stay. A registry belongs to one thread; others get a copy.
 *
 * A metric has at most as many series as its table says, so that no label is unbounded; what is left out is counted, and so is what
 * memory was lacking for: figures are never a reason to stop. Pure.
 */
#include "lib/base/util.h"

#define METRIC_LABELS_MAX 4
/* Of a label's value, in bytes; what is longer is cut. */
#define METRIC_LABEL_LEN_MAX 128
/* Of a histogram, without the last, which has no bound. */
#define METRIC_BUCKETS_MAX 24

typedef enum MetricType { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, _METRIC_TYPE_MAX } MetricType;
/* "counter", … */
const char *metric_type_name(MetricType type);

typedef struct Metric {
    const char *name; /* as Prometheus has it: a counter's ends in _total */
    MetricType type;
    const char *unit; /* the name's last word, but for _total; NULL: none */
    const char *labels[METRIC_LABELS_MAX]; /* the first NULL ends them */
    const double *bounds; /* a histogram's upper bounds, ascending */
    size_t n_bounds;
    size_t series_max;
    const char *help;
} Metric;

typedef struct Metrics Metrics;

/* `table` outlives it. */
MUST_CHECK int metrics_new(const Metric *table, size_t n, Metrics **ret);
Metrics *metrics_free(Metrics *metrics);
DEFINE_CLEANUP(Metrics *, metrics_free)

#define METRICS_NONE SIZE_MAX
/*
 * The series of metric `id`, an index into the table, with these values of its labels; METRICS_NONE if it may not be. It stays valid as
 * long as the registry. `labels`: as many as the metric has, null for an empty one.
 */
size_t metrics_series(Metrics *metrics, size_t id, const Str *labels);
/* These do nothing for METRICS_NONE. A gauge's or counter's value; or one observation more. */
void metrics_add_to(Metrics *metrics, size_t series, double value);
void metrics_set_to(Metrics *metrics, size_t series, double value);
void metrics_observe_to(Metrics *metrics, size_t series, double value);
/* The same by name. */
void metrics_add(Metrics *metrics, size_t id, const Str *labels, double value);
void metrics_set(Metrics *metrics, size_t id, const Str *labels, double value);
void metrics_observe(Metrics *metrics, size_t id, const Str *labels, double value);

/* The metric's series are not shown until they are used again: gauges of what may be no more. */
void metrics_hide(Metrics *metrics, size_t id);
/* All is as it was in the beginning, but for the memory. */
void metrics_reset(Metrics *metrics);
/* Adds the counters and histograms of `from`, which are reset, and takes its gauges over. Both have one table. */
void metrics_move(Metrics *to, Metrics *from);
/* Makes `to` show what `from` does. 0 or -ENOMEM, in which case it shows nothing. */
MUST_CHECK int metrics_copy(Metrics *to, const Metrics *from);

/* How often something was left out. */
double metrics_left_out(const Metrics *metrics);

/* A walk over what is shown, metric by metric in the table's order; of each in the order of first use. */
typedef struct MetricSample {
    Str labels[METRIC_LABELS_MAX];
    double value;         /* a counter's or gauge's … */
    const double *counts; /* … a histogram's: of each bucket alone, n_bounds + 1 of them … */
    double sum;           /* … and of all that was observed */
} MetricSample;
size_t metrics_count(const Metrics *metrics); /* of the table */
const Metric *metrics_metric(const Metrics *metrics, size_t id);
/* *iterator begins at 0; false at the end. */
bool metrics_next(const Metrics *metrics, size_t id, size_t *iterator, MetricSample *ret);
