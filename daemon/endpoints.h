#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Can Be Asked
 *
 *   /metrics   Prometheus' text format, or OpenMetrics
 *   /livez     200 while the loop goes round, else 503: {"status": "...", "reasons": [{"code", "text"}]}
 *   /readyz    200 while the instance does its work, else 503; the same
 */
#include "daemon/io/http_server.h"
#include "daemon/telemetry.h"

typedef struct Endpoints Endpoints;

/* `telemetry` outlives it. */
MUST_CHECK int endpoints_new(Telemetry *telemetry, Endpoints **ret);
Endpoints *endpoints_free(Endpoints *endpoints);
DEFINE_CLEANUP(Endpoints *, endpoints_free)

/* An HttpHandler's; `userdata` is the Endpoints. */
int endpoints_handle(void *userdata, const HttpRequest *request, HttpResponse *ret);
