/* SPDX-License-Identifier: Apache-2.0 */
/* The files that commands need, and what is to be said of them. */
#include "daemon/command.h"

#include <stdio.h>

#include "daemon/model_files.h"
#include "lib/yaml.h"

static void file_close(FILE **file) {
    if (*file)
        (void)fclose(*file);
}

int file_read(const char *path, size_t len_max, char **ret, size_t *ret_len) {
    __attribute__((cleanup(file_close))) FILE *file = fopen(path, "re");
    if (!file)
        return -errno;

    _cleanup_(free_null) char *data = NULL;
    size_t len = 0, n_alloc = 0, n;
    do {
        if (len == n_alloc) {
            n_alloc = MIN(MAX(2 * n_alloc, 16 * 1024), len_max + 1);
            char *grown = realloc(data, n_alloc);
            if (!grown)
                return -ENOMEM;
            data = grown;
        }
        n = fread(data + len, 1, n_alloc - len, file);
        len += n;
    } while (n > 0 && len <= len_max);
    if (ferror(file))
        return errno > 0 ? -errno : -EIO;
    if (len > len_max)
        return -EFBIG;
    *ret = TAKE_PTR(data);
    *ret_len = len;
    return 0;
}

/* All of them, sorted by place, with the lines that they are about. */
static void report_diagnostics(const Command *self, Diagnostics *diagnostics, const char *path, Str source) {
    diagnostics_sort(diagnostics);
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

/* On the heap; NULL when out of memory. */
static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, MAX((size_t)(slash - path), (size_t)1)) : strdup(".");
}

/* Holidays are found from where the model is. */
static int load_model(void *userdata, Str source, const char *path, Diagnostics *diagnostics, void *ret) {
    (void)userdata;
    _cleanup_(free_null) char *directory = directory_of(path);
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

/* Relative paths in a configuration begin where it is itself. */
static int load_config(void *userdata, Str source, const char *path, Diagnostics *diagnostics, void *ret) {
    (void)userdata;
    _cleanup_(free_null) char *directory = directory_of(path);
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
    _cleanup_(free_null) char *data = NULL, *directory = directory_of(path);
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

int command_load_schemas(
        const Command *self, const Config *config, Registry **ret_registry, AvroOutput **ret_encoder) {
    _cleanup_(registry_free) Registry *registry = NULL;
    _cleanup_(free_null) RegistryFile *events = calloc(config->n_schemas, sizeof(*events));
    char text[512];

    if (!events)
        return command_error(self, "%s", strerror(ENOMEM)), EX_OSERR;
    RegistryFileOptions options = {
            .events = events,
            .n_events = config->n_schemas,
            .output_dir = config->output_schema_dir,
            .problem = report_schema,
            .userdata = (void *)(uintptr_t)self,
    };
    for (size_t i = 0; i < config->n_schemas; i++)
        events[i] = (RegistryFile){(uint32_t)config->schemas[i].id, config->schemas[i].path};
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        options.output_ids[i] = (uint32_t)config->output_schema_ids[i];

    int r = registry_file_new(&options, &registry);
    if (r == REGISTRY_E_FILES)
        return EX_CONFIG;
    if (!r)
        r = avro_output_new(registry_outputs(registry), text, sizeof(text), ret_encoder);
    if (r == AVRO_OUTPUT_E_SCHEMA)
        return command_error(self, "%s: %s", config->output_schema_dir, text), EX_CONFIG;
    if (r)
        return command_error(self, "%s", strerror(-r)), EX_OSERR;
    *ret_registry = TAKE_PTR(registry);
    return EXIT_SUCCESS;
}
