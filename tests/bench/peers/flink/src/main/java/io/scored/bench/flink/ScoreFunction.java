// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.flink;

import io.scored.LeadEvent;
import io.scored.SlaEvent;
import io.scored.StageChanged;
import io.scored.bench.scoring.Engine;
import io.scored.bench.scoring.LeadState;
import io.scored.bench.scoring.OutputSink;
import io.scored.bench.scoring.Progress;
import io.scored.bench.scoring.Wire;
import java.io.IOException;
import java.util.concurrent.Semaphore;
import org.apache.avro.util.Utf8;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** A lead's record is its keyed state, packed; its next moment is an event-time timer. */
public final class ScoreFunction extends KeyedProcessFunction<String, RawEvent, RawOutput> implements CheckpointedFunction {
    private static final long serialVersionUID = 1L;

    /** How many of the process's instances are there. */
    static final Semaphore OPEN = new Semaphore(0);

    private transient ValueState<byte[]> record;
    private transient PartitionTimes times;
    private transient LeadState lead;
    private transient Wire wire;
    private transient Engine engine;
    private transient Collector<RawOutput> out;
    /** Of the lead at hand. */
    private transient Utf8 leadId;

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        times = new PartitionTimes(context.getOperatorStateStore());
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        times.snapshot();
    }

    @Override
    public void open(OpenContext context) {
        record = getRuntimeContext().getState(new ValueStateDescriptor<>("lead", BytePrimitiveArraySerializer.INSTANCE));
        lead = new LeadState();
        wire = new Wire();
        engine = new Engine(new OutputSink() {
            @Override
            public void stageChanged(StageChanged output) {
                collect(true, wire.encode(output), output.getChangedAt().toEpochMilli());
            }

            @Override
            public void slaEvent(SlaEvent output) {
                collect(false, wire.encode(output), output.getOccurredAt().toEpochMilli());
            }
        });
        OPEN.release();
    }

    private void collect(boolean isStage, byte[] message, long at) {
        Progress.OUTPUTS.increment();
        byte[] key = new byte[leadId.getByteLength()];
        System.arraycopy(leadId.getBytes(), 0, key, 0, key.length);
        out.collect(new RawOutput(isStage, key, message, at));
    }

    private void load() throws IOException {
        byte[] packed = record.value();
        if (packed == null) {
            lead.clear();
        } else {
            lead.unpack(packed);
        }
    }

    /** A timer that is too early stays: it is set anew when it fires. */
    private void store(Context context) throws IOException {
        long next = Engine.nextMoment(lead);
        if (next < LeadState.NEVER && (lead.armedAt() == LeadState.NONE || next < lead.armedAt())) {
            if (lead.armedAt() != LeadState.NONE) {
                context.timerService().deleteEventTimeTimer(lead.armedAt());
            }
            context.timerService().registerEventTimeTimer(next);
            lead.setArmedAt(next);
        }
        record.update(lead.pack());
    }

    @Override
    public void processElement(RawEvent raw, Context context, Collector<RawOutput> out) throws IOException {
        Progress.EVENTS.increment();
        long watermark = times.raise(raw.partition, raw.watermark);
        this.out = out;
        LeadEvent event = wire.decode(raw.message);
        leadId = event.getLeadId();
        load();
        if (engine.apply(lead, event, watermark)) {
            store(context);
        }
    }

    @Override
    public void onTimer(long at, OnTimerContext context, Collector<RawOutput> out) throws IOException {
        this.out = out;
        leadId = new Utf8(context.getCurrentKey());
        load();
        lead.setArmedAt(LeadState.NONE);
        engine.advance(lead, leadId, context.timerService().currentWatermark());
        store(context);
    }
}
