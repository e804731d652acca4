// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import io.scored.LeadEvent;
import io.scored.SlaEvent;
import io.scored.StageChanged;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.util.Utf8;

/**
 * The logic alone, as one partition and without a framework, for compare.py: messages in, messages out, each after its length in 4 bytes.
 * Records are packed and timers set as both peers do it.
 */
public final class ReplayMain {
    private final Map<Utf8, byte[]> records = new HashMap<>();
    /** By time, then by lead. */
    private final TreeMap<Long, Map<Utf8, Boolean>> timers = new TreeMap<>();
    private final LeadState lead = new LeadState();
    private final Wire wire = new Wire();
    private final DataOutputStream out;
    private final Engine engine;
    private long watermark = LeadState.NONE;

    private ReplayMain(DataOutputStream out) {
        this.out = out;
        engine = new Engine(new OutputSink() {
            @Override
            public void stageChanged(StageChanged output) {
                write(wire.encode(output));
            }

            @Override
            public void slaEvent(SlaEvent output) {
                write(wire.encode(output));
            }
        });
    }

    private void write(byte[] message) {
        try {
            out.writeInt(message.length);
            out.write(message);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void load(Utf8 id) {
        byte[] record = records.get(id);
        if (record == null) {
            lead.clear();
        } else {
            lead.unpack(record);
        }
    }

    private void store(Utf8 id, long next) {
        if (next < LeadState.NEVER && (lead.armedAt() == LeadState.NONE || next < lead.armedAt())) {
            if (lead.armedAt() != LeadState.NONE) {
                timers.get(lead.armedAt()).remove(id);
            }
            timers.computeIfAbsent(next, at -> new HashMap<>()).put(id, true);
            lead.setArmedAt(next);
        }
        records.put(id, lead.pack());
    }

    private void fireTimers() {
        while (!timers.isEmpty() && timers.firstKey() <= watermark) {
            for (Utf8 id : timers.pollFirstEntry().getValue().keySet()) {
                load(id);
                lead.setArmedAt(LeadState.NONE);
                engine.advance(lead, id, watermark);
                store(id, Engine.nextMoment(lead));
            }
        }
    }

    private void event(byte[] message) {
        LeadEvent event = wire.decode(message);
        Utf8 id = new Utf8(event.getLeadId());
        load(id);
        if (!engine.apply(lead, event, watermark)) {
            return;
        }
        watermark = Math.max(watermark, Wire.occurredAt(message));
        store(id, Engine.nextMoment(lead));
        fireTimers();
    }

    private long run(DataInputStream in) throws IOException {
        for (long n = 0;; n++) {
            byte[] message;
            try {
                message = new byte[in.readInt()];
            } catch (EOFException e) {
                return n;
            }
            in.readFully(message);
            event(message);
        }
    }

    public static void main(String[] args) throws IOException {
        if (args.length != 2) {
            System.err.println("usage: ReplayMain EVENTS OUTPUTS");
            System.exit(2);
        }
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(Path.of(args[0])), 1 << 20));
                DataOutputStream out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(Path.of(args[1])), 1 << 20))) {
            ReplayMain replay = new ReplayMain(out);
            long begin = System.nanoTime();
            long n = replay.run(in);
            System.err.printf("%d events, %d ns each%n", n, (System.nanoTime() - begin) / Math.max(n, 1));
        }
    }
}
