#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs from Avro
 *
 * The other direction of avro_output.h, for programs of ours that read the output topics. Fields match by
 * name: what a schema lacks is null, what it has besides is passed over, so that outputs of an older or a
 * newer program can be read. A message is checked byte by byte, whoever wrote it.
 */
#include "daemon/io/registry/registry.h"

enum {
    _AVRO_OUTPUT_READER_E_SUCCESS,
    AVRO_OUTPUT_READER_E_SCHEMA,  /* a schema is none that outputs can be read from */
    AVRO_OUTPUT_READER_E_FOREIGN, /* a message is not in the wire format, or not of one of these schemas */
    AVRO_OUTPUT_READER_E_CORRUPT, /* it does not decode */
};

typedef struct AvroOutputReader AvroOutputReader;

/*
 * A reader of what was written by the schemas of every OutputType, in order; nothing of `outputs` is kept. 0,
 * AVRO_OUTPUT_READER_E_SCHEMA with `text` (`size` bytes, always terminated then), or -ENOMEM.
 */
MUST_CHECK int avro_output_reader_new(const RegistryOutput outputs[static _OUTPUT_TYPE_MAX], char *text,
        size_t size, AvroOutputReader **ret);
AvroOutputReader *avro_output_reader_free(AvroOutputReader *reader);
DEFINE_CLEANUP(AvroOutputReader *, avro_output_reader_free)

/*
 * Reads a message's value. *ret is set on 0 only; it borrows from `message` and, until the next call, from
 * the reader. Else _FOREIGN or _CORRUPT with `text` as above.
 */
MUST_CHECK int avro_output_read(AvroOutputReader *reader, Str message, Output *ret, char *text, size_t size);
