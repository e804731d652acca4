// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.flink;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** From the source to the keyed operator: the message's bytes, so that it is decoded once, where it is needed. */
public final class RawEventSerializer extends TypeSerializerSingleton<RawEvent> {
    private static final long serialVersionUID = 1L;
    static final RawEventSerializer INSTANCE = new RawEventSerializer();

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public RawEvent createInstance() {
        return new RawEvent();
    }

    @Override
    public RawEvent copy(RawEvent from) {
        return copy(from, new RawEvent());
    }

    @Override
    public RawEvent copy(RawEvent from, RawEvent reuse) {
        reuse.leadId = from.leadId;
        reuse.message = from.message;
        reuse.partition = from.partition;
        reuse.watermark = from.watermark;
        return reuse;
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public void serialize(RawEvent event, DataOutputView target) throws IOException {
        target.writeUTF(event.leadId);
        target.writeInt(event.partition);
        target.writeLong(event.watermark);
        target.writeInt(event.message.length);
        target.write(event.message);
    }

    @Override
    public RawEvent deserialize(DataInputView source) throws IOException {
        return deserialize(new RawEvent(), source);
    }

    @Override
    public RawEvent deserialize(RawEvent reuse, DataInputView source) throws IOException {
        reuse.leadId = source.readUTF();
        reuse.partition = source.readInt();
        reuse.watermark = source.readLong();
        reuse.message = new byte[source.readInt()];
        source.readFully(reuse.message);
        return reuse;
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
        serialize(deserialize(source), target);
    }

    @Override
    public TypeSerializerSnapshot<RawEvent> snapshotConfiguration() {
        return new Snapshot();
    }

    /** For savepoints. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<RawEvent> {
        public Snapshot() {
            super(() -> INSTANCE);
        }
    }
}
