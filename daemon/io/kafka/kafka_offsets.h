#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Group's Offsets
 *
 * As an operator has them, outside of the group: to be read at any time, and to be set while nobody is in it.
 */
#include "daemon/io/kafka/kafka_client.h"

typedef struct KafkaOffsets KafkaOffsets;

/* What it tells is what transactions that have ended have committed. 0, KAFKA_E_* or -ENOMEM. */
MUST_CHECK int kafka_offsets_new(const Config *config, KafkaLog log, char *text, KafkaOffsets **ret);
/*
 * For who is to set them: as long as an open transaction has an offset of the partition, there is no answer (Kafka's
 * UNSTABLE_OFFSET_COMMIT, KIP-447). While a group is at work one always has, so that it may take many seconds.
 */
MUST_CHECK int kafka_offsets_new_stable(const Config *config, KafkaLog log, char *text, KafkaOffsets **ret);
KafkaOffsets *kafka_offsets_free(KafkaOffsets *offsets);
DEFINE_CLEANUP(KafkaOffsets *, kafka_offsets_free)

/* What the group has committed. 0 or KAFKA_E_*. */
MUST_CHECK int kafka_offsets_get(
        KafkaOffsets *offsets, const char *topic, int32_t partition, int timeout_ms, char *text, CommittedOffset *ret);
/* Sets it. KAFKA_E_FATAL: somebody is in the group, so it may not. */
MUST_CHECK int kafka_offsets_set(KafkaOffsets *offsets, const char *topic, int32_t partition, const CommittedOffset *committed, char *text);
