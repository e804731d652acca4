#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Packed Record
 *
 * A lead as bytes: the value of the changelog topic and of the view's record keys. Versioned: the first byte
 * is the format, then the version of the model whose order of scores, tracks and policies the arrays follow.
 * Integers are varints, times relative to the lead's clock; record.c has the layout. The lead's id is not in
 * it; it is the key. Reading trusts nothing: any byte string is either a valid record or refused, and what is
 * accepted packs to the same bytes again.
 */
#include "lib/lead/lead.h"
#include "lib/record/packing.h"

#define RECORD_FORMAT 1
/* Of an id that was merged into another lead: the format, that lead's id, and the ordinal. */
#define RECORD_FORMAT_MERGED 126
/* The same without an ordinal, as earlier programs have written it: read, and written where the ordinal is 0. */
#define RECORD_FORMAT_MERGED_1 127
/* From here on they are of accounts (account_record.h). */
#define RECORD_FORMAT_END 128
/*
 * What one record may take: with its key and headers it must fit Kafka's message of 1 MB. All limits of a lead, or of
 * an account, together stay below it; one that passed it all the same would end the daemon.
 */
#define RECORD_BYTES_MAX (900 * 1024)

enum {
    _RECORD_E_SUCCESS,
    RECORD_E_CORRUPT, /* not a record, cut off, or a field out of range */
    RECORD_E_FORMAT,  /* written by a newer program */
    RECORD_E_MODEL,   /* written under another version of the model */
    RECORD_E_SIZE,    /* over RECORD_BYTES_MAX */
};

/* Appends the packed lead to `buffer`. 0, RECORD_E_SIZE (buffer as before) or -ENOMEM. */
MUST_CHECK int record_pack(const Lead *lead, const Model *model, Buffer *buffer);
/*
 * The version of the model that the record, of a lead or an account, was packed with. RECORD_E_CORRUPT: it has none, as one of a merged
 * lead, which is the same under all.
 */
MUST_CHECK int record_model_version(Str bytes, int64_t *ret);
/* Makes a lead from bytes; *ret is set on 0 only. */
MUST_CHECK int record_unpack(Str bytes, Str lead_id, const Model *model, Lead **ret);
