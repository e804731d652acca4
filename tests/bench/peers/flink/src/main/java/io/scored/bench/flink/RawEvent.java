// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.flink;

/** An event's message as it stands in Kafka, with what is known of its partition. */
public final class RawEvent {
    public String leadId;
    public byte[] message;
    public int partition;
    /** The newest event time of its partition since the source began to read, this event's included. */
    public long watermark;
}
