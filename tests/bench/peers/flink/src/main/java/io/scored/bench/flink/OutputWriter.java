// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.flink;

import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Both topics by one sink, and so in one transaction. */
public final class OutputWriter implements KafkaRecordSerializationSchema<RawOutput> {
    private static final long serialVersionUID = 1L;
    private final String stages, sla;

    OutputWriter(String stages, String sla) {
        this.stages = stages;
        this.sla = sla;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(RawOutput output, KafkaSinkContext context, Long timestamp) {
        return new ProducerRecord<>(output.isStage ? stages : sla, null, output.at, output.leadId, output.message);
    }
}
