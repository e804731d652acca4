// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/** Counts events, and tells what they cost: a line of JSON each second on standard output, so that warm-up can be told apart. */
public final class Progress {
    /** Events that were processed, repeats too; outputs that were made. Of the whole process. */
    public static final LongAdder EVENTS = new LongAdder(), OUTPUTS = new LongAdder();

    private static final OperatingSystemMXBean SYSTEM = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    /** How long nothing may come though there is more: clients take their time to start, and a commit on a busy machine, too. */
    private static final long STALL_SECONDS = 60;

    private Progress() {}

    private static void print(String kind, long begin, long now, long events) {
        System.out.printf("{\"%s\": {\"seconds\": %.3f, \"events\": %d, \"outputs\": %d, \"cpu_seconds\": %.3f}}%n", kind,
                (now - begin) / 1e9, events, OUTPUTS.sum(), SYSTEM.getProcessCpuTime() / 1e9);
        System.out.flush();
    }

    /** Until nothing has come for so many seconds (`stop-after-idle`; 0: for ever) and all was read, or `stop`. */
    public static void watch(PeerOptions options, CountDownLatch stop) throws InterruptedException {
        long idle = options.number("stop-after-idle", 0), begin = System.nanoTime(), latest = begin, n = EVENTS.sum();
        Source source = new Source(options);
        while (!stop.await(1, TimeUnit.SECONDS)) {
            long now = System.nanoTime(), events = EVENTS.sum(), seconds = (now - latest) / 1_000_000_000L;
            if (events != n) {
                print("progress", begin, now, events);
                n = events;
                latest = now;
            } else if (idle > 0 && seconds >= idle && (seconds >= STALL_SECONDS || n >= source.size())) {
                break;
            }
        }
        print("total", begin, latest, n);
    }
}
