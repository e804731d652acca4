// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.streams;

import io.scored.bench.scoring.PeerOptions;
import io.scored.bench.scoring.Progress;
import io.scored.bench.scoring.Wire;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The benchmark's model as a Kafka Streams application. */
public final class StreamsPeer {
    private StreamsPeer() {}

    /** When it happened; the second field of the message, so it need not be decoded for that. */
    public static final class OccurredAt implements TimestampExtractor {
        @Override
        public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
            return Wire.occurredAt((byte[]) record.value());
        }
    }

    private static StoreBuilder<KeyValueStore<Bytes, byte[]>> store(String name) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.Bytes(), Serdes.ByteArray())
                // hot leads change many times between two commits: one put to RocksDB and to the changelog for all of them
                .withCachingEnabled()
                .withLoggingEnabled(Map.of(TopicConfig.COMPRESSION_TYPE_CONFIG, "producer"));
    }

    private static Topology topology(PeerOptions options) {
        Serde<byte[]> bytes = Serdes.ByteArray();
        Topology topology = new Topology();
        topology.addSource("events", bytes.deserializer(), bytes.deserializer(), options.text("source"));
        topology.addProcessor("score", ScoreProcessor::new, "events");
        topology.addStateStore(store(ScoreProcessor.LEADS), "score");
        topology.addStateStore(store(ScoreProcessor.TIMERS), "score");
        topology.addSink(ScoreProcessor.STAGES, options.text("stages"), bytes.serializer(), bytes.serializer(), "score");
        topology.addSink(ScoreProcessor.SLA, options.text("sla"), bytes.serializer(), bytes.serializer(), "score");
        return topology;
    }

    /** What differs from the defaults, and why. */
    private static Properties properties(PeerOptions options) {
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, options.text("app-id"));
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.text("bootstrap"));
        p.put(StreamsConfig.STATE_DIR_CONFIG, options.text("state-dir"));
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put(StreamsConfig.DEFAULT_TIMESTAMP_EXTRACTOR_CLASS_CONFIG, OccurredAt.class);
        // 100 ms is the default with exactly_once_v2
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, options.number("commit-interval-ms", 100));
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, (int) options.number("threads", 2));
        // record cache, of all threads and stores
        p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, options.number("cache-mib", 512) << 20);
        p.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksOptions.class);
        p.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10000);
        // a static member: one that is started again has its partitions at once, and not when the group has missed the former for 45 s
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG), options.text("app-id"));
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.RECEIVE_BUFFER_CONFIG), 1 << 20);
        p.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        p.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 50); // a commit flushes
        p.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128L << 20);
        p.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), options.text("compression", "lz4"));
        return p;
    }

    public static void main(String[] args) throws InterruptedException {
        PeerOptions options = new PeerOptions(args);
        CountDownLatch stop = new CountDownLatch(1), stopped = new CountDownLatch(1);
        KafkaStreams streams = new KafkaStreams(topology(options), properties(options));
        streams.setUncaughtExceptionHandler(e -> StreamThreadExceptionResponse.REPLACE_THREAD);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                System.out.println("ready");
                System.out.flush();
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stop.countDown();
            try {
                stopped.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        streams.start();
        Progress.watch(options, stop);
        streams.close(Duration.ofSeconds(30));
        stopped.countDown();
    }
}
