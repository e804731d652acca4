/* SPDX-License-Identifier: Apache-2.0 */
/* The files that commands need, and what is to be said of them. */
#include "daemon/command/command.h"

#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/base/file_read.h"
#include "daemon/command/own_schemas.h"
#include "daemon/config/model_files.h"
#include "daemon/io/registry/registry_http.h"
#include "daemon/log/log.h"
#include "daemon/log/log_hide.h"
#include "lib/model/yaml.h"

static void report_diagnostic(const Command *self, const Diagnostic *diagnostic, const char *path) {
    JsonWriter writer = JSON_WRITER_INIT;
    json_write_object_begin(&writer, STR_NULL);
    json_write_string(&writer, STR_LITERAL("command"), str_from(self->name));
    json_write_string(&writer, STR_LITERAL("severity"),
            diagnostic->level == DIAGNOSTIC_ERROR ? STR_LITERAL("error") : STR_LITERAL("warning"));
    json_write_string(&writer, STR_LITERAL("file"), str_from(path));
    json_write_integer(&writer, STR_LITERAL("line"), diagnostic->mark.line);
    json_write_integer(&writer, STR_LITERAL("column"), diagnostic->mark.column);
    json_write_string(&writer, STR_LITERAL("error"), str_from(diagnostic->message));
    json_write_object_end(&writer);
    command_print_error(&writer);
    json_writer_deinit(&writer);
}

/* All of them, sorted by place, with the lines that they are about. */
static void report_diagnostics(const Command *self, Diagnostics *diagnostics, const char *path, Str source) {
    diagnostics_sort(diagnostics);
    if (command_errors_are_json()) {
        for (size_t i = 0; i < diagnostics->n_items; i++)
            report_diagnostic(self, &diagnostics->items[i], path);
        return;
    }
    _cleanup_(free_null) char *text = diagnostics_render(diagnostics, path, source);
    if (text)
        fputs(text, stderr);
    else
        command_error(self, "%s: %s", path, strerror(ENOMEM));
}

int command_load_file(const Command *self, const char *path, CommandLoadFn function, void *userdata, void *ret,
        size_t *ret_n_warnings) {
    _cleanup_(free_null) char *data = NULL;
    size_t len;

    *ret_n_warnings = 0;
    int r = file_read(path, YAML_BYTES_MAX, &data, &len);
    if (r) {
        command_error(self, "%s: %s", path, strerror(-r));
        return r == -ENOMEM ? EX_OSERR : EX_CONFIG;
    }
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    r = function(userdata, (Str){data, len}, path, &diagnostics, ret);
    if (diagnostics.n_errors + diagnostics.n_warnings > 0)
        report_diagnostics(self, &diagnostics, path, (Str){data, len});
    *ret_n_warnings = diagnostics.n_warnings;
    diagnostics_done(&diagnostics);
    if (r >= 0)
        return r ? EX_CONFIG : EXIT_SUCCESS;
    command_error(self, "%s: %s", path, strerror(-r));
    return EX_OSERR;
}

char *command_directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, MAX((size_t)(slash - path), (size_t)1)) : strdup(".");
}

/* Holidays are found from where the model is. */
static int load_model(void *userdata, Str source, const char *path, Diagnostics *diagnostics, void *ret) {
    (void)userdata;
    _cleanup_(free_null) char *directory = command_directory_of(path);
    if (!directory)
        return -ENOMEM;
    ModelFiles files = model_files_in(directory);
    return model_load(source, &files, diagnostics, ret);
}

int command_load_model_counted(const Command *self, const char *path, Model **ret, size_t *ret_n_warnings) {
    Model *model = NULL;

    int status = command_load_file(self, path, load_model, NULL, &model, ret_n_warnings);
    if (!model)
        return status ? status : EX_CONFIG;
    *ret = model;
    return EXIT_SUCCESS;
}

int command_load_model(const Command *self, const char *path, Model **ret) {
    size_t n_warnings;
    return command_load_model_counted(self, path, ret, &n_warnings);
}

int command_read_model(const char *path, Model **ret) {
    _cleanup_(free_null) char *data = NULL;
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    size_t len;
    *ret = NULL;
    int r = file_read(path, YAML_BYTES_MAX, &data, &len);
    if (r == 0)
        r = load_model(NULL, (Str){data, len}, path, &diagnostics, ret);
    diagnostics_done(&diagnostics);
    return r;
}

/* Relative paths in a configuration begin where it is itself. */
static int load_config(void *userdata, Str source, const char *path, Diagnostics *diagnostics, void *ret) {
    (void)userdata;
    _cleanup_(free_null) char *directory = command_directory_of(path);
    return directory ? config_load(source, directory, diagnostics, ret) : -ENOMEM;
}

int command_load_config_counted(const Command *self, const char *path, Config **ret, size_t *ret_n_warnings) {
    Config *config = NULL;

    int status = command_load_file(self, path, load_config, NULL, &config, ret_n_warnings);
    if (!config)
        return status ? status : EX_CONFIG;
    *ret = config;
    return EXIT_SUCCESS;
}

int command_load_config(const Command *self, const char *path, Config **ret) {
    size_t n_warnings;
    return command_load_config_counted(self, path, ret, &n_warnings);
}

char *command_find_model(const char *path) {
    _cleanup_(free_null) char *data = NULL, *directory = command_directory_of(path);
    char *model_path = NULL;
    size_t len;

    if (!directory || file_read(path, YAML_BYTES_MAX, &data, &len) != 0)
        return NULL;
    return config_find_model((Str){data, len}, directory, &model_path) == 0 ? model_path : NULL;
}

