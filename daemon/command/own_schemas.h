#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our Own Schemas in a Registry
 *
 * Those of outputs stand in a Schema Registry under the subjects of their topics, and the registry says by which ids. `scored run` registers
 * them if it may; commands look them up; `scored check --live` tells what would be.
 */
#include <signal.h>

#include "daemon/base/findings.h"
#include "daemon/command/command.h"
#include "daemon/io/registry/registry_client.h"

/* A topic's name, and what is behind it. */
#define SUBJECT_SIZE 256
void own_schema_subject(const Config *config, OutputType type, char subject[static SUBJECT_SIZE]);

/*
 * The ids, asked for once: EX_UNAVAILABLE if the registry is away, EX_CONFIG if it does not have one of the schemas; both are reported.
 */
MUST_CHECK int own_schemas_look_up(const Command *command, const Config *config, RegistryClient *client, const RegistryOutput *outputs,
        uint32_t ret[static _OUTPUT_TYPE_MAX]);
/*
 * The ids, with schemas registered that are not there, if the configuration allows that; waits for a registry that is away. EX_CONFIG, with
 * a report, if one may not be registered, or the registry does not take it. EX_TEMPFAIL: the client was told to stop.
 */
MUST_CHECK int own_schemas_settle(const Command *command, const Config *config, RegistryClient *client, const RegistryOutput *outputs,
        uint32_t ret[static _OUTPUT_TYPE_MAX]);
/* 0 or negative errno. Changes nothing. */
MUST_CHECK int own_schemas_check(const Config *config, const RegistryOutput *outputs, Findings *findings);
