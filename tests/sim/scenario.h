#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What one schedule is about: topics, configuration, processes, faults; drawn from its seed. */
#include "daemon/base/inputs.h"
#include "daemon/io/avro/avro_output.h"
#include "daemon/io/avro/avro_output_reader.h"
#include "tests/sim/world.h"

#define MODEL_VERSIONS 2

/* What is loaded once, for all schedules. */
typedef struct Setting {
    const Config *config;
    const Model *models[MODEL_VERSIONS]; /* version 1 and those that follow */
    Registry *registry;
    AvroOutput *encoder;
    AvroOutputReader *reader;
} Setting;

/* Kinds of faults; a schedule has some of them. */
typedef enum FaultKind {
    FAULT_CRASH,
    FAULT_STOP,       /* in order; started again later, too */
    FAULT_FREEZE,
    FAULT_AIM,        /* a crash or a freeze at a certain point of what a process does */
    FAULT_MORE,       /* one process more */
    FAULT_NO_KAFKA,   /* of one process, or of all */
    FAULT_NO_REDIS,
    FAULT_EMPTY,      /* Redis loses everything */
    FAULT_ROLL_BACK,  /* … or its latest writes */
    FAULT_COMPACT,    /* the changelog is compacted */
    FAULT_LOST,       /* answers are lost, of commits and writes; requests come late */
    FAULT_LATE_MARKERS, /* transactions stay undecided for readers after they are */
    FAULT_MODEL, /* a new model version, once */
    _FAULT_KIND_MAX,
} FaultKind;

typedef struct Scenario {
    Setting setting;
    Config config;
    Inputs inputs;
    int32_t n_shards;
    int32_t n_partitions[CONFIG_SOURCES_MAX]; /* of each source */
    bool is_compacted[_OUTPUT_TYPE_MAX];
    const Model *model;   /* the version that whoever starts now has */
    unsigned n_processes; /* at the beginning */
    bool has_fault[_FAULT_KIND_MAX];
    int64_t faults_each_ms;  /* on average */
    bool is_order_awaited; /* what is behind in one source is awaited for as long as it takes */
    int64_t events_each_ms;
    int64_t ends_at_ms;      /* of faults and traffic: from then on all is well */
} Scenario;
extern Scenario scenario;

/* What has gone wrong, by kind. */
extern uint64_t fault_counts[_FAULT_KIND_MAX];

/* Draws it, and makes the topics. */
void scenario_make(const Setting *setting);
