#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Group's Offsets
 *
 * As an operator has them, outside of the group: to be read at any time, and to be set while nobody is in it.
 */
#include "daemon/io/kafka/kafka_client.h"

typedef struct KafkaOffsets KafkaOffsets;

MUST_CHECK int kafka_offsets_new(const Config *config, KafkaLog log, char *text, KafkaOffsets **ret);
KafkaOffsets *kafka_offsets_free(KafkaOffsets *offsets);
DEFINE_CLEANUP(KafkaOffsets *, kafka_offsets_free)

/* What the group has committed. 0 or KAFKA_E_*. */
MUST_CHECK int kafka_offsets_get(
        KafkaOffsets *offsets, const char *topic, int32_t partition, int timeout_ms, char *text, CommittedOffset *ret);
/* Sets it. KAFKA_E_FATAL: somebody is in the group, so it may not. */
MUST_CHECK int kafka_offsets_set(KafkaOffsets *offsets, const char *topic, int32_t partition, const CommittedOffset *committed, char *text);
