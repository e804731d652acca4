#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Parts of `scored doctor`
 *
 * Each looks at one thing on which a deployment rests, and tells what it found. They go on after errors, and change nothing. Those that
 * return int return 0 or a negative errno.
 */
#include "daemon/base/findings.h"
#include "daemon/command/command.h"
#include "daemon/io/registry/registry.h"

/* The tz database, and the zones that the model names; `path` is the model's. Errors of other kinds are another's to tell. */
MUST_CHECK int doctor_zones(const char *path, Findings *findings);
/* Where the tz database is, if not where the system has it: for tests. */
void doctor_tz_database(const char *directory, Findings *findings);
/* Limits of the process, the service manager, and whether the kernel takes its clock for right. */
void doctor_machine(Findings *findings);
/* The names, addresses, ports and certificates of kafka.bootstrap_servers. *ret: one of them can be used, as far as it goes. */
MUST_CHECK int doctor_endpoints(const Config *config, Findings *findings, bool *ret);
/* Rights of the group and of the transactional id, and how records' timestamps stand to this machine's clock. */
MUST_CHECK int doctor_kafka(const Config *config, Findings *findings);
