#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* A lead event as a Kafka message: by schemas/LeadEvent.avsc, in Confluent's wire format. */
#include "lib/event/event.h"
#include "lib/record/packing.h"

/* Appends the message. 0 or -ENOMEM. */
MUST_CHECK int event_avro_write(const LeadEvent *event, uint32_t schema_id, Buffer *buffer);