static void report_schema(void *userdata, const char *path, const char *text) {
    const Command *self = userdata;
    command_error(self, "%s: %s", path, text);
}

/* The files: all there is, or what a server is asked beside. */
static int load_files(const Command *self, const Config *config, Registry **ret) {
    _cleanup_(free_null) RegistryFile *events = calloc(MAX(config->n_schemas, (size_t)1), sizeof(*events));

    if (!events)
        return command_error(self, "%s", strerror(ENOMEM)), EX_OSERR;
    RegistryFileOptions options = {
            .events = events,
            .n_events = config->n_schemas,
            .output_dir = config->output_schema_dir,
            .ids_follow = config->n_registry_urls > 0,
            .problem = report_schema,
            .userdata = (void *)(uintptr_t)self,
    };
    for (size_t i = 0; i < config->n_schemas; i++)
        events[i] = (RegistryFile){(uint32_t)config->schemas[i].id, config->schemas[i].path};
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        options.output_ids[i] = (uint32_t)config->output_schema_ids[i];

    int r = registry_file_new(&options, ret);
    if (r == REGISTRY_E_FILES)
        return EX_CONFIG;
    return r ? command_error(self, "%s", strerror(-r)), EX_OSERR : EXIT_SUCCESS;
}

static int load_encoder(const Command *self, const Config *config, const RegistryOutput *outputs, AvroOutput **ret) {
    char text[512];

    int r = avro_output_new(outputs, text, sizeof(text), ret);
    if (r == AVRO_OUTPUT_E_SCHEMA)
        return command_error(self, "%s: %s", config->output_schema_dir, text), EX_CONFIG;
    return r ? command_error(self, "%s", strerror(-r)), EX_OSERR : EXIT_SUCCESS;
}

/* What the registry's thread has to say. */
static void tell_news(RegistryNews news, const char *text) {
    switch (news) {
    case REGISTRY_NEWS_AWAY:
        log_warning_burst(1, "registry.away", LOG_STR("error", text),
                LOG_STR("remedy", "events of schemas that are known go on; others wait for it"));
        return;
    case REGISTRY_NEWS_BACK:
        log_info("registry.back", LOG_STR("text", "it answers again"));
        return;
    case REGISTRY_NEWS_LEARNT:
        log_info("schema.learnt", LOG_STR("schema", text));
        return;
    case REGISTRY_NEWS_ABSENT:
        log_warning("schema.absent", LOG_STR("schema", text), LOG_STR("remedy", "events with it are dead letters for the next minute"));
        return;
    case REGISTRY_NEWS_UNUSABLE:
        log_warning("schema.unusable", LOG_STR("schema", text), LOG_STR("remedy", "events with it are dead letters for the next minute"));
        return;
    }
}

/* A registry that asks a server, in the place of the files alone. */
static int ask_server(const Command *self, const Config *config, SchemaNeed need, const volatile sig_atomic_t *stop, Registry **registry) {
    _cleanup_(registry_client_free) RegistryClient *client = NULL;
    const RegistryOutput *outputs = registry_outputs(*registry);
    RegistryHttpOptions options = {.has_thread = need == SCHEMAS_TO_RUN, .told = tell_news};

    int r = registry_client_new(config, stop, &client);
    if (r < 0)
        return command_error(self, "libcurl: %s", strerror(-r)), EX_OSERR;
    int status = EXIT_SUCCESS;
    if (need == SCHEMAS_TO_RUN)
        status = own_schemas_settle(self, config, client, outputs, options.output_ids);
    else if (need == SCHEMAS_OF_BOTH)
        status = own_schemas_look_up(self, config, client, outputs, options.output_ids);
    if (status != EXIT_SUCCESS)
        return status;
    options.files = TAKE_PTR(*registry);
    options.client = TAKE_PTR(client);
    r = registry_http_new(&options, registry);
    registry_free(options.files);
    registry_client_free(options.client);
    return r < 0 ? command_error(self, "%s", strerror(-r)), EX_OSERR : EXIT_SUCCESS;
}

int command_load_schemas(const Command *self, const Config *config, SchemaNeed need, const volatile sig_atomic_t *stop,
        Registry **ret_registry, AvroOutput **ret_encoder) {
    _cleanup_(registry_free) Registry *registry = NULL;
    _cleanup_(avro_output_free) AvroOutput *encoder = NULL;

    int status = load_files(self, config, &registry);
    if (status == EXIT_SUCCESS)
        status = load_encoder(self, config, registry_outputs(registry), &encoder);
    if (status == EXIT_SUCCESS && config->n_registry_urls > 0 && need != SCHEMAS_OF_FILES) {
        encoder = avro_output_free(encoder); /* made to see that the schemas fit, before a server is asked */
        status = ask_server(self, config, need, stop, &registry);
        if (status == EXIT_SUCCESS)
            status = load_encoder(self, config, registry_outputs(registry), &encoder);
    }
    if (status != EXIT_SUCCESS)
        return status;
    *ret_registry = TAKE_PTR(registry);
    *ret_encoder = TAKE_PTR(encoder);
    return EXIT_SUCCESS;
}

int command_configure_log(const Command *self, const Config *config, LogLevel level) {
    int r = log_hide_by(config);
    if (r < 0)
        return command_error(self, "log.lead_ids_key_file: %s", strerror(-r)), EX_OSERR;
    if (r > 0) /* it was good when the configuration was checked */
        return command_error(self, "log.lead_ids_key_file: %s has changed, and is no key", config->log_lead_ids_key_file), EX_CONFIG;
    log_configure(&(LogOptions){.format = config->log_format, .level = level, .ids = config->log_lead_ids});
    return EXIT_SUCCESS;
}
