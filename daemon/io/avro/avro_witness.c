/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/avro/avro_witness.h"

#include <avro.h>
#include <stdio.h>

/* Everything of avro-c that one record takes. */
typedef struct Witness {
    avro_schema_t schema;
    avro_value_iface_t *iface;
    avro_value_t value;
    avro_reader_t reader;
    avro_writer_t writer;
    char *written;
} Witness;

static Witness *witness_free(Witness *w) {
    if (w->writer)
        avro_writer_free(w->writer);
    if (w->reader)
        avro_reader_free(w->reader);
    if (w->value.self)
        avro_value_decref(&w->value);
    if (w->iface)
        avro_value_iface_decref(w->iface);
    if (w->schema)
        avro_schema_decref(w->schema);
    free(w->written);
    return free_null(w);
}
DEFINE_CLEANUP(Witness *, witness_free)

static int disagrees(const char *what, char *text, size_t size) {
    (void)snprintf(text, size, "avro-c %s: %s", what, avro_strerror());
    return AVRO_WITNESS_E_DISAGREES;
}

static int prepare(Witness *w, Str schema, Str record, char *text, size_t size) {
    if (avro_schema_from_json_length(schema.data, schema.len, &w->schema) != 0) {
        w->schema = NULL;
        return disagrees("refuses the schema", text, size);
    }
    w->iface = avro_generic_class_from_schema(w->schema);
    w->written = malloc(MAX(record.len, (size_t)1));
    if (!w->iface || !w->written || avro_generic_value_new(w->iface, &w->value) != 0)
        return -ENOMEM;
    w->reader = avro_reader_memory(record.data, (int64_t)record.len);
    w->writer = avro_writer_memory(w->written, (int64_t)record.len);
    return w->reader && w->writer ? 0 : -ENOMEM;
}

int avro_witness(Str schema, Str record, char *text, size_t size) {
    _cleanup_(witness_free) Witness *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    int r = prepare(w, schema, record, text, size);
    if (r)
        return r;
    if (avro_value_read(w->reader, &w->value) != 0)
        return disagrees("cannot read what was written", text, size);
    if (avro_value_write(w->writer, &w->value) != 0)
        return disagrees("cannot write what it has read", text, size);
    if ((size_t)avro_writer_tell(w->writer) == record.len && memcmp(w->written, record.data, record.len) == 0)
        return 0;
    (void)snprintf(text, size, "avro-c writes other bytes for the same record");
    return AVRO_WITNESS_E_DISAGREES;
}
