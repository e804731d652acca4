/* SPDX-License-Identifier: Apache-2.0 */
/* `scored run`: the daemon. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/command/command.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/pipeline.h"
#include "daemon/service/endpoints.h"
#include "daemon/service/notify.h"
#include "daemon/service/passed_socket.h"

enum { OPTION_CONFIG = 1, OPTION_MODEL };

static volatile sig_atomic_t stop, reload;

static void on_signal(int signal) {
    if (signal == SIGHUP)
        reload = 1;
    else
        stop = 1;
}

/* TERM and INT end the daemon in order; HUP reads the model again. */
static int catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGINT, &action, NULL) < 0 ||
            sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGHUP, &action, NULL) < 0)
        return -errno;
    return 0;
}

/* Where the model comes from. */
typedef struct ModelFile {
    const Command *command;
    const char *path;
} ModelFile;

static int load_again(void *userdata, Model **ret) {
    const ModelFile *file = userdata;
    int status = command_load_model(file->command, file->path, ret);
    if (status != EXIT_SUCCESS)
        log_error("model.refused", LOG_STR("path", file->path),
                LOG_STR("remedy", "the errors are told above, and by scored check; the present model stays"));
    return 0;
}

/* What is needed to be asked; all NULL: nobody may ask. */
typedef struct Http {
    Telemetry *telemetry;
    Web *web; /* NULL: no board */
    Endpoints *endpoints;
    HttpServer *server;
} Http;

static void http_done_cleanup(Http *http) {
    if (http->web)
        web_stop(http->web);
    http_server_free(http->server);
    endpoints_free(http->endpoints);
    web_free(http->web);
    telemetry_free(http->telemetry);
}

/* The socket that was passed, or else the configured one. *ret_fd -1: none is wanted. *ret_path: see http_server_new(). */
static int listen_for_http(const Config *config, char *text, int *ret_fd, const char **ret_path) {
    ListenAddress address;
    int r = passed_socket("http", ret_fd);
    *ret_path = NULL;
    if (r < 0)
        (void)snprintf(text, HTTP_TEXT_SIZE, "the socket that was passed: %s", strerror(-r));
    if (r < 0 || *ret_fd >= 0 || !config->http_listen || !listen_address_parse(str_from(config->http_listen), &address))
        return r;
    *ret_path = address.any.sa_family == AF_UNIX ? strchr(config->http_listen, '/') : NULL;
    return http_listen(&address, text, ret_fd);
}

/* Of the address that is configured the configuration is sure already; a socket that was passed may have any. */
static int check_board(const Config *config, int fd, char *text) {
    if (!config->http_board || config->http_token_file || http_is_local(fd))
        return 0;
    (void)snprintf(text, HTTP_TEXT_SIZE, "others than this machine reach the socket, and the board: it needs http.token_file");
    return -ENOKEY;
}

static int make_answers(const ProducerOptions *options, Http *http) {
    ProducerOptions complete = *options;
    int r = telemetry_new(options->config, &http->telemetry);
    complete.telemetry = http->telemetry;
    if (r == 0 && options->config->http_board)
        r = web_new(&complete, &http->web);
    if (r == 0)
        r = endpoints_new(http->telemetry, http->web, &http->endpoints);
    return r;
}

static int start_http(const ProducerOptions *options, Http *http, char *text) {
    const Config *config = options->config;
    const char *path;
    int fd, r = listen_for_http(config, text, &fd, &path);
    if (r < 0 || fd < 0)
        return r;
    r = check_board(config, fd, text);
    if (r == 0) {
        r = make_answers(options, http);
        if (r < 0)
            (void)snprintf(text, HTTP_TEXT_SIZE, "%s", strerror(-r));
    }
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    metrics_set(telemetry_metrics(http->telemetry), METRIC_BUILD_INFO,
            ((const Str[]){STR_LITERAL(SCORED_VERSION), str_from(kafka_client_version())}), 1);
    /* Those of watchers, and as many again for what their browsers ask beside. */
    unsigned connections_max = HTTP_CONNECTIONS_MAX + (http->web ? 2U * HUB_WATCHERS_MAX : 0);
    return http_server_new(fd, path, (HttpHandler){endpoints_handle, endpoints_drop, http->endpoints}, connections_max, text, &http->server);
}

/* It is asked from here on, for health first of all. Returns the exit status. */
static int open_http(const Config *config, const char *model_path, Http *http) {
    char text[HTTP_TEXT_SIZE];
    int r = start_http(&(ProducerOptions){.config = config, .model_path = model_path}, http, text);
    if (r < 0) {
        log_error("http.failed", LOG_STR("listen", config->http_listen), LOG_STR("error", text));
        return r == -ENOKEY ? EX_CONFIG : EX_OSERR;
    }
    if (http->server)
        log_info("http.listening", LOG_STR("listen", config->http_listen ? config->http_listen : "as passed"));
    else if (config->http_board)
        log_warning("board.nowhere", LOG_STR("remedy", "set http.listen, or pass a socket: the board is wanted, and nobody listens"));
    return EXIT_SUCCESS;
}

