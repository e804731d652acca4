#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Can Be Asked
 *
 *   /metrics   Prometheus' text format, or OpenMetrics
 *   /livez     200 while the loop goes round, else 503: {"status": "...", "reasons": [{"code", "text"}]}
 *   /readyz    200 while the instance does its work, else 503; the same
 *
 * and, where it is wanted, the board (web/web.h).
 */
#include "daemon/io/net/http_server.h"
#include "daemon/service/telemetry.h"
#include "daemon/web/web.h"

typedef struct Endpoints Endpoints;

/* `telemetry` and `web` outlive it. `web` NULL: there is no board. */
MUST_CHECK int endpoints_new(Telemetry *telemetry, Web *web, Endpoints **ret);
Endpoints *endpoints_free(Endpoints *endpoints);
DEFINE_CLEANUP(Endpoints *, endpoints_free)

/* An HttpHandler's; `userdata` is the Endpoints. */
void endpoints_drop(void *userdata, void *ticket);
int endpoints_handle(void *userdata, const HttpRequest *request, HttpResponse *ret);
