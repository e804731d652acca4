#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash
 *
 * Aumasson and Bernstein's keyed hash for short inputs. Unlike the fast multiplying hashes it has no inputs
 * that collide under every key, so a table with a secret key cannot be filled with colliding ids from
 * outside.
 */
#include "lib/base/util.h"

typedef struct SipKey {
    uint64_t k0, k1;
} SipKey;

/* SipHash-1-3: for tables in memory. */
uint64_t siphash_13(SipKey key, Str bytes);
/* SipHash-2-4 with 128 bits: for keys that are stored, the same on every machine. */
void siphash_24_128(SipKey key, Str bytes, uint8_t ret[static 16]);
