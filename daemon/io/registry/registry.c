/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/registry/registry.h"

#include <stdarg.h>
#include <stdio.h>

#define PROBLEM_TEXT_SIZE 512

typedef struct FileSchema {
    uint32_t id;
    AvroPlan *plan;
} FileSchema;

typedef struct FileRegistry {
    Registry registry;
    FileSchema *schemas; /* sorted by id */
    size_t n_schemas;
    RegistryOutput outputs[_OUTPUT_TYPE_MAX];
    char *output_texts[_OUTPUT_TYPE_MAX]; /* the memory of their schemas */
} FileRegistry;

/* What goes wrong is counted, so that all of it is found. */
typedef struct Loader {
    const RegistryFileOptions *options;
    size_t n_problems;
} Loader;

static int file_plan(Registry *registry, const SchemaId *schema_id, const AvroPlan **ret, const char **ret_text) {
    const FileRegistry *self = (const FileRegistry *)registry;
    size_t low = 0, high = schema_id->is_guid ? 0 : self->n_schemas;
    uint32_t id = schema_id_number(schema_id);

    *ret_text = "";
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->schemas[middle].id == id) {
            *ret = self->schemas[middle].plan;
            return 0;
        }
        if (self->schemas[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return REGISTRY_E_UNKNOWN;
}

static const RegistryOutput *file_outputs(Registry *registry) {
    return ((const FileRegistry *)registry)->outputs;
}

static void file_free(Registry *registry) {
    FileRegistry *self = (FileRegistry *)registry;

    for (size_t i = 0; i < self->n_schemas; i++)
        avro_plan_free(self->schemas[i].plan);
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        free(self->output_texts[i]);
    free(self->schemas);
    free(self);
}

static const RegistryOps file_ops = {
        .plan = file_plan,
        .outputs = file_outputs,
        .free = file_free,
};

static void problem(Loader *loader, const char *path, const char *format, ...) PRINTF_LIKE(3, 4);
static void problem(Loader *loader, const char *path, const char *format, ...) {
    char text[PROBLEM_TEXT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    loader->n_problems++;
    loader->options->problem(loader->options->userdata, path, text);
}

/* The file's bytes and a NUL on the heap. *ret_text stays NULL after a problem. 0 or -ENOMEM. */
static int read_file(Loader *loader, const char *path, char **ret_text, size_t *ret_len) {
    _cleanup_(free_null) char *text = NULL;
    size_t len;
    bool failed;
    FILE *file;

    text = malloc(AVRO_SCHEMA_SIZE_MAX + 1);
    if (!text)
        return -ENOMEM;
    file = fopen(path, "re");
    if (!file) {
        problem(loader, path, "cannot be opened: %s", strerror(errno));
        return 0;
    }
    len = fread(text, 1, AVRO_SCHEMA_SIZE_MAX + 1, file);
    failed = ferror(file);
    int error = errno;
    (void)fclose(file);
    if (failed) {
        problem(loader, path, "cannot be read: %s", strerror(error));
        return 0;
    }
    if (len > AVRO_SCHEMA_SIZE_MAX) {
        problem(loader, path, "larger than %d bytes", AVRO_SCHEMA_SIZE_MAX);
        return 0;
    }
    text[len] = '\0';
    char *fitted = realloc(text, len + 1);
    if (fitted)
        text = fitted;
    *ret_text = TAKE_PTR(text);
    *ret_len = len;
    return 0;
}

static int load_event(Loader *loader, const RegistryFile *file, FileRegistry *self) {
    _cleanup_(free_null) char *json = NULL;
    char text[PROBLEM_TEXT_SIZE];
    AvroPlan *plan = NULL;
    size_t len = 0, i;

    int r = read_file(loader, file->path, &json, &len);
    if (r || !json)
        return r;
    r = avro_plan_new((Str){json, len}, text, sizeof(text), &plan);
    if (r < 0)
        return r;
    if (r) {
        problem(loader, file->path, "%s", text);
        return 0;
    }
    for (i = self->n_schemas; i > 0 && self->schemas[i - 1].id > file->id; i--)
        self->schemas[i] = self->schemas[i - 1];
    self->schemas[i] = (FileSchema){.id = file->id, .plan = plan};
    self->n_schemas++;
    return 0;
}

static int load_output(Loader *loader, OutputType type, FileRegistry *self) {
    _cleanup_(free_null) char *path = NULL;
    size_t len = 0;

    if (asprintf(&path, "%s/%s.avsc", loader->options->output_dir, output_type_name(type)) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    int r = read_file(loader, path, &self->output_texts[type], &len);
    self->outputs[type] = (RegistryOutput){
            .id = loader->options->output_ids[type],
            .schema = (Str){self->output_texts[type], len},
    };
    return r;
}

/* One id, one schema: else consumers would decode by the wrong one. */
static void check_ids(Loader *loader) {
    const RegistryFileOptions *o = loader->options;

    for (size_t i = 0; i < o->n_events; i++) {
        for (size_t j = 0; j < i; j++)
            if (o->events[i].id == o->events[j].id)
                problem(loader, o->events[i].path, "has the id %u of %s", o->events[i].id, o->events[j].path);
        for (size_t type = 0; type < _OUTPUT_TYPE_MAX && !o->ids_follow; type++)
            if (o->events[i].id == o->output_ids[type])
                problem(loader, o->events[i].path, "has the id %u of %s", o->events[i].id,
                        output_type_name((OutputType)type));
    }
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX && !o->ids_follow; i++)
        for (size_t j = 0; j < i; j++)
            if (o->output_ids[i] == o->output_ids[j])
                problem(loader, o->output_dir, "%s has the id %u of %s", output_type_name((OutputType)i),
                        o->output_ids[i], output_type_name((OutputType)j));
}

int registry_file_new(const RegistryFileOptions *options, Registry **ret) {
    _cleanup_(registry_free) Registry *registry = NULL;
    Loader loader = {.options = options};
    FileRegistry *self;
    int r;

    self = calloc(1, sizeof(*self));
    if (!self)
        return -ENOMEM;
    registry = &self->registry;
    registry->ops = &file_ops;
    self->schemas = calloc(MAX(options->n_events, (size_t)1), sizeof(*self->schemas));
    if (!self->schemas)
        return -ENOMEM;

    check_ids(&loader);
    for (size_t i = 0; i < options->n_events; i++) {
        r = load_event(&loader, &options->events[i], self);
        if (r)
            return r;
    }
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        r = load_output(&loader, (OutputType)i, self);
        if (r)
            return r;
    }
    if (loader.n_problems > 0)
        return REGISTRY_E_FILES;
    *ret = TAKE_PTR(registry);
    return 0;
}

static int reject(const char *reason, const char **ret_reason) {
    *ret_reason = reason;
    return MESSAGE_E_REJECTED;
}

/* The registry's word on an id for which it has no plan. */
static int without_plan(int r, const SchemaId *id, const char *why, const char **ret_reason, char *text, size_t size) {
    char name[SCHEMA_ID_TEXT_SIZE];
    schema_id_print(id, name);
    if (r == REGISTRY_E_UNKNOWN) {
        snprintf(text, size, "no schema has %s", name);
        return reject("unknown_schema", ret_reason);
    }
    if (r == REGISTRY_E_UNUSABLE) {
        snprintf(text, size, "the schema with %s: %s", name, why);
        return reject("schema", ret_reason);
    }
    if (r == REGISTRY_E_AWAY) {
        snprintf(text, size, "the registry has not told the schema with %s%s%s", name, why[0] ? ": " : "", why);
        return MESSAGE_E_AWAITED;
    }
    return r;
}

int message_decode(Registry *registry, AvroEventDecoder *decoder, const void *bytes, size_t len,
        LeadEvent *ret, const char **ret_reason, char *text, size_t size) {
    const AvroPlan *plan;
    const char *why;
    SchemaId id;

    size_t n = schema_id_read((Str){bytes, len}, &id, text, size);
    if (n == 0)
        return reject("bad_wire", ret_reason);
    int r = registry_plan(registry, &id, &plan, &why);
    if (r)
        return without_plan(r, &id, why, ret_reason, text, size);
    r = avro_event_decode(decoder, plan, (const char *)bytes + n, len - n, ret, text, size);
    return r == AVRO_EVENT_E_SCHEMA ? reject("schema", ret_reason) : r;
}
