/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dlq/dlq_reader.h"

int dlq_reader_init(
        DlqReader *reader, const Config *config, AvroOutputReader *decoder, int64_t from_ms, int64_t to_ms, char *text) {
    const KafkaHistoryOptions options = {
            .topics = &config->output_topics[OUTPUT_DEAD_LETTER],
            .n_topics = 1,
            .from_ms = from_ms,
            .to_ms = to_ms,
    };
    *reader = (DlqReader){.decoder = decoder};
    return kafka_history_new(config, &options, NULL, DLQ_TIMEOUT_MS, text, &reader->history);
}

void dlq_reader_deinit(DlqReader *reader) {
    reader->history = kafka_history_free(reader->history);
}

int dlq_reader_next(DlqReader *reader, const DlqChoice *choice, char *text, DlqLetter *ret) {
    for (;;) {
        KafkaHistoryRecord record;
        Output output;
        int r = kafka_history_next(reader->history, DLQ_TIMEOUT_MS, text, &record);
        if (r)
            return r == KAFKA_HISTORY_E_END ? DLQ_E_END : r;
        if (str_is_null(record.value))
            continue; /* of a lead that is no more, in a compacted topic */
        char why[KAFKA_TEXT_SIZE];
        r = avro_output_read(reader->decoder, record.value, &output, why, sizeof(why));
        if (r < 0)
            return r;
        if (r > 0) {
            reader->n_foreign++;
            continue;
        }
        if (output.type != OUTPUT_DEAD_LETTER)
            continue; /* outputs may share a topic */
        *ret = (DlqLetter){.position = {record.partition, record.offset}, .at_ms = record.timestamp_ms, .key = record.key,
                .dead_letter = output.dead_letter};
        if (dlq_choice_is_of(choice, ret))
            return 0;
    }
}
