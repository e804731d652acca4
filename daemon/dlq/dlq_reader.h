#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the topic of dead letters, from its beginning or an instant on to its end as it is now. */
#include "daemon/dlq/dlq_choice.h"
#include "daemon/io/avro/avro_output_reader.h"
#include "daemon/io/kafka/kafka_history.h"

#define DLQ_TIMEOUT_MS 15000

enum { DLQ_E_END = 101 }; /* beside KAFKA_E_* */

typedef struct DlqReader {
    KafkaHistory *history;
    AvroOutputReader *decoder; /* borrowed */
    size_t n_foreign; /* records that are no dead letters of the present schema */
} DlqReader;

/* 0, KAFKA_E_* with `text`, or a negative errno. */
MUST_CHECK int dlq_reader_init(
        DlqReader *reader, const Config *config, AvroOutputReader *decoder, int64_t from_ms, int64_t to_ms, char *text);
void dlq_reader_deinit(DlqReader *reader);
/* The next letter that is of the choice, borrowed until the next call. 0, DLQ_E_END after the last, or as above. */
MUST_CHECK int dlq_reader_next(DlqReader *reader, const DlqChoice *choice, char *text, DlqLetter *ret);
