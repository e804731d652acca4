// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;

/** The topic that events come from. */
final class Source {
    private final String bootstrap, topic;

    Source(PeerOptions options) {
        bootstrap = options.text("bootstrap");
        topic = options.text("source");
    }

    /** How many records it has. */
    long size() throws InterruptedException {
        Properties p = new Properties();
        p.put(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        try (Admin admin = Admin.create(p)) {
            List<TopicPartition> partitions = admin.describeTopics(List.of(topic)).topicNameValues().get(topic).get().partitions().stream()
                    .map(partition -> new TopicPartition(topic, partition.partition())).toList();
            return sum(admin, partitions, OffsetSpec.latest()) - sum(admin, partitions, OffsetSpec.earliest());
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    private static long sum(Admin admin, List<TopicPartition> partitions, OffsetSpec spec) throws InterruptedException, ExecutionException {
        Map<TopicPartition, OffsetSpec> wanted = partitions.stream().collect(Collectors.toMap(Function.identity(), partition -> spec));
        return admin.listOffsets(wanted).all().get().values().stream().mapToLong(result -> result.offset()).sum();
    }
}
