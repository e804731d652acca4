/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/registry/registry_fetch.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/io/registry/registry_reply.h"

/* --- a writer's schema ------------------------------------------------------------------------------- */

/* A schema that is being put together of those that it refers to. */
typedef struct Fetch {
    RegistryClient *client;
    Arena *arena;
    SchemaReference seen[SCHEMA_REFERENCES_MAX];
    size_t n_seen;
    Str schemas[SCHEMA_REFERENCES_MAX]; /* each behind those that it refers to */
    size_t n_schemas;
    char *text; /* REGISTRY_TEXT_SIZE */
} Fetch;

/* A registry that answers in no way that is known is as good as away. */
static int settle_reply(int r, const char *path, const char *what, char *text) {
    if (r != REGISTRY_REPLY_E_MALFORMED)
        return r;
    (void)snprintf(text, REGISTRY_TEXT_SIZE, "the answer to %s: %s", path, what);
    return REGISTRY_CLIENT_E_AWAY;
}

static int ask_schema(Fetch *f, const RegistryRequest *request, SchemaReply *ret) {
    RegistryAnswer answer;
    char what[512];
    int r = registry_client_ask(f->client, request, &answer, f->text);
    if (r != 0)
        return r;
    if (answer.code != 0) {
        (void)snprintf(f->text, REGISTRY_TEXT_SIZE, "%s (error %d)", answer.message, answer.code);
        bool is_absent = answer.code == REGISTRY_NO_SCHEMA || answer.code == REGISTRY_NO_SUBJECT || answer.code == REGISTRY_NO_VERSION;
        return is_absent ? REGISTRY_FETCH_E_ABSENT : REGISTRY_CLIENT_E_AWAY;
    }
    r = registry_reply_schema(answer.body, f->arena, ret, what, sizeof(what));
    return settle_reply(r, request->path, what, f->text);
}

/* Is it here already? Else it is from now on. */
static int see(Fetch *f, const SchemaReference *reference, bool *ret) {
    *ret = false;
    for (size_t i = 0; i < f->n_seen && !*ret; i++)
        *ret = f->seen[i].version == reference->version && str_eq(f->seen[i].subject, reference->subject);
    if (*ret)
        return 0;
    if (f->n_seen == SCHEMA_REFERENCES_MAX) {
        (void)snprintf(f->text, REGISTRY_TEXT_SIZE, "it refers to more than %d schemas, with those that they refer to", SCHEMA_REFERENCES_MAX);
        return REGISTRY_FETCH_E_UNUSABLE;
    }
    f->seen[f->n_seen++] = *reference;
    return 0;
}

static int fetch_reference(Fetch *f, const SchemaReference *reference, SchemaReply *ret) {
    char path[1024];
    _cleanup_(free_null) char *subject = registry_client_escape(f->client, reference->subject);
    if (!subject)
        return -ENOMEM;
    (void)snprintf(path, sizeof(path), "/subjects/%s/versions/%" PRId64, subject, reference->version);
    int r = ask_schema(f, &(RegistryRequest){.path = path}, ret);
    if (r == REGISTRY_FETCH_E_ABSENT) {
        (void)snprintf(f->text, REGISTRY_TEXT_SIZE, "it refers to version %" PRId64 " of subject %.*s, which the registry does not have",
                reference->version, (int)MIN(reference->subject.len, (size_t)256), reference->subject.data);
        return REGISTRY_FETCH_E_UNUSABLE;
    }
    return r;
}

/* Depth first: what a schema refers to is parsed before it. */
static int fetch_references(Fetch *f, const SchemaReply *of, unsigned depth) {
    int r = 0;
    for (size_t i = 0; i < of->n_references && r == 0; i++) {
        SchemaReply found;
        bool is_here;
        r = see(f, &of->references[i], &is_here);
        if (r != 0 || is_here)
            continue;
        if (depth == 0) {
            (void)snprintf(f->text, REGISTRY_TEXT_SIZE, "its references are more than %d deep", SCHEMA_REFERENCES_DEPTH_MAX);
            return REGISTRY_FETCH_E_UNUSABLE;
        }
        r = fetch_reference(f, &of->references[i], &found);
        if (r == 0)
            r = fetch_references(f, &found, depth - 1);
        if (r == 0)
            f->schemas[f->n_schemas++] = found.schema;
    }
    return r;
}

