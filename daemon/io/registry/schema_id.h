#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Schema's Id
 *
 * By what a message tells the schema that it was written with: the number under which a registry knows it, or its GUID, which newer
 * registries give out and which is the same in all of them. In Confluent's wire format it stands in front of the datum: a zero byte and
 * the number, 4 bytes big-endian; or a byte 1 and the GUID, 16 bytes. Newer clients put the same bytes into a header of the record
 * instead, and nothing in front of the datum; who reads a record from Kafka joins the two, so that all others see one form. Pure.
 */
#include "lib/base/util.h"

/* The header, and its longest value. */
#define SCHEMA_ID_HEADER "__value_schema_id"
#define SCHEMA_ID_WIRE_MAX 17

typedef struct SchemaId {
    bool is_guid;
    uint8_t bytes[16]; /* of a number the first 4, the others zero */
} SchemaId;

/* "the id 7", "the GUID 89791762-2336-4186-9674-299b90a802e2" */
#define SCHEMA_ID_TEXT_SIZE 48

SchemaId schema_id_of(uint32_t number);
uint32_t schema_id_number(const SchemaId *id);
static inline bool schema_id_eq(const SchemaId *a, const SchemaId *b) {
    return a->is_guid == b->is_guid && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
void schema_id_print(const SchemaId *id, char text[static SCHEMA_ID_TEXT_SIZE]);
/* 8-4-4-4-12 hexadecimal digits. */
#define SCHEMA_GUID_SIZE 37
void schema_id_print_guid(const SchemaId *id, char text[static SCHEMA_GUID_SIZE]);

/* How many bytes the id takes in front of the datum; 0: there is none, and the text says what was found. `value` may be null. */
MUST_CHECK size_t schema_id_read(Str value, SchemaId *ret, char *text, size_t size);
/* Is that the whole of a header's value? Others are not ours to understand. */
bool schema_id_is_header(Str value);
