// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.streams;

import io.scored.LeadEvent;
import io.scored.SlaEvent;
import io.scored.StageChanged;
import io.scored.bench.scoring.Engine;
import io.scored.bench.scoring.LeadState;
import io.scored.bench.scoring.OutputSink;
import io.scored.bench.scoring.Progress;
import io.scored.bench.scoring.Wire;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.avro.util.Utf8;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * One task, that is one partition. `leads` has a packed record for each lead, `timers` an entry for each lead that time will change: the
 * instant in 8 bytes, then the lead's id, so that what is due is a range. A lead's own moments come before its event; those of others by
 * a punctuator.
 *
 * The punctuator is one of the wall clock, though what it goes by is the stream's time: one of stream time would be called after
 * nearly every record when history is read, and would leave the last moments of a stream that pauses.
 */
final class ScoreProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    static final String LEADS = "leads", TIMERS = "timers", STAGES = "stages", SLA = "sla";
    private static final Duration PUNCTUATION = Duration.ofMillis(100);
    /** So many timers are taken out of the store at once. */
    private static final int FIRE_MAX = 10000;
    private static final byte[] NOTHING = {0};

    private final LeadState lead = new LeadState();
    private final Wire wire = new Wire();
    private final Engine engine = new Engine(new OutputSink() {
        @Override
        public void stageChanged(StageChanged output) {
            forward(wire.encode(output), output.getChangedAt().toEpochMilli(), STAGES);
        }

        @Override
        public void slaEvent(SlaEvent output) {
            forward(wire.encode(output), output.getOccurredAt().toEpochMilli(), SLA);
        }
    });

    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<Bytes, byte[]> leads, timers;
    /** The newest event time of the partition, repeats left out. */
    private long watermark;
    /** No timer is before this. */
    private long firstTimer = 0;
    /** Of the lead at hand. */
    private byte[] key;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        leads = context.getStateStore(LEADS);
        timers = context.getStateStore(TIMERS);
        watermark = context.currentStreamTimeMs(); // of the last commit
        context.schedule(PUNCTUATION, PunctuationType.WALL_CLOCK_TIME, now -> fireTimers());
    }

    private void forward(byte[] value, long at, String sink) {
        Progress.OUTPUTS.increment();
        context.forward(new Record<>(key, value, at), sink);
    }

    private void load(Bytes id) {
        byte[] record = leads.get(id);
        if (record == null) {
            lead.clear();
        } else {
            lead.unpack(record);
        }
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        Progress.EVENTS.increment();
        LeadEvent event = wire.decode(record.value());
        key = record.key();
        Bytes id = Bytes.wrap(key);
        load(id);
        if (!engine.apply(lead, event, watermark)) {
            return;
        }
        watermark = Math.max(watermark, event.getOccurredAt().toEpochMilli());
        store(id);
    }

    /** A timer that is too early stays: it is set anew when it fires. */
    private void store(Bytes id) {
        long next = Engine.nextMoment(lead);
        if (next < LeadState.NEVER && (lead.armedAt() == LeadState.NONE || next < lead.armedAt())) {
            if (lead.armedAt() != LeadState.NONE) {
                timers.delete(timerKey(lead.armedAt(), key));
            }
            timers.put(timerKey(next, key), NOTHING);
            lead.setArmedAt(next);
            firstTimer = Math.min(firstTimer, next);
        }
        leads.put(id, lead.pack());
    }

    private static Bytes timerKey(long at, byte[] id) {
        return Bytes.wrap(ByteBuffer.allocate(Long.BYTES + id.length).putLong(at).put(id).array());
    }

    private static long timerAt(Bytes timer) {
        return ByteBuffer.wrap(timer.get()).getLong();
    }

    private static final byte[] NO_ID = {};

    /** What is due, and when the next one is; from firstTimer on, for before that RocksDB has nothing but tombstones. */
    private List<Bytes> takeDue() {
        List<Bytes> due = new ArrayList<>();
        try (KeyValueIterator<Bytes, byte[]> range = timers.range(timerKey(firstTimer, NO_ID), null)) {
            firstTimer = LeadState.NEVER;
            while (range.hasNext()) {
                KeyValue<Bytes, byte[]> timer = range.next();
                firstTimer = timerAt(timer.key);
                if (firstTimer > watermark || due.size() == FIRE_MAX) {
                    return due;
                }
                due.add(timer.key);
                firstTimer = LeadState.NEVER;
            }
        }
        return due;
    }

    private void fireTimers() {
        while (firstTimer <= watermark) {
            for (Bytes timer : takeDue()) {
                timers.delete(timer);
                key = Arrays.copyOfRange(timer.get(), Long.BYTES, timer.get().length);
                Bytes id = Bytes.wrap(key);
                load(id);
                lead.setArmedAt(LeadState.NONE);
                engine.advance(lead, new Utf8(key), watermark);
                store(id);
            }
        }
    }
}
