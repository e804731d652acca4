#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics
 *
 * Before the first record: the sources must pair up, and our own topics must be there as the protocol needs them
 * (DESIGN sections 2 and 3, "Refuse to start").
 */
#include "daemon/pipeline/pipeline.h"

/* Of the log's topics.forbidden. */
#define TOPICS_FORBIDDEN_REMEDY "give its user the rights that the README lists under \"Kafka's rights\"; it is tried again"

/*
 * Finds what there is to read, and with it the number of shards; creates what is missing (unless told not to) and checks what is there. 0; PIPELINE_E_WAIT: the cluster does not
 * answer; PIPELINE_E_REFUSED: said in the log. *ret_tombstones_ms: for how long the changelog tells that something was erased.
 */
MUST_CHECK int topics_prepare(const Config *config, KafkaCluster *cluster, Inputs *ret_inputs,
        bool ret_is_compacted[static _OUTPUT_TYPE_MAX], int64_t *ret_tombstones_ms);
