// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.flink;

import io.scored.bench.scoring.PeerOptions;
import io.scored.bench.scoring.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;

/** The benchmark's model as a Flink job, in a cluster inside this process. */
public final class FlinkPeer {
    private FlinkPeer() {}

    /** What differs from the defaults, and why. */
    private static Configuration configuration(PeerOptions options) {
        Configuration c = new Configuration();
        String state = "file://" + Path.of(options.text("state-dir")).toAbsolutePath();
        c.setString("taskmanager.memory.managed.size", options.text("managed-memory", "768m")); // RocksDB's cache and write buffers
        c.setString("taskmanager.memory.network.min", "64m");
        c.setString("taskmanager.memory.network.max", "64m");
        c.setString("state.backend.type", options.text("state-backend", "rocksdb"));
        c.setString("execution.checkpointing.incremental", "true");
        c.setString("state.backend.rocksdb.localdir", Path.of(options.text("state-dir")).toAbsolutePath() + "/rocksdb");
        c.setString("state.backend.rocksdb.use-bloom-filter", "true");
        c.setString("state.backend.rocksdb.timer-service.factory", options.text("timers", "ROCKSDB"));
        c.setString("execution.checkpointing.dir", state + "/checkpoints");
        c.setString("execution.checkpointing.savepoint-dir", state + "/savepoints");
        c.setString("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
        c.setString("pipeline.object-reuse", "true");
        c.setString("pipeline.auto-watermark-interval", "100ms");
        c.setString("restart-strategy.type", "fixed-delay");
        c.setString("restart-strategy.fixed-delay.attempts", "1000");
        c.setString("restart-strategy.fixed-delay.delay", "1s");
        c.setString("rest.port", "0");
        latestSnapshot(options).ifPresent(path -> c.setString("execution.state-recovery.path", path.toUri().toString()));
        return c;
    }

    /** Of an earlier run in the same folder. */
    private static Optional<Path> latestSnapshot(PeerOptions options) {
        Path folder = Path.of(options.text("state-dir"));
        if (!Files.isDirectory(folder)) {
            return Optional.empty();
        }
        try (Stream<Path> files = Files.walk(folder, 4)) {
            return files.filter(path -> path.endsWith("_metadata")).max(Comparator.comparingLong(path -> path.toFile().lastModified()))
                    .map(Path::getParent);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static KafkaSource<RawEvent> source(PeerOptions options) {
        Properties p = new Properties();
        p.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "5000");
        p.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, Integer.toString(4 << 20));
        p.put(ConsumerConfig.RECEIVE_BUFFER_CONFIG, Integer.toString(1 << 20));
        p.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        return KafkaSource.<RawEvent>builder()
                .setBootstrapServers(options.text("bootstrap"))
                .setGroupId(options.text("app-id"))
                .setTopics(options.text("source"))
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new EventReader())
                .setProperties(p)
                .build();
    }

    private static KafkaSink<RawOutput> sink(PeerOptions options) {
        Properties p = new Properties();
        p.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, "600000"); // the broker's maximum is 15 minutes
        p.put(ProducerConfig.BATCH_SIZE_CONFIG, Integer.toString(256 << 10));
        p.put(ProducerConfig.LINGER_MS_CONFIG, "50"); // a checkpoint flushes
        p.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, options.text("compression", "lz4"));
        return KafkaSink.<RawOutput>builder()
                .setBootstrapServers(options.text("bootstrap"))
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                .setTransactionalIdPrefix(options.text("app-id"))
                .setKafkaProducerConfig(p)
                .setRecordSerializer(new OutputWriter(options.text("stages"), options.text("sla")))
                .build();
    }

    private static JobClient start(PeerOptions options, int parallelism) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(parallelism, configuration(options));
        env.enableCheckpointing(options.number("commit-interval-ms", 1000), CheckpointingMode.EXACTLY_ONCE);
        env.fromSource(source(options), new EventTime(), "events", new RawEventType())
                .keyBy(event -> event.leadId, Types.STRING)
                .process(new ScoreFunction()).name("score").uid("score")
                .returns(RawOutput.class)
                .sinkTo(sink(options)).name("outputs").uid("outputs");
        return env.executeAsync(options.text("app-id"));
    }

    private static void run(PeerOptions options, CountDownLatch stop) throws Exception {
        int parallelism = (int) options.number("parallelism", 2);
        JobClient job = start(options, parallelism);
        ScoreFunction.OPEN.acquire(parallelism);
        System.out.println("ready");
        System.out.flush();
        Progress.watch(options, stop);
        // commits what is open; without draining, which would make all timers fire
        job.stopWithSavepoint(false, null, SavepointFormatType.NATIVE).get();
    }

    public static void main(String[] args) {
        CountDownLatch stop = new CountDownLatch(1), stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stop.countDown();
            try {
                stopped.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        int status = 0;
        try {
            run(new PeerOptions(args), stop);
        } catch (Exception e) {
            e.printStackTrace();
            status = 1;
        }
        stopped.countDown();
        System.exit(status); // the cluster has threads of its own
    }
}
