#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lead Events from Avro
 *
 * Carries out a plan on one datum. The work is bounded by the datum's size, whatever its bytes say; nothing
 * is allocated.
 */
#include "daemon/io/avro/avro_plan.h"

enum {
    _AVRO_EVENT_E_SUCCESS,
    AVRO_EVENT_E_SCHEMA, /* the datum does not decode, or the event breaks a limit; the text says how */
};

typedef struct AvroEventDecoder AvroEventDecoder;

/* 0 or -ENOMEM. */
MUST_CHECK int avro_event_decoder_new(AvroEventDecoder **ret);
AvroEventDecoder *avro_event_decoder_free(AvroEventDecoder *decoder);
DEFINE_CLEANUP(AvroEventDecoder *, avro_event_decoder_free)

/*
 * Decodes a datum, which must end with the last field. *ret is set on 0 only; it is then valid by
 * event_validate(), and borrows from `datum`, from the plan and, until its next call, from the decoder. Of a
 * property that is there twice the last counts. AVRO_EVENT_E_SCHEMA fills `text` (`size` bytes, always
 * terminated then).
 */
MUST_CHECK int avro_event_decode(AvroEventDecoder *decoder, const AvroPlan *plan, const void *datum,
        size_t len, LeadEvent *ret, char *text, size_t size);
