// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.flink;

import java.util.Arrays;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.OperatorStateStore;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.tuple.Tuple2;

/**
 * How far each partition's event time has come, by which late events are judged. The source knows it from its start on only; what was known
 * before is in the checkpoints, of all instances together.
 */
final class PartitionTimes {
    private final ListState<Tuple2<Integer, Long>> state;
    private long[] newest = {};

    PartitionTimes(OperatorStateStore store) throws Exception {
        state = store.getUnionListState(new ListStateDescriptor<>("partition-times", TypeInformation.of(new TypeHint<Tuple2<Integer, Long>>() {})));
        for (Tuple2<Integer, Long> time : state.get()) {
            raise(time.f0, time.f1);
        }
    }

    /** The greatest of the partition, with this one. */
    long raise(int partition, long time) {
        if (partition >= newest.length) {
            int n = newest.length;
            newest = Arrays.copyOf(newest, partition + 1);
            Arrays.fill(newest, n, newest.length, Long.MIN_VALUE);
        }
        newest[partition] = Math.max(newest[partition], time);
        return newest[partition];
    }

    void snapshot() throws Exception {
        state.clear();
        for (int i = 0; i < newest.length; i++) {
            state.add(Tuple2.of(i, newest[i]));
        }
    }
}
