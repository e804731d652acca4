#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Changelog Reader
 *
 * Reads partitions of the compacted changelog topic from an offset on, read_committed, outside of any group:
 * for taking a shard over and for catching the view up.
 */
#include "daemon/io/kafka/kafka_client.h"

typedef struct KafkaChangelog KafkaChangelog;

typedef struct ChangelogRecord {
    int64_t offset, timestamp_ms;
    Str key, value; /* value null: erased; borrowed until the next call */
} ChangelogRecord;

MUST_CHECK int kafka_changelog_new(const Config *config, KafkaLog log, char *text, KafkaChangelog **ret);
KafkaChangelog *kafka_changelog_free(KafkaChangelog *changelog);
DEFINE_CLEANUP(KafkaChangelog *, kafka_changelog_free)

/* Goes to `offset` of partition `shard`; -2: the first there is. */
MUST_CHECK int kafka_changelog_seek(KafkaChangelog *c, int32_t shard, int64_t offset, char *text);
/*
 * Ends reading. Until then the reader goes on to fetch ahead what comes into its partition, so this is to be
 * called when nothing more is wanted of it for now.
 */
void kafka_changelog_rest(KafkaChangelog *c);
/*
 * The next committed record. KAFKA_E_TIMEOUT: none came in time. KAFKA_E_UNKNOWN: all is read that is
 * committed now: ret->offset is the end of it, which can lie behind control records that are not seen; a
 * later call goes on when more comes, and tells an end once. KAFKA_E_OFFSET: where it was told to begin is
 * out of the log; seek anew.
 */
MUST_CHECK int kafka_changelog_next(KafkaChangelog *c, int timeout_ms, char *text, ChangelogRecord *ret);
