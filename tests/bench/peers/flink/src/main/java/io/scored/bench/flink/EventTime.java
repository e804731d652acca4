// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.flink;

import io.scored.bench.scoring.Wire;
import org.apache.flink.api.common.eventtime.TimestampAssigner;
import org.apache.flink.api.common.eventtime.TimestampAssignerSupplier;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkGeneratorSupplier;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;

/**
 * The model's `lateness: 0s`: a moment is due as soon as an event of its millisecond has come, where Flink's own generators wait for the
 * next millisecond. Of a partition; the source takes the least of all.
 */
public final class EventTime implements WatermarkStrategy<RawEvent> {
    private static final long serialVersionUID = 1L;

    @Override
    public TimestampAssigner<RawEvent> createTimestampAssigner(TimestampAssignerSupplier.Context context) {
        return (event, timestamp) -> Wire.occurredAt(event.message);
    }

    @Override
    public WatermarkGenerator<RawEvent> createWatermarkGenerator(WatermarkGeneratorSupplier.Context context) {
        return new WatermarkGenerator<>() {
            private long newest = Long.MIN_VALUE;

            @Override
            public void onEvent(RawEvent event, long timestamp, WatermarkOutput output) {
                newest = Math.max(newest, timestamp);
            }

            @Override
            public void onPeriodicEmit(WatermarkOutput output) {
                output.emitWatermark(new Watermark(newest));
            }
        };
    }
}
