/* SPDX-License-Identifier: Apache-2.0 */
/* scored version */
#include <getopt.h>
#include <stdio.h>

#include "daemon/command/command.h"
#include "daemon/io/libraries.h"

enum { OPTION_JSON = 1 };

static const CommandOption version_options[] = {
        {"json", OPTION_JSON, NULL, "Print one JSON object"},
        {0},
};

static int run_version(const Command *self, int argc, char **argv);

const Command command_version = {
        .name = "version",
        .summary = "Show the version, how it was built, and the libraries",
        .usage = "[--json]",
        .options = version_options,
        .json = "An object: `version`, `build` (meson's build type), `sanitizers` (or null), `config` (where the\n"
                "configuration is if no other is named), `libraries` (name: version), `kafka_features` (an array).\n",
        .run = run_version,
};

#define FEATURES_SIZE 512

/* Each feature of a list with commas between them. */
static void write_features(char *features, JsonWriter *writer) {
    char *rest = features;
    json_write_array_begin(writer, STR_LITERAL("kafka_features"));
    for (const char *feature; (feature = strsep(&rest, ","));)
        if (*feature)
            json_write_string(writer, STR_NULL, str_from(feature));
    json_write_array_end(writer);
}

static int print_json(const Command *self, const Library *libraries, size_t n, char *features) {
    JsonWriter writer = JSON_WRITER_INIT;
    bool has_sanitizers = strcmp(SCORED_SANITIZERS, "none") != 0;
    json_write_object_begin(&writer, STR_NULL);
    json_write_string(&writer, STR_LITERAL("version"), STR_LITERAL(SCORED_VERSION));
    json_write_string(&writer, STR_LITERAL("build"), STR_LITERAL(SCORED_BUILD_TYPE));
    json_write_string(&writer, STR_LITERAL("sanitizers"), has_sanitizers ? STR_LITERAL(SCORED_SANITIZERS) : STR_NULL);
    json_write_string(&writer, STR_LITERAL("config"), STR_LITERAL(COMMAND_CONFIG_PATH));
    json_write_object_begin(&writer, STR_LITERAL("libraries"));
    for (size_t i = 0; i < n; i++)
        json_write_string(&writer, str_from(libraries[i].name), str_from(libraries[i].version));
    json_write_object_end(&writer);
    write_features(features, &writer);
    json_write_object_end(&writer);
    json_write_newline(&writer);
    int status = command_finish(self, &writer);
    json_writer_deinit(&writer);
    return status;
}

static int print_text(const Command *self, const Library *libraries, size_t n, const char *features) {
    puts("scored " SCORED_VERSION);
    puts("  built         " SCORED_BUILD_TYPE ", sanitizers: " SCORED_SANITIZERS);
    puts("  configuration " COMMAND_CONFIG_PATH);
    for (size_t i = 0; i < n; i++)
        printf("  %-13s %s\n", libraries[i].name, libraries[i].version);
    printf("  Kafka's client can %s\n", features);
    return command_finish(self, NULL);
}

static int run_version(const Command *self, int argc, char **argv) {
    Library libraries[LIBRARIES_MAX];
    char features[FEATURES_SIZE];
    bool arg_json = false;
    int status, option;
    while ((option = command_option(self, argc, argv, &status)) > 0)
        arg_json = true;
    if (option < 0)
        return status;
    if (optind < argc)
        return command_usage_error(self, "unexpected argument \"%s\"", argv[optind]);
    size_t n = libraries_list(libraries);
    libraries_kafka_features(features, sizeof(features));
    return arg_json ? print_json(self, libraries, n, features) : print_text(self, libraries, n, features);
}
