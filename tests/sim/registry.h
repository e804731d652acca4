#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Schema Registry as one simulated process sees it: it tells a schema some time after it was asked for, now and then long after that, and
 * now and then what was told is forgotten. Drawn apart, so that a schedule is the same with and without.
 */
#include "daemon/io/registry/registry.h"
#include "tests/sim/world.h"

/* Is there one? Else all schemas are known. */
extern bool registry_is_simulated;

/* Ids that stand for the schema of events. */
#define SIM_SCHEMA_ID 100
#define SIM_SCHEMAS 4

/* By which of them an event is sent. */
uint32_t registry_draw_id(void);
/* Of a process that starts; `files` knows the schemas. */
Registry *registry_of_process(Registry *files);
