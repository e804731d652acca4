// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.flink;

import io.scored.bench.scoring.Wire;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Takes messages as they are, and notes how far each partition has come. */
public final class EventReader implements KafkaRecordDeserializationSchema<RawEvent> {
    private static final long serialVersionUID = 1L;
    private long[] newest = {};

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<RawEvent> out) {
        int partition = record.partition();
        if (partition >= newest.length) {
            int n = newest.length;
            newest = Arrays.copyOf(newest, partition + 1);
            Arrays.fill(newest, n, newest.length, Long.MIN_VALUE);
        }
        newest[partition] = Math.max(newest[partition], Wire.occurredAt(record.value()));
        RawEvent event = new RawEvent();
        event.leadId = new String(record.key(), StandardCharsets.UTF_8);
        event.message = record.value();
        event.partition = partition;
        event.watermark = newest[partition];
        out.collect(event);
    }

    @Override
    public TypeInformation<RawEvent> getProducedType() {
        return new RawEventType();
    }
}
