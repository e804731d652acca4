#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gauges
 *
 * What is not counted as it happens, but stands there to be looked at between rounds: shards, lags, queues, caches.
 */
#include "daemon/pipeline/pipeline.h"

/* Brings the gauges and the pipeline's health up to date, and shows them with all that was counted. */
void gauges_show(Pipeline *p);
