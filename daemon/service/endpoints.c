/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/endpoints.h"

#include "daemon/base/clock.h"
#include "daemon/io/json/json_writer.h"
#include "daemon/service/metrics_text.h"
#include "daemon/service/process_figures.h"

/* More than all series there may be take. */
#define METRICS_SIZE_MAX ((size_t)16 * 1024 * 1024)

struct Endpoints {
    Telemetry *telemetry;
    Web *web; /* NULL: none */
    Metrics *metrics; /* what was shown last */
    int64_t begun_ms;
};

int endpoints_new(Telemetry *telemetry, Web *web, Endpoints **ret) {
    _cleanup_(endpoints_free) Endpoints *endpoints = calloc(1, sizeof(*endpoints));
    if (!endpoints)
        return -ENOMEM;
    endpoints->telemetry = telemetry;
    endpoints->web = web;
    endpoints->begun_ms = clock_wall_ms();
    int r = telemetry_new_copy(&endpoints->metrics);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(endpoints);
    return 0;
}

Endpoints *endpoints_free(Endpoints *endpoints) {
    if (!endpoints)
        return NULL;
    metrics_free(endpoints->metrics);
    free(endpoints);
    return NULL;
}

static int respond_text(const char *text, unsigned status, HttpResponse *ret) {
    char *body = strdup(text);
    if (!body)
        return -ENOMEM;
    *ret = (HttpResponse){.status = status, .content_type = "text/plain; charset=utf-8", .body = body, .body_len = strlen(body)};
    return 0;
}

/* --- health ------------------------------------------------------------------------------------------ */

static int respond_health(Endpoints *endpoints, HealthQuestion question, HttpResponse *ret) {
    HealthReason reasons[HEALTH_REASONS_MAX];
    Health health;
    JsonWriter writer = JSON_WRITER_INIT;
    int r = telemetry_copy(endpoints->telemetry, endpoints->metrics, &health);
    if (r < 0)
        return r;
    size_t n = health_reasons(&health, question, clock_monotonic_ms(), reasons);
    json_write_object_begin(&writer, STR_NULL);
    json_write_string(&writer, STR_LITERAL("status"), n == 0 ? STR_LITERAL("ok") : STR_LITERAL("failed"));
    json_write_array_begin(&writer, STR_LITERAL("reasons"));
    for (size_t i = 0; i < n; i++) {
        json_write_object_begin(&writer, STR_NULL);
        json_write_string(&writer, STR_LITERAL("code"), str_from(reasons[i].code));
        json_write_string(&writer, STR_LITERAL("text"), str_from(reasons[i].text));
        json_write_object_end(&writer);
    }
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    json_write_newline(&writer);
    if (writer.error) {
        json_writer_deinit(&writer);
        return writer.error;
    }
    *ret = (HttpResponse){.status = n == 0 ? 200 : 503, .content_type = "application/json", .body = writer.data, .body_len = writer.len};
    return 0;
}

/* --- metrics ----------------------------------------------------------------------------------------- */

/* What is as of the question, also if the loop stands still. */
static void add_present(const Endpoints *endpoints, const Health *health) {
    HealthReason reasons[HEALTH_REASONS_MAX];
    Metrics *m = endpoints->metrics;
    int64_t now_ms = clock_monotonic_ms();
    ProcessFigures figures = process_figures();
    metrics_set(m, METRIC_READY, NULL, health_reasons(health, HEALTH_READY, now_ms, reasons) == 0);
    metrics_set(m, METRIC_PROGRESS_AGE, NULL, (double)latest(now_ms - health->progress_ms, 0) / 1000);
    metrics_set(m, METRIC_SERIES_LEFT_OUT, NULL, metrics_left_out(m));
    metrics_set(m, METRIC_PROCESS_CPU, NULL, (double)clock_cpu_us() / 1e6);
    metrics_set(m, METRIC_PROCESS_START, NULL, (double)endpoints->begun_ms / 1000);
    if (figures.resident_bytes >= 0)
        metrics_set(m, METRIC_PROCESS_RESIDENT, NULL, (double)figures.resident_bytes);
    if (figures.n_threads >= 0)
        metrics_set(m, METRIC_PROCESS_THREADS, NULL, (double)figures.n_threads);
    if (figures.n_fds >= 0)
        metrics_set(m, METRIC_PROCESS_FDS, NULL, (double)figures.n_fds);
    if (figures.fds_max >= 0)
        metrics_set(m, METRIC_PROCESS_FDS_MAX, NULL, (double)figures.fds_max);
}

static int respond_metrics(Endpoints *endpoints, const char *accept, HttpResponse *ret) {
    MetricsFormat format = metrics_text_format(accept);
    Health health;
    int r = telemetry_copy(endpoints->telemetry, endpoints->metrics, &health);
    if (r < 0)
        return r;
    add_present(endpoints, &health);
    HttpResponse response = {.status = 200, .content_type = metrics_text_content_type(format)};
    r = metrics_text(endpoints->metrics, format, METRICS_SIZE_MAX, &response.body, &response.body_len);
    if (r == 0)
        *ret = response;
    return r > 0 ? -EMSGSIZE : r;
}

int endpoints_handle(void *userdata, const HttpRequest *request, HttpResponse *ret) {
    Endpoints *endpoints = userdata;
    if (strcmp(request->path, "/metrics") == 0)
        return respond_metrics(endpoints, http_request_header(request, "Accept"), ret);
    if (strcmp(request->path, "/livez") == 0)
        return respond_health(endpoints, HEALTH_LIVE, ret);
    if (strcmp(request->path, "/readyz") == 0)
        return respond_health(endpoints, HEALTH_READY, ret);
    if (endpoints->web)
        return web_handle(endpoints->web, request, ret);
    return respond_text("there are /metrics, /livez and /readyz\n", 404, ret);
}

void endpoints_drop(void *userdata, void *ticket) {
    Endpoints *endpoints = userdata;
    web_drop(endpoints->web, ticket);
}
