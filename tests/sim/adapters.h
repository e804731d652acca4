#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulated adapters share. */
#include "daemon/io/kafka/kafka_changelog.h"
#include "daemon/io/kafka/kafka_sink.h"
#include "tests/sim/broker.h"
#include "tests/sim/world.h"

/* The way to the cluster and what it costs. 0: it has arrived; KAFKA_E_TIMEOUT: nothing was asked of anybody. */
MUST_CHECK int adapter_go_to_kafka(Point point, int64_t timeout_ms, char *text);
/* Fails the schedule if there is no such partition. */
Partition *adapter_partition(const char *topic, int32_t number);

/* As the client has it. */
typedef struct SourceMembership {
    unsigned member_id;
    int32_t generation; /* -1: none */
} SourceMembership;
SourceMembership adapter_membership(const KafkaSource *source);

/* What goes wrong at any time, by the schedule; percent of the calls concerned. */
typedef struct AdapterFaults {
    unsigned lost_commits_percent; /* the answer to EndTxn, or the request, or the latter comes late */
    unsigned lost_writes_percent;  /* the same of the view */
    unsigned lost_questions_percent;
} AdapterFaults;
extern AdapterFaults adapter_faults;

/* What the servers promise, and the daemon builds on. Without one of them something must be found: see ./planted. */
typedef enum Guarantee {
    GUARANTEE_NONE,
    GUARANTEE_STABLE,      /* committed offsets wait for pending transactions */
    GUARANTEE_EPOCH,       /* a producer's epoch ends its predecessor */
    GUARANTEE_CONDITIONAL, /* the view takes a batch onto the one before only */
    GUARANTEE_POSITION,    /* and tells records together with where it stands */
    GUARANTEE_COMMITTED,   /* read_committed readers see what is committed only */
    GUARANTEE_END,         /* and ends are told by a reader of everything */
    GUARANTEE_LATEST,      /* of two offsets that were pending the later counts, not the one whose marker came last */
    _GUARANTEE_MAX,
} Guarantee;
extern Guarantee adapter_lacks;
