#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of an Earlier Model
 *
 * By what a record is read that goes by an earlier model version than the one at hand: that version's skeleton, for those who ask from
 * outside. The footer says where it stands in the shard's changelog, and the view where the footer does; so little is read.
 */
#include "daemon/io/kafka/kafka_client.h"
#include "daemon/pipeline/footer.h"
#include "lib/record/packing.h"

typedef struct SkeletonQuery {
    const Config *config;
    int32_t shard;
    int64_t view_next; /* how far the view is in the changelog: just behind a footer; -1: not known */
    int64_t version;
} SkeletonQuery;

/*
 * Appends the skeleton's bytes, and sets the last footer that was seen on the way. KAFKA_E_UNKNOWN: the changelog does not have it;
 * other KAFKA_E_*: it could not be asked; with a text of KAFKA_TEXT_SIZE. Or -ENOMEM.
 */
MUST_CHECK int skeleton_read(const SkeletonQuery *query, char *text, Footer *ret_footer, Buffer *buffer);
