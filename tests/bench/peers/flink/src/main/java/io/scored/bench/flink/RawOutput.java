// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.flink;

/** An output's message. Goes from the operator to the sink in the same chain, and is never serialized on the way. */
public final class RawOutput {
    public boolean isStage;
    public byte[] leadId;
    public byte[] message;
    public long at;

    public RawOutput() {}

    RawOutput(boolean isStage, byte[] leadId, byte[] message, long at) {
        this.isStage = isStage;
        this.leadId = leadId;
        this.message = message;
        this.at = at;
    }
}
