#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs as Avro
 *
 * Outputs in the registry's wire format, field by field as output_visit() lists them, into the schema's own
 * order. Field and schema must know each other: what one has and the other lacks is found at the start.
 */
#include "daemon/io/registry/registry.h"

/*
 * Of one encoded output. A dead letter holds a whole message, of which brokers take 1 MiB unless told
 * otherwise; the rest is some kilobytes.
 */
#define AVRO_OUTPUT_SIZE_MAX (8 * 1024 * 1024)

enum {
    _AVRO_OUTPUT_E_SUCCESS,
    AVRO_OUTPUT_E_SCHEMA,    /* a schema does not fit the outputs; the text names type and field */
    AVRO_OUTPUT_E_TOO_LARGE, /* over AVRO_OUTPUT_SIZE_MAX */
};

typedef struct AvroOutput AvroOutput;

/*
 * An encoder for the schemas of every OutputType, in order; nothing of `outputs` is kept. It encodes a full
 * and a sparse sample of each to see that the schemas have all fields and no others, of types that fit, and that avro-c agrees. 0,
 * AVRO_OUTPUT_E_SCHEMA with `text` (`size` bytes, always terminated then) about the first that does not, or
 * -ENOMEM.
 */
MUST_CHECK int avro_output_new(
        const RegistryOutput outputs[static _OUTPUT_TYPE_MAX], char *text, size_t size, AvroOutput **ret);
AvroOutput *avro_output_free(AvroOutput *avro);
DEFINE_CLEANUP(AvroOutput *, avro_output_free)

/*
 * *ret is valid until the next call. 0, AVRO_OUTPUT_E_TOO_LARGE, AVRO_OUTPUT_E_SCHEMA (an output that no
 * sample is like, such as one that lacks what every output has) or -ENOMEM. `text` as above, for both
 * outcomes.
 */
MUST_CHECK int avro_output_encode(AvroOutput *avro, const Output *output, Str *ret, char *text, size_t size);
