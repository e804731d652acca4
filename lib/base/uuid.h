#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UUIDs
 *
 * Name-based identifiers (RFC 4122 section 4.3, version 5: SHA-1) in the URL namespace: the same fact has the
 * same id, whoever computes it and however often.
 */
#include "lib/base/util.h"

#define UUID_TEXT_LEN 36
#define SHA1_SIZE 20

typedef struct Uuid {
    uint8_t bytes[16];
} Uuid;

/* FIPS 180-4. Used for identity and integrity, not for secrecy. */
void sha1(const void *data, size_t len, uint8_t ret[static SHA1_SIZE]);

/* RFC 4122 version 5 UUID of `name` in the URL namespace (6ba7b811-9dad-11d1-80b4-00c04fd430c8). */
Uuid uuid_from_name(Str name);
/* Lower-case canonical form and a NUL. */
void uuid_print(const Uuid *uuid, char text[static UUID_TEXT_LEN + 1]);
/* Accepts the lower-case canonical form only, so that parse and print are each other's inverse. */
MUST_CHECK bool uuid_parse(Str text, Uuid *ret);
