// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import io.scored.LeadEvent;
import io.scored.SlaEvent;
import io.scored.StageChanged;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DatumReader;
import org.apache.avro.io.DatumWriter;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificDatumWriter;

/**
 * Messages: a zero byte, the id of the schema in 4 bytes, the datum. Ids are fixed, as there is no registry here. One for each thread:
 * it uses its decoder, encoder and event again.
 */
public final class Wire {
    public static final int EVENT_ID = 100, STAGE_CHANGED_ID = 1, SLA_EVENT_ID = 2;
    private static final int HEADER = 5;

    private final DatumReader<LeadEvent> reader = new SpecificDatumReader<>(LeadEvent.class);
    private final DatumWriter<StageChanged> stageWriter = new SpecificDatumWriter<>(StageChanged.class);
    private final DatumWriter<SlaEvent> slaWriter = new SpecificDatumWriter<>(SlaEvent.class);
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(1024);
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;
    private LeadEvent event;

    private static void check(byte[] message) {
        if (message.length < HEADER || message[0] != 0 || message[1] != 0 || message[2] != 0 || message[3] != 0 || message[4] != EVENT_ID) {
            throw new IllegalArgumentException("no LeadEvent");
        }
    }

    /** Valid until the next call. */
    public LeadEvent decode(byte[] message) {
        check(message);
        decoder = DecoderFactory.get().binaryDecoder(message, HEADER, message.length - HEADER, decoder);
        try {
            event = reader.read(event, decoder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return event;
    }

    /** Its occurred_at, without decoding the rest: the second field, after a text. */
    public static long occurredAt(byte[] message) {
        check(message);
        int at = HEADER;
        long length = 0;
        for (int shift = 0;; shift += 7) {
            byte b = message[at++];
            length |= (long) (b & 0x7f) << shift;
            if (b >= 0) {
                break;
            }
        }
        at += (int) (length >>> 1);
        long value = 0;
        for (int shift = 0;; shift += 7) {
            byte b = message[at++];
            value |= (long) (b & 0x7f) << shift;
            if (b >= 0) {
                return value >>> 1 ^ -(value & 1);
            }
        }
    }

    private <T> byte[] encode(DatumWriter<T> writer, int id, T datum) {
        out.reset();
        for (int i = 0; i < HEADER - 1; i++) {
            out.write(0);
        }
        out.write(id);
        encoder = EncoderFactory.get().binaryEncoder(out, encoder);
        try {
            writer.write(datum, encoder);
            encoder.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    public byte[] encode(StageChanged output) {
        return encode(stageWriter, STAGE_CHANGED_ID, output);
    }

    public byte[] encode(SlaEvent output) {
        return encode(slaWriter, SLA_EVENT_ID, output);
    }
}
