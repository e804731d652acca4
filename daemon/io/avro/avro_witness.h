#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro-c as a Witness
 *
 * Records are written by a writer of our own, for speed. At the start each schema's samples are read by avro-c, as everyone else will read
 * them, and written by it once more: to the same bytes, or they are not used.
 */
#include "lib/base/util.h"

enum { _AVRO_WITNESS_E_SUCCESS, AVRO_WITNESS_E_DISAGREES };

/* A record without its wire header. 0; AVRO_WITNESS_E_DISAGREES with `text` (`size` bytes, always terminated then); or -ENOMEM. */
MUST_CHECK int avro_witness(Str schema, Str record, char *text, size_t size);
