# SPDX-License-Identifier: Apache-2.0
"""From when an event was appended to when its stage change is there for a read_committed reader, under a load that does not wait."""
import subprocess
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

import systems
from figures import percentiles
from live import wait_for
from outputs import WIRE_SIZE, Decoder, messages
from world import program

LEADS = 100000
WARM_UP = 0.5  # of the time measured
TRANSACTIONS = 300
SETTLE_SECONDS = 120


def empty_transaction(world, number):
    """What a transaction of one small record takes on this broker, in milliseconds; a producer set up as scored's is."""
    topic = f'empty-transaction.{number}'
    world.create_topics(topic, n_partitions=1)
    producer = Producer({'bootstrap.servers': world.bootstrap, 'transactional.id': topic, 'retry.backoff.ms': 10, 'linger.ms': 5, 'log_level': 2})
    producer.init_transactions(30)
    taken = []
    for _ in range(TRANSACTIONS):
        begun = time.monotonic()
        producer.begin_transaction()
        producer.produce(topic, value=b'x')
        producer.commit_transaction(30)
        taken.append((time.monotonic() - begun) * 1000)
    world.delete_topics(topic)
    return percentiles(taken[TRANSACTIONS // 3:]) | {'round': number}


class Watcher:
    """Notes when each stage change arrives, and which event caused it."""

    def __init__(self, bootstrap, topic, n_partitions):
        self.consumer = Consumer({'bootstrap.servers': bootstrap, 'group.id': 'bench.watcher', 'isolation.level': 'read_committed',
                                  'enable.auto.commit': False})
        self.consumer.assign([TopicPartition(topic, i, 0) for i in range(n_partitions)])
        self.arrivals = []  # (milliseconds, value)
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def _watch(self):
        while not self.is_over.is_set():
            message = self.consumer.poll(0.2)
            if message is not None and not message.error():
                self.arrivals.append((time.time() * 1000, message.value()))

    def close(self):
        self.is_over.set()
        self.thread.join()
        self.consumer.close()

    def causes(self):
        """(event id, milliseconds) of those that events caused."""
        decode = Decoder('StageChanged')
        for at_ms, value in self.arrivals:
            record = decode(value)
            if record['cause'] == 'event':
                yield record['cause_event_id'], at_ms


def event_id(value):
    """It is the first field, shorter than 64 bytes."""
    return value[WIRE_SIZE + 1:WIRE_SIZE + 1 + value[WIRE_SIZE] // 2].decode()


def appended(world, topic):
    """When the broker appended each event, in milliseconds."""
    return {event_id(message.value()): message.timestamp()[1] for message in messages(world.bootstrap, topic)}


def measure(world, name, changes, rate, seconds, app):
    system, source = systems.make(name, changes), f'{app}.events'
    n = round(rate * seconds * (1 + WARM_UP))
    world.create_topics(source, message_timestamp_type='LogAppendTime')
    system.prepare(world, app)
    process = system.start(world, source, app, watermark='wall')
    watcher = None
    try:
        process.await_ready()
        wait_for(lambda: system.stages(app) in world.admin.list_topics(timeout=30).topics, 'the topic of stage changes')
        watcher = Watcher(world.bootstrap, system.stages(app), world.n_partitions)
        before = process.sample()[0]
        subprocess.run([program('make_events'), '--bootstrap', world.bootstrap, '--topic', source, '--events', str(n), '--leads', str(LEADS),
                        '--rate', str(rate)], stdout=subprocess.DEVNULL, check=True)
        cpu = process.sample()[0] - before
        wait_for(lambda: world.committed(app, source) >= n, f'{n} events; see {process.log_path}', SETTLE_SECONDS)
    finally:
        if watcher:
            watcher.close()
        process.stop()
    at_ms = appended(world, source)
    begin_ms = min(at_ms.values()) + seconds * WARM_UP * 1000
    taken = [arrived_ms - at_ms[cause] for cause, arrived_ms in watcher.causes() if at_ms[cause] >= begin_ms]
    return {'system': name, 'rate': rate, 'cpu_share': cpu / (seconds * (1 + WARM_UP))} | percentiles(taken)


def measure_latency(world, names, options, tell):
    """An empty transaction, then all systems at all rates, in each round."""
    empty, results = [], []
    for number in range(options.rounds):
        empty.append(empty_transaction(world, number))
        for rate in options.rates:
            for name in names[number % len(names):] + names[:number % len(names)]:
                app = f'{name}.at.{rate}.{number}'
                results.append(measure(world, name, options.changes, rate, options.seconds, app) | {'round': number})
                tell(f'{name} at {rate}/s: {results[-1]}')
                world.delete_topics(app)
                world.redis.flushall()
    return empty, results
