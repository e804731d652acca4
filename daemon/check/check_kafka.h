#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of check_live() that ask Kafka. */
#include "daemon/check/check_live.h"
#include "daemon/check/source_verdict.h"

/* A server that is there answers within milliseconds. */
#define CHECK_TIMEOUT_MS 10000

/*
 * All return 0; KAFKA_E_TIMEOUT after a finding that says so: no broker answers, so there is no use in asking on; or a negative errno.
 */

/* All of them in turn; 0 or a negative errno. */
MUST_CHECK int check_kafka(const Config *config, Registry *registry, Findings *findings);
/* Does a broker answer? Its client is one whose log kafka_cause_note() takes. */
MUST_CHECK int check_brokers(const Config *config, KafkaCluster *cluster, Findings *findings);
/* A topic's number of partitions, 0 if there is no such topic; -1: the broker does not say, which is told as an error. */
MUST_CHECK int check_partitions(KafkaCluster *cluster, const char *subject, const char *topic, Findings *findings, int32_t *ret);
/* Fills the samples: first the numbers of partitions, then records. */
MUST_CHECK int check_sources_exist(const Config *config, KafkaCluster *cluster, SourceSample *samples, Findings *findings);
MUST_CHECK int check_sources_sample(const Config *config, Registry *registry, SourceSample *samples);
/* Has a shard room for the partitions that it would have to read? Told only where all else about the sources' partitions is right. */
void check_inputs(const Config *config, const SourceSample *samples, int32_t n_shards, Findings *findings);
/* Our own topics. */
MUST_CHECK int check_topics_known(const Config *config, KafkaCluster *cluster, Findings *findings, ShardsKnown *ret);
MUST_CHECK int check_topics(
        const Config *config, KafkaCluster *cluster, const ShardsKnown *known, int32_t n_shards, Findings *findings);
