#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking the Servers
 *
 * Asks the brokers and Redis of a configuration what `scored run` would find there, to the end even after errors. Nothing is changed but a
 * key in Redis that is gone at once.
 */
#include "daemon/base/findings.h"
#include "daemon/config/config.h"
#include "daemon/io/registry/registry.h"

/* 0 or a negative errno. */
MUST_CHECK int check_live(const Config *config, Registry *registry, Findings *findings);