/* The board is up to date from here on. Returns the exit status. */
static int open_board(const Config *config, const Http *http, Registry *registry) {
    char text[HTTP_TEXT_SIZE];
    int r = http->server && http->web ? web_start(http->web, registry, http->server) : 0;
    if (r == 0)
        return EXIT_SUCCESS;
    (void)snprintf(text, sizeof(text), "the board: %s", strerror(-r));
    log_error("http.failed", LOG_STR("listen", config->http_listen), LOG_STR("error", text));
    return EX_OSERR;
}

/* The outside of a process that is starting. */
typedef struct Outside {
    Notify notify;
    Http http;
    char error[HEALTH_ERROR_SIZE]; /* of the registry, as it was told last */
} Outside;

static void outside_done_cleanup(Outside *outside) {
    http_done_cleanup(&outside->http);
    notify_deinit(&outside->notify);
}

/* Before the pipeline is there, which tells of itself later. */
static void while_registry_is_awaited(void *userdata, const char *error) {
    Outside *outside = userdata;
    Health health = {.phase = HEALTH_STARTING, .awaited = HEALTH_REGISTRY};
    char status[HEALTH_WAIT_SIZE];
    int64_t now_ms = clock_monotonic_ms();
    (void)notify_watchdog(&outside->notify, now_ms);
    telemetry_note_progress(outside->http.telemetry, now_ms);
    if (!error || strncmp(outside->error, error, sizeof(outside->error) - 1) == 0)
        return;
    (void)snprintf(outside->error, sizeof(outside->error), "%s", error);
    memcpy(health.awaited_error, outside->error, sizeof(health.awaited_error));
    telemetry_show(outside->http.telemetry, &health, now_ms);
    health_print_wait(HEALTH_REGISTRY, outside->error, status);
    (void)notify_status(&outside->notify, "%s", status);
}

static int run_daemon(const Command *self, const Config *config, const char *model_path, const Model *model) {
    _cleanup_(registry_free) Registry *registry = NULL;
    _cleanup_(avro_output_free) AvroOutput *encoder = NULL;
    _cleanup_(outside_done) Outside outside = {.notify.fd = -1};
    int status = command_configure_log(self, config, config->log_level);
    if (status != EXIT_SUCCESS)
        return status;
    log_info("start", LOG_STR("version", SCORED_VERSION), LOG_BYTES("model", model->id),
            LOG_INT("model_version", model->version), LOG_STR("group", config->group),
            LOG_STR("instance", config->instance));
    int r = notify_init(&outside.notify);
    if (r < 0) {
        log_error("notify", LOG_STR("error", strerror(-r)));
        return EX_OSERR;
    }
    status = open_http(config, model_path, &outside.http);
    if (status == EXIT_SUCCESS)
        status = command_load_schemas(self, config, SCHEMAS_TO_RUN, (RegistryPatience){&stop, while_registry_is_awaited, &outside}, &registry, &encoder);
    if (status != EXIT_SUCCESS)
        return stop ? EXIT_SUCCESS : status;
    status = open_board(config, &outside.http, registry);
    if (status != EXIT_SUCCESS)
        return status;
    r = pipeline_run(config, model, (ModelLoader){load_again, &(ModelFile){self, model_path}}, registry, encoder, &outside.notify,
            outside.http.telemetry, (PipelineSignals){.stop = &stop, .reload = &reload});
    (void)notify_stopping(&outside.notify);
    if (r < 0)
        log_error("failed", LOG_STR("error", strerror(-r)));
    log_finish();
    return r == 0 ? EXIT_SUCCESS : r == PIPELINE_E_REFUSED ? EX_CONFIG : EXIT_FAILURE;
}

static int run(const Command *self, int argc, char **argv) {
    _cleanup_(config_free) Config *config = NULL;
    _cleanup_(model_free) Model *model = NULL;
    const char *config_path = COMMAND_CONFIG_PATH, *model_path = NULL;
    int status, option;
    while ((option = command_option(self, argc, argv, &status)) > 0) {
        if (option == OPTION_CONFIG)
            config_path = optarg;
        else
            model_path = optarg;
    }
    if (option < 0)
        return status;
    if (optind < argc)
        return command_usage_error(self, "unexpected argument \"%s\"", argv[optind]);
    status = command_load_config(self, config_path, &config);
    if (status == EXIT_SUCCESS)
        status = command_load_model(self, model_path ? model_path : config->model_path, &model);
    if (status != EXIT_SUCCESS)
        return status;
    if (catch_signals() < 0) {
        command_error(self, "signals: %s", strerror(errno));
        return EX_OSERR;
    }
    return run_daemon(self, config, model_path ? model_path : config->model_path, model);
}

static const CommandOption options[] = {
    {"config", OPTION_CONFIG, "FILE", "The configuration; default " COMMAND_CONFIG_PATH},
    {"model", OPTION_MODEL, "FILE", "A model in place of the configuration's"},
    {0},
};

const Command command_run = {
    .name = "run",
    .summary = "Score events from Kafka until told to stop",
    .usage = "[--config FILE] [--model FILE]",
    .description = "Consumes the source topics, keeps scores, stages and SLA clocks, and tells their changes on\n"
                   "Kafka. SIGTERM and SIGINT end it in order; SIGHUP reads the model again and takes a new version\n"
                   "of it. Exit status 78: a configuration, model or topic with which it must not run.\n",
    .options = options,
    .run = run,
};
