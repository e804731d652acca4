/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Schema Registry may answer, as every kind of answer; and wire headers. Answers with NULs between them are schemas of which the last
 * refers to the others. What is refused says why, in printable words, whatever the answer was.
 */
#include <stdlib.h>

#include "daemon/io/avro/avro_plan.h"
#include "daemon/io/registry/registry_reply.h"
#include "daemon/io/registry/schema_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OTHERS_MAX 4

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

static void require_reason(const char *text) {
    require(text[0] != '\0');
    for (; *text; text++)
        require(*text >= ' ' && *text <= '~');
}

static void require_outcome(int r, const char *text) {
    require(r == 0 || r == REGISTRY_REPLY_E_MALFORMED);
    if (r != 0)
        require_reason(text);
}

static void check_schemas(Str bytes, Arena *arena) {
    Str others[OTHERS_MAX];
    size_t n = 0;
    char text[256];
    AvroPlan *plan = NULL;
    for (;;) {
        const char *end = memchr(bytes.data, '\0', bytes.len);
        Str one = {bytes.data, end ? (size_t)(end - bytes.data) : bytes.len};
        SchemaReply reply;
        int r = registry_reply_schema(one, arena, &reply, text, sizeof(text));
        require_outcome(r, text);
        if (r != 0)
            return;
        require(reply.schema.data && reply.type.data && reply.n_references <= SCHEMA_REFERENCES_MAX);
        if (end && n < OTHERS_MAX) {
            others[n++] = reply.schema;
            bytes = (Str){end + 1, bytes.len - one.len - 1};
            continue;
        }
        r = avro_plan_new_behind(others, n, reply.schema, text, sizeof(text), &plan);
        require(r == 0 || (r == AVRO_PLAN_E_SCHEMA && text[0]));
        avro_plan_free(plan);
        return;
    }
}

static void check_id(Str bytes) {
    char text[128] = "", again[SCHEMA_ID_TEXT_SIZE];
    SchemaId id;
    size_t n = schema_id_read(bytes, &id, text, sizeof(text));
    require(n <= MIN(bytes.len, (size_t)SCHEMA_ID_WIRE_MAX));
    if (n == 0) {
        require_reason(text);
        return;
    }
    schema_id_print(&id, again);
    require_reason(again);
    require(schema_id_is_header((Str){bytes.data, n}));
    if (!id.is_guid) {
        const SchemaId same = schema_id_of(schema_id_number(&id));
        require(schema_id_eq(&id, &same));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const Str bytes = {(const char *)data, size};
    char text[256] = "", reasons[64];
    Arena *arena = NULL;
    uint32_t id;
    bool is_compatible;

    require(arena_new(&arena) == 0);
    require_outcome(registry_reply_id(bytes, &id, text, sizeof(text)), text);
    require_outcome(registry_reply_compatible(bytes, &is_compatible, reasons, sizeof(reasons), text, sizeof(text)), text);
    int code = registry_reply_error(bytes, text, sizeof(text));
    require(code >= 0 && code < 100000);
    if (size > 0) {
        check_schemas(bytes, arena);
        check_id(bytes);
    }
    arena_free(arena);
    return 0;
}
