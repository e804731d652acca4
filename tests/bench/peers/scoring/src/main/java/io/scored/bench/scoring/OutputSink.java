// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import io.scored.SlaEvent;
import io.scored.StageChanged;

/** Takes outputs in the order in which they happen. */
public interface OutputSink {
    void stageChanged(StageChanged output);

    void slaEvent(SlaEvent output);
}