static int make_plan(Fetch *f, const SchemaReply *reply, AvroPlan **ret) {
    if (!str_eq_c(reply->type, "AVRO")) {
        (void)snprintf(f->text, REGISTRY_TEXT_SIZE, "expected an Avro schema, it is of the type %.*s", (int)MIN(reply->type.len, (size_t)32),
                reply->type.data);
        return REGISTRY_FETCH_E_UNUSABLE;
    }
    int r = fetch_references(f, reply, SCHEMA_REFERENCES_DEPTH_MAX);
    if (r != 0)
        return r;
    r = avro_plan_new_behind(f->schemas, f->n_schemas, reply->schema, f->text, REGISTRY_TEXT_SIZE, ret);
    return r == AVRO_PLAN_E_SCHEMA ? REGISTRY_FETCH_E_UNUSABLE : r;
}

int registry_fetch_plan(RegistryClient *client, const SchemaId *id, AvroPlan **ret, char text[static REGISTRY_TEXT_SIZE]) {
    _cleanup_(free_null) Fetch *f = calloc(1, sizeof(*f));
    _cleanup_(arena_free) Arena *arena = NULL;
    char path[64], guid[SCHEMA_GUID_SIZE];
    SchemaReply reply;
    int r = f ? arena_new(&arena) : -ENOMEM;
    if (r < 0)
        return r;
    f->client = client;
    f->arena = arena;
    f->text = text;
    schema_id_print_guid(id, guid);
    if (id->is_guid)
        (void)snprintf(path, sizeof(path), "/schemas/guids/%s", guid);
    else
        (void)snprintf(path, sizeof(path), "/schemas/ids/%" PRIu32, schema_id_number(id));
    r = ask_schema(f, &(RegistryRequest){.path = path, .ask_all = true}, &reply);
    return r == 0 ? make_plan(f, &reply, ret) : r;
}

/* --- our own schemas --------------------------------------------------------------------------------- */

/* Posts the schema; 0 also for the registry's refusals. */
static int post(RegistryClient *client, const char *before, const char *subject, const char *behind, Str schema, RegistryAnswer *ret,
        char *text) {
    _cleanup_(free_null) char *body = registry_request_body(schema), *name = registry_client_escape(client, str_from(subject)), *path = NULL;
    if (!body || !name || asprintf(&path, "%s/subjects/%s%s", before, name, behind) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return registry_client_ask(client, &(RegistryRequest){.path = path, .body = body}, ret, text);
}

static int refused(const RegistryAnswer *answer, char *text) {
    (void)snprintf(text, REGISTRY_TEXT_SIZE, "%s (error %d)", answer->message, answer->code);
    return REGISTRY_FETCH_E_REFUSED;
}

static int take_id(const RegistryAnswer *answer, const char *subject, uint32_t *ret, char *text) {
    char what[512];
    return settle_reply(registry_reply_id(answer->body, ret, what, sizeof(what)), subject, what, text);
}

int registry_fetch_id(RegistryClient *client, const char *subject, Str schema, uint32_t *ret, char text[static REGISTRY_TEXT_SIZE]) {
    RegistryAnswer answer;
    int r = post(client, "", subject, "", schema, &answer, text);
    if (r != 0)
        return r;
    if (answer.code == REGISTRY_NO_SUBJECT || answer.code == REGISTRY_NO_SCHEMA || answer.code == REGISTRY_NO_VERSION)
        return REGISTRY_FETCH_E_ABSENT;
    return answer.code ? refused(&answer, text) : take_id(&answer, subject, ret, text);
}

int registry_fetch_check(RegistryClient *client, const char *subject, Str schema, char text[static REGISTRY_TEXT_SIZE]) {
    RegistryAnswer answer;
    bool is_compatible;
    char what[512], reasons[REGISTRY_TEXT_SIZE - 64];
    int r = post(client, "/compatibility", subject, "/versions/latest?verbose=true", schema, &answer, text);
    if (r != 0)
        return r;
    if (answer.code == REGISTRY_NO_SUBJECT || answer.code == REGISTRY_NO_VERSION)
        return 0; /* it is the first */
    if (answer.code)
        return refused(&answer, text);
    r = registry_reply_compatible(answer.body, &is_compatible, reasons, sizeof(reasons), what, sizeof(what));
    if (r != 0)
        return settle_reply(r, subject, what, text);
    if (is_compatible)
        return 0;
    (void)snprintf(text, REGISTRY_TEXT_SIZE, "not compatible with the latest version there: %s", reasons[0] ? reasons : "it does not say why");
    return REGISTRY_FETCH_E_REFUSED;
}

int registry_fetch_register(RegistryClient *client, const char *subject, Str schema, uint32_t *ret, char text[static REGISTRY_TEXT_SIZE]) {
    RegistryAnswer answer;
    int r = post(client, "", subject, "/versions", schema, &answer, text);
    if (r != 0)
        return r;
    return answer.code ? refused(&answer, text) : take_id(&answer, subject, ret, text);
}
