#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as Text
 *
 * In Prometheus' text format 0.0.4 and in OpenMetrics 1.0. They differ in how a counter's family is called, in what is escaped in a
 * help text, in units and in the end. Pure.
 */
#include "daemon/service/metrics.h"

typedef enum MetricsFormat { METRICS_PROMETHEUS, METRICS_OPENMETRICS, _METRICS_FORMAT_MAX } MetricsFormat;

/* What an Accept header asks for; NULL: there is none. OpenMetrics has to be asked for by its name. */
MetricsFormat metrics_text_format(const char *accept);
const char *metrics_text_content_type(MetricsFormat format);

enum { _METRICS_TEXT_E_SUCCESS, METRICS_TEXT_E_SIZE /* longer than size_max */ };

/* *ret is the caller's, *ret_len bytes. 0, METRICS_TEXT_E_SIZE or -ENOMEM. */
MUST_CHECK int metrics_text(const Metrics *metrics, MetricsFormat format, size_t size_max, char **ret, size_t *ret_len);
