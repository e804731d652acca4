#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requeueing Dead Letters
 *
 * The original's bytes go once more to where it came from, under its key, in transactions of a producer of its own: its transactional id
 * is <kafka.group>.scored dlq requeue, so a second one that begins ends the first. A header says which letter the record is of; who
 * requeues looks for these headers in the sources from the instants of the letters on, for what was requeued before. What another
 * producer's open transaction hides is not seen.
 */
#include "daemon/dlq/dlq_reader.h"

typedef struct DlqRequeue {
    const Config *config;
    AvroOutputReader *decoder;
    DlqEntries *entries; /* those that are to be requeued; `refusal`, `earlier` and `requeued` are set */
    bool is_dry; /* nothing is written */
    bool again;  /* also what was requeued before */
} DlqRequeue;

/* 0, KAFKA_E_* with `text`, or a negative errno: entries of transactions that were committed before are told as requeued. */
MUST_CHECK int dlq_requeue(const DlqRequeue *requeue, char *text);
