#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients
 *
 * Connecting the pipeline to Kafka and Redis, and checking what must be true before the first record (DESIGN section 3, "Refuse to
 * start"). Those that carry a session's state (producer, consumer, changelog reader) are made anew for every session.
 */
#include "daemon/pipeline/pipeline.h"

/* Those that last as long as the process. 0, PIPELINE_E_WAIT, PIPELINE_E_REFUSED or negative errno; so do the others. */
MUST_CHECK int clients_open(Pipeline *p);
void clients_close(Pipeline *p);

/* Finds the number of shards, prepares topics and view, and joins the group: `handler` is told of shards from the next poll on. */
MUST_CHECK int clients_connect(Pipeline *p, KafkaSourceHandler handler);
/* Writes the view's own description, and the functions that read it, for other programs. */
MUST_CHECK int clients_describe_view(Pipeline *p);
/* Leaves the group first, which tells the handler. */
void clients_disconnect(Pipeline *p);
