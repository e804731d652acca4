/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/registry/schema_id.h"

#include <inttypes.h>
#include <stdio.h>

enum { MAGIC_NUMBER = 0, MAGIC_GUID = 1 };

SchemaId schema_id_of(uint32_t number) {
    SchemaId id = {.is_guid = false};
    for (unsigned i = 0; i < 4; i++)
        id.bytes[i] = (uint8_t)(number >> (24 - 8 * i));
    return id;
}

uint32_t schema_id_number(const SchemaId *id) {
    return (uint32_t)id->bytes[0] << 24 | (uint32_t)id->bytes[1] << 16 | (uint32_t)id->bytes[2] << 8 | id->bytes[3];
}

void schema_id_print_guid(const SchemaId *id, char text[static SCHEMA_GUID_SIZE]) {
    char digits[2 * sizeof(id->bytes) + 1];
    hex_print(id->bytes, sizeof(id->bytes), digits);
    (void)snprintf(text, SCHEMA_GUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12, digits + 16, digits + 20);
}

void schema_id_print(const SchemaId *id, char text[static SCHEMA_ID_TEXT_SIZE]) {
    char guid[SCHEMA_GUID_SIZE];
    if (!id->is_guid) {
        (void)snprintf(text, SCHEMA_ID_TEXT_SIZE, "the id %" PRIu32, schema_id_number(id));
        return;
    }
    schema_id_print_guid(id, guid);
    (void)snprintf(text, SCHEMA_ID_TEXT_SIZE, "the GUID %s", guid);
}

/* What follows the first byte. */
static size_t size_of(uint8_t magic) {
    return magic == MAGIC_NUMBER ? 4 : magic == MAGIC_GUID ? 16 : 0;
}

size_t schema_id_read(Str value, SchemaId *ret, char *text, size_t size) {
    const uint8_t *wire = (const uint8_t *)value.data;
    size_t n = wire && value.len > 0 ? size_of(wire[0]) : 0;
    if (n > 0 && value.len > n) {
        *ret = (SchemaId){.is_guid = wire[0] == MAGIC_GUID};
        memcpy(ret->bytes, wire + 1, n);
        return 1 + n;
    }
    if (n == 0 && wire && value.len > 4)
        (void)snprintf(text, size, "expected a byte 0 and a schema id, found the byte %u first", wire[0]);
    else if (n == 16)
        (void)snprintf(text, size, "expected a byte 1 and a schema's GUID of 16 bytes, found %zu bytes", value.len);
    else
        (void)snprintf(text, size, "expected a byte 0 and a schema id of 4 bytes, found %zu bytes", wire ? value.len : 0);
    return 0;
}

bool schema_id_is_header(Str value) {
    return value.data && value.len > 0 && size_of((uint8_t)value.data[0]) > 0 && value.len == 1 + size_of((uint8_t)value.data[0]);
}
