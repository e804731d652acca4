#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Skeleton of a Model
 *
 * All of a model that packed records refer to by number, by name, as bytes: what has to be known of a version to read its records
 * when its file is gone. Versioned: the first byte is the format. Reading trusts nothing: any byte string is either a skeleton or
 * refused, and what is accepted packs to the same bytes again.
 *
 * A version's skeleton is to be stored no later than the first record of that version, and as long as one may be left.
 *
 * A model made from a skeleton is good for record_unpack(), account_record_unpack(), migrate.h and model_free() only: it has no
 * conditions, no rules' points, no calendars but their names.
 */
#include "lib/model/model.h"
#include "lib/record/packing.h"

#define SKELETON_FORMAT 1
/* The most that the limits of a model allow is some 300 KiB; see also Kafka's message size. */
#define SKELETON_BYTES_MAX (512 * 1024)

enum {
    _SKELETON_E_SUCCESS,
    SKELETON_E_CORRUPT, /* not a skeleton, cut off, or a field out of range */
    SKELETON_E_FORMAT,  /* written by a newer program */
    SKELETON_E_SIZE,    /* over SKELETON_BYTES_MAX */
};

/* Appends the skeleton of the model, which may be made from one itself. 0, SKELETON_E_SIZE (buffer as before) or -ENOMEM. */
MUST_CHECK int skeleton_pack(const Model *model, Buffer *buffer);
/* Makes a model from bytes, which need not outlive it; *ret is set on 0 only, for model_free(). */
MUST_CHECK int skeleton_unpack(Str bytes, Model **ret);
